"""Writes offsets.json.gz, small tokenizers and the offsets that Hugging Face tokenizers 0.23.3 gives for texts.

    pip install tokenizers==0.23.3
    cd tokenizer/testdata && python generate_offsets.py
    python generate_offsets.py SEED COUNT OUT && RHUMB_OFFSETS_CASES=OUT go test -run TestOffsets ..

Each normalizer is seen through words of one character; then come pre-tokenizers, models, added tokens and post-processors, and
pipelines drawn by chance, which are all that the second form writes (COUNT of them).
"""

import gzip
import json
import random
import sys

import tokenizers
from tokenizers import Tokenizer

from generate_random import POOLS, code_point
from generate_steps import BEHAVIORS, NORMALIZERS, PRE_TOKENIZERS, models, replace, sequence, split

assert tokenizers.__version__ == "0.23.3"

MARKS = "\u0301\u0323\u0327\u302a\u302e\u0f71\u0f72\u0f73\u0344\u0345\u05b0\u094d\u3099\u0903"
LETTERS = "aeiouAéàüǖộÅİßſﬁŁΐᾂがガ각한\u1100\u1161\u11a8क\u0958日豈①\ufdfa\u0340\u212b"
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
CHARACTERS = {"type": "FixedLength", "length": 1}
WORDS = {"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1, "ab": 2, "é": 3, " ": 4, "Ġ": 5, "Ġa": 6, "▁": 7}, "unk_token": "<unk>"}


def bert(clean_text, handle_chinese_chars, strip_accents, lowercase):
    return {"type": "BertNormalizer", "clean_text": clean_text, "handle_chinese_chars": handle_chinese_chars,
            "strip_accents": strip_accents, "lowercase": lowercase}


def charsmap():
    with gzip.open("t5-small/tokenizer.json.gz") as f:
        n = json.load(f)["normalizer"]
    return next(s for s in n.get("normalizers", [n]) if s["type"] == "Precompiled")


BERTS = [bert(*(bool(i >> k & 1) for k in range(4))) for i in range(1, 16)] + [bert(True, True, None, True)]
ALL_NORMALIZERS = NORMALIZERS + BERTS


def text(rng):
    parts = []
    for _ in range(rng.randint(1, 6)):
        kind = rng.random()
        if kind < 0.3:
            parts.append("".join(rng.choices(LETTERS + MARKS + rng.choice(POOLS), k=rng.randint(1, 6))))
        elif kind < 0.5:
            parts.append(rng.choice(LETTERS) + "".join(rng.choices(MARKS, k=rng.randint(1, 4))))
        elif kind < 0.6:
            parts.append(rng.choice([" ", "  ", "\t", "\u3000", "\u00a0 ", "\u200b", "\u0000"]))
        elif kind < 0.8:
            parts.append("".join(rng.choices(rng.choice(POOLS) + " ab▁", k=rng.randint(1, 5))))
        elif kind < 0.9:
            parts.append(rng.choice([" ", ""]) + rng.choice(["<t>", "Yé", "yé", "YE\u0301", "zq", "<T>"]) + rng.choice([" ", "  ", "", "\u3000"]))
        else:
            parts.append("".join(rng.choices(["a", "b", "c", "ab", " ", "é", "d", "x", code_point(rng)], k=rng.randint(1, 9))))
    return "".join(parts)


def added(rng, size):
    flags = ["single_word", "lstrip", "rstrip", "special"]
    tokens = []
    for content, normalized in [("<t>", False), ("Yé", True), ("zq", rng.random() < 0.5)]:
        if rng.random() < 0.6:
            some = {f: rng.random() < 0.3 for f in flags}
            tokens.append({"id": size + len(tokens), "content": content, **some, "normalized": normalized})
    return tokens


def processor(rng, pieces):
    a, b = rng.sample(pieces[:3], 2)
    ids = {p: i for i, p in enumerate(pieces)}
    flags = {"trim_offsets": rng.random() < 0.8, "add_prefix_space": rng.random() < 0.5}
    level = {"type": "ByteLevel", **flags, "use_regex": True}
    ends = {"sep": [a, ids[a]], "cls": [b, ids[b]]}
    one = {"Sequence": {"id": "A", "type_id": 0}}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": a, "type_id": 0}}, one],
                "pair": [one, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {a: {"id": a, "ids": [ids[a]], "tokens": [a]}}}
    roberta = {"type": "RobertaProcessing", **ends, **flags}
    bare = {"type": "RobertaProcessing", **ends, "trim_offsets": True}
    short = {"type": "BertProcessing", **ends}
    return rng.choice([None, level, level, roberta, bare, short, template, *(sequence("processors", *s) for s in
                      [(level, template), (template, level), (short, level), (roberta, level), (level, roberta), (short, template, level), (level, short, level, roberta)])])


def file(**sections):
    base = dict.fromkeys(["truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"])
    return {"version": "1.0", "added_tokens": [], **base, "model": WORDS, **sections}


def pieces(model):
    v = model["vocab"]
    return list(v) if isinstance(v, dict) else [p for p, _ in v]


def word_piece():
    vocab = ["[UNK]", "a", "b", "ab", "##a", "##b", "##ab", "é", "##é", "e", "##e", "Ġ", "##Ġ", "▁", "##▁", "x"]
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 8,
            "vocab": {p: i for i, p in enumerate(vocab)}}


def level_bpe(rng):
    letters = [chr(c) for c in [*range(33, 127), *range(0xA1, 0x144)] if c != 0xAD]
    if rng.random() < 0.5:
        letters = sorted(rng.sample(letters, 200))
    base = ["<unk>"] + letters
    merges = []
    for _ in range(120):
        m = [rng.choice("Ġabcé" + "ÃÌĢģĤģãä" if rng.random() < 0.7 else letters), rng.choice(letters)]
        if len(merges) > 20 and rng.random() < 0.4:
            m[0] = "".join(rng.choice(merges))
        if m[0] in base and m[1] in base and "".join(m) not in base:
            merges.append(m)
            base.append("".join(m))
    return {"type": "BPE", "dropout": None, "unk_token": rng.choice([None, "<unk>"]), "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": rng.random() < 0.5, "byte_fallback": False, "ignore_merges": rng.random() < 0.3,
            "vocab": {p: i for i, p in enumerate(base)}, "merges": merges}


def pipeline(rng, precompiled):
    whole = [n for n in NORMALIZERS if n.get("prepend") != ""]  # after it the reference panics in other steps
    steps = rng.choices([*whole, *BERTS, precompiled, *({"type": f} for f in ["NFC", "NFD", "NFKC", "NFKD"] * 4)], k=rng.choice([0, 0, 1, 1, 1, 2, 3]))
    normalizer = None if not steps else steps[0] if len(steps) == 1 else sequence("normalizers", *steps)
    splits = rng.choices(PRE_TOKENIZERS + [LEVEL] * 10, k=rng.choice([0, 1, 1, 1, 2, 3]))
    if steps:  # prepend_scheme first hangs on the offsets themselves
        splits = [s for s in splits if "first" not in json.dumps(s)]
    pre = None if not splits else splits[0] if len(splits) == 1 else sequence("pretokenizers", *splits)
    model = rng.choice([WORDS, word_piece(), *models()] + [level_bpe(rng)] * 8)
    return file(model=model, normalizer=normalizer, pre_tokenizer=pre, added_tokens=added(rng, len(pieces(model))),
                post_processor=processor(rng, pieces(model)))


def answer(t, s, special, limit, side):
    if limit:
        t.enable_truncation(limit, direction=side)
    else:
        t.no_truncation()
    e = t.encode(s, add_special_tokens=special)
    return [e.ids, [i for o in e.offsets for i in o]]


def case(rng, d, count, plain):
    out = []
    try:
        t = Tokenizer.from_str(json.dumps(d))
    except BaseException as e:
        if not plain and "PanicException" in repr(type(e)):  # the reference panics on some added tokens
            return case(rng, {**d, "added_tokens": []}, count, plain)
        raise
    for _ in range(count):
        s = text(rng)
        special, limit, side = (False, 0, "right") if plain else (rng.random() < 0.5, rng.choice([0, 0, 4, 6]), rng.choice(["left", "right"]))
        try:
            out.append([s, special, limit, side == "left", *answer(t, s, special, limit, side)])
        except BaseException as e:  # or on texts with them
            if "PanicException" not in repr(type(e)):
                raise
    return {"file": d, "cases": out}


def main():
    precompiled = charsmap()
    if len(sys.argv) > 1:
        rng = random.Random(sys.argv[1])
        with open(sys.argv[3], "w") as f:
            for _ in range(int(sys.argv[2])):
                f.write(json.dumps(case(rng, pipeline(rng, precompiled), 100, False)) + "\n")
        return
    rng = random.Random(7)
    out = []
    for step in [*ALL_NORMALIZERS, precompiled]:
        out.append(case(rng, file(normalizer=step, pre_tokenizer=CHARACTERS), 40, True))
    for step in PRE_TOKENIZERS:
        out.append(case(rng, file(pre_tokenizer=step), 12, True))
    for model in [*models(), word_piece()]:
        for pre in [None, LEVEL, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}]:
            out.append(case(rng, file(model=model, pre_tokenizer=pre), 12, True))
    for _ in range(150):
        out.append(case(rng, pipeline(rng, rng.choice(BERTS)), 8, False))
    with open("offsets.json.gz", "wb") as f:
        f.write(gzip.compress(("\n".join(json.dumps(c) for c in out) + "\n").encode(), mtime=0))


if __name__ == "__main__":
    main()
