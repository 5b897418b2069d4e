# -*- coding: utf-8 -*-
"""Makes tiny models with random weights that are laid out and named as jinaai/jina-embeddings-v5-text-nano and -small are.

usage: jina5.py --seed N --goldens testdata/goldens --out testdata/adapters

OUT/jina-v5-nano/ (EuroBERT) and OUT/jina-v5-small/ (Qwen3) hold model/, with bfloat16 weights and an adapter for each task as PEFT
saves it; cases.json, with texts and the ids of each behind its prompt; and golden.safetensors: input_ids, attention_mask and
last_hidden_state_<i> for task i, and sentence_<request> for each request of cases.json: the last token's state, of unit length.
The numbers are those of transformers and PEFT in float32, each input alone; the code published beside the weights adds to them
what is named here, and is not run. Needs the packages in requirements.txt.
"""

import argparse, json, os, shutil, tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoTokenizer

torch.set_num_threads(1)
TASKS = ["retrieval", "text-matching", "clustering"]
PROMPTS = {"query": "Query: ", "document": "Document: "}
REQUESTS = {  # by name: the task and the prompt that the published code uses for it
    "query": ("retrieval", "query"),
    "document": ("retrieval", "document"),
    "retrieval": ("retrieval", "document"),
    "text-matching": ("text-matching", "document"),
    "clustering": ("clustering", "document"),
}
TEXTS = ["river", "the mountain and the river", "x", "Wie weit ist es bis zum Fluss?", "a b c d e f g h i j k l m n o p " * 3, "3.14, 2026!"]
SIZES = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=40)
MODELS = {
    "jina-v5-nano": dict(
        base="eurobert",
        native=dict(model_type="eurobert", rms_norm_eps=1e-5, **SIZES),
        config=dict(rms_norm_eps=1e-5, rope_scaling=None, rope_theta=1000000, attention_bias=False, hidden_act="silu", is_decoder=False),
    ),
    "jina-v5-small": dict(
        base="qwen3",
        native=dict(model_type="qwen3", rms_norm_eps=1e-6, head_dim=8, num_key_value_heads=2, tie_word_embeddings=True, **SIZES),
        config=dict(
            rms_norm_eps=1e-6, rope_scaling=None, rope_theta=1000000, attention_bias=False, hidden_act="silu", head_dim=8,
            num_key_value_heads=2, tie_word_embeddings=True, use_sliding_window=False, sliding_window=None, max_window_layers=28,
        ),
    ),
}  # fmt: skip


def randomize(model, seed):
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                p.copy_(1 + 0.2 * r)
            elif "embed" in name:
                p.copy_(r)
            else:
                p.copy_(r / p.shape[1] ** 0.5)
    return model


def make(name, m, seed, goldens, out):
    d = os.path.join(out, name)
    shutil.rmtree(d, ignore_errors=True)
    folder = os.path.join(d, "model")
    os.makedirs(folder)
    for f in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(goldens, m["base"], "model", f), folder)
    dump = lambda f, x: json.dump(x, open(os.path.join(folder, f), "w"), indent=1)
    tok = AutoTokenizer.from_pretrained(folder)
    vocabulary = len(tok)
    native = AutoConfig.for_model(**m["native"], vocab_size=vocabulary, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}, pad_token_id=0)
    base = randomize(AutoModel.from_config(native), seed).eval()
    with torch.no_grad():
        for p in base.parameters():  # what bfloat16 weights hold
            p.copy_(p.to(torch.bfloat16).float())
    save_file({k: v.to(torch.bfloat16).contiguous() for k, v in base.state_dict().items()}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    code = "modeling_jina_embeddings_v5.JinaEmbeddingsV5Model"
    dump(
        "config.json",
        dict(
            architectures=["JinaEmbeddingsV5Model"], task_names=TASKS, model_type="jina_embeddings_v5", vocab_size=vocabulary, pad_token_id=0,
            auto_map={"AutoConfig": "configuration_jina_embeddings_v5.JinaEmbeddingsV5Config", "AutoModel": code}, torch_dtype="float32",
            transformers_version="4.57.0", **m["config"], **SIZES,
        ),
    )  # fmt: skip
    dump("modules.json", [{"idx": 0, "name": "transformer", "path": "", "type": "custom_st.Transformer", "kwargs": ["task", "truncate_dim"]}])
    version = {"sentence_transformers": "5.1.2", "transformers": "4.57.0", "pytorch": "2.8.0"}
    dump(
        "config_sentence_transformers.json",
        {"__version__": version, "prompts": PROMPTS, "default_prompt_name": "document", "similarity_fn_name": "cosine"},
    )
    adapted = {}
    for i, task in enumerate(TASKS):
        lora = LoraConfig(r=3, lora_alpha=5, lora_dropout=0.1, init_lora_weights="gaussian", task_type="FEATURE_EXTRACTION",
                          target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])  # fmt: skip
        g = torch.Generator().manual_seed(seed + 10 + i)
        with tempfile.TemporaryDirectory() as tmp:
            base.save_pretrained(tmp)
            model = get_peft_model(AutoModel.from_pretrained(tmp, dtype=torch.float32), lora)
        with torch.no_grad():
            for n, p in sorted(model.named_parameters()):
                if ".lora_" in n:
                    p.copy_(0.6 * torch.randn(p.shape, generator=g) / p.shape[1] ** 0.5)
        model.peft_config["default"].base_model_name_or_path = "jinaai/" + name
        to = os.path.join(folder, "adapters", task)
        model.save_pretrained(to)
        os.remove(os.path.join(to, "README.md"))
        with tempfile.TemporaryDirectory() as tmp:
            base.save_pretrained(tmp)
            adapted[task] = PeftModel.from_pretrained(AutoModel.from_pretrained(tmp, dtype=torch.float32), to).eval()

    def states(task, ids):
        one = torch.tensor([ids])
        return adapted[task](input_ids=one, attention_mask=torch.ones_like(one)).last_hidden_state[0]

    g = torch.Generator().manual_seed(seed + 1)
    lens, most = [1, 2, 5, 13, 40], 40
    ids, mask = torch.zeros(len(lens), most, dtype=torch.long), torch.zeros(len(lens), most, dtype=torch.long)
    for r, n in enumerate(lens):
        ids[r, :n], mask[r, :n] = torch.randint(0, vocabulary, (n,), generator=g), 1
    gold, all_ids = dict(input_ids=ids, attention_mask=mask), {}
    with torch.no_grad():
        for i, task in enumerate(TASKS):
            h = torch.zeros(len(lens), most, SIZES["hidden_size"])
            for r, n in enumerate(lens):
                h[r, :n] = states(task, ids[r, :n].tolist())
            gold[f"last_hidden_state_{i}"] = h
        for request, (task, prompt) in REQUESTS.items():
            rows = [tok(PROMPTS[prompt] + t, truncation=True, max_length=most)["input_ids"] for t in TEXTS]
            all_ids[request] = rows
            gold["sentence_" + request] = torch.stack([F.normalize(states(task, row)[-1], dim=0) for row in rows])
    save_file({k: v.contiguous() for k, v in gold.items()}, os.path.join(d, "golden.safetensors"))
    cases = dict(texts=TEXTS, tasks=TASKS, prompts=PROMPTS, ids=all_ids)
    json.dump(cases, open(os.path.join(d, "cases.json"), "w"), indent=1)
    moved = (gold["last_hidden_state_0"] - gold["last_hidden_state_1"]).abs().max().item()
    print(f"{name}: tasks differ by {moved:.2g}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, required=True)
    ap.add_argument("--goldens", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    for i, (name, m) in enumerate(MODELS.items()):
        make(name, m, a.seed + 100 * i, a.goldens, a.out)


main()
