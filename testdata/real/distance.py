"""How far float32 is from float64 on real models: Rhumb's vectors and PyTorch's, in float32, to PyTorch's in float64.

usage: distance.py --models DIR [--rhumb PROGRAM] NAME...

DIR has a folder of each model NAME, as sentence-transformers reads it; the texts are words of docs/serving.md, 3 to 160 in a row.
Prints for each model the mean distance of the vectors, of unit length, for both, and the quotient. Needs the packages of
../generate/requirements.txt, and for float64 8 bytes of memory for each weight.
"""

import argparse, os, random, subprocess, tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORDS = [3, 5, 8, 12, 16, 20, 30, 40, 60, 80, 100, 130, 160]

options = argparse.ArgumentParser()
options.add_argument("--models", required=True)
options.add_argument("--rhumb")
options.add_argument("names", nargs="+")
options = options.parse_args()

words, pick = open(os.path.join(ROOT, "docs", "serving.md")).read().split(), random.Random(3)
texts = []
for n in WORDS:
    at = pick.randrange(len(words) - n)
    texts.append(" ".join(words[at : at + n]))


def torch_vectors(folder, dtype):
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": dtype}).to(dtype)
    return np.array([model.encode([t], normalize_embeddings=True)[0] for t in texts], dtype=np.float64)


with tempfile.TemporaryDirectory() as scratch:
    program, source, output = options.rhumb or os.path.join(scratch, "rhumb"), os.path.join(scratch, "t.txt"), os.path.join(scratch, "v.npy")
    if not options.rhumb:
        subprocess.run(["go", "build", "-o", program, "./cmd/rhumb"], cwd=ROOT, check=True)
    with open(source, "w") as file:
        file.write("\n".join(texts) + "\n")
    for name in options.names:
        folder = os.path.join(options.models, name)
        exact = torch_vectors(folder, torch.float64)
        distance = lambda v: np.linalg.norm(v - exact, axis=1).mean()
        subprocess.run([program, "embed", "--model", folder, "--input", source, "--output", output], check=True)
        ours = np.load(output).astype(np.float64)
        ours = distance(ours / np.linalg.norm(ours, axis=1, keepdims=True))
        theirs = distance(torch_vectors(folder, torch.float32))
        os.remove(output)
        print(f"{name}: Rhumb {ours:.2e}, PyTorch {theirs:.2e}, quotient {ours / theirs:.2f}")
