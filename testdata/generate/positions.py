# -*- coding: utf-8 -*-
"""Writes what transformers makes of positions: frequencies of RoPE, buckets of relative biases, slopes of ALiBi.

usage: positions.py --out positions.json

rope: settings of a config.json (Llama's names), head_dim, and the inverse frequencies and the factor of cosines and sines that
Llama's rotary embedding has for them. buckets: of T5 for each number of buckets and largest distance, at the distances of key to
query from 0 to 5000, backward and forward, in runs of [bucket, first distance]. log_buckets: the same of DeBERTa-v2, from 0 on, where
backward is forward with the sign changed. slopes: those of BLOOM, for each number of heads.
"""

import argparse, copy, json, os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from transformers import LlamaConfig, MPNetConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder
from transformers.models.t5.modeling_t5 import T5Attention

FARTHEST = 5000

LLAMA3 = dict(rope_type="llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
YARN = dict(rope_type="yarn", original_max_position_embeddings=4096)
ROPE = [
    (128, 131072, dict(rope_theta=1000000.0)),
    (64, 8192, dict(rope_theta=160000.0)),
    (20, 512, dict(rope_theta=10000.0)),
    (64, 8192, dict(rope_theta=10000.0, rope_scaling={"type": "linear", "factor": 3.0})),
    (256, 131072, dict(rope_theta=1000000.0, rope_scaling={"rope_type": "linear", "factor": 8.0})),
    (64, 2048, dict(rope_theta=10000.0, rope_scaling={"type": "dynamic", "factor": 2.0})),
    (128, 131072, dict(rope_theta=500000.0, rope_scaling=LLAMA3 | dict(factor=8.0))),
    (64, 131072, dict(rope_theta=500000.0, rope_scaling=LLAMA3 | dict(factor=32.0))),
    (80, 4096, dict(rope_theta=10000.0, rope_scaling=LLAMA3 | dict(factor=2.5, low_freq_factor=2.0, original_max_position_embeddings=300))),
    (128, 32768, dict(rope_theta=1000000.0, rope_scaling=YARN | dict(factor=8.0))),
    (64, 32768, dict(rope_theta=10000.0, rope_scaling=YARN | dict(factor=40.0, mscale=1.0, mscale_all_dim=0.707))),
    (96, 32768, dict(rope_theta=10000.0, rope_scaling=YARN | dict(factor=4.0, mscale=1.0))),
    (64, 32768, dict(rope_theta=150000.0, rope_scaling=YARN | dict(factor=32.0, beta_fast=32.0, beta_slow=1.0, truncate=False))),
    (64, 32768, dict(rope_theta=10000.0, rope_scaling=YARN | dict(factor=4.0, attention_factor=0.75, beta_fast=20.0, beta_slow=3.0))),
    (12, 64, dict(rope_theta=100.0, rope_scaling=YARN | dict(factor=4.0, original_max_position_embeddings=16))),
    (32, 8192, dict(rope_theta=10000.0, rope_scaling=YARN | dict(factor=1.0))),
    (32, 8192, dict(rope_theta=10000.0, rope_scaling=YARN | dict(factor=4.0), original_max_position_embeddings=512)),
    (32, 8192, dict(rope_theta=10000.0, rope_scaling=dict(rope_type="yarn", factor=4.0))),
]  # fmt: skip


def rope():
    for head_dim, positions, settings in ROPE:
        given = copy.deepcopy(settings)  # which LlamaConfig changes
        c = LlamaConfig(hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim, max_position_embeddings=positions, **given)
        r = LlamaRotaryEmbedding(c)
        yield dict(
            head_dim=head_dim, positions=positions, settings=settings, frequencies=[float(f) for f in r.inv_freq],
            scale=float(r.attention_scaling),
        )  # fmt: skip


def runs(values):
    out = []
    for distance, bucket in enumerate(values):
        if not out or out[-1][0] != bucket:
            out.append([bucket, distance])
    return out


def buckets():
    d = torch.arange(FARTHEST + 1)
    for number, farthest in [(32, 128), (16, 24), (64, 128), (32, 256), (128, 1000), (4, 3), (12, 77), (32, 4000)]:
        backward, forward = (T5Attention._relative_position_bucket(x, True, number, farthest).tolist() for x in (-d, d))
        if farthest == 128:  # MPNet has a computation of its own, for this distance alone
            assert MPNetEncoder.relative_position_bucket(-d, number).tolist() == backward
            assert MPNetEncoder.relative_position_bucket(d, number).tolist() == forward
        yield dict(buckets=number, farthest=farthest, backward=runs(backward), forward=runs(forward))


def log_buckets():
    d = torch.arange(FARTHEST + 1)
    for number, farthest in [(256, 512), (32, 128), (8, 80), (9, 20), (3, 100), (2, 3), (64, 4000), (512, 1024)]:
        forward = make_log_bucket_position(d, number, farthest).long().tolist()
        assert [-b for b in forward] == make_log_bucket_position(-d, number, farthest).long().tolist()
        yield dict(buckets=number, farthest=farthest, forward=runs(forward))


def slopes():
    for heads in [1, 2, 3, 4, 6, 7, 8, 12, 16, 20, 24, 40]:
        bias = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)
        yield [float(b) for b in bias[:, 0, 1]]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    with open(ap.parse_args().out, "w", encoding="utf-8") as f:
        json.dump(dict(rope=list(rope()), buckets=list(buckets()), log_buckets=list(log_buckets()), slopes=list(slopes())), f)
        f.write("\n")


if __name__ == "__main__":
    main()
