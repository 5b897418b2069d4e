"""Writes random texts and what Hugging Face tokenizers 0.23.3 makes of them, for TestRandomReference.

    pip install tokenizers==0.23.3
    cd tokenizer/testdata && python generate_random.py TEXTS SEED OUT NAME...
    RHUMB_TOKENIZER_CASES=OUT go test -run TestRandomReference ..

Texts are mixed from characters of all planes, pieces of the vocabulary, added tokens, and parts of the reference cases.
"""

import gzip
import json
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
            parts.append(t[i:i + rng.randint(1, 30)])
        else:
            parts.append("".join(rng.choices(rng.choice(POOLS) + rng.choice(POOLS) + " ", k=rng.randint(1, 12))))
    return "".join(parts)


def main():
    count, seed, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with open(out, "w") as f:
        for name in sys.argv[4:]:
            with gzip.open(f"{name}/tokenizer.json.gz") as g:
                data = g.read().decode()
            t = Tokenizer.from_str(data)
            with gzip.open(f"{name}/cases.jsonl.gz", "rt") as g:
                texts = [json.loads(line)["text"] or "" for line in g]
            texts = [x for x in texts if x]
            added = [a["content"] for a in json.loads(data)["added_tokens"]]
            size = t.get_vocab_size()
            pieces = [p.replace("Ġ", " ").replace("▁", " ") for p in (t.id_to_token(i) for i in range(size)) if p]
            rng = random.Random(seed + name)
            for _ in range(count):
                s = text(rng, pieces, added, texts)
                ids = t.encode(s).ids
                some = ids if rng.random() < 0.5 else [rng.randrange(size) for _ in range(rng.randint(1, 12))]
                some = [i for i in some if t.id_to_token(i) is not None]
                f.write(json.dumps({"name": name, "text": s, "ids": ids, "some": some, "decoded": t.decode(some),
                                    "special": t.decode(some, skip_special_tokens=False)}) + "\n")


if __name__ == "__main__":
    main()
