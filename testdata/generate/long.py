# -*- coding: utf-8 -*-
"""ModernBERT base's shape with random weights, for the table of long texts in docs/benchmarks.md.

long.py make DIR [LAYERS]                     the model (seed 0, 22 layers where no other number is said), the vocabulary of goldens/modernbert, as
                                              sentence-transformers reads it
long.py time torch|ort DIR THREADS TOKENS...  seconds of one pass over a text of so many tokens in float32, by transformers (sdpa) or ONNX Runtime
                                              with what torch.onnx makes of the model: the median of three, or of fewer in 60 s

Needs torch, transformers 5.23, sentence-transformers 6.2, for ort onnx and onnxruntime. Run it in this folder's parent.
"""
import os, random, shutil, sys, time

FROM = "goldens/modernbert/model"

def make(out, layers):
    import torch
    from transformers import AutoTokenizer, ModernBertConfig, ModernBertModel
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    torch.manual_seed(0)
    t = AutoTokenizer.from_pretrained(FROM); t.model_max_length = 8192
    special = dict(pad_token_id=t.pad_token_id, cls_token_id=t.cls_token_id, sep_token_id=t.sep_token_id, bos_token_id=t.cls_token_id, eos_token_id=t.sep_token_id)
    m = ModernBertModel(ModernBertConfig(vocab_size=len(t), num_hidden_layers=layers, **special)).float().eval()
    with torch.no_grad():
        for p in m.parameters():
            if p.dim() > 1:
                p.normal_(0, 0.02)
    m.save_pretrained(out + "/tmp"); t.save_pretrained(out + "/tmp")
    transformer = Transformer(out + "/tmp", max_seq_length=8192)
    SentenceTransformer(modules=[transformer, Pooling(768)], device="cpu").save_pretrained(out, create_model_card=False)
    shutil.rmtree(out + "/tmp")

def timed(program, out, threads, lengths):
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch
    from transformers import AutoModel
    torch.set_num_threads(threads)
    m = AutoModel.from_pretrained(out, attn_implementation="sdpa", dtype=torch.float32).eval()
    r = random.Random(1)
    ids = lambda n: torch.tensor([[r.randrange(10, m.config.vocab_size) for _ in range(n)]])
    if program == "ort":
        import onnxruntime
        file = out + "/model.onnx"
        if not os.path.exists(file):
            m.config.use_cache, m.config.return_dict = False, False
            torch.onnx.export(m, (ids(64),), file, input_names=["input_ids"], output_names=["states"], dynamic_axes={"input_ids": {1: "tokens"}}, dynamo=False)
        o = onnxruntime.SessionOptions(); o.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file, o, providers=["CPUExecutionProvider"])
        run = lambda x: session.run(["states"], {"input_ids": x.numpy()})
    else:
        run = lambda x: m(input_ids=x)
    with torch.inference_mode():
        run(ids(64))
        for n in lengths:
            x, times, end = ids(n), [], time.time() + 60
            while len(times) < 3 and (not times or time.time() + times[-1] < end):
                t = time.time(); run(x); times.append(time.time() - t)
            print(f"{program}, {threads} threads, 1x{n}: {sorted(times)[len(times) // 2]:.3f} s of {len(times)}", flush=True)

a = sys.argv[1:]
if a[0] == "make": make(a[1], int(a[2]) if len(a) > 2 else 22)
else: timed(a[1], a[2], int(a[3]), [int(n) for n in a[4:]])
