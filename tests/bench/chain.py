# SPDX-License-Identifier: MIT
"""The whole chain, and normalize, against other pipelines."""
import glob
import json
import os
import shutil

from cases import Case, Pair, Skip, Variant, count


def some(bench, kind, part):
    """Fewer rows, because the others are slow."""
    rows = max(20, bench.rows(kind) // part)
    source = bench.path(f"{kind}-{part}.jsonl")
    bench.sh(f"head -n {rows} '{bench.data(kind)}' >'{source}'")
    return rows, source


def ours_into_sqlite(kind, source):
    return Variant(f"dlt-extract -q {kind}='{source}' | dlt-normalize -q | "
                   "dlt-load -q sqlite:ours.db", ("ours.db",),
                   fact="sqlite3 ours.db 'SELECT count(*), sum(id) "
                   f"FROM {kind}'")


def python_dlt(bench):
    """the whole chain and its stages against Python dlt, 1 and 2 workers"""
    python = bench.venv and os.path.join(bench.venv, "bin/python")
    if not python:
        raise Skip("no --venv with Python dlt")
    if bench.sh(f"'{python}' -c 'import dlt, sqlalchemy' 2>/dev/null",
                True) is None:
        raise Skip(f"{python}: no dlt[sqlalchemy]")
    script = os.path.join(os.path.dirname(__file__), "peer_dlt.py")
    for kind in ("a", "b"):
        rows, source = some(bench, kind, 2)
        yield python_normalize(bench, kind, rows, source,
                               f"'{python}' '{script}'")
        yield python_chain(bench, kind, rows, source, f"'{python}' '{script}'")


def environment(bench, home):
    return (f"DLT_DATA_DIR='{home}' HOME='{bench.dir}' "
            "RUNTIME__DLTHUB_TELEMETRY=false RUNTIME__LOG_LEVEL=ERROR "
            "PYTHONWARNINGS=ignore "
            "EXTRACT__DATA_WRITER__DISABLE_COMPRESSION=true ")


PEERS = {"workers=1": "", "workers=2": "",
         "workers=1, uncompressed":
         "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION=true "}


def python_normalize(bench, kind, rows, source, peer):
    case = Case("python-dlt", kind, rows, os.path.getsize(source))
    stage, begun = f"extracted-{kind}", f"begun-{kind}"
    bench.sh(f"rm -rf '{stage}' '{begun}' && dlt-extract -q "
             f"--compression none -o '{stage}' {kind}='{source}' &&"
             f"{environment(bench, begun)} {peer} extract {kind} '{source}'")
    goals = {"-j 1": 25, "-j 1 --compression fast": 50,
             "-j 1 --compression none": 150}
    for options in goals:
        case.variants["dlt-normalize " + options] = Variant(
            f"dlt-normalize -q {options} -o out.package '{stage}'",
            ("out.package",),
            fact=f"dlt-package cat {kind} out.package | " + count(kind))
    for setting, more in PEERS.items():
        env = environment(bench, "home") + more + \
            f"NORMALIZE__WORKERS={setting[8]} "
        case.variants["Python dlt normalize, " + setting] = Variant(
            f"{env} {peer} normalize {kind} '{source}'", ("home",),
            f"cp -r '{begun}' home",
            f"find home -path '*normalized*' -name '{kind}.*' "
            "-exec zcat -f {} + | " + count(kind))
    for options, goal in goals.items():
        alike = "workers=1" + ", uncompressed" * options.endswith("none")
        case.pairs.append(Pair("dlt-normalize " + options,
                               "Python dlt normalize, " + alike, goal))
    case.pairs.append(Pair("dlt-normalize -j 1",
                           "Python dlt normalize, workers=2"))
    return case


def python_chain(bench, kind, rows, source, peer):
    case = Case("python-dlt", kind, rows, os.path.getsize(source))
    case.variants = {
        "extract | normalize | load": ours_into_sqlite(kind, source),
        "Python dlt into SQLite": Variant(
            f"{environment(bench, 'home')} {peer} run {kind} '{source}' "
            f"'{bench.path('peer.db')}'", ("home", "peer.db", "peer__main.db"),
            fact="sqlite3 $(ls peer__main.db 2>/dev/null || echo peer.db) "
            f"'SELECT count(*), sum(id) FROM {kind}'")}
    case.pairs = [Pair("extract | normalize | load", "Python dlt into SQLite",
                       30)]
    return case


# ---- a Singer target, and Sling ----

TYPES = {"id": "integer", "name": "string", "email": "string",
         "created_at": "string", "amount": "number", "flag": "boolean",
         "country": "string", "score": "integer", "note": "string"}
# It was last released when collections still had this.
SINGER = ("import collections, collections.abc; collections.MutableMapping = "
          "collections.abc.MutableMapping; import target_sqlite; "
          "target_sqlite.main()")


def into_sqlite(bench, name, label, peer, part):
    rows, source = some(bench, "b", part)
    case = Case(name, "b", rows, os.path.getsize(source))
    case.variants = {"extract | normalize | load": ours_into_sqlite("b", source),
                     label: peer(source)}
    case.pairs = [Pair("extract | normalize | load", label)]
    return case


def singer(bench):
    """the whole chain into SQLite against a Singer target, target-sqlite"""
    python = bench.singer and os.path.join(bench.singer, "bin/python")
    if not python or not bench.sh(
            f"'{python}' -c 'import target_sqlite; print(1)' 2>/dev/null",
            True):
        raise Skip("no --singer with target-sqlite")

    def peer(source):
        schema = {"type": "SCHEMA", "stream": "b", "key_properties": [],
                  "schema": {"type": "object", "properties": {
                      k: {"type": ["null", v]} for k, v in TYPES.items()}}}
        with open(bench.path("head.singer"), "w") as f:
            f.write(json.dumps(schema) + "\n")
        # what a tap would have to do is done already
        bench.sh("sed 's/^/{\"type\":\"RECORD\",\"stream\":\"b\","
                 f"\"record\":/; s/$/}}/' '{source}' | "
                 "cat head.singer - >rows.singer; echo "
                 "'{\"database\":\"peer\",\"batch_size\":1000}' >singer.json")
        return Variant(f"'{python}' -c '{SINGER}' -c singer.json <rows.singer",
                       ("peer.db",),
                       fact="sqlite3 peer.db 'SELECT count(*), sum(id) FROM b'")

    yield into_sqlite(bench, "singer", "Singer target-sqlite", peer, 20)


def find_sling(bench):
    pattern = os.path.join(bench.singer or "/nonexistent", "lib/python*",
                           "site-packages/sling_linux_*/bin/sling-linux-*")
    found = glob.glob(pattern)
    return found[0] if found else shutil.which("sling")


def sling(bench):
    """the whole chain into SQLite against Sling"""
    program = find_sling(bench)
    if not program:
        raise Skip("no --singer with Sling, nor one in PATH")
    os.chmod(program, 0o755)

    def peer(source):
        return Variant(
            f"HOME='{bench.dir}' SLING_DISABLE_TELEMETRY=true '{program}' run "
            f"--src-stream 'file://{source}' --src-options '{{flatten: true}}' "
            f"--tgt-conn 'sqlite://{bench.path('peer.db')}' "
            "--tgt-object main.b --mode full-refresh >sling.log 2>&1",
            ("peer.db",),
            fact="sqlite3 peer.db 'SELECT count(*), sum(id) FROM b'")

    yield into_sqlite(bench, "sling", "Sling", peer, 7)


ALL = {"python-dlt": python_dlt, "singer": singer, "sling": sling}
