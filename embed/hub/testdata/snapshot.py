"""Prints the folder of a model's snapshot, as huggingface_hub 2.4.0 finds or downloads it.

usage: snapshot.py ID CACHE ENDPOINT [--offline]
"""
import sys

import huggingface_hub

assert huggingface_hub.__version__ == "2.4.0", huggingface_hub.__version__
model, cache, endpoint, *rest = sys.argv[1:]
print(huggingface_hub.snapshot_download(model, cache_dir=cache, endpoint=endpoint, local_files_only=bool(rest),
                                        ignore_patterns=["onnx/*", "3_Unused/*", "*.md", "*.bin"]))
