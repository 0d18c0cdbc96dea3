#!/usr/bin/env bats
# dlt-normalize --plan: what would change in the schema, and nothing done.

load helper

extracted() {
  printf '{"a":1,"l":[{"x":1}]}\n{"a":"x"}\n' >ev.jsonl
  dlt-extract -q -o in t=ev.jsonl
}

PLAN='+ table t
+ column t.a bigint (ev.jsonl:1)
+ table t__l
+ column t__l.x bigint (ev.jsonl:1)
+ column t.a__v_text text (ev.jsonl:2, t.a cannot hold it)'

@test "--plan: new tables and columns with their places, status 3" {
  extracted
  run --separate-stderr dlt-normalize -q --plan in
  [ "$status" = 3 ]
  assert_output "$PLAN"
  [ -z "$stderr" ]
  run bash -c 'ls | grep -v stderr'
  assert_output $'ev.jsonl\nin'
}

@test "--plan: nothing new, status 0" {
  extracted
  dlt-normalize -q -o out in
  run --separate-stderr dlt-normalize -q --plan --schema out/schema.json in
  [ "$status" = 0 ]
  [ -z "$output" ]
}

@test "--plan: a stream is read, none is written" {
  extracted
  run --separate-stderr bash -c 'dlt-extract -q t=ev.jsonl | dlt-normalize -q --plan'
  [ "$status" = 3 ]
  assert_output "$PLAN"
}

@test "--plan --json: one object" {
  extracted
  run --separate-stderr dlt-normalize -q --plan --json in
  [ "$status" = 3 ]
  run jq -c '[.changes, (.packages | length), .tables, (.columns[] | select(.column == "a__v_text")
    | .table, .data_type, .instead_of, .line)]' <<<"$output"
  assert_output '[true,1,["t","t__l"],"t","text","a",2]'
}

@test "--plan -p: each package after those before it; all stay pending" {
  echo '{"a":1}' | dlt-extract -q -p p t=-
  echo '{"a":2,"b":1}' | dlt-extract -q -p p t=-
  find data -type f ! -name '.lock*' -exec sha256sum {} + | sort >before
  run --separate-stderr dlt-normalize -q --plan -p p
  [ "$status" = 3 ]
  assert_output '+ table t
+ column t.a bigint (-:1)
+ column t.b bigint (-:1)'
  find data -type f ! -name '.lock*' -exec sha256sum {} + | sort | diff before -
  dlt-normalize -q -p p
  echo '{"a":3,"b":2}' | dlt-extract -q -p p t=-
  dlt-normalize -q --plan -p p
}

@test "--plan: a frozen contract fails as without it" {
  fails 3 dlt-normalize --plan "$(only "$GOLDEN/contract_columns_freeze/step2/extracted")"
  assert_output --partial "freezes columns"
}

@test "--plan writes nothing: other outputs are wrong usage" {
  fails 2 dlt-normalize --plan -o out in
  assert_output --partial 'do not go with it'
  fails 2 dlt-normalize --plan --rejects bad.jsonl in
}

@test "--plan: a plan that nobody got is a failure, not a change" {
  echo '{"a":1}' | dlt-extract -q -o e t=-
  run -3 dlt-normalize --plan e
  run -1 bash -c 'dlt-normalize --plan e >/dev/full'
  assert_output 'dlt-normalize: error: standard output: No space left on device'
}
