#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random load packages, extracted and normalized by Python dlt 1.26.0.

generate.py OUT SEED...

OUT/SEED/case.json        what was asked: destination, naming, hints
OUT/SEED/stepN/input.txt  the rows, as Python would print them
OUT/SEED/stepN/extracted/LOAD_ID, normalized/LOAD_ID (normalize.error where dlt fails)
OUT/SEED/stepN/pipelines/ the working directory between extract and normalize

The same seed gives the same data; only load ids, times and random row ids differ.
"""
import base64, datetime, decimal, json, os, random, shutil, sys, uuid

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
                   "DATA_WRITER__DISABLE_COMPRESSION": "true", "LOAD__DELETE_COMPLETED_JOBS": "false"})
import dlt
from dlt.common.libs.hexbytes import HexBytes
from dlt.common.wei import Wei

import dlt.normalize.normalize as dlt_normalize

# dlt takes the jobs of a package as the file system lists them; sorted, its result is one and the same
w_normalize_files = dlt_normalize.w_normalize_files
dlt_normalize.w_normalize_files = lambda *a, **k: w_normalize_files(*a[:5], sorted(a[5], key=os.path.basename), *a[6:], **k)

UTC = datetime.timezone.utc


def zone(hours, minutes=0):
    return datetime.timezone(datetime.timedelta(hours=hours, minutes=minutes))


def from_list(*values):
    return lambda r, d: r.choice(values)


def nested(r, depth):
    return {key(r, mild=True): value(r, r.choice(SIMPLE), depth - 1) for _ in range(r.randint(0, 3))}


def items(r, depth):
    kind = r.choice(SIMPLE + ["object", "list"])
    return [value(r, kind if r.random() < 0.8 else "null", depth - 1) for _ in range(r.randint(0, 3))]


KINDS = {
    "null": from_list(None),
    "int": lambda r, d: r.choice([0, 1, -1, 7, 42, r.randint(-1000, 1000), r.randint(-2**31, 2**31)]),
    "big": from_list(2**53 + 1, 2**62, 2**63 - 1, -2**63, 2**31, 2**53),
    "uint64": from_list(2**63, 2**64 - 1, 2**63 + 12345),
    "epoch": from_list(1700000000, 1735689600, 1764000000, 0, 253402300799),
    "float": lambda r, d: r.choice([0.1, 1.0, -2.5, 1e300, 1e-7, -0.0, 5e-324, 1e16, 1e22, 123456789.125, 3.0, float("nan"), 1735689600.5, r.uniform(-1e6, 1e6)]),
    "bool": from_list(True, False),
    "text": from_list("x", "hello world", "", " ", "naïve", "日本", "a\tb\n\"q\" \\ / \x01 \x7f", "\u2028", "😀", "x" * 300, "'", "None", "null"),
    "pua": from_list("\uf026", "\uf026x", "\uf027nope", "\uf02fz", "\uf025y", "\uf02bAA==", "\uf0261.5", "\uf02a??", "\uf0271.0"),
    "int_text": from_list("12", " 12 ", "0x1f", "1_000", "+5", "-3", "٣", "007", "9" * 19, "9" * 30, "0X1F", "1__0", "-0", "0x", " "),
    "float_text": from_list("1.5", "1e3", ".5", "5.", "nan", "inf", "-Infinity", "1_0.0", "1e400", "0.1e-9", " 2.5 ", "1,5"),
    "bool_text": from_list("yes", "True", "f", "N", "0", "1", "on", " true", "FALSE", "t"),
    "iso": from_list("2024-01-15T10:20:30Z", "2024-01-15T10:20:30.123456+02:00", "2024-01-15 10:20:30", "2024-01-15T10:20", "20240115T102030Z",
                     "2024-01-15T10:20:30.5-05:30", "1969-12-31T23:59:59Z", "2024-W03-1T10:00", "2024-015T10:00:00Z", "2024-01-15T10", "0001-01-01T00:00:00Z",
                     "2024-01-15T10:20:30.123456789Z", "2024/01/15 10:20:30"),
    "date_text": from_list("2024-01-15", "20240115", "2024-W03", "2024", "2024-01", "1.1.2024", "2024-02-30", "2024-015", "2024-W05-2"),
    "time_text": from_list("10:20:30", "10:20", "10:20:30.5", "T10:20", "10:20:30+02:00", "25:00", "10:20:30Z"),
    "base64": from_list("aGVsbG8=", "aGVsbG8", "AAEC", "0x00ff", "====", "aGVs bG8=", "0xzz", "0x 00 ff", "0xf"),
    "json_text": from_list('{"a":1}', "[1,2]", "1", '"x"', "null", "{", '{"a":1.0,"b":[null]}', '{"a":12345678901234567890}', "true"),
    "decimal": from_list(*[decimal.Decimal(s) for s in ("1.10", "1E+3", "0", "-0.0", "12345678901234567890.123456789", "5", "1E-7", "100", "2.5")]),
    "wei": lambda r, d: Wei(r.choice(["1", "1000000000000000000", "1.5", str(2**255), "0"])),
    "datetime": from_list(datetime.datetime(2024, 1, 15, 10, 20, 30, tzinfo=UTC), datetime.datetime(2024, 1, 15, 10, 20, 30, 123456, tzinfo=zone(5)),
                          datetime.datetime(2024, 1, 15, 12), datetime.datetime(1970, 1, 1, tzinfo=zone(-3, -30)), datetime.datetime(2024, 6, 1, 0, 0, 0, 500000)),
    "date": from_list(datetime.date(2024, 1, 15), datetime.date(1, 1, 1), datetime.date(9999, 12, 31)),
    "time": from_list(datetime.time(10, 20, 30), datetime.time(0, 0), datetime.time(23, 59, 59, 999999)),
    "bytes": from_list(b"", b"\x00", b"hello", bytes(range(32)), b"12"),
    "hexbytes": lambda r, d: HexBytes(r.choice([b"\x00", b"hello", b"\x01\x02"])),
    "uuid": from_list(uuid.UUID(int=5), uuid.UUID("12345678-1234-5678-1234-567812345678")),
    "object": lambda r, d: nested(r, d) if d > 0 else {},
    "list": lambda r, d: items(r, d) if d > 0 else [],
    "empty": from_list([], {}, [[]], [{}], [None], {"a": {}}, {"a": []}),
}
SIMPLE = [k for k in KINDS if k not in ("object", "list", "null", "empty")]
ALL = list(KINDS)
# kinds that seldom make dlt fail where they meet
GENTLE = ["int", "float", "bool", "text", "int_text", "float_text", "object", "list", "empty", "null", "big", "decimal", "bytes", "json_text"]

KEYS = ["a", "b", "c", "id", "name", "value", "list", "items", "camelCase", "HTTPCode", "user_id", "n1", "d", "x__y", "a_b"]
ODD = ["", " ", "A", "a b", "a-b", "aB", "_private", "__", "___x", "trailing_", "trailing__", "x__y__z", "_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_list_idx",
       "_dlt_root_id", "_dlt_x", "_DLT_ID", "日本", "naïve", "1st", "a.b", "a\"b", "a\\b", "\U0001F600", "very_long_" * 12, "k" * 70, "*", "+", "@x|y", "a__v_text", "a__v_bigint", "Ünï", "\t", "a\u200bb", "value__v_text"]


def key(r, mild=False):
    return r.choice(KEYS) if mild or r.random() < 0.8 else r.choice(ODD)


def value(r, kind, depth):
    return KINDS[kind](r, depth)


class Maker:
    """Rows of one table: each key has kinds that it likes."""

    def __init__(self, r, gentle):
        self.r, self.gentle, self.likes = r, gentle, {}
        self.keys = [key(r) for _ in range(r.randint(2, 9))]
        self.odd = r.random() < 0.3

    def kind(self, k):
        r = self.r
        if k not in self.likes:
            pool = GENTLE if self.gentle else ALL
            self.likes[k] = [r.choice(pool) for _ in range(r.choice([1, 1, 2, 2, 3]))]
        if r.random() < 0.1:
            return "null"
        return r.choice(self.likes[k])

    def row(self):
        r = self.r
        if r.random() < 0.03:
            return value(r, r.choice(["int", "text", "list", "float"]), 3)
        keys = [k for k in self.keys if r.random() < 0.8]
        if r.random() < 0.3:
            r.shuffle(keys)
        if r.random() < 0.08:
            keys.append(key(r))
        row = {k: value(r, self.kind(k), 3) for k in keys}
        for k in ("_dlt_id", "_DLT_ID", "_dlt_parent_id"):
            if k in row:
                row[k] = r.choice(["u%d" % r.randint(1, 10**9), "", "u1"])
        return row


TYPES = ["text", "double", "bool", "timestamp", "bigint", "binary", "json", "decimal", "wei", "date", "time"]
MODES = ["evolve", "freeze", "discard_row", "discard_value"]
DETECTIONS = ["timestamp", "iso_timestamp", "iso_date", "large_integer", "hexbytes_to_text", "wei_to_double"]


def contract(r):
    if r.random() < 0.4:
        return r.choice(["discard_row", "discard_value", "evolve"])
    return {e: r.choice(["discard_row", "discard_value", "evolve", "discard_value", r.choice(MODES)]) for e in ("tables", "columns", "data_type") if r.random() < 0.6}


def column_hints(r, keys):
    out = {}
    for k in r.sample(keys, min(len(keys), r.randint(1, 3))):
        if not k.strip() or k.startswith("_dlt") or k.startswith("_DLT") or k == "__":
            continue
        c = {}
        if r.random() < 0.6:
            c["data_type"] = r.choice(TYPES)
        if r.random() < 0.3:
            c["precision"] = r.choice([3, 6, 9, 32])
        if r.random() < 0.2:
            c["timezone"] = r.choice([True, False])
        if r.random() < 0.1:
            c["nullable"] = r.choice([True, False])
        if r.random() < 0.1:
            c["description"] = "by hand"
        if r.random() < 0.1:
            c[r.choice(["unique", "sort", "cluster", "partition"])] = True
        if c.get("data_type") == "decimal" and r.random() < 0.5:
            c["precision"], c["scale"] = 10, 2
        out[k] = c
    return out


def make_case(seed):
    r = random.Random(seed)
    case = {"seed": seed, "for": "filesystem", "steps": r.choice([1, 2, 3]), "gentle": r.random() < 0.7}
    p = r.random()
    if p < 0.3:
        case["for"] = "duckdb"
    elif p < 0.42:
        case["for"] = "postgres"  # its identifiers have 63 characters
    if r.random() < 0.25:
        case["naming"] = r.choice(["direct", "sql_cs_v1", "sql_ci_v1", "duck_case"])
    if r.random() < 0.35:
        case["max_nesting"] = r.choice([0, 1, 2, 3])
    if r.random() < 0.25:
        case["contract"] = contract(r)
    if r.random() < 0.2:
        case["preferred"] = {x: r.choice(TYPES) for x in r.sample(["re:^a", "re:id$", "b", "re:__", "re:.", "re:value", "re:^list"], r.randint(1, 3))}
    if r.random() < 0.3:
        case["detections"] = r.sample(DETECTIONS, r.randint(0, 6))
    if r.random() < 0.2:
        case["root_key"] = r.random() < 0.8
    resources = []
    for i in range(r.choice([1, 1, 2, 3])):
        m = Maker(r, case["gentle"])
        h = {"name": "r%d" % i, "maker": m}
        if r.random() < 0.15:
            h["max_nesting"] = r.choice([0, 1, 2])
        if r.random() < 0.2:
            h["contract"] = contract(r)
        if r.random() < 0.35:
            h["columns"] = column_hints(r, m.keys)
        p = r.random()
        if p < 0.15:
            h["write_disposition"] = "replace"
        elif p < 0.35:
            plain = [k for k in m.keys if k.strip() and not k.lower().startswith("_dlt")]
            strategy = r.choice(["delete-insert", "upsert", "scd2", "insert-only"])
            if case["for"] == "filesystem":
                strategy = "delete-insert"
            if plain and strategy != "scd2":
                h["primary_key"] = plain[0]
                m.likes[plain[0]] = [r.choice(["int", "text", "float", "int_text"])]
            if "primary_key" in h or strategy == "scd2":
                h["write_disposition"] = {"disposition": "merge", "strategy": strategy}
        if r.random() < 0.1:
            h["filters"] = {"excludes": r.sample(["a", "re:^b", "re:__", "re:^n1__", "items__value", "re:_dlt_id", "re:d$"], r.randint(1, 2)),
                            "includes": r.sample(["re:id", "re:^a$", "n1__a"], r.randint(0, 1))}
        if r.random() < 0.1:
            h["pages"] = True
        resources.append(h)
    if seed >= 10000:
        vary_schema(r, case, resources)
    return r, case, resources


HINTS = ["not_null", "primary_key", "merge_key", "unique", "sort", "cluster", "partition", "hard_delete", "row_key", "root_key", "incremental"]
PATTERNS = ["re:^a", "re:id$", "b", "re:_id$", "name", "re:^(c|d)$", "value", "re:x__y", "id", "re:.", "list", "camel_case"]
NAMINGS = ["snake_case", "direct", "sql_cs_v1", "sql_ci_v1", "duck_case", "dlt.common.normalizers.naming.sql_ci_v1", "dlt.common.normalizers.naming.duck_case",
           "dlt.common.normalizers.naming.snake_case"]


def vary_schema(r, case, resources):
    """More of what a schema says; the seeds below 10000 keep their cases."""
    case["for"] = r.choice(["filesystem", "duckdb", "postgres", "redshift"])
    case["gentle"] = r.random() < 0.8
    if r.random() < 0.5:
        case["naming"] = r.choice(NAMINGS)
    if r.random() < 0.15:
        case["break_path"] = r.random() < 0.3
    if r.random() < 0.4:
        case["default_hints"] = {h: r.sample(PATTERNS, r.randint(1, 2)) for h in r.sample(HINTS, r.randint(1, 3)) if h != "not_null" or r.random() < 0.3}
    if r.random() < 0.3:
        case["preferred"] = {x: r.choice(TYPES) for x in r.sample(["re:^a", "re:id$", "b", "re:__", "re:value", "re:^list", "name", "camel_case", "d"], r.randint(1, 3))}
    if r.random() < 0.4:
        case["detections"] = r.sample(DETECTIONS, r.randint(0, 6))
    if r.random() < 0.4:
        e = r.choice(["tables", "columns", "data_type", "columns", "data_type"])
        case["contract"] = r.choice([r.choice(MODES), {e: r.choice(MODES)}, contract(r)])
    for h in resources:
        m = h["maker"]
        if case["for"] in ("postgres", "redshift") and r.random() < 0.5:
            m.keys += r.sample(["k" * 62, "k" * 63, "k" * 64, "very_long_" * 7, "veryLong" * 16, "日" * 70, "x__" * 25 + "y", "long " * 30], 2)
        if r.random() < 0.3:
            h["max_nesting"] = r.choice([0, 1, 2, 3])
        if r.random() < 0.3:
            h["contract"] = r.choice([r.choice(MODES), {r.choice(["tables", "columns", "data_type"]): r.choice(MODES)}])
        if r.random() < 0.3:
            h["filters"] = {"excludes": r.sample(["a", "re:^b", "re:__", "re:^n1__", "items__value", "re:d$", "re:^c$", "list", "re:^items"], r.randint(1, 2)),
                            "includes": r.sample(["re:id", "re:^a$", "n1__a", "re:__id$", "items__id"], r.randint(0, 2))}
    return case


def show(h):
    return {k: v for k, v in h.items() if k != "maker"}


def source_of(r, case, resources, step, log):
    def resource(h):
        n = r.choice([0, 1, 2, 5, 12, 30]) if step else r.choice([1, 5, 12, 30])
        rows = [h["maker"].row() for _ in range(n)]
        if h.get("primary_key"):
            for row in rows:
                if isinstance(row, dict):
                    k = h["primary_key"]
                    while row.get(k) is None or row[k] != row[k]:
                        row[k] = value(r, h["maker"].likes[k][0], 0)
        log.write("%s\n" % h["name"])
        log.writelines("  %r\n" % (x,) for x in rows)
        pages = [rows[i:i + 4] for i in range(0, len(rows), 4)] if h.get("pages") else [rows]

        def f():
            for p in pages:
                yield p
        kw = {"name": h["name"], "write_disposition": h.get("write_disposition", "append")}
        if h.get("primary_key"):
            kw["primary_key"] = h["primary_key"]
        if "columns" in h:
            kw["columns"] = h["columns"]
        if "contract" in h:
            kw["schema_contract"] = h["contract"]
        if "max_nesting" in h:
            kw["max_table_nesting"] = h["max_nesting"]
        return dlt.resource(f, **kw)

    made = [resource(h) for h in resources]
    kw = {"max_table_nesting": case.get("max_nesting")}
    if "root_key" in case:
        kw["root_key"] = case["root_key"]
    if "contract" in case:
        kw["schema_contract"] = case["contract"]

    @dlt.source(name="oracle", **kw)
    def oracle():
        return made
    s = oracle()
    if "preferred" in case:
        s.schema.update_preferred_types(case["preferred"])
    if "default_hints" in case:
        s.schema.merge_hints({h: list(v) for h, v in case["default_hints"].items()})
    if "detections" in case:
        s.schema.settings["detections"] = list(case["detections"])
        s.schema._compile_settings()
    for h in resources:
        if "filters" in h:
            name = s.schema.naming.normalize_table_identifier(h["name"])
            t = s.schema.tables.get(name)
            if t is None:
                from dlt.common.schema.utils import new_table
                s.schema.update_table(new_table(name, resource=h["name"]))
                t = s.schema.tables[name]
            t["filters"] = {k: list(v) for k, v in h["filters"].items()}
            s.schema._compile_settings()
    return s


def destination(case):
    """The real factory with all that it can do, but for job files: of jsonl, which check.py reads."""
    if case["for"] == "filesystem":
        return dlt.destinations.filesystem("file:///nowhere")
    factory = getattr(dlt.destinations, case["for"])
    return factory(preferred_loader_file_format="jsonl", supported_loader_file_formats=["jsonl"])


def one(out, seed, made=None):
    r, case, resources = made or make_case(seed)
    base = os.path.join(out, str(seed))
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base)
    json.dump({**case, "resources": [show(h) for h in resources]}, open(base + "/case.json", "w"), indent=1, default=str, ensure_ascii=True)
    for name in ("SCHEMA__NAMING", "SCHEMA__USE_BREAK_PATH_ON_NORMALIZE"):
        os.environ.pop(name, None)
    if "break_path" in case:
        os.environ["SCHEMA__USE_BREAK_PATH_ON_NORMALIZE"] = str(case["break_path"]).lower()
    if "naming" in case:
        os.environ["SCHEMA__NAMING"] = case["naming"]
    work = os.path.join(base, "work")
    p = dlt.pipeline("oracle", pipelines_dir=work, destination=destination(case), dataset_name="d")
    for step in range(case["steps"]):
        d = "%s/step%d" % (base, step + 1)
        os.makedirs(d)
        with open(d + "/input.txt", "w", errors="backslashreplace") as log:
            try:
                info = p.extract(source_of(r, case, resources, step, log))
            except Exception as e:
                open(d + "/extract.error", "w").write("%s: %s" % (type(e).__name__, e))
                p.drop_pending_packages()
                continue
        if not info.loads_ids:
            continue
        ids = p.list_extracted_load_packages()
        if len(ids) != 1:
            open(d + "/extract.error", "w").write("%d packages" % len(ids))
            p.drop_pending_packages()
            continue
        shutil.copytree(work + "/oracle/normalize/extracted/" + ids[0], d + "/extracted/" + ids[0])
        shutil.copytree(work, d + "/pipelines")
        try:
            p.normalize()
        except Exception as e:
            while e.__cause__:
                e = e.__cause__
            open(d + "/normalize.error", "w", errors="backslashreplace").write("%s: %s" % (type(e).__name__, e))
            p.drop_pending_packages()
            continue
        if os.path.exists(work + "/oracle/load/normalized/" + ids[0]):
            shutil.move(work + "/oracle/load/normalized/" + ids[0], d + "/normalized/" + ids[0])
        p.drop_pending_packages()
    p.deactivate()
    shutil.rmtree(work)


if __name__ == "__main__":
    for s in sys.argv[2:]:
        first, _, last = s.partition("-")
        for seed in range(int(first), int(last or first) + 1):
            one(sys.argv[1], seed)
