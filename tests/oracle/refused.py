#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rows of values that make Python dlt fail, through all three tools, and through dlt where it can.

refused.py SEED...      (with a Python that has dlt, or without: then only our side is looked at)

Each seed is a JSON Lines file. It must go through dlt-extract, dlt-normalize (both lanes, small blocks, three workers: the same bytes) and dlt-load into
SQLite, with every value in place: a row has as many values that are not null as its line has, and integers keep their digits but in columns
of doubles and bools. Where dlt's extract and
normalize get through, the normalized packages must be equal.
"""
import json, os, random, shutil, subprocess, sys, tempfile

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
                   "DATA_WRITER__DISABLE_COMPRESSION": "true"})
try:
    import dlt
except ImportError:
    dlt = None

HERE = os.path.dirname(os.path.abspath(__file__))
COMPARE = os.path.join(HERE, "..", "compare.py")


W = 578960446186580977117854925043439539266
KINDS = {
    "text": ["x", "naïve", " ", "", "a__v_text", "12:", "T10:20:30", "\uf02fz"],
    "int": [0, 1, -5, 42, 2**31],
    "big": [2**53 + 1, 2**63 - 1, -2**63],
    "huge": [2**64, -2**63 - 1, 10**30, -10**30, W, W + 1, -W - 1, -W - 2, 10**100, 2**256],
    "float": [0.5, -1.25, 1e300, 1e16, 0.1],
    "bool": [True, False],
    "iso": ["2024-01-15T10:20:30Z", "2024-01-15 10:20:30", "0001-01-01T00:00:00Z", "2024-01-15T10:20:30.5-05:30"],
    "crash": ["2024-01-15T10:20:30+24:00", "2024-01-15T10:20:30-99:99", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "12:", "7:"],
    "time": ["10:20:30", "10:20", "T10:20", "10:20:30+02:00"],
    "date": ["2024-01-15", "2024-W05-2"],
    "epoch": [253402300800, 10**15, 10**18, -10**17, 1e18, 1700000000],
    "int_text": ["12", "0x1f", "9" * 25, "1_000"],
    "object": [{"p": 1, "q": "x"}, {"p": "y"}],
    "list": [[1, "a", True], ["2024-01-15T10:20:30Z", 5, "x", 2.5], [[1], ["b"]], [{"v": 1}, {"v": "z"}]],
    "typed": ["\uf02d10:20:30", "\uf027x", "\uf0261.10", "\uf026sNaN", "\uf0271999-12-31T23:59:59Z", "\uf02c" + str(2**255), "\uf02c" + str(2**300),
              "\uf02b0x0102", "\uf02912345678123456781234567812345678", "\uf0279999-12-31T23:59:59-01:00", "\uf028" + "2024-01-15"],
}
# what the values become that a column takes as null, or that two keys share, cannot be counted
KEYS = ["a", "b", "c", "id", "value", "d__e", "list", "K"]


def rows_of(seed):
    r = random.Random(seed)
    keys = r.sample(KEYS, r.randint(1, 6))
    likes = {k: r.sample(sorted(KINDS), r.choice([1, 2, 3, 4])) for k in keys}
    return [{"n": i, **{k: r.choice(KINDS[r.choice(likes[k])]) for k in keys if r.random() < 0.85}} for i in range(r.choice([3, 10, 40]))]


def leaves(v):
    if isinstance(v, dict):
        return sum(map(leaves, v.values()))
    if isinstance(v, list):
        return sum(map(leaves, v))
    return v is not None


def same(number, text):
    try:
        return text in (str(number), "True") or ("e" in text and float(text) == float(number))
    except ValueError:
        return False


def run(*args, **env):
    r = subprocess.run(args, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **env}, capture_output=True, text=True)
    if r.returncode:
        raise Exception("%s: status %d: %s" % (" ".join(args[:1]), r.returncode, r.stderr[-300:]))
    return r.stdout


def tables_of(package):
    """Rows of each table, numbers as text."""
    out = {}
    for f in sorted(os.listdir(package + "/new_jobs")):
        for line in open(package + "/new_jobs/" + f, encoding="utf-8"):
            if line.strip():
                out.setdefault(f.split(".")[0], []).append(json.loads(line, parse_int=str, parse_float=str))
    return out


def check_values(rows, package):
    tables = tables_of(package)
    root_of, count, text = {}, {}, {}
    for t in sorted((t for t in tables if not t.startswith("_dlt")), key=lambda t: (t != "t", t.count("__"), t)):
        todo = tables[t]
        while todo:
            left = []
            for row in todo:
                parent = row.get("_dlt_parent_id")
                if parent is not None and parent not in root_of:
                    left.append(row)
                    continue
                root = int(row["n"]) if parent is None else root_of[parent]
                root_of[row["_dlt_id"]] = root
                values = [v for k, v in row.items() if not k.startswith("_dlt_") and v is not None]
                count[root] = count.get(root, 0) + len(values)
                text.setdefault(root, []).extend(str(v) for v in values)
            assert len(left) < len(todo), "rows without a parent in " + t
            todo = left
    for row in rows:
        n = row["n"]
        if count.get(n) != leaves(row):
            raise Exception("row %d has %s values of %d: %s" % (n, count.get(n), leaves(row), json.dumps(row)[:200]))
        for k, v in row.items():
            if type(v) is int and abs(v) >= 2**64 and not any(same(v, x) for x in text[n]):
                raise Exception("row %d: %s is lost" % (n, v))


def ours(tmp, rows, source):
    file = tmp + "/t.jsonl"
    open(file, "w", encoding="utf-8").writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    packages = {}
    run("dlt-extract", "-q", "--deterministic", "-o", tmp + "/extracted", "t=" + file)
    for name, args, env in (("fast", ["-j", "1"], {}), ("slow", ["-j", "1"], {"DLT_TEST_LANE": "slow"}), ("many", ["-j", "3"], {"DLT_TEST_BLOCK": "300"})):
        packages[name] = tmp + "/" + name
        run("dlt-normalize", "-q", "--deterministic", "--compression", "none", "-o", packages[name], *args, source or tmp + "/extracted", **env)
    for name in ("slow", "many"):
        if subprocess.run(["diff", "-r", packages["fast"], packages[name]], stdout=subprocess.DEVNULL).returncode:
            raise Exception("fast and %s differ" % name)
    if not source:
        check_values(rows, packages["fast"])
        run("dlt-load", "-q", "sqlite:" + tmp + "/t.db", packages["fast"])
    return packages["fast"]


def theirs(tmp, rows):
    """What dlt extracts and normalizes: two paths, or None where it fails."""
    p = dlt.pipeline("refused", pipelines_dir=tmp + "/work", destination=dlt.destinations.filesystem("file:///nowhere"), dataset_name="d")
    try:
        p.extract(rows, table_name="t")
        load_id = p.list_extracted_load_packages()[0]
        shutil.copytree(tmp + "/work/refused/normalize/extracted/" + load_id, tmp + "/theirs/" + load_id)
        p.normalize()
        return tmp + "/theirs/" + load_id, tmp + "/work/refused/load/normalized/" + load_id
    except Exception:
        return None
    finally:
        p.deactivate()


def one(seed):
    rows = rows_of(seed)
    with tempfile.TemporaryDirectory() as tmp:
        ours(tmp, rows, None)
        both = theirs(tmp, rows) if dlt else None
        if both:
            package = ours(tmp + "/", rows, both[0])
            c = subprocess.run([sys.executable, COMPARE, "package", both[1], package], capture_output=True, text=True)
            if c.returncode:
                raise Exception("dlt can, and has another result: " + (c.stdout + c.stderr)[:500])
        return bool(both)


if __name__ == "__main__":
    bad = both = total = 0
    for s in sys.argv[1:]:
        first, _, last = s.partition("-")
        for seed in range(int(first), int(last or first) + 1):
            total += 1
            try:
                both += one(seed)
            except Exception as e:
                bad += 1
                print("%d: %s" % (seed, e))
    print("%d data sets, %d of them also by dlt, %d wrong" % (total, both, bad))
    sys.exit(1 if bad else 0)
