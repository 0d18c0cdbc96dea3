# SPDX-License-Identifier: MIT
"""Tables of a database that dlt wrote, and whether two such databases are the same.

Ids are taken for what they stand for: a row is compared together with the rows nested in it, in the order of their list index; the n-th
load is the n-th load; times of a load are the n-th such time of their column. Ids that are hashes of a row's content are compared.
"""
import base64, hashlib, json, sqlite3, zlib

TIMES = ("inserted_at", "created_at")


def plain(v):
    if isinstance(v, (bytes, bytearray, memoryview)):
        return bytes(v).hex()
    return v if v is None or isinstance(v, (bool, int, str)) else repr(v) if isinstance(v, float) else "%s %s" % (type(v).__name__, v)


def of_sqlite(path):
    db, out = sqlite3.connect("file:%s?mode=ro" % path, uri=True), {}
    for (t,) in db.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'").fetchall():
        q = '"' + t.replace('"', '""') + '"'
        cur = db.execute("select * from %s" % q)
        names = [c[0] for c in cur.description]
        out[t] = {"columns": [r[1:4] for r in db.execute("pragma table_info(%s)" % q)],
                  "rows": [dict(zip(names, map(plain, row))) for row in cur.fetchall()]}
    db.close()
    return out


def of_duckdb(db, dataset):
    """Of a connection, which is closed."""
    columns_of, out = {}, {}
    for t, *column in db.execute("select table_name, column_name, data_type, is_nullable from information_schema.columns where table_schema = ? "
                                 "order by table_name, ordinal_position", [dataset]).fetchall():
        columns_of.setdefault(t, []).append(tuple(column))
    for t, columns in columns_of.items():
        # time zones need pytz: text will do
        shown = ", ".join('CAST("%s" AS VARCHAR)' % c[0].replace('"', '""') if "TIME ZONE" in c[1] else '"%s"' % c[0].replace('"', '""') for c in columns)
        rows = db.execute('select %s from "%s"."%s"' % (shown, dataset, t.replace('"', '""'))).fetchall()
        out[t] = {"columns": columns, "rows": [dict(zip([c[0] for c in columns], map(plain, row))) for row in rows]}
    db.close()
    return out


def nested_id(parent, table, idx):
    return base64.b64encode(hashlib.shake_128(("%s_%s_%s" % (parent, table, idx)).encode()).digest(10)).decode().rstrip("=")


def columns_named(schema, table, hint):
    return [n for n, c in schema["tables"].get(table, {}).get("columns", {}).items() if hint in c]


class Forest:
    """Root rows as text, each with what is nested in it."""

    def __init__(self, tables, schema, hashed, loads):
        self.tables, self.schema, self.hashed, self.loads = tables, schema, hashed, loads
        self.parents = {t: schema["tables"].get(t, {}).get("parent") for t in tables}
        self.children, self.complaints = {}, []
        for t in tables:
            for row in tables[t]["rows"] if self.parents[t] else []:
                self.children.setdefault((self.parents[t], row.get("_dlt_parent_id")), []).append((t, row))
        self.used = set()

    def times(self, t):
        out = {}
        for c in columns_named(self.schema, t, "x-valid-from") + columns_named(self.schema, t, "x-valid-to"):
            values = {r[c] for r in self.tables[t]["rows"] if r.get(c) is not None}
            out[c] = sorted(values)
        known = sorted(set().union(*out.values())) if out else []
        return {c: known for c in out}

    def tree(self, t, row, root, root_table, times):
        own = row.get("_dlt_id")
        out = {k: v for k, v in row.items() if v is not None and k not in ("_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_load_id")}
        for c, known in times.items():
            if c in out:
                out[c] = known.index(out[c])
        if "_dlt_load_id" in row:
            out["_dlt_load_id"] = self.loads.get(row["_dlt_load_id"], row["_dlt_load_id"])
        if root is None and t in self.hashed:
            out["_dlt_id"] = own
        if row.get("_dlt_root_id") is not None:
            out["_dlt_root_id"] = row["_dlt_root_id"] == root
        below = [] if own is None else self.children.get((t, own), [])
        for child, r in below:
            self.used.add(id(r))
            if r.get("_dlt_id") != nested_id(own, child, r.get("_dlt_list_idx")):
                self.complaints.append("%s: _dlt_id is no hash of parent, table and index" % child)
        if below:
            made = [(child, r.get("_dlt_list_idx"), self.tree(child, r, root or own, root_table, {})) for child, r in below]
            out["/"] = sorted(json.dumps(m, sort_keys=True, ensure_ascii=False) for m in made)
        return out

    def all(self):
        out = {}
        for t in self.tables:
            if t.startswith("_dlt"):
                continue
            if not self.parents[t]:
                out[t] = sorted(json.dumps(self.tree(t, r, None, t, self.times(t)), sort_keys=True, ensure_ascii=False) for r in self.tables[t]["rows"])
        for t in self.tables:
            # a row that has an id of its own has no parent
            lost = [r for r in self.tables[t]["rows"] if self.parents[t] and id(r) not in self.used]
            if lost:
                out["%s without parent" % t] = sorted(json.dumps({k: v for k, v in r.items() if not k.startswith("_dlt")}, sort_keys=True) for r in lost)
        return out


def decoded(state):
    s = json.loads(state if state.startswith("{") else zlib.decompress(base64.b64decode(state)))
    return {k: v for k, v in s.items() if k not in ("_version_hash",)}


def meta(tables, loads):
    """What dlt keeps for itself: loads, versions and states."""
    rows = lambda t, key: sorted(tables[t]["rows"], key=lambda r: r[key]) if t in tables else []
    return {"_dlt_loads": [(r["schema_name"], r["status"], r["schema_version_hash"]) for r in rows("_dlt_loads", "load_id")],
            "_dlt_version": sorted({(r["schema_name"], r["version_hash"], r["engine_version"]) for r in rows("_dlt_version", "version")}),
            "_dlt_pipeline_state": [(loads.get(r["_dlt_load_id"]), r["version"], r["pipeline_name"], decoded(r["state"]))
                                    for r in rows("_dlt_pipeline_state", "_dlt_load_id")]}


def short(v):
    s = v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str)
    return s if len(s) < 600 else s[:600] + "..."


def differences(want, have, schema, hashed=(), ordered=True, states=True):
    """Lines of text; none: equal. want and have: of_duckdb() or of_sqlite()."""
    out = []
    have = {t: d for t, d in have.items() if t != "_dlt_jobs"}
    for t in sorted(set(want) | set(have)):
        a, b = want.get(t, {}).get("columns"), have.get(t, {}).get("columns")
        if a is None or b is None:
            out.append("table %s %s" % (t, "is missing" if b is None else "is too many"))
        elif (a if ordered else sorted(a)) != (b if ordered else sorted(b)):
            out.append("columns of %s are\n  %s, should be\n  %s" % (t, b, a))
    if out:
        return out
    sides = []
    for tables in (want, have):
        loads = {r["load_id"]: n for n, r in enumerate(sorted(tables["_dlt_loads"]["rows"], key=lambda r: r["load_id"]))} if "_dlt_loads" in tables else {}
        forest = Forest(tables, schema, hashed, loads)
        sides.append((forest.all(), meta(tables, loads), forest.complaints))
    (a, meta_a, bad_a), (b, meta_b, bad_b) = sides
    out += sorted(set(bad_b) - set(bad_a))
    for t in sorted(set(a) | set(b)):
        x, y = list(a.get(t, [])), list(b.get(t, []))
        if x != y:
            missing, many = list(x), []
            for r in y:
                missing.remove(r) if r in missing else many.append(r)
            out.append("rows of %s: %d, should be %d\n  missing: %s\n  too many: %s" % (t, len(y), len(x), short(missing[:2]), short(many[:2])))
    for t in meta_a:
        if t == "_dlt_pipeline_state" and not states or t == "_dlt_version" and not ordered or t == "_dlt_loads" and not ordered:
            continue
        if meta_a[t] != meta_b[t]:
            out.append("%s is\n  %s, should be\n  %s" % (t, short(meta_b[t]), short(meta_a[t])))
    return out
