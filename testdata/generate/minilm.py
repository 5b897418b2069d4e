"""Embeds the texts of a cases.json with the real all-MiniLM-L6-v2 and writes what it answers.

usage: minilm.py --model DIR --out DIR [--check]

--model is a sentence-transformers folder of all-MiniLM-L6-v2 in float32. DIR/cases.json gives the texts and gets their
ids. DIR/golden.safetensors is written; with --check it is compared with the one that is there, and nothing is written.
  embeddings       unit length, float32               embeddings_f64   the first 150 texts, computed in float64
  trunc_norm_128   the first 100, cut to 128 dimensions and brought back to unit length
  prompt           the first 100 with cases.json's prompt
  int8, uint8      with ranges [2,384] (percentiles 2 and 98 of embeddings[::3]); int8_cal: with the minima and maxima of
                   embeddings[::3]; binary, ubinary
Needs the pinned packages in requirements.txt.
"""

import argparse, json, os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np, torch
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import quantize_embeddings

torch.set_num_threads(1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--check", action="store_true")
    a = ap.parse_args()
    cases_path, golden_path = os.path.join(a.out, "cases.json"), os.path.join(a.out, "golden.safetensors")
    cases = json.load(open(cases_path, encoding="utf-8"))
    texts = cases["texts"]

    def load(dtype):
        return SentenceTransformer(a.model, device="cpu", model_kwargs={"dtype": dtype}).eval()

    m = load(torch.float32)
    e = dict(convert_to_numpy=True, show_progress_bar=False, batch_size=16)
    got = {
        "embeddings": m.encode(texts, **e),
        "embeddings_f64": load(torch.float64).encode(texts[:150], **e),
        "trunc_norm_128": m.encode(texts[:100], truncate_dim=128, normalize_embeddings=True, **e),
        "prompt": m.encode(texts[:100], prompt=cases["prompt"], **e),
    }
    x = got["embeddings"]
    got["ranges"] = np.stack([np.percentile(x[::3], 2, axis=0), np.percentile(x[::3], 98, axis=0)]).astype(np.float32)
    got["int8"] = quantize_embeddings(x, precision="int8", ranges=got["ranges"])
    got["uint8"] = quantize_embeddings(x, precision="uint8", ranges=got["ranges"])
    got["int8_cal"] = quantize_embeddings(x, precision="int8", calibration_embeddings=x[::3])
    got["binary"] = quantize_embeddings(x, precision="binary")
    got["ubinary"] = quantize_embeddings(x, precision="ubinary")

    if a.check:
        want = load_file(golden_path)
        for k in sorted(set(want) | set(got)):
            d = np.abs(want[k].astype(np.float64) - got[k].astype(np.float64))
            print(f"{k:16s} {got[k].dtype} {got[k].shape} max {d.max():.2e}, {np.count_nonzero(d)} of {d.size} differ")
        return
    inputs = [m.preprocess([t]) for t in texts]
    cases["ids"] = [i["input_ids"][0][i["attention_mask"][0].bool()].tolist() for i in inputs]
    save_file({k: np.ascontiguousarray(v) for k, v in got.items()}, golden_path)
    with open(cases_path, "w", encoding="utf-8") as f:
        json.dump(cases, f, ensure_ascii=True, indent=0)


main()
