# SPDX-License-Identifier: MIT
"""The results as Markdown, JSON and a plot, and in the README."""
import json
import os

import plot

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def memory(report, mib):
    """The harness's own memory hides what is smaller."""
    floor = report["floor_mib"]
    return f"<{floor:.0f}" if mib <= floor + 1 else f"{mib:.0f}"


def cell(text):
    return str(text).replace("|", "\\|")


def line(cells):
    return "| " + " | ".join(cell(c) for c in cells) + " |"


def head(names):
    return [line(names), "|" + "---|" * len(names)]


def met(row):
    """What is wanted, and whether it is reached."""
    if not row.get("goal"):
        return "", ""
    return f"{row['goal']:g}", "yes" if row["met"] else "no"


def comparisons(report):
    lines = head(("data", "ours", "other", "times as fast (min - max)",
                  "in CPU time", "target", "met", "s", "CPU s", "peak MiB",
                  "MB out"))
    for r in report["results"]:
        cpu = {k: r["cpu_s"][k] + r["server_cpu_s"][k] for k in r["cpu_s"]}
        ratio = r["ratio"]
        pairs = [f"{v['ours']:.2f} / {v['peer']:.2f}"
                 for v in (r["wall_s"], cpu)]
        peaks = [memory(report, r["peak_mib"][k]) for k in ("ours", "peer")]
        sizes = [f"{r['out_bytes'][k] / 1e6:.1f}" for k in ("ours", "peer")]
        lines.append(line([
            r["data"], r["ours"], r["peer"],
            f"**{ratio['median']:.2f}** ({ratio['min']:.2f} - "
            f"{ratio['max']:.2f})", f"{r['cpu_ratio']['median']:.2f}",
            *met(r), *pairs, " / ".join(peaks), " / ".join(sizes)]))
    return lines + [
        "", "Pairs are ours / other. CPU seconds are those of all threads and, "
        "with a server, of that."]


def markdown(report):
    lines = [f"{report['date']}, {report['machine']}, load {report['load']}; "
             f"medians of {report['runs']} rounds, scale {report['scale']}.",
             ""]
    if report["results"]:
        lines += comparisons(report)
    for table in report["tables"]:
        lines += ["", f"**{table['title']}**", ""] + head(table["head"])
        lines += [line(row["cells"]) for row in table["rows"]]
        lines += [""] + table["notes"]
    if report["skipped"]:
        lines += ["", "Skipped:", ""]
        lines += [f"- {s['what']}: {s['why']}" for s in report["skipped"]]
    return "\n".join(lines) + "\n"


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def save(report, folder):
    base = os.path.join(folder, "results")
    write(base + ".json", json.dumps(report, indent=1) + "\n")
    write(base + ".md", markdown(report))
    write(base + ".svg", plot.svg(report["results"]))


def paste(report, path):
    """Into the file, between the two marks that it has."""
    with open(path) as f:
        text = f.read()
    before, mark, rest = text.partition(BEGIN + "\n")
    _, end, after = rest.partition(END + "\n")
    if not mark or not end:
        raise SystemExit(f"bench: {path} lacks {BEGIN} and {END}")
    write(path, before + mark + "\n" + markdown(report) + "\n" + end + after)
