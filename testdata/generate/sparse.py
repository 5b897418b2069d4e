# -*- coding: utf-8 -*-
"""Makes tiny sparse models of more families, tied and with decoders of their own, and what they should answer.

usage: sparse.py --seed N --out DIR [--only name,name]

The folders, cases.json and golden.safetensors are those of heads.py, one layer and float16 weights each. Names say the family, then
  untied      tie_word_embeddings false: the decoder's weight and bias are the file's own
  tied        EuroBERT alone, which is not tied by itself
  lm          DeBERTa with legacy false: lm_predictions in place of cls.predictions
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

OWN = dict(tie_word_embeddings=False)
ALL = {
    "sparse-mpnet": masked("mpnet"), "sparse-mpnet-untied": masked("mpnet", "sum", **OWN),
    "sparse-electra": masked("electra"), "sparse-electra-untied": masked("electra", **OWN),
    "sparse-albert": masked("albert"), "sparse-albert-untied": masked("albert", activation="log1p_relu", **OWN),
    "sparse-eurobert": masked("eurobert", bias=0), "sparse-eurobert-tied": masked("eurobert", mlp_bias=True, tie_word_embeddings=True),
    "sparse-nomic-bert": masked("nomic-bert"), "sparse-nomic-bert-untied": masked("nomic-bert", **OWN),
    "sparse-deberta-v2": masked("deberta-v2"), "sparse-deberta-v2-untied": masked("deberta-v2", **OWN), "sparse-deberta-v2-lm": masked("deberta-v2", bias=0, legacy=False),
    "sparse-gte": masked("gte"), "sparse-gte-untied": masked("gte", "sum", "log1p_relu", **OWN),
    "sparse-csr-normalize": standardized,
}
heads_main()
