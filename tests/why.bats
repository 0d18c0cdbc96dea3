#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-package why: the place that a column comes from, for all kinds of inputs,
# in the package that has made it.

load helper
load rest

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$PWD DLT_DATA_DIR=$PWD/data LC_ALL=C.UTF-8
  mkdir 1 2
  echo '{"a":0}' | tee 1/0.jsonl >2/0.jsonl
  printf '%s\n' '{"a":1}' '{"a":2,"b":{"c":"x"}}' >1/rows.jsonl
  printf '%s\n' '{"a":3}' '' '{"a":"z","d":[{"e":true}]}' >2/rows.jsonl
  gzip -k 1/rows.jsonl 2/rows.jsonl
}

# input KIND LOAD: how its rows are named on the command line.
input() {
  case $1 in
    file) echo "$2/rows.jsonl" ;;
    glob) echo "$2/*.jsonl" ;;
    gzip) echo "$2/rows.jsonl.gz" ;;
    stdin) echo - ;;
    program) echo "exec:cat $2/rows.jsonl" ;;
  esac
}

# place KIND LOAD: what why calls it.
place() {
  case $1 in
    glob) echo "$2/rows.jsonl" ;;
    *) input "$1" "$2" ;;
  esac
}

teardown() {
  rest_stop
}

# why PIPELINE COLUMN [LOAD_ID]: its input and line, and the value.
why() {
  dlt-package why --json -p "$1" "${@:2}" |
    jq -r '"\(.input):\(.line) \(.value)"'
}

# two_loads KIND WORKERS: the first package is loaded, the second waits.
two_loads() {
  local n p=$1$2
  for n in 1 2; do
    dlt-extract -q -p "$p" --file-max-items 1 t="$(input "$1" $n)" <$n/rows.jsonl
    dlt-normalize -q -j "$2" -p "$p"
    [ $n -eq 2 ] || dlt-load -q -p "$p" "sqlite:$p.db"
  done
}

# places KIND WORKERS: each column is where it was first seen.
places() {
  local first second p=$1$2
  first=$(place "$1" 1) second=$(place "$1" 2)
  [ "$(why "$p" t.b__c)" = "$first:2 \"x\"" ]
  [ "$(why "$p" t.a__v_text)" = "$second:3 \"z\"" ]
  [ "$(why "$p" t__d.e)" = "$second:3 true" ]
  case $1 in
    glob) [ "$(why "$p" t.a)" = '1/0.jsonl:1 0' ] ;;
    *) [ "$(why "$p" t.a)" = "$first:1 1" ] ;;
  esac
}

# matrix KIND WORKERS: before and, at the level full, after the second load.
matrix() {
  two_loads "$1" "$2"
  places "$1" "$2"
  if [ "${DLT_TEST_LEVEL:-base}" = full ]; then
    dlt-load -q -p "$1$2" "sqlite:$1$2.db"
    places "$1" "$2"
  fi
}

@test "why: columns of files, two loads" {
  matrix file 4
}

@test "why: columns of globs, gzip files, standard input and programs" {
  need_level all
  for kind in glob gzip stdin program; do
    matrix $kind 4
  done
}

@test "why: columns with one worker" {
  need_level full
  for kind in file glob gzip stdin program; do
    matrix $kind 1
  done
}

@test "why: columns of an API" {
  need_level all
  rest_start
  for path in pages/json_link?total=21 events; do
    dlt-extract -q -p p --file-max-items 5 t="$REST/$path"
    dlt-normalize -q -j 4 -p p
    dlt-load -q -p p sqlite:p.db
  done
  run -0 why p t.name
  assert_output "$REST/pages/json_link?total=21:1 \"row 0\""
  run -0 why p t.value
  assert_output "$REST/events:1 0.0"
}

@test "why: a load id means that package only" {
  need_level all
  two_loads file 1
  read -r new old < <(dlt-package ls -p file1 --json |
    jq -r '[.packages[].load_id] | @tsv')
  [ "$(why file1 t.b__c "$old")" = '1/rows.jsonl:2 "x"' ]
  fails 1 dlt-package why -p file1 t.b__c "$new"
  [[ $output == *'this package did not create that column' ]]
  fails 1 dlt-package why -p file1 t.nothing
  [[ $output == *'no package that the pipeline still has created'* ]]
  fails 1 dlt-package why -p file1 t.b__c 9.9
  fails 1 dlt-package why -p nobody t.b__c
  # nothing is normalized yet
  dlt-extract -q -p fresh 1/rows.jsonl
  fails 1 dlt-package why -p fresh rows.a
  [[ $output == *'no normalized packages' ]]
}

@test "why: says so where Python dlt has written the package" {
  normalized=$(only "$GOLDEN/nested/step1/normalized")
  fails 1 dlt-package why orders.name "$normalized"
  [[ $output == *'or Python dlt wrote it' ]]
  mkdir -p data/pipelines/p/load/loaded
  cp -r "$normalized" data/pipelines/p/load/loaded
  fails 1 dlt-package why -p p orders.name
  [[ $output == *'or Python dlt wrote it' ]]
}
