# SPDX-License-Identifier: MIT
"""What a case is, and what several of them use.

Functions in the modules' ALL yield cases, or tables that they have filled
themselves; one that cannot run raises Skip, and parts that cannot are named
with bench.skip(). A variant's fact is a command that prints what the result
holds; those of one case must agree.
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


@dataclass
class Table:
    """Results that are not ratios. A row: cells for people, and what the
    cells were made of."""
    case: str
    title: str
    head: list
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)


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
