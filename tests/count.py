#!/usr/bin/env python3
"""Counts the TAP lines of a meson testlog.json: "N passed, N failed, N skipped"."""
import json
import re
import sys

passed = failed = skipped = 0
for line in open(sys.argv[1], encoding="utf-8"):
    test = json.loads(line)
    lines = test.get("stdout", "").splitlines()
    points = [l for l in lines if re.match(r"(not )?ok\b", l)]
    bad = [l for l in points if l.startswith("not ok")]
    skip = [l for l in points if re.search(r"# skip", l, re.I)]
    skipped += len(skip)
    failed += len(bad)
    passed += len(points) - len(bad) - len(skip)
    if not points and test["result"] == "OK":
        passed += 1
    elif test["result"] == "SKIP" and not points:
        skipped += 1
    elif test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and not bad:
        failed += 1
        print("failed: %s (%s)" % (test["name"], test["result"]))
    for i, l in enumerate(lines):
        if not l.startswith("not ok"):
            continue
        print("failed: %s: %s" % (test["name"], l))
        for why in lines[i + 1 : i + 60]:
            if not why.startswith("#"):
                break
            print("  " + why)
    for l in skip:
        print("skipped: %s: %s" % (test["name"], l))
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(1 if failed or not passed else 0)
