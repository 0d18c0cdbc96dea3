#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packages that Python dlt has begun to load, finished by dlt-load, in SQLite.

half.py DIR     (needs Python dlt 1.26.0 with SQLAlchemy)

Python dlt loads a first package. Of a second one it loads the jobs, but its merge (or replace by way of staging) fails, before or after it was
done; dlt-load finishes the package in Python's working directory. Then Python dlt goes on with a third. All tables must be as if nothing
had happened. Prints what differs; exit 1.
"""
import json, os, shutil, sqlite3, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "LOAD__RAISE_ON_MAX_RETRIES": "1"})
warnings.filterwarnings("ignore")
import dlt
from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.destinations.exceptions import DatabaseTransientException

HINTS = {
    "merge": {"write_disposition": "merge", "primary_key": "id"},
    "scd2": {"write_disposition": {"disposition": "merge", "strategy": "scd2"}},
    "replace": {"write_disposition": "replace"},
}
ROWS = [[{"id": i, "v": s, "l": [i, s]} for i in ids] for s, ids in ((1, (1, 2, 3)), (2, (2, 3, 4)), (3, (4, 5)))]


def dump(path):
    con, out = sqlite3.connect("file:%s?mode=ro" % path, uri=True), {}
    for t, cols in (("t", "id, v"), ("t__l", "value")):
        out[t] = sorted(con.execute("select %s from %s" % (cols, t)).fetchall())
    out["loads"] = con.execute("select count(*) from _dlt_loads").fetchone()
    out["lost"] = con.execute("select count(*) from t__l where _dlt_parent_id not in (select _dlt_id from t)").fetchone()
    con.close()
    return out


def run(base, how, when):
    d = os.path.join(os.path.abspath(base), how + "-" + when)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    args = dict(pipelines_dir=d + "/pipelines", dataset_name="main", destination=dlt.destinations.sqlalchemy("sqlite:///%s/python.db" % d))
    pipe = dlt.pipeline("p", **args)
    resource = lambda n: dlt.resource(ROWS[n], name="t", **HINTS[how])
    pipe.run(resource(0))
    pipe.extract(resource(1))
    pipe.normalize()
    real = SqlLoadJob.run

    def fail(self):
        if when == "after":
            real(self)
        raise DatabaseTransientException(Exception("as if the power had failed"))

    if when == "never":
        pipe.load()
    else:
        SqlLoadJob.run = fail
        try:
            pipe.load()
            print(how, when, "Python dlt did not fail")
        except Exception:
            pass
        SqlLoadJob.run = real
        r = subprocess.run(["dlt-load", "-p", pipe.working_dir + "/", "sqlite:%s/python.db" % d], capture_output=True, text=True)
        if r.returncode or r.stderr:
            print(how, when, "status", r.returncode, r.stderr)
    pipe = dlt.pipeline("p", **args)
    pipe.run(resource(2))
    return dump(d + "/python.db")


bad = 0
for how in HINTS:
    os.environ["DESTINATION__REPLACE_STRATEGY"] = "insert-from-staging"
    want = run(sys.argv[1], how, "never")
    for when in ("before", "after"):
        got = run(sys.argv[1], how, when)
        if got != want:
            bad = 1
            print(how, when, "\n ", got, "\n should be\n ", want)
sys.exit(bad)
