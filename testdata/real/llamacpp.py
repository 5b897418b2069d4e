"""Compares int4 copies of decoders with what llama.cpp makes of the same weights in 4 bits, each with its own float32.

usage: llamacpp.py --models DIR --llama DIR [--type Q4_K_M] [--step N] [--rhumb PROGRAM] NAME...

--models has a folder of each model NAME, as sentence-transformers reads it, with its model.gguf, of the same weights in 4 bits, beside
them. --llama has the programs llama-quantize and llama-server of llama.cpp. Weights that were in 4 bits lie on a grid, which another
rounding to that grid leaves as they are: so each weight of a linear layer is moved first, by a number drawn from N(0, s²/12), where s is
the range of its 32 neighbors in the row / 15, which is as far as rounding to 4 bits may have moved it. Both programs are given these.

Prints a table of Markdown: bits a weight of the linear layers, and 1 - cosine to the program's own float32, mean / worst of every Nth text
of real.py / worst of its hard ones, of 400 characters at most. llama.cpp keeps the table of tokens in float32, as Rhumb does. Needs the
packages of ../generate/requirements.txt and gguf.
"""

import argparse, glob, json, os, re, shutil, socket, subprocess, tempfile, time, urllib.request

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from safetensors.numpy import save_file
from safetensors.torch import load_file

import real

NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def layer_of(name):
    """The name in the folder of a linear layer's weight in a GGUF file, or None."""
    m = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name)
    return f"layers.{m[1]}.{NAMES[m[2]]}.weight" if m and m[2] in NAMES else None


def moved(w, random):
    """Returns w, each weight moved by what rounding to 4 bits may have moved it."""
    groups = w.reshape(len(w), -1, 32)
    step = (groups.max(2, keepdims=True) - groups.min(2, keepdims=True)) / 15
    return (groups + random.standard_normal(groups.shape, np.float32) * step / 12**0.5).reshape(w.shape)


def move(folder, to):
    """Writes the folder with its linear layers moved to the folder to, and its GGUF file of the same weights, in float32, beside it."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("model.gguf", "*.safetensors"))
    tensors = {n: t.float().numpy() for n, t in load_file(f"{folder}/model.safetensors").items()}
    reader, random = GGUFReader(f"{folder}/model.gguf"), np.random.default_rng(1)
    arch = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(f"{to}.gguf", arch)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        sub = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=sub)
    from gguf.quants import dequantize

    for t in reader.tensors:
        if t.name == "output.weight":
            continue  # of no use for embeddings
        w = np.asarray(dequantize(t.data, t.tensor_type), np.float32).reshape([int(n) for n in t.shape][::-1])
        if name := layer_of(t.name):
            w = tensors[name] = moved(tensors[name], random)
        elif t.name == "token_embd.weight":
            w = tensors["embed_tokens.weight"]
        writer.add_tensor(t.name, np.ascontiguousarray(w), raw_dtype=GGMLQuantizationType.F32)
    save_file(tensors, f"{to}/model.safetensors", metadata={"format": "pt"})
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_bits(path):
    """Bits a weight of the linear layers of a GGUF file."""
    layers = [t for t in GGUFReader(path).tensors if layer_of(t.name)]
    return 8 * sum(int(t.n_bytes) for t in layers) / sum(int(t.n_elements) for t in layers)


def folder_bits(folder):
    """The same of a copy that rhumb quantize made."""
    size = weights = 0
    for path in glob.glob(f"{folder}/model*.safetensors"):
        with open(path, "rb") as f:
            header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        for name, t in header.items():
            if re.search(r"_proj\.weight", name):
                size += t["data_offsets"][1] - t["data_offsets"][0]
            if re.search(r"_proj\.weight$", name):
                weights += np.prod(t["shape"]) * (2 if t["dtype"] == "U8" else 1)
    return 8 * size / weights


def pooling(folder):
    """What the folder pools, as llama.cpp names it."""
    with open(f"{folder}/1_Pooling/config.json") as f:
        modes = [m for m, on in json.load(f).items() if on is True and m.startswith("pooling_mode_")]
    return {"pooling_mode_lasttoken": "last", "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}[modes[0]]


def llama(folder, model, pooled, ids):
    """Returns llama.cpp's vectors of token ids."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    args = ["-m", model, "--embedding", "--pooling", pooled, "-t", "1", "-tb", "1", "-np", "1", "-c", "512", "-b", "512", "-ub", "512", "-fa", "off"]
    server = subprocess.Popen([f"{folder}/llama-server", *args, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url, vectors = f"http://127.0.0.1:{port}", []
        while True:
            try:
                if urllib.request.urlopen(url + "/health").status == 200:
                    break
            except OSError:
                if server.poll() is not None:
                    raise RuntimeError(f"llama-server -m {model}: ended with {server.returncode}")
            time.sleep(0.5)
        for i in ids:
            request = urllib.request.Request(url + "/embedding", json.dumps({"content": i}).encode(), {"Content-Type": "application/json"})
            vectors.append(json.load(urllib.request.urlopen(request))[0]["embedding"][-1])
    finally:
        server.kill()
        server.wait()
    vectors = np.array(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--models", required=True)
    ap.add_argument("--llama", required=True)
    ap.add_argument("--type", default="Q4_K_M")
    ap.add_argument("--step", type=int, default=4)
    ap.add_argument("--rhumb")
    ap.add_argument("names", nargs="+")
    a = ap.parse_args()
    plain = real.texts()[:: a.step]
    inputs = plain + [t[:400] for t in real.HARD.values()]
    print(f"| model | llama.cpp, {a.type} | | Rhumb, int4-copy | | float32, each other |\n|---|---|---|---|---|---|", flush=True)
    for name in a.names:
        with tempfile.TemporaryDirectory() as work:
            rhumb = a.rhumb or real.build(work)
            folder, copy, lines = f"{work}/{name}", f"{work}/copy", f"{work}/texts.jsonl"
            move(f"{a.models}/{name}", folder)
            with open(lines, "w") as f:
                f.writelines(json.dumps(t) + "\n" for t in inputs)
            ids = [json.loads(l) for l in real.run(rhumb, "tokenize", "--ids", "--model", folder, "--input", lines).splitlines()]
            ours = [real.embed(rhumb, folder, p, lines, work, 0) for p in ("float32", "int4-copy")]
            quantized = f"{work}/{a.type}.gguf"
            subprocess.run([f"{a.llama}/llama-quantize", "--token-embedding-type", "f32", f"{folder}.gguf", quantized, a.type], check=True, capture_output=True)
            theirs = [llama(a.llama, g, pooling(folder), ids) for g in (f"{folder}.gguf", quantized)]
            cells = [name]
            for bits, (want, got) in ((gguf_bits(quantized), theirs), (folder_bits(copy), ours)):
                loss = np.maximum(1 - (want * got).sum(1), 0)
                n = len(plain)
                cells += [f"{bits:.2f}", f"{loss[:n].mean():.1e} / {loss[:n].max():.1e} / {loss[n:].max():.1e}"]
            cells.append(f"{(1 - (ours[0] * theirs[0]).sum(1)).max():.1e}")
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
