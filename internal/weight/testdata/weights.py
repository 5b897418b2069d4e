"""Writes weights.safetensors: what numpy makes of the weights of a linear layer in 8 bits and 4.

    python weights.py          (numpy 2.4, safetensors 0.8)

weights                     33 rows of 100 columns
int8, int8_scale            rint(w * (127 / max|w|)) of each row, max|w| / 127; no scale is below 1/max(float32)
int4, int4_scale            of each 32 columns: codes of -8 to 7, and a scale in bfloat16. Four units put the largest element at
                            -8, -8.5, -7.5 or -7; the unit whose codes have the largest (sum u*c)^2 / sum c*c / step^2 counts,
                            times sum u*c / sum c*c, rounded to bfloat16. Codes are rint(w * (1 / scale)), within -8 to 7.
packed                      the codes + 8 as bytes: byte i of 4 has code i of 8 in its low half and code i+4 in its high half
"""
import numpy as np
from safetensors.numpy import save_file

f32 = np.float32
rng = np.random.default_rng(20260101)
w = rng.normal(size=(33, 100)).astype(f32) / f32(7)
w[1] = 0
w[2] *= f32(1e34)
w[3] *= f32(1e-27)
w[4] = rng.integers(-16, 17, 100) / f32(2)  # many lie in the middle of two codes
w[5, :32] = 0
w[6, 40] = 5  # an outlier in its group
w[7, ::2] = -0.0
w[8] *= f32(2.0**-100)  # some groups have no element of 2^-100
w[9] = f32(-0.3)


def bfloat16(x):
    u = np.array(x, f32).view(np.uint32)
    return (((u + 0x7FFF + ((u >> 16) & 1)) >> 16) << 16).astype(np.uint32).view(f32)


def level(u):
    return np.clip(np.rint(u), f32(-8), f32(7)).astype(f32)


def total(x):
    s = f32(0)
    for v in x:
        s = f32(s + v)
    return s


def group(x):
    top = x[np.abs(x).argmax()]
    if np.abs(top) < f32(2.0**-100):
        return np.zeros(len(x), np.int8), f32(0)
    best, scale = f32(0), f32(0)
    for step in (f32(-8), f32(-8.5), f32(-7.5), f32(-7)):
        u = (x * f32(step / top)).astype(f32)
        c = level(u)
        products, squares = total(u * c), total(c * c)
        factor = f32(products / squares)
        gain = f32(f32(products * factor) / f32(step * step))
        if gain > best:
            best, scale = gain, f32(f32(top / step) * factor)
    scale = bfloat16(scale)
    return level(x * f32(f32(1) / scale)).astype(np.int8), scale


most, largest = np.abs(w).max(axis=1, keepdims=True), np.finfo(f32).max
out = {
    "weights": w,
    "int8": np.rint(w * np.minimum(f32(127) / np.where(most == 0, f32(1), most), largest)).astype(np.int8),
    "int8_scale": np.maximum(most / f32(127), f32(1) / largest)[:, 0],
}
codes, scales = np.zeros((33, 128), np.int8), np.zeros((33, 4), f32)
for i in range(33):
    for g in range(4):
        c, scales[i, g] = group(w[i, 32 * g : 32 * g + 32])
        codes[i, 32 * g : 32 * g + len(c)] = c
out["int4"], out["int4_scale"] = codes, scales
halves = (codes + 8).astype(np.uint8).reshape(33, 16, 2, 4)
out["packed"] = (halves[:, :, 0] | halves[:, :, 1] << 4).reshape(33, 64)
save_file(out, "weights.safetensors")
for name, back in (("int8", out["int8"] * out["int8_scale"][:, None]), ("int4", (codes.reshape(33, 4, 32) * scales[:, :, None]).reshape(33, 128)[:, :100])):
    rows = slice(10, 33)
    print(name, np.sqrt(((back - w)[rows] ** 2).sum() / (w[rows] ** 2).sum()))
