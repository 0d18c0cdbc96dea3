#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Extracts the inputs of the golden packages with dlt-extract and compares with what Python's extract wrote.

extract_golden.py PACKAGES COMPARE.py

Each step begins with the schema that Python's normalize left in the step before. Compared are the package (compare.py), the
version and its history, and the order of tables and of their keys.
"""
import glob, json, os, shutil, subprocess, sys

packages, compare = sys.argv[1:]
bad = 0


def complain(*words):
    global bad
    bad += 1
    print(*words)


def flags(case):
    h, out = case.get("hints", {}), []
    disposition = h.get("write_disposition")
    if isinstance(disposition, dict):
        disposition = disposition["disposition"] + ":" + disposition["strategy"]
    for flag, value in (("--write-disposition", disposition), ("--primary-key", h.get("primary_key")),
                        ("--merge-key", h.get("merge_key")), ("--table-from", case.get("tables_from"))):
        if value:
            out += [flag, value]
    for name, column in h.get("columns", {}).items():
        out += ["--column", name + ":" + ",".join(k if v is True else "%s=%s" % (k, v) for k, v in column.items() if k != "name")]
    if "schema_contract" in h:
        out += ["--schema-contract", ",".join("%s=%s" % p for p in h["schema_contract"].items())]
    if "source" in case:
        out += ["--max-table-nesting", str(case["source"]["max_table_nesting"])]
    return out


def run(name, case, step, schemas):
    gold = glob.glob("%s/%s/step%d/extracted/*" % (packages, name, step))[0]
    before = glob.glob("%s/%s/step%d/normalized/*/schema.json" % (packages, name, step - 1))
    if before:
        shutil.copyfile(before[0], schemas + "/golden.schema.json")
    r = subprocess.run(["dlt-extract", "-p", "golden_" + name, "--print", "--schema-name", "golden"] + flags(case) +
                       ["-n", case["table"], "%s/%s/step%d/input.jsonl" % (packages, name, step)],
                       env={**os.environ, **case.get("config", {})}, capture_output=True, text=True)
    if r.returncode or r.stderr:
        return complain(name, step, r.stderr)
    ours = r.stdout.strip()
    c = subprocess.run([sys.executable, compare, "package", gold, ours], capture_output=True, text=True)
    if c.returncode:
        complain(name, step, c.stdout, c.stderr)
    g, o = (json.load(open(p + "/schema.json")) for p in (gold, ours))
    for key in ("version", "previous_hashes"):
        if g[key] != o[key]:
            complain(name, step, key, o[key], "should be", g[key])
    if list(g["tables"]) != list(o["tables"]):
        complain(name, step, "tables", list(o["tables"]), "should be", list(g["tables"]))
    for t in g["tables"]:
        if t in o["tables"] and list(g["tables"][t]) != list(o["tables"][t]):
            complain(name, step, t, list(o["tables"][t]), "should be", list(g["tables"][t]))
    files = lambda p: sorted(f.split(".")[0] for f in os.listdir(p + "/new_jobs"))
    if files(gold) != files(ours):
        complain(name, step, "files", files(ours), "should be", files(gold))


for name in sorted(os.listdir(packages)):
    case = json.load(open("%s/%s/case.json" % (packages, name)))
    schemas = "%s/pipelines/golden_%s/schemas" % (os.environ["DLT_DATA_DIR"], name)
    for step in range(1, case["steps"] + 1):
        if glob.glob("%s/%s/step%d/extracted/*" % (packages, name, step)):
            run(name, case, step, schemas)
sys.exit(1 if bad else 0)
