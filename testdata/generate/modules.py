# -*- coding: utf-8 -*-
"""Makes folders with every kind of sentence-transformers module, and what they answer.

usage: modules.py --goldens DIR

The transformer of all of them is DIR/bert/model. For each case DIR/modules/<case>/ holds the files that the
folder has beside it; cases.json says under which paths the transformer's files and its tokenizer.json lie, and
what was asked; answers.safetensors holds the answers, <case>.<request>, a row for each of cases.json's texts.
The answers are those of SentenceTransformer.encode, and for model2vec-plain and the like of StaticModel.encode of model2vec.
All numbers are float32 on a CPU.
"""

import argparse, json, os, shutil, tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import model2vec, numpy as np, sentence_transformers, torch, transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Dropout,
    LayerNorm,
    Normalize,
    Pooling,
    Router,
    StaticEmbedding,
    Transformer,
)
from tokenizers import Tokenizer
from torch import nn

torch.set_num_threads(1)
H, VOCAB = 24, 500  # of bert/model
BERT = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"]
MODES = ["lasttoken", "mean", "weightedmean", "max", "cls", "mean_sqrt_len_tokens"]
PROMPTS = {"query": "river search: ", "document": "passage, "}
TEXTS = [
    "river",
    "The Garden and the WINTER market!",
    "données, größe & 3.14 — привет",
    "你好 世界 embedding",
    "unhappy token " * 14,
    "What is the answer to a question about the planet, the bridge, and the music of the summer garden near the big river?",
    " ",
    "zzzz \u2603 qq",
]


def args():
    p = argparse.ArgumentParser()
    p.add_argument("--goldens", required=True)
    return p.parse_args()


class Maker:
    def __init__(self, goldens):
        self.bert = os.path.join(goldens, "bert", "model")
        self.out = os.path.join(goldens, "modules")
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        self.tmp = tempfile.mkdtemp()
        self.cases, self.answers = [], {}

    def transformer(self):
        return Transformer(self.bert)

    def static(self, width, seed):
        weights = torch.randn(VOCAB, width, generator=torch.Generator().manual_seed(seed))
        return StaticEmbedding(Tokenizer.from_file(os.path.join(self.bert, "tokenizer.json")), embedding_weights=weights)

    def save(self, name, modules, prompts=None):
        """Saves a model, with the transformer's own files in the place of those saved again."""
        d = os.path.join(self.tmp, name)
        g = torch.Generator().manual_seed(len(self.cases) + 1)
        model = SentenceTransformer(modules=modules, prompts=prompts, device="cpu")
        with torch.no_grad():
            for m in model.modules():
                if isinstance(m, (Dense, LayerNorm)):
                    for n, p in m.named_parameters():
                        p.copy_(torch.randn(p.shape, generator=g) * (0.4 if p.dim() == 2 else 0.5) + ("norm.weight" in n))
        model.save(d, create_model_card=False)
        return d

    def place(self, d):
        """Puts the transformer's files where they belong; says where."""
        where = {"transformers": [], "tokenizers": []}
        for root, _, files in os.walk(d):
            path = os.path.relpath(root, d).replace(".", "", 1) if root == d else os.path.relpath(root, d)
            if "sentence_bert_config.json" in files or "TRANSFORMER" in files:
                keep = {"sentence_bert_config.json"} if "KEEP" in files else set()
                for f in set(files) - {"modules.json", "config_sentence_transformers.json", "router_config.json"} - keep:
                    os.remove(os.path.join(root, f))
                for f in set(BERT) - keep:
                    shutil.copy(os.path.join(self.bert, f), root)
                where["transformers"].append(path)
            elif "tokenizer.json" in files:
                own = json.load(open(os.path.join(root, "tokenizer.json")))
                if own["truncation"] is None:
                    shutil.copy(os.path.join(self.bert, "tokenizer.json"), root)
                    where["tokenizers"].append(path)
        return where

    def answer(self, name, d, where, requests, encode, **notes):
        for r in requests:
            key = f"{name}.{r['name']}"
            rows = encode(r)
            assert np.isfinite(rows).all() and len(rows) == len(TEXTS), key
            self.answers[key] = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
        dst = os.path.join(self.out, name)
        shared = {os.path.join(p, f) for p in where["transformers"] for f in BERT}
        shared |= {os.path.join(p, "tokenizer.json") for p in where["tokenizers"]}
        for root, _, files in os.walk(d):
            for f in files:
                rel = os.path.relpath(os.path.join(root, f), d)
                base = os.path.join(self.bert, f)
                if rel in shared and open(os.path.join(root, f), "rb").read() == open(base, "rb").read():
                    continue
                os.makedirs(os.path.dirname(os.path.join(dst, rel)), exist_ok=True)
                shutil.copy(os.path.join(root, f), os.path.join(dst, rel))
        self.cases.append(dict(name=name, **where, requests=requests, **notes))

    def case(self, name, d, requests=None, change=None):
        where = self.place(d)
        model = SentenceTransformer(d, device="cpu")
        if change:
            change(model)

        def encode(r):
            kw = {k: r[k] for k in ("prompt", "truncate_dim", "normalize_embeddings") if k in r}
            if r.get("task"):
                f = {"query": model.encode_query, "document": model.encode_document}.get(r["task"])
                return f(TEXTS, **kw) if f else model.encode(TEXTS, task=r["task"], **kw)
            return model.encode(TEXTS, prompt_name=r.get("prompt_name"), **kw)

        norm = isinstance(model[-1], Normalize)
        limit = model.max_seq_length
        self.answer(
            name,
            d,
            where,
            requests or [dict(name="plain")],
            encode,
            normalized=norm,
            max_tokens=0 if limit is None or limit > 1e9 else int(limit),
            dimensions=int(model.get_embedding_dimension()),
        )


def edit(d, name, change):
    p = os.path.join(d, name)
    c = json.load(open(p))
    c = change(c) or c
    json.dump(c, open(p, "w"), indent=2)


def spell(d, spelling):
    """Names the modules as another version does."""

    def change(c):
        for m in c:
            m["type"] = spelling(m["type"].split(".")[-1])

    edit(d, "modules.json", change)


def legacy(cls):  # to 5.3
    return f"sentence_transformers.models.{cls}"


def legacy_long(cls):  # to 4, where a model was saved by a script that named the file
    return f"sentence_transformers.models.{cls}.{cls}"


def v54(cls):  # 5.4 to 5.7
    base = {"Transformer": "transformer", "Dense": "dense", "Router": "router"}
    if cls in base:
        return f"sentence_transformers.base.modules.{base[cls]}.{cls}"
    file = {"LayerNorm": "layer_norm", "StaticEmbedding": "static_embedding"}.get(cls, cls.lower())
    return f"sentence_transformers.sentence_transformer.modules.{file}.{cls}"


def pooling_keys(d, path, modes, include_prompt=True):
    keys = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    c = {"word_embedding_dimension": H}
    c.update({f"pooling_mode_{k}": k in modes for k in keys})
    if include_prompt is not None:
        c["include_prompt"] = include_prompt
    json.dump(c, open(os.path.join(d, path, "config.json"), "w"), indent=2)


def modules(m):
    both = [dict(name="plain"), dict(name="query", task="query"), dict(name="document", task="document")]
    mean = lambda: Pooling(H, "mean")
    act = lambda a, i, o, **kw: Dense(i, o, activation_function=a, **kw)

    d = m.save("dense-residual", [m.transformer(), mean(), act(nn.GELU(), H, H, use_residual=True), Normalize()])
    m.case("dense-residual", d, [dict(name="plain"), dict(name="cut", truncate_dim=10, normalize_embeddings=True)])

    d = m.save("dense-projection", [m.transformer(), mean(), act(nn.Tanh(), H, 40, use_residual=True, bias=False)])
    m.case("dense-projection", d)

    row = [
        act(nn.ReLU(), H, 33, use_residual=True),
        LayerNorm(33),
        Normalize(),
        act(nn.Tanh(), 33, 7, bias=False),
        act(nn.SiLU(), 7, 9),
        act(nn.Sigmoid(), 9, 9, use_residual=True),
        Dropout(0.3),
        act(nn.LeakyReLU(), 9, 12),
        LayerNorm(12),
        act(nn.Identity(), 12, 11),
    ]
    d = m.save("dense-row", [m.transformer(), mean(), *row])
    m.case("dense-row", d)

    tokens = dict(module_input_name="token_embeddings")
    d = m.save(
        "dense-tokens",
        [
            m.transformer(),
            act(nn.Tanh(), H, 16, **tokens),
            Normalize(module_input_name="token_embeddings"),
            act(nn.Identity(), 16, 16, use_residual=True, **tokens),
            Pooling(16, ("mean", "max")),
            act(nn.Identity(), 32, 32, use_residual=True),
            Normalize(),
        ],
    )
    m.case("dense-tokens", d)

    asked = [*both, dict(name="custom", prompt="the "), dict(name="named", prompt_name="query")]
    d = m.save("pooling-list", [m.transformer(), Pooling(H, MODES, include_prompt=False)], PROMPTS)
    m.case("pooling-list", d, asked)
    d = m.save("pooling-list-prompt", [m.transformer(), Pooling(H, MODES)], PROMPTS)
    m.case("pooling-list-prompt", d, asked)

    # Generations.
    def old(name, spelling, modes, include_prompt):
        d = m.save(name, [m.transformer(), mean(), act(nn.Tanh(), H * max(1, len(modes)), 20), Normalize()], PROMPTS)
        spell(d, spelling)
        pooling_keys(d, "1_Pooling", modes, include_prompt)
        edit(d, "2_Dense/config.json", lambda c: {k: c[k] for k in ("in_features", "out_features", "bias", "activation_function")})
        edit(d, "config_sentence_transformers.json", lambda c: {k: v for k, v in c.items() if k != "model_type"})
        shutil.rmtree(os.path.join(d, "3_Normalize"))
        m.case(name, d, asked)

    old("to-5.3", legacy, ["weightedmean_tokens", "cls_token", "lasttoken"], False)
    old("to-4", legacy_long, ["mean_tokens", "max_tokens", "mean_sqrt_len_tokens"], None)
    old("no-mode", legacy, [], True)

    d = m.save("from-5.4", [m.transformer(), Pooling(H, "weightedmean", include_prompt=False), LayerNorm(H), Normalize()], PROMPTS)
    spell(d, v54)
    open(os.path.join(d, "KEEP"), "w").close()
    edit(
        d,
        "sentence_bert_config.json",
        lambda c: dict(
            transformer_task="feature-extraction",
            modality_config={"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
            module_output_name="token_embeddings",
        ),
    )
    m.case("from-5.4", d, asked)

    d = m.save("truncate-dim", [m.transformer(), mean(), Normalize()], PROMPTS)
    edit(d, "config_sentence_transformers.json", lambda c: c.update(truncate_dim=9, default_prompt_name="document"))
    m.case("truncate-dim", d, [dict(name="plain"), dict(name="normalized", normalize_embeddings=True)])

    # Without modules.json.
    def plain(name, config):
        d = os.path.join(m.tmp, name)
        os.makedirs(d)
        where = {"transformers": [""], "tokenizers": []}
        for f in set(BERT) - {"sentence_bert_config.json"}:
            shutil.copy(os.path.join(m.bert, f), d)
        # Not read without modules.json.
        open(os.path.join(d, "sentence_bert_config.json"), "w").write('{"max_seq_length": 7, "do_lower_case": true}')
        edit(d, "config.json", lambda c: c.update(config))
        model = SentenceTransformer(d, device="cpu")
        m.answer(
            name,
            d,
            where,
            [dict(name="plain")],
            lambda r: model.encode(TEXTS),
            normalized=False,
            max_tokens=model.max_seq_length,
            dimensions=H,
        )

    plain("plain", {})
    plain("plain-causal", {"architectures": ["BertForCausalLM"]})
    plain("plain-bidirectional", {"architectures": ["BertForCausalLM"], "is_causal": False})

    d = m.save("left", [m.transformer(), Pooling(H, ("mean", "cls"))])
    m.place(d)
    open(os.path.join(d, "TRANSFORMER"), "w").close()
    where = m.place(d)
    edit(d, "tokenizer_config.json", lambda c: c.update(truncation_side="left"))
    model = SentenceTransformer(d, device="cpu")
    m.answer(
        "left", d, where, [dict(name="plain")], lambda r: model.encode(TEXTS), normalized=False, max_tokens=32, dimensions=2 * H
    )

    # Layers left out, as 2D Matryoshka models are used.
    def first(model):
        model[0].auto_model.encoder.layer = model[0].auto_model.encoder.layer[:1]

    d = m.save("layers", [m.transformer(), mean(), Normalize()])
    m.case("layers", d, [dict(name="plain", layers=1)], first)

    # Tables.
    d = m.save("static", [m.static(16, 1)], PROMPTS)
    m.case("static", d, [*both, dict(name="cut", truncate_dim=5), dict(name="normalized", normalize_embeddings=True)])
    d = m.save("static-row", [m.static(16, 2), act(nn.Tanh(), 16, 12), LayerNorm(12), Normalize()])
    spell(d, legacy)
    os.makedirs(os.path.join(d, "0_StaticEmbedding"))
    for f in ("model.safetensors", "tokenizer.json"):
        os.rename(os.path.join(d, f), os.path.join(d, "0_StaticEmbedding", f))
    edit(d, "modules.json", lambda c: c[0].update(path="0_StaticEmbedding"))
    m.case("static-row", d)
    for side in ("Right", "Left"):
        name = "static-limit-" + side.lower()
        d = m.save(name, [m.static(8, 3)])
        edit(d, "tokenizer.json", lambda c: c.update(truncation=dict(direction=side, max_length=6, strategy="LongestFirst", stride=0)))
        m.case(name, d)
        m.cases[-1]["max_tokens"] = 6  # which the reference applies and does not tell

    # model2vec, read by sentence-transformers and by model2vec.
    g = np.random.default_rng(4)
    tok = Tokenizer.from_file(os.path.join(m.bert, "tokenizer.json"))

    def m2v(name, plain, dtype=np.float32, **kw):
        rows = 40 if "token_mapping" in kw else VOCAB
        vectors = g.standard_normal((rows, 16))
        vectors = (vectors * 30).round().clip(-127, 127) if dtype == np.int8 else vectors
        model = model2vec.StaticModel(vectors.astype(dtype), tok, **kw)
        d = os.path.join(m.tmp, name)
        from model2vec.persistence import save_pretrained

        cfg = dict(model_type="model2vec", architectures=["StaticModel"], hidden_dim=16, seq_length=1000000, **model.config)
        os.makedirs(d)
        save_pretrained(
            m_path(d),
            embeddings=model.embedding,
            tokenizer=model.tokenizer,
            config=cfg,
            create_model_card=False,
            weights=model.weights,
            mapping=model.token_mapping,
        )
        if not plain:
            m.case(name, d)
            m.cases[-1]["max_tokens"] = 512 if kw.get("max_length", 512) else 0
            return
        os.remove(os.path.join(d, "modules.json"))
        where = m.place(d)
        model = model2vec.StaticModel.from_pretrained(d)
        model.median_token_length = 10**6  # no cut by characters before the one by tokens: Rhumb leaves it out
        m.answer(
            name,
            d,
            where,
            [dict(name="plain")],
            lambda r: model.encode(TEXTS),
            normalized=model.normalize,
            max_tokens=model.max_length or 0,
            dimensions=16,
        )

    from pathlib import Path as m_path

    mapping = g.integers(0, 40, VOCAB)
    weights = g.random(VOCAB).astype(np.float32)
    m2v("model2vec", False, normalize=True)
    m2v("model2vec-mapping", False, weights=weights, token_mapping=mapping, normalize=False, max_length=None)
    m2v("model2vec-plain", True, normalize=True)
    m2v("model2vec-plain-mapping", True, weights=weights, token_mapping=mapping.astype(np.int32), normalize=True, max_length=5)
    m2v("model2vec-plain-int8", True, dtype=np.int8, normalize=False, max_length=None)

    # Routers.
    ways = lambda: dict(query_modules=[m.static(H, 5)], document_modules=[m.transformer(), mean()])
    d = m.save("router", [Router.for_query_document(**ways()), Normalize()], PROMPTS)
    m.case("router", d, both)
    d = m.save("router-none", [Router.for_query_document(**ways(), default_route=None, allow_empty_key=False), Normalize()])
    m.case("router-none", d, both[1:])

    def asym(name, keys, **kw):
        a, b = act(nn.Tanh(), H, 10), act(nn.GELU(), H, 10, use_residual=True)
        return m.save(name, [m.transformer(), mean(), Router({keys[0]: [a], keys[1]: [b]}, **kw), Normalize()], PROMPTS)

    d = asym("router-dense", ["query", "document"], default_route="document")
    m.case("router-dense", d, both)

    d = asym("asym", ["query", "doc"])  # as Asym.save of sentence-transformers to 4 wrote it
    edit(d, "modules.json", lambda c: [c[2].update(path="2_Asym"), c][1])
    os.rename(os.path.join(d, "2_Router"), os.path.join(d, "2_Asym"))
    spell(d, lambda cls: legacy("Asym" if cls == "Router" else cls))
    os.rename(os.path.join(d, "2_Asym/router_config.json"), os.path.join(d, "2_Asym/config.json"))

    def old_asym(c):
        c["types"] = {k: legacy_long(v.split(".")[-1]) for k, v in c["types"].items()}
        c["parameters"] = {"allow_empty_key": True}

    edit(d, "2_Asym/config.json", old_asym)
    m.case("asym", d, [dict(name="plain"), dict(name="query", task="query"), dict(name="doc", task="doc")])

    mapped = Router(
        {"short": [m.static(H, 6)], "long": [m.transformer(), mean()]},
        default_route="short",
        allow_empty_key=False,
        route_mappings={("query", "text"): "short", ("document", None): "long", (None, ("text", "image")): "short"},
    )
    d = m.save("router-mappings", [mapped, LayerNorm(H)])
    m.case("router-mappings", d, both)

    t = m.transformer()
    shared = Router({"query": [t, Pooling(H, "cls")], "document": [t, Pooling(H, "max")]}, default_route="query")
    d = m.save("router-shared", [shared], PROMPTS)
    m.case("router-shared", d, both)

    t = m.transformer()
    text = Router({"text": [t, mean()]}, allow_empty_key=False)
    d = m.save("router-text", [text, Normalize()], PROMPTS)
    m.case("router-text", d, both)


# ---------------------------------------------------------------- limits
def limits(m):
    """What the reference reads as the limit of tokens, from settings alone."""
    table = []
    modality = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
    current = dict(transformer_task="feature-extraction", modality_config=modality, module_output_name="token_embeddings")
    for settings, tokenizer, positions in [
        ({"max_seq_length": 20}, 10, 40),
        ({"max_seq_length": None}, 30, 40),
        ({"max_seq_length": None}, 39, 40),
        ({}, 1e30, 40),
        ({}, 30, 40),
        ({"tokenizer_args": {"model_max_length": 17}}, 30, 40),
        ({"max_seq_length": 20, "processor_kwargs": {"model_max_length": 17}}, 30, 40),
        ({**current}, 30, 40),
        ({**current, "processor_kwargs": {"model_max_length": 25, "padding_side": "left"}}, 30, 40),
        ({**current, "model_kwargs": {"attn_implementation": "eager"}}, 1e30, 40),
    ]:
        d = m.save(f"limit{len(table)}", [m.transformer(), Pooling(H, "mean")])
        open(os.path.join(d, "KEEP"), "w").close()
        m.place(d)
        json.dump(settings, open(os.path.join(d, "sentence_bert_config.json"), "w"))
        edit(d, "tokenizer_config.json", lambda c: c.update(model_max_length=tokenizer))
        model = SentenceTransformer(d, device="cpu")
        table.append(dict(settings=settings, model_max_length=tokenizer, max_tokens=int(model.max_seq_length)))
    return table


def main():
    a = args()
    m = Maker(a.goldens)
    modules(m)
    cases = dict(
        texts=TEXTS,
        cases=m.cases,
        limits=limits(m),
        versions=dict(
            torch=torch.__version__,
            transformers=transformers.__version__,
            sentence_transformers=sentence_transformers.__version__,
            model2vec=model2vec.__version__,
            numpy=np.__version__,
        ),
    )
    json.dump(cases, open(os.path.join(m.out, "cases.json"), "w"), indent=1)
    save_file(m.answers, os.path.join(m.out, "answers.safetensors"))
    shutil.rmtree(m.tmp)


main()
