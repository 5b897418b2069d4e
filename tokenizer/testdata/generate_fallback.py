"""Writes fallback.json.gz: small model folders without tokenizer.json, and the ids that transformers 5.23 gives with them.

    pip install transformers==5.23.0 tokenizers==0.23.3 sentencepiece==0.2.3 protobuf==7.36.2
    cd tokenizer/testdata && python generate_fallback.py

Folders that the file has stay as they are: some vocabularies come out otherwise each time. Without the file all are made.

Vocabularies are trained here, on the texts below. A folder is its files (indices into contents: text, or "base64:"
and bytes), and for each text the ids without and with special tokens, and what the former decode to. "refused: …" are folders that
transformers refuses; types and forced say which class reads which model_type. AutoProcessor, by which sentence-transformers 6.2 loads, gives the same ids.
"""

import base64
import gzip
import io
import json
import os
import shutil
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece
import tokenizers
import transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.models.auto.tokenization_auto import MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS, TOKENIZER_MAPPING_NAMES

assert transformers.__version__.startswith("5.23.") and tokenizers.__version__ == "0.23.3" and sentencepiece.__version__ == "0.2.3"
transformers.utils.logging.set_verbosity_error()

CORPUS = """A rhumb line keeps one bearing all the way, and a ship that follows it turns neither left nor right.
The quick brown fox jumps over the lazy dog; the dog, being lazy, doesn't mind at all.
Embeddings are points in a space of meanings: what is near in the space is near in meaning.
Is there a way from here to there? There is, there always was, and there always will be.
He said "hello, world" and she said ``good morning'' 3 times in 2024, 1999 and 12,345.67 days.
Les élèves français étudient à l'école où l'été dure longtemps, déjà vu, garçon, naïve, cœur.
Größe, Straße, Übermut und Äpfel: die Bären schlafen im Wäldchen und träumen vom süßen Honig.
El niño pequeño comió mañana una piña en España, ¿verdad? ¡Qué sorpresa!
Привет, мир! Как дела у вас сегодня? Хорошо, спасибо, а у вас?
Γειά σου Κόσμε, τι κάνεις σήμερα; Καλά είμαι.
你好世界，今天天气很好。我们去公园散步吧。東京都は日本の首都です。すしがすきです。
안녕하세요 세계, 오늘 날씨가 좋습니다.
مرحبا بالعالم كيف حالك اليوم
नमस्ते दुनिया आप कैसे हैं
The lines of the text are many, the words of the lines are more, and the letters of the words are the most.
to be or not to be, that is the question; whether it is nobler to suffer the slings and arrows of fortune
running runner runs ran, walking walker walks walked, unknowingly unbelievable internationalization""".split("\n")

TEXTS = CORPUS + [
    "", " ", "  ", "\n", "a", "A", "hello world", " hello world", "hello world ", "  hello   world  ", "Hello\tWorld\nfoo\r\nbar",
    "HELLO WORLD", "héllo wörld", "he\u0301llo wo\u0308rld", "ÉCOLE İstanbul ǅ ŉ", "don't can't I'm we've they'll he'd it's", "``quoted'' text",
    "naïve café résumé Ångström", "ﬁne ﬂow ２０２４ ＡＢＣ ｶﾀｶﾅ ①", "日本語のテキスト", "中文和English混合text", "한국어", "😀 emoji 👩‍👩‍👧 flags 🇩🇪", "☃",
    "\u00a0no-break\u00a0space\u3000wide\u2003em\u200bzero\ufeff", "a\u0000b\u0007c\ufffdd", "x" * 120, "tab\tseparated\tvalues", "1234567890", "3.14159 1,000,000 $5 50%",
    "[CLS] hello [SEP]", "[MASK] hello [UNK] [PAD]", "[cls] hello [mask]", "<s> hello </s>", "hello<mask>world", "hello <mask> world", "hello  <mask>  world", "<pad><unk></s>",
    "<extra_id_0> hello <extra_id_1>", "<extra_id_4><extra_id_99> x", "<|endoftext|> hello <|im_start|>user", "<bos>hello<eos> <start_of_turn>", "<s>NOTUSED </s>NOTUSED",
    "new_tok and newtok NEWTOK new_tokens", "xnewtok newtokx  newtok  ", "[NEW] [new]  [NEW]  x", "<user> symbol<user>", "▁under ▁▁ score", "a▁b", "_under_score_ snake_case",
    "C++ & C# @user #tag https://example.org/a?b=c&d=e", "...!!!???", "–—“”‘’…", "def f(x):\n    return x ** 2\n", "the the the", "unknowingly", "internationalization",
    "say [MASK] now", "say  <s> now </s>  <S> <MASK>", "Ω≈ç√∫˜µ≤", "क्षि", "שלום עולם", "<0x41> <0x0A>", "\n\n\n hello \n\n", "e\u0323\u0302 \u1ec7", "ß ẞ SS",
]


def text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def wordpiece(special, lower):
    words = sorted({w for t in CORPUS for w in (t.lower() if lower else t).split() if w.isalpha() and ord(w[0]) < 0x250})
    chars = sorted({c for t in CORPUS for c in t if not c.isspace()} | set("abcdefghijklmnopqrstuvwxyzAEHLOW0123456789[]<>_"))
    pieces = special + chars + words + ["##" + c for c in chars if c.isalpha()] + ["##ing", "##ed", "##s", "##er", "##tok", "##ly", "new"]
    return "\n".join(dict.fromkeys(pieces)) + "\n"


BERT = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MPNET = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]"]


def byte_level(special):
    t = ByteLevelBPETokenizer()
    t.train_from_iterator(CORPUS, vocab_size=420, special_tokens=special, min_frequency=1)
    with tempfile.TemporaryDirectory() as d:
        t.save_model(d)
        return open(f"{d}/vocab.json", encoding="utf-8").read(), open(f"{d}/merges.txt", encoding="utf-8").read()


def clip_pieces():
    letters = list(bytes_to_unicode().values())
    merges = ["t h", "th e</w>", "i n", "in g</w>", "a n", "an d</w>", "h e", "l o</w>", "l lo</w>", "he llo</w>", "w o"]
    vocab = letters + [x + "</w>" for x in letters] + [m.replace(" ", "") for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return {"vocab.json": {p: i for i, p in enumerate(vocab)}, "merges.txt": "#version: 0.2\n" + "\n".join(merges) + "\n"}


# Rules of normalization: the code points of a text and those of its replacement.
RULES = {"ﬁ": "fi", "ﬂ": "fl", "①": "1", "ŉ": "ʼn", "…": "...", "\u00a0": " ", "\u3000": " ", "\u2003": " ", "\t": " ", "\n": " ", "\r": " ", "\u200b": "", "\ufeff": "", "\u0007": "",
         "e\u0301": "é", "o\u0308": "ö", **{chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}, "ｶ": "カ", "ﾀ": "タ", "ﾅ": "ナ"}


def spm(kind, rules=RULES, **args):
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as d:
        try:
            os.chdir(d)  # the model holds the path of the rules
            if rules:
                with open("rules.tsv", "w", encoding="utf-8") as f:
                    for a, b in rules.items():
                        f.write(" ".join(f"{ord(c):x}" for c in a) + "\t" + " ".join(f"{ord(c):x}" for c in b) + "\n")
                args["normalization_rule_tsv"] = "rules.tsv"
            else:
                args["normalization_rule_name"] = "identity"
            out = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=out, model_type=kind, hard_vocab_limit=False, minloglevel=2,
                                                     **{"vocab_size": 400, "character_coverage": 0.98, **args})
            return out.getvalue()
        finally:
            os.chdir(before)


def token(content, **flags):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, **flags}


def entry(content, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": False, **flags}


def folders():
    """Yields names and files."""
    def folder(name, model_type, files, config=None, **more):
        out = dict(files)
        if model_type:
            out["config.json"] = {"model_type": model_type}
        if config is not None:
            out["tokenizer_config.json"] = config
        return name, {**out, **more}

    lower, cased, mpnet = ({"vocab.txt": wordpiece(s, l)} for s, l in ((BERT, True), (BERT, False), (MPNET, True)))
    added = {str(i): entry(c, special=True) for i, c in [(0, "[PAD]"), (2, "[UNK]"), (3, "[CLS]"), (4, "[SEP]"), (5, "[MASK]")]}
    more = {"9001": entry("newtok", single_word=True, normalized=True), "9000": entry("[NEW]", lstrip=True, rstrip=True, normalized=True),
            "9002": entry("new_tok", special=True), "9003": entry("wide", rstrip=True)}
    legacy = {"added_tokens.json": {"newtok": 9100, "[NEW]": 9101}}
    mapped = {"special_tokens_map.json": {"cls_token": "[CLS]", "mask_token": {"content": "[MASK]", "lstrip": True, "normalized": False, "rstrip": True, "single_word": False},
                                          "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]", "additional_special_tokens": ["[NEW]"]}}
    yield folder("bert", "bert", lower)
    yield folder("bert class only in config.json", None, {**cased, "config.json": {"model_type": "bert", "tokenizer_class": "BertTokenizerFast"}}, {"do_lower_case": False})
    yield folder("bert cased", "bert", cased, {"do_lower_case": False, "tokenizer_class": "BertTokenizer", "model_max_length": 512})
    yield folder("bert accents kept", "bert", cased, {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False, "tokenizer_class": "BertTokenizer"})
    yield folder("bert accents stripped", "bert", cased, {"do_lower_case": False, "strip_accents": True, "tokenizer_class": "BertTokenizer"})
    yield folder("bert basic", "bert", cased, {"do_basic_tokenize": False, "never_split": ["hello", "HELLO"], "strip_accents": None, "tokenizer_class": "BertTokenizer"})
    yield folder("bert added", "bert", lower, {"added_tokens_decoder": {**added, **more}, "tokenizer_class": "BertTokenizer"}, **mapped)
    yield folder("bert map", "bert", lower, {"do_lower_case": True, "tokenizer_class": "BertTokenizer"}, **mapped, **legacy)
    yield folder("bert tokens", "bert", {"vocab.txt": lower["vocab.txt"].replace("[CLS]", "<s>").replace("[SEP]", "</s>")},
                 {"cls_token": token("<s>"), "sep_token": token("</s>", rstrip=True), "bos_token": "<s>", "mask_token": token("[MASK]", lstrip=True), "extra_special_tokens": ["<user>", token("newtok", single_word=True)],
                  "image_token": "[NEW]", "tokenizer_class": "BertTokenizer"})
    yield folder("bert named", "bert", lower, {"extra_special_tokens": {"user_token": "<user>"}, "additional_special_tokens": ["[NEW]"], "add_bos_token": True, "tokenizer_class": "BertTokenizer"})
    yield folder("bert lines", "bert", {"vocab.txt": "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nhello \r\nworld\u3000\nhello\n\u00a0\nthe\n##s\n\n\na"}, None, **{"added_tokens.json": {"newtok": 9100}})
    yield folder("distilbert", "distilbert", lower, {"tokenizer_class": "DistilBertTokenizer"})
    yield folder("electra", "electra", cased, {"tokenizer_class": "ElectraTokenizerFast", "do_lower_case": False})
    yield folder("nomic", "nomic_bert", lower)
    yield folder("mpnet", "mpnet", mpnet)
    yield folder("mpnet cased", "mpnet", mpnet, {"do_lower_case": False, "tokenizer_class": "MPNetTokenizerFast", "mask_token": "<mask>", "strip_accents": True, "model_max_length": 512})
    yield folder("mpnet map", "mpnet", mpnet, {"do_lower_case": True, "tokenizer_class": "MPNetTokenizer"}, **{"special_tokens_map.json": {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "[UNK]", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>",
        "mask_token": {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": False}}})

    vocab, merges = byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    roberta = {"vocab.json": vocab, "merges.txt": merges}
    yield folder("roberta", "roberta", roberta)
    yield folder("roberta prefix", "roberta", roberta, {"add_prefix_space": True, "trim_offsets": False, "tokenizer_class": "RobertaTokenizer", "mask_token": token("<mask>", lstrip=True)})
    yield folder("roberta map", "roberta", {**roberta, "merges.txt": merges.split("\n", 1)[1].replace("\n", "\r\n")}, {"tokenizer_class": "RobertaTokenizerFast"},
                 **{"special_tokens_map.json": {"mask_token": {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": False}, "bos_token": "<s>"},
                    "added_tokens.json": {"newtok": 420}})
    vocab, merges = byte_level(["<|endoftext|>", "<|im_start|>"])
    gpt = {"vocab.json": vocab, "merges.txt": merges}
    yield folder("gpt2", "gpt2", gpt)
    yield folder("gpt2 bos", "gpt2", gpt, {"add_bos_token": True, "add_prefix_space": True, "tokenizer_class": "GPT2Tokenizer", "pad_token": None})
    qwen = {"added_tokens_decoder": {"0": entry("<|endoftext|>", special=True), "1": entry("<|im_start|>", special=True), "420": entry("<user>")}, "add_prefix_space": False,
            "bos_token": None, "eos_token": "<|im_start|>", "pad_token": "<|endoftext|>", "unk_token": None, "additional_special_tokens": ["<|im_start|>"], "add_eos_token": True}
    yield folder("qwen2", "qwen2", gpt)
    yield folder("qwen2 config", "qwen2", gpt, {**qwen, "tokenizer_class": "Qwen2Tokenizer"})
    yield folder("qwen2 as gpt2", "qwen2", gpt, {**qwen, "tokenizer_class": "GPT2Tokenizer"})
    yield folder("qwen3", "qwen3", gpt, {**qwen, "add_bos_token": True, "add_prefix_space": True, "tokenizer_class": "Qwen2TokenizerFast"})
    small = {"vocab.json": {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4, "c": 5, "<|endoftext|>": 9}, "merges.txt": "#version: 0.2\na b\nĠ a"}
    yield folder("gpt2 without letters", "gpt2", small)

    fairseq = {"sentencepiece.bpe.model": spm("unigram", user_defined_symbols=["<user>"])}
    plain = {"sentencepiece.bpe.model": spm("unigram", rules=None, byte_fallback=True, vocab_size=600)}
    lstrip = {"special_tokens_map.json": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>",
                                          "mask_token": {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True}}}
    yield folder("xlm-roberta", "xlm-roberta", fairseq)
    yield folder("xlm-roberta in bert", "bert", fairseq, {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}, **lstrip)
    yield folder("xlm-roberta bytes", "xlm-roberta", plain, {"tokenizer_class": "XLMRobertaTokenizerFast", "add_prefix_space": False}, **{"added_tokens.json": {"newtok": 999, "[NEW]": 998}})
    yield folder("xlm-roberta added", "xlm-roberta", {"tokenizer.model": fairseq["sentencepiece.bpe.model"]},
                 {"tokenizer_class": "XLMRobertaTokenizer", "added_tokens_decoder": {"0": entry("<s>", special=True), "1": entry("<pad>", special=True), "2": entry("</s>", special=True), "3": entry("<unk>", special=True),
                  "401": entry("<mask>", special=True, lstrip=True), **more}, "mask_token": "<mask>", "additional_special_tokens": ["[NEW]"]})
    yield folder("camembert", "camembert", fairseq)
    yield folder("camembert config", "camembert", plain, {"tokenizer_class": "CamembertTokenizer", "add_prefix_space": False, "additional_special_tokens": ["<s>NOTUSED", "</s>NOTUSED"]}, **lstrip)
    albert = {"spiece.model": spm("unigram", control_symbols=["[CLS]", "[SEP]", "[MASK]"], bos_id=-1, eos_id=-1, unk_id=1, pad_id=0)}
    yield folder("albert", "albert", albert)
    yield folder("albert cased", "albert", albert, {"do_lower_case": False, "keep_accents": True, "tokenizer_class": "AlbertTokenizer", "mask_token": token("[MASK]", lstrip=True)})
    yield folder("albert ends", "albert", albert, {"add_eos_token": True, "keep_accents": True, "add_prefix_space": False, "tokenizer_class": "AlbertTokenizerFast"})
    pieces = dict(pad_id=0, pad_piece="[PAD]", bos_id=1, bos_piece="[CLS]", eos_id=2, eos_piece="[SEP]", unk_id=3, unk_piece="[UNK]")
    deberta = {"spm.model": spm("unigram", **pieces)}
    yield folder("deberta", "deberta-v2", deberta)
    yield folder("deberta config", "deberta-v2", deberta, {"do_lower_case": False, "vocab_type": "spm"}, **{"added_tokens.json": {"[MASK]": 400}})
    yield folder("deberta lower", "deberta-v2", {"tokenizer.model": spm("unigram", user_defined_symbols=["<user>"], **pieces)},
                 {"do_lower_case": True, "split_by_punct": True, "tokenizer_class": "DebertaV2TokenizerFast", "mask_token": token("[MASK]", lstrip=True), "add_bos_token": True, "add_eos_token": False})
    yield folder("deberta no prefix", "deberta-v2", {"spm.model": spm("unigram", rules=None, byte_fallback=True, vocab_size=600)},
                 {"add_prefix_space": False, "tokenizer_class": "DebertaV2Tokenizer", "sep_token": "</s>", "additional_special_tokens": ["[NEW]"]})
    yield folder("deberta in bert", "bert", deberta, {"add_prefix_space": None, "tokenizer_class": "DebertaV2Tokenizer", "unk_token": "[CLS]"})
    t5 = {"spiece.model": spm("unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)}
    t5_plain = {"spiece.model": spm("unigram", rules=None, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=True, vocab_size=600)}
    yield folder("t5", "t5", t5)
    yield folder("t5 few", "t5", t5, {"extra_ids": 5, "tokenizer_class": "T5Tokenizer"})
    yield folder("t5 listed", "t5", t5, {"extra_ids": 100, "additional_special_tokens": [f"<extra_id_{i}>" for i in range(100)], "tokenizer_class": "T5Tokenizer", "legacy": True})
    yield folder("mt5", "mt5", t5_plain, {"extra_ids": 0, "additional_special_tokens": None, "tokenizer_class": "T5Tokenizer"}, **{"special_tokens_map.json": {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}})

    llama = {"tokenizer.model": spm("bpe", rules=None, byte_fallback=True, vocab_size=640)}
    partial = {"tokenizer.model": spm("bpe", vocab_size=480, user_defined_symbols=["<user>", "▁▁"])}
    decoder = {"0": entry("<unk>", special=True), "1": entry("<s>", special=True), "2": entry("</s>", special=True)}
    yield folder("llama", "llama", llama)
    yield folder("llama ends", "llama", llama, {"add_bos_token": True, "add_eos_token": True, "tokenizer_class": "LlamaTokenizer", "legacy": False, "unk_token": token("<unk>", normalized=True), "pad_token": None})
    yield folder("llama legacy", "llama", llama, {"add_bos_token": True, "add_eos_token": False, "tokenizer_class": "LlamaTokenizerFast", "legacy": True, "added_tokens_decoder": decoder, "sp_model_kwargs": {}})
    yield folder("llama null", "llama", partial, {"tokenizer_class": "LlamaTokenizer", "legacy": None, "add_prefix_space": None, "bos_token": None, "add_bos_token": True})
    yield folder("llama no prefix", "llama", partial, {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False, "add_eos_token": True})
    gemma = {"tokenizer.model": spm("bpe", rules=None, byte_fallback=True, vocab_size=640, pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>", eos_piece="<eos>", user_defined_symbols=["<mask>", "<start_of_turn>"],
                                    add_dummy_prefix=False, remove_extra_whitespaces=False)}
    yield folder("gemma", "gemma3_text", gemma)
    yield folder("gemma ends", "gemma3_text", gemma, {"add_bos_token": True, "add_eos_token": True, "tokenizer_class": "GemmaTokenizer", "additional_special_tokens": ["<start_of_turn>"]})
    yield folder("mistral", "mistral", llama, {"add_bos_token": True, "tokenizer_class": "LlamaTokenizer", "legacy": True, "added_tokens_decoder": decoder})
    yield folder("mistral without config", "mistral", partial)
    yield folder("mistral renamed", "mistral", partial, {"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": {**decoder, "3": entry("[NEW]", special=True)}, "add_eos_token": True})
    yield folder("umt5", "umt5", {"tokenizer.model": t5["spiece.model"]}, {"tokenizer_class": "T5TokenizerFast"})
    yield folder("umt5 bytes", "umt5", {"tokenizer.model": t5_plain["spiece.model"]}, {"tokenizer_class": "T5Tokenizer", "add_eos_token": True})

    clip = clip_pieces()
    start, end = "<|startoftext|>", "<|endoftext|>"
    said = lambda t, **more: {"content": t, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, **more}
    yield folder("clip", "clip", clip)
    yield folder("clip config", "clip", clip, {"unk_token": said(end, __type="AddedToken"), "bos_token": said(start, __type="AddedToken"), "eos_token": said(end, __type="AddedToken"), "pad_token": end,
                 "add_prefix_space": False, "errors": "replace", "do_lower_case": True, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"},
                 **{"special_tokens_map.json": {"bos_token": said(start), "eos_token": said(end), "unk_token": said(end), "pad_token": end}})
    nllb = {"sentencepiece.bpe.model": spm("bpe", user_defined_symbols=["<user>"])}
    codes = ["deu_Latn", "eng_Latn"]
    yield folder("nllb", "m2m_100", nllb, {"extra_special_tokens": codes, "tokenizer_class": "NllbTokenizer", "src_lang": None})
    yield folder("nllb legacy", "nllb", nllb, {"extra_special_tokens": codes, "legacy_behaviour": True, "src_lang": "deu_Latn", "mask_token": token("<mask>", lstrip=True), "tokenizer_class": "NllbTokenizerFast"})
    yield folder("nllb listed", "m2m_100", {"sentencepiece.bpe.model": spm("bpe", rules=None)}, {"tokenizer_class": "NllbTokenizer", "additional_special_tokens": codes,
                 "added_tokens_decoder": {"0": entry("<s>", special=True), "1": entry("<pad>", special=True), "2": entry("</s>", special=True), "3": entry("<unk>", special=True),
                                          "401": entry("deu_Latn", special=True), "402": entry("eng_Latn", special=True), "403": entry("<mask>", special=True, lstrip=True, normalized=True)}})

    yield folder("refused: m2m_100 without a class", "m2m_100", nllb)
    yield folder("refused: unknown piece in a merge", "gpt2", {**small, "merges.txt": "a z\n"})
    yield folder("refused: blank line in merges", "gpt2", {**small, "merges.txt": "a b\n\n"})
    yield folder("refused: space after a merge", "gpt2", {**small, "merges.txt": "a b \n"})
    yield folder("refused: object without type", "bert", lower, {"cls_token": entry("[CLS]"), "tokenizer_class": "BertTokenizer"})
    yield folder("refused: object without type in a list", "bert", lower, {"tokenizer_class": "BertTokenizer"}, **{"special_tokens_map.json": {"additional_special_tokens": [entry("[NEW]")]}})
    yield folder("refused: token that is no string", "bert", lower, {"cls_token": 5, "tokenizer_class": "BertTokenizer"})
    yield folder("refused: list of ids", "bert", lower, {"added_tokens_decoder": ["[CLS]"], "tokenizer_class": "BertTokenizer"})
    yield folder("refused: null for a switch", "bert", lower, {"do_lower_case": None, "tokenizer_class": "BertTokenizer"})
    yield folder("refused: null for a prefix space", "roberta", roberta, {"add_prefix_space": None, "tokenizer_class": "RobertaTokenizer"})
    yield folder("refused: no merges.txt", "gpt2", {"vocab.json": small["vocab.json"]})
    yield folder("refused: no model", "mistral", lower)
    yield folder("refused: no model_type", None, lower)
    yield folder("refused: cut model", "xlm-roberta", {"sentencepiece.bpe.model": fairseq["sentencepiece.bpe.model"][:-3]})
    yield folder("refused: unigram renamed", "umt5", {"tokenizer.model": t5["spiece.model"]}, {"added_tokens_decoder": decoder, "tokenizer_class": "T5Tokenizer"})
    yield folder("refused: piece of a merge renamed", "mistral", partial, {"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": {**decoder, "4": entry("[NEW]", special=True)}})
    yield folder("refused: too few extra ids", "t5", {"spiece.model": spm("unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, user_defined_symbols=["<extra_id_0>"])})


def load(files):
    d = tempfile.mkdtemp()
    try:
        for name, content in files.items():
            with open(f"{d}/{name}", "wb") as f:
                f.write(content if isinstance(content, bytes) else text(content).encode())
        return AutoTokenizer.from_pretrained(d)
    finally:
        shutil.rmtree(d)


def main():
    out, kept = [], {}
    if os.path.exists("fallback.json.gz"):
        was = json.loads(gzip.open("fallback.json.gz").read())
        for f in was["folders"]:
            stored = {n: was["files"][i] for n, i in f["files"].items()}
            kept[f["name"]] = f | {"files": {n: base64.b64decode(c[7:]) if c.startswith("base64:") else c for n, c in stored.items()}}
    for name, files in folders():
        if name in kept:
            out.append(kept[name])
            continue
        try:
            t = load(files)
        except Exception as e:
            if not name.startswith("refused: "):
                raise
            print(name, "|", type(e).__name__, str(e)[:100], file=sys.stderr)
            out.append({"name": name, "files": files})
            continue
        if name.startswith("refused: "):
            raise ValueError(name)
        backend = t.backend_tokenizer
        # Of tokens matched in the normalized text the reference decodes the normalized form.
        plain = not any(a.normalized for a in t.added_tokens_decoder.values())
        cases = []
        for s in TEXTS:
            ids = t(s, add_special_tokens=False)["input_ids"]
            cases.append({"ids": ids, "special": t(s)["input_ids"], "text": backend.decode(ids, skip_special_tokens=False) if plain else None})
        print(f"{name}: {type(t).__name__}, {len(t)} pieces", file=sys.stderr)
        if len(sys.argv) > 1 and sys.argv[1] in name:
            full = json.loads(backend.to_str())
            full["model"] = {k: v for k, v in full["model"].items() if k not in ("vocab", "merges")}
            print(json.dumps(full, ensure_ascii=False), file=sys.stderr)
        out.append({"name": name, "files": files, "size": len(t), "cases": cases})
    files = {}
    for f in out:
        contents = {n: "base64:" + base64.b64encode(c).decode() if isinstance(c, bytes) else text(c) for n, c in f["files"].items()}
        f["files"] = {n: files.setdefault(c, len(files)) for n, c in contents.items()}
    with gzip.GzipFile("fallback.json.gz", "wb", 9, mtime=0) as f:
        f.write(json.dumps({"texts": TEXTS, "types": TOKENIZER_MAPPING_NAMES, "forced": sorted(MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS), "files": list(files), "folders": out}, ensure_ascii=False, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
