#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kill loads at random moments, run them again, and look whether every row is there once.

crash.py [--seed N] load COUNT URL      kill -9 of dlt-load, in a pipeline or on directories
crash.py [--seed N] pipe COUNT URL      kill -9 of one of dlt-extract --sync URL | dlt-normalize | dlt-load URL
crash.py [--seed N] server COUNT URL    power failures of a PostgreSQL server while dlt-load works ($CRASH_SERVER kill|boot does that)

URL is that of an empty SQLite, DuckDB or PostgreSQL database, without a dataset. The rows are appended, replaced, merged (by keys and by
versions) and nested, in several packages with several job files of each table, with new columns in the second half. Each round kills once
or twice, at moments drawn from SEED, then runs to the end: tables must be equal to those of an undisturbed run, ids included, and the
pipeline's folders, too. Rounds that were over before they could be killed are not counted. Prints a line of counts; exit 1 when something differs.
"""
import argparse, json, os, random, re, shutil, signal, sqlite3, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
DUCKQ = os.path.join(os.environ.get("BUILD_DIR", ""), "tests", "duckq")
IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_load_id"}
CELL, ROW, TABLE = "\x1f", "\x1e", "\x1d"


def run(*command, **more):
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if r.returncode:
        sys.exit("crash.py: status %d: %s: %s" % (r.returncode, " ".join(command), r.stderr))
    return r.stdout


# ---- the databases: wipe(), and tables() -> {name: (columns, rows)} of text, without those of staging datasets


class Sqlite:
    files = 3  # of each table of a package
    strategies = ("delete-insert", "scd2")

    def __init__(self, url):
        self.url, self.path = url, url.partition(":")[2]

    def wipe(self):
        for tail in ("", "-journal", "-wal", "-shm"):
            if os.path.exists(self.path + tail):
                os.remove(self.path + tail)

    def tables(self):
        con, out = sqlite3.connect(self.path), {}
        if con.execute("pragma integrity_check").fetchall() != [("ok",)]:
            sys.exit("crash.py: %s is damaged" % self.path)
        for (t,) in con.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'").fetchall():
            cursor = con.execute('select * from "%s"' % t)
            out[t] = ([c[0] for c in cursor.description], [[repr(v) for v in r] for r in cursor.fetchall()])
        con.close()
        return out


class Duckdb(Sqlite):
    files = 2  # each takes longer than elsewhere
    strategies = ("delete-insert", "upsert", "scd2")

    def wipe(self):
        for tail in ("", ".wal", ".tmp"):
            shutil.rmtree(self.path + tail, ignore_errors=True)
            if os.path.exists(self.path + tail):
                os.remove(self.path + tail)

    def query(self, *sql):
        return run(DUCKQ, self.path, *sql)

    def tables(self):
        out = {}
        for line in self.query("SELECT t.schema_name, t.table_name, list(c.column_name ORDER BY c.column_index) FROM duckdb_tables() t "
                               "JOIN duckdb_columns() c ON c.table_oid = t.table_oid WHERE NOT t.temporary AND t.schema_name NOT LIKE '%\\_staging' "
                               "ESCAPE '\\' GROUP BY ALL").splitlines():
            schema, table, columns = line.split("|")
            out[table] = (schema, columns[1:-1].split(", "))
        rows = self.query(*("SELECT '%s%s', %s FROM \"%s\".\"%s\"" % (ROW, t, ", ".join("'%s', \"%s\"" % (CELL, c) for c in columns), schema, t)
                            for t, (schema, columns) in out.items()))
        got = {t: (columns, []) for t, (schema, columns) in out.items()}
        for row in rows.split(ROW)[1:]:
            table, *cells = re.split(r"\|%s\|" % CELL, row.rstrip("\n"))
            got[table][1].append(cells)
        return got


class Postgres:
    files = 3
    strategies = ("delete-insert", "upsert", "scd2")

    def __init__(self, url):
        self.url, self.database = url, re.match(r"[a-z]+://[^/]*/([^?]*)", url)[1]

    def query(self, *sql):
        return run("psql", "-qXAt", "-F", CELL, "-R", ROW, "-d", self.database, *(a for s in sql for a in ("-c", s)))

    def schemas(self):
        return self.query("select nspname from pg_namespace where nspname !~ '^pg_|^information_schema$'").strip(ROW + "\n").split(ROW)

    def wipe(self):
        for schema in self.schemas():
            self.query("set client_min_messages = error; drop schema \"%s\" cascade" % schema)
        self.query("create schema public")

    def tables(self):
        names = {}
        for line in self.query("select n.nspname, c.relname, string_agg(a.attname, ',' order by a.attnum) from pg_class c "
                               "join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid "
                               "where c.relkind = 'r' and n.nspname !~ '^pg_|^information_schema$|_staging$' and a.attnum > 0 and not a.attisdropped "
                               "group by 1, 2").strip("\n").split(ROW):
            if line:
                schema, table, columns = line.split(CELL)
                names[table] = ('"%s"."%s"' % (schema, table), columns.split(","))
        rows = self.query(*("select '%s%s', * from %s" % (TABLE, t, name) for t, (name, columns) in names.items())) if names else ""
        out = {t: (columns, []) for t, (name, columns) in names.items()}
        for row in re.split("\n?%s|%s" % (TABLE, ROW + TABLE), rows.rstrip("\n"))[1:]:
            table, *cells = row.split(CELL)
            out[table][1].append(cells)
        return out


def database(url):
    return {"sqlite": Sqlite, "duckdb": Duckdb, "postgresql": Postgres}[url.partition(":")[0]](url)


# ---- what is compared


def exact(db):
    """Everything but the times at which a load ran."""
    out = {}
    for table, (columns, rows) in db.tables().items():
        keep = [i for i, c in enumerate(columns) if not (table.startswith("_dlt_") and c == "inserted_at")]
        out[table] = ([columns[i] for i in keep], sorted([r[i] for i in keep] for r in rows))
    return out


def meaning(db):
    """The rows without ids, times and load ids; nested ones with the id of what they belong to."""
    tables, known, out = db.tables(), {}, {}
    for table, (columns, rows) in tables.items():
        if "_dlt_id" in columns and "id" in columns:
            known.update((r[columns.index("_dlt_id")], r[columns.index("id")]) for r in rows)
    for table, (columns, rows) in tables.items():
        if not table.startswith("_dlt_"):
            out[table] = (columns, sorted([known.get(v, "an orphan") if c == "_dlt_parent_id" else "" if c in IDS else
                                           str(v in ("", "NULL", "None")) if c.startswith("_dlt_valid") else v
                                           for c, v in zip(columns, r)] for r in rows))
    return out


def difference(want, got):
    for t in sorted(set(want) | set(got)):
        a, b = want.get(t), got.get(t)
        if a != b:
            if not a or not b or a[0] != b[0]:
                return "table %s: %s, not %s" % (t, b and b[0], a and a[0])
            missing, more = [r for r in a[1] if r not in b[1]], [r for r in b[1] if r not in a[1]]
            return "table %s: %d rows, not %d; missing %s, too many %s" % (t, len(b[1]), len(a[1]), missing[:3], more[:3])
    return None


# ---- what is loaded


def write_rows(path, step, how, rows):
    """Step 1 or 2 of a table: keys that meet, versions that go, and columns that come. Texts that take space bring several connections."""
    first, last = (1, rows) if step == 1 or how == "replace" else (rows // 2, rows + rows // 2)
    if step == 2 and how == "append":
        first, last = rows + 1, 2 * rows
    with open(path, "w") as f:
        for i in range(first, last + 1):
            row = {"id": i, "t": "%x" % random.Random(i if i % 3 else i * step).getrandbits(400), "x": i / 4, "l": [i, i + step][:1 + i % 2]}
            if step == 2 and i % 2:
                row["new"] = {"a": i, "b": "t"}
            f.write(json.dumps(row) + "\n")


def hints(how):
    if how == "replace" or how == "append":
        return ["--write-disposition", how]
    keys = [] if how == "scd2" else ["--primary-key", "id"]
    return ["--write-disposition", "merge:" + how, *keys]


def dialect(db):
    return {"sqlite": "sqlite", "duckdb": "duckdb", "postgresql": "postgresql"}[db.url.partition(":")[0]]


def set_hints(package, ways):
    path = package + "/schema.json"
    with open(path) as f:
        schema = json.load(f)
    for how in ways:
        table = schema["tables"]["x_" + how.replace("-", "_")]
        table["write_disposition"] = how if how in ("append", "replace") else "merge"
        if table["write_disposition"] == "merge":
            table["x-merge-strategy"] = how
            if how == "scd2":
                one = {"data_type": "timestamp", "nullable": True}
                table["columns"]["_dlt_valid_from"] = dict(one, name="_dlt_valid_from", **{"x-valid-from": True})
                table["columns"]["_dlt_valid_to"] = dict(one, name="_dlt_valid_to", **{"x-valid-to": True})
                table["columns"]["_dlt_id"] = {"name": "_dlt_id", "data_type": "text", "nullable": False, "unique": True, "row_key": True,
                                               "x-row-version": True}
            else:
                table["columns"]["id"] = {"name": "id", "primary_key": True, "nullable": False}
    with open(path, "w") as f:
        json.dump(schema, f)
    run("dlt-package", "seal", package)


def make_packages(db, rows, files):
    """Normalized packages in data/pipelines/p: in each step one that appends, one that merges, and one with tables of all ways to write."""
    ways = ["append", "replace", *db.strategies]
    pending = os.environ["DLT_DATA_DIR"] + "/pipelines/p/load/normalized"
    for step in (1, 2):
        inputs = []
        for how in ways:
            name = how.replace("-", "_")
            write_rows(name + ".jsonl", step, how, rows)
            if how in ("append", "delete-insert"):
                run("dlt-extract", "-q", "-p", "p", *hints(how), "%s=%s.jsonl" % (name, name))
            inputs.append("x_%s=%s.jsonl" % (name, name))
        run("dlt-normalize", "-q", "-p", "p", "--for", dialect(db), "--file-max-items", str(rows // files))
        shutil.rmtree("mixed", ignore_errors=True)
        run("dlt-extract", "-q", "--schema-name", "mixed", "-o", "mixed", *inputs)
        set_hints("mixed", ways)
        with open("mixed/manifest.json") as f:
            load_id = json.load(f)["load_id"]
        run("dlt-normalize", "-q", "--for", dialect(db), "--file-max-items", str(rows // files), "-o", "%s/%s" % (pending, load_id), "mixed")
    return sorted(os.listdir(pending))


def folders(root):
    """The files of the pipeline's packages; a job's name counts its tries."""
    return sorted(re.sub(r"(_jobs/[^.]*[.][^.]*)[.]\d+", r"\1", os.path.relpath(os.path.join(d, f), root)) for d, _, files in os.walk(root + "/load") for f in files
                  if not f.endswith(".lock"))


# ---- kills


class Killer:
    def __init__(self, seed):
        self.rnd, self.killed, self.late, self.bad = random.Random(seed), 0, 0, 0

    def moment(self, longest):
        return self.rnd.uniform(0, longest)

    def kill(self, process, after):
        """Is it killed? A process that was faster has to have succeeded."""
        start = time.monotonic()
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
        status = process.wait()
        if status == -signal.SIGKILL:
            self.killed += 1
            return True
        self.late += 1
        self.took = time.monotonic() - start
        if status:
            self.differs("a load that was not killed ended with status %d" % status)
        return False

    def differs(self, what):
        self.bad += 1
        print("differs: %s" % what, flush=True)

    def progress(self, n):
        if n % 20 == 0:
            print("round %d: %d killed, %d over before, %d bad" % (n, self.killed, self.late, self.bad), file=sys.stderr, flush=True)

    def report(self, what, url):
        print("%s %s: %d killed, %d over before, %d bad" % (what, url.partition(":")[0], self.killed, self.late, self.bad), flush=True)
        return 1 if self.bad else 0


def quiet(command):
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "status %d: %s" % (r.returncode, r.stdout) if r.returncode or r.stdout else None


class Loads:
    """A pipeline with packages, its copy, and the tables that it makes."""

    def __init__(self, db, rows, files):
        self.db, self.root = db, os.environ["DLT_DATA_DIR"] + "/pipelines/p"
        self.ids = make_packages(db, rows, files)
        shutil.rmtree("before", ignore_errors=True)
        os.rename(self.root, "before")
        self.command = ["dlt-load", "-q", "--wait", "60", "-j", "4", "--dataset", "d", db.url]
        self.want, self.folders, self.longest = {}, None, 0
        for wiring in ("pipeline", "directories"):
            self.reset()
            start = time.monotonic()
            why = quiet(self.command + self.operands(wiring))
            self.longest = max(self.longest, time.monotonic() - start)
            if why:
                sys.exit("crash.py: undisturbed: " + why)
            self.want[wiring] = exact(db)
            if wiring == "pipeline":
                self.folders = folders(self.root)

    def operands(self, wiring):
        return ["-p", "p"] if wiring == "pipeline" else ["before/load/normalized/" + i for i in self.ids]

    def reset(self):
        self.db.wipe()
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree("before", self.root)

    def check(self, killer, label, wiring):
        why = quiet(self.command + self.operands(wiring)) or difference(self.want[wiring], exact(self.db))
        if not why and wiring == "pipeline" and folders(self.root) != self.folders:
            why = "folders: %s" % sorted(set(folders(self.root)) ^ set(self.folders))[:5]
        if why:
            killer.differs("%s: %s" % (label, why))


def kill_loads(killer, db, args):
    loads, n = Loads(db, args.rows, args.files), 0
    while killer.killed < args.count and n < 3 * args.count:
        n += 1
        wiring = "directories" if n % 4 == 0 else "pipeline"
        loads.reset()
        for _ in range(killer.rnd.choice((1, 1, 2))):
            p = subprocess.Popen(loads.command + loads.operands(wiring))
            if not killer.kill(p, killer.moment(loads.longest)):
                loads.longest = min(loads.longest, killer.took)
                break
        loads.check(killer, "round %d" % n, wiring)
        killer.progress(n)


def kill_server(killer, db, args):
    loads, n = Loads(db, args.rows, args.files), 0
    server = os.environ["CRASH_SERVER"]
    command = loads.command + ["-c", "load.raise_on_max_retries=2"]
    while killer.killed < args.count and n < 3 * args.count:
        n += 1
        loads.reset()
        p = subprocess.Popen(command + loads.operands("pipeline"), stderr=subprocess.PIPE, text=True)
        try:
            p.wait(killer.moment(loads.longest))
            killer.late += 1
        except subprocess.TimeoutExpired:
            killer.killed += 1
        run("bash", "-c", server, "server", "kill", stdin=subprocess.DEVNULL)
        _, messages = p.communicate()
        if p.returncode not in (0, 75):
            killer.differs("round %d: status %d: %s" % (n, p.returncode, messages))
        run("bash", "-c", server, "server", "boot", stdin=subprocess.DEVNULL)
        loads.check(killer, "round %d" % n, "pipeline")
        killer.progress(n)


# ---- pipes


def highest(db):
    """Of the rows that are appended, what comes next is asked of the destination, as an incremental query does."""
    columns, rows = db.tables().get("append", (["id"], []))
    return max((int(r[columns.index("id")]) for r in rows), default=0)


def pipe(db, step, how, rows):
    """The three processes of a step."""
    path = "%s%d.jsonl" % (how, step)
    write_rows(path, step, how, rows)
    if how == "append":
        last = highest(db)
        with open(path) as f:
            lines = [line for line in f if json.loads(line)["id"] > last]
        with open(path, "w") as f:
            f.writelines(lines)
    table = how.replace("-", "_")
    extract = subprocess.Popen(["dlt-extract", "-q", "--sync", db.url, *hints(how), "--file-max-items", "50", "%s=%s" % (table, path)],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    normalize = subprocess.Popen(["dlt-normalize", "-q", "--for", dialect(db), "--file-max-items", "50"], stdin=extract.stdout,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    load = subprocess.Popen(["dlt-load", "-q", "--wait", "60", db.url], stdin=normalize.stdout, stderr=subprocess.DEVNULL)
    extract.stdout.close()
    normalize.stdout.close()
    return [extract, normalize, load]


def statuses(processes):
    return [p.wait() for p in processes]


def kill_pipes(killer, db, args):
    steps = [(step, how) for step in (1, 2) for how in ("append", "replace", *db.strategies)]
    longest, want, n = {}, {}, 0
    db.wipe()
    for step, how in steps:
        start = time.monotonic()
        got = statuses(pipe(db, step, how, args.rows))
        longest[how] = max(time.monotonic() - start, longest.get(how, 0))
        if any(got):
            sys.exit("crash.py: undisturbed: statuses %s" % got)
    want = meaning(db)
    while killer.killed < args.count and n < args.count:
        n += 1
        db.wipe()
        for step, how in steps:
            if killer.rnd.random() < 0.5:
                processes = pipe(db, step, how, args.rows)
                time.sleep(killer.moment(longest[how]))
                running, die = [p for p in processes if p.poll() is None], killer.rnd.random()
                if running:
                    running[int(die * len(running))].kill()
                if -signal.SIGKILL in statuses(processes):
                    killer.killed += 1
                else:
                    killer.late += 1
            got = statuses(pipe(db, step, how, args.rows))
            if any(got):
                killer.differs("round %d, %s of step %d: statuses %s" % (n, how, step, got))
        why = difference(want, meaning(db))
        if why:
            killer.differs("round %d: %s" % (n, why))
        killer.progress(n)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--rows", type=int, default=600)
    a.add_argument("--files", type=int)
    a.add_argument("what", choices=("load", "pipe", "server"))
    a.add_argument("count", type=int)
    a.add_argument("url")
    args = a.parse_args()
    killer, db = Killer(args.seed), database(args.url)
    args.files = args.files or db.files
    {"load": kill_loads, "pipe": kill_pipes, "server": kill_server}[args.what](killer, db, args)
    if killer.killed < args.count:
        killer.differs("only %d kills of %d met a load" % (killer.killed, args.count))
    sys.exit(killer.report(args.what, args.url))


main()
