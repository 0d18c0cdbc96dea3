#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the settings of dlt's performance page do, with Python dlt and with the tools.

settings.py DIR SNIPPET...    (needs Python dlt 1.26.0; the tools are in PATH)

Each SNIPPET is a file, taken as config.toml by both. A source zendesk_support
and a pipeline my_pipeline run with it; how many rows are in which job file of
extract and of normalize, whether they are compressed, the order of two
resources and the values that the stages of Python work with must be those of
the tools and of --show-config. Prints what differs; exit 1.
"""
import gzip, json, os, shutil, subprocess, sys, warnings
from glob import glob

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
warnings.filterwarnings("ignore")
import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.extract.pipe_iterator import PipeIterator
from dlt.load import Load
from dlt.normalize import Normalize

HERE = os.path.abspath(sys.argv[1])
SOURCE = "zendesk_support"
# Pages of 50; all in all a buffer of 5,000 more than 1,000,000 bytes.
ROWS = [[{"a": "0123456789" * 7}] * 50 for _ in range(360)]
TURNS = {name: [[{"t": f"{name}{n}", "table": "both"}] for n in range(3)] for name in "ab"}
seen = {}


def watch(cls, values):
    """Remembers what the first object of the class works with."""
    make = cls.__init__

    def init(self, *args, **kwargs):
        make(self, *args, **kwargs)
        for key, value in values(self).items():
            seen.setdefault(key, value)
    cls.__init__ = init


watch(PipeIterator, lambda p: {"extract.workers": p._futures_pool.workers,
                               "extract.max_parallel_items": p._futures_pool.max_parallel_items,
                               "extract.next_item_mode": p._next_item_mode})
watch(Normalize, lambda n: {"normalize.workers": n.config.workers})
watch(Load, lambda l: {"load.workers": l.config.workers})


# ---- what is on disk ----

def lines_of(path):
    with open(path, "rb") as f:
        data = f.read()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data).splitlines(), True
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return tool("zstd", "-dcq", path).splitlines(), True
    return data.splitlines(), False


def jobs(work, stage, table):
    return [lines_of(f) for f in glob(f"{work}/*/{stage}/*/new_jobs/{table}.*")]


def rows(line):
    value = json.loads(line)
    return value if isinstance(value, list) else [value]


def files(work, stage):
    """Rows of each file, which are compressed, and if the rows of a line are few."""
    found = [([len(rows(l)) for l in lines], packed) for lines, packed in jobs(work, stage, "tickets")]
    return (sorted(sum(counts) for counts, _ in found), {packed for _, packed in found},
            all(max(counts) <= 100 for counts, _ in found))


def in_turn(work):
    return [r["t"] for lines, _ in jobs(work, "normalize/extracted", "both") for l in lines for r in rows(l)]


def outcome(work, extract, normalize, load):
    extract()
    found = {"extracted": files(work, "normalize/extracted")}
    normalize()
    found["normalized"] = files(work, "load/normalized")
    load()
    found["left"] = bool(glob(f"{work}/*/load/loaded/*/completed_jobs/*"))
    return found


# ---- both ----

def pipeline(name, work):
    return dlt.pipeline(name, pipelines_dir=work, destination=dlt.destinations.dummy(completed_prob=1.0))


def theirs(work):
    p = pipeline("p", work + "/source")
    data = dlt.source(lambda: dlt.resource(iter(ROWS), name="tickets"), name=SOURCE, section=SOURCE)()
    seen.clear()
    found = outcome(work + "/source", lambda: p.extract(data, loader_file_format="jsonl"), p.normalize, p.load)
    found["values"] = dict(seen)
    pipeline("my_pipeline", work + "/turns").extract(
        [dlt.resource(iter(TURNS[n]), name=n, table_name="both") for n in "ab"])
    return {**found, "in turn": in_turn(work + "/turns")}


def tool(*words, data="."):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, env={**os.environ, "DLT_DATA_DIR": data}).stdout


def values(data, *words):
    """Those of --show-config that are set; of the source, not of a resource."""
    shown = json.loads(tool(*words, "--show-config", "--json", data=data))["settings"]
    return {".".join(s["key"].split(".")[-2:]): s["value"] for s in shown
            if ".tickets." not in s["key"] and not s["is_default"]}


def ours(work):
    data = work + "/source"
    stages = (["dlt-extract", "-q", "-p", "p", "--section", SOURCE, "--schema-name", SOURCE, "tickets=rows.jsonl"],
              ["dlt-normalize", "-q", "-p", "p"], ["dlt-load", "-q", "-p", "p", f"sqlite:{work}/x.db"])
    found = outcome(data + "/pipelines", *((lambda s=s: tool(*s, data=data)) for s in stages))
    found["values"] = {k: v for s in stages for k, v in values(data, *s).items()}
    tool("dlt-extract", "-q", "-p", "my_pipeline", "--table-from", "table", "a=a.jsonl", "b=b.jsonl", data=work + "/turns")
    return {**found, "in turn": in_turn(work + "/turns/pipelines")}


def check(snippet):
    name = os.path.basename(snippet)
    shutil.copy(snippet, ".dlt/config.toml")
    Container()[PluggableRunContext].reload(HERE)
    want, got = theirs(f"{HERE}/{name}/theirs"), ours(f"{HERE}/{name}/ours")
    got["values"] = {k: got["values"].get(k, v) for k, v in want["values"].items()}
    different = [k for k in want if want[k] != got[k]]
    for key in different:
        print(f"{name}: {key}: {got[key]}, not {want[key]}")
    return not different


def main():
    os.chdir(HERE)
    os.makedirs(".dlt", exist_ok=True)
    for name, pages in {"rows": ROWS, **TURNS}.items():
        with open(name + ".jsonl", "w") as f:
            f.writelines(json.dumps(page) + "\n" for page in pages)
    sys.exit(not all([check(os.path.abspath(s)) for s in sys.argv[2:]]))


if __name__ == "__main__":
    main()
