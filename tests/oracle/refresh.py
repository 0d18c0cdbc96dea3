#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dlt's refresh modes, each stage by Python dlt or by the tools.

refresh.py DIR [all]     (needs Python dlt 1.26.0 with sqlalchemy; the tools are in PATH)

A pipeline of two resources runs once, all by Python, and then again with a
refresh mode, its stages by Python (P) or by the tools (T). What is in the
database then, and in the state, must be what Python alone leaves. Prints what
differs; exit 1.
"""
import json, os, shutil, sqlite3, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__WORKERS": "1"})
warnings.filterwarnings("ignore")
import dlt

MODES = ["drop_sources", "drop_resources", "drop_data"]
WAYS = ["PPP", "PPT", "PTT", "TPP", "TTP", "TTT"]
ROWS = {
    1: {"a": [{"id": 1, "l": [{"q": [1]}], "m": [1]}, {"id": 2, "old": "x"}], "b": [{"id": 1, "l": [1]}]},
    2: {"a": [{"id": 2, "l": [{"q": [2]}], "m": [3], "new": 1}], "b": [{"id": 2, "l": [2]}]},
}
HERE = os.path.abspath(sys.argv[1])


def source(step):
    @dlt.source(name="s")
    def s():
        @dlt.resource(name="a")
        def a(at=dlt.sources.incremental("id")):
            yield ROWS[step]["a"]

        @dlt.resource(name="b")
        def b():
            yield ROWS[step]["b"]
        return a, b
    return s()


def pipeline(db):
    return dlt.pipeline("s", destination=dlt.destinations.sqlalchemy("sqlite:///" + db), dataset_name="main")


def tool(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def dump(db):
    con, out = sqlite3.connect(db), {}
    for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if name in ("_dlt_version", "_dlt_loads", "_dlt_pipeline_state", "_dlt_jobs"):
            continue
        columns = [c[1] for c in con.execute('PRAGMA table_info("%s")' % name) if not c[1].startswith("_dlt_") or c[1] == "_dlt_list_idx"]
        out[name] = (columns, sorted(con.execute('SELECT %s FROM "%s"' % (",".join('"%s"' % c for c in columns), name)).fetchall(), key=repr))
    out["versions"] = con.execute("SELECT count(DISTINCT version_hash) FROM _dlt_version WHERE schema_name = 's'").fetchone()
    return out


def go(mode, way, chosen):
    work = "%s/%s-%s-%s" % (HERE, mode, way, chosen)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    os.environ["DLT_DATA_DIR"] = work + "/data"
    os.chdir(work)
    db = work + "/x.db"
    pipeline(db).run(source(1))
    for name, rows in ROWS[2].items():
        with open(name + ".jsonl", "w") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)
    with open("s.toml", "w") as f:
        f.write('[[resources]]\nname = "a"\nfile = "a.jsonl"\nincremental = { cursor_path = "id" }\n[[resources]]\nname = "b"\nfile = "b.jsonl"\n')
    names = ["a", "b"] if chosen == "all" else [chosen]
    if way[0] == "P":
        pipeline(db).extract(source(2).with_resources(*names), refresh=mode)
    else:
        tool("dlt-extract", "-q", "-p", "s", "-s", "s.toml", "--refresh", mode, *names)
    if way[1] == "P":
        pipeline(db).normalize()
    else:
        tool("dlt-normalize", "-q", "-p", "s")
        tool("dlt-package", "convert", "-p", "s", "--compression", "gzip")
    if way[2] == "P":
        pipeline(db).load()
    else:
        tool("dlt-load", "-q", "-p", "s", "sqlite:" + db)
    state = json.load(open(work + "/data/pipelines/s/state.json"))["sources"]["s"]
    return dump(db), sorted(state.get("resources", {}))


def main():
    bad = ways = 0
    whole = "all" in sys.argv
    for mode in MODES:
        for chosen in ("all", "a") if whole else ("a",):
            want = go(mode, "PPP", chosen)
            for way in WAYS[1:] if whole else ("PPT", "TTP"):
                ways += 1
                got = go(mode, way, chosen)
                if got != want:
                    bad += 1
                    print(mode, chosen, way, "\n  want", want, "\n  got ", got)
    print("%d ways, %d differ" % (ways, bad))
    return bad != 0


sys.exit(main())
