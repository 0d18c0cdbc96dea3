#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write rows of nested events as JSON lines, some hundred megabytes a second.

usage: events.py ROWS SEED

The same arguments give the same bytes. About 610 bytes a row. Row n, counted
from 0, has n % 4 commits and n % 3 labels, so the tables have

  events                             ROWS rows
  events__payload__commits           6 for each 4 rows
  events__payload__commits__parents  6 for each 4 rows, one a commit
  events__labels                     3 for each 3 rows
"""
import random
import sys

POOL = 12000  # rows before they repeat; a multiple of 3 and 4
TYPES = ("PushEvent", "WatchEvent", "IssuesEvent", "ForkEvent")
WORDS = (
    "alpha", "bravo", "caf\u00e9", "delta", "\\u00e9cho", "fox\\ttrot",
    "golf", "h\\\"tel", "india", "\U0001f600", "kilo", "lima",
)


def commit(rnd):
    sha, parent = (f"{rnd.getrandbits(160):040x}" for _ in range(2))
    return (
        f'{{"sha":"{sha}","message":"{text(rnd, 6)}",'
        f'"distinct":{rnd.choice(("true", "false"))},'
        f'"stats":{{"added":{rnd.randrange(999)},'
        f'"ratio":{rnd.random():.6f}}},"parents":["{parent}"]}}'
    )


def text(rnd, words):
    return " ".join(rnd.choice(WORDS) for _ in range(words))


def row(rnd, number):
    """A row as a format, with places for its id and its token."""
    actor = rnd.randrange(1 << 40)
    commits = ",".join(commit(rnd) for _ in range(number % 4))
    labels = ",".join(f'"{text(rnd, 1)}"' for _ in range(number % 3))
    time = "2026-%02d-%02dT%02d:%02d:%02dZ" % (
        rnd.randrange(1, 13), rnd.randrange(1, 29), rnd.randrange(24),
        rnd.randrange(60), rnd.randrange(60),
    )
    org = f'{{"id":{actor % 977},"name":"{text(rnd, 1)}"}}'
    line = (
        f'"type":"{TYPES[number % 4]}","actor":{{"id":{actor},'
        f'"login":"user{actor % 4999}","score":{rnd.random() * 100:.3f}}},'
        f'"org":{org if number % 5 else "null"},'
        f'"payload":{{"ref":"refs/heads/{text(rnd, 1)}",'
        f'"size":{number % 4},"commits":[{commits}]}},'
        f'"labels":[{labels}],"public":true,"created_at":"{time}"}}\n'
    )
    return '{"id":%d,"token":"%032x",' + line.replace("%", "%%")


def main():
    count, rnd = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    pool = [row(rnd, number).encode() for number in range(POOL)]
    whole = b"".join(pool)
    for start in range(0, count, POOL):
        end = min(start + POOL, count)
        form = whole if end - start == POOL else b"".join(pool[: end - start])
        values = [0] * (2 * (end - start))
        values[::2] = range(start, end)
        values[1::2] = [rnd.getrandbits(128) for _ in range(start, end)]
        sys.stdout.buffer.write(form % tuple(values))


main()
