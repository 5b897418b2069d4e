"""Rerankers in peers, for the figures of docs/benchmarks.md.

rerankers.py make DIR                      a cross-encoder of MiniLM-L6's shape with random weights (seed 0) and
                                           embed/minilm's vocabulary, as a folder and as ONNX; pairs100.json: a query and
                                           100 documents, 128 tokens each pair; pairs1000.json: pairs of 20 to 140 tokens
rerankers.py time st|ort DIR THREADS       seconds of one call of pairs100.json: sentence-transformers' CrossEncoder.predict,
                                           or ONNX Runtime, in batches of 32; the median of 4 seconds of them
rerankers.py order DIR SCORES.json         Spearman's correlation of SCORES, logits of pairs1000.json, with the former's

Needs torch, transformers 5.23, sentence-transformers 6.2, onnxruntime, onnx, onnxscript, scipy. Run it in this folder's parent.
"""
import json, os, random, sys, time

def make(out):
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
    torch.manual_seed(0)
    m = BertForSequenceClassification(BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
        intermediate_size=1536, num_labels=1, max_position_embeddings=512)).float().eval()
    with torch.no_grad():
        for p in m.parameters():
            if p.dim() > 1:
                p.normal_(0, 0.05)
    m.save_pretrained(out)
    t = AutoTokenizer.from_pretrained("../embed/minilm/model"); t.model_max_length = 512; t.save_pretrained(out)
    class Logits(torch.nn.Module):
        def __init__(self, m): super().__init__(); self.m = m
        def forward(self, ids, mask, types): return self.m(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
    ids = torch.randint(5, 1000, (2, 16)); names = ["input_ids", "attention_mask", "token_type_ids"]
    m.config._attn_implementation = "eager"
    torch.onnx.export(Logits(m), (ids, torch.ones_like(ids), torch.zeros_like(ids)), out + "/model.onnx", input_names=names,
        output_names=["logits"], dynamic_axes={n: {0: "b", 1: "s"} for n in names}, opset_version=17, dynamo=False)
    r = random.Random(3); words = [w for w in sorted(t.get_vocab()) if w.isalpha() and len(t(w)["input_ids"]) == 3]
    text = lambda n: " ".join(r.choice(words) for _ in range(n)); q = text(8)
    json.dump([[q, text(117)] for _ in range(100)], open(out + "/pairs100.json", "w"))
    json.dump([[text(r.randint(3, 12)), text(r.randint(10, 120))] for _ in range(1000)], open(out + "/pairs1000.json", "w"))

def read(name): return [tuple(p) for p in json.load(open(name))]

def timed(kind, out, threads):
    os.environ["OMP_NUM_THREADS"] = str(threads); pairs = read(out + "/pairs100.json")
    import torch; torch.set_num_threads(threads)
    if kind == "st":
        from sentence_transformers import CrossEncoder
        ce = CrossEncoder(out, device="cpu"); run = lambda: ce.predict(pairs, batch_size=32, show_progress_bar=False)
    else:
        import numpy as np, onnxruntime as ort
        from transformers import AutoTokenizer
        tok = AutoTokenizer.from_pretrained(out); o = ort.SessionOptions(); o.intra_op_num_threads = threads; o.inter_op_num_threads = 1
        s = ort.InferenceSession(out + "/model.onnx", o, providers=["CPUExecutionProvider"])
        def run():
            for i in range(0, len(pairs), 32):
                a, b = zip(*pairs[i:i + 32]); e = tok(list(a), list(b), padding=True, truncation=True, return_tensors="np", return_token_type_ids=True)
                s.run(None, {k: v.astype(np.int64) for k, v in e.items()})
    run(); times = []; end = time.time() + 4
    while time.time() < end or len(times) < 3:
        t = time.time(); run(); times.append(time.time() - t)
    print(kind, threads, sorted(times)[len(times) // 2])

def order(out, scores):
    import torch
    from scipy.stats import spearmanr
    from sentence_transformers import CrossEncoder
    want = CrossEncoder(out, device="cpu").predict(read(out + "/pairs1000.json"), show_progress_bar=False, activation_fn=torch.nn.Identity())
    print(spearmanr(want, json.load(open(scores)))[0])

a = sys.argv[1:]
if a[0] == "make": make(a[1])
elif a[0] == "time": timed(a[1], a[2], int(a[3]))
else: order(a[1], a[2])
