#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same work in Python dlt: peer_dlt.py STAGE NAME FILE [DATABASE].

STAGE is extract, normalize (of what extract left) or run (all three, into
SQLite by SQLAlchemy).
"""
import sys

import dlt

try:
    from orjson import loads
except ImportError:
    from json import loads


def rows(path):
    with open(path, "rb") as f:
        page = []
        for line in f:
            page.append(loads(line))
            if len(page) == 1000:
                yield page
                page = []
        yield page


def main():
    stage, name, path = sys.argv[1:4]
    if stage == "run":
        pipeline = dlt.pipeline(
            "bench", destination=dlt.destinations.sqlalchemy(
                f"sqlite:///{sys.argv[4]}"), dataset_name="main")
    else:
        pipeline = dlt.pipeline("bench", destination="filesystem",
                                dataset_name="main")
        pipeline.destination.config_params["bucket_url"] = "file:///nowhere"
    if stage in ("extract", "run"):
        pipeline.extract(rows(path), table_name=name,
                         loader_file_format="jsonl"
                         if stage == "extract" else None)
    if stage in ("normalize", "run"):
        pipeline.normalize()
    if stage == "run":
        pipeline.load(raise_on_failed_jobs=True)


# workers are processes that import this file
if __name__ == "__main__":
    main()
