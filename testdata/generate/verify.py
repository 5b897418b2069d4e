# -*- coding: utf-8 -*-
"""Makes internal/verify/models.zip.gz: a tiny folder of each family, as popular.py makes them, and what sentence-transformers answers.

usage: verify.py --goldens testdata/goldens --towers testdata/towers --out internal/verify [--only name,name]

models.zip.gz is a ZIP file, not compressed but as a whole, of a folder <name> of each, with the same files as those of popular.py. Weights
are -1, 0 and 1 times a scale, so that they are small; those of towers.py are as they are there. minilm has answers for the real model of goldens,
and no model. Needs requirements.txt.
"""

import argparse, gzip, io, json, os, zipfile

import torch
from safetensors.torch import load_file, save

import popular
from popular_models import H, LAST, LLAMA, LLAMA_TOKENS, MEAN, MODELS, NORMALIZE, st, tokenizer, xlmr

NEW_STYLE = dict(versions=("5.1.0", "4.57.6", "2.8.0"))
DEBERTA = MODELS["cross-encoder/nli-deberta-v3-base"]
GEMMA = MODELS["BAAI/bge-reranker-v2-gemma"]
ELECTRA = MODELS["cross-encoder/ms-marco-electra-base"]
QWEN2 = MODELS["mixedbread-ai/mxbai-rerank-base-v2"]
LFM2 = dict(model_type="lfm2", architectures=["Lfm2Model"], hidden_size=H, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64, conv_L_cache=3,
            conv_bias=False, layer_types=["conv", "full_attention", "conv"], norm_eps=1e-5, block_auto_adjust_ff_dim=False, bos_token_id=1, eos_token_id=2, pad_token_id=0, dtype="float32", transformers_version="5.23.0",
            rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"}, use_cache=True)  # fmt: skip
EUROBERT = dict(model_type="eurobert", architectures=["EuroBertModel"], attention_bias=False, attention_dropout=0.0, bos_token_id=563, classifier_pooling="late", dtype="float32", eos_token_id=560, head_dim=8, hidden_act="silu",
                hidden_size=H, intermediate_size=24, mask_token_id=560, max_position_embeddings=64, mlp_bias=False, num_attention_heads=2, num_hidden_layers=2, num_key_value_heads=2, pad_token_id=560, pretraining_tp=1,
                rms_norm_eps=1e-6, rope_parameters={"rope_theta": 10000.0, "rope_type": "default"}, tie_word_embeddings=False, transformers_version="5.23.0", use_cache=False)  # fmt: skip
JINA3 = dict(model_type="jina_embeddings_v3", architectures=["JinaEmbeddingsV3Model"], attention_probs_dropout_prob=0.1, bos_token_id=0, classifier_dropout=None, dtype="float32", eos_token_id=2, hidden_act="gelu_pytorch_tanh",
             hidden_dropout_prob=0.1, hidden_size=H, initializer_range=0.02, intermediate_size=24, layer_norm_eps=1e-12, max_position_embeddings=64, num_attention_heads=2, num_hidden_layers=2, pad_token_id=282,
             rope_parameters={"rope_theta": 20000.0, "rope_type": "default"}, tie_word_embeddings=True, transformers_version="5.23.0", type_vocab_size=1, use_cache=False)  # fmt: skip
BASE = {k: v for k, v in LLAMA.items() if k != "torch_dtype"}


def embed(config, tokenizer, pooling=MEAN, **more):
    return dict(kind="embed", config=config, tokenizer=tokenizer, files=st(pooling, NORMALIZE, prompts={"query": "query: "}, **NEW_STYLE)) | more


def without(m, *keys):
    return {k: v for k, v in m.items() if k not in keys}


# By name: a model of popular.py, or one of its kind.
FAMILIES = {
    "albert": MODELS["sentence-transformers/paraphrase-albert-small-v2"],
    "bert": MODELS["thenlper/gte-small"],
    "deberta-v2": embed(without(DEBERTA["config"], "id2label", "label2id") | dict(architectures=["DebertaV2Model"]), DEBERTA["tokenizer"]),
    "distilbert": MODELS["sentence-transformers/msmarco-distilbert-base-tas-b"],
    "electra": embed(without(ELECTRA["config"], "id2label", "label2id", "sentence_transformers") | dict(architectures=["ElectraModel"], embedding_size=8), ELECTRA["tokenizer"]),
    "embedding_gemma2": MODELS["google/embeddinggemma-2"],
    "eurobert": embed(EUROBERT, tokenizer("eurobert", "PreTrainedTokenizerFast", bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>", pad_token="<|end_of_text|>", model_max_length=64)),
    "gemma": embed(GEMMA["config"] | dict(architectures=["GemmaModel"]), GEMMA["tokenizer"], LAST, offset=0),
    "gemma2": MODELS["BAAI/bge-multilingual-gemma2"],
    "gemma3_text": MODELS["google/embeddinggemma-300m"],
    "gte": MODELS["Alibaba-NLP/gte-base-en-v1.5"],
    "jina_embeddings_v3": embed(JINA3, xlmr()),
    "jinabert": MODELS["jinaai/jina-embeddings-v2-base-en"],
    "lfm2": embed(LFM2, tokenizer("llama", "PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", pad_token="<unk>", model_max_length=64), LAST),
    "llama": embed(BASE | dict(model_type="llama", architectures=["LlamaModel"]), tokenizer("llama", "LlamaTokenizer", add_eos_token=True, model_max_length=64, **LLAMA_TOKENS), LAST),
    "ministral3": MODELS["nvidia/Nemotron-3-Embed"],
    "mistral": MODELS["Linq-AI-Research/Linq-Embed-Mistral"],
    "modernbert": MODELS["ibm-granite/granite-embedding-english-r2"],
    "mpnet": MODELS["sentence-transformers/all-mpnet-base-v2"],
    "nomic_bert": MODELS["nomic-ai/nomic-embed-text-v1.5"],
    "nomic_bert with experts": MODELS["nomic-ai/nomic-embed-text-v2-moe"],
    "nvembed": MODELS["nvidia/NV-Embed-v2"],
    "qwen2": embed(QWEN2["config"] | dict(architectures=["Qwen2Model"]), QWEN2["tokenizer"], LAST, dtype=torch.float16),
    "qwen3": MODELS["Qwen/Qwen3-Embedding-0.6B"],
    "roberta": MODELS["ibm-granite/granite-embedding-125m-english"],
    "static": MODELS["sentence-transformers/static-retrieval-mrl-en-v1"],
    "t5": MODELS["sentence-transformers/gtr-t5-base"],
    "xlm-roberta": MODELS["intfloat/multilingual-e5-large-instruct"],
    "reranker": MODELS["cross-encoder/ms-marco-MiniLM-L6-v2"],
    "sparse": MODELS["naver/splade-v3"],
    "multi-vector": MODELS["mixedbread-ai/mxbai-colbert-large-v1"],
}
TOWERS = {"clip": "clip-openai", "luke": "glucose", "m2m_100": "sonar"}


def randomize(model, seed, shift, offset):
    """As that of popular.py, with values of -1, 0 and 1 times a scale."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn(p.shape, generator=g).round().clamp(-1, 1)
            if p.dim() <= 1:
                p.copy_(r / 8 if name.endswith("bias") or p.dim() == 0 else offset + r / 8)
            elif "embed" in name and "proj" not in name or "shared" in name:
                p.copy_(r)
            else:
                p.copy_(r * 2.0 ** round(torch.log2(torch.tensor(1.5 / (p.numel() // p.shape[0]) ** 0.5)).item()))
        if shift:
            model.get_output_embeddings().bias.add_(shift)
    return model


def tiny(name, goldens):
    files = popular.make(name, FAMILIES[name], goldens, None)
    case = dict(json.loads(files["cases.json"]), transformers=5)  # as which the tokenizer's files were read
    files["cases.json"] = json.dumps(case, ensure_ascii=False).encode()
    return files


def tower(folder):
    files = {}
    for at, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            with open(os.path.join(at, name), "rb") as f:
                files[os.path.relpath(os.path.join(at, name), folder)] = f.read()
    case = json.loads(files["cases.json"])
    files["cases.json"] = json.dumps(dict(case, kind="embed"), ensure_ascii=False).encode()
    return files


def minilm(goldens):
    """Some texts of the real model's, the first of each length in characters that is larger by a fourth."""
    at = os.path.join(goldens, "all-MiniLM-L6-v2")
    with open(os.path.join(at, "cases.json"), encoding="utf-8") as f:
        texts = json.load(f)["texts"]
    rows = load_file(os.path.join(at, "golden.safetensors"))["embeddings"]
    chosen, length = [], 0
    for i in sorted(range(1, len(texts)), key=lambda i: len(texts[i])):
        if length < len(texts[i]) <= 200:
            chosen.append(i)
            length = max(len(texts[i]) + 2, len(texts[i]) * 5 // 4)
    case = dict(kind="embed", texts=[texts[i] for i in chosen], prompts={})
    return {"cases.json": json.dumps(case, ensure_ascii=False).encode(), "answers.safetensors": save({"plain": rows[chosen].contiguous()})}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--goldens", required=True)
    ap.add_argument("--towers", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--only")
    a = ap.parse_args()
    popular.randomize = randomize
    all = {f"minilm/{file}": data for file, data in minilm(a.goldens).items()}
    for name in list(FAMILIES) + list(TOWERS):
        if a.only and name not in a.only.split(","):
            continue
        files = tower(os.path.join(a.towers, TOWERS[name])) if name in TOWERS else tiny(name, a.goldens)
        all |= {f"{name}/{file}": data for file, data in files.items()}
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as z:  # what is alike lies side by side
        for path, data in sorted(all.items(), key=lambda x: (os.path.splitext(x[0])[1], os.path.basename(x[0]), x[1])):
            z.writestr(zipfile.ZipInfo(path), data)
    with open(os.path.join(a.out, "models.zip.gz"), "wb") as f:
        f.write(gzip.compress(plain.getvalue(), 9, mtime=0))


if __name__ == "__main__":
    main()
