"""Writes numpy.safetensors: what numpy makes of vectors in 8 bits and 16.

    python generate.py          (numpy 2.4, safetensors 0.8)

vectors, int8, uint8, scale   rint(v * 127 / max|v|) in float32, 128 more, max|v| / 127
float16, ubinary, binary      astype(float16); packbits(v > 0), and that less 128
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
save_file(out, "numpy.safetensors")
