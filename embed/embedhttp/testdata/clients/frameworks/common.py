"""What the programs beside it share: the service's address, what the library makes
of the texts, and the comparisons. Each reports all that is wrong before it fails."""

import atexit
import base64
import json
import os
import struct
import sys
import traceback

url, file = sys.argv[1:]
with open(file) as f:
    expected = json.load(f)
texts = expected["texts"]
vectors = [base64.b64decode(v) for v in expected["vectors"]]
documents = [base64.b64decode(v) for v in expected["documents"]]
ranking = expected["ranking"]
wrong = []


def bits(vector):
    """The bytes of a vector as float32, which has to hold each number's value."""
    return struct.pack(f"<{len(vector)}f", *vector)


def single(score):
    """The score rounded to the float32 that it is."""
    return struct.unpack("<f", struct.pack("<f", score))[0]


def check(name, call, want=vectors):
    """That call returns want. Vectors become their bits before."""
    try:
        got = call()
        if got and isinstance(want[0], bytes):
            got = [bits(v) for v in got]
        elif got and isinstance(want[0], list):
            got = [[i, single(s)] for i, s in got]
        if got != want:
            raise AssertionError(f"not the library's: {got!r:.300}, expected {want!r:.300}")
        print(name, "ok", flush=True)
    except Exception:
        wrong.append(name)
        print(name, "WRONG", traceback.format_exc(limit=-3), file=sys.stderr, flush=True)


def fails(name, message, call):
    """That call raises an error whose text has message."""
    try:
        call()
    except Exception as e:
        if message in str(e):
            print(name, "ok", flush=True)
            return
        print(name, "WRONG", repr(e), file=sys.stderr, flush=True)
    else:
        print(name, "WRONG: no error", file=sys.stderr, flush=True)
    wrong.append(name)


@atexit.register
def end():
    if wrong:
        print("wrong:", ", ".join(wrong), file=sys.stderr, flush=True)
        os._exit(1)
