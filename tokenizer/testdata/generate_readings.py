"""Writes readings.json.gz: small model folders, and the ids that AutoTokenizer of transformers 4.57.6 and of 5.23.0
gives with them: those of generate_fallback.py without a tokenizer.json, what either version saves of them, and
variants of that whose files disagree. Run it with each version in turn (python5 has transformers 5.23.0, tokenizers
0.23.3, python4 transformers 4.57.6; both sentencepiece 0.2.3 and protobuf):

    python5 generate_readings.py DIR 1; python4 generate_readings.py DIR 2
    python5 generate_readings.py DIR 3; python4 generate_readings.py DIR 4 readings.json.gz

A folder is its files (indices into contents), the sections of tokenizer.json that are others, and the ids of each
version, or the name of its error.
"""
import base64, gzip, json, os, random, shutil, sys

os.environ["HF_HUB_OFFLINE"] = "1"
import transformers

transformers.utils.logging.set_verbosity_error()
base, phase, out = sys.argv[1], sys.argv[2], sys.argv[3:]
major = transformers.__version__.split(".")[0]
assert major == {"1": "5", "2": "4", "3": "5", "4": "4"}[phase]
SAVED = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]
TEXTS = [
    "The quick brown fox isn't HERE.", " hello world", "hello  world ", "ok ", " ", "Hello\tWorld\nfoo\r\nbar", "Les élèves ÉTUDIENT déjà", "he\u0301llo wo\u0308rld", "``quoted'' text…",
    "ﬁne ２０２４ ＡＢＣ ①", "你好世界 中文和English混合", "😀 emoji ☃", "\u00a0no-break\u3000wide\u200bzero", "a\u0000b\u0007c", "[CLS] hello [SEP] [MASK]", "<s> hello </s>", "hello <mask> world<mask>",
    "<extra_id_0> hello <extra_id_99>", "<|endoftext|> hello <|im_start|>user", "<bos>hello<eos>", "<s>NOTUSED newtok and [NEW]  x<user> y", "▁under ▁▁ score", "1234567890 3.14",
]


def read(path):
    return json.load(open(path, encoding="utf-8"))


def write(path, data):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(data, f, ensure_ascii=False)


def ids(path):
    try:
        t = transformers.AutoTokenizer.from_pretrained(path)
        return [t(text)["input_ids"] for text in TEXTS]
    except BaseException as e:  # the library's panics are no Exceptions
        return type(e).__name__


def model_config(source, target):
    if os.path.exists(f"{source}/config.json"):
        shutil.copy(f"{source}/config.json", f"{target}/config.json")


def save(kind):
    """Saves what this version makes of the folders without tokenizer.json."""
    for name in sorted(os.listdir(f"{base}/slow")):
        source, target = f"{base}/slow/{name}", f"{base}/{kind}/{name}"
        try:
            t = transformers.AutoTokenizer.from_pretrained(source)
            t.save_pretrained(target)
        except BaseException as e:
            print(kind, name, type(e).__name__, str(e)[:100], file=sys.stderr)
            shutil.rmtree(target, ignore_errors=True)
            continue
        for f in os.listdir(target):
            if f not in SAVED:
                os.remove(f"{target}/{f}")
        model_config(source, target)


# Classes by the type of the model of a tokenizer.json.
CLASSES = {
    "WordPiece": ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizerFast", "MPNetTokenizer"],
    "BPE": ["RobertaTokenizer", "RobertaTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast", "Qwen2Tokenizer", "Qwen2TokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast", "GPTNeoXTokenizerFast"],
    "Unigram": ["XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "CamembertTokenizer", "AlbertTokenizer", "DebertaV2TokenizerFast", "T5TokenizerFast", "T5Tokenizer"],
}


def switched(r, config, key, values):
    if r.random() < 0.35:
        config.pop(key, None)
        v = r.choice(values)
        if v != "absent":
            config[key] = v


def variant(r, path, target):
    """Copies a saved folder to target, with other settings, and returns the sections of tokenizer.json that are others."""
    os.makedirs(target)
    model_config(path, target)
    for f in os.listdir(path):
        shutil.copy(f"{path}/{f}", f"{target}/{f}")
    tokenizer, config = read(f"{path}/tokenizer.json"), read(f"{path}/tokenizer_config.json")
    kind, patch = tokenizer["model"]["type"], {}
    if r.random() < 0.5:
        own = config.get("tokenizer_class", "")
        near = [c for c in CLASSES[kind] if kind == "WordPiece" or c.removesuffix("Fast") == own.removesuffix("Fast")]
        config["tokenizer_class"] = r.choice([own.removesuffix("Fast"), own.removesuffix("Fast") + "Fast", "PreTrainedTokenizerFast", r.choice(near or [own]), r.choice(CLASSES[kind]), "TokenizersBackend"])
    for key in ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "keep_accents", "split_by_punct"):
        switched(r, config, key, [True, False, "absent"])
    switched(r, config, "add_prefix_space", [True, False, "absent", None] if r.random() < 0.3 else [True, False, "absent"])
    for key in ("add_bos_token", "add_eos_token", "legacy"):
        switched(r, config, key, [True, False, "absent"])
    switched(r, config, "trim_offsets", [True, False, "absent"])
    if r.random() < 0.3:
        config.pop("added_tokens_decoder", None)
    if r.random() < 0.2:
        config.pop("extra_ids", None)
    if r.random() < 0.3 and os.path.exists(f"{target}/special_tokens_map.json"):
        os.remove(f"{target}/special_tokens_map.json")
    if r.random() < 0.25:
        patch["post_processor"] = None
    n = tokenizer["normalizer"]
    if n and n["type"] == "BertNormalizer" and r.random() < 0.5:
        patch["normalizer"] = {**n, "lowercase": not n["lowercase"], "strip_accents": r.choice([None, True, False])}
    p = tokenizer["pre_tokenizer"]
    if p and p["type"] == "ByteLevel" and r.random() < 0.5:
        patch["pre_tokenizer"] = {**p, "add_prefix_space": not p["add_prefix_space"]}
    write(f"{target}/tokenizer.json", {**tokenizer, **patch})
    write(f"{target}/tokenizer_config.json", config)
    write(f"{target}/patch", patch)


def main():
    if phase == "1":
        from generate_fallback import folders, text
        for i, (name, files) in enumerate(folders()):
            if name.startswith("refused: "):
                continue
            path = f"{base}/slow/{i:03}"
            os.makedirs(path)
            for f, content in files.items():
                with open(f"{path}/{f}", "wb") as w:
                    w.write(content if isinstance(content, bytes) else text(content).encode())
        return
    if phase == "2":
        return save("saved4")
    if phase == "3":
        save("saved5")
        for name in sorted(os.listdir(f"{base}/slow")):
            for kind in ("saved4", "saved5"):
                path = f"{base}/{kind}/{name}"
                for k in range(4):
                    if os.path.exists(path):
                        variant(random.Random(f"{kind}{name}{k}"), path, f"{base}/varied/{kind[-1]}{name}{k}")
        for kind in ("slow", "saved4", "saved5", "varied"):
            for name in os.listdir(f"{base}/{kind}"):
                path = f"{base}/{kind}/{name}"
                shutil.rmtree(f"{base}/work", ignore_errors=True)
                shutil.copytree(path, f"{base}/work")
                write(f"{path}/ids5", ids(f"{base}/work"))
        return
    folders, contents = [], {}
    for kind in ("slow", "saved4", "saved5", "varied"):
        for name in sorted(os.listdir(f"{base}/{kind}")):
            path = f"{base}/{kind}/{name}"
            f = {"name": f"{kind} {name}", "files": {}, "patch": {}}
            shutil.rmtree(f"{base}/work", ignore_errors=True)
            shutil.copytree(path, f"{base}/work")
            for n in sorted(os.listdir(path)):
                data = open(f"{path}/{n}", "rb").read()
                if n == "ids5":
                    f["5"] = json.loads(data)
                elif n == "patch":
                    f["patch"] = json.loads(data)
                else:
                    if n == "tokenizer.json" and kind == "varied":
                        data = open(f"{base}/saved{name[0]}/{name[1:4]}/tokenizer.json", "rb").read()
                    if n == "tokenizer.json":
                        data = json.dumps(json.loads(data), ensure_ascii=False, separators=(",", ":")).encode()
                    try:
                        s = data.decode()
                    except UnicodeDecodeError:
                        s = "base64:" + base64.b64encode(data).decode()
                    if n.endswith(".model"):
                        s = "base64:" + base64.b64encode(data).decode()
                    f["files"][n] = contents.setdefault(s, len(contents))
            f["4"] = ids(f"{base}/work")
            folders.append(f)
    data = json.dumps({"texts": TEXTS, "contents": list(contents), "folders": folders}, ensure_ascii=False, separators=(",", ":")).encode()
    with open(out[0], "wb") as f, gzip.GzipFile(filename="", fileobj=f, mode="wb", mtime=0) as z:
        z.write(data)


main()
