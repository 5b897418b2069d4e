# -*- coding: utf-8 -*-
"""Makes tiny sparse models of more families, tied and with decoders of their own, and what they should answer.

usage: sparse.py --seed N --out DIR [--only name,name]

The folders, cases.json and golden.safetensors are those of heads.py, one layer and float16 weights each. Names say the family, then
  untied      tie_word_embeddings false: the decoder's weight and bias are the file's own
  tied        EuroBERT alone, which is not tied by itself
  lm          DeBERTa with legacy false: lm_predictions in place of cls.predictions
  tokens      an embedding model with a linear layer that gives each token a weight
  normalize   a SparseAutoEncoder that standardizes its input
"""
import pathlib
_heads = (pathlib.Path(__file__).resolve().parent / "heads.py").read_text(encoding="utf-8")
exec(compile(_heads[:_heads.rindex("\nheads_main()")], "heads.py", "exec"))

def masked(fam, strategy="max", activation="relu", bias=-3.0, **kw):
    def run(out, name, rng, seed):
        maxlen = rng.choice([32, 40, 48]); pt, c = make(fam, rng, maxlen, size=(2, 16), vocab=372, **kw); d = os.path.join(out, name, "model"); tmp = os.path.join(out, name, "tmp"); c.num_hidden_layers = 1
        m = model(T.AutoModelForMaskedLM, c, seed, scale=1 if fam == "electra" else .3, bias=bias).half()
        plain_folder(tmp, m, pt); shutil.rmtree(d, ignore_errors=True)
        mods = [Transformer(tmp, transformer_task="fill-mask", model_kwargs={"dtype": torch.float16}), SpladePooling(pooling_strategy=strategy, activation_function=activation)]
        SparseEncoder(modules=mods, device="cpu", similarity_fn_name="dot").save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
        answer_sparse(out, name, seed, rng, d)
    return run

def standardized(out, name, rng, seed):
    pt, c = make("bert", rng, 40, size=(2, 16), vocab=372); c.num_hidden_layers = 1; H = c.hidden_size; d = os.path.join(out, name, "model"); tmp = plain_folder(os.path.join(out, name, "tmp"), model(T.AutoModel, c, seed).half(), pt)
    sae = SparseAutoEncoder(H, hidden_dim=3 * H, k=7, k_aux=12, normalize=True); randomize(sae, seed + 1); shutil.rmtree(d, ignore_errors=True)
    SparseEncoder(modules=[Transformer(tmp, model_kwargs={"dtype": torch.float16}), Pooling(H, pooling_mode="cls"), sae], device="cpu").save_pretrained(d, create_model_card=False); shutil.rmtree(tmp)
    answer_sparse(out, name, seed, rng, d)

def lexical(out, name, rng, seed):
    """An embedding model that gives each token a weight too, as Alibaba-NLP/gte-multilingual-base: relu(classifier(h)), the greatest a token id, no cls, eos, pad and unk."""
    pt, c = make("gte", rng, 40, size=(2, 16), vocab=372, num_labels=1); c.num_hidden_layers = 1; d = os.path.join(out, name, "model"); tmp = os.path.join(out, name, "tmp"); pt.eos_token = pt.sep_token
    m = model(T.AutoModelForTokenClassification, c, seed)
    with torch.no_grad(): m.classifier.bias.sub_(m(**{k: v for k, v in pt(words(rng, 20, 30), truncation=True, return_tensors="pt").items() if k != "token_type_ids"}).logits.mean())
    m.half(); plain_folder(tmp, m, pt); shutil.rmtree(d, ignore_errors=True)
    SentenceTransformer(modules=[Transformer(tmp, model_kwargs={"dtype": torch.float16}), Pooling(c.hidden_size, pooling_mode="cls"), Normalize()], device="cpu").save_pretrained(d, create_model_card=False)
    shutil.copy(tmp + "/model.safetensors", d)
    p = d + "/config.json"; e = json.load(open(p)); e["architectures"] = ["GteModel", "GteForTokenClassification"]; json.dump(e, open(p, "w"), indent=2); shutil.rmtree(tmp)
    st = SentenceTransformer(d, device="cpu", model_kwargs=F32); m = T.AutoModelForTokenClassification.from_pretrained(d, dtype=torch.float32).eval(); tx = plain_texts(rng); k = 4; rows = []; ids = []
    drop = {pt.cls_token_id, pt.eos_token_id, pt.pad_token_id, pt.unk_token_id}
    with torch.no_grad():
        for t in tx:
            f = {a: b for a, b in st.preprocess([t]).items() if a in ("input_ids", "attention_mask", "token_type_ids")}; w = torch.relu(m(**f).logits).flatten(); r = torch.zeros(c.vocab_size); ids.append(f["input_ids"][0].tolist())
            for i, v in zip(ids[-1], w):
                if i not in drop: r[i] = max(r[i], v)
            rows.append(r)
    top = [torch.zeros_like(r).scatter(0, r.topk(k).indices, r.topk(k).values) for r in rows]; g = {}
    for n, a in dict(query=rows, document=rows, plain=rows, max_active=top).items(): put_sparse(g, n, a)
    finish(out, name, seed, g, kind=["embedding", "sparse"], texts=tx, max_active=k, dimensions=c.vocab_size, ids=ids, ids_query=ids)

OWN = dict(tie_word_embeddings=False)
ALL = {
    "sparse-mpnet": masked("mpnet"), "sparse-mpnet-untied": masked("mpnet", "sum", **OWN),
    "sparse-electra": masked("electra"), "sparse-electra-untied": masked("electra", **OWN),
    "sparse-albert": masked("albert"), "sparse-albert-untied": masked("albert", activation="log1p_relu", **OWN),
    "sparse-eurobert": masked("eurobert", bias=0), "sparse-eurobert-tied": masked("eurobert", mlp_bias=True, tie_word_embeddings=True),
    "sparse-nomic-bert": masked("nomic-bert"), "sparse-nomic-bert-untied": masked("nomic-bert", **OWN),
    "sparse-deberta-v2": masked("deberta-v2"), "sparse-deberta-v2-untied": masked("deberta-v2", **OWN), "sparse-deberta-v2-lm": masked("deberta-v2", bias=0, legacy=False),
    "sparse-gte": masked("gte"), "sparse-gte-untied": masked("gte", "sum", "log1p_relu", **OWN),
    "sparse-csr-normalize": standardized, "sparse-gte-tokens": lexical,
}
heads_main()
