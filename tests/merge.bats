#!/usr/bin/env bats
# shellcheck disable=SC2012,SC2086
# dlt-load: merges, swaps and what interrupts them. Equal tables to Python dlt's:
# golden cases in pipeline.bats, random ones here (tests/oracle/merge.py).

load helper

setup_file() {
  python_dlt
}

sql() {
  python3 - "$@" <<'PY'
import sqlite3, sys
con = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
for row in con.execute(sys.argv[2]):
    print("|".join("" if v is None else str(v) for v in row))
PY
}

# Rows of step 1 or 2 of three tables: with a key and nested rows; without any
# key (merged twice, its rows would be there twice); with versions.
rows() {
  case $1 in
    1)
      printf '{"id":%d,"v":1,"l":[1,2]}\n' 1 2 3 >m
      printf '{"id":%d}\n' 1 2 >f
      printf '{"id":%d,"v":"a","l":[1]}\n' 1 2 >s
      ;;
    2)
      printf '{"id":%d,"v":2,"l":[3]}\n' 2 3 4 >m
      printf '{"id":%d}\n' 3 >f
      printf '{"id":%d,"v":"b","l":[1,5]}\n' 1 >s
      ;;
  esac
}

extract() {
  case $1 in
    m) set -- --primary-key id "$@" ;;
    s) set -- --write-disposition merge:scd2 "$@" ;;
  esac
  case $1 in
    --write-disposition) ;;
    *) set -- --write-disposition merge "$@" ;;
  esac
  local table=${*: -1}
  set -- "${@:1:$#-1}"
  dlt-extract -q "$@" "${where[@]}" "$table=$table"
}

# What must be there after both steps.
expect() {
  run sql "$1" "select (select group_concat(id || ':' || v) from (select * from m order by id)),
    (select group_concat(value) from (select value from m__l order by value))"
  assert_output '1:1,2:2,3:2,4:2|1,2,3,3,3'
  run sql "$1" "select group_concat(id) from (select id from f order by id)"
  assert_output 1,2,3
  run sql "$1" "select group_concat(id || v || (_dlt_valid_to is null)) from (select * from s order by id, v)"
  assert_output 1a0,1b1,2a0
  run sql "$1" "select count(*), (select count(*) from s__l) from _dlt_loads"
  assert_output "$2|4"
}

# A package with all three tables for step N, in the pipeline p.
packages() {
  local t
  rows "$1"
  where=(-p p)
  for t in m f s; do
    extract "$t"
  done
  dlt-normalize -q -p p --for sqlite
}

# The pending package with jobs of a table.
pending() {
  local job
  for job in data/pipelines/p/load/normalized/*/new_jobs/"$1".*; do
    dirname "$(dirname "$job")"
  done
}

need_hooks() {
  echo '{"a":1}' | dlt-extract -p hooked a=- && dlt-normalize -q -p hooked
  DLT_TEST_FAIL=load_init:1 dlt-load -p hooked sqlite:hooked.db &&
    skip "built without -Dtest_hooks=true"
  return 0
}

@test "merges: keys, no keys, versions" {
  packages 1
  quiet dlt-load -p p sqlite:x.db
  packages 2
  quiet dlt-load -p p sqlite:x.db
  expect x.db 6
  run sql x.db "select count(*) from sqlite_master where name like '%staging%' or name like '_dlt_merge%'"
  assert_output 0
  [ "$(echo x.db*)" = x.db ]
}

@test "kill -9 at any point of a merge, then again: as if nothing had been" {
  need_hooks
  local point n
  packages 1
  dlt-load -q -p p sqlite:one.db
  packages 2
  mv data/pipelines/p before
  for point in load_init load_init_committed load_started load_batch load_job load_merge load_commit \
    load_committed load_marker load_completed load_finish load_finished load_put_away; do
    for n in 1 2 6; do
      rm -rf data/pipelines/p
      cp -r before data/pipelines/p
      cp one.db x.db
      DLT_TEST_FAIL=$point:$n dlt-load -q -p p sqlite:x.db 2>/dev/null && continue
      quiet dlt-load -q -p p sqlite:x.db
      expect x.db 6
      [ -z "$(ls data/pipelines/p/load/normalized)" ]
    done
  done
}

@test "kill -9 at any point of a merge from a stream" {
  need_hooks
  local point n t
  rows 1
  where=(--schema-name p)
  for t in m f s; do
    where=(--schema-name p --sync sqlite:one.db)
    extract $t >extracted
    dlt-normalize -q --for sqlite <extracted | dlt-load -q sqlite:one.db
  done
  rows 2
  for t in m f s; do
    extract $t >extracted
    dlt-normalize -q --for sqlite <extracted >stream.$t
  done
  for point in load_batch load_job load_merge load_stream_commit load_stream_committed; do
    for n in 1 3; do
      cp one.db x.db
      for t in m f s; do
        DLT_TEST_FAIL=$point:$n dlt-load -q sqlite:x.db <stream.$t 2>/dev/null && continue
        quiet dlt-load -q sqlite:x.db <stream.$t
      done
      expect x.db 6
    done
  done
}

@test "a replaced table: by either strategy, and readers see old rows or new" {
  local how
  for how in truncate-and-insert insert-from-staging; do
    rm -f x.db*
    for rows in '1 2 3' '4' ''; do
      printf '{"id":%d,"l":[1]}\n' $rows | { [ -n "$rows" ] && cat || :; } >r
      dlt-extract -q --allow-empty --schema-name p --sync sqlite:x.db --write-disposition replace r=r |
        dlt-normalize -q | quiet dlt-load -c destination.replace_strategy=$how sqlite:x.db
      run sql x.db "select count(*), (select count(*) from r__l) from r"
      assert_output "$(wc -w <<<"$rows" | tr -d ' ')|$(wc -w <<<"$rows" | tr -d ' ')"
    done
  done
  fails 2 dlt-load -c destination.replace_strategy=staging-optimized sqlite:x.db p
  assert_output --partial 'replace_strategy "staging-optimized" is not supported by sqlite:FILE'
}

@test "a merge that fails leaves the old rows" {
  packages 1
  quiet dlt-load -p p sqlite:x.db
  python3 -c "import sqlite3; c = sqlite3.connect('x.db'); c.execute('create unique index i on m(v) where v = 2'); c.commit()"
  packages 2
  fails 1 dlt-load -p p sqlite:x.db
  assert_output --partial 'merge of "m": UNIQUE constraint failed'
  run sql x.db "select group_concat(id || ':' || v) from (select * from m order by id)"
  assert_output 1:1,2:1,3:1
  python3 -c "import sqlite3; sqlite3.connect('x.db').execute('drop index i')"
  quiet dlt-load -p p sqlite:x.db
  expect x.db 6
}

@test "what a merge lacks is named before anything is touched" {
  rows 1
  where=(-o pkg)
  extract m
  dlt-normalize -q --for filesystem -o normalized pkg
  python3 - <<'PY'
import json
s = json.load(open("normalized/schema.json"))
for t in list(s["tables"].values()):
    if t["name"] == "m__l":
        t["columns"].pop("_dlt_root_id", None)
        t["columns"]["_dlt_parent_id"].pop("parent_key")
json.dump(s, open("normalized/schema.json", "w"))
PY
  dlt-package seal normalized
  fails 1 dlt-load sqlite:x.db normalized
  assert_output --partial 'table "m__l" cannot be merged: it has no root key'
  [ ! -e x.db ]
}

@test "a package that Python dlt has begun: its .sql jobs" {
  packages 1
  dlt-load -q -p p sqlite:x.db
  packages 2
  pkg=$(pending m)
  # both jobs are staged there, the merge itself is not done
  mv "$pkg"/new_jobs/m* "$pkg"/completed_jobs
  echo 'DELETE FROM m' >"$pkg/new_jobs/m.0123456789.0.sql"
  quiet dlt-load -p p sqlite:x.db
  expect x.db 6
  loaded=data/pipelines/p/load/loaded/$(basename "$pkg")
  [ -e "$loaded/completed_jobs/m.0123456789.0.sql" ]
}

@test "a package that Python dlt has begun: its merge is done" {
  packages 1
  dlt-load -q -p p sqlite:x.db
  packages 2
  pkg=$(pending f)
  mv "$pkg"/new_jobs/f* "$pkg"/completed_jobs
  python3 -c "import sqlite3; c = sqlite3.connect('x.db'); c.execute('insert into f (id, _dlt_load_id, _dlt_id) values (3, 1, 1)'); c.commit()"
  echo 'DELETE FROM f' >"$pkg/completed_jobs/f.0123456789.0.sql"
  quiet dlt-load -p p sqlite:x.db
  expect x.db 6
}

@test "a package that Python dlt has begun: references are its own" {
  packages 1
  pkg=$(ls -d data/pipelines/p/load/normalized/* | head -n 1)
  echo file:///tmp/x >"$pkg/new_jobs/m.0123456789.0.reference"
  fails 1 dlt-load -p p sqlite:x.db
  assert_output --partial 'job m.0123456789.reference refers to files'
}

@test "packages that Python dlt has begun, finished here, gone on with there" {
  need_dlt sqlalchemy
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/half.py" out
}

@test "random merges: tables as Python dlt's, 15 pipelines" {
  need_dlt sqlalchemy
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/merge.py" out 1-15
}

@test "random merges: 315 pipelines" {
  need_level full
  need_dlt sqlalchemy
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/merge.py" out 16-30 1001-1300
}
