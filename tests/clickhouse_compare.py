"""Compares the tables of a package in SQLite with those in ClickHouse.

clickhouse_compare.py FILE.db PORT DATABASE PREFIX: prints differences; exit 1 if
there are any. Rows are told apart by _dlt_id.
"""

import json
import sqlite3
import sys
import urllib.parse
import urllib.request

path, port, database, prefix = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"0": b"\0"}


def unescape(field):
    if field == b"\\N":
        return None
    parts = field.split(b"\\")
    out, i = parts[0], 1
    while i < len(parts):
        part = parts[i]
        if part:
            out += ESCAPES.get(part[:1], part[:1]) + part[1:]
        else:  # a backslash, and what follows it
            i += 1
            out += b"\\" + (parts[i] if i < len(parts) else b"")
        i += 1
    return out


def ask(sql):
    url = f"http://127.0.0.1:{port}/?database={urllib.parse.quote(database)}"
    request = urllib.request.Request(url, sql.encode(), {"X-ClickHouse-User": "default"})
    text = opener.open(request, timeout=60).read()
    return [[unescape(f) for f in line.split(b"\t")] for line in text.split(b"\n")[:-1]]


def same(value, text):
    if value is None or text is None:
        return value is None and text is None
    if isinstance(value, bytes):
        return value == text
    text = text.decode()
    if isinstance(value, float):
        return float(text) == value
    if isinstance(value, int):
        return text in (str(value), str(bool(value)).lower())
    try:
        return value == text or json.loads(value) == json.loads(text)
    except ValueError:
        return False


db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
bad = 0
for table in tables:
    if table.startswith("_dlt"):
        continue
    columns = [r[1] for r in db.execute(f'PRAGMA table_info("{table}")')]
    names = ", ".join(f'"{c}"' for c in columns)
    key = columns.index("_dlt_id")
    want = {r[key]: r for r in db.execute(f'SELECT {names} FROM "{table}"')}
    rows = ask(f'SELECT {names} FROM "{prefix}{table}"')
    got = {r[key].decode(): r for r in rows}
    if len(rows) != len(got) or want.keys() != got.keys():
        print(f"{table}: {len(want)} rows, not {len(rows)}, or others")
        bad = 1
        continue
    for row_id, row in want.items():
        for column, value, text in zip(columns, row, got[row_id]):
            if not same(value, text):
                print(f"{table}.{column} of {row_id}: {value!r}, not {text!r}")
                bad = 1
sys.exit(bad)
