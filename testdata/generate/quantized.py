# -*- coding: utf-8 -*-
"""Makes tiny random-weight models whose linear layers other tools stored in fewer bits, and their last hidden states.

usage: quantized.py --out DIR [--only name,name]

For every model a folder DIR/<name>/ is written:
  config.json, model.safetensors   what a published folder has of the transformer alone
  golden.safetensors               as variants.py has it: the hidden states of each sequence alone, in float32, with the
                                   weights that the codes stand for

compressed-tensors, bitsandbytes and fp8 with blocks are read by transformers from the folder itself, with the weights
dequantized and activations in floats: CompressedTensorsConfig(dequantize=True), FineGrainedFP8Config(dequantize=True),
dequantize_bnb_weight. Where transformers takes one scheme for all layers, with several groups, each layer is decompressed by
compressed-tensors. The codes and scales are those of these packages too.

GPTQ and AWQ transformers leaves to kernels of GPTQModel, and it knows no weight_scale of fp8. These are plain PyTorch below, after the packing code of AutoGPTQ 0.7.1 (nn_modules/qlinear/qlinear_cuda_old.py: pack, forward),
GPTQModel 7.3.4 (nn_modules/qlinear/__init__.py: dequantize_weight; utils/model.py: convert_gptq_v1_to_v2_format_module),
AutoAWQ 0.2.9 (modules/linear/gemm.py, utils/packing_utils.py: dequantize_gemm) and AutoFP8 as vLLM reads it. Needs the
pinned packages in requirements.txt.
"""

import argparse, json, os, shutil, tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, BitsAndBytesConfig, CompressedTensorsConfig, FineGrainedFP8Config

from transformers.integrations.bitsandbytes import dequantize_bnb_weight

from variants import VOCABULARY, randomize, sequences

torch.set_num_threads(1)

LENGTHS = [1, 2, 9]
FP8 = torch.float8_e4m3fn


def bert():
    return dict(
        model_type="bert",
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        hidden_act="gelu",
        max_position_embeddings=16,
        type_vocab_size=2,
        layer_norm_eps=1e-6,
        pad_token_id=0,
    )


def qwen3(**more):
    config = dict(
        model_type="qwen3",
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        hidden_act="silu",
        max_position_embeddings=32,
        rms_norm_eps=1e-6,
        rope_theta=10000.0,
    )
    return config | more


def wide():
    """One layer whose rows are whole blocks of 64: bitsandbytes' kernel for CPUs begins a block anew in each row, and that
    of GPUs and the format do not."""
    return qwen3(hidden_size=64, intermediate_size=64, num_hidden_layers=1)


def original(config, dtype, seed):
    """A model with random weights, in dtype, without a pooler."""
    kwargs = {"add_pooling_layer": False} if config["model_type"] == "bert" else {}
    c = AutoConfig.for_model(**config)
    model = randomize(AutoModel.from_config(c, **kwargs).eval(), seed)
    return model.to(dtype)


def linears(model, skip=()):
    for name, m in model.named_modules():
        if isinstance(m, torch.nn.Linear) and not any(s in name for s in skip):
            yield name, m


def states(model, rows):
    model = model.eval()
    with torch.no_grad():
        return torch.cat([model(input_ids=row[None], attention_mask=torch.ones_like(row[None])).last_hidden_state[0] for row in rows])


def with_weights(config, tensors, dense):
    """The model in float32 with the tensors that are its own and the dense weights."""
    model = original(config, torch.float32, 0)
    own = model.state_dict()
    rest = {k: v.float() for k, v in tensors.items() if k in own and k not in dense}
    model.load_state_dict(rest | {k: v.float() for k, v in dense.items()}, strict=True)
    return model


def read(folder, config, **more):
    kwargs = {"add_pooling_layer": False} if config["model_type"] == "bert" else {}
    model, info = AutoModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **kwargs, **more)
    assert not info["missing_keys"] and not info["mismatched_keys"], info
    return model


# compressed-tensors


def weights(bits, strategy, **more):
    return dict(num_bits=bits, type="int", symmetric=True, strategy=strategy, dynamic=False) | more


ACTIVATIONS = dict(num_bits=8, type="int", symmetric=True, strategy="token", dynamic=True)


def compressed(fmt, groups, model=qwen3, ignore=(), dtype=torch.bfloat16, static=False):
    """groups: lists of targets, and what is said of their weights and activations."""

    def make(folder, seed, rows):
        from compressed_tensors.compressors import BaseCompressor
        from compressed_tensors.quantization import QuantizationConfig
        from compressed_tensors.quantization.utils import calculate_qparams
        from compressed_tensors.utils.match import match_named_modules

        config = model()
        m = original(config, dtype, seed)
        q = dict(
            quant_method="compressed-tensors",
            format=fmt,
            quantization_status="compressed",
            global_compression_ratio=None,
            kv_cache_scheme=None,
            ignore=list(ignore),
            config_groups={
                f"group_{i}": dict(targets=t, weights=w, input_activations=a, output_activations=None)
                for i, (t, w, a) in enumerate(groups)
            },
        )
        tensors = {k: v.detach().clone().contiguous() for k, v in m.state_dict().items()}
        dense = {}
        for scheme in QuantizationConfig.model_validate(q).config_groups.values():
            args = scheme.weights
            for name, layer in match_named_modules(m, scheme.targets, ignore):
                if not isinstance(layer, torch.nn.Linear):
                    continue
                w = layer.weight.data
                scale, zero = scales(w, args, calculate_qparams)
                state = dict(weight=w, weight_scale=scale, weight_zero_point=zero)
                compressor = BaseCompressor.get_value_from_registry(fmt)
                packed = compressor.compress(state, scheme)
                del tensors[name + ".weight"]
                tensors |= {f"{name}.{k}": v.contiguous() for k, v in packed.items() if v is not None}
                dense[name + ".weight"] = compressor.decompress(packed, scheme)["weight"]
                if static:
                    tensors[name + ".input_scale"] = torch.tensor([0.02], dtype=dtype)
        save(folder, config, dtype, q, tensors)
        want = with_weights(config, tensors, dense)
        if len(groups) == 1:
            got = read(folder, config, quantization_config=CompressedTensorsConfig(dequantize=True))
            for k in dense:
                assert torch.equal(got.state_dict()[k], want.state_dict()[k]), k
            want = got
        return states(want, rows)

    return make


def scales(w, args, calculate_qparams):
    """The scales of a weight, and its zero points, in the shapes in which compressed-tensors keeps them."""
    rows, cols = w.shape
    if args.strategy == "tensor":
        low, high = w.min().reshape(1), w.max().reshape(1)
    elif args.strategy == "channel":
        low, high = w.amin(1, keepdim=True), w.amax(1, keepdim=True)
    elif args.strategy == "group":
        g = w.reshape(rows, cols // args.group_size, args.group_size)
        low, high = g.amin(2), g.amax(2)
    else:
        a, b = args.block_structure
        pad = torch.nn.functional.pad(w, (0, -cols % b, 0, -rows % a))
        g = pad.reshape(pad.shape[0] // a, a, pad.shape[1] // b, b)
        low, high = g.amin((1, 3)), g.amax((1, 3))
    return calculate_qparams(low, high, args)


# GPTQ


def bits_of(codes, bits):
    """Packs codes along dimension 0 into int32 words, the first code in the lowest bits."""
    n, per = codes.shape[0], 32 // bits
    shifts = (torch.arange(n) % per * bits)[:, None]
    words = (codes.long() << shifts).reshape(n // per, per, -1).sum(1)
    return torch.where(words >= 1 << 31, words - (1 << 32), words).int()


def gptq(bits, group_size, sym, desc_act, checkpoint_format, model=qwen3, dtype=torch.float16, skip=()):
    def make(folder, seed, rows):
        config = model()
        m = original(config, dtype, seed)
        q = dict(
            quant_method="gptq", bits=bits, group_size=group_size, sym=sym, desc_act=desc_act, damp_percent=0.01,
            checkpoint_format=checkpoint_format, true_sequential=True, static_groups=False, lm_head=False, pack_dtype="int32",
            meta={"quantizer": ["gptqmodel:7.3.4"], "static_groups": False},
        )
        tensors = {k: v.detach().clone().contiguous() for k, v in m.state_dict().items()}
        dense = {}
        g = torch.Generator().manual_seed(seed + 1)
        for name, layer in linears(m, skip):
            w = layer.weight.data.float().t()  # in × out
            size = group_size if group_size > 0 else w.shape[0]
            groups = w.shape[0] // size
            g_idx = (torch.arange(w.shape[0]) // size).int()
            if desc_act:
                g_idx = g_idx[torch.randperm(w.shape[0], generator=g)]
            top = (1 << bits) - 1
            scale, zero = torch.empty(groups, w.shape[1]), torch.empty(groups, w.shape[1]).int()
            for i in range(groups):
                low, high = w[g_idx == i].amin(0).clamp(max=0), w[g_idx == i].amax(0).clamp(min=0)
                if sym:
                    scale[i], zero[i] = torch.maximum(-low, high) * 2 / top, 1 << (bits - 1)
                else:
                    scale[i] = (high - low) / top
                    zero[i] = (-low / scale[i]).round().clamp(1, top)
            scale = scale.half()
            codes = (w / scale.float()[g_idx] + zero[g_idx]).round().clamp(0, top).int()
            stored = zero - int(checkpoint_format == "gptq")  # the zero points less 1
            del tensors[name + ".weight"]
            tensors |= {
                name + ".qweight": bits_of(codes, bits),
                name + ".qzeros": bits_of(stored.t(), bits).t().contiguous(),
                name + ".scales": scale,
                name + ".g_idx": g_idx,
            }
            dense[name + ".weight"] = (scale[g_idx] * (codes - zero[g_idx]).half()).t()
        save(folder, config, dtype, q, tensors)
        return states(with_weights(config, tensors, dense), rows)

    return make


# AWQ


def awq(group_size, dtype=torch.float16, skip=()):
    order = [0, 2, 4, 6, 1, 3, 5, 7]  # of the columns in a word

    def pack(codes):
        n, cols = codes.shape
        return bits_of(codes.reshape(n, cols // 8, 8)[:, :, order].reshape(n, cols).t(), 4).t().contiguous()

    def make(folder, seed, rows):
        config = qwen3()
        m = original(config, dtype, seed)
        q = dict(quant_method="awq", bits=4, group_size=group_size, zero_point=True, version="gemm", backend="autoawq",
                 modules_to_not_convert=list(skip) or None)
        tensors = {k: v.detach().clone().contiguous() for k, v in m.state_dict().items()}
        dense = {}
        for name, layer in linears(m, skip):
            w = layer.weight.data.float().t()  # in × out
            g = w.reshape(w.shape[0] // group_size, group_size, -1)
            low, high = g.amin(1), g.amax(1)
            scale = ((high - low) / 15).half()
            zero = (-low / scale.float()).round().clamp(0, 15).int()
            each = lambda x: x.repeat_interleave(group_size, 0)
            codes = (w / each(scale).float() + each(zero)).round().clamp(0, 15).int()
            del tensors[name + ".weight"]
            tensors |= {name + ".qweight": pack(codes), name + ".qzeros": pack(zero), name + ".scales": scale}
            dense[name + ".weight"] = ((codes - each(zero)).to(torch.int8) * each(scale)).t()
        save(folder, config, dtype, q, tensors)
        return states(with_weights(config, tensors, dense), rows)

    return make


# bitsandbytes


def bitsandbytes(model, dtype, **settings):
    def make(folder, seed, rows):
        config = model()
        with tempfile.TemporaryDirectory() as floats:
            original(config, dtype, seed).save_pretrained(floats)
            kwargs = {"add_pooling_layer": False} if config["model_type"] == "bert" else {}
            settings_ = BitsAndBytesConfig(**settings)
            m = AutoModel.from_pretrained(floats, dtype=dtype, quantization_config=settings_, device_map="cpu", **kwargs)
        with tempfile.TemporaryDirectory() as saved:
            m.save_pretrained(saved)
            tensors = load_file(os.path.join(saved, "model.safetensors"))
            with open(os.path.join(saved, "config.json")) as f:
                q = json.load(f)["quantization_config"]
        save(folder, config, dtype, q, tensors)
        m = AutoModel.from_pretrained(folder, device_map="cpu", **kwargs)
        layers = [(name, layer) for name, layer in linears(m)]
        dense = {name + ".weight": dequantize_bnb_weight(layer.weight, getattr(layer, "state", None)) for name, layer in layers}
        return states(with_weights(config, tensors, dense), rows)

    return make


# FP8


def fp8_blocks(block, model=qwen3, skip=()):
    def make(folder, seed, rows):
        config = model()
        m = original(config, torch.bfloat16, seed)
        q = dict(quant_method="fp8", activation_scheme="dynamic", fmt="e4m3", weight_block_size=block, modules_to_not_convert=list(skip))
        tensors = {k: v.detach().clone().contiguous() for k, v in m.state_dict().items()}
        for name, layer in linears(m, skip):
            w = layer.weight.data.float()
            a, b = block
            g = w.reshape(w.shape[0] // a, a, w.shape[1] // b, b)
            scale = g.abs().amax((1, 3)) / torch.finfo(FP8).max
            tensors[name + ".weight"] = (g / scale[:, None, :, None]).reshape(w.shape).to(FP8)
            tensors[name + ".weight_scale_inv"] = scale
        save(folder, config, torch.bfloat16, q, tensors)
        return states(read(folder, config, quantization_config=FineGrainedFP8Config(dequantize=True)).float(), rows)

    return make


def fp8_tensor(skip=()):
    def make(folder, seed, rows):
        config = qwen3()
        m = original(config, torch.bfloat16, seed)
        q = dict(quant_method="fp8", activation_scheme="static", ignored_layers=list(skip))
        tensors = {k: v.detach().clone().contiguous() for k, v in m.state_dict().items()}
        dense = {}
        for name, layer in linears(m, skip):
            w = layer.weight.data.float()
            scale = w.abs().max() / torch.finfo(FP8).max
            tensors[name + ".weight"] = (w / scale).to(FP8)
            tensors[name + ".weight_scale"] = scale
            tensors[name + ".input_scale"] = torch.tensor(0.02)
            dense[name + ".weight"] = tensors[name + ".weight"].float() * scale
        save(folder, config, torch.bfloat16, q, tensors)
        return states(with_weights(config, tensors, dense), rows)

    return make


MODELS = {
    "compressed-int8-channel": compressed("int-quantized", [(["Linear"], weights(8, "channel"), ACTIVATIONS)], model=bert),
    "compressed-int8-tensor": compressed(
        "naive-quantized", [(["Linear"], weights(8, "tensor"), weights(8, "tensor"))], ignore=["layers.0.mlp.down_proj"], static=True
    ),
    "compressed-int8-group": compressed(
        "int-quantized", [(["Linear"], weights(8, "group", group_size=16, symmetric=False), ACTIVATIONS)], dtype=torch.float32
    ),
    "compressed-int4": compressed(
        "pack-quantized", [(["Linear"], weights(4, "group", group_size=16), None)], ignore=["re:.*self_attn\\.[kv]_proj$", "lm_head"]
    ),
    "compressed-int4-asymmetric": compressed(
        "pack-quantized", [(["Linear"], weights(4, "group", group_size=8, symmetric=False), None)], dtype=torch.float16
    ),
    "compressed-two-groups": compressed(
        "pack-quantized",
        [(["re:.*mlp.*"], weights(4, "channel"), None), (["re:.*self_attn.*"], weights(8, "channel", symmetric=False), None)],
    ),
    "compressed-fp8-channel": compressed(
        "float-quantized",
        [(["Linear"], weights(8, "channel", type="float"), ACTIVATIONS | dict(type="float"))],
        model=bert,
    ),
    "compressed-fp8-block": compressed(
        "naive-quantized", [(["Linear"], weights(8, "block", type="float", block_structure=[24, 20]), None)]
    ),
    "gptq": gptq(4, 16, True, False, "gptq"),
    "gptq-act-order": gptq(4, 16, False, True, "gptq", skip=["layers.1.mlp"]),
    "gptq-v2": gptq(8, -1, False, False, "gptq_v2", model=bert),
    "gptq-2-bits": gptq(2, 8, True, False, "gptq"),
    "awq": awq(16, skip=["down_proj"]),
    "bitsandbytes-int8": bitsandbytes(bert, torch.float16, load_in_8bit=True),
    "bitsandbytes-nf4": bitsandbytes(
        wide, torch.bfloat16, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype="bfloat16"
    ),
    "bitsandbytes-fp4": bitsandbytes(wide, torch.float16, load_in_4bit=True, bnb_4bit_quant_type="fp4"),
    "fp8-blocks": fp8_blocks([16, 8], skip=["layers.0.self_attn.o_proj"]),
    "fp8-tensor": fp8_tensor(skip=["layers.1.mlp.up_proj"]),
}


def save(folder, config, dtype, quantization, tensors):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    config = config | dict(dtype=str(dtype).removeprefix("torch."), quantization_config=quantization)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)
        f.write("\n")
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--only", default="")
    args = p.parse_args()
    only = [n for n in args.only.split(",") if n]
    for i, (name, make) in enumerate(MODELS.items()):
        if only and name not in only:
            continue
        folder = os.path.join(args.out, name)
        rows = sequences(20261130 + i, LENGTHS, VOCABULARY)
        hidden = make(folder, 20261130 + 100 * i, rows).float()
        starts = torch.tensor([0] + [len(row) for row in rows]).cumsum(0)
        golden = dict(input_ids=torch.cat(rows), starts=starts, last_hidden_state=hidden.contiguous())
        save_file(golden, os.path.join(folder, "golden.safetensors"))
        print(f"{name:28s} {hidden.shape[0]:5d} tokens, standard deviation {hidden.std():.3f}", flush=True)


if __name__ == "__main__":
    main()
