#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Python dlt 1.26.0 says of its destinations, against what the tools know.

targets.py LIST    LIST: the lines of the test program `caps`

First the table of common/caps.c, for every factory that dlt has; then, for each of them, which files Python dlt and dlt-normalize make in the same working
directory, with and without a staging bucket. No client library is needed for either. Prints what differs; exit 1.
"""
import glob, json, os, shutil, subprocess, sys, tempfile

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
import dlt
from dlt.common.destination import Destination

# how insert_values are spelt: the function that escapes literals, and the writer
DIALECTS = {"escape_postgres_literal": "postgres", "escape_duckdb_literal": "duckdb", "escape_redshift_literal": "redshift", "escape_clickhouse_literal": "clickhouse",
            "escape_mssql_literal": {"default": "mssql", "select_union": "synapse"}, "escape_bigquery_literal": "bigquery", "escape_databricks_literal": "databricks",
            # no escaping at all, which no database reads back
            "serialize_value": "postgres"}
NEVER_INSERTED = ["athena", "dremio", "sqlalchemy", "destination", "lancedb", "lance", "weaviate", "qdrant", "dummy"]


def factories():
    for name in dir(dlt.destinations):
        f = getattr(dlt.destinations, name)
        if isinstance(f, type) and issubclass(f, Destination):
            yield name, f


def made(name, f):
    if name == "destination":
        return f(lambda items, table: None, destination_name="custom")
    if name == "filesystem":
        return f("file:///nowhere")
    return f("sqlite:///x.db") if name == "sqlalchemy" else f()


def merges(caps, table_format):
    if caps.merge_strategies_selector is None:
        return caps.supported_merge_strategies
    return caps.merge_strategies_selector(caps.supported_merge_strategies, table_schema={"name": "t", "table_format": table_format})


def dialect(name, caps):
    if name in NEVER_INSERTED:
        return None
    if name == "snowflake":
        return "snowflake"  # the default escapes
    d = DIALECTS[caps.escape_literal.__name__]
    return d if isinstance(d, str) else d[caps.insert_values_writer_type]


def as_dlt(name, f):
    """As a line of the table, from the class and, for SQLite, from what its dialect adjusts."""
    d = made(name, f)
    caps = d._raw_capabilities()
    length = min(caps.max_identifier_length, caps.max_column_identifier_length)
    if name == "sqlalchemy":
        from sqlalchemy.dialects.sqlite import dialect as sqlite
        length = sqlite.max_identifier_length
    only = [t for t in ("delta", "iceberg") if merges(caps, t)] if not merges(caps, None) else []
    if name == "dummy":  # its formats come from its configuration
        caps.preferred_loader_file_format, caps.supported_loader_file_formats = "jsonl", ["jsonl"]
    return {"name": name, "max_identifier": length, "strategies": list(caps.supported_merge_strategies), "table_formats": only,
            "preferred": caps.preferred_loader_file_format, "formats": list(caps.supported_loader_file_formats or []),
            "staged_preferred": caps.preferred_staging_file_format, "staged": list(caps.supported_staging_file_formats or []),
            "dialect": dialect(name, caps), "file_bytes": caps.recommended_file_size or 0, "flat": caps.max_table_nesting == 0,
            "naming": None if name == "weaviate" else caps.naming_convention,
            "fold": {str.upper: "upper", str.lower: "lower"}.get(caps.casefold_identifier)}


def jobs(work, folder):
    names = [os.path.basename(p).split(".") for p in glob.glob("%s/t/%s/*/new_jobs/*" % (work, folder))]
    return sorted((n[0], n[3]) for n in names)


def kept(work):
    s = json.load(open(glob.glob(work + "/t/schemas/*.schema.json")[0]))
    return s["version"], s["version_hash"], s["normalizers"]


def normalized(name, f, staged, tmp):
    """Both normalize what Python has extracted; differences as text."""
    work, copy = tmp + "/pipelines", tmp + "/copy/pipelines"
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(tmp + "/copy", ignore_errors=True)
    p = dlt.pipeline("t", pipelines_dir=work, destination=made(name, f), dataset_name="d", staging=dlt.destinations.filesystem("file:///nowhere") if staged else None)
    rows = [{"id": 1, "l": [{"x": 1.5}], "o": {"k" * 250: "v", "y": True}}]
    more = {"table_format": "iceberg"} if name in ("filesystem", "athena") else {}

    @dlt.source(name="t")
    def source():
        return [dlt.resource(rows, name="plain"), dlt.resource(rows, name="merged", primary_key="id", write_disposition="merge"),
                dlt.resource(rows, name="csv", file_format="csv"), dlt.resource(rows, name="lake", primary_key="id", write_disposition="merge", **more)]
    p.extract(source())
    shutil.copytree(work, copy)
    p.normalize()
    ours = subprocess.run(["dlt-normalize", "-q", "-p", "t", "--compression", "none"], env={**os.environ, "DLT_DATA_DIR": tmp + "/copy"}, capture_output=True, text=True)
    if ours.returncode:
        return "status %d: %s" % (ours.returncode, ours.stderr)
    a, b = jobs(work, "load/normalized"), jobs(copy, "load/normalized")
    if a != b:
        return "job files\n  %s, should be\n  %s\n%s" % (b, a, ours.stderr)
    a, b = kept(work), kept(copy)
    return "" if a == b else "schema\n  %s, should be\n  %s" % (b, a)


def main():
    known = {t["name"]: t for t in map(json.loads, open(sys.argv[1]))}
    bad = runs = 0
    for name, f in factories():
        want = as_dlt(name, f)
        have = {k: v for k, v in known.pop(name, {}).items() if k != "extra"}
        for k in want:
            if have.get(k) != want[k]:
                bad += 1
                print("%s: %s is %s, should be %s" % (name, k, have.get(k), want[k]))
    # what dlt has no factory for: other names, URLs, databases by way of SQLAlchemy
    for name in known:
        if name.split(":")[0] not in ("file", "s3", "sqlite", "mysql", "mariadb", "duckdb", "postgres", "postgresql"):
            bad += 1
            print("%s: dlt has no such destination" % name)
    with tempfile.TemporaryDirectory() as tmp:
        for name, f in factories():
            caps = made(name, f)._raw_capabilities()
            for staged in [False, True]:
                if name == "weaviate" or not (caps.supported_staging_file_formats if staged else caps.supported_loader_file_formats or name == "dummy"):
                    continue  # names of its own; not that way
                runs += 1
                differs = normalized(name, f, staged, tmp)
                if differs:
                    bad += 1
                    print("%s%s: %s" % (name, " by way of a bucket" if staged else "", differs))
    print("%d runs, %d differences" % (runs, bad))
    sys.exit(1 if bad else 0)


main()
