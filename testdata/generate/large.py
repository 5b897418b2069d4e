# -*- coding: utf-8 -*-
"""Writes a folder shaped as Qwen/Qwen3-Embedding-0.6B, 4B or 8B, with random bfloat16 weights, to measure memory and time with.

usage: large.py --out DIR --tokenizer DIR [--shape 0.6B|4B|8B] [--layers N] [--seed N]

--tokenizer is a folder with the tokenizer.json and tokenizer_config.json to use: the ids of its texts must be below 151665.
The weights (1.2, 8 or 15 GB) are written in shards, one layer after the other. Not part of the tests. Needs numpy alone.
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


def write(path, shapes, rng, noise):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for shape in shapes.values():
            left = int(np.prod(shape))
            if len(shape) == 1:  # a norm
                f.write(np.full(left, 0x3F80, np.uint16).tobytes())
                continue
            while left:
                from_ = int(rng.integers(0, len(noise) // 2))
                part = noise[from_ : from_ + left]
                part.tofile(f)
                left -= len(part)
    return at


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--tokenizer", required=True)
    ap.add_argument("--shape", choices=SHAPES, default="4B")
    ap.add_argument("--layers", type=int)
    ap.add_argument("--seed", type=int, default=20260101)
    a = ap.parse_args()
    hidden, heads, inner, layers = SHAPES[a.shape]
    a.layers = a.layers or layers
    os.makedirs(a.out)
    for n in ("tokenizer.json", "tokenizer_config.json"):
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
    json.dump(config, open(os.path.join(a.out, "config.json"), "w"), indent=2)
    rng = np.random.default_rng(a.seed)
    # As bfloat16: the upper halves of float32 numbers, of the size that keeps the variance of a row's terms.
    noise = (rng.standard_normal(1 << 24, dtype=np.float32) / np.float32(hidden**0.5)).view(np.uint32) >> 16
    noise = noise.astype(np.uint16)
    shards = [{"embed_tokens.weight": [VOCAB, hidden], "norm.weight": [hidden]}]
    for i in range(a.layers):
        if i % 12 == 0:
            shards.append({})
        shards[-1].update(layer(i, hidden, heads, inner))
    where, total = {}, 0
    for i, shapes in enumerate(shards):
        name = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        total += write(os.path.join(a.out, name), shapes, rng, noise)
        where.update({k: name for k in shapes})
    json.dump({"metadata": {"total_size": total}, "weight_map": where}, open(os.path.join(a.out, "model.safetensors.index.json"), "w"))
    print(f"{total / 1e9:.2f} GB, {total // 2 / 1e9:.3f} G parameters")


main()
