# -*- coding: utf-8 -*-
"""Makes tiny random-weight models with the settings that goldens/ has not, and their last hidden states.

usage: variants.py --out DIR [--only name,name]

For every variant a folder DIR/<name>/ is written:
  config.json, model.safetensors   what a published folder has of the transformer alone
  golden.safetensors               input_ids [tokens]: the sequences end to end; starts [sequences+1]: where each begins, and the
                                   end; last_hidden_state [tokens,hidden], float32
The numbers are those of transformers for each sequence alone, which reads config.json and the weights from the folder, or where
the folder has names that it does not know, from the same tensors under its own names. Where float64 is set it computes in
float64. What follows the layers of voyage and nvembed is plain PyTorch. What transformers does not compute is in published.py. Needs the pinned packages in requirements.txt.
"""

import argparse, json, os, shutil, tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch, transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel
from transformers.models.m2m_100.modeling_m2m_100 import M2M100Encoder

torch.set_num_threads(1)

VOCABULARY = 48
LENGTHS = [1, 2, 7, 30]
LONG = [1, 600]
FULL, SLIDING = "full_attention", "sliding_attention"


def randomize(model, seed):
    """Weights of such a size that every part of the model shows in the result."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn(p.shape, generator=g)
            if p.dim() <= 1:
                p.copy_(0.2 * r if name.endswith("bias") else 1 + 0.2 * r)
            elif "embed" in name and "projection" not in name or "shared" in name:
                p.copy_(r)
            else:
                p.copy_(1.3 * r / (p.numel() // p.shape[0]) ** 0.5)
        for name, b in model.named_buffers():
            if name.endswith("layer_scalar"):
                b.copy_(0.8 + 0.2 * torch.randn(b.shape, generator=g))
    return model


def sequences(seed, lengths, vocabulary, special=()):
    """Random ids; special ids stand in the longer ones, for they may be at another position."""
    g = torch.Generator().manual_seed(seed)
    rows = [torch.randint(0, vocabulary, (n,), generator=g) for n in lengths]
    for row in rows:
        for i, token in enumerate(special):
            if len(row) > 3 + 2 * i:
                row[3 + 2 * i] = token
    return rows


def write(folder, config, tensors, rows, hidden):
    """Writes the folder of a variant; hidden maps a row of ids to its last hidden states."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)
        f.write("\n")
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    with torch.no_grad():
        states = torch.cat([hidden(row) for row in rows]).float()
    starts = torch.tensor([0] + [len(row) for row in rows]).cumsum(0)
    golden = dict(input_ids=torch.cat(rows), starts=starts, last_hidden_state=states.contiguous())
    save_file(golden, os.path.join(folder, "golden.safetensors"))
    print(f"{os.path.basename(folder):28s} {states.shape[0]:5d} tokens, standard deviation {states.std():.3f}", flush=True)


def decoder(model_type, **more):
    config = dict(
        model_type=model_type,
        vocab_size=VOCABULARY,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        hidden_act="silu",
        max_position_embeddings=700,
        rms_norm_eps=1e-6,
        rope_theta=10000.0,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return config | more


def encoder(model_type, **more):
    config = dict(
        model_type=model_type,
        vocab_size=VOCABULARY,
        hidden_size=20,
        intermediate_size=36,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_act="gelu",
        max_position_embeddings=80,
        type_vocab_size=2,
        layer_norm_eps=1e-6,
        pad_token_id=0,
    )
    return config | more


def gemma(**more):
    config = decoder(
        "gemma3_text",
        num_hidden_layers=3,
        head_dim=10,
        hidden_activation="gelu_pytorch_tanh",
        query_pre_attn_scalar=16,
        sliding_window=6,
        rope_theta=1000000.0,
        rope_local_base_freq=10000.0,
    )
    del config["hidden_act"]
    return config | more


def gemma1(**more):
    return decoder("gemma", num_hidden_layers=3, head_dim=10, hidden_act="gelu_pytorch_tanh") | more


def gemma2(**more):
    config = decoder(
        "gemma2",
        num_hidden_layers=3,
        head_dim=10,
        hidden_activation="gelu_pytorch_tanh",
        query_pre_attn_scalar=16,
        sliding_window=6,
        attn_logit_softcapping=2.5,
    )
    del config["hidden_act"]
    return config | more


def ministral3(**more):
    rope = dict(rope_type="yarn", rope_theta=1e6, factor=16.0, original_max_position_embeddings=16, max_position_embeddings=256)
    rope |= dict(beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1)
    config = decoder("ministral3", head_dim=10, max_position_embeddings=256, rope_parameters=rope)
    del config["rope_theta"]
    return config | more


class Latents(torch.nn.Module):
    """NV-Embed's attention to latents and its MLP, of the code published with it, in plain PyTorch."""

    def __init__(self, hidden, latents, heads, width):
        super().__init__()
        linear, norm = torch.nn.Linear, torch.nn.LayerNorm
        part = lambda **parts: torch.nn.ModuleDict(parts)
        attention = part(to_q=linear(hidden, heads * width, bias=False), to_kv=linear(hidden, 2 * heads * width, bias=False), to_out=linear(heads * width, hidden, bias=False))
        mlp = part(net=torch.nn.ModuleList([linear(hidden, 8 * hidden), torch.nn.Identity(), linear(4 * hidden, hidden)]))
        self.cross_attend_blocks = torch.nn.ModuleList([part(fn=attention, norm=norm(hidden), norm_context=norm(hidden)), part(fn=mlp, norm=norm(hidden))])
        self.latents, self.heads = torch.nn.Parameter(torch.randn(latents, hidden)), heads

    def forward(self, x):
        attention, mlp = self.cross_attend_blocks
        split = lambda t: t.view(len(t), self.heads, -1).transpose(0, 1)
        k, v = attention["fn"]["to_kv"](attention["norm_context"](self.latents)).chunk(2, dim=-1)
        q, k, v = split(attention["fn"]["to_q"](attention["norm"](x))), split(k), split(v)
        mixed = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, dim=-1) @ v
        x = x + attention["fn"]["to_out"](mixed.transpose(0, 1).flatten(1))
        up, _, down = mlp["fn"]["net"]
        a, gate = up(mlp["norm"](x)).chunk(2, dim=-1)
        return x + down(a * torch.nn.functional.gelu(gate))


def nvembed(latents=None, **text):
    return dict(
        model_type="nvembed", hidden_size=24, auto_map={"AutoModel": "modeling_nvembed.NVEmbedModel"}, padding_side="right", mask_type="b", add_eos=True,
        is_mask_instruction=True, text_config=decoder("bidir_mistral", **text), latent_attention_config=dict(model_type="latent_attention", **latents or {}),
    )  # fmt: skip


def embedding_gemma2(**more):
    config = decoder(
        "embedding_gemma2_text",
        num_hidden_layers=3,
        head_dim=6,
        global_head_dim=8,
        num_global_key_value_heads=1,
        hidden_activation="gelu_pytorch_tanh",
        sliding_window=4,
        sliding_window_pattern=3,
        hidden_size_per_layer_input=10,
        embedding_dim=28,
    )
    for key in ("hidden_act", "rope_theta"):
        del config[key]
    return config | more


def m2m_100(**more):
    config = dict(
        model_type="m2m_100",
        vocab_size=VOCABULARY,
        d_model=20,
        encoder_layers=2,
        encoder_ffn_dim=36,
        encoder_attention_heads=2,
        decoder_layers=1,
        decoder_ffn_dim=8,
        decoder_attention_heads=2,
        max_position_embeddings=80,
        pad_token_id=1,
    )
    return config | more


def lfm2(**more):
    config = decoder("lfm2", num_hidden_layers=4, norm_eps=1e-5, block_multiple_of=8, full_attn_idxs=[1, 2])
    for key in ("hidden_act", "rms_norm_eps"):
        del config[key]
    return config | more


def t5(model_type, **more):
    config = dict(
        model_type=model_type,
        vocab_size=VOCABULARY,
        d_model=20,
        d_kv=6,
        d_ff=32,
        num_layers=2,
        num_heads=3,
        layer_norm_epsilon=1e-6,
        is_encoder_decoder=True,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    return config | more


def modernbert(**more):
    config = encoder("modernbert", num_hidden_layers=4, norm_eps=1e-5, hidden_activation="gelu", local_attention=6)
    for key in ("hidden_act", "type_vocab_size", "layer_norm_eps"):
        del config[key]
    return config | dict(cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2) | more


def deberta(**more):
    return encoder("deberta-v2", type_vocab_size=0, layer_norm_eps=1e-7, relative_attention=True, norm_rel_ebd="layer_norm") | more


def nomic_published(c, **more):
    """The names of the configuration that is published with the code of nomic-bert-2048."""
    config = dict(
        model_type="nomic_bert",
        auto_map={"AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"},
        activation_function={"silu": "swiglu", "gelu": "geglu"}[c["hidden_act"]],
        causal=False,
        layer_norm_epsilon=c["layer_norm_eps"],
        mlp_fc1_bias=False,
        mlp_fc2_bias=False,
        n_embd=c["hidden_size"],
        n_head=c["num_attention_heads"],
        n_inner=c["intermediate_size"],
        n_layer=c["num_hidden_layers"],
        n_positions=c["max_position_embeddings"],
        prenorm=False,
        qkv_proj_bias=False,
        rotary_emb_base=c["rope_parameters"]["rope_theta"],
        rotary_emb_fraction=1.0,
        rotary_emb_interleaved=False,
        rotary_emb_scale_base=None,
        rotary_scaling_factor=None,
        type_vocab_size=c["type_vocab_size"],
        vocab_size=c["vocab_size"],
    )
    return config | more


def gte_published(c, **more):
    """The names of the configuration that is published with the code of Alibaba-NLP/new-impl."""
    config = dict(
        model_type="new",
        auto_map={"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"},
        layer_norm_type="layer_norm",
        logn_attention_scale=False,
        pack_qkv=True,
        position_embedding_type="rope",
        rope_scaling=None,
        rope_theta=c["rope_parameters"]["rope_theta"],
    )
    same = "hidden_act hidden_size intermediate_size layer_norm_eps max_position_embeddings num_attention_heads"
    same += " num_hidden_layers type_vocab_size vocab_size"
    return config | {key: c[key] for key in same.split()} | more


def split_qkv(tensors):
    out = {}
    for name, v in tensors.items():
        if ".qkv_proj." in name:
            for letter, part in zip("qkv", v.chunk(3)):
                out[name.replace("qkv_proj", letter + "_proj")] = part
        else:
            out[name] = v
    return out


def flash(tensors):
    """The names of the code that is published as jinaai/xlm-roberta-flash-implementation."""
    names = [(".layer.", ".layers."), ("embeddings.LayerNorm", "emb_ln"), (".attention.output.dense", ".mixer.out_proj"), (".attention.output.LayerNorm", ".norm1")]
    names += [(".intermediate.dense", ".mlp.fc1"), (".output.dense", ".mlp.fc2"), (".output.LayerNorm", ".norm2")]
    out = {}
    for name, v in tensors.items():
        if ".self.query." in name:
            v = torch.cat([tensors[name.replace("query", n)] for n in ("query", "key", "value")])
            name = name.replace("attention.self.query", "mixer.Wqkv")
        elif ".self." in name:
            continue
        for a, b in names:
            name = name.replace(a, b)
        out[name] = v.contiguous()
    return out


def default_rope(theta):
    return {"rope_type": "default", "rope_theta": theta}


LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)
NOMIC = encoder("nomic_bert", hidden_act="silu", rope_parameters=default_rope(1000.0))
GTE = encoder("gte", rope_parameters=default_rope(500.0), type_vocab_size=1)
VOYAGE = {"AutoModel": "modeling_qwen3_bidirectional.Qwen3BidirectionalModel"}
FLASH = dict(auto_map={"AutoModel": "jinaai/xlm-roberta-flash-implementation--modeling_xlm_roberta.XLMRobertaModel"}, model_type="xlm-roberta")
EUROBERT = {"AutoModel": "modeling_eurobert.EuroBertModel"}
BIDIRECTIONAL = {"AutoModel": "llama_bidirectional_model.LlamaBidirectionalModel"}

# Of each variant: config (the file), and where they differ from the defaults: native (what transformers reads instead of it),
# model (the class), lengths, special (ids in the middle of the text), tensors (how they are named and stored), float64.
VARIANTS = {
    # Windows, with and without a causal mask; head widths that are no multiple of 4.
    "mistral-window": dict(config=decoder("mistral", head_dim=10, sliding_window=5)),
    "mistral-window-both-sides": dict(config=decoder("mistral", head_dim=6, sliding_window=5, is_causal=False)),
    "gemma3-causal": dict(config=gemma(layer_types=[SLIDING, FULL, SLIDING])),
    "gemma3-legacy": dict(
        config=gemma(sliding_window_pattern=3, rope_scaling={"rope_type": "linear", "factor": 8.0}), lengths=[1, 2, 7, 90]
    ),
    # Layers of two sizes that are reminded of the token, as builders say them and as they are saved; towers beside them.
    "embedding-gemma2-text": dict(
        config=embedding_gemma2(
            layer_types=[FULL, SLIDING, SLIDING],
            per_layer_config={"0": {"head_dim": 10, "num_key_value_heads": 4}, "2": {"head_dim": 10, "num_key_value_heads": 4}},
        )
    ),
    "embedding-gemma2": dict(
        config=dict(
            model_type="embedding_gemma2", text_config=embedding_gemma2(attention_bias=True), vision_config=None, audio_config=None
        ),
        tensors=dict(extra=["vision_tower.encoder.weight", "embed_audio.embedding_projection.weight"]),
    ),
    # Published code of XLM-RoBERTa, with a table of positions and with rotary ones.
    "xlm-roberta-flash": dict(
        config=encoder("xlm-roberta", position_embedding_type="absolute", pad_token_id=1) | FLASH,
        native=encoder("xlm-roberta", pad_token_id=1), special=[1], tensors=dict(rename=flash),
    ),
    "xlm-roberta-flash-rotary": dict(
        config=encoder("xlm-roberta", position_embedding_type="rotary", rotary_emb_base=500.0, type_vocab_size=1, pad_token_id=1) | FLASH,
        native=encoder("jina_embeddings_v3", rope_parameters=default_rope(500.0), type_vocab_size=1, pad_token_id=1),
    ),
    # Short convolutions in the place of attention.
    "lfm2": dict(config=lfm2(block_ff_dim=52, conv_L_cache=4, conv_bias=True)),
    "lfm2-layer-types": dict(
        config=lfm2(layer_types=[FULL, "conv", "conv", FULL], block_auto_adjust_ff_dim=False), tensors=dict(prefix="model.")
    ),
    # A model of texts and images, of which texts are read.
    "clip": dict(
        config=dict(
            model_type="clip",
            projection_dim=16,
            text_config=dict(
                vocab_size=VOCABULARY, hidden_size=20, intermediate_size=36, num_hidden_layers=2, num_attention_heads=2,
                max_position_embeddings=40, eos_token_id=2, bos_token_id=0, projection_dim=16,
            ),
            vision_config=dict(
                hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=8, projection_dim=16
            ),
        ),
        states=lambda model, row: model.text_projection(model.text_model(input_ids=row[None]).last_hidden_state[0]),
    ),
    # The encoder of a translator, with its padding token inside the text, and beside its decoder.
    "m2m-100": dict(config=m2m_100(), model=M2M100Encoder, special=[1, 1], lengths=[1, 2, 7, 30, 300]),
    "m2m-100-decoder": dict(
        config=m2m_100(scale_embedding=False, pad_token_id=0, activation_function="gelu", max_position_embeddings=12, d_model=24),
        model="M2M100ForConditionalGeneration",
        states=lambda model, row: model.model.encoder(input_ids=row[None]).last_hidden_state[0],
    ),
    # Words without entities.
    "luke": dict(
        config=encoder("luke", pad_token_id=1, type_vocab_size=1, entity_vocab_size=6, entity_emb_size=8, use_entity_aware_attention=True),
        special=[1],
    ),
    # An activation by its old name, which counts, and by its new one, which does not; one head of keys.
    "gemma": dict(config=gemma1(hidden_act="gelu", hidden_activation=None, num_key_value_heads=1)),
    "gemma-relu": dict(config=gemma1(hidden_act="relu", hidden_activation="gelu", attention_bias=True)),
    # Scores under a cap, and without one.
    "gemma2": dict(config=gemma2()),
    "gemma2-uncapped": dict(config=gemma2(attn_logit_softcapping=None, layer_types=[FULL, SLIDING, FULL], attention_bias=True)),
    "modernbert-layer-types": dict(
        config=modernbert(
            local_attention=7,
            layer_types=[SLIDING, FULL, SLIDING, SLIDING],
            rope_parameters={FULL: default_rope(160000.0), SLIDING: default_rope(10000.0)},
        )
    ),
    "modernbert-long": dict(
        config=modernbert(local_attention=128, max_position_embeddings=700, global_attn_every_n_layers=3), lengths=LONG
    ),
    # Tokens that see each other in families that look back.
    "qwen2-both-sides": dict(
        config=decoder("qwen2", is_causal=False, auto_map={"AutoModel": "modeling_qwen.Qwen2Model"}),
        native=decoder("qwen2", is_causal=False),
    ),
    "qwen2-kalm": dict(
        config=decoder("qwen2", is_causal=False, auto_map={"AutoModel": "modeling.Qwen2Model"}),
        native=decoder("qwen2", is_causal=False),
    ),
    "qwen3-both-sides": dict(
        config=decoder("qwen3", head_dim=6, use_bidirectional_attention=True),
        native=decoder("qwen3", head_dim=6, is_causal=False),
    ),
    "pplx": dict(
        config=decoder(
            "bidirectional_pplx_qwen3", head_dim=6, use_bidirectional_attention=True, auto_map={"AutoModel": "modeling.PPLXQwen3Model"}
        ),
        native=decoder("qwen3", head_dim=6, is_causal=False),
    ),
    # A window that the published code takes no notice of; attention to 37 latents, of more heads than one and wider than the model.
    "nvembed": dict(
        config=nvembed(dict(num_latents_value=37, num_cross_heads=2, hidden_dim=24, latent_dim=24, cross_dim_head=20), sliding_window=5),
        native=decoder("mistral", is_causal=False, sliding_window=None),
        tensors=dict(prefix="embedding_model.", last=("latent_attention_model.", lambda: Latents(24, 37, 2, 20))), lengths=[1, 2, 7, 130],
    ),
    "voyage": dict(
        config=decoder("qwen3", head_dim=6, use_bidirectional_attention=True, num_labels=52, auto_map=VOYAGE),
        native=decoder("qwen3", head_dim=6, is_causal=False),
        tensors=dict(prefix="model.", projection=52),
    ),
    # Queries that grow with their positions.
    "ministral3": dict(config=ministral3(), lengths=[1, 2, 100]),
    "ministral3-both-sides": dict(config=ministral3(is_causal=False), lengths=[1, 2, 100]),
    "ministral3-window": dict(config=ministral3(sliding_window=5)),
    "qwen3-not-causal": dict(config=decoder("qwen3", head_dim=6, is_causal=False)),
    "llama-bidirec": dict(
        config=decoder("llama_bidirec", auto_map=BIDIRECTIONAL, pooling="avg"), native=decoder("llama", is_causal=False)
    ),
    # The names of published code that computes what transformers does, but for the base of positions where none is said.
    "eurobert-published": dict(
        config={k: v for k, v in decoder("eurobert", auto_map=EUROBERT, clf_pooling="late", is_decoder=False).items() if k != "rope_theta"},
        native=decoder("eurobert", rope_theta=250000.0),
    ),
    # Positions that are scaled.
    "llama-llama3": dict(config=decoder("llama", rope_scaling=LLAMA3, rope_theta=500000.0), lengths=LONG),
    "llama-yarn": dict(config=decoder("llama", rope_scaling=YARN), lengths=LONG),
    "qwen3-yarn": dict(
        config=decoder("qwen3", head_dim=16, rope_scaling=YARN | dict(attention_factor=1.3, beta_fast=16.0, beta_slow=2.0, truncate=False))
    ),
    "qwen2-yarn": dict(
        config=decoder("qwen2", rope_parameters=YARN | dict(rope_theta=1e6, mscale=0.7, mscale_all_dim=1.2)) | dict(rope_theta=1e6)
    ),
    # Keys of positions that change nothing.
    "llama-attn-factor": dict(config=decoder("llama", rope_scaling=YARN | dict(attn_factor=1.7, finetuned=True)), lengths=[1, 100]),
    "qwen2-mrope-section": dict(config=decoder("qwen2", rope_scaling=dict(rope_type="default", mrope_section=[1, 1, 1])), lengths=[1, 30]),
    "qwen3-linear": dict(config=decoder("qwen3", head_dim=12, rope_scaling={"type": "linear", "factor": 4.0}), lengths=LONG),
    "qwen2-dynamic": dict(config=decoder("qwen2", rope_scaling={"type": "dynamic", "factor": 2.0})),
    # Positions that count what is not padding, biases that saturate.
    "roberta-padding": dict(
        config=encoder("roberta", pad_token_id=1, type_vocab_size=1), special=[1, 1], tensors=dict(prefix="roberta.")
    ),
    "camembert": dict(config=encoder("camembert", pad_token_id=1, type_vocab_size=1), special=[1]),
    "mpnet-long": dict(
        config=encoder("mpnet", pad_token_id=1, max_position_embeddings=610, type_vocab_size=1), special=[1, 1], lengths=LONG, float64=True
    ),
    "t5-relu": dict(config=t5("t5", feed_forward_proj="relu"), model="T5EncoderModel", lengths=LONG, float64=True),
    "mt5": dict(config=t5("mt5", feed_forward_proj="gated-gelu"), model="MT5EncoderModel", lengths=[1, 2, 7, 200], float64=True),
    # Layers and embeddings of other shapes.
    "albert-groups": dict(
        config=encoder("albert", num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2, embedding_size=12, hidden_act="gelu_new")
    ),
    "albert-many-groups": dict(  # in layer 9 the quotient of rounded numbers is below 7
        config=encoder(
            "albert", hidden_size=8, intermediate_size=8, num_hidden_layers=18, num_hidden_groups=14, inner_group_num=1, embedding_size=8
        )
    ),
    "electra-equal": dict(config=encoder("electra", embedding_size=20), tensors=dict(prefix="electra.")),
    "distilbert-float16": dict(
        config=dict(
            model_type="distilbert", vocab_size=VOCABULARY, dim=20, hidden_dim=36, n_layers=2, n_heads=2, activation="gelu",
            max_position_embeddings=40, pad_token_id=0,
        ),
        tensors=dict(dtype=torch.float16),
    ),
    # Disentangled attention, with each of its terms and without, and what v2-xlarge has beside it.
    "deberta-v3": dict(
        config=deberta(pos_att_type="p2c|c2p", share_att_key=True, position_buckets=8, position_biased_input=False),
        lengths=[1, 2, 7, 100], tensors=dict(prefix="deberta.", extra=["deberta.embeddings.position_embeddings.weight", "mask_predictions.dense.weight"]),
    ),
    "deberta-long": dict(
        config=deberta(
            pos_att_type=["c2p", "p2c"], position_buckets=32, max_relative_positions=128, max_position_embeddings=610, share_att_key=False
        ),
        lengths=LONG, float64=True,
    ),
    "deberta-c2p": dict(
        config=deberta(pos_att_type=["c2p"], max_relative_positions=6, norm_rel_ebd="none", type_vocab_size=2, share_att_key=False)
    ),
    "deberta-p2c": dict(config=deberta(pos_att_type="p2c", position_buckets=9, max_relative_positions=20, embedding_size=12)),
    "deberta-conv": dict(
        config=deberta(
            pos_att_type="p2c|c2p", share_att_key=True, position_buckets=8, attention_head_size=10, conv_kernel_size=3, conv_act="gelu", embedding_size=24
        )
    ),
    "deberta-conv-groups": dict(
        config=deberta(pos_att_type="p2c|c2p", relative_attention=False, norm_rel_ebd="none", conv_kernel_size=5, conv_groups=4)
    ),
    "deberta-content": dict(config=deberta(norm_rel_ebd="none", hidden_act="gelu_new", conv_kernel_size=1)),
    # The names of published folders.
    "nomic-swiglu": dict(
        config=nomic_published(NOMIC, vocab_size=VOCABULARY - 5, pad_vocab_size_multiple=16), native=NOMIC, vocabulary=VOCABULARY - 5
    ),
    "nomic-geglu": dict(config=nomic_published(NOMIC | {"hidden_act": "gelu"}), native=NOMIC | {"hidden_act": "gelu"}),
    "gte-transformers": dict(config=GTE),
    "gte-snowflake": dict(
        config=gte_published(GTE, model_type="gte", auto_map={"AutoModel": "modeling_hf_alibaba_nlp_gte.GteModel"}), native=GTE
    ),
    "gte-unpacked": dict(
        config=gte_published(GTE, pack_qkv=False), native=GTE, tensors=dict(prefix="new.", rename=split_qkv, extra=["classifier.weight"])
    ),
}  # fmt: skip


def make(name, v, out):
    config, native = v["config"], v.get("native", v["config"])
    how, seed = v.get("tensors", {}), sum(name.encode())
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
            json.dump(native, f)
        c = AutoConfig.from_pretrained(folder)
        cls = v.get("model")
        if isinstance(cls, str):
            cls = getattr(transformers, cls)
        model = randomize((cls or AutoModel.from_config)(c), seed).to(how.get("dtype", torch.float32))
        model.save_pretrained(folder)
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
            json.dump(native, f)
        dtype = torch.float64 if v.get("float64") else torch.float32
        reference = (cls or AutoModel).from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
        tensors = load_file(os.path.join(folder, "model.safetensors"))
    tensors = how.get("rename", lambda t: t)(tensors)
    tensors = {how.get("prefix", "") + k: t for k, t in tensors.items()}
    tensors |= {k: torch.ones(1, 20) for k in how.get("extra", [])}
    last = torch.nn.Identity()
    if "projection" in how:  # a linear layer on the hidden states, which transformers does not have
        last = torch.nn.Linear(native["hidden_size"], how["projection"], bias=False)
        tensors["linear.weight"] = randomize(last, seed + 2).weight
    if "last" in how:
        name_of, last = how["last"][0], randomize(how["last"][1](), seed + 2).eval()
        tensors |= {name_of + k: t for k, t in last.state_dict().items()}
    states = v.get("states", lambda model, row: model(input_ids=row[None], attention_mask=torch.ones_like(row)[None]).last_hidden_state[0])
    rows = sequences(seed + 1, v.get("lengths", LENGTHS), v.get("vocabulary", VOCABULARY), v.get("special", ()))
    write(
        os.path.join(out, name), config, tensors, rows,
        lambda row: last(states(reference, row)),
    )  # fmt: skip


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--only")
    a = ap.parse_args()
    for name, v in VARIANTS.items():
        if not a.only or name in a.only.split(","):
            make(name, v, a.out)


if __name__ == "__main__":
    main()
