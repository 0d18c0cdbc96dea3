#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What dlt-extract's flags put into schema.json, against Python's extract with the same hints: key by key.

hints.py WORK     (needs Python dlt 1.26.0)
"""
import json, os, shutil, subprocess, sys

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
import cases
import dlt

ROW = {"id": 1, "v": "x", "At": "2024-01-15T10:20:30Z", "l": [1]}
merge = lambda **k: {"disposition": "merge", **k}
HINTS = [
    {},
    {"write_disposition": "append"}, {"write_disposition": "replace"}, {"write_disposition": "skip"}, {"write_disposition": "merge"},
    {"write_disposition": "merge", "primary_key": "id"}, {"write_disposition": "merge", "merge_key": "v"},
    {"write_disposition": "merge", "primary_key": "id", "merge_key": "v"},
    {"write_disposition": merge(strategy="delete-insert"), "primary_key": "id"},
    {"write_disposition": merge(strategy="delete-insert", deduplicated=True), "primary_key": "id"},
    {"write_disposition": merge(strategy="upsert"), "primary_key": "id"}, {"write_disposition": merge(strategy="insert-only"), "primary_key": "id"},
    {"write_disposition": merge(strategy="scd2")},
    {"write_disposition": merge(strategy="scd2"), "merge_key": "id"},
    {"write_disposition": merge(strategy="scd2", validity_column_names=["validFrom", "to"])},
    {"write_disposition": merge(strategy="scd2", row_version_column_name="v")},
    {"write_disposition": merge(strategy="scd2", active_record_timestamp="9999-12-31", boundary_timestamp="2024-08-21T12:15:00+00:00")},
    {"write_disposition": merge(strategy="scd2"), "columns": {"v": {"data_type": "text", "nullable": True}}},
    {"columns": {"id": {"data_type": "bigint", "nullable": False, "unique": True}, "At": {"data_type": "timestamp", "precision": 3}}},
    {"columns": {"v": {"hard_delete": True}, "id": {"dedup_sort": "desc"}}, "write_disposition": "merge", "primary_key": "id"},
    {"columns": {"v": {"cluster": True, "partition": True, "sort": True}}},
    {"columns": {"Camel Case": {"data_type": "decimal", "precision": 10, "scale": 2}}},
    {"schema_contract": "evolve"}, {"schema_contract": {"columns": "discard_row", "tables": "evolve"}},
    {"schema_contract": {"columns": "freeze", "data_type": "discard_value"}},
]
LONG = "a_name_that_is_longer_than_the_names_of_postgres_may_be_" * 2
LONG_HINTS = {"write_disposition": "merge", "primary_key": LONG + "key", "columns": {LONG + "column": {"data_type": "text"}}}
OF_SOURCE = [{"max_table_nesting": 0}, {"max_table_nesting": 2}]
bad = 0


def schema_of(folder):
    base = os.path.join(folder, cases.NAME, "normalize", "extracted")
    (load_id,) = os.listdir(base)
    return json.load(open(os.path.join(base, load_id, "schema.json"), encoding="utf-8"))


def compare(n, what, want, have):
    global bad
    want, have = (json.dumps(x, ensure_ascii=False, sort_keys=True) for x in (want, have))
    if want != have:
        bad += 1
        print("case %s: %s is\n  %s, should be\n  %s" % (n, what, have, want))


def one(n, work, hints, source, where, name="t"):
    shutil.rmtree(work, ignore_errors=True)
    folders = [os.path.join(work, x) for x in ("python", "ours")]
    make = lambda f: dlt.pipeline(cases.NAME, pipelines_dir=f, destination=where, dataset_name="d")
    make(folders[1])
    p = make(folders[0])

    @dlt.source(name=cases.NAME, **source)
    def rows():
        return dlt.resource([ROW], name=name, **{k: json.loads(json.dumps(v)) for k, v in hints.items()})
    p.extract(rows())
    p.deactivate()
    with open(work + "/t.jsonl", "w") as f:
        f.write(json.dumps(ROW))
    columns = [("", k, c) for k, c in hints.get("columns", {}).items()]
    r = subprocess.run(["dlt-extract", "-q", "-p", "%s/%s/" % (folders[1], cases.NAME), "--schema-name", cases.NAME] +
                       cases.flags_of(hints, source, columns) + ["-n", name, work + "/t.jsonl"], capture_output=True, text=True)
    if r.returncode or r.stderr:
        return compare(n, "stderr", "", r.stderr)
    a, b = map(schema_of, folders)
    for key in sorted(set(a) | set(b)):
        if key != "tables":
            compare(n, key, a.get(key), b.get(key))
    compare(n, "the list of tables", list(a["tables"]), list(b["tables"]))
    for t in a["tables"]:
        x, y = a["tables"][t], b["tables"].get(t, {})
        # the order of keys is free, but columns have an order
        compare(n, "columns of %s" % t, list(x["columns"]), list(y.get("columns", {})))
        for key in sorted(set(x) | set(y)):
            compare(n, "%s.%s" % (t, key), x.get(key), y.get(key))


for n, (hints, source) in enumerate([(h, {}) for h in HINTS] + [({}, s) for s in OF_SOURCE]):
    for where in (dlt.destinations.duckdb(sys.argv[1] + "/x.duckdb"), dlt.destinations.sqlalchemy("sqlite:///" + sys.argv[1] + "/x.sqlite")):
        strategy = hints.get("write_disposition")
        if "sqlalchemy" in where.destination_type and isinstance(strategy, dict) and strategy["strategy"] in ("upsert", "insert-only"):
            continue  # Python dlt has neither in SQLite
        one("%d %s %s" % (n, where.destination_name, hints or source), os.path.abspath(sys.argv[1]) + "/w", hints, source, where)
one("long names", os.path.abspath(sys.argv[1]) + "/w", LONG_HINTS, {}, dlt.destinations.postgres("postgresql://nobody@nowhere/x"), LONG)
print("%d differences" % bad)
sys.exit(1 if bad else 0)
