#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Parquet by Python dlt and by the tools (needs Python dlt 1.26.0 with duckdb and pyarrow).

arrow.py DIR write     rows that both normalize to Parquet: types, order and values of each file are equal
arrow.py DIR drop-in   Arrow tables that Python extracts and loads into duckdb, normalized by it or by dlt-normalize: equal tables and hashes

Not compared are ids, what parts Python dlt's files from DuckDB's (whether columns may be null), and sizes. Exit 1 with what differs.
"""
import datetime as dt, glob, json, os, shutil, subprocess, sys, warnings
from decimal import Decimal

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__WORKERS": "1"})
warnings.filterwarnings("ignore")
import dlt, duckdb, pyarrow as pa, pyarrow.parquet as pq

IDS = ("_dlt_id", "_dlt_parent_id", "_dlt_load_id")
UTC = dt.timezone.utc
bad = 0


def differ(*words):
    global bad
    bad = 1
    print(*words)


def tool(*args):
    r = subprocess.run(args, capture_output=True, text=True)
    if r.returncode or r.stderr:
        sys.exit("%s: status %d: %s" % (args[0], r.returncode, r.stderr))


ROWS = [
    {"i": 1, "f": 1.5, "b": True, "s": "it's \u0000 \U0001f986 \"\\\n", "ts": dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "d": dt.date(2024, 2, 29),
     "tm": dt.time(23, 59, 59, 999999), "dec": Decimal("-12345678901234567890.123456789"), "bin": b"\x00\xffab", "big": Decimal(2 ** 100), "l": [1, 2, 3], "o": {"k": "v"},
     "j": {"a": [1, 2.5, None, "\u00e9"], "b": {}}, "small": 127, "naive": dt.datetime(2024, 1, 2, 3, 4, 5, 600000), "money": Decimal("1.10")},
    {"i": -2 ** 63, "f": 1e22, "s": "", "ts": dt.datetime(1, 1, 1, tzinfo=UTC), "d": dt.date(9999, 12, 31), "tm": dt.time(0), "dec": Decimal("0.000000001"),
     "bin": b"x", "j": [], "small": -128, "money": Decimal("99999999.99")},
    {"i": None, "s": None, "new": "column"},
]
COLUMNS = {"j": {"data_type": "json"}, "big": {"data_type": "wei"}, "small": {"data_type": "bigint", "precision": 8},
           "naive": {"data_type": "timestamp", "timezone": False}, "money": {"data_type": "decimal", "precision": 10, "scale": 2},
           "never": {"data_type": "double"}}


def content(folder):
    out = {}
    for path in sorted(glob.glob(folder + "/new_jobs/*.parquet")):
        t = pq.read_table(path)
        out.setdefault(os.path.basename(path).split(".")[0], []).append(
            ([(f.name, str(f.type)) for f in t.schema], [{k: v for k, v in r.items() if k not in IDS} for r in t.to_pylist()]))
    return out


def write(base):
    p = dlt.pipeline("written", pipelines_dir=base, destination=dlt.destinations.duckdb(base + "/x.duckdb"), dataset_name="d")
    p.extract(dlt.resource(ROWS, name="t", columns=COLUMNS, file_format="parquet"))
    shutil.copytree(glob.glob(base + "/written/normalize/extracted/*")[0], base + "/extracted")
    p.normalize()
    tool("dlt-normalize", "--for", "duckdb", "-o", base + "/ours", base + "/extracted")
    want, have = content(glob.glob(base + "/written/load/normalized/*")[0]), content(base + "/ours")
    want.pop("_dlt_pipeline_state", None), have.pop("_dlt_pipeline_state", None)
    if not want:
        sys.exit("Python dlt wrote no Parquet")
    if sorted(want) != sorted(have):
        differ("tables", sorted(have), "should be", sorted(want))
    for t in set(want) & set(have):
        for (ws, wr), (hs, hr) in zip(want[t], have[t]):
            for w, h in zip(ws, hs):
                if w != h:
                    differ(t, "column", h, "should be", w)
            for w, h in zip(wr, hr):
                for k in w:
                    if repr(w[k]) != repr(h.get(k)):
                        differ(t, k, repr(h.get(k)), "should be", repr(w[k]))
        if len(want[t]) != len(have[t]):
            differ(t, "files", len(have[t]), "should be", len(want[t]))


def arrow_tables(step):
    yield pa.table({"Id": [1, 2, 3 + step], "userName": ["a", "b", None], "ts": pa.array([dt.datetime(2024, 1, 1, tzinfo=UTC)] * 3),
                    "naive": pa.array([dt.datetime(2024, 1, 1, 1, 2, 3, 456)] * 3), "dec": pa.array([Decimal("1.10"), None, Decimal("-2.25")]),
                    "nested": [{"a": 1, "B": [1, 2]}, None, {"a": 3, "B": []}], "bin": [b"ab", b"\x00", None], "d": [dt.date(2024, 1, 2)] * 3,
                    "t": [dt.time(1, 2, 3)] * 3, "f": [1.5, None, 1e22], "nothing": pa.nulls(3)})
    if step:
        yield pa.table({"Id": [9], "added": [True]})


def drop_in(base):
    hashes, rows = [], []
    for who in ("python", "ours"):
        work = "%s/%s" % (base, who)
        for step in (0, 1):
            p = dlt.pipeline("arrows", pipelines_dir=work, destination=dlt.destinations.duckdb(work + ".duckdb"), dataset_name="d")
            p.extract([dlt.resource(arrow_tables(step), name="items"), dlt.resource([pa.table({"id": [step]})], name="plain")])
            if who == "ours":
                tool("dlt-normalize", "-p", work + "/arrows/")
            else:
                p.normalize()
            p.load()
        hashes.append(dlt.attach("arrows", pipelines_dir=work).default_schema.version_hash)
        con = duckdb.connect(work + ".duckdb", read_only=True)
        rows.append({t: sorted(map(repr, con.execute('select columns(*)::varchar from d."%s"' % t).fetchall())) for t in ("items", "plain")})
        rows[-1]["columns"] = con.execute("select table_name, column_name, data_type from duckdb_columns() where schema_name = 'd' order by all").fetchall()
        con.close()
    if hashes[0] != hashes[1]:
        differ("version_hash", hashes[1], "should be", hashes[0])
    for k in rows[0]:
        if rows[0][k] != rows[1][k]:
            differ(k, rows[1][k], "should be", rows[0][k])


base = os.path.abspath(sys.argv[1])
shutil.rmtree(base, ignore_errors=True)
os.makedirs(base)
{"write": write, "drop-in": drop_in}[sys.argv[2]](base)
sys.exit(bad)
