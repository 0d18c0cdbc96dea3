#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures and reports; tests/bench/run calls it and says what the options are.

All commands of a case run in turn, round by round, so that what else the
machine does meets each of them; a ratio is that of two runs of one round.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

import chain
import counts
import report as reports
import scaling
import stages
from cases import Skip, Table

ALL = {**stages.ALL, **chain.ALL, **counts.ALL, **scaling.ALL}


class Bench:
    """What the cases share: where things are and how a command is measured."""

    def __init__(self, options):
        self.build = options.build
        self.scale = options.scale
        self.runs = options.runs
        self.venv = options.venv
        self.singer = options.singer
        self.largest = options.largest
        self.dir = os.path.join(options.out, "tmp")
        self.skipped = []
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.idle = self.server()[1]
        self.floor = self.measure("true")["peak_mib"]

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def tool(self, name):
        """A program of this directory, or None."""
        path = os.path.join(self.build, "tests/bench", name)
        return path if os.path.exists(path) else None

    def skip(self, what, why):
        print(f"skipped: {what}: {why}", file=sys.stderr)
        self.skipped.append({"what": what, "why": why})

    def sh(self, command, may_fail=False):
        """Run, not measured; what it prints."""
        done = subprocess.run(["bash", "-c", "set -o pipefail; " + command],
                              cwd=self.dir, stdout=subprocess.PIPE, text=True)
        if done.returncode and may_fail:
            return None
        if done.returncode:
            raise SystemExit(f"bench: status {done.returncode}: {command}")
        return done.stdout

    def rows(self, kind):
        full = {"a": 215_000, "b": 1_000_000, "c": 37_000, "real": 60}[kind]
        return full if kind == "real" else max(20, int(full * self.scale))

    def data(self, kind):
        """The file of a data set, made when it is first asked for."""
        path = self.path(kind + ".jsonl")
        if os.path.exists(path):
            return path
        if kind == "real":
            source = os.environ["SOURCE_DIR"] + "/examples/data/github-events"
            self.sh(f"zstd -dcq '{source}.jsonl.zst' >'{path}'")
        else:
            self.sh(f"'{self.tool('gen')}' {kind} {self.rows(kind)} 1 "
                    f">'{path}'")
        return path

    def server(self):
        """CPU seconds of the database servers' ended processes, and how many
        are there now."""
        ticks = count = 0
        for path in (os.environ.get("PGHOST", "") + "/db/postmaster.pid",
                     os.environ.get("CLICKHOUSE_DIR", "") + "/pid"):
            try:
                with open(path) as f:
                    pid = f.readline().strip()
                with open(f"/proc/{pid}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                with open(f"/proc/{pid}/task/{pid}/children") as f:
                    count += len(f.read().split())
            except OSError:
                continue
            # its own: PostgreSQL's first process does next to nothing
            ticks += sum(int(n) for n in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK"), count

    def server_cpu(self):
        """The former, when all backends have ended: a little after their
        clients. The server's own workers may come meanwhile, and stay."""
        for _ in range(200):
            seconds, processes = self.server()
            if processes <= self.idle:
                break
            time.sleep(0.01)
        return seconds

    def measure(self, command):
        before = self.server_cpu()
        start = time.monotonic()
        child = subprocess.Popen(["bash", "-c", "set -o pipefail; " + command],
                                 cwd=self.dir, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"bench: status {child.returncode}: {command}")
        return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime,
                "user_s": usage.ru_utime,
                "server_cpu_s": self.server_cpu() - before,
                "peak_mib": usage.ru_maxrss / 1024}

    def remove(self, *names):
        for name in names:
            path = self.path(name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)


def size_of(bench, names):
    """Bytes of files, and of all files below directories."""
    total = 0
    for name in names:
        path = bench.path(name)
        if os.path.isdir(path):
            total += sum(os.path.getsize(os.path.join(d, f))
                         for d, _, files in os.walk(path) for f in files)
        elif os.path.exists(path):
            total += os.path.getsize(path)
    return total


def run_case(bench, case):
    """All runs of a case: label -> list of measures, warm-up not among them."""
    runs = {label: [] for label in case.variants}
    facts = {}
    for i in range(bench.runs + 1):
        for label, v in case.variants.items():
            bench.remove(*v.outputs)
            if v.prepare:
                bench.sh(v.prepare)
            m = bench.measure(v.command)
            m["out_bytes"] = size_of(bench, v.outputs)
            if i:
                runs[label].append(m)
            elif v.fact:
                facts[label] = bench.sh(v.fact).strip()
    if len(set(facts.values())) > 1:
        raise SystemExit(f"bench: {case.name}: results differ: {facts}")
    return runs, facts


def middle(runs, key):
    return statistics.median(m[key] for m in runs)


def compare(case, pair, runs, facts):
    ours, peer = runs[pair.ours], runs[pair.peer]
    ratios = [p["wall_s"] / o["wall_s"] for o, p in zip(ours, peer)]
    cpu = [(p["cpu_s"] + p["server_cpu_s"]) /
           max(o["cpu_s"] + o["server_cpu_s"], 1e-3)
           for o, p in zip(ours, peer)]
    row = {"case": case.name, "data": case.data, "rows": case.rows,
           "in_bytes": case.in_bytes, "ours": pair.ours, "peer": pair.peer,
           "goal": pair.goal, "runs": len(ours),
           "agree": facts.get(pair.ours),
           "ratio": {"median": statistics.median(ratios), "min": min(ratios),
                     "max": max(ratios)},
           "cpu_ratio": {"median": statistics.median(cpu), "min": min(cpu),
                         "max": max(cpu)}}
    row["met"] = row["ratio"]["median"] >= pair.goal if pair.goal else None
    for key in ("wall_s", "cpu_s", "server_cpu_s", "peak_mib", "out_bytes"):
        row[key] = {"ours": middle(ours, key), "peer": middle(peer, key)}
    return row


def machine():
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo") as f:
            model = next(line.split(":", 1)[1].strip() for line in f
                         if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} processors, {platform.system()} " \
        f"{platform.machine()}"


def size(text):
    """Bytes: 300k, 20M, 10G."""
    unit = {"k": 10**3, "M": 10**6, "G": 10**9}.get(text[-1:], 0)
    return int(float(text[:-1]) * unit) if unit else int(text)


def parse_options():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build-bench")
    p.add_argument("--out")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--scale", type=float, default=0.3)
    p.add_argument("--largest", type=size)
    p.add_argument("--venv")
    p.add_argument("--singer")
    p.add_argument("--readme")
    p.add_argument("--add", action="store_true")
    p.add_argument("--render", action="store_true")
    p.add_argument("--list", action="store_true")
    p.add_argument("cases", nargs="*")
    options = p.parse_args()
    if options.runs < 1 or options.scale <= 0:
        p.error("--runs and --scale must be above 0")
    unknown = set(options.cases) - set(ALL)
    if unknown:
        p.error(f"no such case: {', '.join(sorted(unknown))}")
    options.build = os.path.abspath(options.build)
    options.out = os.path.abspath(options.out or options.build + "/bench")
    options.readme = options.readme and os.path.abspath(options.readme)
    options.singer = options.singer or options.venv
    options.largest = options.largest or int(options.scale * 10**9 / 0.3)
    return options


def earlier(options):
    """The report that is there already."""
    with open(os.path.join(options.out, "results.json")) as f:
        return json.load(f)


def begin(options, bench):
    """A new report, with what is kept of an earlier one."""
    new = {"date": time.strftime("%Y-%m-%d"), "machine": machine(),
           "load": f"{os.getloadavg()[0]:.1f}", "runs": options.runs,
           "scale": options.scale, "floor_mib": bench.floor, "results": [],
           "tables": [], "skipped": []}
    if options.add:
        old, again = earlier(options), options.cases or ALL
        for key in ("results", "tables", "skipped"):
            new[key] = [r for r in old[key]
                        if r.get("case", r.get("what", "").split(":")[0])
                        not in again]
    return new


def run_all(options, bench, report):
    """After each case all is saved: a run that is broken off has told what it
    knows."""
    order = list(ALL)
    kept = report["skipped"]
    for name in options.cases or ALL:
        try:
            for made in ALL[name](bench):
                if isinstance(made, Table):
                    report["tables"].append(vars(made))
                    continue
                start = time.monotonic()
                runs, facts = run_case(bench, made)
                print(f"{name}: {made.data}: {time.monotonic() - start:.0f} s",
                      file=sys.stderr)
                report["results"] += [compare(made, pair, runs, facts)
                                      for pair in made.pairs]
        except Skip as e:
            bench.skip(name, str(e))
        for key in ("results", "tables"):
            report[key].sort(key=lambda r: order.index(r["case"]))
        report["skipped"] = kept + bench.skipped
        reports.save(report, options.out)


def main():
    options = parse_options()
    if options.list:
        for name, make in ALL.items():
            print(f"{name:16} {make.__doc__.splitlines()[0]}")
        return
    if options.render:
        report = earlier(options)
        reports.save(report, options.out)
    else:
        bench = Bench(options)
        report = begin(options, bench)
        run_all(options, bench, report)
        shutil.rmtree(bench.dir)
    print(reports.markdown(report), end="")
    if options.readme:
        reports.paste(report, options.readme)


main()
