# -*- coding: utf-8 -*-
"""Makes tiny random-weight models of the kinds that transformers 5.23 lacks, and their last hidden states.

usage: published.py --out DIR

The computation is written here, in plain PyTorch and float64, from the papers and from what the code that is published beside
the weights does: JinaBERT (arXiv:2310.19923; jinaai/jina-bert-implementation and jinaai/jina-bert-v2-qk-post-norm), Nomic BERT
with experts (arXiv:2502.07972; nomic-ai/nomic-bert-2048), LFM2 whose tokens see each other (LiquidAI/LFM2.5-Embedding-350M), and the "ntk" positions of GTE (Alibaba-NLP/new-impl). It shares
nothing with Rhumb's own code. The folders are those of variants.py.
"""

import argparse, math, os, tempfile
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel
from variants import GTE, LENGTHS, LONG, VOCABULARY, encoder, gte_published, nomic_published, randomize, sequences, write
from variants import lfm2 as lfm2_config


class Tensors(dict):
    """The tensors of a model, made as they are asked for by name and shape, in a fixed order."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def make(self, name, *shape):
        r = torch.randn(shape, generator=self.generator)
        if name.endswith("bias"):
            r = 0.2 * r
        elif len(shape) == 1:
            r = 1 + 0.2 * r
        elif "embeddings" not in name:
            r = 1.3 * r / shape[-1] ** 0.5
        self[name] = r

    def linear(self, name, inputs, outputs, bias=True):
        self.make(name + ".weight", outputs, inputs)
        if bias:
            self.make(name + ".bias", outputs)

    def norm(self, name, width):
        self.make(name + ".weight", width)
        self.make(name + ".bias", width)


class Run:
    """Computes with tensors in float64, by name."""

    def __init__(self, tensors, eps):
        self.tensors, self.eps = {k: v.double() for k, v in tensors.items()}, eps

    def linear(self, name, x):
        y = x @ self.tensors[name + ".weight"].T
        return y + self.tensors[name + ".bias"] if name + ".bias" in self.tensors else y

    def norm(self, name, x):
        centered = x - x.mean(-1, keepdim=True)
        scaled = centered / torch.sqrt((centered**2).mean(-1, keepdim=True) + self.eps)
        return scaled * self.tensors[name + ".weight"] + self.tensors[name + ".bias"]

    def attention(self, q, k, v, heads, bias=0):
        """q, k, v: tokens×width; bias: heads×tokens×tokens."""
        q, k, v = (x.view(len(x), heads, -1).transpose(0, 1) for x in (q, k, v))
        scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]) + bias
        return (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)


# ---------------------------------------------------------------- JinaBERT
def jina_config(**more):
    return encoder("bert", position_embedding_type="alibi", **more)


def jina_tensors(c, normed, seed):
    t, hidden, inner = Tensors(seed), c["hidden_size"], c["intermediate_size"]
    t.make("embeddings.word_embeddings.weight", c["vocab_size"], hidden)
    t.make("embeddings.token_type_embeddings.weight", c["type_vocab_size"], hidden)
    t.norm("embeddings.LayerNorm", hidden)
    for i in range(c["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        for name in ("query", "key", "value"):
            t.linear(f"{layer}attention.self.{name}", hidden, hidden)
        t.linear(layer + "attention.output.dense", hidden, hidden)
        t.norm(layer + "attention.output.LayerNorm", hidden)
        if normed:
            t.norm(layer + "attention.self.layer_norm_q", hidden)
            t.norm(layer + "attention.self.layer_norm_k", hidden)
            t.norm(layer + "layer_norm_1", hidden)
            t.norm(layer + "layer_norm_2", hidden)
            if c["feed_forward_type"] == "original":
                t.linear(layer + "mlp.up_layer", hidden, inner, bias=False)
            else:
                t.linear(layer + "mlp.up_gated_layer", hidden, 2 * inner, bias=False)
            t.linear(layer + "mlp.down_layer", inner, hidden)
        elif c["feed_forward_type"] == "original":
            t.linear(layer + "intermediate.dense", hidden, inner)
            t.linear(layer + "output.dense", inner, hidden)
            t.norm(layer + "output.LayerNorm", hidden)
        else:
            t.linear(layer + "mlp.gated_layers", hidden, 2 * inner, bias=False)
            t.linear(layer + "mlp.wo", inner, hidden)
            t.norm(layer + "mlp.layernorm", hidden)
    t.linear("pooler.dense", hidden, hidden)
    return t


def alibi(heads, length):
    """Minus slope times distance, in both directions. The slopes are those of "Train Short, Test Long" (arXiv:2108.12409, 3): a
    geometric sequence that begins at its own ratio, 2^(-8/n) for n heads, a power of two; for another number of heads those of the
    power below it, and then every second one of the power above."""

    def geometric(n):
        return [2.0 ** (-8.0 * (i + 1) / n) for i in range(n)]

    below = 2 ** int(math.floor(math.log2(heads)))
    slopes = torch.tensor((geometric(below) + geometric(2 * below)[0::2])[:heads], dtype=torch.float64)
    positions = torch.arange(length)
    return -slopes[:, None, None] * (positions[None, :] - positions[:, None]).abs()


def jina(c, normed, tensors):
    run, heads, inner = Run(tensors, c["layer_norm_eps"]), c["num_attention_heads"], c["intermediate_size"]
    act = {"geglu": F.gelu, "reglu": F.relu, "original": F.gelu}[c["feed_forward_type"]]

    def hidden(ids, types=0):
        x = run.tensors["embeddings.word_embeddings.weight"][ids] + run.tensors["embeddings.token_type_embeddings.weight"][types]
        x = run.norm("embeddings.LayerNorm", x)
        bias = alibi(heads, len(ids))
        for i in range(c["num_hidden_layers"]):
            layer = f"encoder.layer.{i}."
            q, k, v = (run.linear(f"{layer}attention.self.{n}", x) for n in ("query", "key", "value"))
            if normed:
                q, k = run.norm(layer + "attention.self.layer_norm_q", q), run.norm(layer + "attention.self.layer_norm_k", k)
            out = run.linear(layer + "attention.output.dense", run.attention(q, k, v, heads, bias))
            out = run.norm(layer + "attention.output.LayerNorm", out + x)
            if normed:
                x = run.norm(layer + "layer_norm_1", x + out)
                if c["feed_forward_type"] == "original":
                    up = act(run.linear(layer + "mlp.up_layer", x))
                else:
                    both = run.linear(layer + "mlp.up_gated_layer", x)
                    up = both[:, :inner] * act(both[:, inner:])
                x = run.norm(layer + "layer_norm_2", x + run.linear(layer + "mlp.down_layer", up))
            elif c["feed_forward_type"] == "original":
                up = act(run.linear(layer + "intermediate.dense", out))
                x = run.norm(layer + "output.LayerNorm", out + run.linear(layer + "output.dense", up))
            else:
                both = run.linear(layer + "mlp.gated_layers", out)
                up = act(both[:, :inner]) * both[:, inner:]
                x = run.norm(layer + "mlp.layernorm", out + run.linear(layer + "mlp.wo", up))
        return x

    return hidden


# ---------------------------------------------------------------- Nomic BERT with experts
def moe_tensors(c, seed):
    t, hidden, inner, experts = Tensors(seed), c["n_embd"], c["n_inner"], c["num_experts"]
    padded = -(-c["vocab_size"] // c["pad_vocab_size_multiple"]) * c["pad_vocab_size_multiple"]
    t.make("embeddings.word_embeddings.weight", padded, hidden)
    t.make("embeddings.token_type_embeddings.weight", c["type_vocab_size"], hidden)
    t.norm("emb_ln", hidden)
    for i in range(c["n_layer"]):
        layer = f"encoder.layers.{i}."
        t.linear(layer + "attn.Wqkv", hidden, 3 * hidden)
        t.linear(layer + "attn.out_proj", hidden, hidden)
        t.norm(layer + "norm1", hidden)
        t.norm(layer + "norm2", hidden)
        if i % c["moe_every_n_layers"] == 1:
            t.linear(layer + "mlp.router.layer", hidden, experts, bias=False)
            t.make(layer + "mlp.experts.mlp.w1", experts * inner, hidden)
            t.make(layer + "mlp.experts.mlp.w2", experts * inner, hidden)
            t.make(layer + "mlp.experts.bias", hidden)
        else:
            t.linear(layer + "mlp.fc1", hidden, inner)
            t.linear(layer + "mlp.fc2", inner, hidden)
    return t


def rotate(x, heads, theta):
    """Turns the halves of each head of x (tokens×width) by the position times theta^(-2i/d)."""
    tokens, width = x.shape
    d = width // heads
    frequencies = theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angles = torch.arange(tokens, dtype=torch.float64)[:, None, None] * frequencies
    a, b = x.view(tokens, heads, d).chunk(2, -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1).flatten(1)


def moe(c, tensors):
    run, heads, experts = Run(tensors, c["layer_norm_epsilon"]), c["n_head"], c["num_experts"]

    def hidden(ids):
        x = run.tensors["embeddings.word_embeddings.weight"][ids] + run.tensors["embeddings.token_type_embeddings.weight"][0]
        x = run.norm("emb_ln", x)
        for i in range(c["n_layer"]):
            layer = f"encoder.layers.{i}."
            q, k, v = run.linear(layer + "attn.Wqkv", x).chunk(3, -1)
            q, k = rotate(q, heads, c["rotary_emb_base"]), rotate(k, heads, c["rotary_emb_base"])
            x = run.norm(layer + "norm1", x + run.linear(layer + "attn.out_proj", run.attention(q, k, v, heads)))
            if i % c["moe_every_n_layers"] == 1:
                # The weights are the softmax over all experts, of which the largest are used as they are.
                weights, chosen = run.linear(layer + "mlp.router.layer", x).softmax(-1).topk(c["moe_top_k"], -1)
                w1, w2 = (run.tensors[f"{layer}mlp.experts.mlp.{n}"].view(experts, -1, x.shape[1]) for n in ("w1", "w2"))
                y = torch.zeros_like(x)
                for token in range(len(x)):
                    for weight, e in zip(weights[token], chosen[token]):
                        y[token] += weight * (F.gelu(x[token] @ w1[e].T) @ w2[e])
                y = y + run.tensors[layer + "mlp.experts.bias"]
            else:
                y = run.linear(layer + "mlp.fc2", F.gelu(run.linear(layer + "mlp.fc1", x)))
            x = run.norm(layer + "norm2", x + y)
        return x

    return hidden


# ---------------------------------------------------------------- LFM2 whose tokens see each other
def lfm2_tensors(c, seed):
    t, hidden, inner = Tensors(seed), c["hidden_size"], c["intermediate_size"]
    d = hidden // c["num_attention_heads"]
    t.make("embed_tokens.embeddings.weight", c["vocab_size"], hidden)
    t["embed_tokens.weight"] = t.pop("embed_tokens.embeddings.weight")
    for i in range(c["num_hidden_layers"]):
        layer = f"layers.{i}."
        if i in c["full_attn_idxs"]:
            t.linear(layer + "self_attn.q_proj", hidden, hidden, bias=False)
            t.linear(layer + "self_attn.k_proj", hidden, c["num_key_value_heads"] * d, bias=False)
            t.linear(layer + "self_attn.v_proj", hidden, c["num_key_value_heads"] * d, bias=False)
            t.linear(layer + "self_attn.out_proj", hidden, hidden, bias=False)
            t.make(layer + "self_attn.q_layernorm.weight", d)
            t.make(layer + "self_attn.k_layernorm.weight", d)
        else:
            t.linear(layer + "conv.in_proj", hidden, 3 * hidden, bias=False)
            t.make(layer + "conv.conv.weight", hidden, 1, c["conv_L_cache"])
            t.linear(layer + "conv.out_proj", hidden, hidden, bias=False)
        t.linear(layer + "feed_forward.w1", hidden, inner, bias=False)
        t.linear(layer + "feed_forward.w3", hidden, inner, bias=False)
        t.linear(layer + "feed_forward.w2", inner, hidden, bias=False)
        t.make(layer + "operator_norm.weight", hidden)
        t.make(layer + "ffn_norm.weight", hidden)
    t.make("embedding_norm.weight", hidden)
    return t


def lfm2(c, tensors):
    run, heads, shared = Run(tensors, c["norm_eps"]), c["num_attention_heads"], c["num_key_value_heads"]
    taps = c["conv_L_cache"]

    def norm(name, x):
        return x / torch.sqrt((x**2).mean(-1, keepdim=True) + c["norm_eps"]) * run.tensors[name + ".weight"]

    def each(name, x, count):  # the norm of each head
        return norm(name, x.view(len(x), count, -1)).flatten(1)

    def hidden(ids):
        x = run.tensors["embed_tokens.weight"][ids]
        for i in range(c["num_hidden_layers"]):
            layer = f"layers.{i}."
            y = norm(layer + "operator_norm", x)
            if i in c["full_attn_idxs"]:
                at = layer + "self_attn."
                q, k, v = (run.linear(at + n, y) for n in ("q_proj", "k_proj", "v_proj"))
                q, k = each(at + "q_layernorm", q, heads), each(at + "k_layernorm", k, shared)
                q, k = rotate(q, heads, c["rope_theta"]), rotate(k, shared, c["rope_theta"])
                k, v = (z.view(len(z), shared, -1).repeat_interleave(heads // shared, 1).flatten(1) for z in (k, v))
                y = run.linear(at + "out_proj", run.attention(q, k, v, heads))
            else:
                before, after, y = run.linear(layer + "conv.in_proj", y).chunk(3, -1)
                y = before * y
                padded = F.pad(y, (0, 0, taps // 2, taps // 2))  # tokens before and behind the text are zero
                weight = run.tensors[layer + "conv.conv.weight"][:, 0]
                y = sum(padded[tap : tap + len(y)] * weight[:, tap] for tap in range(taps))
                y = run.linear(layer + "conv.out_proj", after * y)
            x = x + y
            y = norm(layer + "ffn_norm", x)
            x = x + run.linear(layer + "feed_forward.w2", F.silu(run.linear(layer + "feed_forward.w1", y)) * run.linear(layer + "feed_forward.w3", y))
        return norm("embedding_norm", x)

    return hidden


# ---------------------------------------------------------------- GTE with positions of type "ntk"
def ntk(c, factor, seed):
    """transformers' GTE, whose frequencies are replaced: those of theta times factor, divided by factor^(2/d)."""
    model = randomize(AutoModel.from_config(AutoConfig.for_model(**c)), seed).eval()
    d = c["hidden_size"] // c["num_attention_heads"]
    theta = c["rope_parameters"]["rope_theta"] * factor
    frequencies = 1.0 / theta ** (torch.arange(0, d, 2).float() / d) / factor ** (2 / d)
    found = [m for m in model.modules() if hasattr(m, "inv_freq")]
    assert found and all(m.inv_freq.shape == frequencies.shape for m in found)
    for m in found:
        m.inv_freq = frequencies
    return model


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    out = ap.parse_args().out
    for name, normed, lengths, more in [
        ("jinabert-geglu", False, LONG, dict(feed_forward_type="geglu", num_attention_heads=4)),
        ("jinabert-reglu", False, LENGTHS, dict(feed_forward_type="reglu", num_attention_heads=5)),
        ("jinabert-original", False, LENGTHS, dict(feed_forward_type="original", num_attention_heads=2)),
        ("jinabert-normed-geglu", True, LENGTHS, dict(feed_forward_type="geglu", num_attention_heads=5)),
        ("jinabert-normed-original", True, LENGTHS, dict(feed_forward_type="original", num_attention_heads=4)),
    ]:
        code = "jinaai/jina-bert-v2-qk-post-norm" if normed else "jinaai/jina-bert-implementation"
        c = jina_config(auto_map={"AutoModel": code + "--modeling_bert.JinaBertModel"}, max_position_embeddings=700) | more
        t = jina_tensors(c, normed, sum(name.encode()))
        write(os.path.join(out, name), c, t, sequences(len(name), lengths, VOCABULARY), jina(c, normed, t))

    native = encoder("nomic_bert", hidden_act="gelu", num_hidden_layers=4, rope_parameters={"rope_theta": 10000.0}, type_vocab_size=1)
    c = nomic_published(
        native, activation_function="gelu", qkv_proj_bias=True, mlp_fc1_bias=True, mlp_fc2_bias=True, pad_vocab_size_multiple=64,
        num_experts=5, moe_top_k=2, moe_every_n_layers=2, moe_normalize_expert_weights=False, expert_choice_router=False,
        num_shared_experts=0,
    )  # fmt: skip
    t = moe_tensors(c, 7)
    write(os.path.join(out, "nomic-moe"), c, t, sequences(8, LENGTHS, VOCABULARY), moe(c, t))

    code = {"AutoModel": "modeling_lfm2_bidirectional.Lfm2BidirectionalModel"}
    c = lfm2_config(auto_map=code, intermediate_size=40, block_auto_adjust_ff_dim=False, conv_L_cache=3)
    t = lfm2_tensors(c, 11)
    write(os.path.join(out, "lfm2-bidirectional"), c, t, sequences(12, LENGTHS, VOCABULARY), lfm2(c, t))

    model = ntk(GTE, 2.0, 9)
    with tempfile.TemporaryDirectory() as folder:  # which has the published names
        model.save_pretrained(folder)
        t = load_file(os.path.join(folder, "model.safetensors"))
    c = gte_published(GTE, rope_scaling={"type": "ntk", "factor": 2.0})
    write(
        os.path.join(out, "gte-ntk"), c, t, sequences(10, LENGTHS, VOCABULARY),
        lambda row: model(input_ids=row[None], attention_mask=torch.ones_like(row)[None]).last_hidden_state[0],
    )  # fmt: skip


if __name__ == "__main__":
    main()
