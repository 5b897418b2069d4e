# -*- coding: utf-8 -*-
"""Makes LoRA adapters with random weights for tiny models of testdata/goldens, and what the merged models answer.

usage: adapters.py --seed N --goldens testdata/goldens --out testdata/adapters

OUT/<name>/ of an adapter that PEFT saves:
  adapter_config.json, adapter_model.safetensors   as peft.PeftModel.save_pretrained writes them, but for the path of the base
                       model, ../../goldens/<base>/model
  golden.safetensors   the base's input_ids and attention_mask; last_hidden_state [B,T,H] of the model that merge_and_unload
                       returns, computed in float64 (zero where the mask is 0); sentence [B,D]: what the base folder's modules make of it
  plain [B,D] of bert and qwen3: what sentence-transformers makes of a folder of the adapter and a tokenizer alone, before any Normalize
OUT/<name>/ of a classifier's adapter: the first two files, tokenizer left to the base, and cases.json: labels, pairs of texts, their ids, and the logits
                       of the model that PEFT's AutoPeftModelForSequenceClassification merges, in float64
OUT/jina-v3-lora/: model/, laid out and named as jinaai/jina-embeddings-v3 is, with bfloat16 weights; golden.safetensors with
input_ids, attention_mask, last_hidden_state_<i> for task i of lora_adaptations and last_hidden_state_none for no task, and
sentence_<i>, sentence_none [N,D] of the texts in cases.json, each after its task's prompt. That network is written out below,
after arXiv:2409.10173 and the shapes of the published tensors; without a task it is held against transformers'
JinaEmbeddingsV3Model. Other numbers are computed in float32, on a CPU. Needs the packages in requirements.txt.
"""

import argparse, json, math, os, shutil, tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import peft, torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, JinaEmbeddingsV3Config, JinaEmbeddingsV3Model, T5EncoderModel
from torch.nn import functional as F

torch.set_num_threads(1)

ADAPTERS = {
    # tables, norms kept whole, a rank and a scale of some modules' own; "dense" is in the pooler too
    "bert": dict(
        base="bert",
        load=AutoModel,
        config=dict(
            r=4,
            lora_alpha=16,
            target_modules=["query", "value", "dense", "word_embeddings"],
            rank_pattern={"intermediate.dense": 2},
            alpha_pattern={r"layer\.0\.attention\.self\.query": 3},
            modules_to_save=["LayerNorm"],
        ),
    ),
    # on a model with a head, whose weights are bfloat16 in two files
    "qwen3": dict(
        base="qwen3-bf16-sharded",
        load=AutoModelForCausalLM,
        dtype=torch.bfloat16,
        config=dict(r=3, lora_alpha=5, use_rslora=True, target_modules="all-linear", task_type="CAUSAL_LM"),
    ),
    "t5": dict(base="t5", load=T5EncoderModel, config=dict(r=2, lora_alpha=1, target_modules=r".*\.(q|v|wo)")),
    # what the positions of attention are made of too: the norm of their table, and the queries and keys that they share
    "deberta-v2": dict(
        base="deberta-v2",
        load=AutoModel,
        config=dict(r=3, lora_alpha=6, target_modules=["query_proj", "key_proj", "intermediate.dense"], modules_to_save=["LayerNorm"]),
    ),
    # the names of transformers' own code, which are not those that the base's file has: parts of what is one tensor there
    "nomic-bert": dict(
        base="nomic-bert",
        load=AutoModel,
        config=dict(
            r=3,
            lora_alpha=6,
            target_modules=["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
            rank_pattern={"v_proj": 2},
            alpha_pattern={r"layers\.0\.self_attn\.q_proj": 5},
            modules_to_save=["post_attention_layernorm"],
        ),
    ),
    "gte": dict(
        base="gte",
        load=AutoModel,
        config=dict(r=2, lora_alpha=4, target_modules=["k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], modules_to_save=["post_mlp_layernorm"]),
    ),
    "jina-v3": dict(
        base="jina-v3",
        load=AutoModel,
        config=dict(r=2, lora_alpha=2, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"], modules_to_save=["post_attention_layernorm"]),
    ),
}

# adapters of classifiers on bare models, whose config.json says nothing of labels; the head is kept whole
CLASSIFIERS = {
    "bert-classifier": dict(base="bert", labels=3, config=dict(r=4, lora_alpha=8, target_modules=["query", "value", "dense"])),
    "qwen3-reranker": dict(base="qwen3", labels=1, config=dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "down_proj"])),
}


def shake(model, seed):
    """Gives an adapter numbers that are not those of its start."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for n, p in model.named_parameters():
            if "lora_" in n:
                p.copy_(0.3 * torch.randn(p.shape, generator=g) / math.sqrt(max(1, min(p.shape))))
            elif "modules_to_save" in n:
                p.copy_(p + 0.3 * torch.randn(p.shape, generator=g))


def save(model, spec, d):
    """Writes what PEFT saves of a model to d, with the path of the base model, and returns the configuration."""
    with tempfile.TemporaryDirectory() as tmp:
        model.save_pretrained(tmp)
        w = load_file(os.path.join(tmp, "adapter_model.safetensors"))
        w = {k: v.to(spec.get("dtype", torch.float32)).contiguous() for k, v in w.items()}
        save_file(w, os.path.join(d, "adapter_model.safetensors"), metadata={"format": "pt"})
        c = json.load(open(os.path.join(tmp, "adapter_config.json")))
    c["base_model_name_or_path"] = f"../../goldens/{spec['base']}/model"
    if isinstance(c["target_modules"], list):
        c["target_modules"].sort()  # a set in Python
    json.dump(c, open(os.path.join(d, "adapter_config.json"), "w"), indent=2, sort_keys=True)
    return c, w


def peft_classifier(name, spec, seed, goldens, out):
    base = os.path.join(goldens, spec["base"], "model")
    d = os.path.join(out, name)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=spec["labels"], dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", **spec["config"])).eval()
    shake(model, seed)
    c, w = save(model, spec, d)
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copytree(d, tmp, dirs_exist_ok=True)
        json.dump(dict(c, base_model_name_or_path=base), open(os.path.join(tmp, "adapter_config.json"), "w"))
        whole = AutoPeftModelForSequenceClassification.from_pretrained(tmp, num_labels=spec["labels"], dtype=torch.float64).merge_and_unload().double().eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    pairs = [[a, b] for a in TEXTS[:3] for b in TEXTS]
    ids, logits = [], []
    off = 0.0
    for a, b in pairs:
        x = tokenizer(a, b, return_tensors="pt")
        with torch.no_grad():
            y = whole(**x).logits[0]
            off = max(off, (model(**x).logits[0].double() - y).abs().max().item())
        ids.append(x["input_ids"][0].tolist())
        logits.append(y.float().tolist())
    json.dump(dict(labels=spec["labels"], pairs=pairs, ids=ids, logits=logits), open(os.path.join(d, "cases.json"), "w"), indent=1)
    print(f"{name}: {len(w)} tensors, float32 off by {off:.1e}")
    return off


def peft_adapter(name, spec, seed, goldens, out):
    base = os.path.join(goldens, spec["base"], "model")
    native = tempfile.TemporaryDirectory()
    if os.path.exists(os.path.join(base, "config.native.json")):  # config.json is that of the published code
        shutil.copytree(base, native.name, dirs_exist_ok=True)
        base = native.name
        os.replace(os.path.join(base, "config.native.json"), os.path.join(base, "config.json"))
    d = os.path.join(out, name)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    model = get_peft_model(spec["load"].from_pretrained(base, dtype=torch.float32), LoraConfig(**spec["config"])).eval()
    shake(model, seed)
    c, w = save(model, spec, d)

    def merged(dtype):
        m = PeftModel.from_pretrained(spec["load"].from_pretrained(base, dtype=dtype), d).to(dtype).merge_and_unload().eval()
        return m.model if hasattr(m, "lm_head") else m

    old = load_file(os.path.join(goldens, spec["base"], "golden.safetensors"))
    ids, mask = old["input_ids"], old["attention_mask"]
    st = SentenceTransformer(base, device="cpu", model_kwargs={"dtype": torch.float32})
    with torch.no_grad():
        h = (merged(torch.float64)(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]).float()
        single = (merged(torch.float32)(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None] - h).abs().max().item()
        f = {"token_embeddings": h, "attention_mask": mask}
        for module in list(st)[1:]:
            f = module(f)
        plain = spec["load"].from_pretrained(base, dtype=torch.float32)
        plain = (plain.model if hasattr(plain, "lm_head") else plain).eval()
        moved = (plain(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None] - h).abs().max().item()
    gold = dict(input_ids=ids, attention_mask=mask, last_hidden_state=h, sentence=f["sentence_embedding"])

    # sentence-transformers must load the same from a folder of the adapter and the base's modules
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copytree(base, tmp, dirs_exist_ok=True, ignore=lambda at, names: [n for n in names if at == base and (n == "config.json" or n.startswith("model"))])
        for n in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copy(os.path.join(d, n), tmp)
        c["base_model_name_or_path"] = base
        json.dump(c, open(os.path.join(tmp, "adapter_config.json"), "w"))
        theirs = SentenceTransformer(tmp, device="cpu", model_kwargs={"dtype": torch.float32})
        with torch.no_grad():
            other = theirs({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]
        off = (other - gold["sentence"]).abs().max().item()
        if name in ("bert", "qwen3"):
            for n in os.listdir(tmp):
                if not n.startswith(("adapter_", "tokenizer")):
                    shutil.rmtree(os.path.join(tmp, n)) if os.path.isdir(os.path.join(tmp, n)) else os.remove(os.path.join(tmp, n))
            theirs = SentenceTransformer(tmp, device="cpu", model_kwargs={"dtype": torch.float32})
            with torch.no_grad():
                gold["plain"] = theirs({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]
    save_file({k: v.contiguous() for k, v in gold.items()}, os.path.join(d, "golden.safetensors"))
    print(f"{name}: {len(w)} tensors, hidden states moved by {moved:.2g}, float32 off by {single:.1e}, sentence-transformers differs by {off:.1e}")
    return off


TASKS = ["retrieval.query", "retrieval.passage", "separation", "classification", "text-matching"]
PROMPTS = {
    "retrieval.query": "Represent the query for retrieving evidence documents: ",
    "retrieval.passage": "Represent the document for retrieval: ",
    "separation": "",
    "classification": "",
    "text-matching": "",
}
TEXTS = ["river", "the mountain and the river", "x", "Wie weit ist es bis zum Fluss?", "a b c d e f g h i j k l m n o p", "3.14, 2026!"]


def jina_forward(w, c, ids, mask, task):
    """The encoder of jina-embeddings-v3: the adapter of a task is added to every weight, W + alpha/rank * B A."""

    def weight(name):
        key = f"roberta.{name}.parametrizations.weight."
        x = w[key + "original"]
        if task is None:
            return x
        a, b = w[key + "0.lora_A"][task], w[key + "0.lora_B"][task]
        update = a @ b if name.startswith("embeddings.") else b @ a
        return x + update * (c["lora_alpha"] / c["lora_rank"])

    def linear(x, name):
        return F.linear(x, weight(name), w[f"roberta.{name}.bias"])

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], w[f"roberta.{name}.weight"], w[f"roberta.{name}.bias"], c["layer_norm_eps"])

    heads = c["num_attention_heads"]
    dim = c["hidden_size"] // heads
    B, T = ids.shape
    inv = c["rotary_emb_base"] ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angle = (torch.arange(T, dtype=torch.float64)[:, None] * inv[None]).repeat(1, 2)
    cos, sin = angle.cos().float(), angle.sin().float()

    def turn(x):
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([-second, first], -1) * sin

    x = F.embedding(ids, weight("embeddings.word_embeddings")) + weight("embeddings.token_type_embeddings")[0]
    x = norm(x, "emb_ln")
    hide = torch.where(mask.bool(), 0.0, -math.inf)[:, None, None, :]
    for i in range(c["num_hidden_layers"]):
        at = f"encoder.layers.{i}."
        q, k, v = linear(x, at + "mixer.Wqkv").view(B, T, 3, heads, dim).permute(2, 0, 3, 1, 4)
        p = torch.softmax(turn(q) @ turn(k).transpose(-1, -2) / math.sqrt(dim) + hide, -1)
        x = norm(x + linear((p @ v).transpose(1, 2).reshape(B, T, -1), at + "mixer.out_proj"), at + "norm1")
        x = norm(x + linear(F.gelu(linear(x, at + "mlp.fc1")), at + "mlp.fc2"), at + "norm2")
    return x * mask[..., None]


def jina(seed, goldens, out):
    d = os.path.join(out, "jina-v3-lora")
    shutil.rmtree(d, ignore_errors=True)
    m = os.path.join(d, "model")
    os.makedirs(os.path.join(m, "1_Pooling"))
    bert = os.path.join(goldens, "bert", "model")
    for n in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(bert, n), m)
    tok = Tokenizer.from_file(os.path.join(m, "tokenizer.json"))
    tok.no_padding()
    tok.no_truncation()
    H, I, L, R, V = 24, 44, 2, 4, tok.get_vocab_size()
    code = "jinaai/xlm-roberta-flash-implementation--"
    c = dict(
        architectures=["XLMRobertaLoRA"],
        attention_probs_dropout_prob=0.1,
        auto_map={
            "AutoConfig": code + "configuration_xlm_roberta.XLMRobertaFlashConfig",
            "AutoModel": code + "modeling_lora.XLMRobertaLoRA",
            "AutoModelForMaskedLM": code + "modeling_xlm_roberta.XLMRobertaForMaskedLM",
        },
        bos_token_id=0,
        classifier_dropout=None,
        emb_pooler=None,
        eos_token_id=2,
        hidden_act="gelu",
        hidden_dropout_prob=0.1,
        hidden_size=H,
        initializer_range=0.02,
        intermediate_size=I,
        layer_norm_eps=1e-05,
        load_trained_adapters=True,
        lora_adaptations=TASKS,
        lora_alpha=1,
        lora_dropout_p=0.0,
        lora_main_params_trainable=False,
        lora_rank=R,
        matryoshka_dimensions=[8, 16, 24],
        max_position_embeddings=66,
        model_type="xlm-roberta",
        num_attention_heads=2,
        num_hidden_layers=L,
        output_past=True,
        pad_token_id=1,
        position_embedding_type="rotary",
        rotary_emb_base=20000.0,
        task_instructions=PROMPTS,
        torch_dtype="bfloat16",
        transformers_version="4.30.2",
        truncate_dim=None,
        type_vocab_size=1,
        use_cache=True,
        use_flash_attn=True,
        use_reentrant=False,
        vocab_size=V,
    )
    g = torch.Generator().manual_seed(seed)
    rand = lambda *shape: torch.randn(*shape, generator=g)
    w = {}

    def linear(name, o, i):
        key = f"roberta.{name}.parametrizations.weight."
        w[f"roberta.{name}.bias"] = 0.2 * rand(o)
        w[key + "original"] = 1.3 * rand(o, i) / i**0.5
        w[key + "0.lora_A"] = rand(len(TASKS), R, i) / i**0.5
        w[key + "0.lora_B"] = rand(len(TASKS), o, R)

    def table(name, rows):
        key = f"roberta.{name}.parametrizations.weight."
        w[key + "original"] = rand(rows, H)
        w[key + "0.lora_A"] = rand(len(TASKS), rows, R)
        w[key + "0.lora_B"] = rand(len(TASKS), R, H)

    def norm(name):
        w[f"roberta.{name}.weight"], w[f"roberta.{name}.bias"] = 1 + 0.3 * rand(H), 0.2 * rand(H)

    table("embeddings.word_embeddings", V)
    table("embeddings.token_type_embeddings", 1)
    norm("emb_ln")
    for i in range(L):
        at = f"encoder.layers.{i}."
        linear(at + "mixer.Wqkv", 3 * H, H)
        linear(at + "mixer.out_proj", H, H)
        linear(at + "mlp.fc1", I, H)
        linear(at + "mlp.fc2", H, I)
        norm(at + "norm1")
        norm(at + "norm2")
    linear("pooler.dense", H, H)
    w = {k: v.to(torch.bfloat16).contiguous() for k, v in w.items()}
    save_file(w, os.path.join(m, "model.safetensors"), metadata={"format": "pt"})
    dump = lambda n, x: json.dump(x, open(os.path.join(m, n), "w"), indent=2)
    dump("config.json", c)
    dump("sentence_bert_config.json", {"max_seq_length": 64, "do_lower_case": False})
    dump("1_Pooling/config.json", {"word_embedding_dimension": H, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})
    dump("config_sentence_transformers.json", {"__version__": {"sentence_transformers": "3.1.0"}, "prompts": PROMPTS, "default_prompt_name": None})
    dump(
        "modules.json",
        [
            {"idx": 0, "name": "transformer", "path": "", "type": "custom_st.Transformer", "kwargs": ["task"]},
            {"idx": 1, "name": "pooler", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "normalizer", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
    )

    w = {k: v.float() for k, v in w.items()}
    lens = [1, 2, 5, 13, 31, 64]
    ids, mask = torch.ones(len(lens), 64, dtype=torch.long), torch.zeros(len(lens), 64, dtype=torch.long)
    for r, n in enumerate(lens):
        ids[r, :n] = torch.randint(0, V, (n,), generator=g)
        mask[r, :n] = 1
    gold = dict(input_ids=ids, attention_mask=mask)
    all_ids = {}
    for i, name in enumerate([*TASKS, None]):
        label, task = ("none", None) if name is None else (str(i), i)
        gold["last_hidden_state_" + label] = jina_forward(w, c, ids, mask, task)
        rows = [tok.encode(PROMPTS.get(name, "") + t).ids for t in TEXTS]
        all_ids[label] = rows
        vectors = []
        for r in rows:
            one = torch.tensor([r])
            vectors.append(F.normalize(jina_forward(w, c, one, torch.ones_like(one), task)[0].mean(0), dim=0))
        gold["sentence_" + label] = torch.stack(vectors)
    save_file({k: v.contiguous() for k, v in gold.items()}, os.path.join(d, "golden.safetensors"))
    json.dump(dict(texts=TEXTS, tasks=TASKS, prompts=PROMPTS, ids=all_ids), open(os.path.join(d, "cases.json"), "w"), indent=1)

    keep = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps", "pad_token_id", "type_vocab_size"]
    native = JinaEmbeddingsV3Config(max_position_embeddings=66, rope_parameters={"rope_type": "default", "rope_theta": 20000.0}, **{k: c[k] for k in keep})
    with tempfile.TemporaryDirectory() as tmp:
        native.save_pretrained(tmp)
        save_file({k.removeprefix("roberta.").replace("parametrizations.weight.original", "weight").replace("..", "."): v for k, v in w.items() if ".lora_" not in k}, os.path.join(tmp, "model.safetensors"), metadata={"format": "pt"})
        model = JinaEmbeddingsV3Model.from_pretrained(tmp, dtype=torch.float32).eval()
    with torch.no_grad():
        h = model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
    off = (h - gold["last_hidden_state_none"]).abs().max().item()
    moved = min((gold[f"last_hidden_state_{i}"] - h).abs().max().item() for i in range(len(TASKS)))
    print(f"jina-v3-lora: without a task transformers differs by {off:.1e}; tasks move hidden states by at least {moved:.2g}")
    return off


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, required=True)
    ap.add_argument("--goldens", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    worst = [peft_adapter(n, s, a.seed + i, a.goldens, a.out) for i, (n, s) in enumerate(ADAPTERS.items())]
    worst += [peft_classifier(n, s, a.seed + 100 + i, a.goldens, a.out) for i, (n, s) in enumerate(CLASSIFIERS.items())]
    worst.append(jina(a.seed, a.goldens, a.out))
    if max(worst) > 3e-5:
        raise SystemExit(f"references differ: {worst}")


main()
