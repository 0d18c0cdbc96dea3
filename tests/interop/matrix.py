#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stages of Python dlt and of the tools in all mixtures, against Python dlt alone.

matrix.py WORK CASE...     (CASE: see cases.py; needs Python dlt 1.26.0 with duckdb and sqlalchemy)

a  Python extracts, dlt-normalize, Python loads into duckdb
b  dlt-extract, Python normalizes and loads
c  dlt-extract, dlt-normalize, Python loads
d  Python extracts and normalizes, dlt-load into sqlite
f  Python extracts and normalizes for duckdb (insert_values), dlt-load into duckdb; only where DLT_LIBDUCKDB names a library
e  all Python, once into duckdb (E) and once into sqlite (S)
m  by turns: the extract of each second step and the normalize of each other are ours, so state and schema go to and fro

Each way has a working directory and a database of its own and does all steps of the case. Every second case is compressed; of those, a and
c leave the choice of the compression to the tools. Equal are: tables, columns with their types, rows, what dlt keeps for itself, and the
version_hash of the schema. Prints what differs; exit 1.

Python's part takes nearly all of the time: cases are shared among as many processes as there are processors (INTEROP_JOBS), forked when dlt is
there; Python's databases of DuckDB are in memory; WORK is best where fsync costs nothing.
"""
import concurrent.futures, gc, json, multiprocessing, os, shutil, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
import cases, tables
import dlt, duckdb

UNCOMPRESSED = ("NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION", "DATA_WRITER__DISABLE_COMPRESSION")
warnings.simplefilter("ignore")


class Report:
    """What became of one case."""

    def __init__(self):
        self.lines, self.runs, self.steps = [], 0, 0

    def complain(self, line):
        self.lines.append(line)


class Way:
    def __init__(self, case, letter, work, compressed):
        self.case, self.letter, self.compressed = case, letter, compressed
        self.work = os.path.join(work, letter)
        os.makedirs(self.work)
        self.dir = os.path.join(self.work, cases.NAME)
        self.sqlite = letter in "dS"
        self.file = os.path.join(self.work, "x.sqlite" if self.sqlite else "x.duckdb")
        # a file only where another process has to see it
        self.memory = duckdb.connect(":memory:") if letter not in "dSf" else None
        self.pipeline = None

    def attach(self):
        """As a program that starts: nothing is kept in memory."""
        where = dlt.destinations.sqlalchemy("sqlite:///" + self.file) if self.sqlite else dlt.destinations.duckdb(self.memory or self.file)
        self.pipeline = dlt.pipeline(cases.NAME, pipelines_dir=self.work, destination=where, dataset_name="main" if self.sqlite else "d")
        return self.pipeline

    def tool(self, *args):
        r = subprocess.run(list(args[:1]) + ["-q", "-p", self.dir + "/"] + list(args[1:]), capture_output=True, text=True,
                           env={**os.environ, **self.case.env})
        if r.returncode or r.stderr:
            raise RuntimeError("%s: status %d, %s" % (args[0], r.returncode, r.stderr))

    def compression(self):
        return [] if self.compressed else ["--compression", "none"]

    def extract(self, step):
        self.step = step
        if self.letter in "bc" or self.letter == "m" and step % 2:
            files = self.case.inputs(step, self.work)
            operands = ["-n", files[0][0], files[0][1]] if len(files) == 1 else ["%s=%s" % f for f in files]
            self.tool("dlt-extract", "--schema-name", cases.NAME, *self.case.flags(), *self.compression(), *operands)
        else:
            self.attach().extract(self.case.source(step))

    def normalize(self):
        if self.letter in "ac" or self.letter == "m" and not self.step % 2:
            self.tool("dlt-normalize", *self.compression())
        elif self.letter in "bm":
            self.attach().normalize()
        else:
            self.pipeline.normalize()

    def load(self):
        if self.letter == "d":
            return self.tool("dlt-load", "sqlite:" + self.file)
        if self.letter == "f":
            return self.tool("dlt-load", "duckdb:" + self.file)
        # odd cases: in the process that extracted, which does not know what came between
        if self.letter in "cm" or self.letter == "a" and self.compressed:
            self.attach()
        self.pipeline.load(raise_on_failed_jobs=True)

    def run(self):
        self.attach()
        for step in range(self.case.steps):
            for stage in (lambda: self.extract(step), self.normalize, self.load):
                stage()
        self.pipeline.deactivate()
        self.schema = json.load(open("%s/schemas/%s.schema.json" % (self.dir, cases.NAME), encoding="utf-8"))
        self.tables = tables.of_sqlite(self.file) if self.sqlite else tables.of_duckdb(self.memory or duckdb.connect(self.file, read_only=True), "d")


def compare_schema(report, case, name, want, have):
    if want["version_hash"] == have["version_hash"]:
        return
    if not case.ordered:
        sort = lambda s: {**{k: v for k, v in s.items() if k not in ("version", "version_hash", "previous_hashes")}}
        if sort(want) == sort(have):
            return
    for t in sorted(set(want["tables"]) | set(have["tables"])):
        a, b = want["tables"].get(t), have["tables"].get(t)
        if a != b or list((a or {}).get("columns", {})) != list((b or {}).get("columns", {})):
            report.complain("%s: schema of %s is\n  %s, should be\n  %s" % (name, t, tables.short(b), tables.short(a)))
    for k in ("settings", "normalizers", "engine_version"):
        if want.get(k) != have.get(k):
            report.complain("%s: %s is %s, should be %s" % (name, k, have.get(k), want.get(k)))
    report.complain("%s: version_hash differs" % name)


def cause_of(e):
    while e.__cause__:
        e = e.__cause__
    return "%s: %s" % (type(e).__name__, str(e)[-600:])


def ways_of(report, text, case, work, compressed):
    gold = {}
    for letter in ("E" if set(case.ways) - {"d"} else "") + ("S" if "d" in case.ways else ""):
        gold[letter] = Way(case, letter, work, compressed)
        try:
            gold[letter].run()
        except Exception as e:
            return report.complain("%s: Python dlt refuses it: %s" % (text, cause_of(e)))
    for letter in case.ways:
        if letter == "f" and not os.environ.get("DLT_LIBDUCKDB"):
            continue
        name, way, want = "%s %s" % (text, letter), Way(case, letter, work, compressed), gold["S" if letter == "d" else "E"]
        try:
            way.run()
        except Exception as e:
            report.complain("%s: %s" % (name, cause_of(e)))
            continue
        report.runs += 1
        for line in tables.differences(want.tables, way.tables, want.schema, case.hashed, case.ordered):
            report.complain("%s: %s" % (name, line))
        compare_schema(report, case, name, want.schema, way.schema)


def one(text, base, compressed):
    report, case, work = Report(), cases.case_of(text), os.path.join(base, text.replace(":", "-"))
    shutil.rmtree(work, ignore_errors=True)
    env = {**case.env, **({} if compressed else dict.fromkeys(UNCOMPRESSED, "true"))}
    os.environ.update(env)
    report.steps = case.steps
    try:
        ways_of(report, text, case, work, compressed)
    finally:
        for k in env:
            os.environ.pop(k)
    if not os.environ.get("INTEROP_KEEP"):
        shutil.rmtree(work)
    return report


def named(words):
    """KIND:SEED-SEED is many cases; every second case is compressed."""
    for n, text in enumerate(words):
        kind, _, seeds = text.partition(":")
        first, dash, last = seeds.partition("-")
        if dash:
            yield from (("%s:%d" % (kind, i), i % 2 == 0) for i in range(int(first), int(last) + 1))
        else:
            yield text, n % 2 == 0


if __name__ == "__main__":
    base, total, bad = os.path.abspath(sys.argv[1]), Report(), 0
    jobs = int(os.environ.get("INTEROP_JOBS", len(os.sched_getaffinity(0))))
    with concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), gc.freeze) as pool:
        made = [pool.submit(one, text, base, compressed) for text, compressed in named(sys.argv[2:])]
        for job in concurrent.futures.as_completed(made):
            report = job.result()
            bad += len(report.lines)
            total.runs, total.steps = total.runs + report.runs, total.steps + report.steps
            for line in report.lines:
                print(line, flush=True)
    print("%d data sets of %d steps in all, %d runs compared, %d differences" % (len(made), total.steps, total.runs, bad))
    sys.exit(1 if bad else 0)
