"""Compares Rhumb with sentence-transformers on real models: their token ids, and their vectors in each precision.

usage: real.py --models DIR [--precisions float32,bfloat16,int8,int4,int4-copy] [--rhumb PROGRAM] [--worst N] [--strict] [NAME...]

--models has a folder of each model, as sentence-transformers reads it; NAMEs are those to compare, all unless there are some.
--rhumb is the program, built of this module unless it is given. The texts are those of testdata/goldens/all-MiniLM-L6-v2, but
for the empty ones, and hard ones that are made here. The reference's answers, in float32 and of one text at a time, are kept in
DIR/.reference until the model or the texts change.

Prints a table of Markdown: how many texts have other ids, in float32 the largest difference of a component of vectors of unit
length, in the others 1 - cosine to the reference, mean / worst of the texts / worst of the hard ones. --worst names the N texts
that are off most. int4-copy is what `rhumb quantize --precision int4` makes of the folder, at int4; it takes minutes, and is not
among the precisions unless they are given. Exits with 1 where ids differ, or a precision is off by more than LIMITS say; int4 is
only measured, copy or not, unless --strict is given. Needs the packages of ../generate/requirements.txt.
"""

import argparse, hashlib, json, os, subprocess, sys, tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Of the precision: float32's largest difference, or 1 - cosine, mean of the texts and worst of all.
LIMITS = {"float32": 2e-5, "bfloat16": (5e-5, 5e-4), "int8": (5e-4, 2e-3), "int4": (1e-2, 3e-2), "int4-copy": (1e-2, 3e-2)}

# Of models that rounding throws about: PyTorch's own vectors are up to 3.1e-4 from float64 in float32 ("right to left"; Rhumb's
# 2.0e-4), and 1.5e-2 in bfloat16 ("one word, short"). Int8 keeps the layers of this one that need it in bfloat16, and attention in float32.
OWN_LIMITS = {"qwen2.5-coder-0.5b": {"float32": 2e-4, "bfloat16": (2e-4, 2e-2), "int8": (5e-4, 5e-3)}}

HARD = {  # the first ones are over the limit of most models
    "one word": "word " * 600,
    "emoji": "\U0001F642" * 500,
    "digits": "0123456789 " * 200,
    "sentences": "The parcel arrived two days late, and the box was dented on one side. " * 60,
    "one word, short": "the the the the",
    "one letter": "a" * 300,
    "Chinese": "東京都の天気は晴れ。" * 12,
    "Russian": "Привет мир, " * 20,
    "right to left": "שלום עולם مرحبا " * 12,
    "Hindi, Thai, Korean": "नमस्ते दुनिया สวัสดีชาวโลก 안녕하세요 " * 6,
    "scripts in turn": "east восток 東 شرق पूर्व ανατολή 동쪽 ทิศตะวันออก " * 5,
    "code": "def f(x):\n    return [y * 2 for y in x if y % 3]\n" * 8,
    "JSON": '{"id": 42, "tags": ["a", "b"], "ok": true}, ' * 8,
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=" * 6,
    "hexadecimal": "deadbeef 0x7fff5fbff8a0 " * 10,
    "punctuation": "! ? . , ; : - " * 15,
    "combining marks": "e\u0301" * 100,
    "addresses": "https://example.com/a/b?c=d&e=f#g " * 8,
    "one letter alone": "x",
    "one sign": ".",
}


def texts():
    with open(os.path.join(ROOT, "testdata/goldens/all-MiniLM-L6-v2/cases.json"), encoding="utf-8") as f:
        return [t for t in json.load(f)["texts"] if t.strip()]


def kind(folder):
    """Whether a folder is of a dense model, or a sparse one."""
    if not os.path.exists(f"{folder}/config.json"):
        return "dense"
    architectures = json.load(open(f"{folder}/config.json")).get("architectures") or [""]
    return "sparse" if not os.path.exists(f"{folder}/modules.json") and architectures[0].endswith("ForMaskedLM") else "dense"


def key(folder, inputs):
    """Names what the reference's answers depend on: the texts and the files."""
    h = hashlib.sha256(json.dumps(inputs).encode())
    for at, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            s = os.stat(os.path.join(at, name))
            h.update(f"{name} {s.st_size} {s.st_mtime_ns}\n".encode())
    return h.hexdigest()


def reference(folder, inputs, kept):
    """Returns the ids of each text, and the vectors of all, of unit length."""
    if os.path.exists(kept):
        with np.load(kept, allow_pickle=False) as f:
            if str(f["key"]) == key(folder, inputs):
                return [list(i) for i in np.split(f["ids"], f["starts"][1:-1])], f["vectors"]
    import torch
    from sentence_transformers import SentenceTransformer, SparseEncoder

    torch.set_num_threads(1)  # one text at a time has little for more
    if kind(folder) == "sparse":
        m = SparseEncoder(folder, device="cpu", model_kwargs={"dtype": torch.float32}).eval()
        vectors = m.encode(inputs, batch_size=1, convert_to_sparse_tensor=False).numpy()
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    else:
        # Not float() after loading: what a model computes of its settings, as Gemma's scale of embeddings, would stay in bfloat16.
        m = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float32}).eval()
        vectors = m.encode(inputs, batch_size=1, normalize_embeddings=True)
    ids = [[int(v) for v in np.asarray(m.preprocess([t])["input_ids"]).reshape(-1)] for t in inputs]
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    starts = np.cumsum([0] + [len(i) for i in ids])
    np.savez(kept, key=key(folder, inputs), ids=np.concatenate(ids), starts=starts, vectors=vectors)
    return ids, vectors


def build(work):
    """Returns the path of the program, built in the folder work."""
    rhumb = os.path.join(work, "rhumb")
    subprocess.run(["go", "build", "-o", rhumb, "./cmd/rhumb"], cwd=ROOT, env=dict(os.environ, CGO_ENABLED="0"), check=True)
    return rhumb


def run(rhumb, *args):
    p = subprocess.run([rhumb, *args], capture_output=True, text=True)
    if p.returncode:
        raise RuntimeError(p.stderr.strip()[-300:])
    return p.stdout


def embed(rhumb, folder, precision, lines, work, width):
    """Returns Rhumb's vectors of the texts in the file lines, of unit length."""
    if precision == "int4-copy":
        copy, precision = os.path.join(work, "copy"), "int4"
        run(rhumb, "quantize", "--precision", precision, folder, copy)
        folder = copy
    if kind(folder) == "dense":
        out = os.path.join(work, "out.npy")
        run(rhumb, "embed", "--model", folder, "--precision", precision, "--input", lines, "--output", out)
        got = np.load(out).astype(np.float64)
        os.remove(out)
    else:
        rows = [json.loads(l) for l in run(rhumb, "embed", "--model", folder, "--as", "sparse", "--precision", precision, "--input", lines).splitlines()]
        got = np.zeros((len(rows), width))
        for g, row in zip(got, rows):
            v = row["sparse"]
            g[v["indices"]] = v["values"]
    return got / np.maximum(np.linalg.norm(got, axis=1, keepdims=True), 1e-30)


def compare(rhumb, folder, precisions, kept, worst):
    """Returns the cells of a model, and what is off."""
    limits = LIMITS | OWN_LIMITS.get(os.path.basename(folder), {})
    plain = texts()
    inputs, names = plain + list(HARD.values()), [repr(t)[:60] for t in plain] + list(HARD)
    ids, want = reference(folder, inputs, kept)
    want, off, cells = want.astype(np.float64), [], []
    with tempfile.TemporaryDirectory() as work:
        lines = os.path.join(work, "texts.jsonl")
        with open(lines, "w") as f:
            f.writelines(json.dumps(t) + "\n" for t in inputs)
        got = [json.loads(l) for l in run(rhumb, "tokenize", "--ids", "--model", folder, "--input", lines).splitlines()]
        limit = max(map(len, ids))  # tokenize does not cut
        differ = sum(g != i and not (len(i) == limit and len(g) > limit) for g, i in zip(got, ids)) + abs(len(got) - len(ids))
        cells.append(str(differ))
        if differ:
            off.append(f"{differ} texts have other ids")
        for p in precisions:
            try:
                vectors = embed(rhumb, folder, p, lines, work, want.shape[1])
            except RuntimeError as e:
                cells.append("refused")
                off.append(f"{p}: {e}")
                continue
            if p == "float32":
                most = np.abs(vectors - want).max()
                cells.append(f"{most:.1e}")
                if most > limits[p]:
                    off.append(f"{p}: {most:.1e}, expected {limits[p]} at most")
                continue
            loss = np.maximum(1 - (vectors * want).sum(1), 0)
            mean, n = loss[: len(plain)].mean(), len(plain)
            cells.append(f"{mean:.1e} / {loss[:n].max():.1e} / {loss[n:].max():.1e}")
            if mean > limits[p][0] or loss.max() > limits[p][1]:
                off.append(f"{p}: mean {mean:.1e}, worst {loss.max():.1e} of {names[loss.argmax()]}, expected {limits[p][0]} and {limits[p][1]} at most")
            for i in np.argsort(-loss)[:worst]:
                print(f"    {p}: {loss[i]:.1e} {names[i]}", file=sys.stderr)
    return cells, off


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--models", required=True)
    ap.add_argument("--precisions", default="float32,bfloat16,int8,int4")
    ap.add_argument("--rhumb")
    ap.add_argument("--worst", type=int, default=0)
    ap.add_argument("--strict", action="store_true")
    ap.add_argument("names", nargs="*")
    a = ap.parse_args()
    precisions = a.precisions.split(",")
    names = a.names or sorted(n for n in os.listdir(a.models) if os.path.isfile(os.path.join(a.models, n, "tokenizer.json")))
    if not names:
        sys.exit(f"{a.models}: no folder with a tokenizer.json, expected those of models")
    fails = 0
    with tempfile.TemporaryDirectory() as work:
        a.rhumb = a.rhumb or build(work)
        print("| model | other ids |", " | ".join(precisions), "|")
        print("|---" * (len(precisions) + 2) + "|", flush=True)
        for name in names:
            cells, off = compare(a.rhumb, os.path.join(a.models, name), precisions, os.path.join(a.models, ".reference", name + ".npz"), a.worst)
            print("|", " | ".join([name] + cells), "|", flush=True)
            for o in off:
                print(f"  {name}: {o}", file=sys.stderr, flush=True)
            fails += sum(a.strict or not o.startswith(("int4: mean", "int4-copy: mean")) for o in off)
    sys.exit(bool(fails))


if __name__ == "__main__":
    main()
