#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Job files that are not rows of dlt's: a user's own, which are imported, and models, which are SQL.

whole.py    (Python with dlt 1.26.0, DuckDB and sqlglot)

Python dlt extracts; Python dlt and dlt-normalize, in a copy, normalize; what both have made is compared, and both are loaded by Python dlt. What one refuses
the other must refuse. Prints what differs; exit 1.
"""
import glob, gzip, json, os, shutil, subprocess, sys, tempfile

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true"})
import dlt

INT, TEXT, MUST = ({"data_type": t, "nullable": n} for t, n in (("bigint", True), ("text", True), ("text", False)))
COLUMNS = {"id": INT, "name": TEXT}
ROWS = '{"id":1,"name":"a"}\n{"id":2,"name":"b"}\n'

# format, content, columns, also rows of Python, gzip, destination
IMPORTS = [
    ("jsonl", ROWS, COLUMNS, False, True, "duckdb"),
    ("jsonl", ROWS, COLUMNS, True, True, "filesystem"),
    ("jsonl", '{"id":1,"x":"a"}\n', COLUMNS, False, False, "duckdb"),
    ("csv", "id,name\n1,a\n2,b\n", COLUMNS, True, False, "filesystem"),
    ("insert_values", 'INSERT INTO {}("id","name")\nVALUES\n(1,E\'a\'),\n(2,NULL);', COLUMNS, False, False, "duckdb"),
]

# statement, columns, settings
LOAD_ID, ID = "NORMALIZE__MODEL_NORMALIZER__ADD_DLT_LOAD_ID", "NORMALIZE__MODEL_NORMALIZER__ADD_DLT_ID"
MODELS = [
    ('SELECT "id" AS "id", "name" AS "name" FROM "d"."t"', COLUMNS, {}),
    ("SELECT id, name FROM d.t WHERE id > 1 ORDER BY id", {"name": TEXT, "id": INT}, {}),
    ('SELECT id AS "MyId" FROM d.t', {"my_id": INT, "extra": TEXT}, {}),
    ("SELECT id, name, _dlt_load_id FROM d.t", {"id": INT}, {}),
    ("SELECT id, name, _dlt_load_id FROM d.t", {"id": INT, "name": TEXT, "_dlt_load_id": MUST}, {}),
    ("SELECT count(*) AS n, max(name) m FROM d.t", {"n": INT, "m": TEXT}, {}),
    ("SELECT id, _dlt_id FROM d.t", {"id": INT, "_dlt_id": TEXT}, {ID: "true"}),
    ("WITH x AS (SELECT id, 'a;)\"--' AS s FROM d.t /* ; ( */) SELECT DISTINCT x.id, s FROM x -- behind\n", {"id": INT, "s": TEXT}, {}),
    ("SELECT DISTINCT ON (t.id) d.t.id, \"t\".name the_name FROM d.t;", {"id": INT, "the_name": TEXT}, {}),
    ("SELECT CASE WHEN id > 1 THEN 'x' END AS c, [1, 2][1] AS l, $$a, ' b$$ AS q FROM d.t", {"c": TEXT, "l": INT, "q": TEXT}, {}),
    ("SELECT id FROM d.t", {"id": INT}, {ID: "true", LOAD_ID: "false"}),
    ("SELECT * FROM d.t", {"id": INT}, {}),
    ("SELECT id FROM d.t", {"id": INT, "must": MUST}, {}),
    ("SELECT id FROM d.t UNION ALL SELECT id FROM d.t", {"id": INT}, {}),
]


def package(work, folder):
    return glob.glob("%s/p/%s/*" % (work, folder))[0]


def what_is_there(work):
    """Of the normalized package: file formats, the schema, and models up to the statement within."""
    p = package(work, "load/normalized")
    names = sorted(os.path.basename(n) for n in glob.glob(p + "/new_jobs/*"))
    models = [open(p + "/new_jobs/" + n).read() for n in names if n.endswith(".model")]
    s = json.load(open(p + "/schema.json"))
    return {"jobs": sorted((n.split(".")[0],) + tuple(n.split(".")[3:]) for n in names), "models": [m.split(" FROM (")[0] for m in models],
            "hash": s["version_hash"], "version": s["version"], "updates": {t: d["columns"] for t, d in json.load(open(p + "/schema_updates.json")).items()}}


def finish(pipeline, work, name, ours):
    """What was normalized, and what is in the database when it is loaded; or why not."""
    try:
        if ours:
            r = subprocess.run(["dlt-normalize", "-q", "-p", "p", "--compression", "none"], env={**os.environ, "DLT_DATA_DIR": os.path.dirname(work)}, capture_output=True, text=True)
            if r.returncode or r.stderr:
                return "refused", r.stderr
        else:
            pipeline.normalize()
        made = what_is_there(work)
    except Exception as e:
        return "refused", str(e)
    try:
        pipeline.load()
        if pipeline.destination.destination_type.endswith("filesystem"):
            return made, None
        with pipeline.sql_client() as c:
            rows = c.execute_sql('SELECT * FROM "%s"' % name)
            columns = [d[0] for d in c.execute_sql("SELECT column_name FROM duckdb_columns() WHERE table_name = '%s' ORDER BY column_index" % name)]
        hidden = [i for i, d in enumerate(columns) if d == "_dlt_id"]
        return made, sorted(tuple("id" if i in hidden else v for i, v in enumerate(r)) for r in rows)
    except Exception as e:
        while e.__cause__:
            e = e.__cause__
        return made, "not loaded: " + type(e).__name__


def both(what, tmp, destination, name, make, settings={}):
    """make(pipeline, work) extracts one package."""
    results = []
    for ours in (False, True):
        base = tmp + "/work"
        if not ours:
            shutil.rmtree(tmp, ignore_errors=True)
            os.makedirs(base)
        else:  # where it was, with the same paths in it
            shutil.rmtree(base)
            shutil.copytree(tmp + "/copy", base)
        work = base + "/pipelines"
        d = dlt.destinations.duckdb(base + "/x.duckdb") if destination == "duckdb" else dlt.destinations.filesystem("file://" + base + "/files")
        p = dlt.pipeline("p", pipelines_dir=work, destination=d, dataset_name="d")
        if not ours:
            make(p, work)
            p.deactivate()
            shutil.copytree(base, tmp + "/copy")
            p = dlt.pipeline("p", pipelines_dir=work, destination=d, dataset_name="d")
        os.environ.update(settings)
        results.append(finish(p, work, name, ours))
        for key in settings:
            del os.environ[key]
        p.deactivate()
    (a, x), (b, y) = results
    if a == b and (x == y or a == "refused"):
        return 0
    print("%s:\n  dlt  %s %s\n  here %s %s" % (what, a, x, b, y))
    return 1


def imported(tmp):
    bad = 0
    for fmt, text, columns, rows, gz, destination in IMPORTS:
        def make(p, work):
            path = tmp + "/in." + fmt
            with (gzip.open if gz else open)(path, "wb") as f:
                f.write(text.encode())

            @dlt.resource(name="t", columns=columns)
            def t():
                yield dlt.mark.with_file_import(path, fmt, 2)
                if rows:
                    yield {"id": 5, "name": "five"}
            p.extract(t())
        bad += both("import of %s, gzip %s, into %s" % (fmt, gz, destination), tmp, destination, "t", make)
    return bad


def models(tmp):
    bad = 0
    for sql, columns, settings in MODELS:
        def make(p, work):
            p.run([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], table_name="t")

            @dlt.resource(name="copy", columns=columns)
            def copy():
                yield [{"a": 1}]
            p.extract(copy())
            jobs = package(work, "normalize/extracted") + "/new_jobs/"
            for f in glob.glob(jobs + "copy.*"):
                os.unlink(f)
            open(jobs + "copy.00112233aa.0.model", "w").write("dialect: duckdb\n%s\n" % sql)
        bad += both(sql, tmp, "duckdb", "copy", make, settings)
    return bad


if not shutil.which("dlt-normalize"):
    sys.exit("dlt-normalize is not in PATH")
with tempfile.TemporaryDirectory() as tmp:
    bad = imported(tmp + "/t") + models(tmp + "/t")
print("%d imports, %d models, %d differences" % (len(IMPORTS), len(MODELS), bad))
sys.exit(1 if bad else 0)
