"""Writes steps.json.gz from Hugging Face tokenizers 0.23.3: normalizers, pre-tokenizers and models, each by itself.

    pip install tokenizers==0.23.3
    cd tokenizer/testdata && python generate_steps.py

For each step and text: the normalized text, the words, the ids, or the decoded text.
"""

import gzip
import json
import random

import tokenizers
from tokenizers import Tokenizer

from generate_random import POOLS, code_point, ids

assert tokenizers.__version__ == "0.23.3"

O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TIKTOKEN = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s*[\r\n]|\s+(?!\S)|\s"
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
            r"\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_LLM = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}+", r"\p{N}"]
ANCHORS = [r"^", r"$", r"\A", r"\z", r"\Z", r"\b", r"\B", r"^\s+|\s+$", r"(?=▁)", r"(?<=\s)", r"(?<!^)(?=\p{Lu})", r"\b\w", r"a*", r"\s*", r"a|b?", r"(?i)a|K",
           r"(?:^|\s)\p{Han}+", r"[[:alpha:]&&[^a-c]]+", r"[\p{L}&&[^\p{Latin}]]+|\d*", r"\R", r"\N+", r"\h{2}", r"", r"[a&&b]|\p{Katakana}", r"$|\n"]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def replace(pattern, content, kind="Regex"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def token(id, content):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}


def file(model=None, added=(), **sections):
    model = model or {"type": "WordLevel", "vocab": {"u": 0}, "unk_token": "u"}
    base = dict.fromkeys(["truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"])
    return {"version": "1.0", "added_tokens": list(added), **base, **sections, "model": model}


NORMALIZERS = [
    {"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Nmt"}, {"type": "StripAccents"}, {"type": "ByteLevel"},
    {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Strip", "strip_left": True, "strip_right": False},
    {"type": "Strip", "strip_left": False, "strip_right": True}, {"type": "Prepend", "prepend": "▁"}, {"type": "Prepend", "prepend": ""},
    replace(" ", "▁", "String"), replace("'s", "", "String"), replace(r"\s+", " "), replace(r" {2,}", "▁"), replace(r"[^\w\s]+|\d", "<>"),
    replace(r"(?<=\w)\p{M}+(?!\s)", "."), replace(r"[\p{Lu}-[]".replace("-[", ""), "U"), replace(r"(\p{N})+?\.", ""), replace(r"\P{L}{2}", "_"),
    *(replace(p, "<>") for p in ANCHORS), replace("", "_", "String"),
    sequence("normalizers", {"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"}), sequence("normalizers", {"type": "NFKC"}, {"type": "NFD"}),
]
PRE_TOKENIZERS = [
    *({"type": "ByteLevel", "add_prefix_space": a, "trim_offsets": True, "use_regex": r} for a in (True, False) for r in (True, False)),
    *(split(r"\s+", b, i) for b in BEHAVIORS for i in (True, False)), *(split("'s", b, i, "String") for b in BEHAVIORS for i in (True, False)),
    *(split(r"\p{Lu}|\d", b, i) for b in BEHAVIORS for i in (True, False)),
    split(O200K), split(O200K, "Removed", True), split(TIKTOKEN), split(TIKTOKEN, "Removed", True), split(DEEPSEEK), split(r"[一-龥぀-ゟ゠-ヿ]+"),
    split(r"\p{N}{1,3}"), split(r"(?i:k|s)"), split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"), split(r"[^\S\r\n]|\p{Cn}|\W\w"), split(r"(?>a|ab)c?|\.(?=\s|\.)"),
    *(split(p, b, i) for p in ANCHORS for b in BEHAVIORS for i in (True, False)), *(split("", b, i, "String") for b in BEHAVIORS for i in (True, False)),
    *(split(p) for p in DEEPSEEK_LLM), {"type": "UnicodeScripts"}, sequence("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "UnicodeScripts"}),
    split(r"\p{P}"), split(r"\p{S}|\p{Zs}|\p{Cf}|\p{Cc}"), split(r"[\p{Lt}\p{Nl}]|[^\p{M}\P{L}]{2}"), split(r"."),
    {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, *({"type": "Punctuation", "behavior": b} for b in BEHAVIORS),
    {"type": "Punctuation"}, {"type": "Digits", "individual_digits": True}, {"type": "Digits", "individual_digits": False},
    {"type": "CharDelimiterSplit", "delimiter": " "}, {"type": "CharDelimiterSplit", "delimiter": "\u00e9"},
    {"type": "FixedLength", "length": 3}, {"type": "FixedLength"},
    *({"type": "Metaspace", "replacement": "▁", "prepend_scheme": p, "split": s} for p in ("always", "first", "never") for s in (True, False)),
    {"type": "Metaspace", "replacement": "_", "add_prefix_space": True, "str_rep": "_"},
    {"type": "Metaspace", "replacement": "▁", "add_prefix_space": False, "prepend_scheme": "never"},
    sequence("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}),
    sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
             {"type": "Punctuation", "behavior": "Isolated"}),
    sequence("pretokenizers", {"type": "Metaspace", "replacement": "▁"}, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}),
]


# Normalizers after which it is clear whether a word begins where the input does.
FIRST = [
    {"type": "NFC"}, {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "Prepend", "prepend": "a"}, {"type": "Prepend", "prepend": ""},
    {"type": "Strip", "strip_left": False, "strip_right": True}, replace("a", "bc", "String"), replace(r" {2,}", " "), replace(r"a+", " b"),
    {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": True, "strip_accents": False, "lowercase": True}, {"type": "ByteLevel"},
    sequence("normalizers", {"type": "NFKC"}, replace(" ", "▁", "String"), {"type": "Strip", "strip_left": False, "strip_right": True}, replace(r"b", " a")),
]


def bpe(pieces, merges, **more):
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
            "byte_fallback": False, "ignore_merges": False, **more, "vocab": {p: i for i, p in enumerate(pieces)}, "merges": merges}


def models():
    pieces = ["<unk>", "a", "b", "c", " ", "▁", "ab", "bc", "abc", "aa", "aab", "▁a", "▁▁", "cab", "é"]
    merges = ["a b", "ab c", "b c", "a a", "aa b", "▁ a", "▁ ▁", "c ab", "a bc", "a b"]
    pairs = [m.split() for m in merges]
    some = [f"<0x{c:02X}>" for c in b"dx\xc3\xa9\xe2\x96"]
    every = [f"<0x{c:02X}>" for c in range(256)]
    yield bpe(pieces, merges)
    yield bpe(pieces, pairs, unk_token="<unk>")
    yield bpe(pieces, pairs, unk_token="<unk>", fuse_unk=True)
    yield bpe(pieces + some, pairs, unk_token="<unk>", byte_fallback=True)
    yield bpe(pieces + some, pairs, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    yield bpe(pieces + every, pairs, byte_fallback=True)
    yield bpe(pieces + ["abx", "a b"], pairs, unk_token="<unk>", ignore_merges=True)
    yield bpe(pieces + ["a▁", "▁a▁"], pairs + [["a", "▁"], ["▁a", "▁"]], unk_token="<unk>")
    yield bpe(pieces + ["##a", "##b", "##ab", "##c", "a##"], ["a ##b", "##a ##b", "a ##a"], unk_token="<unk>", continuing_subword_prefix="##")
    yield bpe(pieces + ["a</w>", "b</w>", "ab</w>", "c</w>"], ["a b</w>", "a b", "ab c"][:2], unk_token="<unk>", end_of_word_suffix="</w>")
    yield {"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1, "ab": 2, "é": 3, " ": 4}, "unk_token": "<unk>"}
    scores = [["<unk>", 0.0], ["a", -1.5], ["b", -1.25], ["ab", -2.75], ["abc", -9.34653934955596924], ["c", -3.2e-3], ["▁", -2], ["▁a", -3.5], ["xy", -50],
              ["bc", -1.2532], ["é", -7.0], ["e\u0301", -1.0], ["aa", -3.0], ["aab", -4.25]]
    yield {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": False}
    yield {"type": "Unigram", "unk_id": 0, "vocab": scores + [[p, -1.0] for p in every], "byte_fallback": True}
    yield {"type": "Unigram", "unk_id": 0, "vocab": scores + [["ab", -2.5], ["abc", -1.0], ["a", -1.75], ["ab", -0.5]], "byte_fallback": False}
    yield {"type": "Unigram", "unk_id": None, "vocab": scores + [["d", -2.5], [" ", -3.0], ["\u0301", -1.0]], "byte_fallback": True}
    yield {"type": "Unigram", "vocab": scores[1:] + [["da", -1.5], ["e", -9.0], ["xyd", -1.0]]}
    yield {"type": "Unigram", "unk_id": 3, "vocab": scores + [[p, -20.0] for p in some], "byte_fallback": True}


def chains():
    """Decoders and the pieces that they get."""
    pieces = ["a", "▁b", "▁", " c", "<0x41>", "<0xC3>", "<0xA9>", "<0xFF>", "<0x+1>", "d</w>", "</w>", "Ġe", "Ã", "©", "日", "##f", "#", ".", " n't", "|", "<pad>", "  g ", "é"]
    return pieces, [
        {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
        {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
        {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": False}, {"type": "Strip", "content": " ", "start": 2, "stop": 0},
        replace("▁", " ", "String"), replace(r"\s", "_"), sequence("decoders"),
        sequence("decoders", replace("▁", " ", "String"), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}),
        sequence("decoders", {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 0, "stop": 1}, {"type": "WordPiece", "prefix": "##", "cleanup": False}),
    ]


def main():
    rng = random.Random(5)
    texts = ["", " ", "a", "it's", "IT'S 'ſ 'K", "a  b \n\n c\t", "12345 ²³ Ⅷ", "ABCdef ǅǆ ªB", "\u0301a\u0301'll", "//\n/ a", "한국어", "e\u0301\u0323\u0301"]
    for _ in range(150):
        parts = []
        for _ in range(rng.randint(1, 7)):
            pool = rng.choice(POOLS) + rng.choice([" ", rng.choice(POOLS), code_point(rng)])
            parts.append("".join(rng.choices(pool, k=rng.randint(1, 5))))
        texts.append("".join(parts))
    words = ["".join(rng.choices("aaabbbccc▁ é\u0301xyd\u65e5", k=rng.randint(1, 60))) for _ in range(120)]
    out = {"texts": texts, "words": words, "normalizers": [], "pre_tokenizers": [], "models": [], "decoders": []}
    for step in NORMALIZERS:
        d = file(normalizer=step)
        n = Tokenizer.from_str(json.dumps(d)).normalizer
        out["normalizers"].append({"file": d, "want": [n.normalize_str(t) for t in texts]})
    for step in PRE_TOKENIZERS:
        d = file(pre_tokenizer=step)
        p = Tokenizer.from_str(json.dumps(d)).pre_tokenizer
        out["pre_tokenizers"].append({"file": d, "want": [[w for w, _ in p.pre_tokenize_str(t)] for t in texts]})
    for model in models():
        for sections in [{}, {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}, "added": [token(1, "a a")]},
                         {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}}]:
            d = file(model, **sections)
            if sections.get("added"):
                d["added_tokens"][0]["id"] = len(model["vocab"])
            t = Tokenizer.from_str(json.dumps(d))
            out["models"].append({"file": d, "want": [ids(t, w) for w in words]})
    first = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}
    for step in FIRST:
        d = file(next(models()), normalizer=step, pre_tokenizer=first)
        t = Tokenizer.from_str(json.dumps(d))
        out["models"].append({"file": d, "want": [ids(t, w) for w in words + texts]})
    pieces, steps = chains()
    model = {"type": "WordLevel", "vocab": {p: i for i, p in enumerate(pieces)}, "unk_token": "a"}
    some = [rng.choices(range(len(pieces)), k=rng.randint(1, 9)) for _ in range(150)]
    out["ids"] = some
    for step in steps:
        d = file(model, decoder=step)
        t = Tokenizer.from_str(json.dumps(d))
        out["decoders"].append({"file": d, "want": [t.decode(i) for i in some]})
    text = "{" + ",\n".join(json.dumps(k) + ": [\n" + ",\n".join(json.dumps(x) for x in v) + "\n]" for k, v in out.items()) + "}\n"
    with open("steps.json.gz", "wb") as f:
        f.write(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
