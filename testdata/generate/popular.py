# -*- coding: utf-8 -*-
"""Makes tiny folders with random weights in the published layout of popular models, and what sentence-transformers answers.

usage: popular.py --goldens testdata/goldens --out DIR [--only name,name]

For each model a folder DIR/<name>/ is written:
  model/               the files that its publisher has, as small as they can be: bfloat16 weights, a tokenizer of goldens
  answers.safetensors  SentenceTransformer.encode of the texts of cases.json: plain, and for each prompt by its name
  cases.json           texts, prompts, and the ids that sentence-transformers gives the model
All numbers are float32 on a CPU, of the folder as it is on disk. Needs the packages in requirements.txt.
"""

import argparse, json, os, shutil

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoConfig, AutoModel, AutoTokenizer

torch.set_num_threads(1)
TEXTS = ["river", "the mountain and the river", " x  y ", "Wie weit ist es bis zum Fluss?", "a b c d e f g h i j k l m n o p " * 4, "3.14, 2026!"]
SIZES = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
OLD, NEW = "sentence_transformers.models.", "sentence_transformers.sentence_transformer.modules."


def modules(pooling, *more, spelling=OLD):
    list = [("Transformer", ""), ("Pooling", "1_Pooling"), *more]
    files = {
        "modules.json": [dict(idx=i, name=str(i), path=p, type=spelling + t) for i, (t, p) in enumerate(list)],
        "1_Pooling/config.json": pooling,
    }
    return files


def old_pooling(mode, width=24):
    keys = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    return dict(word_embedding_dimension=width, include_prompt=True) | {"pooling_mode_" + k: k == mode for k in keys}


NORMALIZE = ("Normalize", "2_Normalize")
YARN = dict(rope_type="yarn", rope_theta=1e6, factor=16.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0)
YARN |= dict(mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1)

# Of each model: config (config.json), tokenizer (of goldens) and files (that lie beside, as JSON);
# where the reference cannot read the whole, published (config.json in the end), prefix (of its tensors) and beside (more tensors).
MODELS = {
    "bge-multilingual-gemma2": dict(
        config=dict(model_type="gemma2", architectures=["Gemma2Model"], head_dim=8, query_pre_attn_scalar=8, sliding_window=8,
                    attn_logit_softcapping=5.0, hidden_activation="gelu_pytorch_tanh", transformers_version="4.42.3", rope_theta=10000.0,
                    **SIZES),
        tokenizer="gemma3",
        files=modules(old_pooling("lasttoken"), NORMALIZE)
        | {
            "sentence_bert_config.json": {"max_seq_length": 40, "do_lower_case": False},
            "config_sentence_transformers.json": {
                "__version__": {"sentence_transformers": "3.0.1", "transformers": "4.42.3", "pytorch": "2.3.1"},
                "prompts": {"web_search_query": "<instruct>Given a web search query, retrieve passages.\\n<query>", "sts_query": "<instruct>Retrieve.\\n<query>"},
                "default_prompt_name": None, "similarity_fn_name": None,
            },
        },
    ),
    "nemotron-3-embed": dict(
        config=dict(model_type="ministral3", architectures=["Ministral3Model"], head_dim=8, is_causal=False, hidden_act="silu", rms_norm_eps=1e-5,
                    rope_parameters=YARN, sliding_window=None, transformers_version="5.23.0", **SIZES),
        tokenizer="mistral",
        files=modules({"embedding_dimension": 24, "pooling_mode": "mean", "include_prompt": True}, NORMALIZE, spelling=NEW)
        | {
            "config_sentence_transformers.json": {
                "__version__": {"sentence_transformers": "6.2.0"}, "model_type": "SentenceTransformer",
                "prompts": {"query": "query: ", "document": "passage: "}, "default_prompt_name": None, "similarity_fn_name": "cosine",
            },
        },
    ),
    "embeddinggemma-2": dict(
        config=dict(
            model_type="embedding_gemma2_text", head_dim=6, global_head_dim=8, num_global_key_value_heads=1, sliding_window=6,
            sliding_window_pattern=3, hidden_size_per_layer_input=10, embedding_dim=28, hidden_activation="gelu_pytorch_tanh", **SIZES,
        ),
        # The whole of it wants processors of images and sounds: the reference reads the text model alone.
        published=lambda text: dict(
            model_type="embedding_gemma2", architectures=["EmbeddingGemma2Model"], vision_config={"model_type": "gemma4_vision"},
            audio_config={"model_type": "gemma4_audio"}, text_config=text, transformers_version="5.23.0",
        ),
        prefix="language_model.",
        beside=["vision_tower.patch_embedder.weight", "audio_tower.output_proj.weight", "embed_vision.embedding_projection.weight"],
        tokenizer="gemma3",
        files=modules({"embedding_dimension": 28, "pooling_mode": "mean", "include_prompt": True}, NORMALIZE, spelling=NEW)
        | {
            "sentence_bert_config.json": {
                "transformer_task": "feature-extraction",
                "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
                "module_output_name": "token_embeddings",
            },
            "config_sentence_transformers.json": {
                "__version__": {"sentence_transformers": "6.2.0"}, "model_type": "SentenceTransformer",
                "prompts": {"query": "task: search result | query: ", "document": "title: none | text: "},
                "default_prompt_name": None, "similarity_fn_name": "cosine",
            },
        },
    ),
}  # fmt: skip


def randomize(model, seed):
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in list(model.named_parameters()) + [(n, b) for n, b in model.named_buffers() if n.endswith("layer_scalar")]:
            r = torch.randn(p.shape, generator=g)
            if p.dim() <= 1:
                p.copy_(0.2 * r if name.endswith("bias") else 1 + 0.2 * r)
            elif "embed" in name and "projection" not in name:
                p.copy_(r)
            else:
                p.copy_(1.3 * r / (p.numel() // p.shape[0]) ** 0.5)
            p.copy_(p.to(torch.bfloat16).float())
    return model


def make(name, m, goldens, out):
    d = os.path.join(out, name)
    shutil.rmtree(d, ignore_errors=True)
    folder = os.path.join(d, "model")
    os.makedirs(folder)
    for f in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(goldens, m["tokenizer"], "model", f), folder)
    size = len(AutoTokenizer.from_pretrained(folder))
    config = dict(m["config"], vocab_size=size)
    dump = lambda f, x: json.dump(x, open(os.path.join(folder, f), "w", encoding="utf-8"), indent=1)
    for f, content in m["files"].items():
        os.makedirs(os.path.dirname(os.path.join(folder, f)), exist_ok=True)
        dump(f, content)
    dump("config.json", config)
    model = randomize(AutoModel.from_config(AutoConfig.from_pretrained(folder)), sum(name.encode()))
    tensors = {k: v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items() if v.is_floating_point()}
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

    st = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float32}).eval()
    ids, answers = {}, {}
    for label, prompt in [("plain", None)] + list(st.prompts.items()):
        rows = [st.preprocess([(prompt or "") + t]) for t in TEXTS]
        ids[label] = [r["input_ids"][0][r["attention_mask"][0].bool()].tolist() for r in rows]
        answers[label] = torch.from_numpy(st.encode(TEXTS, prompt=prompt or "", batch_size=1, convert_to_numpy=True))
    save_file({k: v.float().contiguous() for k, v in answers.items()}, os.path.join(d, "answers.safetensors"))
    if "published" in m:
        dump("config.json", m["published"](config))
        tensors = {m["prefix"] + k: t for k, t in tensors.items()} | {k: torch.ones(2, 3).to(torch.bfloat16) for k in m["beside"]}
        save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(d, "cases.json"), "w") as f:
        json.dump(dict(texts=TEXTS, prompts={k: v for k, v in st.prompts.items()}, ids=ids), f, indent=0)
    print(f"{name:28s} {answers['plain'].shape[1]} dimensions, standard deviation {answers['plain'].std():.3f}", flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--goldens", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--only")
    a = ap.parse_args()
    for name, m in MODELS.items():
        if not a.only or name in a.only.split(","):
            make(name, m, a.goldens, a.out)


main()
