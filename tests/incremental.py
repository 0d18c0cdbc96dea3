# SPDX-License-Identifier: MIT
"""Random sequences of pages through dlt-extract and through Python dlt's
Incremental, side by side: the rows that come out and the state that is kept
must be the same.

    incremental.py DIR COUNT [SEED]
"""
import copy
import datetime
import glob
import json as plain
import logging
import os
import random
import subprocess
import sys

from dlt.common.json import json, PY_DATETIME_DECODERS
from dlt.extract.incremental import Incremental

UTC = datetime.timezone.utc
DAY = datetime.datetime(2024, 1, 1)


class Pipe:
    """What an Incremental is bound to."""

    name = "r"
    has_parent = False
    closed = False

    def close(self):
        self.closed = True


def zone(r):
    return datetime.timezone(datetime.timedelta(hours=r.choice([0, 0, 2, -5])))


def text_pool(r):
    return ["", "a", "ab", "b", "\u00e9", "z", "\U0001f600", "10", "9", 'q"\n']


def pool(r, kind):
    """Values of a kind, in an order in which they may come."""
    if kind == "int":
        return [r.randint(-5, 20) for _ in range(8)] + [2**53 + 1, 2**53]
    if kind == "number":
        return [r.randint(-3, 9), 1.5, 2.0, 2, 1e3, -0.25, 0, 7, 1e-7, True]
    if kind == "text":
        return text_pool(r)
    if kind == "date text":
        return [str((DAY + datetime.timedelta(days=r.randint(0, 9))).date()) for _ in range(6)]
    if kind == "time text":
        return [
            (DAY + datetime.timedelta(seconds=r.randint(0, 9) * 600)).isoformat() + "Z"
            for _ in range(6)
        ]
    if kind == "timestamp":
        return [
            (DAY + datetime.timedelta(minutes=r.randint(0, 300), microseconds=r.choice([0, 0, 5])))
            .replace(tzinfo=UTC).astimezone(zone(r))
            for _ in range(6)
        ]
    if kind == "naive":
        return [DAY + datetime.timedelta(minutes=r.randint(0, 300)) for _ in range(6)]
    if kind == "date":
        return [(DAY + datetime.timedelta(days=r.randint(0, 9))).date() for _ in range(6)]
    if kind == "decimal":
        return [json.typed_loads('"\uf026%s"' % s) for s in ("1.50", "1.5", "2", "1E+1", "-3")] + [2, 1.5]
    if kind == "mixed":
        return [1, "1", 2.5, DAY, None, True, {"a": 1}]
    raise ValueError(kind)


KINDS = ["int", "int", "number", "text", "date text", "time text", "timestamp", "naive", "date", "decimal", "mixed"]
PATHS = ["ts", "ts", "ts", '"ts"', "a.ts", "$.a.ts", "$.ts", "list[0].ts", "list[*].ts"]


def row_of(path, value, r, missing):
    row = {"id": r.randint(1, 6), "grp": r.choice("xy"), "v": r.choice([1, 1.0, None, "t", DAY.replace(tzinfo=UTC)])}
    if missing:
        return row
    if path.startswith("list"):
        row["list"] = [{"ts": value}, {"ts": 5}]
    elif "a.ts" in path:
        row["a"] = {"ts": value}
    else:
        row["ts"] = value
    return row


def make_run(r, case, values):
    """Pages (lists) and single rows of one run, as typed JSON."""
    items = []
    chosen = [r.choice(values) for _ in range(r.randint(0, 14))]
    if r.random() < 0.6 and case["kind"] != "mixed":
        chosen.sort(reverse=r.random() < 0.3)
    while chosen:
        n = r.randint(1, 5)
        rows = []
        for v in chosen[:n]:
            roll = r.random()
            missing = roll < case["holes"]
            rows.append(row_of(case["path"], None if roll < case["holes"] / 2 else v, r, missing and roll >= case["holes"] / 2))
            if case["holes"] and r.random() < 0.05:
                rows[-1] = r.choice([None, 5, "x", [], [1], {}])
        del chosen[:n]
        if len(rows) == 1 and r.random() < 0.5:
            items.append(rows[0])
        else:
            items.append(rows)
        if r.random() < 0.1:
            items.append([])
    return [json.typed_dumps(i) for i in items]


def bounds(r, case, values):
    """initial_value and end_value, in the cursor's order."""
    if case["kind"] == "mixed":
        return r.choice(values), None
    values = sorted(values, reverse=case["inc"].get("last_value_func") == "min")
    roll = r.random()
    if roll < 0.4:
        return None, None
    at = r.randint(0, len(values) // 2)
    if roll < 0.75:
        return values[at], None
    return values[at], r.choice(values[at:])


def make_case(seed):
    r = random.Random(seed)
    case = {"kind": r.choice(KINDS), "path": r.choice(PATHS), "holes": r.choice([0, 0, 0, 0.2])}
    inc = case["inc"] = {"cursor_path": case["path"]}
    if r.random() < 0.3:
        inc["last_value_func"] = "min"
    if r.random() < 0.2:
        inc["range_start"] = "open"
    if r.random() < 0.3:
        inc["range_end"] = "closed"
    if r.random() < 0.3:
        inc["row_order"] = r.choice(["asc", "desc"])
    if case["holes"]:
        inc["on_cursor_value_missing"] = r.choice(["include", "exclude", "exclude", "raise"])
    if r.random() < 0.25 and case["kind"] not in ("mixed", "text"):
        inc["lag"] = r.choice([1, 2, 0.5, 600, 1800.25, 0])
    keys = [None, "id", ["id"], ["id", "grp"], []]
    if r.random() < 0.3:
        inc["primary_key"] = r.choice(keys[1:])
    case["primary_key"] = r.choice([None, None, "id", ["id"], ["grp", "id"]])
    values = pool(r, case["kind"])
    initial, end = bounds(r, case, values)
    if initial is not None:
        inc["initial_value"] = initial
    if end is not None:
        inc["end_value"] = end
    # with a lag dlt cannot compare the stored value with what follows
    if case["kind"] in ("timestamp", "naive") and not inc.get("lag") and r.random() < 0.2:
        values = pool(r, "naive" if case["kind"] == "timestamp" else "timestamp")
    case["runs"] = [make_run(r, case, values) for _ in range(3)]
    return case


# ---- Python dlt


def python_run(case, items, states):
    """Rows that pass, and what was raised; states: that of the cursor, by path."""
    Incremental._get_state = staticmethod(lambda name, path: states.setdefault(path, {}))
    inc = Incremental(**case["inc"])
    if case["primary_key"]:
        inc.set_deduplication_key(case["primary_key"], from_hints=True)
    pipe = Pipe()
    inc.bind(pipe)
    out = []
    for item in items:
        if pipe.closed:
            break
        got = inc(json.typed_loadb(item.encode(), decoders=PY_DATETIME_DECODERS))
        if got is not None:
            out += got if isinstance(got, list) else [got]
    return out


def text_of(rows):
    """Rows as text in which numbers show their kind."""
    return [json.typed_dumps(row, sort_keys=True) for row in rows]


# ---- dlt-extract


def ours_run(case, items, work, name):
    with open(os.path.join(work, "rows"), "w", encoding="utf-8") as f:
        f.write("".join(i + "\n" for i in items))
    resource = {"name": "r", "command": "cat rows", "typed": True, "incremental": case["inc"]}
    if case["primary_key"]:
        resource["primary_key"] = case["primary_key"]
    with open(os.path.join(work, "s.json"), "w", encoding="utf-8") as f:
        f.write(json.typed_dumps({"name": "s", "resources": [resource]}))
    done = subprocess.run(
        ["dlt-extract", "-q", "-p", name, "-s", "s.json", "--compression", "none", "--print"],
        cwd=work, capture_output=True, text=True,
    )
    rows = []
    if done.returncode == 0:
        for path in sorted(glob.glob(done.stdout.strip() + "/new_jobs/r.*")):
            with open(path, encoding="utf-8") as f:
                for line in f:
                    rows += json.typed_loadb(line.encode(), decoders=PY_DATETIME_DECODERS)
    return rows, done


def our_state(name):
    path = os.path.join(os.environ["DLT_DATA_DIR"], "pipelines", name, "state.json")
    try:
        with open(path, encoding="utf-8") as f:
            doc = plain.load(f)
    except OSError:
        return {}
    resources = doc.get("sources", {}).get(name, {}).get("resources", {})
    return resources.get("r", {}).get("incremental", {})


def same_state(states):
    """As it is compared: the order of the hashes is any."""
    states = plain.loads(json.typed_dumps(states))
    for s in states.values():
        s["unique_hashes"] = sorted(s["unique_hashes"])
    return plain.dumps(states, sort_keys=True)


# ---- both


def play(seed, work):
    """None, or what differs."""
    case = make_case(seed)
    states = {}
    name = "c%d" % seed
    for number, items in enumerate(case["runs"]):
        before = json.typed_dumps(states)
        try:
            want, why = python_run(case, items, states), None
        except Exception as e:  # dlt raises many kinds
            want, why = None, e
            states = json.typed_loadb(before.encode(), decoders=PY_DATETIME_DECODERS)
        got, done = ours_run(case, items, work, name)
        about = "case %d run %d %s %s\n" % (seed, number, json.typed_dumps(case["inc"]), items)
        if (why is None) != (done.returncode == 0):
            return about + "dlt: %r\nours: %s" % (why, done.stderr)
        if why is None and text_of(got) != text_of(want):
            return about + "rows\ndlt:  %s\nours: %s" % (text_of(want), text_of(got))
        if same_state(states) != same_state(our_state(name)):
            return about + "state\ndlt:  %s\nours: %s" % (same_state(states), same_state(our_state(name)))
        states = json.typed_loadb(json.typed_dumps(states).encode(), decoders=PY_DATETIME_DECODERS)
    return None


def main():
    work, count = sys.argv[1], int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    logging.disable(logging.CRITICAL)
    bad = 0
    for seed in range(first, first + count):
        what = play(seed, work)
        if what:
            print(what)
            bad += 1
    print("%d of %d sequences differ" % (bad, count))
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
