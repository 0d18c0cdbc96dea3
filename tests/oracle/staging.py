#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The staging dataset and the datasets of other schemas, as Python dlt leaves them and as the tools do.

staging.py DIR duckdb|postgres [tools|even|odd]...      (needs Python dlt 1.26.0 with duckdb or psycopg2; libpq's variables name the server)

The same steps are loaded by Python dlt alone; extracted by Python and loaded by the tools; and by both in turn, either one first. After each step all schemas of
the database, their tables, columns, types, nullability and numbers of rows must be equal (but for _dlt_jobs). Prints what differs; exit 1.
"""
import glob, os, shutil, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
warnings.filterwarnings("ignore")
import dlt

BASE, KIND = os.path.abspath(sys.argv[1]), sys.argv[2]


def resource(rows, **hints):
    return dlt.resource(lambda: iter(rows), **hints)


# name of the step, resource, schema or None, settings
STEPS = [
    ("append", lambda: resource([{"id": 1}], name="app"), {}),
    ("merge", lambda: resource([{"id": 1, "l": [1, 2]}, {"id": 2}], name="m", write_disposition="merge", primary_key="id"), {}),
    ("no key", lambda: resource([{"id": 1}], name="nk", write_disposition="merge"), {}),
    ("append again", lambda: resource([{"id": 2}], name="app"), {}),
    ("replace", lambda: resource([{"id": 1, "l": [1]}], name="r", write_disposition="replace"), {"DESTINATION__REPLACE_STRATEGY": "insert-from-staging"}),
    ("merge, without nested rows", lambda: resource([{"id": 1}], name="m", write_disposition="merge", primary_key="id"), {}),
    ("a column", lambda: resource([{"id": 3, "new": "x", "l": [3]}], name="m", write_disposition="merge", primary_key="id"), {}),
    ("truncate", lambda: resource([{"id": 2}], name="app"), {"LOAD__TRUNCATE_STAGING_DATASET": "true"}),
    ("no jobs", lambda: resource([{"id": 3, "v": 1}], name="app"), {"NO_JOBS": "1"}),
    ("another schema", lambda: dlt.source(lambda: resource([{"id": 1}], name="o", write_disposition="merge", primary_key="id"), name="other")(),
     {"USE_SINGLE_DATASET": "false"}),
    ("the default schema", lambda: resource([{"id": 9}], name="m", write_disposition="merge", primary_key="id"), {"USE_SINGLE_DATASET": "false"}),
    ("a layout", lambda: resource([{"id": 8}], name="m", write_disposition="merge", primary_key="id"), {"DESTINATION__STAGING_DATASET_NAME_LAYOUT": "tmp_%s"}),
    ("a name", lambda: resource([{"id": 7}], name="m", write_disposition="merge", primary_key="id"), {"DESTINATION__STAGING_DATASET_NAME_LAYOUT": "onlyThis"}),
]


class DuckDB:
    def __init__(self, name):
        self.path = "%s/%s.duckdb" % (BASE, name)
        self.url = "duckdb:" + self.path
        import duckdb
        con = duckdb.connect()  # for a library older than Python's
        con.execute("attach '%s' as new (storage_version 'v1.2.0')" % self.path)
        con.close()
        self.destination = dlt.destinations.duckdb(self.path)

    def dump(self):
        import duckdb
        con = duckdb.connect(self.path, read_only=True)
        out = {}
        for s, t, c, kind, null in con.execute("select schema_name, table_name, column_name, data_type, is_nullable from duckdb_columns() where not internal").fetchall():
            out.setdefault((s, t), []).append((c, kind, null))
        return {k: (sorted(v), con.execute('select count(*) from "%s"."%s"' % k).fetchone()[0]) for k, v in out.items()}


class Postgres:
    def __init__(self, name):
        import psycopg2
        self.name = "staging_" + name
        con = psycopg2.connect("")
        con.autocommit = True
        con.cursor().execute("drop database if exists %s with (force)" % self.name)
        con.cursor().execute("create database %s" % self.name)
        con.close()
        self.url = "postgresql://%s:none@localhost:5432/%s?host=%s" % (os.environ["PGUSER"], self.name, os.environ["PGHOST"])
        self.destination = dlt.destinations.postgres(self.url)

    def dump(self):
        import psycopg2
        con = psycopg2.connect(dbname=self.name)
        cur, out = con.cursor(), {}
        cur.execute("select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_attribute a join pg_class c on c.oid = a.attrelid "
                    "join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^(pg_|information_schema)' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped")
        for s, t, *column in cur.fetchall():
            out.setdefault((s, t), []).append(tuple(column))
        for k in out:
            cur.execute('select count(*) from "%s"."%s"' % k)
            out[k] = (sorted(out[k]), cur.fetchone()[0])
        con.close()
        return out


def tools(pipe, db, env):
    env = dict(os.environ, DLT_DATA_DIR=os.path.dirname(pipe.pipelines_dir), **env)
    for command in (["dlt-normalize", "-q", "-p", pipe.pipeline_name, "--for", KIND, "--compression", "gzip"],
                    ["dlt-load", "-q", "-p", pipe.pipeline_name, db.url]):
        r = subprocess.run(command, capture_output=True, text=True, env=env)
        if r.returncode or r.stderr:
            sys.exit("%s: status %d: %s" % (command[0], r.returncode, r.stderr))


def run(name, by_tools):
    db = (DuckDB if KIND == "duckdb" else Postgres)(name)
    out = []
    for n, (step, rows, env) in enumerate(STEPS):
        os.environ.update(env)
        pipe = dlt.pipeline("p", pipelines_dir="%s/%s/pipelines" % (BASE, name), dataset_name="ds", destination=db.destination)
        if "NO_JOBS" in env:  # as if they had been taken away
            pipe.extract(rows())
            pipe.normalize()
            for job in glob.glob("%s/load/normalized/*/new_jobs/*" % pipe.working_dir):
                os.remove(job)
            tools(pipe, db, {}) if by_tools(n) else pipe.load()
        elif by_tools(n):
            pipe.sync_destination()
            pipe.extract(rows())
            tools(pipe, db, {})
        else:
            pipe.run(rows())
        for k in env:
            if k != "DESTINATION__REPLACE_STRATEGY":
                del os.environ[k]
        out.append({k: v for k, v in db.dump().items() if k[1] != "_dlt_jobs"})
    os.environ.pop("DESTINATION__REPLACE_STRATEGY", None)
    return out


def main():
    shutil.rmtree(BASE, ignore_errors=True)
    os.makedirs(BASE)
    bad = 0
    want = run("python", lambda n: False)
    for name, by_tools in (("tools", lambda n: True), ("even", lambda n: n % 2 == 0), ("odd", lambda n: n % 2)):
        if len(sys.argv) > 3 and name not in sys.argv[3:]:
            continue
        for (step, *_), a, b in zip(STEPS, want, run(name, by_tools)):
            for k in sorted(set(a) | set(b)):
                x, y = a.get(k, ([], "no table")), b.get(k, ([], "no table"))
                if x != y:
                    print("%s, after %s: %s.%s: %s and %s" % (name, step, *k, x[1], y[1]), [c for c in x[0] if c not in y[0]], [c for c in y[0] if c not in x[0]])
                    bad += 1
            if bad:
                break
    print("%d differences" % bad)
    return bad > 0


sys.exit(main())
