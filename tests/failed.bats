#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031
# Packages that fail for good: what goes on without them, and the ways out.

load helper

sql() {
  python3 - "$@" <<'PY'
import sqlite3, sys
con = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
for row in con.execute(sys.argv[2]):
    print("|".join("" if v is None else str(v) for v in row))
PY
}

# A package of the pipeline p: make DISPOSITION ROW...; $pkg is its path.
make() {
  local how=$1
  shift
  printf '%s\n' "$@" >a.jsonl
  dlt-extract -q -p p --write-disposition "$how" a=a.jsonl
  dlt-normalize -q -p p
  pkg=$(printf '%s\n' data/pipelines/p/load/normalized/* | tail -n 1)
}

# One more job of table a in it, which is no JSON.
spoil() {
  rm -f "$pkg/manifest.json"
  echo '{"a":' >"$pkg/new_jobs/a.1000000002.0.jsonl"
}

# The package of three with a bad job in the middle.
three() {
  local how=${1:-append}
  make "$how" '{"a":1}'
  dlt-load -q -p p sqlite:x.db
  make "$how" '{"a":2}'
  spoil
  bad=$(basename "$pkg")
  make "$how" '{"a":3}'
}

rows() {
  run sql x.db "select group_concat(a), (select count(*) from _dlt_loads) from (select * from a order by a)"
}

@test "appended tables: later packages are loaded, and every run names the failed one" {
  three
  fails 1 dlt-load -p p sqlite:x.db
  assert_output --partial "dlt-load: error: package $bad has failed: a.1000000002.0.jsonl: started_jobs/a.1000000002.0.jsonl:1: column \"a\": expected a value"
  assert_output --partial "1 package is not loaded; try again: dlt-package retry -p p; give up: dlt-package drop -p p LOAD_ID"
  rows
  # the good job of the bad package is in, its load is not
  assert_output '1,2,3|2'
  fails 1 dlt-load -p p sqlite:x.db
  assert_output --partial "package $bad has failed"
  run -0 dlt-package ls -p p
  assert_line "aborted     $bad"
  [ "$(grep -c '^loaded ' <<<"$output")" -eq 2 ]
  [ "$(dlt-package info --json -p p "$bad" | jq -r .kind)" = normalized ]
  run -0 dlt-package failed -p p
  assert_output "$bad	a.1000000002.0.jsonl	started_jobs/a.1000000002.0.jsonl:1: column \"a\": expected a value"
  run -0 dlt-package failed --json -p p "$bad"
  assert_output --partial '"status":"aborted","table":"a","job":"a.1000000002.0.jsonl","failed":true,"reason":"started_jobs'
  run bash -c 'dlt-load --json -p p sqlite:x.db 2>/dev/null'
  assert_output --partial '1 package is not loaded'
}

@test "retry: after the job was mended; nothing twice" {
  three
  fails 1 dlt-load -p p sqlite:x.db
  quiet dlt-package retry -p p
  [ ! -e "data/pipelines/p/load/loaded/$bad" ]
  # not mended: as before
  fails 1 dlt-load -p p sqlite:x.db
  rows
  assert_output '1,2,3|2'
  quiet dlt-package retry --json -p p "$bad" >report
  [ "$(cat report)" = "{\"load_id\":\"$bad\",\"retried\":true}" ]
  echo '{"a":4,"_dlt_load_id":"x","_dlt_id":"y"}' >"data/pipelines/p/load/normalized/$bad/new_jobs/a.1000000002.0.jsonl"
  quiet dlt-load -p p sqlite:x.db
  rows
  assert_output '1,2,3,4|3'
  run sql x.db "select count(*) from _dlt_jobs where job_id <> ''"
  assert_output 0
  run -0 dlt-package failed -p p
  assert_output ''
  fails 1 dlt-package retry -p p "$bad"
  assert_output --partial "has no package $bad that failed"
}

@test "drop: asks, or is told" {
  three
  fails 1 dlt-load -p p sqlite:x.db
  fails 2 dlt-package drop -p p
  fails 2 dlt-package drop -p p "$bad" </dev/null
  assert_output --partial "$bad: 1 jobs that are not in sqlite:x.db are removed; the rows of 1 others stay there"
  [ -e "data/pipelines/p/load/loaded/$bad" ]
  quiet dlt-package drop --yes --json -p p "$bad" >report
  [ "$(cat report)" = "{\"load_id\":\"$bad\",\"dropped\":true}" ]
  [ ! -e "data/pipelines/p/load/loaded/$bad" ]
  quiet dlt-load -p p sqlite:x.db
  fails 2 dlt-package failed
}

@test "replaced and merged tables wait for the failed package" {
  local how
  for how in replace merge; do
    rm -rf data x.db
    three $how
    fails 1 dlt-load -p p sqlite:x.db
    assert_output --partial "waits for package $bad, which has failed and has rows for table \"a\", too; dlt-package retry -p p $bad, or drop"
    rows
    assert_output '1|1'
    quiet dlt-package drop -y -p p "$bad"
    quiet dlt-load -p p sqlite:x.db
    rows
    case $how in
      replace) assert_output '3|2' ;;
      merge) assert_output '1,3|2' ;;
    esac
  done
}

@test "the state waits, too, for that of the failed package" {
  local state first
  make append '{"a":1}'
  first=$pkg
  bad=$(basename "$first")
  make append '{"a":2}'
  state=$(ls "$first"/new_jobs/_dlt_pipeline_state.*)
  rm -f "$first/manifest.json" "$pkg/manifest.json" "$pkg"/new_jobs/_dlt_pipeline_state.*
  cp "$state" "$pkg/new_jobs"
  rm "$state"
  echo '{"version":' >"$first/new_jobs/_dlt_pipeline_state.1000000001.0.jsonl"
  fails 1 dlt-load -p p sqlite:x.db
  assert_output --partial "waits for package $bad, which has failed and has rows for table \"_dlt_pipeline_state\", too; dlt-package retry -p p $bad, or drop"
  # nothing of the second package is in
  run sql x.db "select count(*) from _dlt_loads"
  assert_output 0
  quiet dlt-package drop -y -p p "$bad"
  quiet dlt-load -p p sqlite:x.db
  run sql x.db "select (select count(*) from _dlt_loads), (select count(*) from a where a = 2)"
  assert_output '1|1'
}

@test "raise_on_failed_jobs=false: loaded, and the bad job can be tried again" {
  make append '{"a":1}'
  spoil
  bad=$(basename "$pkg")
  run -0 dlt-load -p p -c load.raise_on_failed_jobs=false sqlite:x.db
  rows
  assert_output '1|1'
  quiet dlt-load -p p sqlite:x.db
  run -0 dlt-package failed -p p
  assert_output --partial "$bad"
  quiet dlt-package retry -p p
  echo '{"a":4,"_dlt_load_id":"x","_dlt_id":"y"}' >"data/pipelines/p/load/normalized/$bad/new_jobs/a.1000000002.0.jsonl"
  quiet dlt-load -p p sqlite:x.db
  rows
  assert_output '1,4|1'
}

@test "kill -9 in a retry: the package is in one place, and can be tried again" {
  local point
  three
  DLT_TEST_FAIL=load_init:1 dlt-load -q -p p sqlite:y.db 2>/dev/null &&
    skip "built without -Dtest_hooks=true"
  dlt-load -q -p p sqlite:x.db 2>/dev/null || :
  for point in failed_restored failed_moved; do
    DLT_TEST_FAIL=$point:1 dlt-package retry -p p 2>/dev/null || :
    run dlt-package retry -p p
    [ -e "data/pipelines/p/load/normalized/$bad" ]
    fails 1 dlt-load -p p sqlite:x.db
    assert_output --partial "package $bad has failed"
    rows
    assert_output '1,2,3|2'
  done
}

@test "drop names the destination and its dataset, without a password" {
  three
  fails 1 dlt-load -p p sqlite:x.db
  [ "$(cat "data/pipelines/p/load/loaded/$bad/destination.json")" = '{"destination":"sqlite:x.db","dataset":null}' ]
  echo '{"destination":"postgresql://u:***@h/db","dataset":"d"}' >"data/pipelines/p/load/loaded/$bad/destination.json"
  fails 2 dlt-package drop -p p "$bad"
  assert_output --partial "not in postgresql://u:***@h/db (dataset d) are removed"
  # one that an older version has left
  rm "data/pipelines/p/load/loaded/$bad/destination.json"
  fails 2 dlt-package drop -p p "$bad"
  assert_output --partial "not in the destination are removed"
}

@test "delete_completed_jobs: not those of a package that failed" {
  make append '{"a":1}'
  dlt-load -q -p p -c load.delete_completed_jobs=true sqlite:x.db
  [ ! -e "data/pipelines/p/load/loaded/$(basename "$pkg")/completed_jobs" ]
  # every file of it is still there, and no other
  printf '{"a":%d,"l":[1]}\n' 1 2 3 4 >a.jsonl
  dlt-extract -q -p p a=a.jsonl
  dlt-normalize -q -p p --file-max-items 1
  pkg=$(printf '%s\n' data/pipelines/p/load/normalized/* | tail -n 1)
  spoil
  loaded=data/pipelines/p/load/loaded/$(basename "$pkg")
  (cd "$pkg/new_jobs" && sha256sum -- *) | sort >before
  [ "$(wc -l <before)" -ge 9 ]
  fails 1 dlt-load -q -p p -c load.delete_completed_jobs=true sqlite:x.db
  [ -e "$loaded/failed_jobs/a.1000000002.0.jsonl" ]
  rm "$loaded"/failed_jobs/*.exception
  for d in "$loaded"/*_jobs; do
    [ -z "$(ls "$d")" ] || (cd "$d" && sha256sum -- *)
  done | sort | diff before -
}
