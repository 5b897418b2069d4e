"""Writes beside.json.gz: folders whose tokenizer.json lacks added tokens that the files beside it name, drawn by
chance, and the ids that AutoTokenizer gives. Run it once with transformers 5.23.0 and tokenizers 0.23.3 (it writes the
folders to the folder DIR, and ids), then with transformers 4.57.6, which adds its own:

    python generate_beside.py DIR; python4 generate_beside.py DIR beside.json.gz
"""
import gzip, json, os, random, shutil, sys

import transformers

base, out = sys.argv[1], sys.argv[2:]
major = transformers.__version__.split(".")[0]
pool = ["<q>", "<r>", "he", "[Q] ", "Hello", "<mask>", "\u00c9", "[X]", "he is", "[MASK]"]
texts = ["he is", "a <q> b", "<mask> he", " he  <r>  [X]", "<q> hello", "Hello \u00c9", "he <q>he  he", "[Q] [MASK] [Q]", "the caf\u00e9 he is", "<r><q>[X]"]
names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]


def switches(r, special=None):
    s = {k: r.random() < 0.3 for k in ("lstrip", "rstrip", "single_word", "normalized")}
    s["special"] = r.random() < 0.5 if special is None else special
    return s


def model(r):
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list("abcdefhilostq<>[]") + ["##" + c for c in "abcdefhilostq"] + ["he", "hello", "is"]
    added = [{"id": i, "content": c, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True} for i, c in enumerate(vocab[:5])]
    added = added[: r.choice([0, 5, 5])]
    for n, c in enumerate(r.sample(pool[:8], r.choice([0, 0, 1, 2]))):
        known = c in vocab
        added.append({"id": vocab.index(c) if known else len(vocab) + n, "content": c, **switches(r)})
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}},
        "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {c: i for i, c in enumerate(vocab)}},
    }, vocab


def token(r, typed=True):
    c = r.choice(pool)
    if r.random() < 0.5:
        return c
    t = {"content": c, **switches(r)}
    return {"__type": "AddedToken", **t} if typed else t


def folder(r):
    tokenizer, vocab = model(r)
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    files = {"tokenizer.json": tokenizer, "tokenizer_config.json": config, "config.json": {"model_type": "bert"}}
    for name in r.sample(names, r.choice([0, 1, 3])):
        config[name] = r.choice([None, token(r), token(r)])
    if r.random() < 0.3:
        config["additional_special_tokens"] = [token(r) for _ in range(r.choice([0, 1, 2]))]
    if r.random() < 0.3:
        config["extra_special_tokens"] = {"q_token": token(r)} if r.random() < 0.6 else [token(r)]
    if r.random() < 0.2:
        config["own_token"] = token(r)
    if r.random() < 0.5:
        listed = r.sample(pool, r.choice([1, 2, 4]))
        config["added_tokens_decoder"] = {
            str(vocab.index(c) if c in vocab else len(vocab) + i): {"content": c, **switches(r)} for i, c in enumerate(listed)}
    if r.random() < 0.3:
        files["special_tokens_map.json"] = special = {}
        for name in r.sample(names, r.choice([0, 1, 2])):
            special[name] = token(r, typed=False)
        if r.random() < 0.5:
            special["additional_special_tokens"] = [token(r, typed=r.random() < 0.5) for _ in range(r.choice([1, 2]))]
    if r.random() < 0.3:
        files["added_tokens.json"] = {c: vocab.index(c) if c in vocab else len(vocab) + i for i, c in enumerate(r.sample(pool, r.choice([1, 2])))}
    return files


def ids(path):
    try:
        t = transformers.AutoTokenizer.from_pretrained(path)
        return [t(text)["input_ids"] for text in texts]
    except BaseException as e:  # the library's panics are no Exceptions
        return type(e).__name__


folders = []
for seed in range(400):
    path = os.path.join(base, str(seed))
    files = folder(random.Random(seed))
    if major == "5":
        os.makedirs(path, exist_ok=True)
        for name, data in files.items():
            with open(os.path.join(path, name), "w") as f:
                json.dump(data, f)
        with open(os.path.join(path, "ids5"), "w") as f:
            json.dump(ids(path), f)
    else:
        with open(os.path.join(path, "ids5")) as f:
            folders.append({"files": files, "5": json.load(f), "4": ids(path)})
if out:
    data = json.dumps({"texts": texts, "folders": folders}, ensure_ascii=False, separators=(",", ":")).encode()
    with open(out[0], "wb") as f, gzip.GzipFile(filename="", fileobj=f, mode="wb", mtime=0) as z:
        z.write(data)
