#!/usr/bin/env bats
# One working directory, two programs: Python dlt and the tools take over from
# each other at every stage. What needs Python dlt 1.26.0 runs with --all:
# DLT_PYTHON names an interpreter that has it, else one is installed into the
# build directory.

load helper
load duckdb

INTEROP=$SOURCE_DIR/tests/interop

setup_file() {
  python_dlt
}

rows() {
  printf '{"id":1,"l":[1,2]}\n{"id":2,"s":"x"}\n' >rows.jsonl
}

# Hash of all files below a directory but for locks.
print_of() {
  (cd "$1" && find . -type f ! -name '.lock*' -exec sha256sum {} + | sort)
}

# ---- what another process does meanwhile ----

need_hooks() {
  rows
  DLT_TEST_RUN='normalize.commit:: >hooked' dlt-extract -q -p hooked t=rows.jsonl &&
    DLT_TEST_RUN='normalize.commit:: >hooked' dlt-normalize -q -p hooked
  [ -e hooked ] || skip "needs a build with -Dtest_hooks=true"
}

# changed_by COMMAND: normalize ends with 75 when COMMAND runs before its commit,
# and does its work the next time, unless the package has gone.
changed_by() {
  need_hooks
  quiet dlt-extract -q -p p --load-id 1.5 t=rows.jsonl
  fails 75 env DLT_TEST_RUN="normalize.commit:$1" dlt-normalize -q -p p
  [ ! -e data/pipelines/p/load/normalized/1.5 ]
  [ -z "$(ls data/pipelines/p/load/new)" ]
}

@test "a package that is taken away while it is normalized: status 75" {
  changed_by 'rm -r data/pipelines/p/normalize/extracted/1.5'
  assert_output --partial 'another process has taken the package away'
  quiet dlt-normalize -q -p p
}

@test "a package that is replaced by another: status 75, then the new one" {
  x=data/pipelines/p/normalize/extracted
  changed_by "cp -r $x/1.5 other && rm -r $x/1.5 && mv other $x/1.5"
  assert_output --partial 'another process has changed the package'
  quiet dlt-normalize -q -p p
  [ -d data/pipelines/p/load/normalized/1.5 ]
}

@test "a job that is added: status 75" {
  x=data/pipelines/p/normalize/extracted/1.5/new_jobs
  changed_by ": >$x/t.00000000ff.0.typed-jsonl"
  assert_output --partial 'another process has changed the package'
}

@test "a schema that is removed, or a working directory: status 75" {
  changed_by 'rm data/pipelines/p/schemas/*'
  assert_output --partial 'another process has removed the schema "p"'
  rm -r data
  changed_by 'rm -r data/pipelines/p/load/new/1.5'
  assert_output --partial 'another process has removed what was being made'
}

@test "a package without jobs is dropped, as dlt does" {
  : >none.jsonl
  quiet dlt-extract -q -p p t=none.jsonl
  rm -f data/pipelines/p/normalize/extracted/*/new_jobs/*
  quiet dlt-normalize -q -p p
  [ -z "$(ls data/pipelines/p/normalize/extracted)" ]
  [ -z "$(ls data/pipelines/p/load/normalized)" ]
}

# ---- what is newer than we know ----

# newer FILE SED: each tool refuses, and nothing is touched.
newer() {
  rows
  rm -rf data
  quiet dlt-extract -q -p p t=rows.jsonl
  quiet dlt-normalize -q -p p
  quiet dlt-extract -q -p p t=rows.jsonl
  sed -i "$2" "data/pipelines/p/$1"
  before=$(print_of data)
  fails 1 dlt-extract -q -p p t=rows.jsonl
  [ "$before" = "$(print_of data)" ]
  fails 1 dlt-normalize -q -p p
  [ "$before" = "$(print_of data)" ]
}

@test "a newer state engine, schema engine or storage: status 1, files untouched" {
  newer state.json 's/"_state_engine_version":4/"_state_engine_version":5/'
  fails 1 dlt-load -q -p p sqlite:x.db
  [ "$before" = "$(print_of data)" ]
  newer schemas/p.schema.json 's/"engine_version": 11/"engine_version": 12/'
  newer normalize/.version 's/.*/1.0.2/'
  newer load/.version 's/.*/2.0.0/'
}

# ---- convert ----

@test "convert: other bytes, the same rows, sealed" {
  rows
  quiet dlt-extract -q -o pk t=rows.jsonl
  origins=$(jq -c '[.jobs[] | {table, rows, origins}]' pk/manifest.json)
  want=$(dlt-package cat t pk)
  for kind in gzip none fast zstd gzip; do
    quiet dlt-package convert --compression $kind pk
    quiet dlt-package verify pk
    [ "$want" = "$(dlt-package cat t pk)" ]
    [ "$origins" = "$(jq -c '[.jobs[] | {table, rows, origins}]' pk/manifest.json)" ]
  done
  ls pk/new_jobs >names
  run ! grep -v '\.gz$' names
  for f in pk/new_jobs/*; do gzip -t "$f"; done
  [ -z "$(find . -name '*.pk*' -o -name '*convert*')" ]
  dlt-normalize -q pk | dlt-load -q sqlite:x.db
  [ "$(sqlite3 x.db 'select count(*) from t')" = 2 ]
}

@test "convert: many blocks; a package of Python dlt, without a manifest" {
  python3 -c 'for i in range(60000): print("{\"id\":%d,\"s\":\"%s\"}" % (i, "x" * (i % 90)))' >big.jsonl
  quiet dlt-extract -q --compression none -o pk t=big.jsonl
  want=$(dlt-package cat t pk | sha256sum)
  quiet dlt-package convert --compression gzip pk
  [ "$want" = "$(dlt-package cat t pk | sha256sum)" ]
  cp -r "$(only "$GOLDEN/nested/step1/normalized")" gold
  chmod -R u+w gold
  want=$(dlt-package cat orders gold)
  quiet dlt-package convert --compression zstd gold
  [ "$want" = "$(dlt-package cat orders gold)" ]
  [ ! -e gold/manifest.json ]
}

@test "convert -p: what waits in a pipeline" {
  rows
  quiet dlt-extract -q -p p --load-id 1.5 t=rows.jsonl
  quiet dlt-normalize -q -p p
  quiet dlt-extract -q -p p --load-id 2.5 t=rows.jsonl
  quiet dlt-package convert -p p 2.5 --compression none
  run -0 find data/pipelines/p -path '*new_jobs/*' -name '*.zst'
  refute_output --partial extracted
  assert_output --partial normalized
  quiet dlt-package convert -p p --compression gzip
  run -0 find data/pipelines/p -path '*new_jobs/*' ! -name '*.gz'
  assert_output ''
  quiet dlt-normalize -q -p p
  quiet dlt-load -q -p p sqlite:x.db
  [ "$(sqlite3 x.db 'select count(*) from t')" = 4 ]
}

@test "convert: errors" {
  rows
  quiet dlt-extract -q -o pk t=rows.jsonl
  fails 2 dlt-package convert pk
  fails 2 dlt-package convert --compression lz4 pk
  fails 2 dlt-package convert --compression gzip
  fails 2 dlt-package info --compression gzip pk
  fails 1 dlt-package convert --compression gzip .
  fails 1 dlt-package convert -p none --compression gzip
  before=$(print_of pk)
  truncate -s -1 "$(find pk/new_jobs -name 't.*')"
  damaged=$(print_of pk)
  fails 1 dlt-package convert --compression gzip pk
  [ "$damaged" = "$(print_of pk)" ]
  rm -r pk
  quiet dlt-extract -q -o pk t=rows.jsonl
  mv "$(find pk/new_jobs -name 't.*')" pk/started_jobs/
  rm pk/manifest.json
  fails 1 dlt-package convert --compression gzip pk
  assert_output --partial 'the package is being loaded'
}

# ---- what a disposition brings ----

@test "the options of scd2 become hints, as in dlt" {
  rows
  quiet dlt-extract -q -o pk --write-disposition \
    merge:scd2,validity_column_names=validFrom:to,active_record_timestamp=9999-12-31,boundary_timestamp=2024-08-21T12:15:00Z,row_version_column_name=v,deduplicated \
    t=rows.jsonl
  run -0 jq -c '.tables.t' pk/schema.json
  assert_output '{"columns":{"valid_from":{"name":"valid_from","data_type":"timestamp","nullable":true,"x-valid-from":true},"to":{"name":"to","data_type":"timestamp","nullable":true,"x-valid-to":true,"x-active-record-timestamp":"9999-12-31"},"v":{"name":"v","nullable":false,"x-row-version":true,"unique":false,"row_key":false}},"x-merge-strategy":"scd2","x-stage-data-deduplicated":true,"x-boundary-timestamp":"2024-08-21T12:15:00Z","write_disposition":"merge","name":"t","resource":"t"}'
}

@test "options of a disposition: errors" {
  rows
  w=--write-disposition
  fails 2 dlt-extract -o pk $w merge:scd2,x=1 t=rows.jsonl
  assert_output --partial '"x" is none of row_version_column_name'
  fails 2 dlt-extract -o pk $w merge:upsert,boundary_timestamp=2024-01-01 t=rows.jsonl
  assert_output --partial 'only scd2 knows'
  fails 2 dlt-extract -o pk $w merge:scd2,boundary_timestamp=soon t=rows.jsonl
  assert_output --partial '"soon" is no time'
  fails 2 dlt-extract -o pk $w merge:scd2,validity_column_names=a t=rows.jsonl
  assert_output --partial 'is not FROM:TO'
  fails 2 dlt-extract -o pk $w merge:scd2, t=rows.jsonl
  fails 2 dlt-extract -o pk $w append:scd2 t=rows.jsonl
  [ ! -e pk ]
}

@test "a replace forgets the state of its resources, as in dlt" {
  rows
  quiet dlt-extract -q -p p t=rows.jsonl
  sed -i 's/"schema_names"/"sources":{"p":{"x":1,"resources":{"t":{"last":5},"u":{"last":6}}},"q":{}},"schema_names"/' data/pipelines/p/state.json
  quiet dlt-extract -q -p p --write-disposition replace t=rows.jsonl
  run -0 jq -c .sources data/pipelines/p/state.json
  assert_output '{"p":{"x":1,"resources":{"u":{"last":6}}},"q":{}}'
}

# ---- Python dlt ----

@test "what flags put into the schema: key by key as Python's extract" {
  need_dlt 'duckdb, sqlalchemy'
  "$DLT_PYTHON" "$INTEROP/hints.py" work
}

# The matrix fsyncs much: in memory, if there is room, it is twice as fast.
as_python() {
  # without the library, one mixture less
  DLT_LIBDUCKDB=$(libduckdb "$BUILD_DIR") && export DLT_LIBDUCKDB
  work=$PWD/work
  room=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
  if [ "${room:-0}" -gt 500000 ]; then
    work=$(mktemp -d /dev/shm/dlt-interop.XXXXXX)
  fi
  "$DLT_PYTHON" "$INTEROP/matrix.py" "$work" "$@"
}

teardown() {
  rm -rf "${work:-}"
}

@test "each stage ours or Python's: golden data sets and 7 random ones" {
  need_dlt 'duckdb, sqlalchemy'
  local each=3
  [ "${DLT_TEST_LEVEL:-}" != full ] || each=1
  # shellcheck disable=SC2046
  as_python $("$DLT_PYTHON" "$INTEROP/cases.py" | awk "NR % $each == 0") \
    json:1-4 typed:1-3
}

@test "each stage ours or Python's: 127 random data sets" {
  need_level full
  need_dlt 'duckdb, sqlalchemy'
  as_python json:5-8 typed:4 json:{101-140,500-530} typed:{101-120,500-530}
}

@test "dlt pipeline info, load-package and schema on a pipeline of ours" {
  need_dlt 'duckdb, sqlalchemy'
  rows
  quiet dlt-extract -q -p ours t=rows.jsonl
  quiet dlt-normalize -q -p ours --for duckdb --compression gzip
  dlt=$(dirname "$DLT_PYTHON")/dlt
  run -0 "$dlt" --non-interactive pipeline ours info
  assert_output --partial 'Has 1 normalized packages ready to be loaded'
  run -0 "$dlt" --non-interactive pipeline ours load-package
  assert_output --partial 't.0000000001.insert_values.gz'
  run -0 "$dlt" --non-interactive pipeline ours schema
  assert_output --partial 'name: ours'
  assert_output --partial 't__l'
}

@test "the drop-in example" {
  need_dlt 'duckdb, sqlalchemy'
  run -0 "$DLT_PYTHON" "$SOURCE_DIR/examples/drop-in/pipeline.py" out 2000
  assert_line --regexp '^Python dlt +normalize +[0-9.]+ s'
  assert_line --regexp '^dlt-normalize +normalize +[0-9.]+ s'
  assert_line 'the tables are equal'
}
