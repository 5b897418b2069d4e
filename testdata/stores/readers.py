"""Reads a Parquet file of rhumb batch with pandas, polars, DuckDB and datasets, and joins it with
the input on the ids: each must find all rows, the nested column as it was, and the embeddings that
pyarrow finds.

    python readers.py [--make ROWS] INPUT.parquet [OUTPUT.parquet]

--make writes an input of short texts: id, text and meta, a struct with a list.
"""

import argparse
import random
import shutil
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

WORDS = """the a of and to in for with on at from by about summer winter river train food delay question answer
house night morning water light paper letter number market garden teacher doctor city country road bridge engine
window table music picture story language science history weather ocean mountain forest animal bird fish""".split()


def make(path, rows):
    draw = random.Random(18)
    meta = pa.struct([("lang", pa.string()), ("tags", pa.list_(pa.string())), ("score", pa.float64())])
    schema = pa.schema([("id", pa.int64()), ("text", pa.string()), ("meta", meta)])
    with pq.ParquetWriter(path, schema) as out:
        for start in range(0, rows, 50_000):
            ids = range(start, min(rows, start + 50_000))
            out.write_table(pa.table({
                "id": [7 * i + 3 for i in ids],
                "text": [" ".join(draw.choices(WORDS, k=draw.randint(4, 12))) + f" {i}" for i in ids],
                "meta": [None if i % 97 == 0 else {"lang": "en", "tags": draw.choices(WORDS, k=i % 3), "score": i / 8} for i in ids],
            }, schema=schema))


def total(embeddings):
    """The sum of all numbers of a list column of pyarrow, and their number."""
    flat = embeddings.combine_chunks() if isinstance(embeddings, pa.ChunkedArray) else embeddings
    values = flat.flatten()
    return pc.sum(pc.cast(values, pa.float64())).as_py(), len(values)


def check(name, rows, same, embeddings, want, seconds):
    close = embeddings[1] == want["numbers"] and abs(embeddings[0] - want["sum"]) <= 1e-6 * want["numbers"]
    assert rows == want["rows"], f"{name}: {rows} rows, expected {want['rows']}"
    assert same == want["rows"], f"{name}: {same} rows with their text and meta, expected {want['rows']}"
    assert close, f"{name}: embeddings {embeddings}, expected {want}"
    print(f"{name}: {rows} rows joined, {embeddings[1]} numbers, {seconds:.1f} s", flush=True)


def by_pandas(source, output, want):
    import pandas as pd

    start = time.time()
    left, right = pd.read_parquet(source), pd.read_parquet(output)
    both = left.merge(right, on="id", suffixes=("", "_out"), validate="one_to_one")

    def plain(v):
        return None if v is None else (v["lang"], list(v["tags"]), v["score"])

    same = sum(t == u and plain(a) == plain(b) for t, u, a, b in zip(both.text, both.text_out, both.meta, both.meta_out))
    sums = sum(float(np.sum(e, dtype=np.float64)) for e in both.embedding)
    check(f"pandas {pd.__version__}", len(both), same, (sums, sum(map(len, both.embedding))), want, time.time() - start)


def by_polars(source, output, want):
    import polars as pl

    start = time.time()
    both = pl.read_parquet(source).join(pl.read_parquet(output), on="id", suffix="_out", validate="1:1")
    same = both.select((pl.col("text") == pl.col("text_out")) & pl.col("meta").eq_missing(pl.col("meta_out"))).to_series().sum()
    numbers = both.get_column("embedding")
    flat = numbers.explode() if numbers.dtype == pl.List else numbers.arr.explode()
    check(f"polars {pl.__version__}", len(both), same, (flat.cast(pl.Float64).sum(), len(flat)), want, time.time() - start)


def by_duckdb(source, output, want):
    import duckdb

    start = time.time()
    rows, same, sums, numbers = duckdb.execute("""
        select count(*), count(*) filter (i.text = o.text and i.meta is not distinct from o.meta),
            sum(list_sum(list_transform(o.embedding::float[], lambda x: x::double))), sum(len(o.embedding::float[]))
        from read_parquet(?) i join read_parquet(?) o using (id)""", [source, output]).fetchone()
    check(f"duckdb {duckdb.__version__}", rows, same, (sums, numbers), want, time.time() - start)


def by_datasets(source, output, want):
    import datasets

    start = time.time()
    cache = tempfile.mkdtemp()
    try:
        left, right = (datasets.load_dataset("parquet", data_files=f, split="train", cache_dir=cache) for f in (source, output))
        where = {i: n for n, i in enumerate(left["id"])}
        order = [where[i] for i in right["id"]]  # the join
        same = sums = numbers = 0
        step = 10_000
        for at in range(0, len(right), step):
            ours = right.with_format("arrow")[at:at + step]
            theirs = left.with_format("arrow").select(order[at:at + step])[:]
            same += sum(a == b for a, b in zip(zip(ours["text"].to_pylist(), ours["meta"].to_pylist()),
                                               zip(theirs["text"].to_pylist(), theirs["meta"].to_pylist())))
            part = total(ours["embedding"])
            sums, numbers = sums + part[0], numbers + part[1]
        check(f"datasets {datasets.__version__}", len(order), same, (sums, numbers), want, time.time() - start)
    finally:
        shutil.rmtree(cache)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--make", type=int, metavar="ROWS")
    parser.add_argument("input")
    parser.add_argument("output", nargs="?")
    args = parser.parse_args()
    if args.make:
        make(args.input, args.make)
    if not args.output:
        return
    want = {"rows": pq.ParquetFile(args.input).metadata.num_rows, "sum": 0.0, "numbers": 0}
    for batch in pq.ParquetFile(args.output).iter_batches(columns=["embedding"]):
        part = total(batch.column(0))
        want["sum"], want["numbers"] = want["sum"] + part[0], want["numbers"] + part[1]
    for reader in by_pandas, by_polars, by_duckdb, by_datasets:
        reader(args.input, args.output, want)


if __name__ == "__main__":
    main()
