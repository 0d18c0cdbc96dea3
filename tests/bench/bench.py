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

import cases
import plot


class Bench:
    """What the cases share: where things are and how a command is measured."""

    def __init__(self, options):
        self.build = options.build
        self.scale = options.scale
        self.venv = options.venv
        self.dir = os.path.join(options.out, "tmp")
        self.skipped = []
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.idle = self.server()[1]
        self.floor = self.measure("true")["peak_mib"]

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def skip(self, what, why):
        print(f"skipped: {what}: {why}", file=sys.stderr)
        self.skipped.append({"what": what, "why": why})

    def sh(self, command):
        """Run, not measured; what it prints."""
        done = subprocess.run(["bash", "-c", "set -o pipefail; " + command],
                              cwd=self.dir, stdout=subprocess.PIPE, text=True)
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
            gen = os.path.join(self.build, "tests/bench/gen")
            self.sh(f"'{gen}' {kind} {self.rows(kind)} 1 >'{path}'")
        return path

    def server(self):
        """CPU seconds of the PostgreSQL server's ended processes, and how many
        are there now."""
        host = os.environ.get("PGHOST", "")
        try:
            with open(host + "/db/postmaster.pid") as f:
                pid = f.readline().strip()
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                children = len(f.read().split())
        except OSError:
            return 0.0, 0
        ticks = int(fields[13]) + int(fields[14])
        return ticks / os.sysconf("SC_CLK_TCK"), children

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
                "server_cpu_s": self.server_cpu() - before,
                "peak_mib": usage.ru_maxrss / 1024}


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


def run_case(bench, case, rounds):
    """All runs of a case: label -> list of measures, warm-up not among them."""
    runs = {label: [] for label in case.variants}
    facts = {}
    for i in range(rounds + 1):
        for label, v in case.variants.items():
            for name in v.outputs:
                path = bench.path(name)
                if os.path.isdir(path):
                    shutil.rmtree(path)
                elif os.path.exists(path):
                    os.unlink(path)
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


def memory(bench, mib):
    """The harness's own memory hides what is smaller."""
    return f"<{bench.floor:.0f}" if mib <= bench.floor + 1 else f"{mib:.0f}"


def cell(text):
    return str(text).replace("|", "\\|")


def markdown(bench, report):
    lines = [
        f"{report['date']}, {report['machine']}, load {report['load']}; "
        f"medians of {report['runs']} rounds, scale {report['scale']}.",
        "",
        "| data | ours | peer | times as fast (min - max) | in CPU time "
        "| wanted | s | CPU s | peak MiB | MB out |",
        "|---|---|---|---|---|---|---|---|---|---|"]
    for r in report["results"]:
        cpu = {k: r["cpu_s"][k] + r["server_cpu_s"][k] for k in r["cpu_s"]}
        lines.append(
            f"| {r['data']} | {cell(r['ours'])} | {cell(r['peer'])} "
            f"| **{r['ratio']['median']:.2f}** ({r['ratio']['min']:.2f} - "
            f"{r['ratio']['max']:.2f}) | {r['cpu_ratio']['median']:.2f} "
            f"| {r['goal'] or ''} "
            f"| {r['wall_s']['ours']:.2f} / {r['wall_s']['peer']:.2f} "
            f"| {cpu['ours']:.2f} / {cpu['peer']:.2f} "
            f"| {memory(bench, r['peak_mib']['ours'])} / "
            f"{memory(bench, r['peak_mib']['peer'])} "
            f"| {r['out_bytes']['ours'] / 1e6:.1f} / "
            f"{r['out_bytes']['peer'] / 1e6:.1f} |")
    lines += ["", "Pairs are ours / peer. CPU seconds are those of all threads "
              "and, with PostgreSQL, of its server."]
    for s in report["skipped"]:
        lines.append(f"Skipped: {s['what']}: {s['why']}.")
    return "\n".join(lines) + "\n"


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def save(bench, report, folder):
    """After each case: a run that is broken off has told what it knows."""
    report["skipped"] = bench.skipped
    base = os.path.join(folder, "results")
    write(base + ".json", json.dumps(report, indent=1) + "\n")
    write(base + ".md", markdown(bench, report))
    write(base + ".svg", plot.svg(report["results"]))


def parse_options():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build-bench")
    p.add_argument("--out")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--scale", type=float, default=0.3)
    p.add_argument("--venv")
    p.add_argument("--list", action="store_true")
    p.add_argument("cases", nargs="*")
    options = p.parse_args()
    if options.runs < 1 or options.scale <= 0:
        p.error("--runs and --scale must be above 0")
    unknown = set(options.cases) - set(cases.ALL)
    if unknown:
        p.error(f"no such case: {', '.join(sorted(unknown))}")
    options.build = os.path.abspath(options.build)
    options.out = os.path.abspath(options.out or options.build + "/bench")
    return options


def main():
    options = parse_options()
    if options.list:
        for name, make in cases.ALL.items():
            print(f"{name:16} {make.__doc__.splitlines()[0]}")
        return
    bench = Bench(options)
    report = {"date": time.strftime("%Y-%m-%d"), "machine": machine(),
              "load": f"{os.getloadavg()[0]:.1f}", "runs": options.runs,
              "scale": options.scale, "results": []}
    for name in options.cases or cases.ALL:
        try:
            made = list(cases.ALL[name](bench))
        except cases.Skip as e:
            bench.skip(name, str(e))
            made = []
        for case in made:
            print(f"{name}: {case.data}", file=sys.stderr)
            runs, facts = run_case(bench, case, options.runs)
            report["results"] += [compare(case, pair, runs, facts)
                                  for pair in case.pairs]
            save(bench, report, options.out)
    save(bench, report, options.out)
    shutil.rmtree(bench.dir)
    print(markdown(bench, report), end="")


main()
