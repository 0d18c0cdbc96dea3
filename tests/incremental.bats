#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Incremental cursors: which rows pass, what the state keeps, and with whom it
# is shared.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154
load helper
load extract

setup_file() {
  python_dlt
}

STATE=data/pipelines/inc/state.json

# rows ID:TS... >r.jsonl
rows_of() {
  local r
  for r; do
    printf '{"id":%s,"ts":"%s"}\n' "${r%%:*}" "${r#*:}"
  done >r.jsonl
}

# run the pipeline inc over r.jsonl; prints the ids that pass
ids() {
  local package
  package=$(dlt-extract -p inc --print r=r.jsonl "$@") || return
  rows "$package" r | jq -r '.[].id' | paste -sd ' '
}

cursor() {
  jq -c ".sources.inc.resources.r.incremental.${1:-ts}" $STATE
}

@test "a run takes what is new since the last one" {
  rows_of 1:2024-01-01 2:2024-01-02 3:2024-01-02
  [ "$(ids --incremental ts,initial=2024-01-01)" = '1 2 3' ]
  # as dlt has it; the hash is that of the contract
  cursor | jq -e '.initial_value == "2024-01-01" and
    .last_value == "2024-01-02" and .start_value == "2024-01-01" and
    (.unique_hashes | length) == 2 and
    (.unique_hashes | index("LlgIzPI/mtsD2Kzb4IPc")) != null'
  rows_of 2:2024-01-02 3:2024-01-02 4:2024-01-02 5:2024-01-03
  [ "$(ids --incremental ts,initial=2024-01-01)" = '4 5' ]
  cursor | jq -e '.last_value == "2024-01-03" and
    .start_value == "2024-01-02" and (.unique_hashes | length) == 1'
  # nothing new: nothing moves, and the state is not sent again
  cp $STATE before
  [ -z "$(ids --incremental ts,initial=2024-01-01)" ]
  cmp $STATE before
}

@test "primary keys make the hashes, from the row or the resource" {
  echo '{"id":1,"name":"a","ts":5}' >r.jsonl
  ids --incremental ts,key=id:name
  [ "$(cursor | jq -r '.unique_hashes[]')" = ndvRJS8rm8iAiHfET37I ]
  rm -r data
  ids --incremental ts,initial=0 --primary-key id
  [ "$(cursor)" = '{"initial_value":0,"last_value":5,"unique_hashes":["669czW83KR00ut4bv/U5"],"start_value":0}' ]
  # the same key with another value of what is no key
  echo '{"id":1,"name":"b","ts":5}' >r.jsonl
  [ -z "$(ids --incremental ts,initial=0 --primary-key id)" ]
}

@test "an empty key, and one that rows do not have" {
  echo '{"id":1,"ts":5}' >r.jsonl
  ids --incremental ts
  # no hashes, and what has the last value comes again
  [ "$(ids --incremental ts,key=)" = 1 ]
  [ "$(cursor | jq -c .unique_hashes)" = '[]' ]
  fails 1 dlt-extract -p inc r=r.jsonl --incremental ts,key=nr
  assert_output --partial 'r.jsonl:1:1: no field "nr", which is of the primary key'
}

@test "open and closed ranges, an end that is kept in no state" {
  rows_of 1:a 2:b 3:c 4:d
  [ "$(ids --incremental ts,initial=a,start=open)" = '2 3 4' ]
  [ "$(cursor | jq -c '[.last_value, .unique_hashes]')" = '["d",[]]' ]
  cp $STATE before
  [ "$(ids --incremental ts,initial=b,end=d)" = '2 3' ]
  [ "$(ids --incremental ts,initial=b,end=d,range-end=closed,start=open)" = '3 4' ]
  cmp $STATE before
}

@test "the least value as the last one" {
  rows_of 1:a 2:b 3:c 4:d
  [ "$(ids --incremental ts,initial=c,func=min)" = '1 2 3' ]
  cursor | jq -e '.last_value == "a"'
}

@test "rows that are in order end the resource" {
  printf '[{"id":1,"ts":1},{"id":2,"ts":2}]\n[{"id":3,"ts":9},{"id":4,"ts":3}]\n[{"id":5,"ts":4}]\nno JSON\n' >r.jsonl
  [ "$(ids --incremental ts,initial=0,end=5,order=asc)" = '1 2 4' ]
  printf '{"id":1,"ts":9}\n{"id":2,"ts":7}\n{"id":3,"ts":8}\n' >r.jsonl
  [ "$(ids --incremental ts,initial=8,order=desc)" = 1 ]
}

@test "rows without a cursor: an error, in or out" {
  printf '{"id":1,"ts":1}\n{"id":2}\n{"id":3,"ts":null}\n' >r.jsonl
  fails 1 dlt-extract -p inc r=r.jsonl --incremental ts
  assert_output --partial 'r.jsonl:2:1: no field "ts", the cursor; '
  [ "$(ids --incremental ts,missing=include)" = '1 2 3' ]
  [ "$(ids --incremental ts,missing=exclude)" = '' ]
  cursor | jq -e '.last_value == 1'
}

@test "values that do not compare are an error, with their place" {
  rows_of 1:2024-01-01
  fails 1 dlt-extract -p inc r=r.jsonl --incremental ts,initial=5
  assert_output --partial 'r.jsonl:1:1: the cursor "ts" and the start value 5: text does not compare with a number'
  printf '{"id":1,"ts":2}\n{"id":2,"ts":"2"}\n' >r.jsonl
  fails 1 dlt-extract -p inc r=r.jsonl --incremental ts
  assert_output --partial 'r.jsonl:2:1: the cursor "ts" and the value before 2: text does not compare with a number'
  [ ! -e $STATE ] || [ "$(jq '.sources // {}' $STATE)" = '{}' ]
}

@test "numbers compare by value, text by code points" {
  printf '{"id":1,"ts":9007199254740993}\n{"id":2,"ts":9007199254740992.0}\n{"id":3,"ts":1e3}\n' >r.jsonl
  [ "$(ids --incremental ts)" = '1 2 3' ]
  cursor | jq -e '.unique_hashes | length == 1'
  grep -q '"last_value":9007199254740993,' $STATE
  rm -r data
  rows_of 1:zz 2:é 3:😀 4:￦
  ids --incremental ts
  [ "$(cursor | jq -r .last_value)" = 😀 ]
}

@test "a cursor can be a JSONPath" {
  printf '{"id":1,"a":{"ts":3}}\n{"id":2,"a":{"ts":1}}\n' >r.jsonl
  [ "$(ids --incremental a.ts,initial=2)" = 1 ]
  cursor '["a.ts"]' | jq -e '.last_value == 3'
  printf '{"id":1,"my ts":3,"l":[{"x":4},{"x":9}]}\n' >r.jsonl
  [ "$(ids --incremental '"my ts"')" = 1 ]
  cursor '["\"my ts\""]' | jq -e '.last_value == 3'
  [ "$(ids --incremental '$.l[*].x')" = 1 ]
  cursor '["$.l[*].x"]' | jq -e '.last_value == 4'
  fails 2 dlt-extract -p inc r=r.jsonl --incremental 'my ts'
  assert_output --partial '--incremental: the cursor "my ts": '
}

@test "the column of a cursor is marked in the schema" {
  rows_of 1:a
  dlt-extract -o p r=r.jsonl --incremental ts
  jq -e '.tables.r.columns.ts.incremental == true' p/schema.json
  # the state goes with the package
  dlt-package cat _dlt_pipeline_state p >state
  "${PYTHON:-python3}" -c 'import base64, json, sys, zlib
state = json.loads(zlib.decompress(base64.b64decode(json.load(sys.stdin)["state"])))
assert state["sources"]["dlt"]["resources"]["r"]["incremental"]["ts"]["last_value"] == "a"' <state
}

@test "several resources, cursors of one and of all" {
  rows_of 1:a 2:b
  printf '{"id":1,"n":3,"ts":"x"}\n' >s.jsonl
  dlt-extract -p inc r=r.jsonl s=s.jsonl --incremental ts --incremental s:n,initial=1
  cursor | jq -e '.last_value == "b"'
  jq -e '.sources.inc.resources.s.incremental |
    keys == ["n"] and .n.last_value == 3 and .n.start_value == 1' $STATE
  dlt-extract -o p -n 'a b' s.jsonl --incremental 'a b:n,initial=4'
  [ -z "$(rows p a_b)" ]
  fails 2 dlt-extract -p inc r=r.jsonl s=s.jsonl --incremental t:n
  assert_output --partial '--incremental: no resource "t"'
}

@test "a source file declares cursors" {
  rows_of 1:2024-01-01 2:2024-01-02
  cat >s.toml <<'END'
[[resources]]
name = "r"
file = "r.jsonl"
primary_key = ["id"]
[resources.incremental]
cursor_path = "ts"
initial_value = "2024-01-02"
row_order = "asc"
END
  dlt-extract -p inc -s s.toml
  cursor | jq -e '.last_value == "2024-01-02" and .unique_hashes == ["y/yGik6NApHVti/+cWcf"]'
  # a name is no array of one name; a flag wins
  rm -r data
  dlt-extract -p inc -s s.toml --primary-key id
  cursor | jq -e '.unique_hashes == ["Tp44cKMYfAuJiBfxLAqu"]'
  sed 's/initial_value/inital_value/' s.toml >t.toml
  fails 2 dlt-extract -p inc -s t.toml
  assert_output --partial 't.toml:7:1: unknown key "inital_value"; did you mean "initial_value"?'
  sed 's/"asc"/"up"/' s.toml >t.toml
  fails 2 dlt-extract -p inc -s t.toml
  assert_output --partial 't.toml:8:13: "up" is no row_order'
  sed '/cursor_path/d' s.toml >t.toml
  fails 2 dlt-extract -p inc -s t.toml
  assert_output --partial '"cursor_path" is missing'
  sed 's/row_order.*/end_value = "2024-01-01"/' s.toml >t.toml
  fails 2 dlt-extract -p inc -s t.toml
  assert_output --partial 'the end value "2024-01-01" is lower than the initial value "2024-01-02"'
  sed '/initial_value/d; s/row_order.*/end_value = 1/' s.toml >t.toml
  fails 2 dlt-extract -p inc -s t.toml
  assert_output --partial 'an end value needs an initial value'
}

@test "cursors of resource_defaults, and resources without" {
  rows_of 1:a 2:b
  cat >s.json <<'END'
{"resource_defaults": {"incremental": {"cursor_path": "ts", "initial_value": "b"}},
 "resources": [{"name": "r", "file": "r.jsonl"},
  {"name": "s", "file": "r.jsonl", "incremental": null}]}
END
  dlt-extract -s s.json -o p
  [ "$(rows p r)" = '[{"id":2,"ts":"b"}]' ]
  [ "$(rows p s)" = '[{"id":1,"ts":"a"},{"id":2,"ts":"b"}]' ]
}

@test "a column can be declared as the cursor" {
  rows_of 1:2024-01-01 2:2024-01-02
  cat >s.toml <<'END'
[[resources]]
name = "r"
file = "r.jsonl"
[resources.columns.ts]
data_type = "text"
incremental = { initial_value = "2024-01-02" }
END
  dlt-extract -p inc -s s.toml
  cursor | jq -e '.last_value == "2024-01-02" and .initial_value == "2024-01-02"'
  jq -e '.tables.r.columns.ts | .incremental == true and .data_type == "text"' \
    data/pipelines/inc/schemas/inc.schema.json
}

@test "wrong cursors of the command line are refused" {
  rows_of 1:a
  local flag
  for flag in '' ,initial=1 ts,lag=x ts,order=up ts,missing ts,what=1 's[?(@.a)]' ts,end=5 \
    ts,initial=5,end=x; do
    fails 2 dlt-extract -p inc r=r.jsonl --incremental "$flag"
    assert_output --partial 'error: --incremental'
  done
}

@test "typed timestamps: zones, and initial values as text" {
  printf '{"id":1,"ts":"\uf0272024-01-01T00:00:00Z"}\n{"id":2,"ts":"\uf0272024-01-01T03:00:00+02:00"}\n' >t.jsonl
  printf '{"name":"s","resources":[{"name":"r","command":"cat t.jsonl","typed":true}]}' >s.json
  dlt-extract -p inc -s s.json --incremental ts,initial=2024-01-01T00:30:00+00:00
  [ "$(cursor | jq -r .last_value)" = $'\uf0272024-01-01T03:00:00+02:00' ]
  # naive rows behind aware ones: adapted, with a warning
  printf '{"id":3,"ts":"\uf0272024-01-01T02:00:00"}\n' >t.jsonl
  run --separate-stderr dlt-extract -p inc -s s.json --incremental ts,initial=2024-01-01
  [ "$status" -eq 0 ]
  [[ $stderr == *'the start value of "ts" has a time zone, its rows have none'* ]]
  [ "$(cursor | jq -r .last_value)" = $'\uf0272024-01-01T02:00:00' ]
}

@test "a lag goes back, but not before the initial value, and the state not at all" {
  rows_of 1:2024-01-10 2:2024-01-05
  [ "$(ids --incremental ts,initial=2024-01-01,lag=3)" = '1 2' ]
  rows_of 1:2024-01-10 2:2024-01-07 3:2024-01-06
  [ "$(ids --incremental ts,initial=2024-01-01,lag=3)" = '1 2' ]
  [ "$(ids --incremental ts,initial=2024-01-07,lag=30)" = '1 2' ]
  rows_of 4:2024-01-08
  [ "$(ids --incremental ts,initial=2024-01-01,lag=3)" = 4 ]
  cursor | jq -e '.last_value == "2024-01-10" and .unique_hashes == []'
  fails 1 dlt-extract -p inc r=r.jsonl --incremental id,lag=1,initial=x
  assert_output --partial 'the text "x" is no date or timestamp'
}

@test "replace forgets the cursor at its start" {
  rows_of 1:a 2:b
  ids --incremental ts
  [ "$(ids --incremental ts --write-disposition replace)" = '1 2' ]
  cursor | jq -e '.last_value == "b" and .start_value == null'
}

@test "without a pipeline the state comes back from the destination" {
  rows_of 1:a 2:b
  local run=(dlt-extract r=r.jsonl --incremental ts --sync sqlite:db)
  "${run[@]}" | dlt-normalize | dlt-load sqlite:db
  rows_of 2:b 3:c
  "${run[@]}" | dlt-normalize | dlt-load sqlite:db
  [ "$(sqlite3 db 'SELECT group_concat(id) FROM (SELECT id FROM r ORDER BY id)')" = 1,2,3 ]
  # nothing new: no new state either
  "${run[@]}" -o p
  [ -z "$(dlt-package cat _dlt_pipeline_state p 2>/dev/null)" ]
}

@test "who is killed before the commit leaves the state as it was" {
  grep -aq extract.commit "$(command -v dlt-extract)" ||
    skip "built without -Dtest_hooks=true"
  rows_of 1:a
  ids --incremental ts
  cp $STATE before
  rows_of 1:a 2:b
  run env DLT_TEST_RUN='extract.commit:kill -9 $PPID' dlt-extract -p inc r=r.jsonl --incremental ts
  [ "$status" -ne 0 ]
  cmp $STATE before
  [ "$(ids --incremental ts)" = 2 ]
}

@test "who is killed behind the commit has moved the state" {
  rows_of 1:a
  ids --incremental ts
  cp -p $STATE before
  rows_of 1:a 2:b
  ids --incremental ts
  # the package is there, and state.json is not written yet
  cp -p before $STATE
  [ -z "$(ids --incremental ts)" ]
  cursor | jq -e '.last_value == "b"'
}

@test "many rows with the last value are warned of" {
  seq 300 | jq -c '{id: ., ts: 1}' >r.jsonl
  run --separate-stderr dlt-extract -p inc r=r.jsonl --incremental ts
  [ "$status" -eq 0 ]
  [[ $stderr == *'r: 300 rows share the last value of the cursor "ts"'* ]]
  [ -z "$(quiet ids --incremental ts)" ]
}

# ---- side by side with dlt

@test "random sequences of pages give what dlt gives" {
  need_dlt
  mkdir work
  run "$DLT_PYTHON" "$SOURCE_DIR/tests/incremental.py" work 10
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "200 random sequences of pages give what dlt gives" {
  need_level full
  need_dlt
  mkdir work
  run "$DLT_PYTHON" "$SOURCE_DIR/tests/incremental.py" work 200 1000
  echo "$output"
  [ "$status" -eq 0 ]
}

# One run of the pipeline inc in Python dlt over r.jsonl; prints the ids.
python_run() {
  "$DLT_PYTHON" - "$@" <<'END'
import json
import sys

import dlt


@dlt.resource(name="r", primary_key="id" if "key" in sys.argv else None)
def r(ts=dlt.sources.incremental("ts", initial_value="2024-01-01")):
    yield [json.loads(line) for line in open("r.jsonl", encoding="utf-8")]


pipeline = dlt.pipeline("inc", pipelines_dir="data/pipelines", destination="dummy")
seen = []
pipeline.extract(r().add_map(lambda row: (seen.append(row["id"]), row)[1], insert_at=2))
print(*seen)
END
}

@test "where Python dlt has stopped we go on, and the other way round" {
  need_dlt
  local flags=(--incremental 'ts,initial=2024-01-01' --primary-key id)
  rows_of 1:2024-01-01 2:2024-01-02 3:2024-01-02
  [ "$(python_run key)" = '1 2 3' ]
  rows_of 2:2024-01-02 3:2024-01-02 4:2024-01-02 5:2024-01-03
  [ "$(ids "${flags[@]}")" = '4 5' ]
  rows_of 5:2024-01-03 6:2024-01-03 7:2024-01-04
  [ "$(python_run key)" = '6 7' ]
  rows_of 7:2024-01-04 8:2024-01-04
  [ "$(ids "${flags[@]}")" = 8 ]
  # what was saved is what was sent with the package
  jq -e '._local._last_extracted_hash == ._version_hash' $STATE
}

# ---- dlt-package state

@test "dlt-package state shows cursors" {
  rows_of 1:2024-01-02
  printf '{"id":1,"ts":"\uf0272024-01-01T00:00:00Z"}\n' >t.jsonl
  printf '{"name":"s","resources":[{"name":"t","command":"cat t.jsonl","typed":true}]}' >s.json
  ids --incremental ts,initial=2024-01-01
  dlt-extract -p inc -s s.json --incremental ts --schema-name other
  run dlt-package state -p inc
  assert_output "$(printf 'inc/r.ts\t"2024-01-02"\t1 hash\nother/t.ts\t"2024-01-01T00:00:00+00:00"\t1 hash')"
  run dlt-package state -p inc r
  assert_output "$(printf 'inc/r.ts\t"2024-01-02"\t1 hash')"
  dlt-package state -p inc --json r | jq -e '.source == "inc" and .resource == "r" and
    .cursor == "ts" and .initial_value == "2024-01-01" and
    .last_value == "2024-01-02" and .start_value == "2024-01-01" and
    (.unique_hashes | length) == 1'
  fails 1 dlt-package state -p inc x
  assert_output --partial 'keeps nothing for a resource "x"'
  fails 2 dlt-package state
  fails 2 dlt-package state -p inc --set r.ts=1 r
  fails 2 dlt-package ls -p inc --set r.ts=1
}

@test "dlt-package state sets a cursor, and the next run sends it" {
  rows_of 1:a 2:b 3:c
  ids --incremental ts
  dlt-package state -p inc --set r.ts=b
  cursor | jq -e '.last_value == "b" and .unique_hashes == []'
  jq -e '._local._last_extracted_hash != ._version_hash' $STATE
  [ "$(ids --incremental ts)" = '2 3' ]
  jq -e '._local._last_extracted_hash == ._version_hash' $STATE
  # of the kind that is there
  dlt-package state -p inc --set inc/r.ts=5
  cursor | jq -e '.last_value == "5"'
  printf '{"id":1,"n":1,"at":"\uf0272024-01-01T00:00:00Z"}\n' >t.jsonl
  printf '{"name":"s","resources":[{"name":"t","command":"cat t.jsonl","typed":true}]}' >s.json
  dlt-extract -p inc -s s.json --incremental at
  dlt-package state -p inc --set t.at=2023-01-01T00:00:00Z --set 'r.ts="x y"'
  run dlt-package state -p inc
  assert_output "$(printf 'inc/r.ts\t"x y"\ninc/t.at\t"2023-01-01T00:00:00+00:00"')"
  cp $STATE before
  fails 1 dlt-package state -p inc --set t.at=soon
  assert_output --partial '--set t.at: "soon" is not of the kind of the last value, timestamp'
  fails 1 dlt-package state -p inc --set r.x=1
  assert_output --partial '--set: "r.x" is not in the state'
  fails 2 dlt-package state -p inc --set r.ts
  fails 1 dlt-package state -p inc --set r.ts=1 --set t.x=1
  cmp before $STATE
}

@test "dlt-package state forgets cursors and resources" {
  rows_of 1:a 2:b
  ids --incremental ts
  ids --incremental id
  dlt-package state -p inc --reset r.ts
  jq -e '.sources.inc.resources.r.incremental | keys == ["id"]' $STATE
  [ "$(ids --incremental ts)" = '1 2' ]
  dlt-package state -p inc --reset r
  jq -e '.sources.inc.resources == {}' $STATE
  [ -z "$(dlt-package state -p inc)" ]
  fails 1 dlt-package state -p inc --reset r
  assert_output --partial '--reset: "r" is not in the state'
}

@test "the state does not change while an extract runs" {
  rows_of 1:a
  ids --incremental ts
  printf '{"name":"s","resources":[{"name":"r","command":"dlt-package state -p inc --set r.ts=x --wait 0 2>said; cat r.jsonl"}]}' >s.json
  dlt-extract -p inc -s s.json --incremental ts
  grep -q 'pipeline "inc" is in use by process' said
  cursor | jq -e '.last_value == "a"'
}

@test "a state that another process changes meanwhile is not overwritten" {
  rows_of 1:a
  ids --incremental ts
  rows_of 1:a 2:b
  sed 's/"last_value":"a"/"last_value":"c"/' $STATE >changed
  printf '{"name":"s","resources":[{"name":"r","command":"cp changed %s; cat r.jsonl"}]}' $STATE >s.json
  fails 75 dlt-extract -p inc -s s.json --incremental ts
  assert_output --partial 'r: another process has changed the state of this resource'
  cursor | jq -e '.last_value == "c"'
}
