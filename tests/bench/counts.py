# SPDX-License-Identifier: MIT
"""Instructions per input byte, counted by callgrind: a measure that a busy
machine does not disturb.

Each command is counted with all rows and with a third of them; the difference
is what the bytes cost, without the start.
"""
import os
import re

from cases import Skip, Table, has

NUMBER = re.compile(r"[+*-]?\d")


def by_object(path):
    """Instructions of each program and library of a callgrind.out file."""
    names, sums, owner, called = {}, {}, None, False
    with open(path) as f:
        for line in f:
            if line.startswith("ob="):
                number, _, name = line[3:].rstrip("\n").partition(" ")
                if name:
                    names[number] = os.path.basename(name)
                owner = names.get(number, number)
            elif line.startswith("cob="):
                number, _, name = line[4:].rstrip("\n").partition(" ")
                if name:
                    names[number] = os.path.basename(name)
            elif line.startswith("calls="):
                called = True
            elif NUMBER.match(line):
                # the line after calls= is what the callee took
                if not called:
                    sums[owner] = sums.get(owner, 0) + int(line.split()[1])
                called = False
    return sums


def parts(sums):
    """Of the sums of what is read and written, of the compressors, the rest."""
    found = {"checksum": 0, "compressor": 0, "rest": 0}
    for name, n in sums.items():
        if "libxxhash" in name:
            found["checksum"] += n
        elif "zstd" in name:  # the library or the program
            found["compressor"] += n
        else:
            found["rest"] += n
    return found


def count(bench, command):
    bench.remove("out.package", "callgrind.out")
    bench.sh("valgrind -q --tool=callgrind --callgrind-out-file=callgrind.out "
             f"{command} >/dev/null")
    return parts(by_object(bench.path("callgrind.out")))


def commands(bench, kind, size):
    """Label -> command, and the instructions that are wanted."""
    source, stage = f"{kind}-{size}.jsonl", f"{kind}-{size}.package"
    normalize = "dlt-normalize -q -j 1 --compression {} -o out.package " + stage
    made = {"dlt-normalize, no compression": normalize.format("none"),
            "dlt-normalize, fast": normalize.format("fast"),
            "dlt-normalize, zstd": normalize.format("zstd"),
            "dlt-extract": f"dlt-extract -q -j 1 -o out.package "
            f"{kind}={source}",
            "zstd -1": f"zstd -1qc --single-thread {source}"}
    for program in ("parse", "parse_yyjson"):
        if bench.tool(program):
            label = {"parse": "simdjson"}.get(program, "yyjson")
            made[label + ", parse only"] = f"'{bench.tool(program)}' {source}"
    return made


def prepare(bench, kind):
    """Two files and their extracted packages; the difference in bytes."""
    rows = max(60, bench.rows(kind) // 10)
    sizes = {}
    for size, n in (("all", rows), ("third", rows // 3)):
        source = f"{kind}-{size}.jsonl"
        bench.sh(f"head -n {n} '{bench.data(kind)}' >{source} &&"
                 f"dlt-extract -q --compression none -o {kind}-{size}.package "
                 f"{kind}={source}")
        sizes[size] = os.path.getsize(bench.path(source))
    return sizes["all"] - sizes["third"]


GOALS = {"a": 5.5, "b": 6}


def row(kind, label, per):
    total = sum(per.values())
    goal = GOALS[kind] if label == "dlt-normalize, no compression" else None
    met = total <= goal if goal else None
    return {"data": kind, "command": label, "instructions_per_byte": total,
            **per, "goal": goal, "met": met,
            "cells": [kind, label, f"{total:.2f}", f"{per['checksum']:.2f}",
                      f"{per['compressor']:.2f}", f"{per['rest']:.2f}",
                      f"{goal:g}" if goal else "",
                      {None: "", True: "yes", False: "no"}[met]]}


def instructions(bench):
    """instructions per input byte, by callgrind"""
    if not has("valgrind"):
        raise Skip("valgrind is not installed")
    table = Table("instructions", "Instructions per input byte",
                  ["data", "command", "all", "of libxxhash", "of zstd",
                   "the rest", "target", "met"])
    for kind in ("a", "b"):
        spread = prepare(bench, kind)
        more = commands(bench, kind, "all")
        less = commands(bench, kind, "third")
        for label, command in more.items():
            full, third = count(bench, command), count(bench, less[label])
            table.rows.append(row(kind, label, {
                k: (full[k] - third[k]) / spread for k in full}))
    table.notes = [
        "Counted by callgrind, start-up subtracted."]
    yield table


ALL = {"instructions": instructions}
