# -*- coding: utf-8 -*-
"""A SPLADE model of BERT base's shape in sentence-transformers, for the figures of docs/benchmarks.md.

splade.py make DIR              the model, with random weights (seed 0), embed/minilm's vocabulary of 30,522 entries and a bias that leaves about one in
                                twenty weights of a text above zero, as a folder of SparseEncoder; texts.json: 8 texts of 128 tokens
splade.py time DIR THREADS      seconds of one call of texts.json by SparseEncoder.encode in float32, the median of 10 seconds of them

Needs torch, transformers 5.23, sentence-transformers 6.2. Run it in this folder's parent.
"""
import json, os, random, shutil, sys, time

def make(out):
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SpladePooling
    from sentence_transformers.sentence_transformer.modules import Transformer
    torch.manual_seed(0)
    m = BertForMaskedLM(BertConfig(vocab_size=30522)).float().eval()
    with torch.no_grad():
        for p in m.parameters():
            if p.dim() > 1:
                p.normal_(0, 0.03)
        m.cls.predictions.decoder.bias.fill_(-2)
    tmp = out + "/tmp"
    m.save_pretrained(tmp)
    t = AutoTokenizer.from_pretrained("../embed/minilm/model"); t.model_max_length = 512; t.save_pretrained(tmp)
    SparseEncoder(modules=[Transformer(tmp, transformer_task="fill-mask"), SpladePooling()], device="cpu").save_pretrained(out, create_model_card=False)
    shutil.rmtree(tmp)
    r = random.Random(3); words = [w for w in sorted(t.get_vocab()) if w.isalpha() and len(t(w)["input_ids"]) == 3]
    json.dump([" ".join(r.choice(words) for _ in range(126)) for _ in range(8)], open(out + "/texts.json", "w"))

def timed(out, threads):
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch; torch.set_num_threads(threads)
    from sentence_transformers import SparseEncoder
    texts = json.load(open(out + "/texts.json")); m = SparseEncoder(out, device="cpu", model_kwargs={"dtype": torch.float32})
    run = lambda: m.encode(texts, batch_size=len(texts), show_progress_bar=False)
    active = run().coalesce().values().numel() / len(texts); times = []; end = time.time() + 10
    while time.time() < end or len(times) < 3:
        t = time.time(); run(); times.append(time.time() - t)
    print(f"{threads} threads: {sorted(times)[len(times) // 2]:.3f} s, {active:.0f} weights of a text above zero")

a = sys.argv[1:]
if a[0] == "make": make(a[1])
else: timed(a[1], int(a[2]))
