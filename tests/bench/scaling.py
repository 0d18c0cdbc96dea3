# SPDX-License-Identifier: MIT
"""Whether a row costs the same however many there are, whatever their shape;
and how much memory that takes."""
import os
import sys
from dataclasses import dataclass

from cases import Table

FLAT = 1.5      # times the least of a series
ENOUGH = 0.004  # seconds; less cannot be told from the start's
MEMORY = 64     # MiB
SHAPES = os.path.join(os.path.dirname(__file__), "shapes.py")
TOOLS = ("extract", "normalize", "load")


@dataclass
class Point:
    """One input of a series."""
    series: str
    label: str
    make: str            # prints the rows; {share}: of a tenth or of all
    unit: str = "byte"   # what is to cost the same
    extract: str = ""    # options
    normalize: str = ""
    loads: bool = True


def commands(point):
    return {
        "extract": ("e.package", f"dlt-extract -q -j 2 {point.extract} "
                    "-o e.package t=in.jsonl"),
        "normalize": ("n.package", f"dlt-normalize -q -j 2 {point.normalize} "
                      "-o n.package e.package"),
        "load": ("out.db", "dlt-load -q -j 2 sqlite:out.db n.package")}


def run(bench, point, share):
    """All three tools once, or often where they are quick: the least CPU time
    of each, and the most memory."""
    bench.sh(point.make.format(share=share) + " >in.jsonl")
    found = {"bytes": os.path.getsize(bench.path("in.jsonl")),
             "rows": int(bench.sh("wc -l <in.jsonl"))}
    for tool, (output, command) in commands(point).items():
        if tool == "load" and not point.loads:
            break
        runs = []
        while len(runs) < 5 and sum(m["cpu_s"] for m in runs) < 0.4:
            bench.remove(output)
            runs.append(bench.measure("exec " + command))
        found[tool] = {"cpu_s": min(m["cpu_s"] for m in runs),
                       "user_s": min(m["user_s"] for m in runs),
                       "peak_mib": max(m["peak_mib"] for m in runs)}
    bench.remove("in.jsonl", *(o for o, _ in commands(point).values()))
    return found


def slope(point, tool, full, tenth):
    """Nanoseconds of each byte, row or file beyond the first tenth, and the
    seconds before them; None: too few to tell."""
    if tool not in full:
        return None
    unit = "bytes" if point.unit == "byte" else "rows"
    count = full[unit] - tenth[unit]
    more, user = (full[tool][k] - tenth[tool][k] for k in ("cpu_s", "user_s"))
    # a small scale may have few rows in all
    known = more >= ENOUGH and full[unit] > 5 * tenth[unit]
    each = more / count if known else None
    start = tenth[tool]["cpu_s"] - (each or 0) * tenth[unit]
    return {"each_ns": each and each * 1e9,
            "user_ns": user / count * 1e9 if known and user >= ENOUGH else None,
            "start_s": max(0.0, start),
            "cpu_s": full[tool]["cpu_s"], "peak_mib": full[tool]["peak_mib"]}


def cells(bench, point, row):
    def text(tool):
        found = row[tool]
        if found is None:
            return "-"
        each = found["each_ns"]
        each = "?" if each is None else f"{each:.3g}"
        return f"{each} + {found['start_s']:.2f} s"

    peaks = [f"{row[t]['peak_mib']:.0f}" if row[t] else "-" for t in TOOLS]
    size = f"{row['bytes'] / 1e6:.3g}"
    return [point.series, point.label, size, row["rows"],
            *(text(t) for t in TOOLS), " / ".join(peaks)]


def points(bench):
    """The series; small scales make small ones."""
    share = min(1, bench.scale / 0.3)
    size = max(20_000, int(20e6 * share))
    shape = f"python3 '{SHAPES}' {{}} {{}} $(({size} * {{{{share}}}} / 10))"
    deep = shape.replace(str(size), str(size // 5))
    gen = f"'{bench.tool('gen')}' b $(({{0}} * {{{{share}}}} / 2000)) 1"
    bytes_ = 1_000_000 if bench.largest > 1_000_000 else bench.largest
    while bytes_ <= bench.largest:
        label = f"{bytes_ / 1e6:g} MB"
        yield Point("size", label, gen.format(bytes_))
        bytes_ *= 10
    for n in (5, 50, 500, 5000):
        # SQLite's most is 2,000
        yield Point("columns", f"{n:,}", shape.format("columns", n),
                    loads=n < 2000)
    for n in (1, 10, 100, 1000):
        yield Point("tables", f"{n:,}", shape.format("tables", n), "row",
                    "--table-from kind")
    for n in (1, 10, 100, 1000, 1023):
        yield Point("depth", f"{n:,}", deep.format("depth", n))
    one = "--file-max-items 1 --buffer-max-items 1"
    for n in (1000, 10_000, 100_000):
        n = max(100, int(n * share))
        yield Point("files", f"{n:,}",
                    f"python3 '{SHAPES}' files $(({n} * {{share}} / 10)) 0",
                    "row", one, one)


def spread(rows, tool, key):
    """How far apart the points of a series are: times, and which."""
    costs = {r["label"]: r[tool][key] for r in rows
             if r[tool] and r[tool][key]}
    if len(costs) < 2:
        return None
    least, worst = min(costs, key=costs.get), max(costs, key=costs.get)
    return (costs[worst] / costs[least],
            f"{least}: {costs[least]:.3g} ns, {worst}: {costs[worst]:.3g} ns")


def verdict(table, series, unit):
    """A line for each tool: flat or not."""
    rows = [r for r in table.rows if r["series"] == series]
    for tool in TOOLS:
        found = spread(rows, tool, "each_ns")
        if not found:
            continue
        flat = "flat" if found[0] <= FLAT else "NOT flat"
        text = (f"- {series}, dlt-{tool}, per {unit}: {flat}: {found[0]:.2f} "
                f"times ({found[1]})")
        user = spread(rows, tool, "user_ns")
        if found[0] > FLAT and user:
            text += f"; without the kernel's share {user[0]:.2f} times"
        table.notes.append(text)


def scaling(bench):
    """cost per byte, row or file with size, columns, tables, depth, files"""
    table = Table("scaling", "Cost and memory by size and shape (-j 2, zstd, "
                  "into SQLite)",
                  ["series", "", "MB", "rows", *("dlt-" + t for t in TOOLS),
                   "peak MiB"],
                  notes=["CPU nanoseconds for each byte (size, columns, depth), "
                         "row (tables) or file (files), beyond the first tenth "
                         "of the rows, and the seconds that come before: the "
                         "start, and what each column, table and file costs "
                         f"once. ?: too little to tell. Flat: within {FLAT} "
                         "times.", ""])
    units, before = {}, None
    for point in points(bench):
        print(f"scaling: {point.series} {point.label}", file=sys.stderr)
        tenth = before if before and point.series == "size" else \
            run(bench, point, 1)
        full = run(bench, point, 10)
        before = full if point.series == "size" else None
        row = {"series": point.series, "label": point.label,
               "bytes": full["bytes"], "rows": full["rows"],
               **{t: slope(point, t, full, tenth) for t in TOOLS}}
        row["cells"] = cells(bench, point, row)
        table.rows.append(row)
        units[point.series] = "file" if point.series == "files" else point.unit
    for series, unit in units.items():
        verdict(table, series, unit)
    yield table


# ---- memory ----

def memory(bench):
    """peak memory of each tool at -j 2"""
    table = Table("memory", "Peak memory, MiB (-j 2, into SQLite)",
                  ["data", "MB", *("dlt-" + t for t in TOOLS), "target",
                   "met"])
    inputs = [(k, f"cat '{bench.data(k)}'", "", MEMORY) for k in "abc"]
    shape = f"python3 '{SHAPES}' "
    inputs.append(("1,000 tables", shape + f"tables 1000 "
                   f"{int(max(bench.scale, 0.01) * 300e6)}",
                   "--table-from kind", MEMORY))
    inputs.append(("one row of 15 MB", shape + "row 1 15000000", "", None))
    for label, make, options, goal in inputs:
        found = run(bench, Point("", label, make, extract=options), 10)
        peaks = [found[t]["peak_mib"] for t in TOOLS]
        met = max(peaks) <= goal if goal else None
        table.rows.append({
            "data": label, "bytes": found["bytes"], "goal": goal, "met": met,
            **{t: found[t]["peak_mib"] for t in TOOLS},
            "cells": [label, f"{found['bytes'] / 1e6:.0f}",
                      *(f"{p:.0f}" for p in peaks), goal or "",
                      {None: "", True: "yes", False: "no"}[met]]})
    table.notes = ["The schema and the largest row come on top of the target: "
                   "the row of 15 MB shows the latter. c has objects that "
                   "share few keys: its schema alone is large. What is below "
                   f"{bench.floor:.0f} is the harness's own."]
    yield table


ALL = {"memory": memory, "scaling": scaling}
