# -*- coding: utf-8 -*-
"""Makes tiny folders with random weights in the published layout of popular models, and what sentence-transformers answers.

usage: popular.py --goldens testdata/goldens --out DIR [--only name,name] [--four PYTHON]

The models are declared in popular_models.py. DIR/popular.zip has a folder <publisher>/<name> of each:
  model/               the files that its publisher has, as small as they can be; tokenizers are those of goldens, cut or edited
  answers.safetensors  what sentence-transformers 6.2 makes of the inputs of cases.json, by name:
                       embed: rows, of texts plain, and for each prompt by its name; sparse: the same, a row as wide as the vocabulary
                       rerank: scores, of query after query the documents; classify: scores, of each text the labels
                       multivector: query and document, rows of all of them, of which cases.json says how many each has
  cases.json           kind, inputs, prompts, the ids of each embed text, pooling that the caller has to name; or of a model that
                       is refused, what the error says
                       With --four, a Python that has transformers 4.57.6, also the ids that this gives the texts
A file that is the same as one before it is not there: same.json says which that is.
Weights have few different values, so that they compress. All numbers are float32 on a CPU, of the folder as it is on disk; where
transformers reads another config.json or other names of tensors than were published, of those. Needs requirements.txt.
"""

import argparse, json, os, subprocess, tempfile, zipfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save, save_file
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.multi_vector_encoder import MultiVectorEncoder

from popular_models import MODELS

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
TEXTS = ["river", "the mountain and the river", " x  y ", "Wie weit ist es bis zum Fluss?", "a b c d e f g h i j k l m n o p " * 4, "3.14, 2026!"]
QUERIES = ["river", "How far is it to the mountain?"]
CLASSES = {"rerank": "AutoModelForSequenceClassification", "classify": "AutoModelForSequenceClassification", "sparse": "AutoModelForMaskedLM"}
F32 = {"dtype": torch.float32}


def randomize(model, seed, shift, offset):
    """Gives each parameter one of few values. shift is added to the biases of what predicts tokens; norms that add 1 have offset 0."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = (torch.randn(p.shape, generator=g) * 2).round().clamp(-4, 4) / 2
            if p.dim() <= 1:
                p.copy_(r / 8 if name.endswith("bias") or p.dim() == 0 else offset + r / 8)
            elif "embed" in name and "proj" not in name or "shared" in name:
                p.copy_(r / 2)
            else:
                p.copy_(r * 2.0 ** round(np.log2(1.3 / (p.numel() // p.shape[0]) ** 0.5)))
        if shift:
            model.get_output_embeddings().bias.add_(shift)
    return model


class Folder:
    """A folder that is written in both ways: as published, and as the reference reads it."""

    def __init__(self, root, goldens):
        self.root, self.goldens = root, goldens

    def path(self, name):
        p = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(p), exist_ok=True)
        return p

    def put(self, name, content):
        if isinstance(content, (bytes, str)):
            with open(self.path(name), "wb") as f:
                f.write(content.encode() if isinstance(content, str) else content)
        elif name.endswith(".safetensors"):
            save_file(content, self.path(name), metadata={"format": "pt"})
        elif name.endswith((".bin", ".pt")):
            torch.save(content, self.path(name))
        else:
            with open(self.path(name), "w", encoding="utf-8") as f:
                json.dump(content, f, indent=1, ensure_ascii=False)

    def tokenizer(self, m):
        t = dict(m["tokenizer"])
        with open(os.path.join(self.goldens, t.pop("golden"), "model/tokenizer.json"), encoding="utf-8") as f:
            j = json.load(f)
        j = t.pop("edit")(j) or j
        for name, content in t.items():
            self.put(name, content(j) if callable(content) else content)
        if m.get("json", True):
            self.put("tokenizer.json", json.dumps(j, ensure_ascii=False, separators=(",", ":")))
        vocabulary = j["model"]["vocab"]
        size = max(vocabulary.values()) + 1 if isinstance(vocabulary, dict) else len(vocabulary)
        return max([size] + [a["id"] + 1 for a in j["added_tokens"]])


def tensors_of(model, dtype):
    """The tensors as transformers saves them."""
    with tempfile.TemporaryDirectory() as d:
        model.to(dtype).save_pretrained(d)
        return load_file(os.path.join(d, "model.safetensors"))


def build(f, m, seed):
    """Writes the files of the reference, and returns those that are written over them in the end."""
    for name, content in m["files"].items():
        if content is not None:
            f.put(name, content(seed) if callable(content) else content)
    if not m.get("config"):
        if m.get("tokenizer"):
            m["static"](f, f.tokenizer(m), seed)
        return {}
    size = f.tokenizer(m)
    if "plain" in m:
        return plain(f, m, size, seed)
    config = {"vocab_size": size} | m["config"]
    native = {"vocab_size": size} | m["native"] if m.get("native") else config
    weights = "pytorch_model.bin" if m.get("bin") else "model.safetensors"
    if "refused" in m and not m.get("native"):
        f.put("config.json", config)
        f.put(weights, {"embeddings.word_embeddings.weight": torch.ones(size, 16)})
        return {}
    f.put("config.json", native)
    architecture = m.get("class") or CLASSES.get(m["kind"], "AutoModel")
    if "Auto" in architecture:
        auto = getattr(transformers, architecture)
        model = auto.from_config(transformers.AutoConfig.from_pretrained(f.root))
    else:
        model = getattr(transformers, architecture)(transformers.AutoConfig.from_pretrained(f.root))
    model = randomize(model.float().eval(), seed, m.get("shift", 0), m.get("offset", 1))
    tensors = tensors_of(model, m.get("dtype", torch.float32))
    if m.get("native_names"):
        tensors = m["native_names"](tensors)
    f.put(weights, tensors)
    late = {"config.json": config}
    if m.get("names"):
        late[weights] = m["names"](dict(tensors))
    return late | m.get("late", {})


def plain(f, m, size, seed):
    """Of a model that transformers does not compute: published.py has it in plain PyTorch and float64."""
    config = {"vocab_size": size} | m["config"]
    tensors, m["hidden"] = m["plain"](config, seed)
    with torch.no_grad():
        for k, v in tensors.items():  # few values
            v.copy_((v * 8).round() / 8)
    m["hidden"] = m["plain"](config, seed, tensors)[1]
    f.put("config.json", config)
    f.put("model.safetensors", {k: v.to(m.get("dtype", torch.float32)).contiguous() for k, v in tensors.items()})
    return {}


# ---------------------------------------------------------------- answers
def embed_plain(f, m, case):
    """The mean of hidden states, of unit length where the modules say so."""
    read = lambda name: json.load(open(f.path(name)))
    t = transformers.AutoTokenizer.from_pretrained(f.root, trust_remote_code=False)  # nobody is asked
    length = read("sentence_bert_config.json")["max_seq_length"]
    case.update(prompts={k: v for k, v in read("config_sentence_transformers.json").get("prompts", {}).items() if v}, ids={})
    answers = {}
    for label, prompt in [("plain", "")] + list(case["prompts"].items()):
        ids = case["ids"][label] = [t(prompt + text, truncation=True, max_length=length)["input_ids"] for text in TEXTS]
        rows = torch.stack([m["hidden"](torch.tensor(i)).mean(0) for i in ids])
        normalize = any(x["type"].endswith("Normalize") for x in read("modules.json"))
        answers[label] = (torch.nn.functional.normalize(rows) if normalize else rows).float()
    return answers


def embed(f, m, case):
    if m.get("pooling"):
        from sentence_transformers.base.modules import Transformer
        from sentence_transformers.sentence_transformer.modules import Pooling

        t = Transformer(f.root, model_kwargs=F32)
        st = SentenceTransformer(modules=[t, Pooling(t.get_embedding_dimension(), pooling_mode=m["pooling"])], device="cpu")
    else:
        st = SentenceTransformer(f.root, device="cpu", model_kwargs=F32)
    case.update(prompts={k: v for k, v in st.prompts.items() if v}, default=st.default_prompt_name or "", ids={})
    answers = {}
    for label, prompt in [("plain", None)] + list(case["prompts"].items()):
        answers[label] = torch.from_numpy(st.eval().encode(TEXTS, prompt=prompt, batch_size=1, convert_to_numpy=True)).float()
        if len(st) and "Static" not in type(st[0]).__name__ and "Router" not in type(st[0]).__name__:
            before = st.prompts.get(st.default_prompt_name or "", "") if prompt is None else prompt
            rows = [st.preprocess([before + t]) for t in TEXTS]
            case["ids"][label] = [r["input_ids"][0][r["attention_mask"][0].bool()].tolist() for r in rows]
    return answers


def embed_table(f, m, case):
    """The mean of a table's rows, of the tokens that are known: what model2vec makes, without a folder of sentence-transformers."""
    t = transformers.PreTrainedTokenizerFast(tokenizer_file=f.path("tokenizer.json"))
    rows, unknown = load_file(f.path("model.safetensors"))["embeddings"], t.convert_tokens_to_ids("[UNK]")
    return {"plain": torch.stack([rows[[i for i in t(text, add_special_tokens=False)["input_ids"] if i != unknown]].mean(0) for text in TEXTS])}


def rerank_plain(f, m, case):
    case.update(queries=QUERIES)
    t, scores = transformers.AutoTokenizer.from_pretrained(f.root), []
    for q in QUERIES:
        for text in TEXTS:
            e = t(q, text, truncation=True, max_length=256)
            scores.append(torch.sigmoid(m["hidden"](torch.tensor(e["input_ids"]), torch.tensor(e.get("token_type_ids", 0))))[0])
    return {"scores": torch.stack(scores).float()}


def rerank(f, m, case):
    ce = CrossEncoder(f.root, device="cpu", model_kwargs=F32)
    case.update(queries=QUERIES)
    return {"scores": torch.tensor(np.array(ce.predict([(q, t) for q in QUERIES for t in TEXTS], batch_size=1))).float().reshape(-1)}


def classify(f, m, case):
    ce = CrossEncoder(f.root, device="cpu", model_kwargs=F32)
    case.update(queries=QUERIES)
    raw = ce.predict([(q, t) for q in QUERIES for t in TEXTS], batch_size=1, activation_fn=torch.nn.Identity())
    return {"scores": torch.softmax(torch.tensor(np.array(raw)).float(), -1).reshape(-1)}


def sparse(f, m, case):
    st = SparseEncoder(f.root, device="cpu", model_kwargs=F32)
    run = lambda encode: encode(TEXTS, batch_size=1, convert_to_sparse_tensor=False, show_progress_bar=False).float().contiguous()
    return {"query": run(st.encode_query), "document": run(st.encode_document)}


def multivector(f, m, case):
    mv = MultiVectorEncoder(f.root, device="cpu", model_kwargs=F32)
    case.update(queries=QUERIES)
    answers = {}
    for name, encode, inputs in [("query", mv.encode_query, QUERIES), ("document", mv.encode_document, TEXTS)]:
        rows = [torch.as_tensor(r).float() for r in encode(inputs, batch_size=1, show_progress_bar=False)]
        answers[name] = torch.cat(rows).contiguous()
        case[name + "_rows"] = [len(r) for r in rows]
    return answers


class Four:
    """transformers 4.57.6, in a process of its own."""

    def __init__(self, python):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "popular4.py")
        self.process = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ids(self, folder):
        self.process.stdin.write(json.dumps([folder, TEXTS]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def make(name, m, goldens, four):
    case = dict(name=name, kind=m["kind"], texts=TEXTS, **{k: m[k] for k in ("refused", "pooling", "transformers") if k in m})
    answers = {}
    with tempfile.TemporaryDirectory() as root:
        f = Folder(root, goldens)
        late = build(f, m, m.get("seed", 1))
        if "refused" not in m:
            answers = globals()["_".join([m["kind"]] + [x for x in ["plain", m.get("reference")] if x == "plain" and x in m or x and x != "plain"])](f, m, case)
        if "published_tokenizer" in m:
            f.tokenizer(dict(m, tokenizer=m["published_tokenizer"]))
        for file, content in late.items():
            if os.path.exists(f.path(file)):
                os.remove(f.path(file))
            if content is not None:
                f.put(file, content)
        if four and m.get("tokenizer"):
            case["ids4"] = four.ids(root)
        written = {}
        for at, _, names in sorted(os.walk(root)):
            for file in sorted(names):
                p = os.path.join(at, file)
                with open(p, "rb") as r:
                    written[os.path.join("model", os.path.relpath(p, root))] = r.read()
    written["cases.json"] = json.dumps(case, ensure_ascii=False).encode()
    if answers:
        written["answers.safetensors"] = save(answers)
    about = " ".join(f"{k} {tuple(v.shape)} ±{v.std():.2f}" for k, v in answers.items() if v.is_floating_point()) or m.get("refused")
    print(f"{name:56s} {about[:100]}", flush=True)
    return written


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--goldens", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--only")
    ap.add_argument("--four")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    wrong, same, seen = [], {}, {}
    four = Four(a.four) if a.four else None
    with zipfile.ZipFile(os.path.join(a.out, "popular.zip"), "w") as z:
        write = lambda path, data: z.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED, 9)
        for name, m in MODELS.items():
            if a.only and name.split("/")[1] not in a.only.split(","):
                continue
            try:
                for file, data in make(name, m, a.goldens, four).items():
                    path = f"{name}/{file}"
                    if seen.setdefault(data, path) == path:
                        write(path, data)
                    else:
                        same[path] = seen[data]
            except Exception as e:
                wrong.append(name)
                print(f"{name}: {type(e).__name__}: {e}"[:1200], flush=True)
        write("same.json", json.dumps(same).encode())
    if wrong:
        raise SystemExit("not made: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
