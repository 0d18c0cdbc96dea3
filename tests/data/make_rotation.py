#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write rotation.jsonl: where Python dlt ends buffers and files.

Needs dlt (1.26.0 was used); run as `make_rotation.py > rotation.jsonl`.
Each line is one run over rows {"id":0}, {"id":1}, ...:

  by       "pipeline" (a whole extract and normalize) or "writer" (dlt's
           BufferedDataWriter alone, for numbers of rows that take long)
  stage    "extract" (typed-jsonl) or "normalize" (jsonl, one row at a time)
  page     rows per list that the source yields; 1: rows, not lists
  settings buffer_max_items, file_max_items, file_max_bytes, compressed
  files    [lines, items, bytes, repeat] in order, repeat > 1 for equal
           neighbours; bytes uncompressed. A pipeline normalizes its files in
           random order and adds random ids to rows: then the fullest files
           come first and bytes are 0
"""
import gzip
import itertools
import json
import os
import sys
import tempfile

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
WORK = tempfile.TemporaryDirectory()
os.environ["DLT_DATA_DIR"] = WORK.name
os.chdir(WORK.name)

import dlt  # noqa: E402
from dlt.common.data_writers import writers  # noqa: E402
from dlt.common.data_writers.buffered import BufferedDataWriter  # noqa: E402

BUFFERS = (1, 3, 100, 5000)
ITEMS = (None, 5, 100, 100000)
BYTES = (None, 20, 1000000)
PAGES = (1, 1000)
NAMES = ("buffer_max_items", "file_max_items", "file_max_bytes")


def measure(path):
    opener = gzip.open if path.endswith(".gz") else open
    lines = items = size = 0
    first = None
    with opener(path, "rb") as file:
        for line in file:
            value = json.loads(line)
            rows = value if isinstance(value, list) else [value]
            first = rows[0]["id"] if first is None else first
            lines += 1
            items += len(rows)
            size += len(line)
    return first, [lines, items, size]


def packed(files):
    return [
        one + [len(list(group))]
        for one, group in itertools.groupby([f for _, f in sorted(files)])
    ]


def report(by, stage, page, rows, settings, compressed, files):
    if by == "pipeline" and stage == "normalize":
        files = [(-items, [n, items, 0]) for _, (n, items, _) in files]
    line = {"by": by, "stage": stage, "page": page, "rows": rows}
    line.update(zip(NAMES, settings))
    line.update(compressed=compressed, files=packed(files))
    print(json.dumps(line, separators=(",", ":")))


def pages(rows, page):
    if page == 1:
        yield from ({"id": n} for n in range(rows))
    else:
        for start in range(0, rows, page):
            end = min(start + page, rows)
            yield [{"id": n} for n in range(start, end)]


def jobs(folder):
    return [
        measure(entry.path)
        for entry in os.scandir(folder)
        if entry.name.startswith("items.")
    ]


def run_pipeline(number, page, rows, settings, compressed):
    for name, value in zip(NAMES, settings):
        os.environ.pop("DATA_WRITER__" + name.upper(), None)
        if value is not None:
            os.environ["DATA_WRITER__" + name.upper()] = str(value)
    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = str(not compressed)
    pipeline = dlt.pipeline(f"p{number}", destination="filesystem")
    resource = dlt.resource(lambda: pages(rows, page), name="items")
    load_id = pipeline.extract(resource).loads_ids[0]
    storage = f"{pipeline.working_dir}/normalize/extracted/{load_id}/new_jobs"
    extracted = jobs(storage)
    pipeline.normalize()
    storage = f"{pipeline.working_dir}/load/normalized/{load_id}/new_jobs"
    for stage, files in ("extract", extracted), ("normalize", jobs(storage)):
        report("pipeline", stage, page, rows, settings, compressed, files)


def run_writer(stage, page, rows, settings):
    cls = (
        writers.TypedJsonlListWriter
        if stage == "extract"
        else writers.JsonlWriter
    )
    folder = tempfile.mkdtemp(dir=WORK.name)
    keywords = dict(zip(NAMES, settings), disable_compression=True)
    with BufferedDataWriter(
        cls.writer_spec(), f"{folder}/items.%s", **keywords
    ) as writer:
        for item in pages(rows, page):
            writer.write_data_item(item, {})
    files = jobs(folder)
    report("writer", stage, page, rows, settings, False, files)


def main():
    numbers = itertools.count()
    for settings in itertools.product(BUFFERS, ITEMS, BYTES):
        for page in PAGES:
            rows = 60 if page == 1 else 3210
            for compressed in (True, False):
                run_pipeline(
                    next(numbers), page, rows, settings, compressed
                )
            # with small files the many rows would tell nothing new
            if settings[1] != 5 and settings[2] != 20:
                run_writer("extract", page, 210987, settings)
                if page == 1:
                    run_writer("normalize", page, 210987, settings)
        sys.stdout.flush()


main()
