#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Normalizes what generate.py extracted, and compares with what Python dlt made of it.

check.py DATA [CASE...]

Each step is normalized from the package alone (both lanes, one worker and three: the same bytes) and in a copy of Python's working
directory (-p). A step that Python fails on must end with status 0, 1 or 3 and, when not 0, with a message. Prints what differs; exit 1.
"""
import glob, json, os, re, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
COMPARE = os.path.join(HERE, "..", "compare.py")
bad = steps = skipped = refused = 0


def complain(step, *words):
    global bad
    bad += 1
    print("%s:" % step, *words)


def normalize(args, **env):
    return subprocess.run(["dlt-normalize"] + args, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **env}, capture_output=True, text=True)


def sane(step, r):
    lines = r.stderr.strip().split("\n")
    if r.returncode not in (0, 1, 3) or (r.returncode and "error: " not in r.stderr):
        complain(step, "status %d" % r.returncode, lines[-3:])


def ids(package, table):
    out = []
    for f in sorted(glob.glob("%s/new_jobs/%s.*.jsonl" % (glob.escape(package), glob.escape(table)))):
        out += [(json.loads(line).get("_dlt_id"), json.loads(line).get("_dlt_root_id")) for line in open(f, encoding="utf-8") if line.strip()]
    return sorted(out, key=str)


def compare(step, what, gold, ours, hashed):
    c = subprocess.run([sys.executable, COMPARE, "package", gold, ours], capture_output=True, text=True)
    # a filter or a key of the user may take ids away, in both
    if any(not line.endswith("is not the hash of its parent, table and index") for line in c.stdout.splitlines()):
        complain(step, what + ":\n   ", (c.stdout + c.stderr).strip().replace("\n", "\n    "))
    g, o = (json.load(open(p + "/schema.json")) for p in (gold, ours))
    for key in ("version", "previous_hashes"):
        if g[key] != o[key]:
            complain(step, "%s: %s is %s, should be %s" % (what, key, o[key], g[key]))
    if list(g["tables"]) != list(o["tables"]):
        complain(step, "%s: tables are %s, should be %s" % (what, list(o["tables"]), list(g["tables"])))
    a, b = ({t: {k: v for k, v in d.items() if k != "x-normalizer"} for t, d in json.load(open(p + "/schema_updates.json")).items()} for p in (gold, ours))
    if a != b:
        complain(step, "%s: schema_updates.json is\n    %s\n  should be\n    %s" % (what, json.dumps(b), json.dumps(a)))
    jobs = lambda p: sorted({".".join(n.split(".")[::len(n.split(".")) - 1]) for n in os.listdir(p + "/new_jobs")})
    if jobs(gold) != [re.sub(r"\.zst$", "", n) for n in jobs(ours)]:
        complain(step, "%s: job files of %s, should be of %s" % (what, jobs(ours), jobs(gold)))
    for t in hashed:
        if ids(gold, t) != ids(ours, t):
            complain(step, "%s: row ids of %s are %s, should be %s" % (what, t, ids(ours, t)[:3], ids(gold, t)[:3]))


def one(d, case, tmp):
    global steps, skipped, refused
    src = glob.glob(glob.escape(d) + "/extracted/*")
    if not src:
        return
    steps += 1
    src, name = src[0], "/".join(d.split("/")[-2:])
    hashed = [r["name"] for r in case["resources"] if isinstance(r.get("write_disposition"), dict)
              and r["write_disposition"]["strategy"] in ("upsert", "insert-only", "scd2")] if case["for"] != "filesystem" else []
    common = ["-q", "--compression", "none", "--format", "jsonl", "--for", case["for"]]
    outs = {}
    for lane, args, env in (("random", ["-j", "1"], {}), ("fast", ["--deterministic", "-j", "1"], {}), ("slow", ["--deterministic", "-j", "1"], {"DLT_TEST_LANE": "slow"}),
                            ("many", ["--deterministic", "-j", "3"], {"DLT_TEST_BLOCK": "300"})):
        outs[lane] = os.path.join(tmp, lane)
        shutil.rmtree(outs[lane], ignore_errors=True)
        r = normalize(common + args + ["-o", outs[lane], src], **env)
        sane(name, r)
        if r.returncode:
            break
    gold = glob.glob(glob.escape(d) + "/normalized/*")
    if r.returncode:
        if gold:
            complain(name, "Python can, we cannot:", r.stderr.strip())
        else:
            refused += 1
        return
    for lane in ("slow", "many"):
        c = subprocess.run(["diff", "-r", outs["fast"], outs[lane]], capture_output=True, text=True)
        if c.returncode:
            complain(name, "fast and %s lane differ:\n" % lane, c.stdout[:2000])
    if not gold:
        skipped += 1
        if not os.path.exists(d + "/normalize.error"):
            return  # no jobs
        if "freeze" in open(d + "/normalize.error", errors="replace").read() or "frozen" in open(d + "/normalize.error", errors="replace").read():
            complain(name, "Python refuses by a contract, we do not")
        return
    compare(name, "-o", gold[0], outs["random"], hashed)
    if case["for"] in ("postgres", "redshift"):
        return
    work = os.path.join(tmp, "data")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(d + "/pipelines", work + "/pipelines")
    r = normalize(["-q", "-p", "oracle", "--compression", "none", "--format", "jsonl", "--for", case["for"]], DLT_DATA_DIR=work)
    done = glob.glob(work + "/pipelines/oracle/load/normalized/*")
    if r.returncode or len(done) != 1:
        return complain(name, "-p: status %d, %s" % (r.returncode, r.stderr))
    compare(name, "-p", gold[0], done[0], hashed)
    kept = json.load(open(work + "/pipelines/oracle/schemas/oracle.schema.json"))
    if kept["version_hash"] != json.load(open(gold[0] + "/schema.json"))["version_hash"]:
        complain(name, "-p: the schema in schemas/ is another one")


data = sys.argv[1]
with tempfile.TemporaryDirectory() as tmp:
    for c in sys.argv[2:] or sorted(os.listdir(data)):
        case = json.load(open("%s/%s/case.json" % (data, c)))
        for d in sorted(glob.glob("%s/%s/step*" % (glob.escape(data), c))):
            one(d, case, tmp)
print("%d steps, %d of them refused by both, %d refused by Python only, %d differences" % (steps, refused, skipped, bad))
sys.exit(1 if bad else 0)
