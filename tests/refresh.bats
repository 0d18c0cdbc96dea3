#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# --refresh: tables and states that go before a run begins, as in dlt.

load helper
load duckdb

setup_file() {
  python_dlt
}

# first: two resources, one with a cursor, in sqlite:x.db
first() {
  printf '%s\n' '{"id":1,"l":[{"q":[1]}],"m":[1]}' '{"id":2,"old":1}' >a.jsonl
  printf '%s\n' '{"id":1,"l":[1]}' >b.jsonl
  cat >s.toml <<'END'
[[resources]]
name = "a"
file = "a.jsonl"
incremental = { cursor_path = "id" }
[[resources]]
name = "b"
file = "b.jsonl"
END
  run_all
}

# run_all [OPTION...]: of dlt-extract
run_all() {
  quiet dlt-extract -q -p s -s s.toml "$@"
  quiet dlt-normalize -q -p s
  quiet dlt-load -q -p s "${URL:-sqlite:x.db}"
}

count() {
  sqlite3 x.db "SELECT count(*) FROM $1"
}

tables() {
  sqlite3 x.db "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE '\_dlt%' ESCAPE '\' ORDER BY name)"
}

pending() {
  jq -c "$1" data/pipelines/s/normalize/extracted/*/load_package_state.json
}

@test "drop_resources: tables, state and rows of those that run begin anew" {
  first
  [ "$(tables)" = 'a a__l a__l__q a__m b b__l' ]
  run_all
  [ "$(count a)" -eq 2 ]
  [ "$(count b)" -eq 2 ]
  echo '{"id":1,"new":1}' >a.jsonl
  run_all --refresh drop_resources a
  [ "$(tables)" = 'a b b__l' ]
  [ "$(count a)" -eq 1 ]
  [ "$(count b)" -eq 2 ]
  [ "$(sqlite3 x.db 'SELECT "new" FROM a')" = 1 ]
  run ! sqlite3 x.db 'SELECT old FROM a'
  # and the next run goes on from there
  run_all
  [ "$(count a)" -eq 1 ]
  [ "$(count b)" -eq 3 ]
}

@test "drop_sources: all tables, also of resources that do not run" {
  first
  echo '{"id":9}' >a.jsonl
  run_all --refresh drop_sources a
  [ "$(tables)" = a ]
  [ "$(count a)" -eq 1 ]
  [ "$(sqlite3 x.db "SELECT count(*) FROM _dlt_version")" = 1 ]
  run -0 dlt-package state -p s
  refute_output --partial '"b"'
}

@test "drop_data: rows go, tables and columns stay" {
  first
  echo '{"id":1}' >a.jsonl
  run_all --refresh drop_data a
  [ "$(tables)" = 'a a__l a__l__q a__m b b__l' ]
  [ "$(count a)" -eq 1 ]
  [ "$(count a__l)" -eq 0 ]
  [ "$(count b)" -eq 1 ]
  sqlite3 x.db 'SELECT old FROM a'
}

@test "what the package says, as dlt's" {
  first
  quiet dlt-extract -q -p s -s s.toml --refresh drop_resources a
  [ "$(pending '[.dropped_tables[].name]')" = '["a__m","a__l__q","a__l","a"]' ]
  [ "$(pending '.dropped_tables[0] | [.parent, .columns.value.data_type]')" = '["a","bigint"]' ]
  [ "$(pending '._state_version')" = 2 ]
  [ "$(pending '.pipeline_state | type')" = '"object"' ]
  rm -r data x.db
  first
  quiet dlt-extract -q -p s -s s.toml --refresh drop_data b
  [ "$(pending '[.truncated_tables[].name]')" = '["b__l","b"]' ]
  [ "$(pending 'has("dropped_tables")')" = false ]
}

@test "without rows, tables are dropped all the same" {
  first
  : >a.jsonl
  run_all --refresh drop_resources a
  [ "$(tables)" = 'b b__l' ]
}

@test "in a stream: dropped in the transaction that loads, or not at all" {
  first
  for i in 1 2; do
    dlt-extract -q --schema-name s --sync sqlite:x.db --refresh drop_resources a.jsonl |
      dlt-normalize -q >stream
    head -c 6000 stream >cut
    fails 1 dlt-load -q sqlite:x.db <cut
    [ "$(tables)" = 'a a__l a__l__q a__m b b__l' ]
    quiet dlt-load -q sqlite:x.db <stream
    [ "$(count a)" -eq 2 ]
    quiet dlt-load -q sqlite:x.db <stream
    [ "$(count a)" -eq 2 ]
  done
}

@test "a directory, loaded twice and in two ways: dropped once" {
  first
  quiet dlt-extract -q --schema-name s --sync sqlite:x.db --refresh drop_sources -o in a.jsonl
  quiet dlt-normalize -q -o out in
  run dlt-load --plan sqlite:x.db out
  [ "$status" -eq 3 ]
  assert_line 'DROP TABLE IF EXISTS main."b__l";'
  assert_line 'CREATE TABLE main."a" ('
  quiet dlt-load -q sqlite:x.db out
  quiet dlt-load -q sqlite:x.db out
  [ "$(tables)" = 'a a__l a__l__q a__m' ]
  [ "$(count a)" -eq 2 ]
}

@test "killed after the tables were dropped: they are not dropped again" {
  echo '{"a":1}' | dlt-extract -q -p hooked a=- && dlt-normalize -q -p hooked
  DLT_TEST_FAIL=load_init:1 dlt-load -q -p hooked sqlite:hooked.db && skip 'needs a build with -Dtest_hooks=true'
  for point in load_init load_init_committed load_job load_committed load_finish load_put_away; do
    rm -rf data x.db
    first
    quiet dlt-extract -q -p s -s s.toml --file-max-items 1 --buffer-max-items 1 --refresh drop_resources
    quiet dlt-normalize -q -p s
    DLT_TEST_FAIL=$point:1 dlt-load -q -p s sqlite:x.db 2>/dev/null || true
    quiet dlt-load -q -p s sqlite:x.db
    [ "$(count a)" -eq 2 ]
    [ "$(count b)" -eq 1 ]
  done
}

@test "DuckDB and files drop, too" {
  need_duckdb
  first
  for url in duckdb:x.duckdb file:lake; do
    rm -rf data
    first
    rm -rf data
    URL=$url run_all
    echo '{"id":7}' >a.jsonl
    URL=$url run_all --refresh drop_resources a
  done
  [ "$(duckq x.duckdb 'SELECT count(*) FROM s_dataset.a')" = 1 ]
  [ "$(duckq x.duckdb "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'a\_\_%' ESCAPE '\'")" = 0 ]
  [ "$(find lake -path '*/a__l/*' -type f ! -name init | wc -l)" -eq 0 ]
  [ "$(find lake -path '*/a/*' -type f ! -name init | wc -l)" -eq 1 ]
}

@test "errors, and a first run" {
  echo '{"id":1}' >a.jsonl
  fails 2 dlt-extract -q -p s --refresh drop_all a.jsonl
  assert_output --partial 'refresh'
  assert_output --partial 'drop_sources'
  quiet dlt-extract -q -p s --refresh drop_sources a.jsonl
  run -0 dlt-extract -p s --show-config --refresh drop_data a.jsonl
  assert_output --partial refresh
}

@test "each stage ours or Python's: the same tables and states" {
  need_dlt sqlalchemy
  local whole=
  [ "${DLT_TEST_LEVEL:-}" != full ] || whole=all
  # shellcheck disable=SC2086
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/refresh.py" work $whole
}
