# -*- coding: utf-8 -*-
"""Makes GGUF files of tiny models, and what transformers answers for the same weights.

usage: gguf_models.py --llama DIR --out DIR [--only name,name]

DIR of --llama is vendor/llama.cpp of the source of llama-cpp-python 0.3.36, whose convert_hf_to_gguf.py makes the files. For
every model there are in --out
  NAME.gguf           float16, but for norms and biases
  NAME.safetensors    input_ids [tokens]: the sequences end to end; starts [sequences+1]; last_hidden_state [tokens,hidden], float32
The weights are numbers of float16, so that both are of the same. Those of published.py's models, of --variants, are not: the GGUF
file is in float32, of nomic-bert-moe rounded, and the answers are those of the variant. Of bert the tokenizer is the folder's too, goldens/bert/model, and there is no
NAME.safetensors: goldens/bert has the answers. The others get tables of the right kind without meaning.
Needs the pinned packages in requirements.txt, and gguf as llama.cpp has it.
"""

import argparse, json, os, shutil, sys, tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
parser = argparse.ArgumentParser()
parser.add_argument("--llama", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--goldens", default="../goldens")
parser.add_argument("--variants", default="../variants")
parser.add_argument("--only", default="")
args = parser.parse_args()
sys.path[:0] = [args.llama, os.path.join(args.llama, "gguf-py")]
import gguf, numpy, torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, T5EncoderModel
from conversion import ModelBase, ModelType, TextModel, get_model_architecture, get_model_class

torch.set_num_threads(1)
VOCABULARY = 48
LENGTHS = [1, 2, 7, 30]


def vocabulary(kind):
    """Writes tables of VOCABULARY tokens in place of set_vocab."""
    def set_vocab(self):
        w = self.gguf_writer
        count = self.hparams.get("vocab_size", VOCABULARY)
        special = {"bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "t5": ["<pad>", "</s>", "<unk>", "<s>"], "gpt2": ["<s>", "</s>"], "llama": ["<unk>", "<s>", "</s>"]}[kind]
        tokens = special + ["▁w%d" % i if kind == "bert" else "w%d" % i for i in range(count - len(special))]
        w.add_tokenizer_model(kind)
        w.add_tokenizer_pre({"gpt2": "gpt-2"}.get(kind, "default"))
        w.add_token_list(tokens)
        w.add_token_types([2 if t == "<unk>" else 3 if i < len(special) else 1 for i, t in enumerate(tokens)])
        if kind in ("t5", "llama"):
            w.add_token_scores([float(-i) for i in range(count)])
        if kind == "gpt2":
            w.add_token_merges(["w 0"])
        for name in ("bos", "eos"):
            token = {"bos": "<s>", "eos": "</s>"}[name]
            if token in tokens:
                getattr(w, f"add_{name}_token_id")(tokens.index(token))
        w.add_token_type_count(self.hparams.get("type_vocab_size", 1))
    return set_vocab


def convert(folder, out, kind, ftype=gguf.LlamaFileType.MOSTLY_F16, **options):
    folder = Path(folder)
    hparams = ModelBase.load_hparams(folder, False)
    base = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
    body = {"model_arch": base.model_arch}
    if kind:
        body["set_vocab"] = vocabulary(kind)
    if base.__name__ == "NomicBertModel":  # which expects the numbers of two models, and tells them by the tokenizer
        body["_is_tokenizer_xlmroberta"] = lambda self: False
        options["hparams"] = json.load(open(folder / "config.json"))  # whose names transformers does not read
    made = type(base.__name__, (base,), body)
    with torch.inference_mode():
        made(folder, ftype, Path(out), eager=True, **options).write()


def randomize(model, seed):
    """Weights of such a size that every part of the model shows in the result, numbers of float16."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                r = 0.2 * r if name.endswith("bias") or "gemma" in type(model).__name__.lower() else 1 + 0.2 * r
            elif "embed" not in name and "shared" not in name:
                r = r / p.shape[1] ** 0.5
            p.copy_(r.half().float())


SIZES = dict(vocab_size=VOCABULARY, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64, pad_token_id=0)
DECODER = dict(SIZES, num_key_value_heads=2, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2)
# name: (model_type, settings, tokenizer)
MODELS = {
    "xlm-roberta": ("xlm-roberta", dict(SIZES, type_vocab_size=1, pad_token_id=0, max_position_embeddings=65, layer_norm_eps=1e-5), "t5"),
    "llama": ("llama", dict(DECODER, attention_bias=True), "llama"),
    "llama-3": ("llama", dict(DECODER, rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)), "gpt2"),
    "llama-yarn": ("llama", dict(DECODER, rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16)), "llama"),
    "qwen2": ("qwen2", DECODER, "gpt2"),
    "qwen3": ("qwen3", dict(DECODER, head_dim=8), "gpt2"),
    "gemma3": ("gemma3_text", dict(DECODER, num_hidden_layers=7, head_dim=8, query_pre_attn_scalar=8, sliding_window=6, hidden_size=16, intermediate_size=24), "llama"),
    "gemma-embedding": ("gemma3_text", dict(DECODER, num_hidden_layers=7, head_dim=8, query_pre_attn_scalar=8, sliding_window=6, hidden_size=16, intermediate_size=24, use_bidirectional_attention=True), "llama"),
    "modern-bert": ("modernbert", dict(SIZES, num_hidden_layers=4, local_attention=8, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2), "gpt2"),
    "t5encoder": ("t5", dict(vocab_size=VOCABULARY, d_model=24, d_kv=8, d_ff=40, num_layers=2, num_heads=3, feed_forward_proj="gated-gelu", n_positions=64), "t5"),
    "eurobert": ("eurobert", dict(DECODER, mask_token_id=3, classifier_pooling="mean"), "gpt2"),
}
CLASSES = {"gemma3": "Gemma3ForCausalLM", "llama": "LlamaForCausalLM", "llama-3": "LlamaForCausalLM", "llama-yarn": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
# name: (of variants, tokenizer)
PUBLISHED = {"jina-bert-v2": "jinabert-geglu", "jina-bert-v2-normed": "jinabert-normed-geglu", "nomic-bert": "nomic-swiglu", "nomic-bert-moe": "nomic-moe"}


def make(name, seed):
    kind, settings, tokenizer = MODELS[name]
    config = AutoConfig.for_model(kind, **settings)
    model = (T5EncoderModel(config) if kind == "t5" else AutoModel.from_config(config)).eval()
    randomize(model, seed)
    g = torch.Generator().manual_seed(seed)
    sequences = [torch.randint(4, VOCABULARY, (n,), generator=g) for n in LENGTHS]
    with torch.inference_mode():
        states = [model(input_ids=s[None]).last_hidden_state[0] for s in sequences]
    starts = numpy.concatenate([[0], numpy.cumsum(LENGTHS)])
    save_file({"input_ids": torch.cat(sequences).long(), "starts": torch.from_numpy(starts).long(), "last_hidden_state": torch.cat(states).contiguous()}, f"{args.out}/{name}.safetensors")
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        c = json.load(open(d + "/config.json"))
        if name in CLASSES:
            c["architectures"] = [CLASSES[name]]
        json.dump(c, open(d + "/config.json", "w"))
        json.dump({"model": {"vocab": list(range(VOCABULARY))}, "added_tokens": []}, open(d + "/tokenizer.json", "w"))  # which is counted
        convert(d, f"{args.out}/{name}.gguf", tokenizer)


def publish(name):
    source = f"{args.variants}/{PUBLISHED[name]}"
    with tempfile.TemporaryDirectory() as d:
        shutil.copy(source + "/model.safetensors", d)
        c = json.load(open(source + "/config.json"))
        c["architectures"] = ["NomicBertModel" if name.startswith("nomic") else "JinaBertModel"]
        if name.startswith("nomic"):
            rows = load_file(d + "/model.safetensors")["embeddings.word_embeddings.weight"].shape[0]
            c.update(vocab_size=rows, n_positions=2048, max_trained_positions=2048)
            for key, value in dict(causal=False, prenorm=False, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_emb_scale_base=None).items():
                c.setdefault(key, value)
            for key in ("qkv_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias"):
                c.setdefault(key, name.endswith("moe"))
        json.dump(c, open(d + "/config.json", "w"))
        json.dump({}, open(d + "/tokenizer.json", "w"))
        convert(d, f"{args.out}/{name}.gguf", "bert", gguf.LlamaFileType.MOSTLY_F16 if name == "nomic-bert-moe" else gguf.LlamaFileType.ALL_F32)


os.makedirs(args.out, exist_ok=True)
only = [n for n in args.only.split(",") if n]
for i, name in enumerate([*MODELS, *PUBLISHED, "bert"]):
    if only and name not in only:
        continue
    if name in MODELS:
        make(name, 20261129 + i)
    elif name in PUBLISHED:
        publish(name)
    else:
        TextModel.get_vocab_base_pre = lambda self, tokenizer: "default"
        convert(f"{args.goldens}/bert/model", f"{args.out}/bert.gguf", None, gguf.LlamaFileType.ALL_F32)
    print(name, os.path.getsize(f"{args.out}/{name}.gguf"))
