#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Job files that Python dlt has written for any destination, loaded by dlt-load.

finish.py PACKAGES CASE...    PACKAGES: the golden packages; only input.jsonl is used; "values" is values.jsonl

Each case is extracted and normalized by Python dlt for several destinations and formats; dlt-load loads the packages into SQLite. The tables
must be those of the package that Python has normalized to jsonl, null and the empty string taken for one with csv. Prints what differs; exit 1.
"""
import glob, json, os, shutil, sqlite3, subprocess, sys, tempfile

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
import dlt
from dlt.destinations import duckdb, filesystem, mssql, postgres, redshift, synapse

HERE = os.path.dirname(os.path.abspath(__file__))
IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_load_id"}
FILES = lambda: filesystem("file:///tmp/x")
# destination, format, settings of the data writer
RUNS = [
    (FILES, "jsonl", {}),
    (lambda: duckdb(":memory:"), "insert_values", {"file_max_items": "3", "buffer_max_items": "2"}),
    (lambda: postgres("postgresql://u:p@localhost/x"), "insert_values", {}),
    (lambda: postgres("postgresql://u:p@localhost/x"), "csv", {}),
    (lambda: redshift("redshift://u:p@localhost/x"), "insert_values", {}),
    (lambda: mssql("mssql://u:p@localhost/x"), "insert_values", {}),
    (lambda: synapse("synapse://u:p@localhost/x"), "insert_values", {}),
    (FILES, "csv", {"quoting": "quote_all", "delimiter": ";"}),
    (FILES, "csv", {"quoting": "quote_minimal", "include_header": "false"}),
]


def tables(path, csv):
    db, out = sqlite3.connect(path), {}
    for (t,) in db.execute("select name from sqlite_master where type = 'table' and name not like '\\_dlt%' escape '\\'").fetchall():
        cursor = db.execute('select * from "%s"' % t.replace('"', '""'))
        names = [c[0] for c in cursor.description]
        rows = [{n: None if csv and v == "" else v for n, v in zip(names, row) if n not in IDS} for row in cursor]
        out[t] = sorted(repr(sorted(r.items())) for r in rows)
    return out


def load(number, name, rows, run, tmp):
    keys = ["NORMALIZE__DATA_WRITER__" + k.upper() for k in run[2]]
    os.environ.update(zip(keys, run[2].values()))
    try:
        p = dlt.pipeline("fin", pipelines_dir="%s/%s-%d" % (tmp, name, number), destination=run[0](), dataset_name="d")
        p.extract(iter([rows]), table_name="t", loader_file_format=run[1])
        try:
            p.normalize()
        except Exception as e:
            print("%s, %s %s: Python dlt cannot: %s" % (name, p.destination.destination_name, run[1], str(e).splitlines()[-1][:200]))
            return None
        package, db = glob.glob(p.working_dir + "/load/normalized/*")[0], "%s/%s-%d.db" % (tmp, name, number)
        r = subprocess.run(["dlt-load", "sqlite:" + db, package], capture_output=True, text=True)
        return r.stderr if r.returncode or r.stderr else db
    finally:
        for k in keys:
            del os.environ[k]


def one(name, rows, tmp):
    bad, gold = 0, load(0, name, rows, RUNS[0], tmp)
    for number, run in enumerate(RUNS[1:], 1):
        db = load(number, name, rows, run, tmp)
        what = "%s, run %d (%s %s)" % (name, number, run[1], run[2])
        if db is None:
            continue
        if not db.endswith(".db"):
            print("%s: %s" % (what, db))
            bad += 1
            continue
        want, have = (tables(d, run[1] == "csv") for d in (gold, db))
        for t in sorted(set(want) | set(have)):
            if want.get(t) != have.get(t):
                bad += 1
                print("%s, table %s:\n  have %s\n  want %s" % (what, t, *next(((b, a) for a, b in zip((want.get(t) or []) + [None], (have.get(t) or []) + [None]) if a != b))))
    return bad


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name in sys.argv[2:]:
            path = HERE + "/values.jsonl" if name == "values" else "%s/%s/step1/input.jsonl" % (sys.argv[1], name)
            rows = [r for line in open(path, encoding="utf-8") for v in [json.loads(line)] for r in (v if isinstance(v, list) else [v])]
            bad += one(name, rows, tmp)
    print("%d differences" % bad)
    sys.exit(1 if bad else 0)


main()
