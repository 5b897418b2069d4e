"""Throughput of Hugging Face tokenizers 0.23.3 on the lines of a file, to set beside BenchmarkFile.

usage: RAYON_NUM_THREADS=N throughput.py tokenizer.json FILE
"""
import os
import statistics
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "true"
import tokenizers

tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
tokenizer.no_padding()
tokenizer.no_truncation()
data = open(sys.argv[2], "rb").read()
lines = data.decode().split("\n")
for name, encode in (("encode_batch", tokenizer.encode_batch), ("encode_batch_fast", tokenizer.encode_batch_fast)):
    seconds = []
    for _ in range(4):  # the first warms up
        start = time.perf_counter()
        encode(lines)
        seconds.append(time.perf_counter() - start)
    print(f"{name:18} {len(data) / statistics.median(seconds[1:]) / 1e6:.2f} MB/s")
