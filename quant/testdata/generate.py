"""Writes numpy.safetensors: what numpy makes of vectors in 8 bits and 16, and which rows it finds nearest.

    python generate.py          (numpy 2.4, safetensors 0.8)

vectors, int8, uint8, scale   rint(v * 127 / max|v|) in float32, 128 more, max|v| / 127
float16, ubinary, binary      astype(float16); packbits(v > 0), and that less 128
query, rows                   small integers, so that every sum is exact in every order
dot, cosine, … and *_row      scores of the 25 nearest rows, and their numbers; of equals the lower row first
"""
import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(20260101)
f32 = np.float32
v = rng.normal(size=(60, 100)).astype(f32)
v /= np.linalg.norm(v, axis=1, keepdims=True)
v[1] = 0
v[2] *= f32(1e36)      # v * 127 is near the largest float32
v[3] *= f32(1e-30)
v[4] = rng.integers(-254, 255, 100) / f32(2)  # many lie in the middle of two integers
v[4, 0] = 127
v[5] = rng.integers(-254, 255, 100) * f32(2.0 ** -133)
v[5, 0] = -f32(127 * 2.0 ** -132)
v[6, ::2] = -0.0
out = {"vectors": v}
most = np.abs(v).max(axis=1, keepdims=True)
out["int8"] = np.rint(v * f32(127) / np.where(most == 0, f32(1), most)).astype(np.int8)
out["uint8"] = (out["int8"].astype(np.int16) + 128).astype(np.uint8)
out["scale"] = (most / f32(127))[:, 0]
with np.errstate(over="ignore"):
    out["float16"] = v.astype(np.float16)
out["ubinary"] = np.packbits(v > 0, axis=1)
out["binary"] = (out["ubinary"].astype(np.int16) - 128).astype(np.int8)

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
