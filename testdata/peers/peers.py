"""Rhumb beside ONNX Runtime, OpenVINO and PyTorch, in turns in one process. What it measures it adds to RUNS, a file of a JSON object a
line, of which `go generate ./internal/plot` makes tables of docs/benchmarks.md and docs/backends.svg.

    peers.py [--under COMMAND] [--sts FILE] MODELS WORK RHUMB RUNS [CELL …]

MODELS is a folder of models as sentence-transformers saves them, with all-MiniLM-L6-v2; WORK gets models with random weights (seed 0) and
what the peers read; RHUMB is the command. A CELL is MODEL:THREADS:TEXTS,TEXTS…, with :PRECISION behind it for that alone, or MODEL:quality:TASK, which is retrieval or STS-B, the
CSV file of --sts; by default all of CELLS. Each runs in a process of its own, the timed ones under COMMAND where there is one. Versions as in requirements.txt.

TEXTS are lists of token ids, the same for all: BxS (B texts of S tokens), corpus (512 of 5 to 200), or short, medium and long, as long as
the three data sets of sentence-transformers' own comparison are: 38.9 characters (deviation 13.9), 619.6 (345.3) and 9589.3 (633.4), at 0.24
tokens a character: some batches out of 1,000 texts sorted by their lengths, normally distributed. Peers get batches of 32 or fewer by length, padded, as
SentenceTransformer.encode makes them. A call returns mean vectors of unit length,
which the exported graphs compute themselves. Seconds are the medians of rounds, after a call that does not count unless it takes more than 5 s.
"""
import argparse
import csv
import datetime
import gzip
import importlib.metadata
import json
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(HERE + "/../generate")
import retrieval

MINILM = "all-MiniLM-L6-v2"
# Random weights: layers, hidden width, heads, positions. large and m3 have the first 6 of 24 layers, modernbert 3 of 22; qwen3 is of Qwen3-Embedding-0.6B's shape, all of it, as its first layer is finer.
SHAPES = {"base": (12, 768, 12, 512), "large": (6, 1024, 16, 512), "m3": (6, 1024, 16, 8192), "modernbert": (3, 768, 12, 8192), "qwen3": (28, 1024, 16, 8192)}
# Tokens and their deviation; how many batches of how many texts MiniLM gets, and larger models.
LENGTHS = {"short": (11.3, 3.3, (8, 32), (2, 32)), "medium": (151, 83, (2, 32), (2, 8)), "long": (2303, 152, (1, 16), (1, 2))}
LIMITS = {MINILM: 256}  # that a model's folder sets below its positions
FLOAT32 = ["PyTorch float32", "ONNX Runtime float32", "OpenVINO float32", "Rhumb float32"]
ENGINES = FLOAT32 + ["PyTorch bfloat16", "ONNX Runtime int8", "OpenVINO bfloat16", "OpenVINO int8", "Rhumb bfloat16", "Rhumb int8"]
CELLS = (
    [f"{m}:2:{t}" for m in [MINILM, "base", "large"] for t in LENGTHS]
    + ["m3:2:long"]
    + [f"{MINILM}:{n}:{t}" for n in (1, 2) for t in ["1x16,1x128,8x128", "32x128,1x512", "8x512", "corpus"]]
    + [f"base:{n}:{t}" for n in (1, 2) for t in ["1x16,1x128", "8x128", "1x512"]]
    + [f"{m}:{n}:{t}" for m in ["large", "qwen3"] for n in (1, 2) for t in ["1x16,1x128", "8x128", "1x512"]]
    + [f"modernbert:{n}:{t}" for n in (1, 2) for t in ["1x512,1x2048", "1x8192"]]
    + [f"{m}:quality:retrieval" for m in [MINILM, "e5-small-v2"]]
)
STS = [f"{m}:quality:STS-B" for m in [MINILM, "e5-small-v2", "all-mpnet-base-v2"]]  # where there is a file
COMPUTES = ["go.mod", "embed", "encoding", "tensor", "tokenizer", "internal/command", "internal/kernel", "internal/loader", "internal/parallel", "internal/pipeline", "internal/transformer", "internal/weight"]


def folder(a, name):
    return f"{a.work}/models/{name}" if name in SHAPES else f"{a.models}/{name}"


def random_model(a, name):
    """Writes the folder of a model of SHAPES."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel, ModernBertConfig, ModernBertModel, Qwen3Config, Qwen3Model

    torch.manual_seed(0)
    out, (layers, hidden, heads, positions) = folder(a, name), SHAPES[name]
    os.makedirs(out + "/1_Pooling")
    if name == "modernbert":
        t = AutoTokenizer.from_pretrained(HERE + "/../goldens/modernbert/model")
        t.model_max_length = positions
        special = dict(pad_token_id=t.pad_token_id, cls_token_id=t.cls_token_id, sep_token_id=t.sep_token_id)
        m = ModernBertModel(ModernBertConfig(vocab_size=len(t), num_hidden_layers=layers, bos_token_id=t.cls_token_id, eos_token_id=t.sep_token_id, **special))
        with torch.no_grad():
            for p in m.parameters():
                if p.dim() > 1:
                    p.normal_(0, 0.02)
        t.save_pretrained(out)
    elif name == "qwen3":
        m = Qwen3Model(Qwen3Config(vocab_size=30522, num_hidden_layers=layers, hidden_size=hidden, intermediate_size=3 * hidden, num_attention_heads=heads, num_key_value_heads=heads // 2, head_dim=128, max_position_embeddings=positions, rope_theta=1e6))
    else:
        m = BertModel(BertConfig(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=4 * hidden, num_attention_heads=heads, max_position_embeddings=positions), add_pooling_layer=False)
    if name != "modernbert":
        for f in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]:
            shutil.copy(f"{a.models}/{MINILM}/{f}", out)
    m.float().save_pretrained(out)
    shutil.copy(f"{a.models}/{MINILM}/modules.json", out)
    json.dump({"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True}, open(out + "/1_Pooling/config.json", "w"))
    json.dump({"max_seq_length": positions, "do_lower_case": False}, open(out + "/sentence_bert_config.json", "w"))


def sentence(a, name, attention):
    """The model as a torch module: ids and mask (texts×tokens) → vectors of unit length."""
    import torch
    from transformers import AutoModel

    class Sentence(torch.nn.Module):
        def __init__(self):
            super().__init__()
            pretrained = lambda attention: AutoModel.from_pretrained(folder(a, name), attn_implementation=attention, dtype=torch.float32).eval()
            try:
                self.model = pretrained(attention)
            except ValueError:  # MPNet has eager alone
                self.model = pretrained("eager")
            self.model.config.use_cache = False

        def forward(self, input_ids, attention_mask):
            h = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
            k = attention_mask.unsqueeze(-1).float()
            return torch.nn.functional.normalize((h * k).sum(1) / k.sum(1), dim=1)

    pooling = json.load(open(folder(a, name) + "/1_Pooling/config.json"))
    assert pooling.get("pooling_mode_mean_tokens") or pooling.get("pooling_mode") == "mean", pooling
    return Sentence()


def random_ids(name, sizes):
    r = random.Random(1)
    low, high = (10, 400) if name == "modernbert" else (1000, 30000)
    return [[r.randrange(low, high) for _ in range(n)] for n in sizes]


def calibration(a, name):
    """Ids of texts for static quantization: 300 documents of testdata/retrieval, of random models random ids."""
    if name in SHAPES:
        return random_ids(name, [32] * 30)
    return tokenized(a, name, retrieval.texts[:300], "document")


def export(a, name):
    """Writes what ONNX Runtime and OpenVINO read, where it is not there: files by engine."""
    import numpy as np
    import openvino as ov
    import torch

    if name in SHAPES and not os.path.exists(folder(a, name) + "/sentence_bert_config.json"):
        random_model(a, name)
    os.makedirs(a.work + "/graphs", exist_ok=True)
    plain, fused, fewer, graph, static = (f"{a.work}/graphs/{name}{s}" for s in [".onnx", "-fused.onnx", "-int8.onnx", ".xml", "-int8.xml"])
    ids = torch.tensor(random_ids(name, [24, 24]))
    names = ["input_ids", "attention_mask"]
    with torch.no_grad():
        if not os.path.exists(plain):
            sizes = {n: {0: "texts", 1: "tokens"} for n in names}
            torch.onnx.export(sentence(a, name, "eager"), (ids, torch.ones_like(ids)), plain, input_names=names, output_names=["vectors"], dynamic_axes=sizes, opset_version=17, dynamo=False)
        if not os.path.exists(graph):
            m = ov.convert_model(sentence(a, name, "sdpa"), example_input=dict(zip(names, (ids, torch.ones_like(ids)))))
            ov.save_model(m, graph, compress_to_fp16=False)
    if not os.path.exists(fewer):
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.transformers import optimizer

        config = json.load(open(folder(a, name) + "/config.json"))
        optimizer.optimize_model(plain, model_type="bert", num_heads=config["num_attention_heads"], hidden_size=config["hidden_size"], opt_level=0).save_model_to_file(fused)
        quantize_dynamic(fused, fewer, weight_type=QuantType.QInt8, per_channel=True, extra_options={"DefaultTensorType": 1})
        os.remove(fused)
    if not os.path.exists(static) and name != "modernbert":
        import nncf

        def item(v):
            v = np.array([v], np.int64)
            return {"input_ids": v, "attention_mask": np.ones_like(v)}

        m = ov.Core().read_model(graph)
        if name == "qwen3":  # decoders are not calibrated: weights in 8 bits, and rounded activations, see load
            m = nncf.compress_weights(m, mode=nncf.CompressWeightsMode.INT8_SYM)
        else:
            m = nncf.quantize(m, nncf.Dataset(calibration(a, name), item), model_type=nncf.ModelType.TRANSFORMER, subset_size=300)
        ov.save_model(m, static, compress_to_fp16=False)
    return {"ONNX Runtime float32": plain, "ONNX Runtime int8": fewer, "OpenVINO float32": graph, "OpenVINO bfloat16": graph, "OpenVINO int8": static}


def batches(lists, size=32):
    """Batches of a size by length, the longest first: their places, ids and masks, padded with zeros."""
    import numpy as np

    order = sorted(range(len(lists)), key=lambda i: -len(lists[i]))
    for k in range(0, len(order), size):
        places = order[k : k + size]
        ids = np.zeros((len(places), len(lists[places[0]])), np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(places):
            ids[row, : len(lists[i])] = lists[i]
            mask[row, : len(lists[i])] = 1
        yield places, ids, mask


def load(a, name, engine, threads, files):
    """A peer: ids and mask → vectors."""
    program, precision = engine.rsplit(" ", 1)
    if program == "PyTorch":
        import torch

        torch.set_num_threads(threads)
        m = sentence(a, name, "sdpa")
        if precision == "bfloat16":
            m.model.to(torch.bfloat16)

        def run(ids, mask):
            with torch.inference_mode():
                return m(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()

        return run
    if program == "ONNX Runtime":
        import onnxruntime

        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
        o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        s = onnxruntime.InferenceSession(files[engine], o, providers=["CPUExecutionProvider"])
        return lambda ids, mask: s.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    import openvino as ov

    hint = "bf16" if precision == "bfloat16" else "f32"
    grouped = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 128} if (name, precision) == ("qwen3", "int8") else {}
    config = grouped | {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
    request = ov.Core().compile_model(files[engine], "CPU", config).create_infer_request()
    return lambda ids, mask: request.infer({"input_ids": ids, "attention_mask": mask})[0]


def texts_of(name, texts):
    """Lists of random ids, and how many are a batch."""
    if texts == "corpus":
        return random_ids(name, [round(5 * 40 ** ((i + 0.5) / 512)) for i in range(512)]), 32
    if texts not in LENGTHS:
        count, size = map(int, texts.split("x"))
        return random_ids(name, [size] * count), 32
    mean, deviation, *many = LENGTHS[texts]
    count, size = (1, 1) if name == "m3" else many[name != MINILM]
    limit = LIMITS.get(name) or SHAPES[name][3]
    places = [(j + 0.5) / count + (i + 0.5 - size / 2) / 1000 for j in range(count) for i in range(size)]
    return random_ids(name, [min(limit, max(3, round(statistics.NormalDist(mean, deviation).inv_cdf(p)))) for p in places]), size


def rhumb(a, name, engine, threads, command, *more):
    args = [a.rhumb, command, "--model", folder(a, name), "--precision", engine.split()[-1], "--threads", str(threads), *more]
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout


def record(a, **what):
    """Adds a line to the runs. The commit is the newest of what computes."""
    git = lambda *args: subprocess.run(["git", *args, "--", *COMPUTES], cwd=HERE + "/../..", stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if git("status", "--porcelain"):
        sys.exit("uncommitted changes of what computes: a run names a commit")
    cpu = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in open("/proc/cpuinfo"))}
    head = {
        "date": datetime.date.today().isoformat(),
        "commit": git("log", "-1", "--format=%h"),
        "cpu": f"{cpu['model name']}, family {cpu['cpu family']}, model {cpu['model']}, {os.cpu_count()} cores",
        "versions": {p: importlib.metadata.version(p) for p in ["torch", "transformers", "onnxruntime", "openvino", "nncf"]},
    }
    with open(a.runs, "a") as f:
        f.write(json.dumps(head | what) + "\n")


def timed(run):
    """The median of calls, of 0.2 s at least."""
    times = []
    while not times or sum(times) < 0.2:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def speed(a, name, threads, all_texts, precision, files):
    engines = [e for e in ENGINES if e.endswith(precision)]
    engines = [e for e in engines if e != "OpenVINO int8" or os.path.exists(files[e])]
    peers = {e: load(a, name, e, threads, files) for e in engines if not e.startswith("Rhumb")}
    for texts in all_texts:
        lists, size = texts_of(name, texts)
        padded = [(ids, mask) for _, ids, mask in batches(lists, size)]
        seconds = {e: [] for e in engines}
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
            f.write("".join(json.dumps(ids) + "\n" for ids in lists))
            f.flush()

            def once(e):
                if e in peers:
                    return timed(lambda: [peers[e](*p) for p in padded])
                out = rhumb(a, name, e, threads, "bench", "--input", f.name, "--seconds", "0.2", "--json")
                return statistics.median(json.loads(out)["seconds"])

            for e in peers:
                if (first := once(e)) > 5:  # Rhumb warms up by itself
                    seconds[e].append(first)
            for n in range(a.rounds):
                for e in engines:
                    if len(seconds[e]) <= n:
                        time.sleep(0.05)  # so that no thread of the one before still spins
                        seconds[e].append(once(e))
        seconds = {e: [float(f"{t:.4g}") for t in s] for e, s in seconds.items()}
        print(name, threads, texts, {e: statistics.median(s) for e, s in seconds.items()}, flush=True)
        record(a, model=name, texts=texts, threads=threads, tokens=sum(map(len, lists)), seconds=seconds)


def tokenized(a, name, texts, prompt):
    from sentence_transformers import SentenceTransformer

    m = SentenceTransformer(folder(a, name), device="cpu")
    prompt = (m.prompts or {}).get(prompt) or ""
    return [m.tokenizer(prompt + t, truncation=True, max_length=m.max_seq_length)["input_ids"] for t in texts]


def vectors(a, name, engine, run, lists):
    import numpy as np

    if run is None:
        with tempfile.TemporaryDirectory() as d:
            with open(d + "/ids.jsonl", "w") as f:
                f.write("".join(json.dumps(ids) + "\n" for ids in lists))
            rhumb(a, name, engine, 0, "embed", "--input", d + "/ids.jsonl", "--output", d + "/rows.npy")
            return np.load(d + "/rows.npy")
    rows = [None] * len(lists)
    for places, ids, mask in batches(lists):
        for i, v in zip(places, run(ids, mask)):
            rows[i] = v
    return np.array(rows)


def quality(a, name, task, files):
    """Spearman's correlation of cosines with people's scores, or nDCG@10."""
    import numpy as np
    from scipy.stats import spearmanr

    if task == "STS-B":
        rows = list(csv.reader((gzip.open if a.sts.endswith(".gz") else open)(a.sts, "rt")))
        sides = [tokenized(a, name, [r[k] for r in rows], "query") for k in (0, 1)]
        score = lambda x, y: spearmanr((x * y).sum(1), [float(r[2]) for r in rows])[0]
    else:
        sides = [tokenized(a, name, [q["text"] for q in retrieval.queries], "query"), tokenized(a, name, retrieval.texts, "document")]
        score = lambda x, y: np.mean([retrieval.gain(s, w) for s, w in zip(x @ y.T, retrieval.wanted)])

    scores = {}
    for e in ENGINES:
        run = None if e.startswith("Rhumb") else load(a, name, e, os.cpu_count(), files)
        scores[e] = round(float(score(*(vectors(a, name, e, run, s) for s in sides))), 5)
        print(name, task, e, scores[e], flush=True)
    record(a, model=name, texts=task, scores=scores)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    for name in ["models", "work", "rhumb", "runs"]:
        p.add_argument(name, type=os.path.abspath)
    p.add_argument("cells", nargs="*")
    p.add_argument("--sts", default="")
    p.add_argument("--under", default="", type=shlex.split)
    p.add_argument("--rounds", default=3, type=int)
    p.add_argument("--cell", action="store_true", help=argparse.SUPPRESS)
    a = p.parse_args()
    if not a.cell:
        for cell in a.cells or CELLS + (STS if a.sts else []):
            export(a, cell.split(":")[0])
            head = [] if ":quality:" in cell else a.under
            options = ["--cell", "--rounds", str(a.rounds), "--sts", a.sts]
            subprocess.run([*head, sys.executable, __file__, *options, a.models, a.work, a.rhumb, a.runs, cell], check=True)
        return
    name, threads, texts, *precision = a.cells[0].split(":")
    if threads == "1":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    files = export(a, name)
    if threads == "quality":
        quality(a, name, texts, files)
    else:
        speed(a, name, int(threads), texts.split(","), "".join(precision), files)


if __name__ == "__main__":
    main()
