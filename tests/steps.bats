#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# processing_steps: filters and maps of rows by jq.

load helper

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

# steps JSON: a source file whose rows pass these steps.
steps() {
  jq -n --argjson steps "$1" \
    '{resources: [{name: "t", file: "t.jsonl", processing_steps: $steps}]}' >src.json
}

extracted() {
  rm -rf p
  dlt-extract -s src.json "$@" -o p
  dlt-package cat t p
}

@test "filters leave rows as they are, maps change them" {
  printf '%s\n' '{"id":1,"v":12345678901234567890,"s":"\ud83d\ude00"}' \
    '{"id":2,"v":null}' '{"id":3,"v":1.10}' >t.jsonl
  steps '[{"filter": ".v != null"}]'
  run -0 extracted
  assert_output $'{"id":1,"v":12345678901234567890,"s":"\\ud83d\\ude00"}\n{"id":3,"v":1.10}'
  steps '[{"filter": ".id > 1"}, {"map": "{id, w: (.v // 0)}"}, {"filter": ".w == 0"}]'
  run -0 extracted
  assert_output '{"id":2,"w":0}'
  steps '[{"map": "select(.id == 3) | .a = [range(3)]"}]'
  fails 1 dlt-extract -s src.json -o q
  assert_output --partial 't.jsonl:1:1: map: jq would change the number 12345678901234567890'
  sed -i 1d t.jsonl
  run -0 extracted
  assert_output '{"id":3,"v":1.1,"a":[0,1,2]}'
}

@test "what a program does wrong, and where" {
  printf '{"id":1}\n{"id":"x"}\n' >t.jsonl
  steps '[{"map": ".id + 1"}]'
  fails 1 dlt-extract -s src.json -o q
  assert_output --partial 't.jsonl:2:1: map: string ("x") and number (1) cannot be added'
  [ ! -e q ]
  steps '[{"map": "., ."}]'
  fails 1 dlt-extract -s src.json -o q
  assert_output --partial 't.jsonl:1:1: map: gives several rows for one'
  steps '[{"filter": ".id ="}]'
  fails 2 dlt-extract -s src.json -o q
  assert_output --regexp 'src.json:[0-9]+:[0-9]+: jq: syntax error'
  steps '[{"filter": ".", "map": "."}]'
  fails 2 dlt-extract -s src.json -o q
  assert_output --partial 'a step has one of "filter" and "map"'
  steps '[{"yield_map": "."}]'
  fails 2 dlt-extract -s src.json -o q
}

@test "steps come before cursors, limits and children" {
  printf '{"id":%d}\n' 1 2 3 4 5 6 >t.jsonl
  steps '[{"filter": ".id % 2 == 0"}]'
  run -0 extracted --limit 2
  assert_output $'{"id":2}\n{"id":4}'
  run -0 extracted --incremental id,initial=3
  assert_output $'{"id":4}\n{"id":6}'
  jq '.resources += [{name: "c", from: "t", command: "cat"}]' src.json >both.json
  dlt-extract -s both.json -o both
  [ "$(dlt-package cat c both | wc -l)" -eq 3 ]
}

@test "pages keep their end when their last row is dropped" {
  echo '[{"id":1},{"id":2}]' >t.jsonl
  echo '[{"id":3},{"id":4}]' >>t.jsonl
  steps '[{"filter": ".id % 2 == 1"}]'
  run -0 extracted -c data_writer.file_max_items=1
  assert_output $'{"id":1}\n{"id":3}'
  [ "$(ls p/new_jobs/t.* | wc -l)" -eq 2 ]
}

@test "integers that a double has not, halt, and modules are refused" {
  printf '{"id":%s}\n' 9007199254740992 -9007199254740992 >t.jsonl
  steps '[{"map": "."}]'
  run -0 extracted
  assert_output $'{"id":9007199254740992}\n{"id":-9007199254740992}'
  local n
  for n in 9007199254740993 -9007199254740993 10000000000000001; do
    echo "{\"id\":$n}" >t.jsonl
    fails 1 dlt-extract -s src.json -o q
    assert_output --partial "t.jsonl:1:1: map: jq would change the number $n"
  done
  printf '{"id":%d}\n' 1 2 3 >t.jsonl
  for n in filter map; do
    steps "[{\"$n\": \"if .id == 2 then halt else . end\"}]"
    fails 1 dlt-extract -s src.json -o q
    assert_output --partial "t.jsonl:2:1: $n: halt"
    [ ! -e q ]
  done
  steps '[{"map": "include \"nope\"; ."}]'
  fails 2 dlt-extract -s src.json -o q
  assert_output --partial 'jq: '
}
