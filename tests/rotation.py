#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do our files end where those of Python dlt end?

usage: rotation.py some|pipeline|writer

Takes the runs of that kind in data/rotation.jsonl (its generator says what
stands there; "some" are those of "pipeline" but for buffers of 100 rows and most
of the runs with thousands of files) and does them with dlt-extract and dlt-normalize of the PATH, in
the current directory. Settings go in by flags, by -c and through the
environment in turn; packages as directories, and as streams where the run is a
compressed one. Each difference is printed; the last line counts them.
"""
import collections
import gzip
import itertools
import json
import os
import subprocess
import sys
import tarfile

NAMES = ("buffer_max_items", "file_max_items", "file_max_bytes")
WAYS = itertools.cycle(("flags", "-c", "environment"))


def rows_file(rows, page):
    path = f"rows-{rows}-{page}.jsonl"
    if os.path.exists(path):
        return path
    with open(path, "w") as f:
        for start in range(0, rows, page):
            ids = range(start, min(start + page, rows))
            line = ",".join(f'{{"id":{n}}}' for n in ids)
            f.write(f"[{line}]\n" if page > 1 else line + "\n")
    return path


def settings_of(case):
    """Arguments and environment for the settings of a case."""
    way = next(WAYS)
    args, env = [], {}
    given = {n: str(case[n]) for n in NAMES if case[n] is not None}
    if case["compressed"]:
        args += ["--compression", "gzip"]
    else:
        given["disable_compression"] = "true"
    for name, value in given.items():
        if way == "flags" and name != "disable_compression":
            args += ["--" + name.replace("_", "-"), value]
        elif way == "environment":
            env["DATA_WRITER__" + name.upper()] = value
        else:
            args += ["-c", f"data_writer.{name}={value}"]
    return args, {**os.environ, **env}


def jobs(package, compressed):
    """[lines, items, bytes] of each file of the table, in order."""
    folder = package + "/new_jobs"
    names = sorted(n for n in os.listdir(folder) if n.startswith("items."))
    paths = [f"{folder}/{name}" for name in names]
    assert all(p.endswith(".gz") == compressed for p in paths), paths[:1]
    opener = gzip.open if compressed else open
    files, number = [], 0
    for path in paths:
        with opener(path, "rb") as f:
            lines = f.readlines()
        values = [json.loads(line) for line in lines]
        rows = [r for v in values for r in (v if type(v) is list else [v])]
        ids = [r["id"] for r in rows]
        assert ids == list(range(number, number + len(ids))), path
        number += len(ids)
        files.append([len(lines), len(ids), sum(map(len, lines))])
    return files


def run_tools(case):
    """Files of both stages, as the tools make them."""
    args, env = settings_of(case)
    rows = rows_file(case["rows"], case["page"])
    extract = ["dlt-extract", *args, f"items={rows}"]
    normalize = ["dlt-normalize", *args, "-o", "normalized"]
    subprocess.run(["rm", "-rf", "extracted", "normalized"], check=True)
    if case["compressed"]:
        with open("stream", "wb") as f:
            subprocess.run(extract, stdout=f, env=env, check=True)
        with open("stream", "rb") as f:
            subprocess.run(normalize, stdin=f, env=env, check=True)
        with tarfile.open("stream") as tar:
            top = tar.getnames()[0].split("/")[0]
            tar.extractall()
        os.rename(top, "extracted")
    else:
        subprocess.run([*extract, "-o", "extracted"], env=env, check=True)
        subprocess.run([*normalize, "extracted"], env=env, check=True)
    return {
        "extract": jobs("extracted", case["compressed"]),
        "normalize": jobs("normalized", case["compressed"]),
    }


def unpacked(files):
    return [f[:3] for f in files for _ in range(f[3])]


def differs(case, got):
    want = unpacked(case["files"])
    if case["stage"] == "normalize":
        # our rows have ids, and those of dlt's writer alone have none
        if case["by"] == "writer" and case["file_max_bytes"]:
            return False
        count = collections.Counter
        return count(f[1] for f in got) != count(f[1] for f in want)
    return got != want


def short(files):
    runs = [(f, len(list(g))) for f, g in itertools.groupby(files)]
    more = " ..." if len(runs) > 6 else ""
    return " ".join(f"{n}x{tuple(f)}" for f, n in runs[:6]) + more


def is_wanted(case, kind):
    if kind != "some":
        return case["by"] == kind
    if case["by"] != "pipeline" or case["buffer_max_items"] == 100:
        return False
    many = case["file_max_items"] == 5 or case["file_max_bytes"] == 20
    return case["page"] == 1 or case["buffer_max_items"] == 3 or not many


def main():
    data = os.path.join(os.path.dirname(sys.argv[0]), "data/rotation.jsonl")
    runs = collections.defaultdict(list)
    with open(data) as f:
        for case in map(json.loads, f):
            key = {k: v for k, v in case.items() if k not in ("stage", "files")}
            if is_wanted(case, sys.argv[1]):
                runs[json.dumps(key)].append(case)
    compared = wrong = 0
    for key, cases in runs.items():
        files = run_tools(cases[0])
        for case in cases:
            got = files[case["stage"]]
            compared += 1
            if differs(case, got):
                wrong += 1
                print(f"{case['stage']} {key}")
                print(f"  dlt:  {short(unpacked(case['files']))}")
                print(f"  ours: {short(got)}")
    print(f"{compared} compared, {wrong} differ")
    sys.exit(wrong > 0)


main()
