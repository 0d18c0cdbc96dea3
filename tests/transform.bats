#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Resources that transform the rows of others by a command.

load helper

# rows DIR TABLE: one a line.
rows() {
  dlt-package cat "$2" "$1" 2>/dev/null
}

# source_file COMMAND [LINE...]: src.toml, where "child" takes the rows of "parent".
source_file() {
  cat >src.toml <<END
[[resources]]
name = "parent"
file = "rows.jsonl"

[[resources]]
name = "child"
from = "parent"
command = '''$1'''
$(printf '%s\n' "${@:2}")
END
}

ids() {
  rows p "$1" | jq -r .id | sort -n | paste -sd' '
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  printf '{"id":%d}\n' 1 2 3 >rows.jsonl
}

@test "a command makes rows of the rows of another resource" {
  source_file "jq -c '{id: (.id * 10)}'"
  dlt-extract -s src.toml -o p
  run ids parent
  assert_output '1 2 3'
  run ids child
  assert_output '10 20 30'
  # alone: the parent is read, and not written
  dlt-extract -s src.toml -o q child
  run -0 dlt-package info q --json
  jq -e '[.tables[].table] == ["_dlt_pipeline_state", "child"]' <<<"$output"
}

@test "children of children, in any order of the file" {
  cat >src.json <<'END'
{"resources": [
  {"name": "c", "from": "b", "command": "jq -c '{id: (.id + 100)}'"},
  {"name": "b", "from": "a", "command": "jq -c '{id: (.id + 10)}'", "selected": false},
  {"name": "d", "from": "a", "command": "jq -c '{id: (.id + 1000)}'"},
  {"name": "a", "file": "rows.jsonl", "selected": false}]}
END
  dlt-extract -s src.json -o p
  run ids c
  assert_output '111 112 113'
  run ids d
  assert_output '1001 1002 1003'
  run -0 dlt-package info p --json
  jq -e '[.tables[].table] | sort == ["_dlt_pipeline_state", "c", "d"]' <<<"$output"
}

@test "commands that write all at the end, nothing, much, or stop early" {
  seq -f '{"id":%.0f}' 5000 >rows.jsonl
  source_file "jq -cs '.[]'"
  dlt-extract -s src.toml -o p
  [ "$(rows p child | wc -l)" -eq 5000 ]
  rm -r p
  source_file "cat >/dev/null"
  dlt-extract -s src.toml -o p
  [ "$(rows p child | wc -l)" -eq 0 ]
  rm -r p
  source_file "head -n 3"
  dlt-extract -s src.toml -o p
  run ids child
  assert_output '1 2 3'
  [ "$(rows p parent | wc -l)" -eq 5000 ]
  rm -r p
  source_file "jq -c '{id: range(40)}'"
  dlt-extract -s src.toml -o p
  [ "$(rows p child | wc -l)" -eq 200000 ]
}

@test "a row at a time, as a parent that is slow gives them" {
  mkfifo first
  cat >src.toml <<'END'
[[resources]]
name = "parent"
command = "echo '{\"id\":1}'; cat first; echo '{\"id\":2}'"
[[resources]]
name = "child"
from = "parent"
command = "read -r row; echo \"$row\"; : >first; cat"
END
  # the second row comes when the child has seen the first
  dlt-extract -s src.toml -o p
  run ids child
  assert_output '1 2'
}

@test "several copies share the rows" {
  seq -f '{"id":%.0f}' 2000 >rows.jsonl
  source_file 'echo "{\"pid\":$$}"; exec cat' 'copies = 4'
  dlt-extract -s src.toml -o p
  [ "$(rows p child | jq -c 'select(.pid)' | sort -u | wc -l)" -eq 4 ]
  rows p child | jq -r 'select(.id).id' | sort -n | diff - <(seq 2000)
}

@test "a command that fails means no package" {
  source_file 'head -n 1; exit 7'
  fails 1 dlt-extract -s src.toml -o p
  assert_output --partial 'failed with exit status 7'
  [ ! -e p ]
  seq -f '{"id":%.0f}' 100000 >rows.jsonl
  source_file 'exit 75' 'copies = 3'
  run -75 dlt-extract -s src.toml -o p
  [ ! -e p ]
  source_file 'echo no rows; cat >/dev/null'
  fails 1 dlt-extract -s src.toml -o p
  assert_output --partial ':1:1: '
  source_file 'kill -9 $$'
  fails 1 dlt-extract -s src.toml -o p
  assert_output --partial 'killed by signal 9'
}

@test "a parent that fails ends the commands" {
  printf '{"id":1}\noops\n' >rows.jsonl
  source_file 'cat'
  fails 1 dlt-extract -s src.toml -o p
  assert_output --partial 'rows.jsonl:2:1'
  [ ! -e p ]
}

@test "a limit of the child ends its command, and not the parent" {
  seq -f '{"id":%.0f}' 50000 >rows.jsonl
  source_file 'cat' 'limit = 10'
  dlt-extract -s src.toml -o p
  [ "$(rows p child | wc -l)" -eq 10 ]
  [ "$(rows p parent | wc -l)" -eq 50000 ]
}

@test "100,000 rows in constant memory" {
  need_level all
  seq -f '{"id":%.0f,"text":"'"$(printf '%0500d' 0)"'"}' 200000 >rows.jsonl
  source_file 'cat' 'copies = 2'
  python3 "$SOURCE_DIR/tests/maxrss.py" rss dlt-extract -s src.toml -o p
  [ "$(dlt-package info p --json | jq '.tables[] | select(.table == "child").rows')" -eq 200000 ]
  [ "$(cut -d ' ' -f 1 rss)" -lt 100000 ]
}

@test "what is wrong is said with its place" {
  refused() {
    printf '%b' "$1" >bad.toml
    fails 2 dlt-extract -s bad.toml -o bad
    assert_output --partial "bad.toml:$2"
  }
  local a='[[resources]]\nname = "a"\nfile = "rows.jsonl"\n'
  local b='[[resources]]\nname = "b"\ncommand = "cat"\n'
  refused "$a${b}from = 'c'\n" '7:8: no resource "c"'
  refused "$a${b}from = 'a'\ncopies = 0\n" '8:10: "copies" is no number from 1 to 64'
  refused "$a${b}copies = 2\n" '7:1: "copies" share the rows that come "from" another'
  refused "${a}from = 'b'\n$b" '4:1: "from" is for a "command"'
  refused "${b}from = 'b'\n" '1:1: resource "b" comes from itself'
}
