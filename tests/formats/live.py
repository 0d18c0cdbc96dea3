#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Job files in the formats of the destinations, as Python dlt writes them from the same extracted packages.

live.py PACKAGES [CASE...]    PACKAGES: the golden packages; only input.jsonl and the table's name are used

Each case is extracted by Python dlt, normalized by it for several destinations and by dlt-normalize, and the job files are compared: how many there are of each
table, where they end, their headers, and each row, ids taken as equal. Prints what differs; exit 1.
"""
import glob, gzip, json, os, re, shutil, subprocess, sys, tempfile

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true", "RUNTIME__LOG_LEVEL": "CRITICAL"})
import dlt
from dlt.destinations import duckdb, filesystem, mssql, postgres, redshift, sqlalchemy, synapse

IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id"}
# destination, what our --for says, format, settings of the data writer
RUNS = [
    (lambda: postgres("postgresql://u:p@localhost/x"), "postgres", "insert_values", {}),
    (lambda: duckdb(":memory:"), "duckdb", "insert_values", {"file_max_items": "3", "buffer_max_items": "2"}),
    (lambda: redshift("redshift://u:p@localhost/x"), "redshift", "insert_values", {"file_max_bytes": "300", "buffer_max_items": "2"}),
    (lambda: mssql("mssql://u:p@localhost/x"), "mssql", "insert_values", {}),
    (lambda: synapse("synapse://u:p@localhost/x"), "synapse", "insert_values", {"buffer_max_items": "1"}),
    (lambda: filesystem("file:///tmp/x"), "filesystem", "csv", {}),
    (lambda: filesystem("file:///tmp/x"), "filesystem", "csv", {"quoting": "quote_all", "delimiter": ";", "file_max_items": "20", "buffer_max_items": "2"}),
    (lambda: filesystem("file:///tmp/x"), "filesystem", "csv", {"quoting": "quote_minimal", "include_header": "false", "file_max_bytes": "400", "buffer_max_items": "3"}),
    (lambda: sqlalchemy("sqlite:///x.db"), "sqlalchemy", "typed-jsonl", {}),
    (lambda: sqlalchemy("sqlite:///x.db"), "sqlalchemy", "typed-jsonl", {"file_max_bytes": "500", "buffer_max_items": "4"}),
]
def typed_rows(text):
    out = []
    for line in text.rstrip("\n").split("\n"):
        for row in json.loads(line):
            out.append({k: "id" if k in IDS else v for k, v in row.items()})
    return out


def files(package):
    tables = {}
    for path in glob.glob(glob.escape(package) + "/new_jobs/*"):
        table = os.path.basename(path).split(".")[0]
        data = open(path, "rb").read()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
        tables.setdefault(table, []).append((os.path.getmtime(path), os.path.basename(path), text))
    return tables


def parsed(text, run):
    return typed_rows(text) if run[2] == "typed-jsonl" else re.sub(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{14}(?![A-Za-z0-9+/])", "id", text)


def one(name, rows, run, tmp):
    for key, value in run[3].items():
        os.environ["NORMALIZE__DATA_WRITER__" + key.upper()] = value
    work = os.path.join(tmp, "work")
    shutil.rmtree(work, ignore_errors=True)
    if run[1] in ("mssql", "synapse"):  # Python dlt needs a driver for bytes
        rows = [{k: v for k, v in r.items() if k != "bin"} for r in rows]
    p = dlt.pipeline("fmt", pipelines_dir=work, destination=run[0](), dataset_name="d")
    p.extract(iter([rows]), table_name="t", loader_file_format=run[2])
    source = glob.glob(work + "/fmt/normalize/extracted/*")[0]
    copy = tmp + "/source/" + os.path.basename(source)
    shutil.copytree(source, copy)
    bad = []
    try:
        p.normalize()
        refused = None
    except Exception as e:
        refused = e
    for jobs in ("1", "4"):
        ours = subprocess.run(["dlt-normalize", "-q", "-j", jobs, "--compression", "none", "--for", run[1], "--format", run[2], "-o", tmp + "/ours", copy], capture_output=True, text=True)
        if refused or ours.returncode:
            if refused:
                bad.append("Python dlt cannot: %s" % refused) if run[1] != "filesystem" else print("%s, %s %s: Python dlt cannot: %s" % (name, run[1], run[2], str(refused).splitlines()[0][:300]))
            else:
                bad.append("Python can, we cannot: " + ours.stderr)
            break
        want = files(glob.glob(work + "/fmt/load/normalized/*")[0])
        have = files(tmp + "/ours")
        if set(want) != set(have):
            bad.append("tables %s, should be %s" % (sorted(have), sorted(want)))
        for t in sorted(set(want) & set(have) - {"_dlt_pipeline_state"}):
            # the names of Python's files are random: the time says the order
            a = sorted(want[t])
            b = sorted(have[t], key=lambda f: f[1])
            a, b = ([parsed(f[2], run) for f in s] for s in (a, b))
            if a != b and sorted(map(repr, a)) != sorted(map(repr, b)):
                d = next((x, y) for x, y in zip(a + [None], b + [None]) if x != y)
                bad.append("-j %s, table %s: %d files, should be %d\n  want %s\n  have %s" % (jobs, t, len(b), len(a), str(d[0])[:1500], str(d[1])[:1500]))
    shutil.rmtree(tmp + "/source")
    for key in run[3]:
        del os.environ["NORMALIZE__DATA_WRITER__" + key.upper()]
    for b in bad:
        print("%s, %s, %s %s: %s" % (name, run[1], run[2], run[3], b))
    return len(bad)


def main():
    packages, bad, runs = sys.argv[1], 0, 0
    own = [json.loads(line) for line in open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.jsonl"), encoding="utf-8")]
    cases = [("values", own)]
    for case in sys.argv[2:]:
        rows = []
        for line in open("%s/%s/step1/input.jsonl" % (packages, case), encoding="utf-8"):
            row = json.loads(line)
            rows += row if isinstance(row, list) else [row]
        cases.append((case, rows))
    with tempfile.TemporaryDirectory() as tmp:
        for name, rows in cases:
            for run in RUNS:
                if name == "strings" and run[3].get("quoting") == "quote_minimal":
                    continue  # a lone CR, which older csv modules leave without quotes
                bad += one(name, rows, run, tmp)
                runs += 1
    print("%d runs, %d differences" % (runs, bad))
    sys.exit(1 if bad else 0)


main()
