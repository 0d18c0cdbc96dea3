#!/usr/bin/env bats
# The duckdb destination. What needs the library is skipped where it cannot be
# had (see duckdb.bash).

load helper
load duckdb

DB=x.duckdb

setup_file() {
  python_dlt
}

rows() {
  printf '%s\n' "$@"
}

# package DISPOSITION LOAD_ID [OPTION...]: rows on stdin, into the directory
# LOAD_ID, normalized.
package() {
  local disposition=$1 id=$2
  shift 2
  dlt-extract --load-id "$id" --write-disposition "$disposition" "$@" t=- |
    dlt-normalize --for duckdb -o "$id"
}

@test "without the library: usage, and what to set" {
  rows '{"id":1}' | package append 1
  fails 2 env DLT_LIBDUCKDB=/nonexistent/libduckdb.so dlt-load duckdb:$DB 1
  assert_output --partial 'DLT_LIBDUCKDB: /nonexistent/libduckdb.so'
  fails 2 env DLT_LIBDUCKDB=libduckdb.so dlt-load duckdb:$DB 1
  assert_output --partial 'expected the path of libduckdb.so'
  [ ! -e $DB ]
}

@test "duckdb: needs the name of a file" {
  rows '{"id":1}' | package append 1
  for url in duckdb: duckdb:// duckdb::memory:; do
    fails 2 dlt-load $url 1
    assert_output --partial 'expected duckdb:FILE'
  done
  fails 1 dlt-load duckdb:. 1
  assert_output --partial 'is a directory'
}

@test "all types, as Python dlt makes them" {
  need_duckdb
  rows '{"id":1,"f":1.5,"b":true,"s":"it'\''s \u0000 \ud83e\udd86","ts":"2024-01-02T03:04:05.000006Z","big":18446744073709551616,"list":[1,2],"o":{"k":"v"}}' \
    '{"id":-9223372036854775808,"f":1e22,"s":""}' |
    dlt-extract --load-id 1 --column t.d:date --column t.tm:time \
      --column t.dec:decimal --column t.small:bigint --column t.j:json \
      --column t.bin:binary t=- | dlt-normalize --for duckdb -o 1
  quiet dlt-load duckdb:$DB 1
  run columns_of main.t
  assert_line 'id|BIGINT'
  assert_line 'f|DOUBLE'
  assert_line 'b|BOOLEAN'
  assert_line 's|VARCHAR'
  assert_line 'ts|TIMESTAMP WITH TIME ZONE'
  assert_line 'big|DECIMAL(38,0)'
  run duckq $DB "SELECT id, f, b, replace(s, chr(0), '0'), ts, big, o__k FROM t"
  assert_line '1|1.5|true|it'\''s 0 🦆|2024-01-02 03:04:05.000006+00|18446744073709551616|v'
  assert_line -- '-9223372036854775808|1e+22|NULL||NULL|NULL|NULL'
  run duckq $DB "SELECT value FROM t__list ORDER BY _dlt_list_idx"
  assert_output $'1\n2'
}

@test "types that hints ask for" {
  need_duckdb
  rows '{"d":"2024-02-29","tm":"23:59:59.999999","dec":"-12345678901234567890.123456789","j":{"a":[1.10,"é"]},"bin":"YWI=","n":"2024-01-01T00:00:00"}' >r
  dlt-extract --load-id 1 --column t.d:date --column t.tm:time \
    --column t.dec:decimal --column t.j:json --column t.bin:binary t=r |
    dlt-normalize --for duckdb -o 1
  quiet dlt-load duckdb:$DB 1
  run columns_of main.t
  assert_line 'd|DATE'
  assert_line 'tm|TIME'
  assert_line 'dec|DECIMAL(38,9)'
  assert_line 'j|JSON'
  assert_line 'bin|BLOB'
  run duckq $DB "SELECT d, tm, dec, j, bin FROM t"
  assert_output '2024-02-29|23:59:59.999999|-12345678901234567890.123456789|{"a":[1.10,"é"]}|ab'
}

@test "append: new columns and rows; the same load again is a no-op" {
  need_duckdb
  rows '{"id":1}' | package append 1
  rows '{"id":2,"new":"x"}' | package append 2
  quiet dlt-load duckdb:$DB 1
  quiet dlt-load duckdb:$DB 2
  quiet dlt-load duckdb:$DB 1 2
  run duckq $DB "SELECT id, new, _dlt_load_id FROM t ORDER BY id"
  assert_output $'1|NULL|1\n2|x|2'
  run duckq $DB "SELECT load_id, schema_name, status FROM _dlt_loads ORDER BY 1"
  assert_output $'1|dlt|0\n2|dlt|0'
}

@test "replace: the old rows go when the new ones are in" {
  need_duckdb
  rows '{"id":1,"l":[1]}' '{"id":2}' | package replace 1
  rows '{"id":3,"l":[4]}' | package replace 2
  quiet dlt-load duckdb:$DB 1
  quiet dlt-load duckdb:$DB 2
  run duckq $DB "SELECT (SELECT list(id) FROM t), (SELECT list(value) FROM t__l)"
  assert_output '[3]|[4]'
}

@test "merge: delete-insert, upsert, insert-only, scd2" {
  need_duckdb
  for how in delete-insert upsert insert-only; do
    rows '{"id":1,"v":"a","l":[1]}' '{"id":2,"v":"b"}' >r
    dlt-extract --load-id "$how-1" --write-disposition "merge:$how" \
      --primary-key id "${how/-/_}=r" | dlt-normalize --for duckdb |
      quiet dlt-load duckdb:$DB
    rows '{"id":1,"v":"c"}' '{"id":3,"v":"d"}' >r
    dlt-extract --load-id "$how-2" --write-disposition "merge:$how" \
      --primary-key id "${how/-/_}=r" | dlt-normalize --for duckdb |
      quiet dlt-load duckdb:$DB
  done
  for table in delete_insert upsert; do
    run duckq $DB "SELECT id, v FROM $table ORDER BY id"
    assert_output $'1|c\n2|b\n3|d'
  done
  run duckq $DB "SELECT id, v FROM insert_only ORDER BY id"
  assert_output $'1|a\n2|b\n3|d'
  for id in 1 2; do
    rows "{\"id\":1,\"v\":\"$id\"}" |
      dlt-extract --load-id "scd-$id" --write-disposition merge:scd2 h=- |
      dlt-normalize --for duckdb | quiet dlt-load duckdb:$DB
  done
  run duckq $DB "SELECT v, _dlt_valid_to IS NULL FROM h ORDER BY v"
  assert_output $'1|false\n2|true'
}

@test "a dataset is a schema: --dataset, or NAME_dataset with -p" {
  need_duckdb
  rows '{"id":1}' | package append 1
  quiet dlt-load --dataset raw duckdb:$DB 1
  rows '{"id":2}' | quiet dlt-extract -q -p gh t=-
  quiet dlt-normalize -q -p gh --for duckdb
  quiet dlt-load -q -p gh duckdb:$DB
  run duckq $DB "SELECT DISTINCT schema_name FROM duckdb_tables() ORDER BY 1"
  assert_output $'gh_dataset\nraw'
}

@test "a dataset of the database's own name, odd table names" {
  need_duckdb
  rows '{"id":1}' | package append 1
  quiet dlt-load --dataset x duckdb:$DB 1
  run duckq $DB "SELECT id FROM x.x.t"
  assert_output 1
}

@test "another process has the file: status 75, or --wait" {
  need_duckdb
  rows '{"id":1}' | package append 1
  mkfifo hold
  duckq $DB - <hold 3>&- >held &
  exec 9<>hold
  until grep -q open held; do kill -0 $!; done
  fails 75 dlt-load --wait 0 duckdb:$DB 1
  assert_output --partial 'Could not set lock'
  dlt-load --wait 60 duckdb:$DB 1 9>&- &
  exec 9>&-
  wait
  run duckq $DB "SELECT count(*) FROM t"
  assert_output 1
}

@test "a column of another type: refused, nothing changed" {
  need_duckdb
  rows '{"id":1}' | package append 1
  duckq $DB "CREATE TABLE t (id VARCHAR)"
  fails 1 dlt-load duckdb:$DB 1
  assert_output --partial 'column "id" is VARCHAR, but the package needs BIGINT'
  run duckq $DB "SELECT count(*) FROM duckdb_tables()"
  assert_output 1
}

@test "a value that a narrow column cannot hold: the row is named" {
  need_duckdb
  rows '{"id":1}' '{"id":300}' | package append 1
  duckq $DB "CREATE TABLE t (id TINYINT)"
  fails 1 dlt-load duckdb:$DB 1
  assert_output --partial 'column "id" cannot hold 300'
}

@test "no file is left when nothing was committed" {
  need_duckdb
  rows '{"id":1}' | dlt-extract t=- | dlt-normalize >stream
  head -c 2000 stream >short
  fails 1 dlt-load duckdb:$DB <short
  [ ! -e $DB ]
}

@test "killed at any point: once again, and all is in once" {
  need_duckdb
  rows '{"id":1,"l":[1,2]}' '{"id":2,"l":[3]}' | package append 1
  DLT_TEST_FAIL=load_init:1 dlt-load duckdb:hooked.duckdb 1 &&
    skip 'needs a build with -Dtest_hooks=true'
  for point in load_init load_init_committed load_job:1 load_job:2 \
    load_commit:1 load_commit:2 load_committed:1 load_finish load_finished; do
    [[ $point == *:* ]] || point=$point:1
    rm -f $DB*
    DLT_TEST_FAIL=$point dlt-load duckdb:$DB 1 2>/dev/null || true
    quiet dlt-load duckdb:$DB 1
    run duckq $DB "SELECT (SELECT count(*) FROM t),
      (SELECT count(*) FROM t__l), (SELECT count(*) FROM _dlt_loads)"
    assert_output '2|3|1'
  done
}

@test "killed while DuckDB makes the file: the next one completes it" {
  need_duckdb
  rows '{"id":1}' | package append 1
  duckq whole.duckdb 'SELECT 1'
  local size
  for size in 0 4096 8192; do
    head -c $size whole.duckdb >$DB
    rows '{"id":1}' | dlt-extract -q --sync duckdb:$DB -o sync$size t=-
    run stat -c %s $DB
    assert_output $size
    quiet dlt-load duckdb:$DB 1
    run duckq $DB 'SELECT count(*) FROM t'
    assert_output 1
    rm -f $DB*
  done
  echo 'no database' >$DB
  fails 1 dlt-load duckdb:$DB 1
  assert_output --partial $DB
  run cat $DB
  assert_output 'no database'
}

@test "state and schema come back with --sync" {
  need_duckdb
  rows '{"id":1}' | dlt-extract --load-id 1 --sync duckdb:$DB t=- |
    dlt-normalize | quiet dlt-load duckdb:$DB
  [ -e $DB ]
  rows '{"id":"text"}' | dlt-extract --load-id 2 --sync duckdb:$DB t=- |
    dlt-normalize | quiet dlt-load -q duckdb:$DB
  run duckq $DB "SELECT id, id__v_text FROM t ORDER BY _dlt_load_id"
  assert_output $'1|NULL\nNULL|text'
}

@test "the golden packages have as many rows as in SQLite" {
  need_duckdb
  for case in flat nested strings variants github_events names rasa_event; do
    for step in "$GOLDEN/$case"/step*/normalized; do
      [ -d "$step" ] || continue
      for package in "$step"/*/ "$step"; do
        [ -e "$package/schema.json" ] || continue
        dlt-load -q "duckdb:$case.duckdb" "$package"
        dlt-load -q "sqlite:$case.sqlite" "$package"
      done
    done
    [ -e "$case.sqlite" ]
    for table in $(sqlite3 "$case.sqlite" "SELECT name FROM sqlite_master
      WHERE type = 'table' AND name NOT LIKE 'sqlite%'"); do
      run duckq "$case.duckdb" "SELECT count(*) FROM \"$table\""
      assert_output "$(sqlite3 "$case.sqlite" "SELECT count(*) FROM \"$table\"")"
    done
  done
}

@test "equal to what Python dlt loads, and each goes on from the other" {
  need_dlt duckdb
  need_duckdb
  local merges=1-3
  [ "${DLT_TEST_LEVEL:-}" != full ] || merges=1-100
  # shellcheck disable=SC2046
  GOLDEN=$GOLDEN "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/ducks.py" live \
    $(golden_cases 4) merge:$merges
}
