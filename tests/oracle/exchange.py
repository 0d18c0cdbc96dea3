#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Import and export of schemas: Python dlt 1.26.0 and our tools do the same, step by step.

exchange.py DIR SEED...

Each step extracts and normalizes rows in two working directories, one of Python dlt and one of ours; between steps the file to import is edited
in the same way on both sides (not removed: dlt(7), DIFFERENCES). Compared after each: schemas/, the packages' schemas, the files imported and exported.
"""
import glob, json, os, random, shutil, subprocess, sys

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
import dlt, yaml

KINDS = ["text", "bigint", "double", "json", "decimal", "timestamp"]


def rows(r, odd):
    if odd:
        return [{k: r.choice([1, "x", {"innerKey": 1}, [{"X y": 2}]]) for k in r.sample(["id", "camelCase", "A b", "1st", "x__Y", "under_", "Ünï"], r.randint(1, 5))} for _ in range(r.randint(1, 4))]
    return [{k: r.choice([1, 2.5, "x", "12", "2024-01-15T10:20:30Z", {"n": 1}, [1, 2]]) for k in r.sample(["id", "a", "b", "c", "value"], r.randint(1, 4))} for _ in range(r.randint(1, 4))]


def edit(r, doc):
    """What people do to a schema."""
    t = doc["tables"].setdefault("items", {"columns": {}, "write_disposition": "append", "resource": "items"})
    what = r.choice(["type", "hint", "description", "contract", "setting", "new table", "nothing", "preferred"])
    c = t["columns"].setdefault(r.choice(["id", "a", "b"]), {})
    if what == "type":
        c["data_type"] = r.choice(KINDS)
    elif what == "hint":
        c["unique"] = True
        c["x-mine"] = {"a": [1, "b"]}
    elif what == "description":
        t["description"] = "by hand, round %d" % r.randint(1, 9)
    elif what == "contract":
        t["schema_contract"] = {"columns": r.choice(["discard_value", "discard_row"])}
    elif what == "setting":
        doc["settings"]["detections"] = r.choice([["iso_timestamp", "iso_date"], ["timestamp"], []])
    elif what == "new table":
        doc["tables"]["other"] = {"columns": {"k": {"data_type": "bigint", "nullable": False}}}
    elif what == "preferred":
        doc["settings"]["preferred_types"] = {"re:^" + r.choice("abc"): r.choice(KINDS)}
    return doc


def keep(base):
    """The schema of the extracted package, to look at."""
    for f in glob.glob(base + "/pipelines/px/normalize/extracted/*/schema.json"):
        shutil.copy(f, base + "/extracted.json")


def python(base, data, fmt, same):
    imp, exp = base + "/imp", base + ("/imp" if same else "/exp")
    os.environ["DLT_DATA_DIR"] = base
    os.environ["SCHEMA__EXTERNAL_SCHEMA_FORMAT"] = fmt
    p = dlt.pipeline("px", pipelines_dir=base + "/pipelines", destination="duckdb", dataset_name="d", import_schema_path=imp, export_schema_path=exp)
    try:
        p.extract(data, table_name="items")
        keep(base)
        p.normalize()
    except Exception as e:
        p.drop_pending_packages()
        return "%s" % e
    finally:
        p.deactivate()


def ours(base, data, fmt, same):
    with open(base + "/items.jsonl", "w") as f:
        f.writelines(json.dumps(x) + "\n" for x in data)
    env = {**os.environ, "DLT_DATA_DIR": base, "SCHEMA__EXTERNAL_SCHEMA_FORMAT": fmt}
    flags = ["-q", "-p", "px", "--import-schema", base + "/imp", "--export-schema", base + ("/imp" if same else "/exp")]
    for c in (["dlt-extract", "items=" + base + "/items.jsonl"] + flags, ["dlt-normalize", "--for", "duckdb"] + flags):
        run = subprocess.run(c, env=env, capture_output=True, text=True)
        if c[0] == "dlt-extract":
            keep(base)
        if run.returncode:
            shutil.rmtree(base + "/pipelines/px/normalize/extracted", ignore_errors=True)
            os.makedirs(base + "/pipelines/px/normalize/extracted")
            return run.stderr


def look(base, same):
    out = {}
    for f in sorted(glob.glob(base + "/imp/*") + glob.glob(base + "/exp/*") + glob.glob(base + "/pipelines/px/schemas/*")):
        out[f[len(base):]] = open(f).read()
    for f in glob.glob(base + "/pipelines/px/load/normalized/*/schema.json"):
        d = json.load(open(f))
        if same:
            # where the directories are one, Python's live schema has its own hash among the previous ones
            d.pop("previous_hashes")
        out["package"] = json.dumps(d)
    return out


def one(top, seed):
    r = random.Random(seed)
    fmt, same, bad = r.choice(["yaml", "yaml", "json"]), r.random() < 0.2, 0
    odd = seed >= 100  # names and settings of [schema], too
    n = random.Random(seed + 1000000)
    bases = ["%s/%d/%s" % (top, seed, x) for x in ("python", "ours")]
    for b in bases:
        shutil.rmtree(b, ignore_errors=True)
        os.makedirs(b)
    for step in range(5):
        data = rows(r, odd)
        for key, values in (("SCHEMA__NAMING", ["sql_ci_v1", "direct", "duck_case", "sql_cs_v1", "dlt.common.normalizers.naming.sql_cs_v1"]),
                            ("SOURCES__PX__SCHEMA__NAMING", ["snake_case"]), ("SCHEMA__USE_BREAK_PATH_ON_NORMALIZE", ["false", "true"]),
                            ("SCHEMA__ALLOW_IDENTIFIER_CHANGE_ON_TABLE_WITH_DATA", ["true", "false"])):
            if not odd:
                continue
            if step == 0 or n.random() < 0.1:
                os.environ.pop(key, None)
                if n.random() < (0.6 if key == "SCHEMA__NAMING" else 0.15):
                    os.environ[key] = n.choice(values)
        errors = [f(b, data, fmt, same) for f, b in zip((python, ours), bases)]
        if errors[0]:
            # what a failed step leaves is not compared
            return bad, bool(errors[1])
        if errors[1]:
            print("%d step %d: %s" % (seed, step + 1, errors[1]))
            return bad + 1, False
        a, b = (look(x, same) for x in bases)
        if a != b:
            bad += 1
            for k in sorted(set(a) | set(b)):
                if a.get(k) != b.get(k):
                    print("%d step %d: %s" % (seed, step + 1, k))
                    g, o = (x.get(k, "missing").replace(', "', ',\n"').split("\n") for x in (a, b))
                    at = next((i for i, (x, y) in enumerate(zip(g, o)) if x != y), min(len(g), len(o)))
                    print("  ours:  %s\n  python: %s" % (o[at:at + 3], g[at:at + 3]))
            return bad, False
        for base in bases:
            for p in glob.glob(base + "/pipelines/px/load/normalized/*"):
                shutil.rmtree(p)
        if step and r.random() < 0.3:
            continue
        state = r.getstate()
        for base in bases:
            r.setstate(state)
            path = base + "/imp/px.schema." + fmt
            doc = edit(r, yaml.safe_load(open(path)) if fmt == "yaml" else json.load(open(path)))
            open(path, "w").write(yaml.safe_dump(doc, sort_keys=False) if fmt == "yaml" else json.dumps(doc))
    return bad, False


def main():
    top, bad, n, refused = os.path.abspath(sys.argv[1]), 0, 0, 0
    for s in sys.argv[2:]:
        first, _, last = s.partition("-")
        for seed in range(int(first), int(last or first) + 1):
            b, both = one(top, seed)
            bad, n, refused = bad + b, n + 1, refused + both
    print("%d pipelines, %d of them ended by an error of both, %d differences" % (n, refused, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
