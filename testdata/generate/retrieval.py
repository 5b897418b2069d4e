"""nDCG@10 of sentence-transformers on testdata/retrieval, which TestQuality of internal/quality compares with.

    retrieval.py reranker QWEN OUT      makes of a folder of Qwen2 one of a reranker by its tokens "yes" and "no"
    retrieval.py RHUMB MODELS OUT [METHOD MODEL]
                                        scores the models in the folder MODELS, and writes OUT, a JSON file that it adds to;
                                        RHUMB is the command, which cuts the chunks

Versions as in requirements.txt.
"""
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__)) + "/../retrieval/"
CHUNK = 48  # tokens
LONG = 512  # tokens that a model reads for late chunking, whatever its folder says
RERANKED = 10  # documents of a query
EVERY = 18  # of so many queries the first one is reranked
METHODS = {
    "dense": ["all-MiniLM-L6-v2", "all-mpnet-base-v2", "e5-small-v2", "paraphrase-MiniLM-L3-v2"],
    "chunks": ["all-MiniLM-L6-v2", "e5-small-v2"],
    "late": ["all-MiniLM-L6-v2", "e5-small-v2"],
    "sparse": ["splade-tiny"],
    "reranked": ["qwen-reranker"],
}
TEMPLATE = """<|im_start|>system
Judge whether the Document answers the Query. Note that the answer can only be "yes" or "no".<|im_end|>
<|im_start|>user
<Query>: {{ messages | selectattr("role", "eq", "query") | map(attribute="content") | first }}
<Document>: {{ messages | selectattr("role", "eq", "document") | map(attribute="content") | first }}<|im_end|>
<|im_start|>assistant

"""  # the template's last newline is dropped


def reranker(source, out):
    from transformers import AutoTokenizer

    os.makedirs(out + "/1_LogitScore", exist_ok=True)
    for name in ["model.safetensors", "tokenizer.json"]:
        if not os.path.exists(f"{out}/{name}"):
            os.link(f"{source}/{name}", f"{out}/{name}")
    config = json.load(open(source + "/config.json"))
    config.update(architectures=["Qwen2ForCausalLM"], tie_word_embeddings=True)
    tokenizer = AutoTokenizer.from_pretrained(source)
    yes, no = (tokenizer.convert_tokens_to_ids(w) for w in ["yes", "no"])
    settings = json.load(open(source + "/tokenizer_config.json"))
    settings.pop("chat_template", None)
    settings["model_max_length"] = 1024
    prefix = "sentence_transformers."
    files = {
        "config.json": config,
        "tokenizer_config.json": settings,
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": prefix + "base.modules.transformer.Transformer"},
            {"idx": 1, "name": "1", "path": "1_LogitScore", "type": prefix + "cross_encoder.modules.logit_score.LogitScore"},
        ],
        "1_LogitScore/config.json": {"true_token_id": yes, "false_token_id": no, "module_input_name": "causal_logits"},
        "config_sentence_transformers.json": {
            "__version__": {"sentence_transformers": "6.2.0"},
            "activation_fn": "torch.nn.modules.linear.Identity",
            "default_prompt_name": None,
            "model_type": "CrossEncoder",
            "prompts": {},
        },
        "sentence_bert_config.json": {
            "transformer_task": "text-generation",
            "modality_config": {
                m: {"method": "forward", "method_output_name": "logits", **({"format": "flat"} if m == "message" else {})}
                for m in ["text", "message"]
            },
            "module_output_name": "causal_logits",
        },
    }
    for name, value in files.items():
        json.dump(value, open(f"{out}/{name}", "w"), indent=1)
    open(out + "/chat_template.jinja", "w").write(TEMPLATE)


def lines(name):
    return [json.loads(line) for line in gzip.open(HERE + name)]


documents, queries = lines("documents.jsonl.gz"), lines("queries.jsonl.gz")
texts = [d["text"] for d in documents]
number = {d["id"]: i for i, d in enumerate(documents)}
wanted = [number[q["document"]] for q in queries]


def gain(scores, want):
    """nDCG@10 where one document is relevant: of equal scores the lower document comes first."""
    place = 1 + int((scores > scores[want]).sum()) + int((scores[:want] == scores[want]).sum())
    return 1 / math.log2(1 + place) if place <= 10 else 0.0


def dense_model(models, name):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(f"{models}/{name}", device="cpu").eval()


def asked(model):
    return model.encode_query([q["text"] for q in queries], batch_size=32, normalize_embeddings=True)


def dense(rhumb, models, name):
    m = dense_model(models, name)
    return asked(m) @ m.encode_document(texts, batch_size=32, normalize_embeddings=True).T


def chunks(rhumb, models, name):
    """The chunks of each document, as from and to in code points."""
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/d.jsonl", "w") as f:
            f.writelines(json.dumps({"text": t}) + "\n" for t in texts)
        out = subprocess.run(
            [rhumb, "chunk", "--model", f"{models}/{name}", "--max-tokens", str(CHUNK), d + "/d.jsonl"],
            check=True, capture_output=True, text=True,
        ).stdout
    cut = [[] for _ in texts]
    for line in out.splitlines():
        c = json.loads(line)
        b = texts[c["index"]].encode()
        cut[c["index"]].append((len(b[: c["start"]].decode()), len(b[: c["end"]].decode())))
    return cut


def best(similarity, cut):
    """Of each document the score of its best chunk."""
    starts = np.cumsum([0] + [len(c) for c in cut])[:-1]
    return np.maximum.reduceat(similarity, starts, axis=1)


def chunked(rhumb, models, name):
    m, cut = dense_model(models, name), chunks(rhumb, models, name)
    parts = [t[a:b] for t, c in zip(texts, cut) for a, b in c]
    return best(asked(m) @ m.encode_document(parts, batch_size=32, normalize_embeddings=True).T, cut)


def late(rhumb, models, name):
    """Of the whole document's token vectors the mean of those that begin in each chunk, of unit length; a document that is
    one chunk is embedded as it is, special tokens and all."""
    m, cut = dense_model(models, name), chunks(rhumb, models, name)
    m.max_seq_length = LONG
    prompt = m.prompts.get("document") or ""
    found = m.encode_document(texts, batch_size=16, output_value="token_embeddings", convert_to_numpy=False)
    rows = []
    for t, c, v in zip(texts, cut, found):
        at = m.tokenizer(prompt + t, return_offsets_mapping=True, truncation=True, max_length=LONG)["offset_mapping"]
        v = v.float().numpy()
        assert len(at) == len(v)
        for a, b in c:
            begin = [i for i, (f, e) in enumerate(at) if e > f and a <= f - len(prompt) < b]
            row = (v if len(c) == 1 else v[begin]).mean(0)
            rows.append(row / np.linalg.norm(row))
    return best(asked(m) @ np.stack(rows).T, cut)


def sparse(rhumb, models, name):
    from sentence_transformers import SparseEncoder

    m = SparseEncoder(f"{models}/{name}", device="cpu").eval()
    q = m.encode_query([q["text"] for q in queries], batch_size=32, convert_to_sparse_tensor=False)
    d = m.encode_document(texts, batch_size=32, convert_to_sparse_tensor=False)
    return q.double().numpy() @ d.double().numpy().T


def reranked(rhumb, models, name):
    """Scores of some queries: of the nearest documents by all-MiniLM-L6-v2 the reranker's; the others come after them in
    their order."""
    from sentence_transformers import CrossEncoder

    near = dense(rhumb, models, "all-MiniLM-L6-v2")
    m = CrossEncoder(f"{models}/{name}", device="cpu", model_kwargs={"dtype": "float32"})  # else in the files' bfloat16
    scores = np.zeros(near.shape)
    for i in range(0, len(queries), EVERY):
        order = np.argsort(-near[i], kind="stable")
        scores[i, order] = -1000 - np.arange(len(order))
        order = order[:RERANKED]
        scores[i, order] = m.predict([(queries[i]["text"], texts[j]) for j in order], batch_size=2)
        print(i, gain(near[i], wanted[i]), gain(scores[i], wanted[i]), flush=True)
    return scores


def main(rhumb, models, out, *only):
    import sentence_transformers
    import torch
    import transformers

    torch.set_num_threads(int(os.environ.get("THREADS", 2)))
    for method, names in METHODS.items():
        for name in names:
            if only and only != (method, name):
                continue
            scores = dict(dense=dense, chunks=chunked, late=late, sparse=sparse, reranked=reranked)[method](rhumb, models, name)
            each = [gain(s, w) for s, w in zip(scores, wanted)]
            each = each[::EVERY] if method == "reranked" else each
            result = json.load(open(out)) if os.path.exists(out) else {}
            result["versions"] = {m.__name__: m.__version__ for m in [sentence_transformers, torch, transformers]}
            result.setdefault(method, {})[name] = round(sum(each) / len(each), 6)
            print(method, name, result[method][name], flush=True)
            json.dump(result, open(out, "w"), indent=1)


if __name__ == "__main__":
    (reranker if sys.argv[1] == "reranker" else main)(*sys.argv[2 if sys.argv[1] == "reranker" else 1 :])
