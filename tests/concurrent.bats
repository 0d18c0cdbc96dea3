#!/usr/bin/env bats
# Several loads into one database at the same time, their very first run
# included. More of it in postgres.bats, and of merges in staging.bats.

load helper
load duckdb
load postgres

setup_file() {
  postgres_start
}

teardown_file() {
  postgres_stop
}

setup() {
  own_folder
}

# Four packages p1 to p4 of one schema with different columns; in the last one
# the column v is a variant: it was a number when the pipeline began.
four() {
  local i v
  for i in 1 2 3 4; do
    v=1
    [ $i != 4 ] || v='"x"'
    seq 1 100 | sed "s/.*/{\"id\":&,\"c$i\":$i,\"v\":$v,\"l\":[{\"x$i\":$i}]}/" |
      dlt-extract -q t=- --schema-name s --column v:bigint |
      dlt-normalize -q -o "p$i"
  done
}

# together URL OPTION...: the four at once; the statuses go to $statuses and
# messages to err1 to err4.
together() {
  local i pids=() url=$1
  shift
  statuses=()
  for i in 1 2 3 4; do
    dlt-load "$url" "p$i" "$@" 2>"err$i" &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i" && statuses+=(0) || statuses+=($?)
  done
}

ALL='SELECT (SELECT count(*) FROM t), (SELECT sum(c1) FROM t), (SELECT sum(c2) FROM t), (SELECT sum(c3) FROM t), (SELECT sum(c4) FROM t), (SELECT sum(v) FROM t), (SELECT count(v__v_text) FROM t), (SELECT sum(x1) + sum(x2) + sum(x3) + sum(x4) FROM t__l), (SELECT count(*) FROM _dlt_loads), (SELECT count(DISTINCT version_hash) FROM _dlt_version)'
ALL_THERE='400|100|200|300|400|300|100|1000|4|4'

query() {
  case $1 in
    sqlite:*) sqlite3 "${1#*:}" "$2" ;;
    duckdb:*) duckq "${1#*:}" "$2" ;;
  esac
}

@test "four pipelines, one file, the first run: each waits for the others" {
  local url
  need_duckdb
  four
  for url in sqlite:x.db duckdb:x.duckdb; do
    together $url --wait 120
    cat err?
    [ "${statuses[*]}" = '0 0 0 0' ]
    [ "$(cat err? | wc -c)" = 0 ]
    run -0 query $url "$ALL"
    assert_output "$ALL_THERE"
  done
}

@test "four pipelines, one file, nobody waits: 75 says that it is busy" {
  need_level all
  local i url
  need_duckdb
  four
  for url in sqlite:x.db duckdb:x.duckdb; do
    together $url --wait 0
    for i in 1 2 3 4; do
      case ${statuses[i - 1]} in
        0) [ ! -s err$i ] ;;
        75) grep -q '^dlt-load: error: ' err$i ;;
        *)
          cat err$i
          false
          ;;
      esac
      quiet dlt-load $url p$i --wait 120
    done
    run -0 query $url "$ALL"
    assert_output "$ALL_THERE"
  done
}

@test "two loads of 20 workers and 100 job files each, several tables, the first run" {
  need_level all
  local url i pids=()
  url=$(postgres_db c)
  for i in 1 2; do
    seq 1 25000 | sed "s/.*/{\"id\":&,\"t\":\"some text & of the row\",\"c$i\":&,\"l\":[&]}/" >t.jsonl
    dlt-extract -q --schema-name s a=t.jsonl b=t.jsonl -o "e$i"
    dlt-normalize -q -o "n$i" --compression none --file-max-items 1000 "e$i"
    [ "$(find "n$i/new_jobs" -type f | wc -l)" -ge 100 ]
  done
  for i in 1 2; do
    dlt-load -j 20 "$url" "n$i" --dataset d &
    pids+=($!)
  done
  for i in "${pids[@]}"; do
    wait "$i"
  done
  run pgsql c "select (select count(*) || ' ' || sum(id) || ' ' || sum(c1) || ' ' || sum(c2) from d.a),
    (select count(*) || ' ' || sum(id) || ' ' || sum(c1) || ' ' || sum(c2) from d.b),
    (select count(*) || ' ' || sum(value) from d.a__l), (select count(*) || ' ' || sum(value) from d.b__l),
    (select count(*) from d._dlt_loads), (select count(*) from pg_indexes where schemaname = 'd' and tablename !~ '^_dlt' and indexdef ~ 'UNIQUE.*_dlt_id')"
  assert_output '50000 625025000 312512500 312512500|50000 625025000 312512500 312512500|50000 625025000|50000 625025000|2|4'
}

# What all processes that run now were started with, as it is to be seen.
seen() {
  cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' '
}

until_true() {
  local i
  for ((i = 0; i < 400; i++)); do
    "$@" && return 0
    read -rt 0.05 <> <(:) || true
  done
  echo "never: $*"
  return 1
}

@test "a password shows in no list of processes, message, plan, report or file" {
  local url where word="geheim'@/: %" coded='geheim%27%40%2F%3A%20%25' pids=() i
  url=$(postgres_db secrets)
  psql -qX -c 'GRANT CREATE ON DATABASE secrets TO secret'
  where="/secrets?host=$PGHOST&connect_timeout=20"
  url="postgresql://secret:$coded@$where"
  mkfifo rows stream
  # all three tools at work in one pipe, and one of a pipeline
  dlt-extract -vv --sync "$url" --dataset d t=- <rows 2>err1 |
    dlt-normalize -vv 2>err2 | tee copy >stream &
  pids+=($!)
  dlt-load -vv "$url" --dataset d - <stream 2>err3 &
  pids+=($!)
  exec 8>rows
  masked() {
    seen >list
    grep -q 'dlt-load -vv' list && grep -q 'dlt-extract -vv --sync' list &&
      ! grep -q geheim list
  }
  until_true masked
  echo '{"id":1}' >&8
  exec 8>&-
  for i in "${pids[@]}"; do
    wait "$i"
  done
  mkdir .dlt
  printf '[destination.mine]\ncredentials = "%s"\n' "$url" >.dlt/secrets.toml
  echo '{"id":2}' >t.jsonl
  dlt-extract -vv -p p --sync mine t=t.jsonl 2>err4
  dlt-normalize -vv -p p --for postgres 2>err5
  run dlt-load --plan -vv -p p mine
  echo "$output" >plan
  grep -q 'CREATE TABLE' plan
  dlt-load --show-config -p p mine >config 2>&1
  dlt-load -vv --json -p p mine >report 2>err6
  # what fails, by the URL and by the name
  fails 1 dlt-load -vv "postgresql://secret:${coded}x@$where" data/pipelines/p/load/loaded/*
  echo "$output" >err7
  fails 1 dlt-load -vv "postgresql://secret:$coded@/nothere?host=$PGHOST" data/pipelines/p/load/loaded/*
  echo "$output" >err8
  fails 75 dlt-load -vv "postgresql://secret:$coded@nosuchhost.invalid/x" data/pipelines/p/load/loaded/*
  echo "$output" >err9
  run pgsql secrets 'select (select count(*) from d.t), (select count(*) from p_dataset.t)'
  assert_output '1|1'
  find data -name '*.zst' -exec zstd -dq --rm {} +
  find data -name '*.gz' -exec gunzip {} +
  rm -r .dlt list
  # in any spelling, nor in what is stored
  for i in geheim "${word#geheim}" "${coded#geheim}"; do
    run -1 grep -rF -- "$i" .
  done
  run bash -c "pg_dump secrets | grep geheim"
  assert_output ''
}
