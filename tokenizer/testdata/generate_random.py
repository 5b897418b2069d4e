"""Writes random texts and what Hugging Face tokenizers 0.23.3 makes of them, for TestRandomReference.

    pip install tokenizers==0.23.3
    cd tokenizer/testdata && python generate_random.py TEXTS SEED OUT NAME...
    RHUMB_TOKENIZER_CASES=OUT go test -run TestRandomReference ..

Texts are mixed from characters of all planes, pieces of the vocabulary, added tokens, and parts of the reference cases,
some of them changed. Three names stand for small files: "steps" for each step of generate_steps.py by itself, "pipelines"
for several at random, "expressions" for regular expressions at random, of which the test skips those that are not supported.
"""

import gzip
import json
import os
import random
import sys

import tokenizers
from tokenizers import Tokenizer

assert tokenizers.__version__ == "0.23.3"

POOLS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " ", "  \t\n\r\n\u000b\u0085\u00a0\u2003\u3000\u2028",
    "'''stmdrevlSTMDREVL\u017f\u212a", ".,;:!?-_/\\()[]{}<>|@#$%^&*+=~`\"", "éàüßñçøÅǅǆªº", "\u0301\u0308\u0323\u0327\u20dd\u0903\u093e\u0345",
    "кириллицаЁ", "ελληνικάΣ", "العربية", "עברית", "हिन्दी\u094d\u200d", "বাংলা\u09cd", "ไทยกำ", "中文字漢語日本語かなカナー", "한국어각힣각",
    "\u1100\u1161\u11a8\uac00\uac01\ud7b0", "①²½Ⅷ٣०๑𝟘", "𝔘𝕏ﬁﬀ㌀㍿ﷺｆｕｌｌ", "😀👋🏿👨\u200d👩\u200d👧🇩🇪❤\ufe0f©\u200d®", "\ufeff\u200b\u200c\u200d\u2060\u00ad\ufffd\u0600\u070f",
    "▁▁ ", "\u0000\u0001\u001f\u007f\u0080\u009f",
]


def code_point(rng):
    while True:
        c = rng.randrange(rng.choice([0x250, 0x3000, 0x10000, 0x20000, 0x110000]))
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def text(rng, pieces, added, texts):
    parts = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.random()
        if kind < 0.4:
            parts.append("".join(rng.choices(rng.choice(POOLS), k=rng.randint(1, 6))))
        elif kind < 0.5:
            parts.append("".join(code_point(rng) for _ in range(rng.randint(1, 4))))
        elif kind < 0.65:
            parts.append(rng.choice(pieces))
        elif kind < 0.7 and added:
            parts.append(rng.choice(added))
        elif kind < 0.85:
            t = rng.choice(texts)
            i = rng.randrange(len(t) + 1)
            part = t[i:i + rng.randint(1, 30)]
            parts.append(part if kind < 0.78 else changed(rng, part))
        else:
            parts.append("".join(rng.choices(rng.choice(POOLS) + rng.choice(POOLS) + " ", k=rng.randint(1, 12))))
    return "".join(parts)


def changed(rng, text):
    """Text with some characters dropped, doubled, swapped, put in or in another case."""
    chars = list(text)
    for _ in range(rng.randint(0, 3)):
        i = rng.randrange(len(chars) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            chars.insert(i, rng.choice(rng.choice(POOLS)))
        elif i < len(chars):
            chars[i] = ["", chars[i] * 2, chars[i].swapcase(), chars[i] + rng.choice(" \u0301\n'")][kind - 1]
    return "".join(chars)


def ids(t, text):
    """The ids, None where there is an error, as with a Unigram model without unk_id, and "panic" where there is that."""
    try:
        return t.encode(text).ids
    except Exception:
        return None
    except BaseException as e:
        if type(e).__name__ != "PanicException":
            raise
        return "panic"


def words():
    """A model whose ids tell all bytes and where words end."""
    import generate_steps as g
    return g.bpe([f"<0x{c:02X}>" for c in range(256)], [], byte_fallback=True, end_of_word_suffix="\u0001")


def steps(rng):
    import generate_steps as g
    added = [dict(g.token(256, "Q"), normalized=True), dict(g.token(257, "<q>"), lstrip=True), dict(g.token(258, "z|"), rstrip=True, single_word=True)]
    yield from (g.file(words(), added=added, normalizer=s) for s in g.NORMALIZERS)
    yield from (g.file(words(), pre_tokenizer=s) for s in g.PRE_TOKENIZERS)
    first = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}
    yield from (g.file(words(), normalizer=s, pre_tokenizer=first) for s in g.FIRST + g.NORMALIZERS)
    with gzip.open(os.path.join(os.path.dirname(os.path.abspath(g.__file__)), "t5-small/tokenizer.json.gz")) as z:
        t5 = json.load(z)["normalizer"]
    yield g.file(words(), normalizer=t5, pre_tokenizer=first)
    for model in g.models():
        yield g.file(model)
        yield g.file(model, pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})


def pipelines(rng):
    """Files of several normalizers and pre-tokenizers. After a step that puts nothing, or something for nothing, at the start ByteLevel panics."""
    import generate_steps as g
    some = [s for s in g.NORMALIZERS if s.get("prepend") != "" and (s["type"] != "Replace" or [*s["pattern"].values()][0] not in g.ANCHORS)]
    for _ in range(400):
        normalizers, splits = rng.choices(some, k=rng.randint(0, 3)), rng.choices(g.PRE_TOKENIZERS, k=rng.randint(1, 4))
        yield g.file(words(), normalizer=g.sequence("normalizers", *normalizers), pre_tokenizer=g.sequence("pretokenizers", *splits))


def expression(rng, depth=0):
    def chars():
        return rng.choice(["a", "b", "K", "s", "é", "1", " ", "▁", "'", "-", "日", r"\n", r"\.", r"\x41", r"\u00e9"])

    def a_class(depth):
        parts = rng.choices([chars(), "a-z", "0-9", "-", r"\s", r"\w", r"\d", r"\h", r"\p{L}", r"\P{Lu}", r"\p{Han}", "[:alpha:]", "[:^space:]", "&&", "&&",
                             a_class(depth + 1) if depth < 2 else "x"], k=rng.randint(1, 4))
        return "[" + rng.choice(["", "", "^"]) + "".join(parts) + "]"

    def atom():
        kind = rng.random()
        if depth < 3 and kind < 0.25:
            return rng.choice(["(", "(?:", "(?:", "(?>", "(?i:", "(?=", "(?!", "(?<=", "(?<!"]) + expression(rng, depth + 1) + ")"
        if kind < 0.45:
            return a_class(0)
        if kind < 0.6:
            return rng.choice(["^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z"])
        return rng.choice([chars(), chars(), ".", r"\s", r"\S", r"\w", r"\W", r"\d", r"\p{L}", r"\p{M}", r"\p{Hiragana}", r"\p{^N}", r"\R", r"\N", r"\h"])

    out = ""
    for i in range(rng.randint(1, 3)):
        out += "|" if i and rng.random() < 0.4 else ""
        out += (a := atom())
        bounded = a[0] == "("  # else a match may take exponential time
        out += rng.choice(["", "", "", "", "?", "??", "?+", "{1,2}", "{2}", "{0,2}"] + ["*", "+", "+?", "*?", "*+", "++", "{2,}", "{1,2}+"] * (not bounded))
    return out


def expressions(rng):
    """Files that split by expressions that may or may not be supported."""
    import generate_steps as g
    found = 0
    while found < 1500:
        d = g.file(words(), pre_tokenizer=g.split(expression(rng), rng.choice(g.BEHAVIORS), rng.random() < 0.3))
        try:
            Tokenizer.from_str(json.dumps(d))
        except Exception:
            continue
        found += 1
        yield d


SMALL = {"steps": steps, "pipelines": pipelines, "expressions": expressions}


def small(kind, count, seed, f):
    for i, d in enumerate(SMALL[kind](random.Random(f"{seed} {kind}"))):
        t = Tokenizer.from_str(json.dumps(d))
        name = f"{kind} {i}"
        f.write(json.dumps({"name": name, "file": d}) + "\n")
        rng = random.Random(f"{seed} {name}")
        for _ in range(count):
            if d["model"].get("end_of_word_suffix") == "\u0001":
                s = text(rng, ["▁", "'s", "  ", "\n"], ["Q", "<q>", "z|"], ["It's  12345 ²³ IT'LL\r\n\n \tx▁yﬁ", "日本語カナーkana", "e\u0301\u0323 QzQ <q> z|z", "aab K\u212as\u017f-1 a b"])
            else:
                s = "".join(rng.choices("aaabbbccc▁ é\u0301xyd日", k=rng.randint(1, 40)))
            want = ids(t, s)
            if want != "panic":
                offsets = [] if want is None else t.encode(s).offsets
                f.write(json.dumps({"name": name, "text": s, "ids": want, "offsets": offsets}) + "\n")


def main():
    count, seed, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with open(out, "w") as f:
        for name in sys.argv[4:]:
            if name in SMALL:
                small(name, count, seed, f)
                continue
            folder = name if os.path.exists(name) else os.path.join(os.environ.get("RHUMB_SHARED", "../../../shared"), "tokenizers", name)
            with gzip.open(f"{folder}/tokenizer.json.gz") as g:
                data = g.read().decode()
            t = Tokenizer.from_str(data)
            with gzip.open(f"{folder}/cases.jsonl.gz", "rt") as g:
                texts = [json.loads(line)["text"] or "" for line in g]
            texts = [x for x in texts if x]
            added = [a["content"] for a in json.loads(data)["added_tokens"]]
            size = t.get_vocab_size()
            pieces = [p.replace("Ġ", " ").replace("▁", " ") for p in (t.id_to_token(i) for i in range(size)) if p]
            rng = random.Random(seed + name)
            for _ in range(count):
                s = text(rng, pieces, added, texts)
                e = t.encode(s)
                ids = e.ids
                some = ids if rng.random() < 0.5 else [rng.randrange(size) for _ in range(rng.randint(1, 12))]
                some = [i for i in some if t.id_to_token(i) is not None]
                f.write(json.dumps({"name": name, "text": s, "ids": ids, "offsets": e.offsets, "some": some, "decoded": t.decode(some),
                                    "special": t.decode(some, skip_special_tokens=False)}) + "\n")


if __name__ == "__main__":
    main()
