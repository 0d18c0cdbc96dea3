#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The jobs of examples/cron: silent, and right when something is wrong.

load helper
load postgres
load rest

setup_file() {
  rest_start
  # a server that is not there makes its tests skip, not this
  if [ "${DLT_TEST_LEVEL:-base}" != base ] && postgres_bin >/dev/null; then
    postgres_start
  fi
}

teardown_file() {
  rest_stop
  [ -z "${PGHOST:-}" ] || postgres_stop
}

setup() {
  own_folder
  rest_reset
  mkdir -p export spool 'done' jobs/github
  cp -r "$SOURCE_DIR/examples/cron" jobs/
  api_at "$REST/github"
}

# api_at URL: where the third job asks.
api_at() {
  sed "s|https://api.github.com|$1|; s|2025-01-01|2024-01-01|" \
    "$SOURCE_DIR/examples/github/github.toml" >jobs/github/github.toml
}

# The command of the job N, as crontab(5) has it.
job() {
  sed -nE 's/^([-0-9*\/,]+ ){5}//p' jobs/cron/crontab | sed 's/\\%/%/g' |
    sed -n "$1p"
}

# cron N: runs it as cron does; what it says is the mail.
cron() {
  env -i HOME="$PWD" LOGNAME=user SHELL=/bin/sh PATH="$PATH" \
    DLT_DATA_DIR="$PWD/data" RUNTIME__REQUEST_MAX_ATTEMPTS=1 \
    ${PGHOST:+"PGHOST=$PGHOST"} ${PGUSER:+"PGUSER=$PGUSER"} \
    /bin/sh -c "$(job "$1")" </dev/null 2>&1 3>&- 7>&-
}

# silent N: it succeeds, and says not one byte.
silent() {
  local status=0
  cron "$1" >mail || status=$?
  cat mail
  [ "$status" -eq 0 ] && [ ! -s mail ]
}

# one_line N STATUS: it fails so, and says one line.
one_line() {
  run cron "$1"
  [ "$status" -eq "$2" ] && [ "${#lines[@]}" -eq 1 ] || {
    echo "status $status: $output"
    return 1
  }
}

value() {
  sqlite3 "$1" "SELECT $2"
}

@test "not one byte on success" {
  [ "$(job '1,$' | wc -l)" -eq 3 ]
  printf '{"id": %d, "lines": [{"sku": "x"}]}\n' 1 2 >export/orders.jsonl
  echo '{"hit": 1}' >spool/a.jsonl
  echo '{"hit": "two"}' >spool/b.jsonl
  for job in 1 2 3; do
    silent $job
  done
  [ "$(value shop.db 'count(*) FROM orders__lines')" -eq 2 ]
  [ "$(value logs.db 'count(*) FROM hits')" -eq 2 ]
  [ "$(value github.db 'count(*) FROM issues')" -eq 12 ]
  [ "$(ls spool done | tr '\n' ' ')" = 'done: a.jsonl b.jsonl  spool: ' ]
  # nothing new in spool/ and at the API, other orders
  echo '{"id": 3}' >export/orders.jsonl
  for job in 1 2 3; do
    silent $job
  done
  [ "$(value shop.db 'group_concat(id) FROM orders')" = 3 ]
  [ "$(value shop.db 'count(*) FROM orders__lines')" -eq 0 ]
  [ "$(value logs.db 'count(*) FROM hits')" -eq 2 ]
  [ "$(value github.db 'count(*) FROM issues')" -eq 12 ]
}

@test "bad input: one line, and the next run goes on" {
  echo '{"id": ' >export/orders.jsonl
  one_line 1 1
  assert_output --partial 'export/orders.jsonl:'
  echo '{"hit": 1}' >spool/a.jsonl
  echo 'oops' >spool/b.jsonl
  echo '{"hit": 3}' >spool/c.jsonl
  one_line 2 1
  assert_output --partial 'spool/b.jsonl:1:'
  echo '{"hit": 2}' >spool/b.jsonl
  silent 2
  [ "$(value logs.db "group_concat(hit, '') FROM hits")" = 123 ]
}

@test "runs of one job at the same time wait for each other" {
  local i pids=()
  printf '{"id": %d}\n' {1..50} >export/orders.jsonl
  for i in 1 2 3; do
    cron 1 >"mail$i" &
    pids+=($!)
  done
  for i in 1 2 3; do
    wait "${pids[i - 1]}" || { cat "mail$i"; false; }
    cat "mail$i"
    [ ! -s "mail$i" ]
  done
  [ "$(value shop.db 'count(*) FROM orders')" -eq 50 ]
  dlt-package failed -p shop
}

@test "a run that begins while the spool is read leaves it to that one" {
  mkfifo spool/a.jsonl
  silent 2 &
  first=$!
  exec 7>spool/a.jsonl
  silent 2
  echo '{"hit": 1}' >&7
  exec 7>&-
  wait $first
  [ "$(value logs.db 'count(*) FROM hits')" -eq 1 ]
}

@test "a run that begins while an API is asked leaves it to that one" {
  rest_hold github 2
  silent 3 &
  first=$!
  until [ "$(rest_log '.in_flight')" -gt 0 ]; do
    kill -0 $first
  done
  silent 3
  [ "$(rest_log '.requests | length')" -le 1 ]
  rest_reset
  wait $first
  [ "$(value github.db 'count(*) FROM issues')" -eq 12 ]
}

@test "the API is down: one line; the next run takes what is new" {
  api_at http://127.0.0.1:1
  one_line 3 75
  assert_output --partial '127.0.0.1'
  api_at "$REST/github"
  silent 3
  [ "$(value github.db 'count(*) FROM issues')" -eq 12 ]
  api_at http://127.0.0.1:1
  one_line 3 75
  api_at "$REST/github"
  silent 3
  [ "$(value github.db 'count(*) FROM issues')" -eq 12 ]
}

@test "the database is down: rows wait, also for an API that is down" {
  need_level all
  [ -n "${PGHOST:-}" ] || skip 'needs a PostgreSQL server (Debian: postgresql)'
  url=$(postgres_db cron)
  sed -i "s|sqlite:github.db|'${url//&/\\&}'|" jobs/cron/crontab
  query() {
    psql -qXAt -c "SELECT $1" "$url"
  }
  # nowhere to begin from: nothing is asked
  postgres_kill
  one_line 3 75
  assert_output --partial 'cannot connect'
  [ "$(rest_log '.requests | length')" -eq 0 ]
  postgres_boot
  api_at "$REST/github"
  sed -i 's|state = "all"|state = "open"|' jobs/github/github.toml
  silent 3
  [ "$(query 'count(*) FROM github_dataset.issues')" -eq 6 ]
  # the rest of the issues is extracted while the database is down
  postgres_kill
  rest_reset
  dlt-package state -p github --set issues.updated_at=2024-01-01T00:00:00Z -q
  api_at "$REST/github"
  one_line 3 75
  assert_output --partial 'cannot connect'
  # and is loaded while the API is
  postgres_boot
  api_at http://127.0.0.1:1
  one_line 3 75
  assert_output --partial '127.0.0.1'
  [ "$(query 'count(*) FROM github_dataset.issues')" -eq 12 ]
  [ "$(query 'count(DISTINCT number) FROM github_dataset.issues')" -eq 12 ]
}

@test "a wiped disk: the next run begins where the database is" {
  silent 3
  value github.db '* FROM issues ORDER BY id' >before
  rm -r data
  rest_reset
  silent 3
  [[ $(rest_log | head -n 1) == *'since=2024-01-12'* ]]
  value github.db '* FROM issues ORDER BY id' | cut -d '|' -f 1-5 >after
  cut -d '|' -f 1-5 before | diff - after
  [ "$(value github.db 'count(DISTINCT version) FROM _dlt_pipeline_state')" -gt 0 ]
}
