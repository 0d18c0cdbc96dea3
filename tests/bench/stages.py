# SPDX-License-Identifier: MIT
"""Each tool against others that do its part of the work."""
import os

from cases import Pair, Skip, Variant, count, has, new_case, package

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


# What parses only: label and program.
PARSERS = (("simdjson, parse only", "parse"),
           ("yyjson, parse only", "parse_yyjson"))
WHY = {"parse": "no simdjson at build time (Debian: libsimdjson-dev)",
       "parse_yyjson": "neither the system nor pip has yyjson"}


def normalize(bench):
    """dlt-normalize against compressors and parsers"""
    for label, program in PARSERS:
        if not bench.tool(program):
            bench.skip(f"normalize: {label}", WHY[program])
    if not has("jq"):
        bench.skip("normalize: jq", "not installed")
    if "DLT_LIBDUCKDB" not in os.environ:
        bench.skip("normalize: DuckDB", "no libduckdb")
    for kind in ("a", "b", "c", "real"):
        yield normalize_case(bench, kind)


def normalize_case(bench, kind):
    case = new_case(bench, "normalize", kind)
    source, stage = bench.data(kind), f"extracted-{kind}"
    bench.sh(f"rm -rf '{stage}' && dlt-extract -q --compression none "
             f"-o '{stage}' {kind}='{source}'")
    wanted = [o for o in NORMALIZE if kind in "ab" or "fast" not in o]
    for options in wanted:
        case.variants["dlt-normalize " + options] = Variant(
            f"dlt-normalize -q {options} -o out.package '{stage}'",
            ("out.package",),
            fact=f"dlt-package cat {kind} out.package | " + count(kind))
    plain = "dlt-normalize -j 1 --compression none"
    for label, program in PARSERS:
        if bench.tool(program):
            case.variants[label] = Variant(
                f"'{bench.tool(program)}' '{source}'")
            case.pairs.append(Pair(plain, label,
                                   {"a": 1.1, "b": 1.3}.get(kind, 0)))
    case.variants["zstd -1"] = Variant(
        f"zstd -1qc '{source}' >out.zst", ("out.zst",),
        fact="zstd -dcq out.zst | " + count(kind))
    goals = dict(zip(NORMALIZE, (0, 0.62, 1.15, 1.2, 2.2)))
    case.pairs += [Pair("dlt-normalize " + o, "zstd -1",
                        g if kind in "ab" else 0)
                   for o, g in goals.items() if g and o in wanted]
    if kind in "ab":
        others(case, kind, source, bench)
    return case


def others(case, kind, source, bench):
    if has("jq"):
        case.variants["jq -c ."] = Variant(f"jq -c . '{source}' >out.jq",
                                           ("out.jq",),
                                           fact="cat out.jq | " + count(kind))
        case.pairs.append(Pair("dlt-normalize -j 1", "jq -c ."))
    if "DLT_LIBDUCKDB" in os.environ:
        case.variants["DuckDB to jsonl.zst"] = Variant(
            f"'{bench.build}/tests/duckq' : \"SET threads = 2; COPY (SELECT * "
            f"FROM read_ndjson('{source}')) TO 'out.jsonl.zst' (FORMAT json, "
            "COMPRESSION zstd)\"", ("out.jsonl.zst",),
            fact="zstd -dcq out.jsonl.zst | " + count(kind))
        case.pairs += [
            Pair("dlt-normalize -j 2", "DuckDB to jsonl.zst", 3.5),
            Pair("dlt-normalize -j 2 --compression fast",
                 "DuckDB to jsonl.zst", 6)]


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
        case.pairs.append(Pair("dlt-load", label, 0 if more else 1.15))
    yield case


def load_clickhouse(bench):
    """dlt-load into ClickHouse against clickhouse-client"""
    if "CLICKHOUSE_PORT" not in os.environ:
        raise Skip(os.environ.get("CLICKHOUSE_MISSING", "no server"))
    if not has("clickhouse-client"):
        raise Skip("needs clickhouse-client")
    folder, port = (os.environ["CLICKHOUSE_" + n] for n in ("DIR", "PORT"))
    tcp = bench.sh("grep -oP '(?<=<tcp_port>)[0-9]+' "
                   f"'{folder}/config.xml'").strip()
    ask = f"clickhouse-client --host 127.0.0.1 --port {tcp} --query "
    name = package(bench, "b", "--for clickhouse")
    load = f"dlt-load -q clickhouse://127.0.0.1:{port}/ours '{name}'"
    recreate = (ask + '"DROP DATABASE IF EXISTS {0}" && ' + ask +
                '"CREATE DATABASE {0}"')
    bench.sh(f"{recreate.format('ours')} && {load} && " + ask +
             "'SHOW CREATE TABLE ours.b FORMAT TSVRaw' | "
             "sed 's/ours\\.b/peer.b/' >peer.sql")
    case = new_case(bench, "load-clickhouse", "b")
    sums = SUMS.replace("::int", "").replace("(*)", "()")
    case.variants = {
        "dlt-load": Variant(load, prepare=recreate.format("ours"),
                            fact=f"{ask} '{sums} FROM ours.b'"),
        "clickhouse-client": Variant(
            f"zstd -dcq '{name}'/new_jobs/b.*.zst | " + ask +
            "'INSERT INTO peer.b FORMAT JSONEachRow'",
            prepare=f'{recreate.format("peer")} && {ask} "$(cat peer.sql)"',
            fact=f"{ask} '{sums} FROM peer.b'")}
    # within 1.1 times its time
    case.pairs = [Pair("dlt-load", "clickhouse-client", 0.91)]
    yield case


def load_sqlite(bench):
    """dlt-load into SQLite against a loop of inserts and sqlite3's .import"""
    if not has("sqlite3"):
        raise Skip("sqlite3 is not installed")
    name = package(bench, "b")
    case = new_case(bench, "load-sqlite", "b")
    bench.sh(f"dlt-load -q sqlite:first.db '{name}' &&"
             "sqlite3 -csv first.db 'SELECT * FROM b' >rows.csv &&"
             "sqlite3 -separator $'\t' -nullvalue $'\1' first.db "
             "'SELECT * FROM b' >rows.tsv &&"
             "sqlite3 first.db '.schema b' >peer.sql && rm first.db")
    # .import has no NULL
    nulls = SQLITE_SUMS.replace("count(note)", "count(nullif(note, \"\"))")
    case.variants = {
        "dlt-load": Variant(f"dlt-load -q sqlite:ours.db '{name}'",
                            ("ours.db",),
                            fact=f"sqlite3 ours.db '{nulls} FROM b'"),
        "loop of prepared inserts": Variant(
            f"sqlite3 loop.db '.read peer.sql' && '{bench.tool('insert')}' "
            "loop.db b rows.tsv", ("loop.db",),
            fact=f"sqlite3 loop.db '{nulls} FROM b'"),
        "sqlite3 .import": Variant(
            "sqlite3 peer.db '.read peer.sql' 'PRAGMA synchronous = OFF' "
            "'.mode csv' '.import rows.csv b' >/dev/null", ("peer.db",),
            fact=f"sqlite3 peer.db '{nulls} FROM b'")}
    case.pairs = [Pair("dlt-load", "loop of prepared inserts", 1.5),
                  Pair("dlt-load", "sqlite3 .import", 3.5)]
    yield case


ALL = {"extract": extract, "normalize": normalize,
       "load-postgres": load_postgres, "load-duckdb": load_duckdb,
       "load-clickhouse": load_clickhouse, "load-sqlite": load_sqlite}
