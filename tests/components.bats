#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract --components: which resources must run together.

load helper
load rest

setup_file() {
  python_dlt
  rest_start
}

teardown_file() {
  rest_stop
}

shop() {
  printf '{"id":%d}\n' 1 2 3 >rows.jsonl
  cat >shop.toml <<'END'
[[resources]]
name = "orders"
file = "rows.jsonl"
[[resources]]
name = "lines"
from = "prices"
command = "tee -a log-lines"
[[resources]]
name = "users"
command = "tee -a log-users <rows.jsonl"
[[resources]]
name = "prices"
from = "orders"
command = "tee -a log-prices"
selected = false
END
}

@test "--components: a line for each, with a pipeline of its own" {
  shop
  run -0 dlt-extract -s shop.toml --components
  assert_output $'shop_orders_lines\torders\tlines\nshop_users\tusers'
  run -0 dlt-extract -s shop.toml -p daily --components lines users
  assert_output $'daily_lines\tlines\ndaily_users\tusers'
  fails 2 dlt-extract --components rows.jsonl
  fails 1 dlt-extract -s shop.toml --components user
  assert_output --partial 'did you mean "users"?'
}

@test "--components: long names are cut, and stay apart" {
  local a b
  a=$(printf 'a%.0s' {1..80})
  for b in 1 2; do
    printf '[[resources]]\nname = "%s%s"\ncommand = ":"\n' "$a" "$b"
  done >long.toml
  run -0 dlt-extract -s long.toml --components
  [ "$(cut -f 1 <<<"$output" | sort -u | wc -l)" -eq 2 ]
  [ "$(cut -f 1 <<<"$output" | awk 'length > 64' | wc -l)" -eq 0 ]
}

# all_rows DATABASE: of the three tables, in order.
all_rows() {
  for table in orders lines users; do
    sqlite3 "$1" "SELECT '$table', id FROM $table ORDER BY 2"
  done
}

@test "--components: one after the other, or side by side, as one run" {
  shop
  export DLT_DATA_DIR=$PWD/data
  dlt-extract -s shop.toml | dlt-normalize | dlt-load -q sqlite:one.db
  rm log-*
  dlt-extract -s shop.toml --components >components
  while IFS=$'\t' read -r _ resources; do
    IFS=$'\t' read -ra names <<<"$resources"
    dlt-extract -q -s shop.toml -p shop "${names[@]}" </dev/null
    dlt-normalize -q -p shop
    dlt-load -q -p shop sqlite:serial.db
  done <components
  all_rows one.db | diff - <(all_rows serial.db)
  # nothing was asked for twice
  [ "$(cat log-users | wc -l)" -eq 3 ]
  [ "$(cat log-prices | wc -l)" -eq 3 ]
  rm log-*
  cat >component <<'END'
set -ef
IFS=$(printf '\t')
set -- $1
name=$1
shift
dlt-extract -q -s shop.toml -p "$name" "$@"
dlt-normalize -q -p "$name"
dlt-load -q --wait inf -p "$name" --dataset shop sqlite:parallel.db
END
  xargs -d '\n' -n 1 -P 2 sh component <components
  all_rows one.db | diff - <(all_rows parallel.db)
  [ "$(cat log-users log-prices | wc -l)" -eq 6 ]
}

# requests: what was asked, each once.
requests() {
  rest_log '.requests[].target' | sort
}

@test "--components: an API is asked for nothing twice" {
  export DLT_DATA_DIR=$PWD/data
  cat >api.toml <<END
[client]
base_url = "$REST"
[resource_defaults.endpoint]
paginator = "single_page"
[[resources]]
name = "posts"
[[resources]]
name = "comments"
endpoint = { path = "posts/{resources.posts.id}/comments" }
[[resources]]
name = "products"
END
  run -0 dlt-extract -s api.toml --components
  assert_output $'api_posts_comments\tposts\tcomments\napi_products\tproducts'
  rest_reset
  dlt-extract -s api.toml | dlt-normalize | dlt-load -q sqlite:one.db
  requests >asked
  [ -z "$(uniq -d asked)" ]
  rest_reset
  cat >component <<'END'
set -ef
IFS=$(printf '\t')
set -- $1
name=$1
shift
dlt-extract -q -s api.toml -p "$name" "$@"
dlt-normalize -q -p "$name"
dlt-load -q --wait inf -p "$name" --dataset shop sqlite:parallel.db
END
  dlt-extract -s api.toml --components | xargs -d '\n' -n 1 -P 2 sh component
  requests | diff asked -
  for table in posts comments products; do
    [ "$(sqlite3 one.db "SELECT count(*), sum(id) FROM $table")" = \
      "$(sqlite3 parallel.db "SELECT count(*), sum(id) FROM $table")" ]
  done
}

@test "--components: those of Python dlt, on random graphs" {
  need_level all
  need_dlt
  "$DLT_PYTHON" - <<'END'
import json, random, subprocess
import dlt

for seed in range(20):
    rng = random.Random(seed)
    n = rng.randrange(1, 12)
    names = [f"r{i}" for i in range(n)]
    rng.shuffle(names)
    parents, selected = {}, {}
    for i, name in enumerate(names):
        parents[name] = rng.choice(names[:i]) if i and rng.random() < 0.6 else None
        selected[name] = rng.random() < 0.7
    if not any(selected.values()):
        selected[names[0]] = True

    @dlt.source
    def graph():
        made = {}
        for name in names:
            if parents[name] is None:
                r = dlt.resource([{"id": 1}], name=name, selected=selected[name])
            else:
                r = dlt.transformer(
                    (lambda item: item), name=name, data_from=made[parents[name]],
                    selected=selected[name])
            made[name] = r
        return list(made.values())

    theirs = {frozenset(s.resources.selected) for s in graph().decompose("scc")}
    resources = []
    for name in names:
        r = {"name": name, "command": "cat", "selected": selected[name]}
        if parents[name] is not None:
            r["from"] = parents[name]
        resources.append(r)
    rng.shuffle(resources)
    with open("graph.json", "w") as f:
        json.dump({"resources": resources}, f)
    out = subprocess.run(["dlt-extract", "-s", "graph.json", "--components"],
                         check=True, capture_output=True, text=True).stdout
    lines = [line.split("\t") for line in out.splitlines()]
    ours = {frozenset(line[1:]) for line in lines}
    assert ours == theirs, (seed, ours, theirs)
    assert len({line[0] for line in lines}) == len(lines)
END
}
