#!/usr/bin/env bats
# Staging datasets, and the datasets of other schemas: as Python dlt has them.

load helper
load postgres
load duckdb

setup_file() {
  python_dlt
  postgres_start
}

teardown_file() {
  postgres_stop
}

setup() {
  own_folder
  DB=s$BATS_TEST_NUMBER
  URL=$(postgres_db "$DB")
}

teardown() {
  psql -qX -c "DROP DATABASE IF EXISTS $DB WITH (FORCE)" 2>/dev/null || true
}

sql() {
  pgsql "$DB" "$1"
}

claimed() {
  [ "$(sql "select count(*) from pg_locks where locktype = 'advisory'")" != 0 ]
}

# A package of rows to merge, with nested ones: merge DIR ROW...
merge() {
  local dir=$1
  shift
  printf '%s\n' "$@" >m.jsonl
  dlt-extract -q m=m.jsonl --schema-name s --write-disposition merge --primary-key id |
    dlt-normalize -q --for postgresql -o "$dir"
}

until_true() {
  local i
  for ((i = 0; i < 200; i++)); do
    "$@" && return 0
    read -rt 0.05 <> <(:) || true
  done
  echo "never: $*"
  return 1
}

@test "postgres: staged rows stay in a dataset of their own until the next load" {
  merge a '{"id":1,"l":[1,2]}' '{"id":2}'
  merge b '{"id":2,"l":[3],"new":1}'
  merge c '{"id":3,"l":[4]}'
  quiet dlt-load "$URL" a --dataset d
  run sql "select (select count(*) from d_staging.m), (select count(*) from d_staging.m__l), (select count(*) from d_staging._dlt_version)"
  assert_output '2|2|1'
  quiet dlt-load "$URL" b --dataset d
  run sql "select (select count(*) from d_staging.m), (select count(*) from d_staging.m__l), (select count(*) from d_staging._dlt_version)"
  assert_output '1|1|2'
  run sql "select count(*), count(new), (select count(*) from d.m__l) from d.m"
  assert_output '2|1|3'
  quiet dlt-load "$URL" c --dataset d -c load.truncate_staging_dataset=true
  run sql "select (select count(*) from d_staging.m), (select count(*) from d_staging.m__l), (select count(*) from d.m)"
  assert_output '0|0|3'
  run sql "select string_agg(table_name, ',' order by table_name) from information_schema.tables where table_schema = 'd_staging'"
  assert_output '_dlt_version,m,m__l'
}

@test "postgres: staging_dataset_name_layout; never the dataset itself" {
  merge a '{"id":1}'
  quiet dlt-load "$URL" a -c destination.staging_dataset_name_layout=tmp_%s
  quiet dlt-load "$URL" a --dataset d -c destination.postgresql.staging_dataset_name_layout=onlyThis
  run sql "select string_agg(nspname, ',' order by nspname) from pg_namespace where nspname !~ '^pg_|^information'"
  assert_output 'd,only_this,public,tmp_public'
  local layout
  for layout in %s d D; do
    fails 2 dlt-load "$URL" a --dataset d -c destination.staging_dataset_name_layout=$layout
    assert_output --partial "staging_dataset_name_layout is \"$layout\": the staging dataset would be the dataset \"d\" itself"
  done
}

@test "postgres: a replaced table by way of staging, and one without" {
  echo '{"id":1}' >r
  local how
  for how in insert-from-staging staging-optimized; do
    dlt-extract -q --write-disposition replace r=r | dlt-normalize -q |
      quiet dlt-load "$URL" --dataset d -c destination.replace_strategy=$how
    run sql "select (select count(*) from d_staging.r), (select count(*) from d.r)"
    assert_output '1|1'
    sql "drop schema d_staging cascade" 2>/dev/null
  done
  dlt-extract -q --write-disposition replace r=r | dlt-normalize -q |
    quiet dlt-load "$URL" --dataset d
  run sql "select count(*) from pg_namespace where nspname = 'd_staging'"
  assert_output 0
}

@test "postgres: two runs that stage rows in one place: the second is refused" {
  merge a '{"id":1}'
  merge b '{"id":2}'
  quiet dlt-load "$URL" a --dataset d
  mkfifo in
  psql -qX -d "$DB" <in >out 3>&- &
  exec 9>in
  # the first run waits for the table when it has claimed the staging dataset
  echo 'begin; lock table d.m; \! touch locked' >&9
  until_true test -e locked
  dlt-load "$URL" b --dataset d 3>&- 9>&- &
  first=$!
  until_true claimed
  merge c '{"id":3,"l":[4]}'
  fails 75 dlt-load --wait 0 "$URL" c --dataset d
  assert_output --partial 'staging dataset "d_staging": another run stages its rows there; wait for it (--wait), or give one of the two pipelines a staging dataset of its own: destination.staging_dataset_name_layout'
  # other datasets with that staging dataset, too; and as a stream
  fails 75 dlt-load --wait 0 "$URL" c --dataset e -c destination.staging_dataset_name_layout=d_staging
  dlt-extract -q m=m.jsonl --schema-name s --write-disposition merge --primary-key id |
    dlt-normalize -q >stream
  fails 75 dlt-load --wait 0 "$URL" --dataset e -c destination.staging_dataset_name_layout=d_staging <stream
  # not those with another one, nor those that stage nothing
  quiet dlt-load --wait 0 "$URL" c --dataset e
  echo '{"id":1}' | dlt-extract -q app=- | dlt-normalize -q |
    quiet dlt-load --wait 0 "$URL" --dataset e
  dlt-load --wait 60 "$URL" c --dataset d 3>&- 9>&- &
  second=$!
  exec 9>&-
  wait $first
  wait $second
  run sql "select string_agg(id::text, ',' order by id) from d.m"
  assert_output '1,2,3'
}

@test "postgres: rows of a killed run are never there" {
  merge a '{"id":1}' '{"id":2}'
  DLT_TEST_FAIL=load_init:1 dlt-load "$URL" a --dataset x 2>/dev/null &&
    skip "built without -Dtest_hooks=true"
  quiet dlt-load "$URL" a --dataset d
  merge b '{"id":3}' '{"id":4}' '{"id":5}'
  local hook
  for hook in load_job load_merge load_commit load_committed load_finish; do
    run -137 env DLT_TEST_FAIL=$hook:1 dlt-load "$URL" b --dataset d
    run sql "select count(*) from d_staging.m"
    case $hook in
      load_committed | load_finish) assert_output 3 ;;
      *) assert_output 2 ;;
    esac
  done
  quiet dlt-load "$URL" b --dataset d
  run sql "select (select count(*) from d_staging.m), (select count(*) from d.m), (select count(*) from d._dlt_loads)"
  assert_output '3|5|2'
}

@test "duckdb: the same, in schemas of the file" {
  need_duckdb
  merge a '{"id":1,"l":[1,2]}' '{"id":2}'
  merge b '{"id":2,"l":[3],"new":1}'
  quiet dlt-load duckdb:x.db a
  run duckq x.db "SELECT (select count(*) from main_staging.m), (select count(*) from main_staging.m__l), (select count(*) from main_staging._dlt_version)"
  assert_output '2|2|1'
  quiet dlt-load duckdb:x.db b
  run duckq x.db "SELECT (select count(*) from main_staging.m), (select count(*) from main_staging.m__l), (select count(*) from main_staging._dlt_version)"
  assert_output '1|1|2'
  run duckq x.db "SELECT count(*), count(new), (select count(*) from m__l) from m"
  assert_output '2|1|3'
  merge c '{"id":3,"l":[4]}'
  quiet dlt-load duckdb:x.db c -c load.truncate_staging_dataset=true -c destination.duckdb.staging_dataset_name_layout=t_%s
  run duckq x.db "SELECT (select count(*) from main_staging.m__l), (select count(*) from t_main.m), (select count(*) from t_main.m__l), (select count(*) from m)"
  assert_output '1|0|0|3'
  fails 2 dlt-load duckdb:x.db c -c destination.staging_dataset_name_layout=main
  assert_output --partial 'would be the dataset "main" itself'
}

@test "use_single_dataset=false: other schemas have datasets of their own" {
  echo '{"id":1}' | dlt-extract -q -p p a=-
  echo '{"id":2}' | dlt-extract -q -p p --schema-name other b=-
  echo '{"id":3}' | dlt-extract -q -p p a=-
  dlt-normalize -q -p p
  cp -r data/pipelines/p/load/normalized packages
  quiet dlt-load -p p "$URL" -c use_single_dataset=false
  run sql "select table_schema || '.' || table_name from information_schema.tables where table_name in ('a', 'b') or table_name = '_dlt_jobs' order by 1"
  assert_output $'p_dataset._dlt_jobs\np_dataset.a\np_dataset_other._dlt_jobs\np_dataset_other.b'
  # as folders, as a file, and in one dataset
  quiet dlt-load -p p file:dir packages/* -c pipelines.p.use_single_dataset=false
  [ "$(cd dir && echo */[ab])" = 'p_dataset/a p_dataset_other/b' ]
  quiet dlt-load -p p sqlite:x.db packages/* -c use_single_dataset=false
  quiet dlt-load -p p "$URL" packages/* --dataset all
  run sql "select (select count(*) from \"all\".a), (select count(*) from \"all\".b), (select count(*) from \"all\"._dlt_loads)"
  assert_output '2|1|3'
  # a stream, too: the schema comes first
  echo '{"id":4}' | dlt-extract --schema-name other b=- | dlt-normalize |
    quiet dlt-load -p p "$URL" - -c use_single_dataset=false
  run sql "select string_agg(id::text, ',' order by id) from p_dataset_other.b"
  assert_output '2,4'
}

@test "postgres: --plan names all that would be made, once" {
  merge a '{"id":1,"l":[1]}'
  merge b '{"id":2,"l":[1]}'
  run -3 dlt-load --plan "$URL" a b --dataset d
  for what in 'CREATE SCHEMA "d"' 'CREATE SCHEMA "d_staging"' 'CREATE TABLE IF NOT EXISTS "d"."_dlt_jobs" (' \
    'CREATE TABLE "d"."_dlt_loads" (' 'CREATE TABLE "d"."_dlt_version" (' 'CREATE TABLE "d"."m" (' 'CREATE TABLE "d"."m__l" (' \
    'CREATE TABLE "d_staging"."m" (' 'CREATE TABLE "d_staging"."m__l" (' 'CREATE TABLE "d_staging"."_dlt_version" ('; do
    [ "$(grep -cF "$what" <<<"$output")" = 1 ]
  done
  [ "$(grep -c '^-- m: 1 job, merge' <<<"$output")" = 2 ]
  run sql "select count(*) from pg_namespace where nspname ~ '^d'"
  assert_output 0
  quiet dlt-load "$URL" a --dataset d
  run -0 dlt-load --plan "$URL" b --dataset d
  refute_output --partial CREATE
  # what Python dlt has made lacks _dlt_jobs only
  sql 'drop table d._dlt_jobs'
  run -3 dlt-load --plan "$URL" b --dataset d
  assert_output --partial '"d"."_dlt_jobs"'
  refute_output --partial 'CREATE TABLE "'
}

@test "duckdb: --plan, also where there is no file" {
  need_duckdb
  merge a '{"id":1}'
  run -3 dlt-load --plan duckdb:x.db a --dataset d
  for what in 'CREATE SCHEMA "x"."d";' 'CREATE SCHEMA "x"."d_staging";' 'CREATE TABLE "x"."d"."_dlt_jobs" (' \
    'CREATE TABLE "x"."d"."_dlt_loads" (' 'CREATE TABLE "x"."d_staging"."m" (' 'CREATE TABLE "x"."d_staging"."_dlt_version" ('; do
    assert_output --partial "$what"
  done
  [ ! -e x.db ]
  quiet dlt-load duckdb:x.db a --dataset d
  cp -r a b
  rm b/manifest.json
  run -0 dlt-load --plan duckdb:x.db a --dataset d
  assert_output ''
}

@test "postgres: tries are counted in the names of job files, from run to run" {
  local n
  echo '{"id":1}' | dlt-extract -q -p p t=-
  dlt-normalize -q -p p
  quiet dlt-load -p p "$URL"
  echo '{"id":2}' | dlt-extract -q -p p t=-
  dlt-normalize -q -p p
  sql "create sequence p_dataset.tries;
    create function p_dataset.fail() returns trigger language plpgsql as \$\$
      begin
        perform nextval('p_dataset.tries');
        raise exception 'as if' using errcode = '40001';
      end \$\$;
    create trigger fail before insert on p_dataset.t for each row execute function p_dataset.fail()"
  pkg=$(only data/pipelines/p/load/normalized)
  # a job that has been tried twice, perhaps by Python dlt
  for n in "$pkg"/new_jobs/t.*.0.*; do
    mv "$n" "${n/.0./.2.}"
  done
  # up to the next multiple, and in the next run to the one after it
  fails 75 dlt-load -p p "$URL" -c load.raise_on_max_retries=4
  ls "$pkg"/new_jobs/t.*.4.jsonl*
  run sql 'select last_value from p_dataset.tries'
  assert_output 2
  fails 75 dlt-load -p p "$URL" -c load.raise_on_max_retries=2
  ls "$pkg"/new_jobs/t.*.6.jsonl*
  run sql 'select last_value from p_dataset.tries'
  assert_output 4
  sql 'drop trigger fail on p_dataset.t'
  quiet dlt-load -p p "$URL"
  run sql 'select count(*) from p_dataset.t'
  assert_output 2
}

@test "a configured destination by its name, its type and parts; and -p alone" {
  mkdir .dlt
  cat >.dlt/secrets.toml <<END
[destination.mypg]
destination_type = "dlt.destinations.postgres"
staging_dataset_name_layout = "mine_%s"
[destination.mypg.credentials]
database = "$DB"
username = "admin"
host = "$PGHOST"
END
  local t
  for t in 1 2 3; do
    echo "{\"id\":$t}" | dlt-extract -q -p p --write-disposition merge --primary-key id m=-
  done
  dlt-normalize -q -p p --for postgres
  printf '%s\n' data/pipelines/p/load/normalized/* >list
  quiet dlt-load -p p mypg "$(sed -n 1p list)"
  run sql 'select count(*) from mine_p_dataset.m'
  assert_output 1
  # by the configuration, then by the pipeline's state
  DESTINATION_NAME=mypg quiet dlt-load -p p -T <(sed -n 2p list)
  fails 2 dlt-load -p p
  assert_output --partial 'no destination given'
  python3 - <<'PY'
import json
path = "data/pipelines/p/state.json"
s = json.load(open(path))
s.update(destination_name="mypg", destination_type="dlt.destinations.postgres")
json.dump(s, open(path, "w"))
PY
  quiet dlt-load -p p
  run sql 'select count(*) from p_dataset.m'
  assert_output 3
}

# oracle MODULE ARGUMENT...: of the script; Python dlt needs the module.
oracle() {
  need_dlt "$1"
  shift
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/staging.py" out "$@" >&2
}

@test "duckdb: as Python dlt leaves it, and each goes on from the other" {
  need_duckdb
  oracle duckdb duckdb tools
}

@test "postgres: as Python dlt leaves it, and each goes on from the other" {
  oracle psycopg2 postgres odd
}
