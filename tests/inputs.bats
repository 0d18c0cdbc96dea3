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
