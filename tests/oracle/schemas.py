#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random schemas of all engine versions: what Python dlt 1.26.0 makes of them, and what dlt-package makes of them.

schemas.py SEED...

For each seed: a schema of engine 1 to 11 is migrated, and exported as JSON and as YAML with and without defaults; YAML texts are read by both.
All must be the same, to the byte. Prints what differs; exit 1.
"""
import copy, json, os, random, subprocess, sys, tempfile

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
import yaml
from dlt.common.schema import Schema
from dlt.common.schema.utils import to_pretty_json

NAMES = ["t", "u", "t__l", "t__l__m", "t__x", "v__w", "orders", "orders__items", "a___b", "_dlt_pipeline_state", "T", "t__"]
COLUMNS = ["id", "_dlt_id", "_dlt_parent_id", "_dlt_root_id", "value", "on", "yes", "1", "null", "naïve", "日本", "long " * 30, "k" * 130, "a b", "a:b", "#x", "-", "2024-01-01", "_dlt_list_idx", "0x1f", "1.5", "=", "<<", "it's", "x: y", "[a]"]
TYPES = ["text", "double", "bool", "timestamp", "bigint", "binary", "decimal", "wei", "date", "time"]
TEXTS = ["plain", "with: colon", "  blanks ", "", "yes", "12", "1e3", "1.0e+3", "two\nlines", "a\ttab", "trailing\n", "'quoted'", "\"double\"", "ünï 日本", "\x07bell", "x" * 100, "words " * 40,
         "line one which is rather long and has to be folded somewhere near the eightieth column\n\nand another", "- list", "? key", "&anchor", "*alias", "!tag", "%dir", "@at", "`tick", "{a: 1}", "~", "\u2028sep", "\ufeffbom",
         "2024-01-01T00:00:00Z", "12:30:45", "0o7", "010", "._", ".inf", "+", "...", "---", "--- a", "a #b", "a# b", "#b", "\\back\\slash", "tail:", ":head", "a,b", "x" * 75 + " " + "y" * 20, "é" * 90 + " ü"]


def column(r, engine):
    c = {}
    if r.random() < 0.85:
        c["data_type"] = r.choice(TYPES + (["complex"] if engine < 10 else ["json"]))
    if r.random() < 0.8:
        c["nullable"] = r.random() < 0.7
    for k in ["unique", "primary_key", "sort", "partition", "cluster", "variant"] + (["foreign_key"] if engine < 10 else ["row_key", "parent_key", "merge_key"]):
        if r.random() < 0.15:
            c[k] = r.random() < 0.7
    if r.random() < 0.15:
        c["precision"] = r.choice([3, 6, 38])
    if r.random() < 0.1:
        c["scale"] = 9
    if r.random() < 0.2:
        c["description"] = r.choice(TEXTS)
    if r.random() < 0.1:
        c["x-" + r.choice(["hint", "bigquery-cluster"])] = r.choice([True, None, 1, 1.5, -3, 2.5e-5, 1e-7, 123456789012345678, "text", [1, 2, [3]], {"a": {"b": []}, "c": {}}, [], r.choice(TEXTS)])
    if r.random() < 0.1 and engine >= 8:
        c["x-normalizer"] = r.choice([{"seen-null-first": True}, {"seen-null-first": True, "other": 1}, {}])
    if r.random() < 0.3:
        c["name"] = "other"
    return c


def columns(r, engine):
    return {n: column(r, engine) for n in r.sample(COLUMNS, r.randint(0, 6))}


def table(r, name, known, engine):
    t = {"columns": columns(r, engine)}
    parent = next((name[:i] for i in range(len(name) - 1, 0, -1) if name[:i] in known and name[i:].startswith("__")), None)
    if parent and r.random() < 0.9:
        t["parent"] = parent
    elif r.random() < 0.7:
        t["write_disposition"] = r.choice(["append", "replace", "merge", "skip"])
        if r.random() < 0.5:
            t["resource"] = r.choice(["t", "Orders!"])
    if r.random() < 0.2:
        t["description"] = r.choice(TEXTS)
    if r.random() < 0.2:
        t["filters"] = {"excludes": ["re:^a"], "includes": ["re:^a$"]}
    if r.random() < 0.2 and engine >= 6:
        t["schema_contract"] = r.choice(["freeze", {"columns": "discard_row"}, {"tables": "evolve", "data_type": "freeze"}])
    if r.random() < 0.2 and engine < 7:
        t["table_sealed"] = True
    if r.random() < 0.2 and engine >= 8:
        t["x-normalizer"] = r.choice([{"seen-data": True}, {"evolve-columns-once": True}, {"max_nesting": 2}, {}])
    if r.random() < 0.1:
        t["x-adapter"] = {"a": [1, 2.5, "x", None]}
    if r.random() < 0.1:
        t["x-loader"] = {"a": 1}
    items = list(t.items())
    r.shuffle(items)
    return dict(items)


def make(r):
    engine = r.choice([1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11])
    names = r.sample(NAMES, r.randint(0, 6))
    d = {"version": r.randint(1, 50), "engine_version": engine, "name": r.choice(["event", "a_1", "x" * 64])}
    if engine >= 4 or r.random() < 0.3:
        d["version_hash"] = "a" * 43 + "="
    if engine <= 2:
        d["tables"] = {n: columns(r, engine) for n in names}
        if r.random() < 0.7:
            d["hints"] = {h: r.sample(["^_dlt_id$", "_id$", "id", "^日"], r.randint(0, 2)) for h in r.sample(["not_null", "unique", "primary_key", "foreign_key", "sort"], r.randint(0, 3))}
        if r.random() < 0.6:
            d["preferred_types"] = {k: r.choice(TYPES + ["complex"]) for k in r.sample(["^ts$", "_at$", "value"], r.randint(0, 2))}
        if engine == 2 or r.random() < 0.2:
            for g in ("excludes", "includes"):
                d[g] = r.sample(["^t__l__", "^t__x$", "^orders__items__a", "^new__y", "^t__", "^日__x", "nosep", "^u__z", "^t__m__n"], r.randint(0, 4))
        if r.random() < 0.1:
            d.pop("excludes", None)
    else:
        d["tables"] = {n: table(r, n, names, engine) for n in ["_dlt_version", "_dlt_loads"] + names}
        d["settings"] = {"default_hints": {h: r.sample(["_dlt_id", "re:_id$", "id"], r.randint(0, 2)) for h in r.sample(["not_null", "unique", "primary_key", "sort"] + ["foreign_key"] * (engine < 10), r.randint(0, 3))}}
        if r.random() < 0.5:
            d["settings"]["preferred_types"] = {k: r.choice(TYPES + ["complex" if engine < 10 else "json"]) for k in r.sample(["re:^ts$", "re:_at$", "value"], r.randint(0, 2))}
        if r.random() < 0.5:
            d["settings"]["detections"] = r.sample(["timestamp", "iso_timestamp", "iso_date", "large_integer", "hexbytes_to_text", "wei_to_double"], r.randint(0, 6))
        if r.random() < 0.3 and engine < 7:
            d["settings"]["schema_sealed"] = True
        if r.random() < 0.2 and engine >= 6:
            d["settings"]["schema_contract"] = "freeze"
        d["normalizers"] = {"names": r.choice(["snake_case", "sql_ci_v1", "dlt.common.normalizers.naming.snake_case", "direct", "dlt.common.normalizers.names.snake_case"]),
                            "json": {"module": "dlt.common.normalizers.json.relational"}}
        if r.random() < 0.5:
            d["normalizers"]["json"]["config"] = r.choice([{}, {"max_nesting": 3}, {"generate_dlt_id": True, "max_nesting": 1}, {"propagation": {"root": {"_dlt_id": "_dlt_root_id"}, "tables": {"t": {"a": "b"}}}}])
        if r.random() < 0.2:
            d["normalizers"]["detections"] = ["timestamp"]
        if engine >= 8 or r.random() < 0.2:
            d["previous_hashes"] = ["b" * 43 + "="] * r.randint(0, 1)
        if r.random() < 0.2:
            d["imported_version_hash"] = "c" * 43 + "="
        if r.random() < 0.2:
            d["description"] = r.choice(TEXTS)
    return d


def tool(path, *args):
    return subprocess.run(["dlt-package", "schema", path, *args], capture_output=True, text=True)


def differ(seed, what, gold, ours):
    if gold == ours.stdout:
        return 0
    g, o = gold.split("\n"), ours.stdout.split("\n")
    at = next((i for i, (a, b) in enumerate(zip(g, o)) if a != b and "version" not in a), min(len(g), len(o)))
    print("%d %s: status %d %s line %d is\n  %s\nshould be\n  %s" % (seed, what, ours.returncode, ours.stderr.strip(), at + 1, "\n  ".join(o[at:at + 3]), "\n  ".join(g[at:at + 3])))
    return 1


def one(seed, tmp):
    r = random.Random(seed)
    d = make(r)
    path = tmp + "/x.schema.json"
    json.dump(d, open(path, "w"), ensure_ascii=r.random() < 0.5)
    try:
        s = Schema.from_dict(copy.deepcopy(d))
    except Exception as e:
        ours = tool(path)
        return 0, "refused" if ours.returncode else "taken: %s: %s" % (type(e).__name__, str(e)[:200])
    bad = differ(seed, "engine %d" % d["engine_version"], to_pretty_json(s.to_dict()) + "\n", tool(path))
    bad += differ(seed, "without defaults", s.to_pretty_json() + "\n", tool(path, "--remove-defaults"))
    # the emitter of libyaml escapes what is beyond the basic plane, and folds quoted lines elsewhere: what is read is the same
    text = s.to_pretty_yaml()
    ours = tool(path, "--format", "yaml")
    bad += differ(seed, "yaml", text, ours)
    if ours.returncode == 0 and yaml.safe_load(ours.stdout) != yaml.safe_load(text):
        print(seed, "yaml: another document")
        bad += 1
    # and back, in several styles
    style = r.choice([dict(), dict(default_flow_style=True), dict(width=30, indent=4), dict(default_style="'"), dict(default_style='"', width=40), dict(explicit_start=True), dict(default_style="|"), dict(default_style=">")])
    path = tmp + "/x.schema.yaml"
    written = yaml.dump(s.to_dict(remove_defaults=True), allow_unicode=r.random() < 0.5, sort_keys=False, **style)
    open(path, "w").write(written)
    again = Schema.from_dict(yaml.safe_load(written))
    bad += differ(seed, "from yaml %s" % style, to_pretty_json(again.to_dict()) + "\n", tool(path))
    return bad, "engine %d" % d["engine_version"]


def main():
    bad, counts = 0, {}
    with tempfile.TemporaryDirectory() as tmp:
        for s in sys.argv[1:]:
            first, _, last = s.partition("-")
            for seed in range(int(first), int(last or first) + 1):
                n, what = one(seed, tmp)
                bad += n
                counts[what] = counts.get(what, 0) + 1
    print(", ".join("%d %s" % (v, k) for k, v in sorted(counts.items())), "- %d differences" % bad)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
