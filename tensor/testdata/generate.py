# Writes dtypes.safetensors: tensors of every dtype that PyTorch has, and for the
# float types what PyTorch makes of them as float32, under the name + ".float32".
# Made with safetensors 0.8.0 and torch 2.15.0: python generate.py
import torch
from safetensors.torch import save_file

torch.manual_seed(1)
tensors = {"scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3), "ключ \"<&>\"\t\\": torch.arange(6).reshape(1, 2, 3)}
special = [0.0, -0.0, 1.0, -2.5, 6.1e-5, -3e-7, 1e-40, 65504.0, 1e30, float("inf"), float("-inf"), 1 / 3]
for dtype in [torch.float64, torch.float32, torch.float16, torch.bfloat16]:
    name = str(dtype).removeprefix("torch.")
    x = torch.cat([torch.tensor(special, dtype=torch.float64), torch.randn(23, dtype=torch.float64)]).reshape(5, 7).to(dtype)
    tensors[name] = x
    tensors[name + ".float32"] = x.float().clone()
bytes_ = torch.arange(16, dtype=torch.uint8)
for name in ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "complex64",
             "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn_x2"]:
    tensors[name] = (bytes_ % 2 if name == "bool" else bytes_).clone().view(getattr(torch, name))
save_file(tensors, "dtypes.safetensors", metadata={"format": "pt"})
