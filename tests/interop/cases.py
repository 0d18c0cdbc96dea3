# SPDX-License-Identifier: MIT
"""The data sets of the matrix: golden inputs with their hints, and random ones.

golden:NAME   rows of input.jsonl, hints of case.json; steps that Python dlt refuses are left out, a single step is done twice
json:SEED     rows that JSON can carry, the same hints for all resources: any way
typed:SEED    dates, decimals, bytes among them: the ways that begin with Python's extract
"""
import datetime, decimal, glob, json, os, random, sys, uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "oracle")]
import generate
import dlt

UTC = datetime.timezone.utc
NAME = "interop"  # of the pipeline and its schema


class Case:
    """What a way needs: source(step) for Python, and flags(), inputs(step, folder) for dlt-extract."""

    ways, env = "abcdfm", {}
    ordered = True  # columns: several files of one table come to Python in any order
    hashed = ()  # root tables whose row ids come from their content

    def source(self, step):
        made = [dlt.resource(rows, name=name, **self.hints(name)) for name, rows in self.rows(step)]

        @dlt.source(name=NAME, **self.source_hints)
        def rows_of_a_file():
            return made
        return rows_of_a_file()

    def inputs(self, step, folder):
        out = []
        for name, rows in self.rows(step):
            path = os.path.join(folder, "input-%s.jsonl" % len(out))
            with open(path, "w", encoding="utf-8") as f:
                f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            out.append((name, path))
        return out


def flags_of(hints, source_hints, columns):
    disposition, out = hints.get("write_disposition"), []
    if isinstance(disposition, dict):
        options = "".join("," + (k if v is True else "%s=%s" % (k, ":".join(v) if isinstance(v, list) else v))
                          for k, v in disposition.items() if k not in ("disposition", "strategy"))
        disposition = ":".join(disposition[k] for k in ("disposition", "strategy") if k in disposition) + options
    for flag, value in (("write-disposition", disposition), ("primary-key", hints.get("primary_key")), ("merge-key", hints.get("merge_key"))):
        if value:
            out.append("--%s=%s" % (flag, value))
    contract = hints.get("schema_contract")
    if contract:
        out.append("--schema-contract=" + (contract if isinstance(contract, str) else ",".join("%s=%s" % p for p in contract.items())))
    if "max_table_nesting" in source_hints:
        out.append("--max-table-nesting=%d" % source_hints["max_table_nesting"])
    for table, name, c in columns:
        words = [k if v is True else {"nullable": "not_null", "timezone": "no_timezone"}[k] if v is False else v if k == "data_type" else "%s=%s" % (k, v)
                 for k, v in c.items() if k != "name"]
        out.append("--column=%s%s:%s" % (table and table + ".", name, ",".join(words)))
    return out


# What Python dlt alone refuses, and so cannot be compared:
# numbers  18446744073709551615 becomes a bigint; DuckDB: "out of range for the destination type INT64", sqlite3: "int too large to convert"
# fuzz_01  its only step stops Python's normalize: "Cannot coerce type `text` to `timestamp`", in a variant column
# strings  a NUL in a text: insert_values has E'\x00', and DuckDB says "Null character not permitted in escape string literal"; SQLite takes it
REFUSED, ONLY = ["numbers", "fuzz_01"], {"strings": "d"}


class Golden(Case):
    def __init__(self, name):
        base = os.path.join(os.environ["TEST_DATA"], "packages", name)
        self.case = case = json.load(open(base + "/case.json"))
        self.inputs_of = [d + "/input.jsonl" for d in sorted(glob.glob(base + "/step*")) if not os.path.exists(d + "/normalize.error")]
        if len(self.inputs_of) == 1:
            self.inputs_of *= 2
        self.steps, self.env = len(self.inputs_of), case.get("config", {})
        self.own, self.source_hints = dict(case.get("hints", {})), case.get("source", {})
        self.by = case.get("tables_from")
        self.ways = ONLY.get(name, self.ways)
        self.ordered = name != "rotation"
        if name == "scd2":
            self.hashed = ("dim",)

    def rows(self, step):
        rows, out = [json.loads(line) for line in open(self.inputs_of[step], encoding="utf-8") if line.strip()], {}
        for row in rows:
            out.setdefault(row[self.by] if self.by else self.case["table"], []).append(row)
        return list(out.items()) or [(self.case["table"], [])]

    def hints(self, name):
        return self.own

    def flags(self):
        out = flags_of(self.own, self.source_hints, [("", k, v) for k, v in self.own.get("columns", {}).items()])
        return out + (["--table-from=" + self.by] if self.by else [])

    def inputs(self, step, folder):
        return [(self.case["table"], self.inputs_of[step])]


KINDS = ["int", "big", "real", "bool", "text", "int_text", "bool_text", "iso", "date_text", "object", "list", "empty", "null"]
KEYS = generate.KEYS + ["Grüße", "a.b", "with space", "ID"]


class Json(Case):
    kinds = KINDS

    def __init__(self, seed):
        self.r = r = random.Random(seed)
        self.steps, self.made = r.choice([2, 3]), {}
        self.source_hints = {"max_table_nesting": r.choice([0, 1, 2, 3])} if r.random() < 0.3 else {}
        self.own, self.columns = {}, []
        self.names = ["r%d" % i for i in range(r.choice([1, 2, 3]))]
        self.keys = {n: r.sample(KEYS, r.randint(3, 8)) for n in self.names}
        self.likes = {(n, k): r.choices(self.kinds, k=r.choice([1, 1, 1, 2])) for n in self.names for k in self.keys[n]}
        # two types meet in a variant column once; dlt stops where a third comes
        for key, kinds in self.likes.items():
            if len(kinds) > 1 and not set(kinds) <= {"int", "big", "text", "object", "list", "empty", "null"}:
                self.likes[key] = kinds[:1]
        # nor a number that is no time to another key of the same column
        for (name, key), kinds in self.likes.items():
            column = [k for k in self.keys[name] if k.lower().replace(".", "_") == key.lower().replace(".", "_")]
            if {"iso", "datetime"} & set(kinds) and {"big", "real"} & {kind for k in column for kind in self.likes[name, k]}:
                self.likes[name, key] = self.likes[name, next(k for k in column if k != key)]
        self.disposition(r.random())
        if r.random() < 0.3:
            self.own["schema_contract"] = r.choice(["discard_value", {"columns": "discard_row"}, {"columns": "discard_value", "data_type": "evolve"}])
        for n in self.names:
            for k in self.keys[n]:
                if r.random() < 0.1 and self.likes[n, k][0] in ("int", "bool", "text") and len(self.likes[n, k]) == 1:
                    c = {"data_type": {"int": "double", "bool": "bool", "text": "text"}[self.likes[n, k][0]]}
                    c.update(r.choice([{}, {"nullable": True}, {"unique": True}, {"description": "by hand"}]))
                    self.columns.append((n, k, c))
        self.content = [[(n, self.make(n, step)) for n in self.names] for step in range(self.steps)]

    def disposition(self, p):
        if p < 0.45:
            return
        if p < 0.6:
            self.own["write_disposition"] = "replace"
            return
        strategy = self.r.choice(["delete-insert", "upsert", "insert-only", "scd2"])
        self.own["write_disposition"] = {"disposition": "merge", "strategy": strategy}
        if strategy != "scd2":
            self.own["primary_key"] = "pk"
        else:
            for k, v in (("validity_column_names", ["from_time", "toTime"]), ("active_record_timestamp", "9999-12-31")):
                if self.r.random() < 0.4:
                    self.own["write_disposition"][k] = v
        if strategy != "delete-insert":
            self.hashed = tuple(self.names)
        if self.hashed and strategy != "scd2":
            self.ways = self.ways.replace("d", "")  # Python dlt has neither in SQLite

    def value(self, kind, depth=2):
        r = self.r
        if kind == "real":
            return r.choice([0.1, 1.0, -2.5, 1e16, 123456789.125, 3.0, -1e-7, round(r.uniform(-1e6, 1e6), 6)])
        if kind == "object":
            return {k: self.value(t, depth - 1) for k, t in (("a", "int"), ("x", "text"), ("Deep", "object"), ("l", "list"))
                    if r.random() < 0.6 and (depth or t in ("int", "text"))}
        if kind == "list":
            inner = r.choice(["int", "object", "object", "list"]) if depth else "int"
            return [self.value(inner, max(depth - 1, 0)) for _ in range(r.randint(0, 3))]
        if kind == "int_text":
            return r.choice(["12", "007", "-3"])
        if kind in ("iso", "date_text"):
            return r.choice(["2024-01-15T10:20:30Z", "2024-01-15T10:20:30.123456+02:00", "1969-12-31T23:59:59Z"] if kind == "iso" else ["2024-01-15", "2024-02-30"])
        return generate.KINDS[kind](r, depth)

    def make(self, name, step):
        r, out = self.r, []
        for n in range(r.choice([1, 5, 12, 30]) if not step else r.choice([0, 1, 5, 12])):
            row = {"pk": n + 5 * step} if "primary_key" in self.own else {}
            for k in self.keys[name]:
                if r.random() < 0.8:
                    row[k] = self.value(r.choice(self.likes[name, k]) if r.random() < 0.9 else "null")
            if step and r.random() < 0.2:
                row["new_%d" % step] = self.value(r.choice(["int", "text", "object"]))
            out.append(row)
        return out

    def rows(self, step):
        return self.content[step]

    def hints(self, name):
        columns = {k: c for n, k, c in self.columns if n == name}
        return {**self.own, **({"columns": columns} if columns else {})}

    def flags(self):
        return flags_of(self.own, self.source_hints, self.columns)


class Typed(Json):
    """Values that only Python's extract can write, as dlt's typed JSON."""

    ways, kinds = "adf", KINDS[:6] + ["decimal", "datetime", "date", "time", "bytes", "uuid", "object", "list"]
    VALUES = {
        "decimal": [decimal.Decimal(s) for s in ("1.10", "0", "-3.5", "12345678.123456", "100")],
        "datetime": [datetime.datetime(2024, 1, 15, 10, 20, 30, tzinfo=UTC), datetime.datetime(2024, 1, 15, 10, 20, 30, 123456, tzinfo=generate.zone(5))],
        "date": [datetime.date(2024, 1, 15), datetime.date(1970, 1, 1), datetime.date(2999, 12, 31)],
        "time": [datetime.time(10, 20, 30), datetime.time(0, 0), datetime.time(23, 59, 59, 999999)],
        "bytes": [b"", b"\x00", b"hello", bytes(range(32))],
        "uuid": [uuid.UUID(int=5), uuid.UUID("12345678-1234-5678-1234-567812345678")],
    }

    def value(self, kind, depth=2):
        return self.r.choice(self.VALUES[kind]) if kind in self.VALUES else super().value(kind, depth)


def golden():
    return [n for n in sorted(os.listdir(os.path.join(os.environ["TEST_DATA"], "packages"))) if n not in REFUSED]


def case_of(text):
    kind, _, name = text.partition(":")
    if kind == "golden":
        return Golden(name)
    return Json(int(name)) if kind == "json" else Typed(int(name))


if __name__ == "__main__":
    print("\n".join("golden:" + n for n in golden()))
