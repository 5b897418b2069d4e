# -*- coding: utf-8 -*-
"""Makes gguf/gemma.json.gz: the tables of a vocabulary of Gemma's kind as GGUF has them, and the ids of the texts that
tokenizer/testdata/mistral-v1/cases.jsonl.gz has.

usage: gguf_vocabulary.py --llama DIR [--out ../gguf]

DIR of --llama is vendor/llama.cpp of the source of llama-cpp-python 0.3.36: the set_vocab of its Gemma3Model makes the tables, "values".
Needs transformers 4.57.6, by which the published folders of Gemma were made, tokenizers 0.22, sentencepiece 0.2.3, torch and safetensors.

The vocabulary is trained here, on the short ones of the texts, with the settings of Gemma's: no normalization and no space before a text, bytes for the rest, and
before the pieces, in the same order, its control tokens, those that users define, of which runs of line ends, of spaces and tags of
HTML are the most, and bytes; runs of tabs at the end. The tokenizer.json is what GemmaTokenizerFast makes of it. "ids" are its ids of each text, with special
tokens, and "pieces" those of sentencepiece, which takes special tokens for text and has none around it; null where they are the same.
"""

import argparse, base64, gzip, io, json, os, sys, tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
parser = argparse.ArgumentParser()
parser.add_argument("--llama", required=True)
parser.add_argument("--out", default="../gguf")
args = parser.parse_args()
sys.path[:0] = [args.llama, os.path.join(args.llama, "gguf-py")]

import gguf, sentencepiece, transformers
from conversion import get_model_class
from sentencepiece import sentencepiece_model_pb2 as proto
from transformers import GemmaTokenizerFast

assert transformers.__version__ == "4.57.6" and sentencepiece.__version__ == "0.2.3"
TRAINED = 2000


def texts():
    """The texts of the cases, None where one is no Unicode."""
    with gzip.open("../../tokenizer/testdata/mistral-v1/cases.jsonl.gz", "rt", encoding="utf-8") as f:
        return [None if line.get("raw_b64") is not None else line["text"] for line in map(json.loads, f)]


def vocabulary(list):
    """A model of sentencepiece, serialized."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for t in list if t and len(t) < 100 for line in t.split("\n") if line and "\0" not in line]), model_writer=out, model_type="bpe", vocab_size=TRAINED,
        byte_fallback=True, character_coverage=0.98, normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, split_digits=True, num_threads=1,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>", eos_piece="<eos>", minloglevel=2, max_sentence_length=1 << 16,
    )  # fmt: skip
    trained = proto.ModelProto.FromString(out.getvalue())
    kinds = proto.ModelProto.SentencePiece
    pieces = [p for p in trained.pieces if p.type == kinds.NORMAL and (len(p.piece) == 1 or p.piece.strip("\t▁"))]  # runs come below
    bytes = [p for p in trained.pieces if p.type == kinds.BYTE]
    del trained.pieces[4:]

    def add(piece, score=0.0, type=kinds.USER_DEFINED):
        trained.pieces.add(piece=piece, score=score, type=type)

    tags = "table caption thead tbody tfoot tr th td".split()
    lists = "h1 h2 h3 blockquote".split()
    for piece in ["<mask>", "<2mass>", "[@BOS@]", "<unused0>", "<unused1>", "<start_of_turn>", "<end_of_turn>"]:
        add(piece)
    for run, most in (("\n", 31), ("▁▁", 31)):
        for n in range(1, most + 1 - (len(run) - 1)):
            add(run[0] * (n + len(run) - 1))
    for some in (tags, lists):
        for begin in "<", "</":
            for tag in some:
                add(f"{begin}{tag}>")
    trained.pieces.extend(bytes)
    trained.pieces.extend(pieces)
    for n in range(2, 16):
        add("\t" * n)
    trained.trainer_spec.vocab_size = len(trained.pieces)
    return trained.SerializeToString()


texts = texts()
with tempfile.TemporaryDirectory() as d:
    model = vocabulary(texts)
    Path(d, "tokenizer.model").write_bytes(model)
    fast = GemmaTokenizerFast(d + "/tokenizer.model", additional_special_tokens=["<start_of_turn>", "<end_of_turn>"])
    fast.save_pretrained(d)
    count = len(fast)
    json.dump({"architectures": ["Gemma3TextModel"], "model_type": "gemma3_text", "vocab_size": count}, open(d + "/config.json", "w"))

    written = {}
    base = get_model_class("Gemma3ForCausalLM")
    made = base.__new__(base)  # no more than set_vocab needs
    made.dir_model, made.hparams = Path(d), {"vocab_size": count}
    made.gguf_writer = gguf.GGUFWriter(None, "gemma3")
    made.set_vocab()
    for name, value in made.gguf_writer.kv_data[0].items():
        if name.startswith("tokenizer.ggml."):
            v = value.value
            written[name] = [t.decode() for t in v] if name.endswith(".tokens") else [int(k) for k in v] if name.endswith("token_type") else v
    plain = sentencepiece.SentencePieceProcessor(model_proto=model)
    ids, pieces = [], []
    for t in texts:
        ids.append(None if t is None else fast(t)["input_ids"])
        own = None if t is None else plain.EncodeAsIds(t)
        pieces.append(None if t is None or own == ids[-1][1:] else own)

with gzip.GzipFile(f"{args.out}/gemma.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps({"values": written, "ids": ids, "pieces": pieces}, ensure_ascii=False, separators=(",", ":")).encode())
print(count, sum(p is not None for p in pieces), {k: v if not isinstance(v, list) else v[:12] for k, v in written.items()})
