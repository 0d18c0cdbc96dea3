#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: kinds of input: programs, directories, lists, archives, csv.

load helper

# rows DIR TABLE: the lines of a table's job files, in order
rows() {
  local f
  for f in "$1"/new_jobs/"$2".*; do
    [ -e "$f" ] || return 0
    zstd -dcq "$f"
  done
}

@test "a file is a file, whatever its name looks like" {
  echo '{"a":1}' >exec:x
  echo '{"a":2}' >sqlite:y.jsonl
  dlt-extract -o p x=exec:x 'y=./sqlite:*'
  [ "$(rows p x)" = '[{"a":1}]' ]
  [ "$(rows p y)" = '[{"a":2}]' ]
  dlt-extract -o q -n z exec:x sqlite:y.jsonl
  [ "$(rows q z)" = '[{"a":1},{"a":2}]' ]
  fails 1 dlt-extract -o r -n z exec:none
  assert_output --partial 'exec:none: No such file'
  fails 2 dlt-extract -o r z=singer:tap
  assert_output --partial '"singer:" are not supported'
}

# ---- programs ----

# The shell of the program is to expand them.
# shellcheck disable=SC2016
@test "exec: what a program prints are rows" {
  quiet dlt-extract -o p x='exec:echo "{\"a\":1}"; cat; echo "{\"a\":$((1 + 1))}" | cat' y='exec: :'
  [ "$(rows p x)" = '[{"a":1},{"a":2}]' ]
  [ -z "$(rows p y)" ]
  run --separate-stderr dlt-extract -p n --print x="exec:seq 3 | tee lines"
  [ "$output" = "$(echo "$DLT_DATA_DIR"/pipelines/n/normalize/extracted/*)" ]
  [ -z "$stderr" ]
  [ "$(rows "$output" x)" = '[1,2,3]' ]
  seq 3 | cmp - lines
  run dlt-package info -p n
  [ "$status" -eq 0 ]
}

@test "exec: its messages are passed on line by line" {
  dlt-extract -o p x='exec:printf "one\ntwo\rth\033ree" >&2; echo 1' 2>err
  diff - err <<<'dlt-extract: x: one
dlt-extract: x: two
dlt-extract: x: th?ree'
}

@test "exec: a program that fails means no package" {
  fails 1 dlt-extract -o p x='exec:echo 1; exit 3'
  [ "$output" = 'dlt-extract: error: exec:echo 1; exit 3: failed with exit status 3' ]
  fails 1 dlt-extract -o p x='exec:echo 1; kill -9 $$'
  assert_output --partial 'killed by signal 9 (Killed)'
  fails 75 dlt-extract -o p x='exec:echo 1; exit 75'
  fails 1 dlt-extract -o p x='exec:no-such-program --token=abc'
  assert_output --partial 'exec:no-such-program --token=***: failed with exit status 127'
  fails 1 dlt-extract -p n x='exec:printf "{\"a\":1"'
  assert_output --partial 'unexpected end of the input'
  fails 2 dlt-extract -o p 'exec:echo 1'
  fails 2 dlt-extract -o p x='exec: '
  [ ! -e p ]
  run -0 ls "$DLT_DATA_DIR/pipelines/n/normalize/extracted"
  [ -z "$output" ]
}

@test "exec: a failure inside of a pipe of bash counts" {
  command -v bash >/dev/null || skip "needs bash"
  fails 1 dlt-extract -o p --write-disposition replace x='exec:false | cat'
  [ ! -e p ]
}

@test "exec: where there is no bash, sh does" {
  mkdir bin
  for tool in sh echo sleep; do
    ln -s "$(command -v "$tool")" bin/
  done
  PATH=$PWD/bin "$(command -v dlt-extract)" -o p x='exec:echo 1; echo 2'
  [ "$(rows p x)" = '[1,2]' ]
}

@test "exec: --limit ends the program, which is no failure" {
  mkfifo alive
  dlt-extract -o p --limit 2 x='exec:exec 7>alive; while :; do echo 1; done' &
  cat alive
  wait $!
  [ "$(rows p x)" = '[1,1]' ]
}

@test "exec: programs end with the run, however that ends" {
  mkfifo alive ready
  for signal in TERM KILL; do
    dlt-extract -o p x='exec:exec 7>alive; tail -f /dev/null & echo $$ >ready; tail -f /dev/null' 2>err &
    pid=$!
    cat alive &
    read -r _ <ready
    kill -s "$signal" $pid
    wait
    [ ! -e p ]
  done
}
