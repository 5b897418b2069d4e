"""Writes pairs.json.gz: pairs of texts, and the ids, token types and offsets that Hugging Face tokenizers 0.23.3 gives for them.

    pip install transformers==5.23.0 tokenizers==0.23.3 sentencepiece==0.2.3 protobuf==7.36.2
    cd tokenizer/testdata && python generate_pairs.py [HEADS]
    python generate_pairs.py SEED COUNT OUT && RHUMB_PAIRS_CASES=OUT go test -run TestPairs ..

A line is a tokenizer.json, or the name of a folder of fallback.json.gz, which AutoTokenizer of transformers 5.23.0 reads, and its cases:
[first, second, special, limit, left, ids, types, texts (-1 for special tokens; null: not known), offsets]. Pipelines are drawn by chance, with every kind of
post-processor; the second form writes COUNT of them and nothing else. HEADS is a folder of rerankers and classifiers with the ids that
sentence-transformers fed them: pairs_heads.json.gz is written from it, with the ids of the folders and the token types of tokenizers.
"""

import base64
import gzip
import json
import os
import random
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers
from tokenizers import Tokenizer

from generate_offsets import BERTS, LEVEL, WORDS, added, charsmap, file, level_bpe, pieces, pipeline, text, word_piece
from generate_steps import sequence

assert tokenizers.__version__ == "0.23.3"


def template(rng, pieces, whole):
    """One of TemplateProcessing. whole has no special tokens, and may come before other processors in a Sequence."""
    names = [] if whole else rng.sample(pieces[:5], 3)
    special = {n: {"id": n, "ids": [pieces.index(n)] + ([2] if rng.random() < 0.1 else [])} for n in names}
    for s in special.values():
        s["tokens"] = [s["id"]] * len(s["ids"])
    some = lambda: [{"SpecialToken": {"id": n, "type_id": rng.choice([0, 0, 0, 1, 2])}} for n in rng.sample(names, rng.choice([0, 1, 1, 2]) if names else 0)]
    texts = rng.choice(["AB", "AB", "AB", "BA"])
    pair = [*some()]
    for t in texts:
        pair += [{"Sequence": {"id": t, "type_id": rng.choice([0, 1, 1, 3])}}, *some()]
    single = [*some(), {"Sequence": {"id": "A", "type_id": rng.choice([0, 0, 0, 2])}}, *some()]
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}


def processor(rng, pieces):
    a, b = rng.sample(pieces[:3], 2)
    level = lambda: {"type": "ByteLevel", "add_prefix_space": rng.random() < 0.5, "trim_offsets": rng.random() < 0.8, "use_regex": True}
    ends = {"sep": [a, pieces.index(a)], "cls": [b, pieces.index(b)]}
    bert = {"type": "BertProcessing", **ends}
    roberta = lambda: {"type": "RobertaProcessing", **ends, "trim_offsets": rng.random() < 0.8, "add_prefix_space": rng.random() < 0.5}
    last = template(rng, pieces, False)
    whole = template(rng, pieces, True)
    return rng.choice([None, level(), bert, roberta(), {"type": "RobertaProcessing", **ends, "trim_offsets": True}, last, last, last, whole, *(sequence("processors", *s) for s in [
        (), (level(), last), (last, level()), (bert, level()), (level(), bert), (roberta(), level()), (level(), roberta()), (bert, last, level()), (whole, bert), (whole, roberta(), level()),
        (bert, whole), (roberta(), whole, bert), (level(), bert, level(), roberta()), (sequence("processors", whole, level()), sequence("processors", bert, level())), (whole, whole, last)])])


def texts_of(t, e):
    """Which text each token is of. Post-processors after others count otherwise: null."""
    post = json.loads(t.to_str())["post_processor"]
    if post and post["type"] == "Sequence":
        return None
    return [-1 if q is None else q for q in e.sequence_ids]


def answer(t, first, second, special, limit, side):
    if limit:
        t.enable_truncation(limit, direction=side)
    else:
        t.no_truncation()
    e = t.encode(first, second, add_special_tokens=special)
    return [e.ids, e.type_ids, texts_of(t, e), [i for o in e.offsets for i in o]]


def case(rng, d, count):
    out = []
    try:
        t = Tokenizer.from_str(json.dumps(d))
    except BaseException as e:
        if "PanicException" in repr(type(e)):  # the reference panics on some added tokens
            return case(rng, {**d, "added_tokens": []}, count)
        raise
    special_pair = t.num_special_tokens_to_add(True)
    for _ in range(count):
        pair = [rng.choice(["", text(rng), text(rng), text(rng) + text(rng), "a b " * rng.randint(1, 9)]) for _ in range(2)]
        special = rng.random() < 0.7
        least = special_pair if special else 0
        limit, side = rng.choice([0, 0, least, least + 1, least + 2, least + 3, least + 4, least + 7, 12]), rng.choice(["left", "right"])
        limit = limit if limit >= least else 0
        try:
            out.append([*pair, special, limit, side == "left", *answer(t, *pair, special, limit, side)])
        except BaseException as e:  # or on texts with them
            if "PanicException" not in repr(type(e)) and "unk_id" not in str(e):
                raise
    return {"file": d, "cases": out}


def drawn(rng, precompiled):
    d = pipeline(rng, precompiled)
    if rng.random() < 0.6:  # small ones
        model = rng.choice([WORDS, word_piece()])
        d = file(model=model, pre_tokenizer=rng.choice([None, {"type": "BertPreTokenizer"}, LEVEL, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": rng.choice(["first", "always"])}]),
                 added_tokens=added(rng, len(pieces(model))))
    return {**d, "post_processor": processor(rng, pieces(d["model"]))}


def folders(rng):
    from generate_fallback import load

    with gzip.open("fallback.json.gz") as f:
        fallback = json.load(f)
    for folder in fallback["folders"]:
        if folder["name"].startswith("refused: "):
            continue
        contents = {n: fallback["files"][i] for n, i in folder["files"].items()}
        t = load({n: base64.b64decode(c[7:]) if c.startswith("base64:") else c for n, c in contents.items()})
        cases = []
        for k in range(8):
            pair = rng.sample(fallback["texts"], 2)
            pair = [p if len(p) < 200 else p[:50] for p in pair]
            if k == 0:
                pair[1] = ""
            limit, special = rng.choice([0, 0, 5, 9, 14]), rng.random() < 0.8
            t.truncation_side = side = rng.choice(["left", "right"])
            # In lists: an empty second text by itself is none to transformers.
            e = t([pair[0]], [pair[1]], add_special_tokens=special, return_token_type_ids=True, **({"truncation": True, "max_length": limit} if limit else {})).encodings[0]
            cases.append([*pair, special, limit, side == "left", e.ids, e.type_ids, texts_of(t.backend_tokenizer, e), [i for o in e.offsets for i in o]])
        yield {"folder": folder["name"], "cases": cases}


def heads(root):
    for name in sorted(os.listdir(root)):
        if not name.startswith(("rerank-", "classify-")):
            continue
        with open(f"{root}/{name}/cases.json") as f:
            c = json.load(f)
        with open(f"{root}/{name}/model/tokenizer.json") as f:
            d = json.load(f)
        t = Tokenizer.from_file(f"{root}/{name}/model/tokenizer.json")
        t.no_padding()
        t.enable_truncation(c["max_length"], direction="left" if (d["truncation"] or {}).get("direction") == "Left" else "right")
        if "pairs" in c:
            pairs = list(zip(c["pairs"], c["ids"]["pairs"]))
        else:
            prompt = c["prompts"].get(c["default_prompt_name"], "")
            pairs = [((prompt + q, s), ids) for q, row in zip(c["queries"], c["ids"]) for s, ids in zip(c["documents"], row)]
        cases = []
        for (first, second), ids in pairs:
            if "pairs" in c and not second:  # which transformers took for none
                continue
            e = t.encode(first, second)
            if e.ids != ids:
                raise ValueError(name)
            cases.append([first, second, True, c["max_length"], False, ids, e.type_ids, texts_of(t, e), [i for o in e.offsets for i in o]])
        yield {"name": name, "file": d, "cases": cases}


def write(path, lines):
    with open(path, "wb") as f:
        f.write(gzip.compress(("\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in lines) + "\n").encode(), mtime=0))


def main():
    precompiled = charsmap()
    if len(sys.argv) > 2:
        rng = random.Random(sys.argv[1])
        with open(sys.argv[3], "w") as f:
            for _ in range(int(sys.argv[2])):
                f.write(json.dumps(case(rng, drawn(rng, precompiled), 50)) + "\n")
        return
    rng = random.Random(11)
    write("pairs.json.gz", [case(rng, drawn(rng, rng.choice(BERTS)), 12) for _ in range(120)] + list(folders(rng)))
    if len(sys.argv) > 1:
        write("pairs_heads.json.gz", heads(sys.argv[1]))


if __name__ == "__main__":
    main()
