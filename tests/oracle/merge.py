#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random merges and replaces: the same packages, loaded by Python dlt and by dlt-load into SQLite.

merge.py DIR SEED...     (needs Python dlt 1.26.0 with SQLAlchemy; SEED may be FIRST-LAST)

Each seed is a pipeline of some steps: keys, single and compound, with nulls where dlt allows them; duplicates; hard deletes; an order for
duplicates; nested lists; scd2 with rows that change, go and come back. Python dlt extracts, normalizes and loads; dlt-load gets a copy of
each package before it is loaded, and dlt-normalize in a pipe with another dlt-load a copy of what was extracted. All tables must be equal after
each step, ids and times included (from the pipe: but for what is random in them). Prints what differs; exit 1.
"""
import json, os, random, shutil, sqlite3, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__WORKERS": "1", "LOAD__WORKERS": "1"})
warnings.filterwarnings("ignore")
import dlt

COMPARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compare.py")
IGNORED = {"_dlt_version", "_dlt_loads", "_dlt_jobs"}


def make_case(rnd):
    case = {"steps": rnd.randint(2, 5), "nested": rnd.random() < 0.6, "columns": {}, "wide": rnd.random() < 0.2}
    kind = rnd.choice(["delete-insert"] * 5 + ["scd2"] * 3 + ["replace"])
    key_type = rnd.choice(["bigint", "text"])
    case["key_type"] = key_type
    keys = rnd.choice([["k"], ["k", "k2"]])
    if kind == "replace":
        case["write_disposition"] = "replace"
        case["replace_strategy"] = rnd.choice(["truncate-and-insert", "insert-from-staging"])
    elif kind == "scd2":
        d = {"disposition": "merge", "strategy": "scd2"}
        if rnd.random() < 0.4:
            d["active_record_timestamp"] = rnd.choice(["9999-12-31", "2999-01-01T00:00:00Z"])
        if rnd.random() < 0.4:
            d["boundary_timestamp"] = "2024-0%d-02T03:04:05.6Z" % rnd.randint(1, 9)
        case["write_disposition"] = d
        if rnd.random() < 0.5:
            case["merge_key"] = keys
    else:
        case["write_disposition"] = "merge"
        how = rnd.randrange(8)
        if how < 5:
            case["primary_key"] = keys
        if how in (0, 5, 6):
            case["merge_key"] = "day" if rnd.random() < 0.7 else ["day", "k2"]
        if rnd.random() < 0.5:
            case["columns"]["gone"] = {"hard_delete": True, "data_type": rnd.choice(["bool", "bigint", "timestamp"])}
        if rnd.random() < 0.6:
            case["columns"]["seq"] = {"dedup_sort": rnd.choice(["asc", "desc"]), "data_type": "bigint"}
        if "primary_key" not in case and "merge_key" not in case:
            case["columns"].pop("gone", None)  # Python dlt fails on it when there are nested tables
    case["kind"] = kind
    keyed = set()
    for hint in ("primary_key", "merge_key"):
        names = case.get(hint, [])
        keyed.update([names] if isinstance(names, str) else names)
    case["null"] = rnd.random() < 0.4
    if case["null"]:
        for name in keyed:
            case["columns"].setdefault(name, {})["nullable"] = True
    return case


def make_rows(rnd, case, step, before):
    rows = []
    if case["kind"] == "scd2" and before:
        for r in before:
            x = rnd.random()
            if x < 0.5:
                rows.append(dict(r))
            elif x < 0.8:
                rows.append(dict(r, v=rnd.randrange(5)))
    for _ in range(rnd.choice([0, 1, 5, 12, 30]) if step else 12):
        key = rnd.randrange(8)
        r = {"k": "k%d" % key if case["key_type"] == "text" else key, "k2": rnd.randrange(2), "day": "d%d" % rnd.randrange(4), "v": rnd.randrange(100)}
        if case["null"] and rnd.random() < 0.3:
            r[rnd.choice(["k", "k2", "day"])] = None
        if "gone" in case["columns"] and rnd.random() < 0.5:
            kind = case["columns"]["gone"]["data_type"]
            r["gone"] = rnd.choice({"bool": [True, True, False, None], "bigint": [None, 0, 1], "timestamp": [None, "2024-01-02T03:04:05Z"]}[kind])
        if "seq" in case["columns"] and rnd.random() < 0.8:
            r["seq"] = rnd.choice([None, 1, 1, 2, 3, 4])
        if case["nested"]:
            r["l"] = [{"x": rnd.randrange(9), "m": [rnd.randrange(5) for _ in range(rnd.randrange(3))]} for _ in range(rnd.randrange(3))]
        if case["wide"] and step and rnd.random() < 0.3:
            r["new%d" % step] = {"y": rnd.random()}
        rows.append(r)
        if case["kind"] != "scd2" and rnd.random() < 0.1:
            rows.append(dict(r))
    if case["kind"] == "scd2" and rnd.random() < 0.8:
        rows = [json.loads(t) for t in dict.fromkeys(json.dumps(r) for r in rows)]
    rnd.shuffle(rows)
    return rows


def dump(path):
    con, out = sqlite3.connect("file:%s?mode=ro" % path, uri=True), {}
    for (t,) in con.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'").fetchall():
        if t not in IGNORED:
            cols = sorted(r[1] for r in con.execute('pragma table_info("%s")' % t))
            # a value that a merge sets keeps its text
            rows = con.execute("select %s from \"%s\"" % (", ".join('"%s"' % c for c in cols), t)).fetchall()
            out[t] = (cols, sorted(json.dumps(r) for r in rows))
    con.close()
    return out


def piped(d, package):
    """The extracted package, by dlt-normalize in a pipe; ids of root rows are then our own."""
    normalize = subprocess.Popen(["dlt-normalize", "-q", "--for", "sqlite", "%s/extracted/%s" % (d, package)], stdout=subprocess.PIPE)
    load = subprocess.run(["dlt-load", "sqlite:%s/piped.db" % d], stdin=normalize.stdout, capture_output=True, text=True)
    print(load.stderr, end="")
    return normalize.wait() or load.returncode or load.stderr


def compare(d):
    con, tables = sqlite3.connect(d + "/python.db"), {}
    for (t,) in con.execute("select name from sqlite_master where type = 'table'").fetchall():
        tables[t] = {"columns": [[r[1], r[2], r[3]] for r in con.execute('pragma table_info("%s")' % t)],
                     "rows": [list(r) for r in con.execute('select * from "%s" order by rowid' % t)]}
    con.close()
    json.dump(tables, open(d + "/python.json", "w"))
    c = subprocess.run([sys.executable, COMPARE, "sqlite", d + "/python.json", d + "/piped.db"], capture_output=True, text=True)
    print(c.stdout + c.stderr, end="")
    return c.returncode


def run(seed, base):
    rnd = random.Random(seed)
    case, name = make_case(rnd), "merge%d" % seed
    d = os.path.join(base, name)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    env = {}
    if "replace_strategy" in case:
        env = {"DESTINATION__REPLACE_STRATEGY": case["replace_strategy"]}
    os.environ.pop("DESTINATION__REPLACE_STRATEGY", None)
    os.environ.update(env)
    pipe = dlt.pipeline(name, pipelines_dir=d + "/pipelines", dataset_name="main", destination=dlt.destinations.sqlalchemy("sqlite:///%s/python.db" % d))
    rows, told = [], json.dumps({k: case[k] for k in case if k != "steps"})
    for step in range(case["steps"]):
        rows = make_rows(rnd, case, step, rows)
        hints = {k: case[k] for k in ("write_disposition", "primary_key", "merge_key", "columns") if k in case}
        pipe.extract(dlt.resource(rows, name="t", **hints))
        extracted = pipe.working_dir + "/normalize/extracted/"
        for p in os.listdir(extracted):
            shutil.copytree(extracted + p, "%s/extracted/%s" % (d, p))
        pipe.normalize()
        packages = sorted(os.listdir(pipe.working_dir + "/load/normalized"))
        for p in packages:
            shutil.copytree(pipe.working_dir + "/load/normalized/" + p, "%s/packages/%s" % (d, p))
        try:
            pipe.load()
        except Exception as e:
            print("seed %d step %d: Python dlt fails: %s" % (seed, step, str(e)[:300].replace("\n", " ")))
            return "skipped"
        for p in packages:
            r = subprocess.run(["dlt-load", "sqlite:%s/ours.db" % d, "%s/packages/%s" % (d, p)], capture_output=True, text=True)
            if r.returncode or r.stderr:
                print("seed %d step %d %s: status %d: %s" % (seed, step, told, r.returncode, r.stderr))
                return "bad"
        for p in packages:
            if piped(d, p) or compare(d):
                print("seed %d step %d %s: from dlt-normalize" % (seed, step, told))
                return "bad"
        want, got = dump(d + "/python.db"), dump(d + "/ours.db")
        for t in sorted(set(want) | set(got)):
            if want.get(t) != got.get(t):
                print("seed %d step %d %s: table %s differs" % (seed, step, told, t))
                a, b = want.get(t, ([], [])), got.get(t, ([], []))
                print("  columns", a[0], b[0], "rows", len(a[1]), len(b[1]))
                print("  missing:", [r for r in a[1] if r not in b[1]][:3])
                print("  too many:", [r for r in b[1] if r not in a[1]][:3])
                return "bad"
    shutil.rmtree(d)
    return "equal"


def main():
    counts = {}
    for arg in sys.argv[2:]:
        first, _, last = arg.partition("-")
        for seed in range(int(first), int(last or first) + 1):
            how = run(seed, os.path.abspath(sys.argv[1]))
            counts[how] = counts.get(how, 0) + 1
    print(counts)
    sys.exit(1 if "bad" in counts or "equal" not in counts else 0)


if __name__ == "__main__":
    main()
