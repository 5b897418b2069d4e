"""Writes numpy.safetensors: which rows numpy finds nearest.

    python generate.py          (numpy 2.4, safetensors 0.8)

query, rows               small integers, so that every sum is exact in every order
dot, cosine, … and *_row  scores of the 25 nearest rows, and their numbers; of equals the lower row first
"""
import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(20260101)
f32 = np.float32
out = {}
query = rng.integers(-6, 7, 43)
rows = rng.integers(-6, 7, (300, 43))
rows[100:130] = rows[7]
rows[131] = 0
rows[140] = query
out["query"], out["rows"] = query.astype(f32), rows.astype(f32)
dot = (rows * query).sum(1)
with np.errstate(invalid="ignore"):
    cosine = dot / np.sqrt((query * query).sum() * (rows * rows).sum(1).astype(np.float64))
cosine[131] = 0
euclidean = np.sqrt(((rows - query) ** 2).sum(1).astype(np.float64))
hamming = ((rows > 0) != (query > 0)).sum(1)
signs = (np.where(rows > 0, 1, -1) * query).sum(1)
for name, scores, order in [("dot", dot, -dot), ("cosine", cosine, -cosine.astype(f32)), ("euclidean", euclidean, euclidean.astype(f32)),
                            ("hamming", hamming, hamming), ("signs", signs, -signs)]:
    best = np.argsort(order, kind="stable")[:25]
    out[name], out[name + "_row"] = scores[best].astype(f32), best.astype(np.int32)
save_file(out, "numpy.safetensors")
