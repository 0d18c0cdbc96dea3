#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# --trace: what a run did, as JSON.

load helper

# of FILE FILTER
of() {
  jq -c "$2" "$1"
}

@test "each stage leaves its steps, jobs and totals" {
  printf '{"id":%d,"l":[1,2]}\n' 1 2 3 >t.jsonl
  quiet dlt-extract -q -p p --load-id 1.5 --trace e.json --file-max-items 2 --buffer-max-items 1 t.jsonl
  quiet dlt-normalize -q -p p --trace n.json
  quiet dlt-load -q -p p --trace l.json sqlite:x.db
  for stage in extract normalize load; do
    file=${stage:0:1}.json
    [ "$(of $file '[.tool, .stage, .pipeline, .status, has("error")]')" = "[\"dlt-$stage\",\"$stage\",\"p\",\"ok\",false]" ]
    [ "$(of $file '[.seconds >= 0, .cpu_seconds >= 0, .memory_peak_bytes > 0, (.started_at <= .finished_at)]')" = '[true,true,true,true]' ]
    [ "$(of $file '[.events[] | select(.event == "package") | .load_id, .status]')" = "[\"1.5\",\"${stage/%e/}ed\"]" ]
    [ "$(of $file '[.tables[] | select(.table == "t").rows]')" = '[3]' ]
    [ "$(of $file '[.events[] | select(.event == "job" and .table == "t").rows] | add')" = 3 ]
    [ "$(of $file '[.events[] | select(.at < "2020" or (.job == "" ))]')" = '[]' ]
  done
  [ "$(of e.json '[.events[] | select(.table == "t" and .bytes > 0)] | length')" = 2 ]
  [ "$(of n.json '[.events[] | select(.event == "schema").tables | keys[] | select(startswith("_") | not)]')" = '["t","t__l"]' ]
  [ "$(of l.json '.events[] | select(.event == "schema").tables.t.columns.id.data_type')" = '"bigint"' ]
  [ -z "$(find . -name '*.tmp')" ]
}

@test "a run that fails says why, without secrets" {
  echo '{"id":' >t.jsonl
  fails 1 dlt-extract -q -o out --trace e.json t.jsonl
  [ "$(of e.json .status)" = '"failed"' ]
  [[ $(of e.json .error) == *'t.jsonl:2:1: unexpected end'* ]]
  echo '{"id":1}' | dlt-extract -q t=- | dlt-normalize -q -o n
  fails 75 dlt-load -q --trace l.json "postgresql://u:s3cret@localhost:1/db" n
  [ "$(of l.json .status)" = '"failed"' ]
  not grep -r s3cret l.json
}

@test "rejected rows are counted" {
  printf '{"id":1}\n{"id":"x"}\n' >t.jsonl
  quiet dlt-extract -q -o e --schema-contract data_type=freeze --column id:bigint t.jsonl
  run dlt-normalize -q --rejects bad.jsonl --trace n.json -o n e
  [ "$(of n.json '.events[] | select(.event == "package").rejects')" = 1 ]
}

@test "where no trace can be written there is no run" {
  echo '{"id":1}' >t.jsonl
  fails 1 dlt-extract -q -o out --trace none/e.json t.jsonl
  assert_output --partial '--trace: none/e.json'
  [ ! -e out ]
}

@test "a trace replaces the one before, and none is left of a run that was interrupted" {
  echo '{"id":1}' >t.jsonl
  echo old >e.json
  quiet dlt-extract -q -o out --trace e.json t.jsonl
  [ "$(of e.json .status)" = '"ok"' ]
  mkfifo never
  dlt-extract -q -o more --trace m.json t=never 3>&- &
  pid=$!
  until [ -n "$(find . -name 'm.json.*.tmp')" ]; do kill -0 $pid; done
  kill -TERM $pid
  wait $pid || true
  [ -z "$(find . -name 'm.json.*.tmp')" ]
}
