"""What sentence-transformers makes of testdata/retrieval and of the STS benchmark in float32, and in its other formats and dimensions.

    formats.py MODELS OUT [STS] [MODEL …]    scores the models in the folder MODELS, and writes OUT, a JSON file that it adds to;
                                               STS is a CSV file, as PhilipMay/stsb-multi-mt has it: two sentences and a score

nDCG@10 is that of retrieval.py. Of STS it is Spearman's correlation of the people's scores with the cosines, or of bits with the equal ones.
int8 has the ranges of all documents, or sentences, as quantize_embeddings makes them. Versions as in requirements.txt.
"""
import csv
import gzip
import json
import os
import sys

import numpy as np
import sentence_transformers
import torch
import transformers
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer, SparseEncoder
from sentence_transformers.util import quantize_embeddings

from retrieval import gain, queries, texts, wanted

DENSE = ["all-MiniLM-L6-v2", "all-mpnet-base-v2", "e5-small-v2", "multilingual-e5-small", "paraphrase-MiniLM-L3-v2", "wordllama-256"]
SPARSE = ["splade-tiny"]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def bits(rows):
    return np.unpackbits(quantize_embeddings(rows, precision="ubinary"), axis=1).astype(np.float32) * 2 - 1  # a product counts equal bits


def formats(rows, of):
    """Each format's form of rows, to be multiplied, calibrated on the rows of."""
    d = rows.shape[1]
    whole = lambda r: unit(quantize_embeddings(r, precision="int8", calibration_embeddings=of).astype(np.float32))
    return {
        "float": rows,
        "float16": unit(rows.astype(np.float16).astype(np.float32)),
        "int8": whole(rows),
        "ubinary": bits(rows),
        "1/2": unit(rows[:, : d // 2]),
        "1/4": unit(rows[:, : d // 4]),
    }


def dense(path, first, second):
    m = SentenceTransformer(path, device="cpu").eval()
    encode = lambda rows, query: (m.encode_query if query else m.encode_document)(rows, batch_size=32, normalize_embeddings=True).astype(np.float32)
    q, d = encode([q["text"] for q in queries], True), encode(texts, False)
    forms = zip(formats(q, d).items(), formats(d, d).values())
    retrieval = {k: np.mean([gain(s, w) for s, w in zip(a @ b.T, wanted)]) for (k, a), b in forms}
    if not first:
        return retrieval, None
    a, b = encode(first, True), encode(second, True)
    both = np.concatenate([a, b])
    return retrieval, {k: (x[: len(a)] * x[len(a) :]).sum(1) for k, x in formats(both, both).items()}


def sparse(path, first, second):
    m = SparseEncoder(path, device="cpu").eval()
    encode = lambda rows, query: (m.encode_query if query else m.encode_document)(rows, batch_size=32, convert_to_sparse_tensor=False).double().numpy()
    scores = encode([q["text"] for q in queries], True) @ encode(texts, False).T
    retrieval = {"float": np.mean([gain(s, w) for s, w in zip(scores, wanted)])}
    return retrieval, {"float": (unit(encode(first, True)) * unit(encode(second, True))).sum(1)} if first else None


def main(models, out, sts=None, *only):
    torch.set_num_threads(int(os.environ.get("THREADS", 2)))
    rows = list(csv.reader((gzip.open if sts.endswith(".gz") else open)(sts, "rt", encoding="utf-8"))) if sts else []
    first, second, people = [r[0] for r in rows], [r[1] for r in rows], [float(r[2]) for r in rows]
    for name in DENSE + SPARSE:
        if only and name not in only:
            continue
        retrieval, scores = (sparse if name in SPARSE else dense)(f"{models}/{name}", first, second)
        result = json.load(open(out)) if os.path.exists(out) else {}
        result["versions"] = {m.__name__: m.__version__ for m in [sentence_transformers, torch, transformers]}
        result.setdefault("retrieval", {})[name] = {k: round(float(v), 6) for k, v in retrieval.items()}
        if scores:
            result["pairs"] = len(rows)
            result.setdefault("sts", {})[name] = {k: round(float(spearmanr(people, v).statistic), 6) for k, v in scores.items()}
        print(name, result["retrieval"][name], result.get("sts", {}).get(name), flush=True)
        with open(out, "w") as f:
            json.dump(result, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
