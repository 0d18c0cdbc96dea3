#!/usr/bin/env bats
# dlt-load into PostgreSQL, which the tests start themselves.

load helper
load postgres

setup_file() {
  python_dlt
  postgres_start
}

teardown_file() {
  postgres_stop
}

# A database for each test: $URL.
setup() {
  own_folder
  DB=t$BATS_TEST_NUMBER
  URL=$(postgres_db "$DB")
}

teardown() {
  psql -qX -c "DROP DATABASE IF EXISTS $DB WITH (FORCE)" 2>/dev/null || true
}

sql() {
  pgsql "$DB" "$1"
}

# A normalized package of one table t in which ROWS come on stdin:
# package DIR [OPTION...]
package() {
  local dir=$1
  shift
  rm -rf "$dir"
  dlt-extract -q "$@" t=- | dlt-normalize -q --for postgresql -o "$dir"
}

hooks() {
  dlt-load --version | grep -q . || return 1
  echo '{"id":1}' | package hooked
  DLT_TEST_FAIL=load_init:1 dlt-load "$URL" hooked --dataset hooked &&
    skip "built without -Dtest_hooks=true"
  return 0
}

# until COMMAND...: tries it again and again, ten seconds long.
until_true() {
  local i
  for ((i = 0; i < 200; i++)); do
    "$@" && return 0
    read -rt 0.05 <> <(:) || true
  done
  echo "never: $*"
  return 1
}

@test "values of all types, exactly" {
  cat >t.jsonl <<'J'
{"id":-9223372036854775808,"d":1e22,"b":true,"ts":"2024-01-02T03:04:05.000001+02:00","nz":"2024-01-02T03:04:05","da":"0001-01-01","ti":"01:02:03.5","de":"12345678901234567890123456789.123456789","w":"1000000000000000000000000000000","bi":"YWI=","j":{"a":[1,"é😀\u0001\/",1e22,null]},"t":"a\"\u00e9\\\t\n"}
{"id":9223372036854775807,"d":-0.0,"b":false,"ts":"9999-12-31T23:59:59.999999Z","nz":"1969-12-31T23:59:59.999999","da":"9999-12-31","ti":"23:59:59.999999","de":"-0.000000001","w":"-5","bi":"","j":[],"t":""}
{"id":0,"de":"1E+3","w":"0","sm":-32768,"it":2147483647}
{"id":null,"de":"10000","w":"99990000"}
J
  dlt-extract -q t=t.jsonl --column id:bigint --column d:double --column b:bool \
    --column ts:timestamp --column nz:timestamp,no_timezone --column da:date \
    --column ti:time --column de:decimal --column w:wei --column bi:binary \
    --column j:json --column t:text --column sm:bigint,precision=16 \
    --column it:bigint,precision=32 | dlt-normalize -q | quiet dlt-load "$URL"
  run sql 'select id, d, b, ts, nz, da, ti, de, w, bi, j, sm, it from t order by id'
  assert_line --index 0 '-9223372036854775808|1e+22|t|2024-01-02 01:04:05.000001+00|2024-01-02 03:04:05|0001-01-01|01:02:03.5|12345678901234567890123456789.123456789|1000000000000000000000000000000.'"$(printf '0%.0s' {1..78})"'|\x6162|{"a": [1, "é😀\u0001/", 10000000000000000000000, null]}||'
  assert_line --index 1 "0||||||$(: no time)|1000.000000000|0.$(printf '0%.0s' {1..78})|||-32768|2147483647"
  assert_line --index 2 '9223372036854775807|-0|f|9999-12-31 23:59:59.999999+00|1969-12-31 23:59:59.999999|9999-12-31|23:59:59.999999|-0.000000001|-5.'"$(printf '0%.0s' {1..78})"'|\x|[]||'
  assert_line --index 3 "||||||$(: no time)|10000.000000000|99990000.$(printf '0%.0s' {1..78})||||"
  run sql "select count(*) from t where t = e'a\"é\\\\\\t\\n'"
  assert_output 1
  run sql "select string_agg(format_type(atttypid, atttypmod), ',' order by attnum) from pg_attribute where attrelid = 't'::regclass and attnum > 0"
  assert_output 'bigint,double precision,boolean,timestamp with time zone,timestamp without time zone,date,time without time zone,numeric(38,9),numeric(156,78),bytea,jsonb,character varying,smallint,integer,character varying,character varying'
}

@test "a dataset is a schema: from the option, settings, state, or the pipeline" {
  echo '{"id":1}' >t.jsonl
  dlt-extract -p shop t=t.jsonl
  dlt-normalize -p shop
  quiet dlt-load -p shop "$URL"
  echo '{"id":1}' | package n
  quiet dlt-load "$URL" n
  quiet dlt-load "$URL" n --dataset 'My Data'
  quiet dlt-load "$URL" n -c dataset_name=conf
  run sql "select schemaname from pg_tables where tablename = 't' order by 1"
  assert_output $'conf\nmy_data\npublic\nshop_dataset'
  fails 2 dlt-load "$URL" n --dataset ''
}

@test "a load id is loaded once; another package with it is refused" {
  echo '{"id":1}' | package n --load-id 5.5
  echo '{"id":2}' | package m --load-id 5.5
  quiet dlt-load "$URL" n
  quiet dlt-load "$URL" n
  fails 1 dlt-load "$URL" m
  assert_output --partial 'another package with the load id 5.5'
  run sql 'select count(*) from t'
  assert_output 1
}

@test "names are quoted, never unescaped" {
  mkdir n n/new_jobs
  python3 - <<'PY'
import json
name = "a\"; DROP TABLE _dlt_loads; --"
c = lambda n, t: {"name": n, "data_type": t, "nullable": True}
from glob import glob
import os
s = json.load(open(glob(os.environ["TEST_DATA"] + "/packages/flat/step1/normalized/*/schema.json")[0]))
s["tables"].pop("items")
s["tables"][name] = {"name": name, "resource": "x", "write_disposition": "append",
    "x-normalizer": {"seen-data": True}, "columns": {n: c(n, "text") for n in (name, "$1", "'", "\\")}}
s["normalizers"]["names"] = "direct"
json.dump(s, open("n/schema.json", "w"))
open("n/new_jobs/%s.0000000001.0.jsonl" % name.replace("/", ""), "w").write(json.dumps({name: "x'\\", "$1": "\\N", "'": "\\.", "\\": ""}) + "\n")
PY
  quiet dlt-load "$URL" n --dataset 'x"y'
  run sql 'select "a""; DROP TABLE _dlt_loads; --", "$1", "'"'"'", "\" from x_y."a""; DROP TABLE _dlt_loads; --"'
  assert_output "x'\\|\\N|\\.|"
}

# Unique indexes of the dataset.
indexes() {
  sql "select string_agg(tablename, ' ' order by 1) from pg_indexes where schemaname = '$1' and tablename !~ '^_dlt' and indexdef ~ 'UNIQUE.*_dlt_id'"
}

@test "names that differ in case only are two" {
  for n in 1 2; do
    for disposition in append replace merge; do
      echo '{"K":1,"k":'$n',"Val":1,"val":2}' >rows
      dlt-extract -q -c schema.naming=direct --primary-key k \
        --schema-name "$disposition" --write-disposition "$disposition" \
        "T$disposition=rows" "t$disposition=rows" |
        dlt-normalize -q --for postgresql | quiet dlt-load "$URL"
    done
  done
  for disposition in append replace merge; do
    for t in T t; do
      run sql "SELECT \"K\", k, \"Val\", val FROM public.\"$t$disposition\" ORDER BY k"
      case $disposition in
        replace) assert_output '1|2|1|2' ;;
        *) assert_output $'1|1|1|2\n1|2|1|2' ;;
      esac
    done
  done
}

@test "row ids get an index when the rows are in, whatever comes between" {
  printf '{"id":%d,"l":[1]}\n' 1 2 3 | package n
  quiet dlt-load "$URL" n --dataset a
  run indexes a
  assert_output 't t__l'
  printf '{"id":%d,"l":[1]}\n' 1 2 3 >t.jsonl
  dlt-extract -q t=t.jsonl | dlt-normalize -q | quiet dlt-load "$URL" --dataset b
  run indexes b
  assert_output 't t__l'
  quiet dlt-load "$URL" n --dataset c -c destination.create_indexes=false
  run indexes c
  assert_output ''
  hooks
  run -137 env DLT_TEST_FAIL=load_committed:1 dlt-load "$URL" n --dataset d
  run indexes d
  assert_output ''
  echo '{"id":4}' | package m
  quiet dlt-load "$URL" m --dataset d
  run indexes d
  assert_output 't t__l'
  quiet dlt-load "$URL" n --dataset d
  run sql "select (select count(*) from d.t), (select count(*) from d.t__l), (select count(*) from d._dlt_jobs where load_id = '_dlt_index')"
  assert_output '4|3|0'
}

@test "columns are added; one of another type is refused" {
  echo '{"id":1}' | package a
  echo '{"id":2,"s":"x","l":[1]}' | package b
  echo '{"id":"x"}' | package c
  quiet dlt-load "$URL" a
  quiet dlt-load "$URL" b
  fails 1 dlt-load "$URL" c
  assert_output --partial 'table "t": column "id" is bigint, but the package needs varchar'
  assert_output --partial --sync
  run sql 'select id, s from t order by id'
  assert_output $'1|\n2|x'
  # a table of somebody else's making: narrower and unknown types
  sql "create schema other; create type mood as enum ('ok', 'bad')"
  sql "create table other.t (id smallint, s mood, _dlt_load_id text, _dlt_id uuid)"
  echo '{"id":7,"s":"ok"}' | package d --column _dlt_id:text
  fails 1 dlt-load "$URL" d --dataset other
  assert_output --partial 'invalid input syntax for type uuid'
  sql 'alter table other.t alter _dlt_id type text'
  quiet dlt-load "$URL" d --dataset other
  echo '{"id":40000,"s":"ok"}' | package e
  fails 1 dlt-load "$URL" e --dataset other
  assert_output --partial 'out of range'
  run sql 'select id, s from other.t'
  assert_output '7|ok'
}

@test "wrong password, no such database, host down, permission denied" {
  echo '{"id":1}' | package n
  local base="postgresql://secret:WORD@/$DB?host=$PGHOST"
  fails 1 dlt-load "${base/WORD/wrongword}" n
  assert_output --partial 'password authentication failed'
  refute_output --partial wrongword
  fails 1 dlt-load "${base/:WORD/}" n
  assert_output --partial 'no password supplied'
  fails 1 dlt-load "postgresql:///nothere?host=$PGHOST" n
  assert_output --partial 'database "nothere" does not exist'
  fails 75 dlt-load "postgresql:///x?host=$PWD" n
  assert_output --partial 'cannot connect'
  fails 1 dlt-load "${base/WORD/geheim%27%40%2F%3A%20%25}" n --dataset public
  assert_output --partial 'permission denied for schema public'
  refute_output --partial geheim
  fails 2 dlt-load "postgresql://u:hush%zz@h/d" n
  refute_output --partial hush
}

@test "a password from the URL, a file, PGPASSFILE, a service, settings" {
  echo '{"id":1}' | package n
  psql -qX -c "GRANT CREATE ON DATABASE $DB TO secret"
  local where="secret@/$DB?host=$PGHOST" word="geheim'@/: %"
  quiet dlt-load "postgresql://${where/@/:geheim%27%40%2F%3A%20%25@}" n --dataset a
  printf '%s\n' "$word" >word
  quiet dlt-load "postgresql://$where" n --dataset b --password-file word
  echo "*:*:*:secret:geheim'@/\\: %" >pass
  chmod 600 pass
  PGPASSFILE=$PWD/pass quiet dlt-load "postgresql://$where" n --dataset c
  printf '[mine]\nhost=%s\ndbname=%s\nuser=secret\npassword=%s\n' "$PGHOST" "$DB" "$word" >services
  PGSERVICEFILE=$PWD/services PGUSER='' PGDATABASE='' quiet dlt-load 'postgresql://?service=mine' n --dataset d
  mkdir .dlt
  cat >.dlt/secrets.toml <<T
[destination.postgres.credentials]
database = "$DB"
username = "secret"
password = "$word"
host = "$PGHOST"
port = 5432
T
  quiet dlt-load postgres n --dataset e
  run sql "select string_agg(schemaname, ' ' order by 1) from pg_tables where tablename = 't'"
  assert_output 'a b c d e'
  run dlt-load --show-config postgres
  refute_output --partial geheim
  run dlt-load --json "postgresql://${where/@/:geheim%27%40%2F%3A%20%25@}" n --dataset a
  assert_output --partial 'secret:***@'
  refute_output --partial geheim
}

@test "a stream is loaded wholly or not at all" {
  echo '{"id":1}' | package n
  seq 1 20000 | sed 's/.*/{"id":&,"t":"text &"}/' >t.jsonl
  dlt-extract -q t=t.jsonl | dlt-normalize -q >stream
  head -c "$(($(stat -c %s stream) / 2))" stream >half
  fails 1 dlt-load "$URL" - <half
  run sql "select count(*) from pg_tables where schemaname = 'public'"
  assert_output 0
  quiet dlt-load "$URL" - <stream
  run sql 'select count(*), sum(id) from t'
  assert_output '20000|200010000'
}

@test "bad rows fail their job, with the place" {
  echo '{"id":1,"s":"a\u0000b"}' | package n
  fails 1 dlt-load "$URL" n
  assert_output --partial 'line 1, column s'
  printf '{"id":1}\n{"id":1}\n' | package u --column id:bigint,unique
  fails 1 dlt-load "$URL" u --dataset u
  assert_output --partial 'duplicate key value violates unique constraint'
}

@test "--wait limits the wait for a lock" {
  echo '{"id":1}' | package n
  quiet dlt-load "$URL" n
  mkfifo in
  psql -qX -d "$DB" <in >out &
  exec 9>in
  echo 'begin; lock table _dlt_loads; \! touch locked' >&9
  until_true test -e locked
  echo '{"id":2}' | package m
  fails 75 dlt-load --wait 0 "$URL" m -c load.raise_on_max_retries=1
  assert_output --partial 'lock timeout'
  exec 9>&-
  wait
  quiet dlt-load "$URL" m
}

# A trigger on table D.t that fails with SQLSTATE $2, the first $3 times.
failing() {
  sql "create sequence $1.tries;
    create function $1.fail() returns trigger language plpgsql as \$\$
      begin
        if nextval('$1.tries') <= $3 then
          raise exception 'as if' using errcode = '$2';
        end if;
        return new;
      end \$\$;
    create trigger fail before insert on $1.t for each row execute function $1.fail()"
}

@test "what fails for now is tried again; a full disk, and what is final" {
  echo '{"id":1}' | package n
  echo '{"id":2}' | package m
  quiet dlt-load "$URL" n --dataset again
  failing again 40001 2
  quiet dlt-load "$URL" m --dataset again
  run sql 'select count(*) from again.t'
  assert_output 2
  quiet dlt-load "$URL" n --dataset fully
  failing fully 53100 1000
  fails 75 dlt-load "$URL" m --dataset fully -c load.raise_on_max_retries=2
  assert_output --partial 'SQLSTATE 53100'
  run sql "select last_value from fully.tries"
  assert_output 2
  quiet dlt-load "$URL" n --dataset final
  failing final 42501 1000
  fails 1 dlt-load "$URL" m --dataset final
  run sql 'select last_value, (select count(*) from final.t) from final.tries'
  assert_output '1|1'
}

@test "a password does not show in ps" {
  mkfifo in
  dlt-load "postgresql://admin:hush@/$DB?host=$PGHOST" - <in &
  local pid=$!
  exec 9>in
  masked() {
    tr '\0' ' ' <"/proc/$pid/cmdline" >shown
    grep -q 'dlt-load.*@/' shown && ! grep -q hush shown
  }
  until_true masked
  exec 9>&-
  wait $pid || true
}

@test "a connection that is cut in the middle of a COPY" {
  seq 1 60000 | sed 's/.*/{"id":&,"t":"text &"}/' >t.jsonl
  dlt-extract -q t=t.jsonl --compression none |
    dlt-normalize -q --compression none >stream
  mkfifo in
  dlt-load "$URL" - <in 2>err &
  local pid=$! status=0
  exec 9>in
  head -c 2000000 stream >&9
  copying() {
    [ "$(sql "select count(*) from pg_stat_activity where query like 'COPY %' and state = 'active' and datname = '$DB'")" = 1 ]
  }
  until_true copying
  sql "select pg_terminate_backend(pid) from pg_stat_activity where query like 'COPY %'"
  tail -c +2000001 stream >&9 2>/dev/null || true
  exec 9>&-
  wait $pid || status=$?
  [ "$status" = 75 ]
  grep -q "dlt-load: error: .*terminat\|dlt-load: error: .*closed" err
  quiet dlt-load "$URL" - <stream
  run sql 'select count(*), sum(id) from t'
  assert_output '60000|1800030000'
}

@test "killed at each hook, in a pipeline: nothing lost, nothing twice" {
  hooks
  seq 1 3000 | sed 's/.*/{"id":&,"l":[&]}/' >t.jsonl
  seq 1000 1500 | sed 's/.*/{"id":&,"v":"new","l":[0]}/' >m.jsonl
  local hook n=0
  for hook in load_init:1 load_init_committed:1 load_started:1 load_batch:1 \
    load_job:1 load_commit:1 load_commit:2 load_committed:1 load_committed:2 \
    load_marker:1 load_completed:2 load_merge:2 load_finish:1 load_finished:1; do
    n=$((n + 1))
    dlt-extract -q -p "k$n" a=t.jsonl
    dlt-normalize -q -p "k$n" --file-max-items 500
    dlt-extract -q -p "k$n" --write-disposition merge --primary-key id b=m.jsonl
    dlt-normalize -q -p "k$n"
    run -137 env DLT_TEST_FAIL="$hook" dlt-load -p "k$n" "$URL"
    quiet dlt-load -p "k$n" "$URL"
    quiet dlt-load -p "k$n" "$URL"
    run sql "select (select count(*) || ' ' || sum(id) from k${n}_dataset.a),
      (select count(*) || ' ' || sum(value) from k${n}_dataset.a__l),
      (select count(*) || ' ' || sum(id) from k${n}_dataset.b),
      (select count(*) from k${n}_dataset.b__l),
      (select count(*) from k${n}_dataset._dlt_loads)"
    assert_output '3000 4501500|3000 4501500|501 626250|501|2'
    run sql "select count(*) from k${n}_dataset._dlt_jobs where job_id <> ''"
    assert_output 0
  done
}

# Kills with a fixed seed: after COUNT of them and a last run all is there. More,
# and of the server, too, in crash.bats.
kills() {
  local i
  seq 1 40000 | sed 's/.*/{"id":&,"t":"some text & of the row","l":[&]}/' >t.jsonl
  for ((i = 1; i <= $1; i++)); do
    rm -rf data
    dlt-extract -q -p k a=t.jsonl
    dlt-normalize -q -p k --file-max-items 4000
    timeout -s KILL "$(python3 -c "import random; print(random.Random($i).uniform(0.01, 0.5))")" \
      dlt-load -q -p k "$URL" --dataset "k$i" || true
    # timeout(1) does not wait until it is gone
    quiet dlt-load --wait 30 -p k "$URL" --dataset "k$i"
    run sql "select (select count(*) || ' ' || sum(id) from k$i.a), (select count(*) || ' ' || sum(value) from k$i.a__l), (select count(*) from k$i._dlt_loads)"
    assert_output '40000 800020000|40000 800020000|1'
    sql "set client_min_messages = error; drop schema k$i cascade"
  done
}

@test "killed at 5 random moments" {
  kills 5
}

@test "20 workers, 200 job files" {
  seq 1 200000 | sed 's/.*/{"id":&,"t":"some text & of the row","x":&.5}/' >t.jsonl
  dlt-extract -q -p w a=t.jsonl
  dlt-normalize -q -p w --file-max-items 1000 --compression none
  [ "$(find data/pipelines/w/load/normalized/*/new_jobs -name 'a.*' | wc -l)" = 200 ]
  quiet dlt-load -p w "$URL" -j 20
  run sql 'select count(*), sum(id) from w_dataset.a'
  assert_output '200000|20000100000'
  local how
  for how in table-sequential sequential; do
    quiet dlt-load "$URL" data/pipelines/w/load/loaded/*/ --dataset "$how" \
      -c load.parallelism_strategy=$how -j 4
  done
  run sql 'select count(*) from table_sequential.a union all select count(*) from sequential.a'
  assert_output $'200000\n200000'
}

@test "pipelines meet in one dataset, in their very first run" {
  local i pids=()
  for i in 1 2 3 4; do
    seq 1 200 | sed "s/.*/{\"id\":&,\"c$i\":$i,\"v\":$([ $i = 4 ] && echo '"x"' || echo 1)}/" >t.jsonl
    [ $i = 1 ] || dlt-extract -q t=one.jsonl --schema-name s | dlt-normalize -q -o seen
    [ $i != 1 ] || cp t.jsonl one.jsonl
    rm -rf seen
    dlt-extract -q t=t.jsonl --schema-name s --column v:bigint |
      dlt-normalize -q -o "p$i"
  done
  for i in 1 2 3 4; do
    dlt-load "$URL" "p$i" --dataset d &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i"
  done
  run sql 'select count(*), sum(c1), sum(c2), sum(c3), sum(c4), sum(v), count(v__v_text) from d.t'
  assert_output '800|200|400|600|800|600|200'
}

@test "merges of two pipelines into one dataset at the same time" {
  local i pids=()
  for i in 1 2; do
    seq 1 2000 | sed "s/.*/{\"id\":&,\"v\":$i,\"l\":[$i]}/" >t.jsonl
    dlt-extract -q t=t.jsonl --schema-name s --write-disposition merge --primary-key id |
      dlt-normalize -q --for postgresql -o "p$i"
  done
  for i in 1 2; do
    dlt-load --wait 100 "$URL" "p$i" --dataset d &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i"
  done
  run sql 'select count(*), count(distinct id), count(distinct v), (select count(*) from d.t__l) from d.t'
  assert_output '2000|2000|1|2000'
}

@test "two that replace the rows of one table at the same time" {
  local i pids=()
  seq 1 20000 | sed 's/.*/{"id":&,"l":[&]}/' >t.jsonl
  for i in 1 2; do
    dlt-extract -q t=t.jsonl --write-disposition replace |
      dlt-normalize -q -o "p$i" --file-max-items 3000
  done
  for i in 1 2; do
    dlt-load "$URL" "p$i" --dataset d &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i"
  done
  run sql 'select count(*), (select count(*) from d.t__l) from d.t'
  assert_output '20000|20000'
}

@test "state and schema come back with --sync" {
  printf '{"id":1,"at":1}\n{"id":2,"at":2}\n' >t.jsonl
  dlt-extract -q t=t.jsonl | dlt-normalize -q | quiet dlt-load "$URL"
  echo '{"id":"x"}' >t.jsonl
  dlt-extract -q --sync "$URL" t=t.jsonl | dlt-normalize -q | quiet dlt-load "$URL"
  run sql 'select count(*), count(id), count(id__v_text) from t'
  assert_output '3|2|1'
  # a working directory that is lost; by the name of a configured destination
  mkdir .dlt
  echo "destination.mine.credentials = '$URL'" >.dlt/secrets.toml
  echo '{"id":1}' >t.jsonl
  dlt-extract -q -p lost t=t.jsonl
  dlt-normalize -q -p lost
  quiet dlt-load -p lost mine
  rm -rf data
  echo '{"id":"y"}' >t.jsonl
  dlt-extract -q -p lost --sync mine t=t.jsonl
  dlt-normalize -q -p lost
  quiet dlt-load -p lost mine
  run sql 'select count(*), count(id), count(id__v_text) from lost_dataset.t'
  assert_output '2|1|1'
  echo '{"id":"z"}' >t.jsonl
  dlt-extract -q --sync mine --dataset lost_dataset --schema-name lost t=t.jsonl |
    dlt-normalize -q | quiet dlt-load mine --dataset lost_dataset
  run sql 'select count(*), count(id), count(id__v_text) from lost_dataset.t'
  assert_output '3|1|2'
}

@test "replace: readers see the old rows until the new ones are in" {
  hooks
  printf '{"id":%d,"l":[1]}\n' 1 2 3 | package a --write-disposition replace
  printf '{"id":%d,"l":[2]}\n' 7 | package b --write-disposition replace
  local how
  for how in truncate-and-insert insert-from-staging staging-optimized; do
    quiet dlt-load "$URL" a --dataset "$how" -c "destination.replace_strategy=$how"
    run -137 env DLT_TEST_FAIL=load_commit:1 dlt-load "$URL" b --dataset "$how" -c "destination.replace_strategy=$how"
    run sql "select count(*), (select count(*) from ${how//-/_}.t__l) from ${how//-/_}.t"
    assert_output '3|3'
    quiet dlt-load "$URL" b --dataset "$how" -c "destination.replace_strategy=$how"
    run sql "select string_agg(id::text, ','), (select sum(value) from ${how//-/_}.t__l) from ${how//-/_}.t"
    assert_output '7|2'
  done
}

@test "equal to what Python dlt loads, and each goes on from the other" {
  need_dlt psycopg2
  local merges=1-5
  [ "${DLT_TEST_LEVEL:-}" != full ] || merges=1-100
  # shellcheck disable=SC2046
  GOLDEN=$GOLDEN PGDATABASE=$DB "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/postgres.py" live \
    $(golden_cases 3) "merge:$merges" >&2
}
