#!/usr/bin/env python3
"""random_rows.py ROWS SEED: typed-jsonl lines of random rows on stdout.

Most rows have one of a few shapes, so that the fast lane has something to learn; some are odd: other types, new keys,
lists in lists, duplicate and escaped keys, white space, markers, nulls, empty containers, big numbers, dates."""
import json
import random
import sys

rows, seed = int(sys.argv[1]), int(sys.argv[2])
rnd = random.Random(seed)
KEYS = ["id", "userName", "a b", "created_at", "n", "tags", "nested", "x__y", "HTTPCode", "flag", "Value", "list", "é", "_", "", "a", "A"]
WORDS = ["", "x", "hello world", "it's", "quote\"d", "back\\slash", "tab\t", "ünï", "日本", "\U0001f600", "2024-01-15T10:20:30Z",
         "2024-02-30T10:20:30Z", "2024-01-15 10:20:30.123456+02:00", "2024-01-15T10:20:30.5Z", "1.5", "true", "\x7f", "long " * 30]


def scalar():
    k = rnd.randrange(12)
    if k < 4:
        return rnd.choice(WORDS)
    if k < 7:
        return rnd.choice([0, 1, -1, 42, 2**31, 2**53, 123456789012345678, 2**63, -2**63])
    if k < 9:
        return rnd.choice([0.5, -1.25, 1e10, 1.0, 3.14159, 1e-7])
    return rnd.choice([True, False, None])


def value(depth):
    k = rnd.randrange(20)
    if depth > 3 or k < 14:
        return scalar()
    if k < 17:
        return {rnd.choice(KEYS): value(depth + 1) for _ in range(rnd.randrange(4))}
    return [value(depth + 1) for _ in range(rnd.randrange(4))]


def shaped(shape, n):
    if shape == 0:
        return {"id": n, "userName": rnd.choice(WORDS[:8]), "created_at": "2024-01-%02dT10:20:%02dZ" % (1 + n % 28, n % 60), "flag": n % 2 == 0, "n": n * 0.5}
    if shape == 1:
        return {"id": n, "tags": ["t%d" % i for i in range(n % 4)], "nested": {"x": n, "deep": {"y": str(n), "z": None}}}
    return {"id": n, "items": [{"sku": "s%d" % i, "qty": i, "opts": [{"k": 1.0}] * (i % 3)} for i in range(n % 3)], "matrix": [[1, 2], [n]]}


def text(row):
    """JSON text with oddities that json.dumps would not write."""
    s = json.dumps(row, ensure_ascii=rnd.random() < 0.2, separators=rnd.choice([(",", ":"), (",", ":"), (", ", ": ")]))
    k = rnd.randrange(60)
    if k == 0 and s.endswith("}") and len(s) > 2:
        return s[:-1] + ",\"id\":\"dup\"}"
    if k == 1 and s.endswith("}") and len(s) > 2:
        return s[:-1] + ",\"\\u0069d\":7}"
    if k == 2 and s.endswith("}") and len(s) > 2:
        return s[:-1] + ",\"esc\\u00e9 key\":\"\\ud83d\\ude00 \\/\"}"
    if k == 3 and s.endswith("}") and len(s) > 2:
        return s[:-1] + ",\"dec\":\"\uf0261.50\",\"when\":\"\uf0272024-01-02T03:04:05+00:00\"}"
    if k == 4 and s.endswith("}") and len(s) > 2:
        return s[:-1] + ",\"n\":" + rnd.choice(["1E5", "-0", "0.10", "12345678901234567890123", "1e-300"]) + "}"
    return s


out, line = sys.stdout, []
for n in range(rows):
    row = shaped(rnd.randrange(3), n) if rnd.random() < 0.9 else value(0)
    line.append(text(row))
    if rnd.random() < 0.02:
        out.write("[" + ",".join(line) + "]\n")
        line = []
if line:
    out.write("[" + ",".join(line) + "]\n")
