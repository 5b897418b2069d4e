# -*- coding: utf-8 -*-
"""Makes gguf/blocks.gguf, tensors of every type that is read, and gguf/blocks.safetensors, what gguf-py makes of them.

usage: generate_gguf.py   (packages: gguf 0.19.0, numpy 2.4.6, safetensors 0.8.0)

Blocks are random bytes, all of whose codes and scales occur, but for the float16 numbers in them, which are finite.
values.gguf has a value of every type.
"""

import os
import numpy as np
import gguf
from gguf import GGMLQuantizationType as Q
from gguf.quants import dequantize
from safetensors.numpy import save_file

os.makedirs("gguf", exist_ok=True)
rng = np.random.default_rng(19)
halves = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208]}
w = gguf.GGUFWriter("gguf/blocks.gguf", "test")
expected = {}
for kind, places in halves.items():
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    rows, columns = 3, 512
    data = rng.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)
    for place in places:
        data[:, place : place + 2] = rng.normal(0, 0.1, len(data)).astype(np.float16).view(np.uint8).reshape(-1, 2)
    data[0, places[0] : places[0] + 2] = np.array([6e-8], np.float16).view(np.uint8)  # the smallest of all
    data = data.reshape(rows, -1)
    w.add_tensor(kind.name, data, raw_dtype=kind)
    expected[kind.name] = np.ascontiguousarray(dequantize(data, kind).astype(np.float32))
numbers = rng.normal(0, 1, (3, 5)).astype(np.float32)
for kind, array in (("F32", numbers), ("F16", numbers.astype(np.float16)), ("F64", numbers.astype(np.float64))):
    w.add_tensor(kind, array)
    expected[kind] = array.astype(np.float32)
b = gguf.quantize(numbers, Q.BF16)
w.add_tensor("BF16", b, raw_dtype=Q.BF16)
expected["BF16"] = dequantize(b, Q.BF16)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
save_file(expected, "gguf/blocks.safetensors")

w = gguf.GGUFWriter("gguf/values.gguf", "test")
w.add_custom_alignment(64)
for name, value in dict(uint8=200, int8=-100, uint16=60000, int16=-30000, uint32=4000000000, int32=-2000000000, uint64=1 << 63, int64=-(1 << 62), float32=0.1, float64=0.1, bool=True).items():
    getattr(w, "add_" + name)("own." + name, value)
w.add_string("own.string", "wörter")
w.add_array("own.strings", ["", "a", "▁b"])
w.add_array("own.floats", [0.5, -1.0])
w.add_array("own.ints", [1, -2])
w.add_array("own.bools", [True, False])
w.add_array("own.bytes", b"\x00\xff")
w.add_tensor("x", np.arange(6, dtype=np.float32).reshape(2, 3))
w.add_tensor("y", np.arange(4, dtype=np.int8))
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
