#!/usr/bin/env bats
# What each destination wants of names, row ids and job files: common/caps.c,
# and Python dlt 1.26.0 where it can be had.

load helper
load duckdb

setup_file() {
  python_dlt
}

# merged STRATEGY: a package of a merged table.
merged() {
  echo '{"id":1,"l":[1]}' >t.jsonl
  rm -rf pk
  dlt-extract -q -o pk --write-disposition "merge:$1" --primary-key id t=t.jsonl
}

# of_pipeline DIR KEY VALUE: as if it had been loaded so.
of_pipeline() {
  sed -i 's/"pipeline_name"/"'"$2"'":"dlt.destinations.'"$3"'",&/' "$1/pipelines/p/state.json"
  grep -qF "$3" "$1/pipelines/p/state.json"
}

# formats_of PACKAGE: those of its job files.
formats_of() {
  find "$1/new_jobs" -type f | sed -E 's/.*\.0\.//; s/\.(gz|zst)$//' | sort -u | xargs
}

@test "all destinations of dlt: what Python dlt says of them, and what it writes" {
  need_dlt 'pyarrow, sqlalchemy'
  need_duckdb
  "$BUILD_DIR/tests/caps" >list
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/targets.py" list
}

@test "an unknown destination: usage, with the names that there are" {
  fails 2 dlt-normalize --for oracle </dev/null
  assert_output --partial 'unknown destination "oracle"; there are filesystem, '
  assert_output --partial ', redshift, snowflake, '
}

@test "a merge strategy that the destination lacks: status 1, as Python dlt" {
  merged upsert
  fails 1 dlt-normalize -q --for redshift -o out pk
  assert_output 'dlt-normalize: error: table "t": redshift does not have the merge strategy "upsert", but delete-insert, scd2'
  [ ! -e out ]
  quiet dlt-normalize -q --for snowflake -o out pk
  # a destination that cannot merge at all appends
  quiet dlt-normalize -q --for filesystem -o other pk
  jq -e .normalizers.json.config.propagation out/schema.json
  # extract says it, too, where it knows the destination
  quiet dlt-extract -q -p p t=t.jsonl
  of_pipeline data destination_type redshift
  fails 1 dlt-extract -q -p p --write-disposition merge:upsert --primary-key id t=t.jsonl
  assert_output --partial 'redshift does not have the merge strategy "upsert"'
}

@test "by way of a staging bucket: its files" {
  echo '{"id":1}' >t.jsonl
  quiet dlt-extract -q -p p t=t.jsonl
  of_pipeline data destination_type redshift
  cp -r data staged
  quiet dlt-normalize -q -p p
  [ "$(formats_of data/pipelines/p/load/normalized/*)" = insert_values ]
  of_pipeline staged staging_type filesystem
  DLT_DATA_DIR=$PWD/staged quiet dlt-normalize -q --compression none -p p
  [ "$(formats_of staged/pipelines/p/load/normalized/*)" = jsonl ]
  # and asked for by hand
  quiet dlt-extract -q -o pk t=t.jsonl
  quiet dlt-normalize -q --for redshift --format jsonl -o out pk
  fails 2 dlt-normalize -q --for redshift --format csv -o out pk
}

@test "a function as destination: nothing is nested, names stay" {
  echo '{"Id":1,"l":[1],"o":{"x":1}}' >t.jsonl
  quiet dlt-extract -q -o pk t=t.jsonl
  quiet dlt-normalize -q --compression none --for destination --format jsonl -o out pk
  [ "$(jq -c '[.id, .l, .o]' out/new_jobs/t.*)" = '[1,[1],{"x":1}]' ]
  [ "$(jq .normalizers.json.config.max_nesting out/schema.json)" = 0 ]
  quiet dlt-extract -q -p p --allow-empty t=t.jsonl
  rm -r data/pipelines/p/schemas/* data/pipelines/p/normalize/extracted/*
  of_pipeline data destination_type destination
  quiet dlt-extract -q -p p t=t.jsonl
  quiet dlt-normalize -q -p p --format jsonl --compression none
  [ "$(jq -c '[.Id, .l]' data/pipelines/p/load/normalized/*/new_jobs/t.*)" = '[1,[1]]' ]
}

@test "files end where the destination likes it, unless told otherwise" {
  # BigQuery likes 1 GiB, which is more than this: only what is said is seen
  seq 2000 | sed 's/.*/{"n":&}/' >t.jsonl
  dlt-extract -q -o pk t=t.jsonl
  for limit in "" "--file-max-bytes 0" "--file-max-items 0"; do
    # shellcheck disable=SC2086
    quiet dlt-normalize -q --for bigquery --buffer-max-items 100 $limit -o out pk
    [ "$(find out/new_jobs -name 't.*' | wc -l)" -eq 1 ]
  done
  quiet dlt-normalize -q --for bigquery --buffer-max-items 100 --file-max-bytes 1000 -o out pk
  [ "$(find out/new_jobs -name 't.*' | wc -l)" -gt 10 ]
}
