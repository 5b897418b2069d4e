# Writes bin/: what torch.save makes of tensors, in both file layouts and every
# protocol (good-*.bin), what PyTorch holds them to be (good.safetensors), and
# files that must not be read (bad-*.bin).
# Made with torch 2.15.0, huggingface_hub 2.4.0 and safetensors 0.8.0: python generate_bin.py
# The legacy files have addresses of memory in them and differ from run to run.
import collections
import os
import pathlib
import warnings

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

warnings.simplefilter("ignore")
out = pathlib.Path(__file__).parent / "bin"
out.mkdir(exist_ok=True)
torch.manual_seed(1)

special = [0.0, -0.0, 1.0, -2.5, 6.1e-5, -3e-7, 1e-40, 65504.0, 1e30, float("inf"), float("-inf"), 1 / 3]
tensors = collections.OrderedDict()
for name in ["float64", "float32", "float16", "bfloat16"]:
    values = torch.cat([torch.tensor(special, dtype=torch.float64), torch.randn(3, dtype=torch.float64)])
    tensors[name] = values.reshape(3, 5).to(getattr(torch, name))
bytes_ = torch.arange(16, dtype=torch.uint8)
for name in ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "complex64",
             "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz"]:
    tensors[name] = (bytes_ % 2 if name == "bool" else bytes_).clone().view(getattr(torch, name))
base = torch.randn(4, 5, 3)
tensors["base"] = base
tensors["base, the same again"] = base
tensors["view"] = base.view(20, 3)
tensors["rows"] = base[1:3]
tensors["rows and columns"] = base[1:3, 2:4, 1:]
tensors["permuted"] = base.permute(2, 0, 1)
tensors["transposed"] = base[0].t()
tensors["every second"] = base[:, ::2]
tensors["column"] = base[:, 1:2, 1:2]
tensors["one element"] = base[3, 4, 2]
tensors["expanded"] = torch.arange(3.0).reshape(1, 3).expand(4, 3)
tensors["expanded by one"] = torch.arange(4).expand((1, -1))
tensors["transposed, half"] = torch.randn(3, 2).half().t()
tensors["transposed, float8"] = torch.randn(3, 2).to(torch.float8_e4m3fn).t()
tensors["scalar"] = torch.tensor(1.5)
tensors["empty"] = torch.zeros(0, 3)
tensors["empty, at the end"] = base[4:, 2:]
tensors["parameter"] = torch.nn.Parameter(torch.randn(2, 2))
tensors["frozen parameter"] = torch.nn.Parameter(torch.randn(2), requires_grad=False)
tensors["transposed parameter"] = torch.nn.Parameter(torch.randn(2, 3).t())
tensors["with gradient"] = torch.randn(2, requires_grad=True)
tensors['ключ "<&>"\t\\'] = torch.arange(6).reshape(1, 2, 3)
tensors._metadata = collections.OrderedDict({"": {"version": 1}, "layer": {"version": 2, "other": (None, [-70000, 2**40, 0.5, True])}})

save_file({name: t.detach().clone().contiguous() for name, t in tensors.items()}, out / "good.safetensors")
for protocol in 2, 3, 4, 5:
    torch.save(tensors, out / f"good-zip-{protocol}.bin", pickle_protocol=protocol)
    torch.save(tensors, out / f"good-legacy-{protocol}.bin", pickle_protocol=protocol, _use_new_zipfile_serialization=False)


class Reduced:
    """Pickles as a call, with the arguments of older versions of PyTorch or with worse."""

    def __init__(self, f, *args):
        self.call = f, args

    def __reduce__(self):
        return self.call


def typed(t):
    return t.storage()  # a FloatStorage to torch.save


# As PyTorch 1.6 to 2.0 wrote it: a plain dict, torch.Size, no byteorder.
old = {
    "float32": Reduced(torch._utils._rebuild_tensor, typed(tensors["float32"]), 0, torch.Size([3, 5]), (5, 1)),
    "transposed": Reduced(torch._utils._rebuild_tensor_v2, typed(base), 0, torch.Size([3, 5]), (1, 3), False, collections.OrderedDict()),
}
torch.save(old, out / "good-old-zip.bin", _disable_byteorder_record=True)
torch.save(old, out / "good-old-legacy.bin", _use_new_zipfile_serialization=False)
for name in "good-old-zip.bin", "good-old-legacy.bin":
    for key, value in torch.load(out / name).items():
        assert torch.equal(value, tensors[key]), key

# Shards and their index, as transformers 4 wrote them.
layers = {f"layer.{i}.weight": torch.randn(4, 4) for i in range(3)}
save_torch_state_dict(layers, out, filename_pattern="shards{suffix}.bin", max_shard_size=128, safe_serialization=False)
save_file(layers, out / "shards.safetensors")

# Each is what torch.load(weights_only=False) reads or runs; nothing runs here.
small = torch.zeros(2)
bad = {
    "system": {"a": Reduced(os.system, "touch /tmp/it-ran")},
    "eval": {"a": Reduced(eval, "1+1")},
    "getattr": {"a": Reduced(getattr, "a", "upper")},
    "module": torch.nn.Linear(2, 1),
    "checkpoint": {"state_dict": {"a": small}, "epoch": 3},
    "epoch": {"a": small, "epoch": 3},
    "none": {"a": small, "b": None},
    "list": [small],
    "tensor": small,
    "numbered": {0: small},
    "sparse": {"a": torch.eye(2).to_sparse()},
    "quantized": {"a": torch.quantize_per_tensor(small, 0.1, 0, torch.qint8)},
    "conjugated": {"a": torch.ones(2, dtype=torch.complex64).conj()},
    "complex128": {"a": torch.ones(2, dtype=torch.complex128)},
    "meta": {"a": torch.zeros(2, device="meta")},
    "numpy": {"a": small.numpy()},
    "storage": {"a": small.untyped_storage()},
    "set": {"a": {1, 2}},
    "bytes": {"a": b"bytes"},
    "huge number": {"a": 2**4000},
    "too many dimensions": {"a": torch.zeros([1] * 64).unsqueeze(0)},
}
for name, value in bad.items():
    path = out / f"bad-{name.replace(' ', '-')}.bin"
    torch.save(value, path, _use_new_zipfile_serialization=name in ["system", "checkpoint", "meta"],
               pickle_protocol=4 if name == "getattr" else 2)


class Program(torch.nn.Module):
    def forward(self, x):
        return x


torch.jit.save(torch.jit.script(Program()), out / "bad-torchscript.bin")
