# -*- coding: utf-8 -*-
"""Writes a folder shaped as Qwen/Qwen3-Embedding-0.6B, 4B or 8B, with random weights, to measure memory and time with.

usage: large.py --out DIR --tokenizer DIR [--shape 0.6B|4B|8B] [--layers N] [--seed N] [--quantized int8|int4] [--reranker]

--tokenizer is a folder with the tokenizer.json and tokenizer_config.json to use, of a reranker with chat_template.jinja too: the ids of its
texts must be below 151665.
The weights (1.2, 8 or 15 GB in bfloat16) are written in shards, one layer after the other. With --quantized they are what rhumb quantize
writes of such a model, random codes, in int8 with four outliers of each layer. With --reranker the folder is one of Qwen3-Reranker's
kind, whose score is the logit of one token less that of another. Not part of the tests. Needs numpy alone.
"""

import argparse, json, os, shutil, struct
import numpy as np

KV, DIM, VOCAB = 8, 128, 151665
SHAPES = {"0.6B": (1024, 16, 3072, 28), "4B": (2560, 32, 9728, 36), "8B": (4096, 32, 12288, 36)}  # hidden, heads, inner, layers


def layer(i, hidden, heads, inner):
    at = f"layers.{i}."
    return {
        at + "input_layernorm.weight": [hidden],
        at + "post_attention_layernorm.weight": [hidden],
        at + "self_attn.q_norm.weight": [DIM],
        at + "self_attn.k_norm.weight": [DIM],
        at + "self_attn.q_proj.weight": [heads * DIM, hidden],
        at + "self_attn.k_proj.weight": [KV * DIM, hidden],
        at + "self_attn.v_proj.weight": [KV * DIM, hidden],
        at + "self_attn.o_proj.weight": [hidden, heads * DIM],
        at + "mlp.gate_proj.weight": [inner, hidden],
        at + "mlp.up_proj.weight": [inner, hidden],
        at + "mlp.down_proj.weight": [hidden, inner],
    }


def stored(name, shape, quantized):
    """Returns name, dtype and shape of the tensors that a weight becomes."""
    linear = len(shape) == 2 and name.startswith("layers.")
    if not linear or not quantized or quantized == "int8" and name.startswith("layers.0."):
        return [(name, "BF16", shape)]
    rows, cols = shape
    if quantized == "int8":
        return [(name, "I8", shape), (name + "_scale", "F32", [rows]), (name + "_outliers", "F32", [rows, len(OUTLIERS)]), (name + "_outlier_columns", "I32", [len(OUTLIERS)])]
    groups = -(-cols // 32)
    return [(name, "U8", [rows, 16 * groups]), (name + "_scale", "BF16", [rows, groups])]


SIZES = {"BF16": 2, "F32": 4, "I32": 4, "I8": 1, "U8": 1}
OUTLIERS = [3, 64, 200, 1000]
STEPS = {"I8": 32, "U8": 2.5}  # the standard deviation of codes


def numbers(name, dtype, shape, noise, rng):
    """Yields the bytes of a tensor in parts. Weights have the size that keeps the variance of a row's terms."""
    left = int(np.prod(shape))
    if len(shape) == 1 and dtype == "BF16":  # a norm
        yield np.full(left, 0x3F80, np.uint16)
    elif name.endswith("_outlier_columns"):
        yield np.array(OUTLIERS, np.int32)
    elif name.endswith("_scale"):
        inputs = 32 * shape[1] if dtype == "BF16" else noise["inputs"]
        scale = np.array([inputs**-0.5 / STEPS["U8" if dtype == "BF16" else "I8"]], np.float32)
        yield np.full(left, scale.view(np.uint32)[0] >> 16, np.uint16) if dtype == "BF16" else np.full(left, scale[0], np.float32)
    else:
        from_ = noise[dtype]
        while left:
            at = int(rng.integers(0, len(from_) // 2))
            part = from_[at : at + left]
            yield part
            left -= len(part)


def write(path, shapes, rng, noise, quantized):
    header, at, tensors = {"__metadata__": {"format": "pt"}}, 0, []
    for weight, of in shapes.items():
        for name, dtype, shape in stored(weight, of, quantized):
            size = SIZES[dtype] * int(np.prod(shape))
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            at += size
            tensors.append((name, dtype, shape, of[-1]))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, dtype, shape, noise["inputs"] in tensors:
            for part in numbers(name, dtype, shape, noise, rng):
                part.tofile(f)
    return at, [name for name in header if name != "__metadata__"]


def all_noise(rng, hidden):
    """Random numbers of each dtype, parts of which tensors are made of."""
    normal = rng.standard_normal(1 << 24, dtype=np.float32)
    codes = np.clip(np.rint(normal * STEPS["U8"]), -8, 7).astype(np.int8).astype(np.uint8) + 8 & 15
    return {
        "BF16": ((normal / np.float32(hidden**0.5)).view(np.uint32) >> 16).astype(np.uint16),  # the upper halves of float32 numbers
        "F32": normal / np.float32(hidden**0.5),
        "I8": np.clip(np.rint(normal * STEPS["I8"]), -127, 127).astype(np.int8),
        "U8": codes[0::2] | codes[1::2] << 4,
    }


def reranker(out):
    """Writes what makes the folder one that CrossEncoder of sentence-transformers 6.2 reads as a reranker."""
    os.makedirs(os.path.join(out, "1_LogitScore"))
    kinds = ["sentence_transformers.base.modules.transformer.Transformer", "sentence_transformers.cross_encoder.modules.logit_score.LogitScore"]
    save = lambda name, value: json.dump(value, open(os.path.join(out, name), "w"), indent=2)
    save("modules.json", [dict(idx=i, name=str(i), path=["", "1_LogitScore"][i], type=k) for i, k in enumerate(kinds)])
    save("1_LogitScore/config.json", dict(true_token_id=275, false_token_id=266, module_input_name="causal_logits"))
    save("config_sentence_transformers.json", dict(model_type="CrossEncoder", activation_fn="torch.nn.modules.activation.Sigmoid", prompts={}, default_prompt_name=None))
    save("sentence_bert_config.json", dict(transformer_task="text-generation", modality_config={k: dict(v, method="forward", method_output_name="logits") for k, v in {"text": {}, "message": {"format": "flat"}}.items()}, module_output_name="causal_logits"))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--tokenizer", required=True)
    ap.add_argument("--shape", choices=SHAPES, default="4B")
    ap.add_argument("--layers", type=int)
    ap.add_argument("--seed", type=int, default=20260101)
    ap.add_argument("--quantized", choices=["int8", "int4"])
    ap.add_argument("--reranker", action="store_true")
    a = ap.parse_args()
    hidden, heads, inner, layers = SHAPES[a.shape]
    a.layers = a.layers or layers
    os.makedirs(a.out)
    for n in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if n != "chat_template.jinja" or a.reranker:
            shutil.copy(os.path.join(a.tokenizer, n), a.out)
    config = dict(
        architectures=["Qwen3ForCausalLM"],
        model_type="qwen3",
        attention_bias=False,
        head_dim=DIM,
        hidden_act="silu",
        hidden_size=hidden,
        intermediate_size=inner,
        max_position_embeddings=40960,
        max_window_layers=a.layers,
        num_attention_heads=heads,
        num_hidden_layers=a.layers,
        num_key_value_heads=KV,
        rms_norm_eps=1e-06,
        rope_scaling=None,
        rope_theta=1000000,
        sliding_window=None,
        tie_word_embeddings=True,
        torch_dtype="bfloat16",
        use_sliding_window=False,
        vocab_size=VOCAB,
    )
    if a.quantized:
        config["quantization_config"] = dict(quant_method="rhumb", version=1, scheme=a.quantized)
    json.dump(config, open(os.path.join(a.out, "config.json"), "w"), indent=2)
    if a.quantized == "int8":
        first = ["self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"]  # of the tensors of each layer
        names = [f"layers.{i}.{n}.weight" for i in range(1, a.layers) for n in first]
        json.dump({n: OUTLIERS for n in names}, open(os.path.join(a.out, "outlier_columns.json"), "w"))
    if a.reranker:
        reranker(a.out)
    rng = np.random.default_rng(a.seed)
    noise = all_noise(rng, hidden)
    shards = [{"embed_tokens.weight": [VOCAB, hidden], "norm.weight": [hidden]}]
    for i in range(a.layers):
        if i % 12 == 0:
            shards.append({})
        shards[-1].update(layer(i, hidden, heads, inner))
    where, total = {}, 0
    for i, shapes in enumerate(shards):
        name = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        size, names = write(os.path.join(a.out, name), shapes, rng, noise, a.quantized)
        total += size
        where.update({k: name for k in names})
    json.dump({"metadata": {"total_size": total}, "weight_map": where}, open(os.path.join(a.out, "model.safetensors.index.json"), "w"))
    print(f"{total / 1e9:.2f} GB")


main()
