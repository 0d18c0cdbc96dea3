# SPDX-License-Identifier: MIT
"""Python dlt's filesystem destination, one step at a time.

files.py extract|load|sync|resume|run PIPELINES_DIR URL LAYOUT [DISPOSITION FORMAT]
"""

import sys

import dlt

step, pipelines, url, layout = sys.argv[1:5]
disposition, file_format = (sys.argv[5:7] + ["append", "jsonl"])[:2] \
    if len(sys.argv) > 5 else ("append", "jsonl")

pipeline = dlt.pipeline(
    "pp",
    destination=dlt.destinations.filesystem(bucket_url=url, layout=layout),
    dataset_name="ds",
    pipelines_dir=pipelines,
)


@dlt.resource(name="orders", write_disposition=disposition)
def orders():
    state = dlt.current.resource_state()
    n = state["n"] = state.get("n", 0) + 1
    yield [{"id": n, "items": [{"a": 1}]}, {"id": 100 + n}]


if step == "resume":
    pipeline.sync_destination()
    pipeline.activate()
if step in ("extract", "resume"):
    pipeline.extract(orders(), loader_file_format=file_format)
    pipeline.normalize()
elif step == "sync":
    pipeline.sync_destination()
elif step == "load":
    pipeline.activate()
    pipeline.load()
else:
    pipeline.run(orders(), loader_file_format=file_format)
    print(pipeline.state["sources"]["pp"]["resources"]["orders"]["n"])
