#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract -s: source files.

# shellcheck disable=SC2030,SC2031
load helper
load extract

setup_file() {
  python_dlt
}

shop() {
  printf '{"id":1,"total":1.5}\n{"id":2,"total":2}\n' >orders.jsonl
  cat >shop.toml <<'END'
name = "shop"

[resource_defaults]
write_disposition = { disposition = "merge", strategy = "upsert" }

[[resources]]
name = "orders"
file = "orders.jsonl"
primary_key = ["id"]
schema_contract = { columns = "freeze" }
[resources.columns.id]
data_type = "bigint"
[resources.columns.total]
data_type = "decimal"
precision = 20
scale = 4
x-unit = "EUR"

[[resources]]
name = "events"
command = 'echo "{\"kind\":\"a\"}"; echo "{\"kind\":\"b\"}"'
table_name = { field = "kind" }
write_disposition = "append"

[[resources]]
name = "extra"
files = ["orders.jsonl"]
table_name = "Other Orders"
limit = 1
selected = false
write_disposition = "replace"
columns = [{ name = "id", data_type = "text", nullable = false }]
END
}

@test "-s: resources of a file, each with its hints" {
  shop
  dlt-extract -s shop.toml -o p
  [ "$(rows p orders)" = '[{"id":1,"total":1.5},{"id":2,"total":2}]' ]
  [ "$(rows p a)$(rows p b)" = '[{"kind":"a"}][{"kind":"b"}]' ]
  [ -z "$(rows p other_orders)" ]
  jq -e '.name == "shop" and (.tables.a | .resource == "events" and
    .write_disposition == "append") and (.tables.orders |
    .write_disposition == "merge" and .["x-merge-strategy"] == "upsert" and
    .schema_contract == {"columns": "freeze"} and
    .columns.id.primary_key and .columns.total.precision == 20 and
    .columns.total["x-unit"] == "EUR")' p/schema.json
}

@test "-s: operands select resources, flags win" {
  shop
  dlt-extract -s shop.toml -o p extra --schema-name other
  [ "$(rows p other_orders)" = '[{"id":1,"total":1.5}]' ]
  jq -e '.name == "other" and (.tables | has("orders") | not) and
    (.tables.other_orders | .resource == "extra" and
    .write_disposition == "replace" and .columns.id.data_type == "text")' \
    p/schema.json
  dlt-extract -s shop.toml -o q extra orders --write-disposition append --limit 2
  jq -e '[.tables.orders, .tables.other_orders | .write_disposition] ==
    ["append", "append"]' q/schema.json
  [ "$(rows q other_orders)" = '[{"id":1,"total":1.5},{"id":2,"total":2}]' ]
  fails 1 dlt-extract -s shop.toml -o r order
  assert_output --partial 'no resource "order"; did you mean "orders"?'
}

@test "-s: JSON says the same as TOML" {
  shop
  python3 - <<'END'
import json
hints = {"name": "orders", "file": "orders.jsonl", "primary_key": "id",
         "write_disposition": "merge:upsert",
         "schema_contract": {"columns": "freeze"},
         "columns": [{"name": "id", "data_type": "bigint"},
                     {"name": "total", "data_type": "decimal",
                      "precision": 20, "scale": 4, "x-unit": "EUR"}]}
json.dump({"name": "shop", "resources": [hints]}, open("s.json", "w"), indent=1)
END
  dlt-extract -s shop.toml -o p orders
  dlt-extract -s s.json -o q
  [ "$(jq .version_hash p/schema.json)" = "$(jq .version_hash q/schema.json)" ]
}

# refused TEXT MESSAGE: of a TOML file
refused() {
  printf '%b' "$1" >bad.toml
  fails 2 dlt-extract -s bad.toml -o bad
  assert_output --partial "bad.toml:$2"
  [ ! -e bad ]
}

@test "-s: what is wrong is said with its place" {
  local r='[[resources]]\nname = "x"\ncommand = ":"\n'
  refused 'a = \n' '1:5: '
  refused 'nam = "x"\n' '1:1: unknown key "nam"; did you mean "name"?'
  refused 'name = 1\n' '1:8: "name" must be a string'
  refused 'name = "a b"\nresources = []' '1:8: "a b" is no identifier'
  refused 'name = "x"\n' '1:1: "resources" is missing'
  refused "${r}primary_keys = 'id'\n" \
    '4:1: unknown key "primary_keys"; did you mean "primary_key"?'
  refused "${r}from = 'y'\n" '4:8: no resource "y"; did you mean "x"?'
  refused "${r}columns.a.data_type = 'bigin'\n" \
    '4:23: "bigin" is no data type; did you mean "bigint"?'
  refused "${r}columns.a.nullable = 1\n" '4:22: "nullable" must be a boolean'
  refused "${r}schema_contract = 'never'\n" '4:19: '
  refused "${r}write_disposition = 'add'\n" '4:21: '
  refused "${r}limit = -1\n" '4:9: "limit" is no whole number from 0'
  refused "${r}file = 'x'\n" '1:1: resource "x" needs one of'
  refused "$r$r" '5:8: a second resource "x"'
  printf '{"resources": [\n {"name": "x", "fil": "y"}]}' >bad.json
  fails 2 dlt-extract -s bad.json -o bad
  assert_output --partial 'bad.json:2:23: unknown key "fil"'
  fails 2 dlt-extract -s none.yaml -o bad
  assert_output --partial 'ends in .toml or .json'
  fails 2 dlt-extract -s bad.toml -n x -o bad
}

@test "-s: typed = true lets strings of a program be typed values" {
  printf '{"v":"\xef\x80\xa61.50"}\n' >rows.jsonl
  printf '[[resources]]\nname = "x"\ncommand = "cat rows.jsonl"\n' >plain.toml
  { cat plain.toml && echo 'typed = true'; } >typed.toml
  dlt-extract -s plain.toml | dlt-normalize | dlt-load -q sqlite:plain.db
  dlt-extract -s typed.toml | dlt-normalize | dlt-load -q sqlite:typed.db
  run sqlite3 plain.db "SELECT typeof(v), hex(v) FROM x"
  assert_output 'text|EF80A6312E3530'
  run sqlite3 typed.db "SELECT v FROM x"
  assert_output '1.5'
  refused '[[resources]]\nname = "x"\ncommand = ":"\ntyped = 1\n' \
    '4:9: "typed" must be a boolean'
  refused '[[resources]]\nname = "x"\nfile = "x"\ntyped = true\n' \
    '4:1: "typed" is for a "command"'
}

@test "-s: the tables that Python dlt makes of the same hints" {
  need_level all
  need_dlt
  echo '{"id":1,"total":1.5}' >orders.jsonl
  cat >t.toml <<'END'
[[resources]]
name = "orders"
file = "orders.jsonl"
table_name = "My Orders"
primary_key = ["id", "shop"]
merge_key = "total"
write_disposition = { disposition = "merge", strategy = "upsert" }
schema_contract = { columns = "freeze", data_type = "discard_row" }
file_format = "jsonl"
max_table_nesting = 2
[resources.columns]
id = { data_type = "bigint", unique = true }
total = { data_type = "decimal", precision = 20, x-a = 1, description = "h" }
END
  cat >t.py <<'END'
import json, sys, tomllib
import dlt
hints = tomllib.load(open("t.toml", "rb"))["resources"][0]
del hints["file"]
orders = dlt.resource([{"id": 1, "total": 1.5}], **hints)
pipeline = dlt.pipeline("t", pipelines_dir="py", destination="duckdb")
pipeline.extract(orders)
print(json.dumps(pipeline.default_schema.to_dict()["tables"]["my_orders"]))
END
  dlt-extract -s t.toml -o p
  "$DLT_PYTHON" t.py >py.json
  diff <(jq -S . py.json) <(jq -S .tables.my_orders p/schema.json)
}


@test "-s: max_table_nesting of a resource holds for its table" {
  echo '{"id":1,"l":[{"m":[{"n":1}]}]}' >rows.jsonl
  cat >deep.toml <<'END'
[[resources]]
name = "flat"
file = "rows.jsonl"
max_table_nesting = 0
[[resources]]
name = "one"
file = "rows.jsonl"
max_table_nesting = 1
END
  dlt-extract -s deep.toml | dlt-normalize -o n
  run -0 dlt-package info n --json
  jq -e '[.tables[].table | select(startswith("_") | not)] == ["flat", "one", "one__l"]' \
    <<<"$output"
  refused '[[resources]]\nname = "x"\nfile = "x"\nmax_table_nesting = -1\n' \
    '4:21: "max_table_nesting" is no whole number from 0'
}

# ---- hints of nested tables ----

nested_source() {
  cat >t.toml <<'END'
[[resources]]
name = "a"
file = "a.jsonl"
primary_key = "id"
write_disposition = "merge"
[resources.nested_hints.l.columns.q]
data_type = "text"
[resources.nested_hints."l.z".columns.v]
data_type = "double"
[resources.nested_hints.m]
primary_key = "id"
write_disposition = "merge"
columns.x.data_type = "bigint"
[resources.nested_hints.n]
merge_key = ["id"]
END
  echo '{"id":1,"l":[{"q":1,"z":[{"v":1}]}],"m":[{"id":5,"x":1,"deep":[{"y":1}]}],"n":[{"id":6}]}' >a.jsonl
}

@test "nested_hints: types of nested tables, and tables of their own by a key" {
  nested_source
  dlt-extract -q -p p -s t.toml
  echo '{"id":1,"m":[{"id":5,"x":2}],"n":[]}' >a.jsonl
  dlt-extract -q -p p -s t.toml
  quiet dlt-normalize -q -p p --for sqlite
  quiet dlt-load -q -p p sqlite:x.db
  run -0 sqlite3 x.db "SELECT count(*), max(x), typeof(x) FROM a__m"
  assert_output '1|2|integer'
  # of rows that have no key, those that came stay
  [ "$(sqlite3 x.db 'SELECT count(*) FROM a__n')" = 1 ]
  [ "$(sqlite3 x.db 'SELECT count(*) FROM a__l')" = 0 ]
  run -0 jq -c '.tables.a__m.columns | [._dlt_root_id.root_key, has("_dlt_parent_id"), ._dlt_load_id.data_type]' \
    data/pipelines/p/schemas/p.schema.json
  assert_output '[true,false,"text"]'
}

@test "nested_hints: errors, and what has no effect" {
  refused '[[resources]]\nname = "x"\nfile = "x"\n[resources.nested_hints.l]\nkey = "id"\n' \
    '5:1: unknown key "key"'
  refused '[[resources]]\nname = "x"\nfile = "x"\n[resources.nested_hints."l."]\nmerge_key = "id"\n' \
    '4:25: "l." is no path to a nested table'
  refused '[[resources]]\nname = "x"\nfile = "x"\n[resources.nested_hints.l]\nwrite_disposition = "merg"\n' \
    '5:'
  echo '{"id":1,"l":[1]}' >x
  printf '[[resources]]\nname = "x"\nfile = "x"\n[resources.nested_hints.l]\nwrite_disposition = "replace"\n' >w.toml
  run -0 dlt-extract -s w.toml -o out
  assert_output --partial 'the write disposition of a nested table has no effect'
}

@test "nested_hints: the tables that Python dlt makes of them" {
  need_level all
  need_dlt
  nested_source
  cat >t.py <<'END'
import json, sys, tomllib
import dlt
hints = tomllib.load(open("t.toml", "rb"))["resources"][0]
del hints["file"]
hints["nested_hints"] = {tuple(path.split(".")): dlt.mark.make_nested_hints(**n) for path, n in hints["nested_hints"].items()}
rows = [json.loads(line) for line in open("a.jsonl")]
pipeline = dlt.pipeline("t", pipelines_dir="py", destination="duckdb")
pipeline.extract(dlt.resource(rows, **hints))
print(json.dumps({n: t for n, t in pipeline.default_schema.to_dict()["tables"].items() if n[0] != "_"}))
END
  dlt-extract -q -s t.toml -o p
  "$DLT_PYTHON" t.py >py.json
  diff <(jq -S . py.json) <(jq -S '.tables | with_entries(select(.key | startswith("_") | not))' p/schema.json)
}

@test "a schema of Python dlt with tables that have no disposition" {
  need_level all
  need_dlt sqlalchemy
  nested_source
  cat >t.py <<'END'
import json, dlt
hints = {"n": dlt.mark.make_nested_hints(merge_key="id")}
rows = [json.loads(line) for line in open("a.jsonl")]
pipeline = dlt.pipeline("t", destination=dlt.destinations.sqlalchemy("sqlite:///x.db"))
pipeline.extract(dlt.resource(rows, name="a", nested_hints=hints))
END
  "$DLT_PYTHON" t.py
  quiet dlt-normalize -q -p t
  quiet dlt-load -q -p t sqlite:x.db
  [ "$(sqlite3 x.db 'SELECT id FROM a__n')" = 6 ]
}
