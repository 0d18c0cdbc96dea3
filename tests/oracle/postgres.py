#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same extracted packages, brought into PostgreSQL by Python dlt and by the tools.

postgres.py DIR golden[:NAME]... merge:SEED...     (needs Python dlt 1.26.0 with psycopg2; SEED may be FIRST-LAST; libpq's variables
                                                    name the server; $GOLDEN is the directory of golden packages)

Each case is loaded into four datasets of the database: by Python dlt alone; by dlt-normalize and dlt-load alone; by both in turn, the
first step of every second case by Python; and by dlt-load from what Python has normalized (insert_values). After each step tables, columns,
types, nullability, constraints, indexes and rows must be equal: row ids, which are random, by what they lead to. Prints what differs; exit 1.
"""
import json, os, random, shutil, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__WORKERS": "1", "LOAD__WORKERS": "4",
                   "SCHEMA__ALLOW_IDENTIFIER_CHANGE_ON_TABLE_WITH_DATA": "true"})
warnings.filterwarnings("ignore")
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
import dlt, psycopg2
import merge

URL = "postgresql://%s:none@localhost:5432/%s?host=%s" % (os.environ["PGUSER"], os.environ["PGDATABASE"], os.environ["PGHOST"])
IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id"}


def golden_cases(only):
    base = os.environ["GOLDEN"]
    for name in sorted(os.listdir(base)):
        if only and name not in only:
            continue
        case = json.load(open("%s/%s/case.json" % (base, name)))
        steps = []
        for n in range(1, case["steps"] + 1):
            path = "%s/%s/step%d/input.jsonl" % (base, name, n)
            if not os.path.exists(path):
                break  # Python dlt refuses this one
            with open(path, encoding="utf-8") as f:
                steps.append([json.loads(line) for line in f if line.strip()])
        yield "golden_" + name, case, steps


def merge_cases(first, last):
    for seed in range(first, last + 1):
        rnd = random.Random(seed)
        case, rows, steps = merge.make_case(rnd), [], []
        if case["kind"] == "delete-insert" and "primary_key" in case:  # PostgreSQL has more
            how = rnd.choice(["delete-insert", "delete-insert", "upsert", "insert-only"])
            if how != "delete-insert":
                case["write_disposition"] = {"disposition": "merge", "strategy": how}
                case["null"] = False
                case.pop("merge_key", None)
                case["columns"].pop("seq", None)
                keys = case["primary_key"]
        for step in range(case["steps"]):
            rows = merge.make_rows(rnd, case, step, rows)
            if isinstance(case["write_disposition"], dict) and case["write_disposition"]["strategy"] in ("upsert", "insert-only"):
                rows = list({tuple(str(r[k]) for k in keys): r for r in rows}.values())  # MERGE takes each key once
            elif case["kind"] == "delete-insert" and "primary_key" in case:  # which of equal rows Python dlt keeps is left to chance
                rows = list({tuple(str(r.get(k)) for k in [*case["primary_key"], "seq"]): r for r in rows}.values())
            steps.append(rows)
        yield "merge_%d" % seed, {"table": "t", "hints": {k: case[k] for k in ("write_disposition", "primary_key", "merge_key", "columns") if k in case},
                                  "replace_strategy": case.get("replace_strategy")}, steps


def dump(con, dataset):
    """{table: (columns, rows)}; nested rows stand in those that they belong to."""
    cur, tables, nodes, parents = con.cursor(), {}, {}, []
    cur.execute("select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_attribute a join pg_class c on c.oid = a.attrelid "
                "join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped "
                "order by c.relname, a.attnum", (dataset,))
    for table, *column in cur.fetchall():
        tables.setdefault(table, []).append(tuple(column))
    tables.pop("_dlt_jobs", None)
    out = {t: [sorted(columns), [], []] for t, columns in tables.items()}
    # by name, too: who drops one by its name finds it
    cur.execute("select c.relname, o.conname || ' ' || pg_get_constraintdef(o.oid) from pg_constraint o join pg_class c on c.oid = o.conrelid "
                "join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s union all "
                "select tablename, indexname || regexp_replace(indexdef, '.* USING', '') from pg_indexes where schemaname = %s order by 1, 2", (dataset, dataset))
    for table, rule in cur.fetchall():
        if table in out:
            out[table][2].append(rule)
    cur.execute("select table_name, column_name || ' ' || data_type || coalesce(' ' || character_maximum_length, '') || coalesce(' ' || numeric_precision, '') || "
                "coalesce(' ' || numeric_scale, '') || coalesce(' ' || datetime_precision, '') || coalesce(' default ' || column_default, '') || ' ' || is_nullable "
                "from information_schema.columns where table_schema = %s order by 1, 2", (dataset,))
    for table, rule in cur.fetchall():
        if table in out:
            out[table][2].append(rule)
    for t, columns in tables.items():
        if t.startswith("_dlt"):
            cur.execute('select count(*) from "%s"."%s"' % (dataset, t))
            out[t][1] = [cur.fetchone()[0]]
            continue
        names = [c[0] for c in columns]
        cur.execute('select %s from "%s"."%s"' % (", ".join('"%s"::text' % n.replace('"', '""') for n in names), dataset, t))
        for values in cur.fetchall():
            row = dict(zip(names, values))
            node = {"table": t, "values": sorted((k, v) for k, v in row.items() if k not in IDS and v is not None), "below": []}
            nodes.setdefault(row.get("_dlt_id"), node)
            parents.append((row.get("_dlt_parent_id"), node))
    for parent, node in parents:
        if parent is None:
            out[node["table"]][1].append(node)
        elif parent in nodes:
            nodes[parent]["below"].append(node)
        else:
            out[node["table"]][1].append(dict(node, orphan=True))
    def settle(node):
        for n in node["below"]:
            settle(n)
        node["below"].sort(key=lambda n: json.dumps(n))
    for t in out:
        for node in out[t][1]:
            if isinstance(node, dict):
                settle(node)
        out[t][1] = sorted(json.dumps(n) for n in out[t][1])
    return out


def compare(name, step, who, want, got):
    for t in sorted(set(want) | set(got)):
        a, b = want.get(t, [[], [], []]), got.get(t, [[], [], []])
        if a != b:
            print("%s step %d, %s: table %s differs" % (name, step, who, t))
            for label, x, y in (("column", a[0], b[0]), ("row", a[1], b[1]), ("constraint", a[2], b[2])):
                print("  %ss: %d and %d" % (label, len(x), len(y)))
                print("  missing:", [v for v in x if v not in y][:3])
                print("  too many:", [v for v in y if v not in x][:3])
            return False
    return True


def tool(d, package, n, dataset, env):
    out = "%s/normalized-%s-%s-%d" % (d, dataset, os.path.basename(package), n)
    for command in (["dlt-normalize", "-q", "--for", "postgresql", "-o", out, package], ["dlt-load", URL, "--dataset", dataset, out]):
        r = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, **env))
        if r.returncode or r.stderr:
            return "%s: status %d: %s" % (command[0], r.returncode, r.stderr)
    return None


class Python:
    def __init__(self, name, d, dataset):
        self.pipe = dlt.pipeline(name, pipelines_dir="%s/%s" % (d, dataset), dataset_name=dataset, destination=dlt.destinations.postgres(URL))

    def load(self, packages):
        """Brings extracted packages in as if they had been extracted here."""
        for p in packages:
            to = "%s/normalize/extracted/%s" % (self.pipe.working_dir, os.path.basename(p))
            if not os.path.exists(to):
                self.pipe._inject_schema(dlt.Schema.from_dict(json.load(open(p + "/schema.json"))))
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copytree(p, to)
        self.pipe.normalize()
        self.pipe.load()


def run(number, name, case, steps, base, con):
    d = os.path.join(base, name)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    os.environ.pop("DESTINATION__REPLACE_STRATEGY", None)
    if case.get("replace_strategy"):
        os.environ["DESTINATION__REPLACE_STRATEGY"] = case["replace_strategy"]
    os.environ.update(case.get("config", {}))
    sets = {who: "%s_%s" % (name, who) for who in ("py", "c", "mix", "fin")}
    alone = Python(name, d, sets["py"])
    mixed = Python(name, d, sets["mix"])
    for step, rows in enumerate(steps, 1):
        resource = dlt.resource(rows, name=case["table"], **case.get("hints", {}))
        if "tables_from" in case:
            resource = resource.apply_hints(table_name=lambda r: r[case["tables_from"]])
        source = dlt.source(lambda: resource, name="golden", **case.get("source", {}))()
        alone.pipe.extract(source)
        extracted = alone.pipe.working_dir + "/normalize/extracted"
        packages = []
        for p in sorted(os.listdir(extracted)):
            packages.append("%s/packages/%s" % (d, p))
            shutil.copytree(extracted + "/" + p, packages[-1])
        try:
            alone.pipe.normalize()
            pending = alone.pipe.working_dir + "/load/normalized"
            for p in os.listdir(pending):
                shutil.copytree(pending + "/" + p, "%s/pending-%s" % (d, p))
            alone.pipe.load()
        except Exception as e:
            print("%s step %d: Python dlt fails: %s" % (name, step, str(e).splitlines()[-1][:200]))
            return "skipped" if step == 1 else "equal"
        # Python dlt drops a package without rows.
        packages = [p for p in packages if os.path.exists("%s/load/loaded/%s" % (alone.pipe.working_dir, os.path.basename(p)))]
        for n, p in enumerate(packages):
            why = tool(d, p, n, sets["c"], case.get("config", {}))
            if not why and (step + number) % 2:
                why = tool(d, p, n, sets["mix"], case.get("config", {}))
            if not why:
                r = subprocess.run(["dlt-load", URL, "--dataset", sets["fin"], "%s/pending-%s" % (d, os.path.basename(p))], capture_output=True, text=True)
                why = "of Python's: status %d: %s" % (r.returncode, r.stderr) if r.returncode or r.stderr else None
            if why:
                print("%s step %d %s: %s" % (name, step, case.get("hints"), why))
                return "bad"
        if (step + number) % 2 == 0:
            mixed.load(packages)
        want = dump(con, sets["py"])
        if not compare(name, step, "ours", want, dump(con, sets["c"])) or not compare(name, step, "in turn", want, dump(con, sets["mix"])) \
                or not compare(name, step, "finished by us", want, dump(con, sets["fin"])):
            print("  ", case.get("hints"))
            return "bad"
    for key in case.get("config", {}):
        os.environ.pop(key, None)
    shutil.rmtree(d)
    return "equal"


def main():
    con, counts, number = psycopg2.connect(URL), {}, 0
    con.autocommit = True
    golden = [a.partition(":")[2] for a in sys.argv[2:] if a.startswith("golden")]
    cases = list(golden_cases([g for g in golden if g])) if golden else []
    for a in sys.argv[2:]:
        if a.startswith("merge:"):
            first, _, last = a[6:].partition("-")
            cases += merge_cases(int(first), int(last or first))
    for name, case, steps in cases:
        number += 1
        try:
            how = run(number, name, case, steps, os.path.abspath(sys.argv[1]), con)
        except Exception as e:
            print("%s: %s: %s" % (name, type(e).__name__, str(e)[:600]))
            how = "bad"
        counts[how] = counts.get(how, 0) + 1
        for who in ("py", "c", "mix", "fin"):
            for tail in ("", "_staging"):
                con.cursor().execute('drop schema if exists "%s_%s%s" cascade' % (name, who, tail))
    print(counts)
    sys.exit(1 if "bad" in counts or "equal" not in counts else 0)


main()
