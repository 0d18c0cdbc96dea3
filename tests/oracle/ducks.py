#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same extracted packages, brought into DuckDB by Python dlt and by the tools.

ducks.py DIR golden[:NAME]... merge:SEED...     (needs Python dlt 1.26.0 with duckdb; SEED may be FIRST-LAST; $GOLDEN is the directory of
                                                 golden packages)

Each case is loaded into three databases: by Python dlt alone; by dlt-normalize and dlt-load alone; and by both in turn, the first step of
every second case by Python. After each step tables, columns, types, nullability, constraints, indexes and rows must be equal: row ids, which are random, by what
they lead to. Prints what differs; exit 1.
"""
import json, os, random, shutil, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "NORMALIZE__WORKERS": "1", "LOAD__WORKERS": "1",
                   "SCHEMA__ALLOW_IDENTIFIER_CHANGE_ON_TABLE_WITH_DATA": "true"})
warnings.filterwarnings("ignore")
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
import dlt, duckdb
import merge

IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id"}
DATASET = "data"


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
        for step in range(case["steps"]):
            rows = merge.make_rows(rnd, case, step, rows)
            steps.append(rows)
        yield "merge_%d" % seed, {"table": "t", "hints": {k: case[k] for k in ("write_disposition", "primary_key", "merge_key", "columns") if k in case},
                                  "replace_strategy": case.get("replace_strategy")}, steps


def settle(node):
    for n in node["below"]:
        settle(n)
    node["below"].sort(key=json.dumps)


def dump(path):
    """{table: (columns, rows)}; nested rows stand in those that they belong to."""
    con, tables, nodes, parents = duckdb.connect(path, read_only=True), {}, {}, []
    for table, *column in con.execute("select table_name, column_name, data_type, is_nullable from duckdb_columns() where schema_name = ? "
                                      "and table_name <> '_dlt_jobs' order by table_name, column_index", [DATASET]).fetchall():
        tables.setdefault(table, []).append(tuple(column))
    out = {t: [sorted(columns), [], []] for t, columns in tables.items()}
    for table, rule in con.execute("select table_name, constraint_text from duckdb_constraints() where schema_name = ? union all "
                                   "select table_name, sql from duckdb_indexes() where schema_name = ? order by 1, 2", [DATASET, DATASET]).fetchall():
        if table in out:
            out[table][2].append(rule)
    for t, columns in tables.items():
        if t.startswith("_dlt"):
            out[t][1] = [con.execute('select count(*) from "%s"."%s"' % (DATASET, t)).fetchone()[0]]
            continue
        names = [c[0] for c in columns]
        shown = ", ".join('"%s"::varchar' % n.replace('"', '""') for n in names)
        for values in con.execute('select %s from "%s"."%s"' % (shown, DATASET, t)).fetchall():
            row = dict(zip(names, values))
            node = {"table": t, "values": sorted((k, v) for k, v in row.items() if k not in IDS and v is not None), "below": []}
            nodes.setdefault(row.get("_dlt_id"), node)
            parents.append((row.get("_dlt_parent_id"), node))
    con.close()
    for parent, node in parents:
        if parent is None:
            out[node["table"]][1].append(node)
        elif parent in nodes:
            nodes[parent]["below"].append(node)
        else:
            out[node["table"]][1].append(dict(node, orphan=True))
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


def tool(d, package, file, env):
    out = "%s/normalized-%s-%s" % (d, os.path.basename(file), os.path.basename(package))
    for command in (["dlt-normalize", "-q", "--for", "duckdb", "--format", "jsonl", "-o", out, package],
                    ["dlt-load", "duckdb:" + file, "--dataset", DATASET, out]):
        r = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, **env))
        if r.returncode or r.stderr:
            return "%s: status %d: %s" % (command[0], r.returncode, r.stderr)
    return None


class Python:
    def __init__(self, name, d, file):
        self.pipe = dlt.pipeline(name, pipelines_dir="%s/%s-work" % (d, os.path.basename(file)), dataset_name=DATASET,
                                 destination=dlt.destinations.duckdb(file))

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


def run(number, name, case, steps, base):
    d = os.path.join(base, name)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    os.environ.pop("DESTINATION__REPLACE_STRATEGY", None)
    if case.get("replace_strategy"):
        os.environ["DESTINATION__REPLACE_STRATEGY"] = case["replace_strategy"]
    os.environ.update(case.get("config", {}))
    files = {who: "%s/%s.duckdb" % (d, who) for who in ("py", "c", "mix")}
    # newer versions of DuckDB keep the version of a file that is there
    con = duckdb.connect()
    con.execute("attach '%s' as mix (storage_version 'v1.2.0')" % files["mix"])
    con.close()
    alone = Python(name, d, files["py"])
    mixed = Python(name, d, files["mix"])
    for step, rows in enumerate(steps, 1):
        resource = dlt.resource(rows, name=case["table"], **case.get("hints", {}))
        if "tables_from" in case:
            resource = resource.apply_hints(table_name=lambda r: r[case["tables_from"]])
        source = dlt.source(lambda: resource, name="golden", **case.get("source", {}))()
        alone.pipe.extract(source)
        extracted = alone.pipe.working_dir + "/normalize/extracted"
        packages = []
        for p in sorted(os.listdir(extracted)):
            if not os.listdir("%s/%s/new_jobs" % (extracted, p)):
                continue  # Python dlt drops a package without jobs
            packages.append("%s/packages/%s" % (d, p))
            shutil.copytree(extracted + "/" + p, packages[-1])
        try:
            alone.pipe.normalize()
            alone.pipe.load()
        except Exception as e:
            print("%s step %d: Python dlt fails: %s" % (name, step, str(e).splitlines()[-1][:200]))
            return "skipped" if step == 1 else "equal"
        for p in packages:
            why = tool(d, p, files["c"], case.get("config", {}))
            if not why and (step + number) % 2:
                why = tool(d, p, files["mix"], case.get("config", {}))
            if why:
                print("%s step %d %s: %s" % (name, step, case.get("hints"), why))
                return "bad"
        if (step + number) % 2 == 0:
            mixed.load(packages)
        want = dump(files["py"])
        if not compare(name, step, "ours", want, dump(files["c"])) or not compare(name, step, "in turn", want, dump(files["mix"])):
            print("  ", case.get("hints"))
            return "bad"
    for key in case.get("config", {}):
        os.environ.pop(key, None)
    shutil.rmtree(d)
    return "equal"


def main():
    counts, number = {}, 0
    golden = [a.partition(":")[2] for a in sys.argv[2:] if a.startswith("golden")]
    cases = list(golden_cases([g for g in golden if g])) if golden else []
    for a in sys.argv[2:]:
        if a.startswith("merge:"):
            first, _, last = a[6:].partition("-")
            cases += merge_cases(int(first), int(last or first))
    for name, case, steps in cases:
        number += 1
        try:
            how = run(number, name, case, steps, os.path.abspath(sys.argv[1]))
        except Exception as e:
            print("%s: %s: %s" % (name, type(e).__name__, str(e)[:600]))
            how = "bad"
        counts[how] = counts.get(how, 0) + 1
    print(counts)
    sys.exit(1 if "bad" in counts or "equal" not in counts else 0)


main()
