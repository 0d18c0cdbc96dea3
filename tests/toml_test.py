#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The official tests of TOML 1.0.

toml_test.py DIR TOMLQ     (DIR: of github.com/toml-lang/toml-test, tests/)

What is valid becomes the JSON that the test wants, dates as text; what is not
is refused with its line and column. Prints what is wrong; exit 1.
"""
import json, math, os, re, subprocess, sys


def plain(v):
    """The typed values of a test as JSON has them."""
    if isinstance(v, list):
        return [plain(x) for x in v]
    if not (set(v) == {"type", "value"} and isinstance(v["type"], str) and isinstance(v["value"], str)):
        return {k: plain(x) for k, x in v.items()}
    kind, text = v["type"], v["value"]
    if kind == "integer":
        return int(text)
    if kind == "float":
        number = float(text)
        return number if math.isfinite(number) else None
    if kind == "bool":
        return text == "true"
    return text if kind == "string" else date(text)


def date(text):
    return re.sub(r"(\.\d*?)0+(?=[Z+-]|$)", r"\1", text.upper().replace(" ", "T")).replace(".Z", "Z").replace("+00:00", "Z").rstrip(".")


def same(want, got):
    if isinstance(want, dict):
        return isinstance(got, dict) and list(sorted(want)) == list(sorted(got)) and all(same(want[k], got[k]) for k in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and all(map(same, want, got))
    return want == got or (isinstance(want, str) and isinstance(got, str) and want == date(got))


def main():
    base, tomlq = sys.argv[1:]
    names = [n for n in open(base + "/files-toml-1.0.0").read().split("\n") if n.endswith(".toml")]
    out = subprocess.run([tomlq, *(os.path.join(base, n) for n in names)], stdout=subprocess.PIPE, check=True).stdout
    answers, bad = out.split(b"\0"), 0
    for name, answer in zip(names, answers):
        refused = answer.startswith(b"error: ")
        if name.startswith("invalid"):
            wrong = not re.match(rb"error: .*\.toml:\d+:\d+: ", answer)
        else:
            wrong = refused or not same(plain(json.load(open(os.path.join(base, name[:-4] + "json"), encoding="utf-8"))), json.loads(answer))
        if wrong:
            bad += 1
            print(name, answer[:300].decode("utf-8", "replace"))
    print("%d files, %d wrong" % (len(names), bad))
    return bad != 0 or len(names) < 500


sys.exit(main())
