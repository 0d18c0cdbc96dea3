#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A pipeline of Python dlt whose normalize() is done by dlt-normalize.

pipeline.py [DIR [ROWS]]     (needs dlt[duckdb] 1.26.0 and dlt-normalize)

Nothing else changes: the same source, the same working directory, the same load. Both run here, one after the other, into a database
each; the times are printed, and the tables are compared.
"""
import json, os, subprocess, sys, time

import dlt

here = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "drop-in")
count = int(sys.argv[2]) if len(sys.argv) > 2 else 20000


@dlt.source(name="shop")
def shop():
    @dlt.resource(write_disposition="append")
    def orders():
        for page in range(0, count, 1000):
            yield [{"id": n, "at": "2024-01-%02dT10:20:30Z" % (1 + n % 28), "customer": {"id": n % 997, "name": "customer %d" % (n % 997)},
                    "lines": [{"sku": "s%d" % i, "price": 1.25 * i, "tags": ["a", "b"][: i % 3]} for i in range(1 + n % 4)]}
                   for n in range(page, min(page + 1000, count))]

    @dlt.resource(write_disposition="merge", primary_key="id")
    def customers():
        yield [{"id": n, "name": "customer %d" % n} for n in range(997)]
    return orders, customers


def by_dlt_normalize(pipeline):
    """The drop-in: what stands in the place of pipeline.normalize()."""
    # the working directory, with a slash: also one that is not among the usual ones
    subprocess.run(["dlt-normalize", "-q", "-p", pipeline.working_dir + "/"], check=True)


def run(label, normalize):
    folder = os.path.join(here, label.replace(" ", "-"))
    pipeline = dlt.pipeline("shop", pipelines_dir=folder, dataset_name="sales", destination=dlt.destinations.duckdb(os.path.join(folder, "tables.duckdb")))
    for stage, work in (("extract", lambda: pipeline.extract(shop())), ("normalize", lambda: normalize(pipeline)), ("load", lambda: pipeline.load())):
        start = time.monotonic()
        work()
        print("%-14s %-10s %7.2f s" % (label, stage, time.monotonic() - start), flush=True)
    return content(pipeline)


def content(pipeline):
    """Rows without ids: those of root rows are random."""
    tables = {}
    with pipeline.sql_client() as client:
        for t in sorted(pipeline.default_schema.data_table_names()):
            with client.execute_query("SELECT * FROM %s" % client.make_qualified_table_name(t)) as cursor:
                keep = [i for i, c in enumerate(cursor.description) if not c[0].startswith("_dlt") or c[0] == "_dlt_list_idx"]
                tables[t] = sorted(json.dumps([row[i] for i in keep], default=str) for row in cursor.fetchall())
    return tables


if __name__ == "__main__":
    equal = run("Python dlt", lambda p: p.normalize()) == run("dlt-normalize", by_dlt_normalize)
    print("the tables are equal" if equal else "the tables DIFFER")
    sys.exit(0 if equal else 1)
