# SPDX-License-Identifier: MIT
"""The same REST configurations to Python dlt and to dlt-extract.

rest_compare.py URL     URL: that of rest_server.py; the working directory is
                        taken for files

Rows of each resource must be the same, in the order that dlt has in the mode
fifo, and so must the requests: in their order too, where only one resource is
asked.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request

from dlt.common.configuration.container import Container
from dlt.common.pipeline import StateInjectableContext
from dlt.extract.pipe_iterator import ManagedPipeIterator
from dlt.extract.source import SourceInjectableContext, SourceSchemaInjectableContext
from dlt.sources.rest_api import rest_api_source

BASE = sys.argv[1]
PAGES = {"base_url": BASE + "/pages"}


def one(endpoint, client=None, **hints):
    return {"client": client or {"base_url": BASE}, "resources": [dict(hints, name="rows", endpoint=endpoint)]}


def paged(kind, paginator, **endpoint):
    return one(dict(endpoint, path=kind, paginator=paginator), PAGES)


def auth(path, value):
    return one({"path": path, "paginator": "single_page"}, {"base_url": BASE + "/auth", "auth": value})


CONFIGURATIONS = {
    # those of dlt's documentation
    "pokemon": {
        "client": {"base_url": BASE + "/pokeapi/api/v2/"},
        "resource_defaults": {"write_disposition": "replace", "endpoint": {"params": {"limit": 10}}},
        "resources": ["pokemon", "berry", "location"],
    },
    "github": {
        "client": {"base_url": BASE + "/github/repos/dlt-hub/dlt/", "paginator": "header_link"},
        "resource_defaults": {
            "primary_key": "id", "write_disposition": "merge",
            "endpoint": {"params": {"per_page": 2}},
        },
        "resources": [
            {"name": "issues", "endpoint": {
                "path": "issues",
                "params": {"sort": "updated", "direction": "desc", "state": "open",
                           "since": "{incremental.start_value}"},
                "incremental": {"cursor_path": "updated_at", "initial_value": "2024-01-03T00:00:00Z"},
            }},
            {"name": "issue_comments", "endpoint": {"path": "issues/{resources.issues.number}/comments"},
             "include_from_parent": ["id"]},
        ],
    },
    "github with a parameter": one({
        "path": "github/repos/dlt-hub/dlt/issues", "paginator": {"type": "header_link", "links_next_key": "next"},
        "params": {"per_page": 5, "direction": "asc", "state": "all", "since": {
            "type": "incremental", "cursor_path": "updated_at", "initial_value": "2024-01-05T00:00:00Z"}},
    }),
    "posts": {
        "client": {"base_url": BASE},
        "resource_defaults": {"endpoint": {"params": {"_limit": 5}, "headers": {"X-All": "a"}}},
        "resources": [
            {"name": "comments", "include_from_parent": ["title"], "endpoint": {
                "path": "posts/{post_id}/comments",
                "params": {"post_id": {"type": "resolve", "resource": "posts", "field": "id"}}}},
            {"name": "posts", "endpoint": "posts"},
            {"name": "post_comments", "endpoint": {
                "path": "post_comments", "params": {"post_id": "{resources.posts.id}"},
                "headers": {"X-Post": "{resources.posts.author.id}"}}},
        ],
    },
    "posts at once": {
        "client": {"base_url": BASE},
        "resources": ["users", {"name": "details", "parallelized": True,
                                "endpoint": {"path": "users/{resources.users.id}"}}],
    },
    # paginators
    "json_link": paged("json_link", {"type": "json_link", "next_url_path": "links.next"}, params={"limit": 7}),
    "json_link, relative": paged("json_link", {"type": "json_link", "next_url_path": "links.next"},
                                 params={"relative": 1}),
    "header_link": paged("header_link", "header_link"),
    "header_cursor": paged("header_cursor", {"type": "header_cursor", "cursor_key": "x-next-cursor"}),
    "offset": paged("offset", {"type": "offset", "limit": 10}, params={"total": 30}),
    "offset without a total": paged("offset", {"type": "offset", "limit": 10, "total_path": None}),
    "offset to a maximum": paged("offset", {"type": "offset", "limit": 4, "offset": 3, "maximum_offset": 12}),
    "offset in the body": paged("offset", {
        "type": "offset", "limit": 9, "offset_body_path": "offset", "limit_body_path": "limit"},
        method="POST", json={"total": 20}),
    "page_number": paged("page_number", {"type": "page_number", "base_page": 1, "total_path": "total_pages"}),
    "page_number to a maximum": paged("page_number", {
        "type": "page_number", "base_page": 1, "page": 2, "total_path": None, "maximum_page": 3}),
    "cursor": paged("cursor", {"type": "cursor", "cursor_path": "cursors.next", "cursor_param": "after"}),
    "cursor in the body": paged("cursor", {"type": "cursor", "cursor_body_path": "after"}, method="POST",
                                json={"limit": 8}),
    "single_page": paged("single_page", "single_page", data_selector="data[*].name"),
    # guesses
    "guessed link": paged("json_link", "auto"),
    "guessed header": paged("header_link", None, params={"limit": 11}),
    "guessed numbers": paged("page_number", "auto", params={"base": 0}),
    "guessed single": paged("offset", None),
    # the rest
    "a cursor with an end": one({
        "path": "events", "paginator": {"type": "page_number", "base_page": 1, "total_path": "pages"},
        "incremental": {"cursor_path": "updated_at", "start_param": "since", "end_param": "until",
                        "initial_value": "2024-01-01T03:00:00Z", "end_value": "2024-01-01T19:00:00Z"}}),
    "ignored": {
        "client": {"base_url": BASE},
        "resources": [
            "posts",
            {"name": "rows", "endpoint": {
                "path": "products/{resources.posts.id}", "paginator": "single_page",
                "response_actions": [{"content": "product 3", "action": "ignore"},
                                     {"status_code": 404, "action": "ignore"}]}},
        ],
    },
    "parameters": one({"path": "echo", "paginator": "single_page", "method": "POST", "json": {"q": ["a", {"b": None}]},
                       "params": {"a": [1, "x y"], "b": True, "c": None, "d": "é&=", "e": 1.50, "f": "{{}}"}}),
    "a form": one({"path": "echo", "paginator": "single_page", "method": "POST",
                   "data": {"a": "1 2", "b": ["x", "y"]}, "headers": {"X-One": "1"}},
                  {"base_url": BASE, "headers": {"X-One": "0", "X-Two": "2"}}),
    "bearer": auth("bearer/items", {"token": "tok-en/+=1"}),
    "api_key": auth("api_key/items", {"type": "api_key", "name": "api_key", "location": "query",
                                      "api_key": "k3y &=+/ü"}),
}
# those have a header "Accept" and others of their own: what they echo differs
ECHOES = {"parameters", "a form"}


def ask(path):
    with urllib.request.urlopen(BASE + path) as answer:
        return answer.read()


def body_of(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def requests():
    return [[r["method"], r["target"], body_of(r["body"]),
             {k: v for k, v in r["headers"].items() if k.startswith("x-")}]
            for r in json.loads(ask("/_log"))["requests"]]


def of_dlt(config):
    ask("/_reset")
    source = rest_api_source(config, name="api")
    found = {name: [] for name in source.resources}
    contexts = [source._get_config_section_context(), StateInjectableContext(state={}),
                SourceSchemaInjectableContext(source.schema), SourceInjectableContext(source)]
    with contextlib.ExitStack() as stack:
        for context in contexts:
            stack.enter_context(Container().injectable_context(context))
        pipes = ManagedPipeIterator.from_pipes(source.resources.selected_pipes, next_item_mode="fifo")
    pipes.set_context(contexts)
    for item in pipes:
        rows = item.item if isinstance(item.item, list) else [item.item]
        found[item.pipe.name].extend(rows)
    return found, requests()


def of_extract(config):
    ask("/_reset")
    with open("api.json", "w", encoding="utf-8") as f:
        json.dump(config, f)
    shutil.rmtree("p", ignore_errors=True)
    subprocess.run(["dlt-extract", "-q", "-s", "api.json", "-o", "p", "--compression", "none"], check=True)
    names = [r if isinstance(r, str) else r["name"] for r in config["resources"]]
    found = {name: [] for name in names}
    for name in sorted(os.listdir("p/new_jobs")):
        table = name.split(".")[0]
        if table in found:
            with open("p/new_jobs/" + name, encoding="utf-8") as f:
                for line in f:
                    value = json.loads(line)
                    found[table].extend(value if isinstance(value, list) else [value])
    return found, requests()


def main():
    assert len(CONFIGURATIONS) >= 12
    failed = 0
    for name, config in CONFIGURATIONS.items():
        text = json.dumps(config)
        try:
            rows, asked = of_dlt(json.loads(text))
        except Exception as e:  # so that all are seen
            print(f"{name}: dlt: {e}")
            failed += 1
            continue
        try:
            our_rows, we_asked = of_extract(json.loads(text))
        except subprocess.CalledProcessError as e:
            print(f"{name}: {e}")
            failed += 1
            continue
        if len(config["resources"]) > 1:
            asked.sort(key=json.dumps)
            we_asked.sort(key=json.dumps)
            if any(isinstance(r, dict) and r.get("parallelized") for r in config["resources"]):
                for r in rows.values():  # as they came
                    r.sort(key=lambda v: v["id"])
        if name in ECHOES:
            rows = our_rows = {}
        if rows != our_rows or asked != we_asked:
            failed += 1
            print(f"{name}:\n dlt:  {rows}\n ours: {our_rows}\n dlt:  {asked}\n ours: {we_asked}")
    print(f"{len(CONFIGURATIONS)} configurations, {failed} differ")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
