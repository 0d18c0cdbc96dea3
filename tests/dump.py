#!/usr/bin/env python3
"""dump.py DB: the tables of an SQLite file as text, without what differs from run to run (ids, load ids, times)."""
import sqlite3
import sys

skip = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_load_id"}
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
tables = db.execute("select name from sqlite_master where type = 'table' order by 1")
for (t,) in tables.fetchall():
    if t.startswith("_dlt"):
        continue
    name = '"' + t.replace('"', '""') + '"'
    columns = [r[1:3] for r in db.execute("pragma table_info(%s)" % name)]
    print(t, columns)
    keep = [i for i, c in enumerate(columns) if c[0] not in skip]
    rows = db.execute("select * from %s" % name).fetchall()
    for r in sorted(repr([r[i] for i in keep]) for r in rows):
        print(" ", r)
