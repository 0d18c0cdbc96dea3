# SPDX-License-Identifier: MIT
"""What is measured against what.

Each function of ALL yields cases; one that cannot run raises Skip, and parts
that cannot are named with bench.skip(). A variant's fact is a command that
prints what the result holds; those of one case must agree.
"""
import os
import shutil
from dataclasses import dataclass, field


class Skip(Exception):
    """The case cannot run; the text says why."""


@dataclass
class Variant:
    command: str
    outputs: tuple = ()  # removed before each run, and their bytes counted
    prepare: str = ""    # before each run, not measured
    fact: str = ""       # after the first run


@dataclass
class Pair:
    ours: str
    peer: str
    goal: float = 0  # times as fast; 0: none


@dataclass
class Case:
    name: str
    data: str
    rows: int
    in_bytes: int
    variants: dict = field(default_factory=dict)
    pairs: list = field(default_factory=list)


# Something of each data set that can be counted and added up on both sides.
MARKS = {"a": 'push_id":[0-9]+', "b": 'score":-?[0-9]+', "c": 'esc":',
         "real": 'type": ?"[A-Za-z]+Event"'}


def count(kind):
    return (f"grep -oE '{MARKS[kind]}' | awk -F: "
            "'{n++; s += $2} END {printf \"%d %.0f\", n, s}'")


def new_case(bench, name, kind):
    return Case(name, kind, bench.rows(kind),
                os.path.getsize(bench.data(kind)))


def has(program):
    return shutil.which(program) is not None


def package(bench, kind, options="", name="package"):
    """A normalized package of a data set."""
    bench.sh(f"rm -rf '{name}' extracted &&"
             f"dlt-extract -q -o extracted {kind}='{bench.data(kind)}' &&"
             f"dlt-normalize -q {options} -o '{name}' extracted &&"
             "rm -rf extracted")
    return name


# ---- stages ----

def extract(bench):
    """dlt-extract against cat | zstd -1"""
    for kind in ("b", "a"):
        case = new_case(bench, "extract", kind)
        source = bench.data(kind)
        case.variants = {
            "dlt-extract": Variant(
                f"dlt-extract -q -o out.package {kind}='{source}'",
                ("out.package",),
                fact=f"zstd -dcq out.package/new_jobs/{kind}.* | "
                + count(kind)),
            "cat | zstd -1": Variant(
                f"cat '{source}' | zstd -1qc >out.zst", ("out.zst",),
                fact="zstd -dcq out.zst | " + count(kind))}
        case.pairs = [Pair("dlt-extract", "cat | zstd -1", 0.95)]
        yield case


NORMALIZE = {"-j 1 --compression none": (), "-j 1": (),
             "-j 1 --compression fast": (), "-j 2": (),
             "-j 2 --compression fast": ()}


def normalize(bench):
    """dlt-normalize against compressors and parsers"""
    parse = os.path.join(bench.build, "tests/bench/parse")
    if not os.path.exists(parse):
        bench.skip("normalize: parse only",
                   "no simdjson at build time (Debian: libsimdjson-dev)")
    if not has("jq"):
        bench.skip("normalize: jq", "not installed")
    duck = "DLT_LIBDUCKDB" in os.environ
    if not duck:
        bench.skip("normalize: DuckDB", "no libduckdb")
    for kind in ("a", "b", "c", "real"):
        yield normalize_case(bench, kind, parse, duck)


def normalize_case(bench, kind, parse, duck):
    case = new_case(bench, "normalize", kind)
    source, stage = bench.data(kind), f"extracted-{kind}"
    bench.sh(f"rm -rf '{stage}' && dlt-extract -q --compression none "
             f"-o '{stage}' {kind}='{source}'")
    for options in NORMALIZE:
        case.variants["dlt-normalize " + options] = Variant(
            f"dlt-normalize -q {options} -o out.package '{stage}'",
            ("out.package",),
            fact=f"dlt-package cat {kind} out.package | " + count(kind))
    case.variants["zstd -1"] = Variant(
        f"zstd -1qc '{source}' >out.zst", ("out.zst",),
        fact="zstd -dcq out.zst | " + count(kind))
    goals = dict(zip(NORMALIZE, (0, 0.62, 1.15, 1.2, 2.2)))
    case.pairs = [Pair("dlt-normalize " + o, "zstd -1", g)
                  for o, g in goals.items() if g]
    plain = "dlt-normalize -j 1 --compression none"
    if os.path.exists(parse):
        case.variants["simdjson, parse only"] = Variant(
            f"'{parse}' '{source}'")
        case.pairs.insert(0, Pair(plain, "simdjson, parse only",
                                  {"a": 1.1, "b": 1.3}.get(kind, 0)))
    if has("jq") and kind in "ab":
        case.variants["jq -c ."] = Variant(f"jq -c . '{source}' >out.jq",
                                           ("out.jq",),
                                           fact="cat out.jq | " + count(kind))
        case.pairs.append(Pair("dlt-normalize -j 1", "jq -c ."))
    if duck and kind == "b":
        case.variants["DuckDB to jsonl.zst"] = Variant(
            f"'{bench.build}/tests/duckq' : \"COPY (SELECT * FROM "
            f"read_ndjson('{source}')) TO 'out.jsonl.zst' (FORMAT json, "
            "COMPRESSION zstd)\"", ("out.jsonl.zst",),
            fact="zstd -dcq out.jsonl.zst | " + count(kind))
        case.pairs += [
            Pair("dlt-normalize -j 2", "DuckDB to jsonl.zst", 3.5),
            Pair("dlt-normalize -j 2 --compression fast",
                 "DuckDB to jsonl.zst", 6)]
    return case


SUMS = "SELECT count(*), count(note), sum(score), sum(id), sum(flag::int) "
SQLITE_SUMS = SUMS.replace("::int", "")


def load_postgres(bench):
    """dlt-load into PostgreSQL against psql's \\copy, 1 and 2 connections"""
    host = os.environ.get("PGHOST", "")
    if not os.path.isdir(host + "/db"):
        raise Skip("needs a PostgreSQL server (Debian: postgresql)")
    url = f"'postgresql:///postgres?host={host}&user=admin'"
    one = package(bench, "b", name="package-1")
    rows = bench.rows("b")
    many = package(bench, "b", f"--file-max-items {max(1, rows // 8)}",
                   name="package-8")
    case = new_case(bench, "load-postgres", "b")
    drop = ("psql -qX -c 'SET client_min_messages = error' "
            "-c 'DROP SCHEMA IF EXISTS {0} CASCADE' ")
    load = f"dlt-load -q {{}} {url} --dataset ours {{}}"
    bench.sh(f"{load.format('', one)} && "
             "psql -qX -c '\\copy ours.b TO rows.txt' &&"
             "pg_dump -s -t ours.b | sed 's/ours\\.b/peer.b/' >peer.sql")
    for label, options, name in (
            ("dlt-load, 1 connection", "-j 1", one),
            ("dlt-load, 2 connections", "-j 2", many)):
        case.variants[label] = Variant(
            load.format(options, name), prepare=drop.format("ours")
            + "-c CHECKPOINT",
            fact=f"psql -qXAt -c '{SUMS} FROM ours.b'")
    case.variants["psql \\copy"] = Variant(
        "psql -qX -c '\\copy peer.b FROM rows.txt'",
        prepare=drop.format("peer") + "-c 'CREATE SCHEMA peer' -f peer.sql "
        "-c CHECKPOINT >/dev/null",
        fact=f"psql -qXAt -c '{SUMS} FROM peer.b'")
    case.pairs = [Pair("dlt-load, 1 connection", "psql \\copy", 1.5),
                  Pair("dlt-load, 2 connections", "psql \\copy", 2)]
    yield case


def load_duckdb(bench):
    """dlt-load into DuckDB against CREATE TABLE AS read_ndjson"""
    if "DLT_LIBDUCKDB" not in os.environ:
        raise Skip("no libduckdb: DLT_LIBDUCKDB names none, and npm brings "
                   "none")
    name = package(bench, "b")
    bench.sh(f"dlt-package cat b '{name}' >rows.jsonl")
    case = new_case(bench, "load-duckdb", "b")
    duckq = f"'{bench.build}/tests/duckq'"
    columns = "id BIGINT, name VARCHAR, email VARCHAR, created_at " \
        "TIMESTAMPTZ, amount DOUBLE, flag BOOLEAN, country VARCHAR, " \
        "score BIGINT, note VARCHAR, _dlt_load_id VARCHAR, _dlt_id VARCHAR"
    typed = ", ".join(c.strip().replace(" ", ": '", 1) + "'"
                      for c in columns.split(","))
    case.variants = {"dlt-load": Variant(
        f"dlt-load -q duckdb:ours.db '{name}'", ("ours.db",),
        fact=f"{duckq} ours.db '{SUMS} FROM b'")}
    for label, more in (("read_ndjson", ""),
                        ("read_ndjson, columns given",
                         f", columns = {{{typed}}}")):
        case.variants[label] = Variant(
            f'{duckq} peer.db "CREATE TABLE b AS SELECT * FROM '
            f"read_ndjson('rows.jsonl'{more})\"", ("peer.db",),
            fact=f"{duckq} peer.db '{SUMS} FROM b'")
        case.pairs.append(Pair("dlt-load", label, 1.15))
    yield case


def load_sqlite(bench):
    """dlt-load into SQLite against sqlite3's .import"""
    if not has("sqlite3"):
        raise Skip("sqlite3 is not installed")
    name = package(bench, "b")
    case = new_case(bench, "load-sqlite", "b")
    bench.sh(f"dlt-load -q sqlite:first.db '{name}' &&"
             "sqlite3 -csv first.db 'SELECT * FROM b' >rows.csv &&"
             "sqlite3 first.db '.schema b' >peer.sql && rm first.db")
    nulls = SQLITE_SUMS.replace("count(note)", "count(nullif(note, \"\"))")
    case.variants = {
        "dlt-load": Variant(f"dlt-load -q sqlite:ours.db '{name}'",
                            ("ours.db",),
                            fact=f"sqlite3 ours.db '{nulls} FROM b'"),
        "sqlite3 .import": Variant(
            "sqlite3 peer.db '.read peer.sql' 'PRAGMA synchronous = OFF' "
            "'.mode csv' '.import rows.csv b' >/dev/null", ("peer.db",),
            fact=f"sqlite3 peer.db '{nulls} FROM b'")}
    case.pairs = [Pair("dlt-load", "sqlite3 .import", 3.5)]
    yield case


# ---- Python dlt ----

def python_dlt(bench):
    """the whole chain and its stages against Python dlt, 1 and 2 workers"""
    python = bench.venv and os.path.join(bench.venv, "bin/python")
    if not python:
        raise Skip("no --venv with Python dlt")
    try:
        bench.sh(f"'{python}' -c 'import dlt, sqlalchemy' 2>/dev/null")
    except SystemExit:
        raise Skip(f"{python}: no dlt[sqlalchemy]") from None
    script = os.path.join(os.path.dirname(__file__), "peer_dlt.py")
    for kind in ("a", "b"):
        rows = max(20, bench.rows(kind) // 10)
        source = bench.path(f"{kind}-tenth.jsonl")
        bench.sh(f"head -n {rows} '{bench.data(kind)}' >'{source}'")
        yield python_normalize(bench, kind, rows, source, python, script)
        yield python_chain(bench, kind, rows, source, python, script)


def python_normalize(bench, kind, rows, source, python, script):
    case = Case("python-dlt", kind, rows, os.path.getsize(source))
    stage = f"extracted-{kind}"
    bench.sh(f"rm -rf '{stage}' && dlt-extract -q --compression none "
             f"-o '{stage}' {kind}='{source}'")
    goals = {"-j 1": 25, "-j 1 --compression fast": 50,
             "-j 1 --compression none": 150}
    for options in goals:
        case.variants["dlt-normalize " + options] = Variant(
            f"dlt-normalize -q {options} -o out.package '{stage}'",
            ("out.package",),
            fact=f"dlt-package cat {kind} out.package | " + count(kind))
    for workers in (1, 2):
        home = f"home-{kind}-{workers}"
        env = (f"NORMALIZE__WORKERS={workers} DLT_DATA_DIR='{home}' "
               f"HOME='{bench.dir}' RUNTIME__DLTHUB_TELEMETRY=false ")
        peer = f"Python dlt normalize, workers={workers}"
        case.variants[peer] = Variant(
            f"{env} '{python}' '{script}' normalize {kind} '{source}'",
            (home,),
            f"{env} '{python}' '{script}' extract {kind} '{source}'",
            f"find '{home}' -path '*normalized*' -name '{kind}.*' "
            "-exec zcat -f {} + | " + count(kind))
        case.pairs += [Pair("dlt-normalize " + o, peer,
                            g if workers == 1 else 0)
                       for o, g in goals.items()
                       if workers == 1 or o == "-j 1"]
    return case


def python_chain(bench, kind, rows, source, python, script):
    case = Case("python-dlt", kind, rows, os.path.getsize(source))
    fact = f"sqlite3 {{}} 'SELECT count(*), sum(id) FROM {kind}'"
    case.variants = {
        "extract | normalize | load": Variant(
            f"dlt-extract -q {kind}='{source}' | dlt-normalize -q | "
            "dlt-load -q sqlite:ours.db", ("ours.db",),
            fact=fact.format("ours.db")),
        "Python dlt into SQLite": Variant(
            f"DLT_DATA_DIR=home-chain HOME='{bench.dir}' "
            "RUNTIME__DLTHUB_TELEMETRY=false "
            f"'{python}' '{script}' run {kind} '{source}' "
            f"'{bench.path('peer.db')}'", ("home-chain", "peer.db",
                                           "peer__main.db"),
            fact=fact.format("$(ls peer__main.db 2>/dev/null || "
                             "echo peer.db)"))}
    case.pairs = [Pair("extract | normalize | load", "Python dlt into SQLite",
                       30)]
    return case


ALL = {"extract": extract, "normalize": normalize,
       "load-postgres": load_postgres, "load-duckdb": load_duckdb,
       "load-sqlite": load_sqlite, "python-dlt": python_dlt}
