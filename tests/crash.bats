#!/usr/bin/env bats
# kill -9 at random moments of a fixed seed, then again: every row is there
# once (tests/crash.py). At the points where it matters most: the hooks in
# merge.bats, postgres.bats, duckdb.bats, dlt-load.bats.

load helper
load duckdb
load postgres

setup_file() {
  [ "${DLT_TEST_LEVEL:-base}" = base ] || postgres_start
}

teardown_file() {
  postgres_stop
}

# In memory where that can be had: who is killed leaves to the kernel what is
# written, on a disk or not.
setup() {
  need_level all
  if [ -w /dev/shm ]; then
    BATS_TEST_TMPDIR=$(mktemp -d /dev/shm/dlt-crash.XXXXXX)
  fi
  own_folder
}

teardown() {
  cd / && rm -rf "$BATS_TEST_TMPDIR"
}

# crash WHAT COUNT FULL_COUNT URL
crash() {
  local count=$2 status=0
  [ "${DLT_TEST_LEVEL:-}" != full ] || count=$3
  PGDATABASE=crash python3 "$SOURCE_DIR/tests/crash.py" "$1" "$count" "$4" >log || status=$?
  # the counts of the long runs are for whoever reads the log of the suite
  sed 's/^/# /' log >&3
  return "$status"
}

crash_postgres() {
  local url
  psql -qX -c 'DROP DATABASE IF EXISTS crash WITH (FORCE)'
  url=$(postgres_db crash)
  CRASH_SERVER=". $SOURCE_DIR/tests/postgres.bash; postgres_\$1" crash "$@" "$url"
}

@test "dlt-load is killed: SQLite" {
  crash load 10 200 sqlite:x.db
}

@test "dlt-load is killed: PostgreSQL" {
  crash_postgres load 8 200
}

@test "dlt-load is killed: DuckDB" {
  need_duckdb
  crash load 3 200 duckdb:x.duckdb
}

@test "a process of a pipe with --sync is killed: SQLite" {
  crash pipe 8 200 sqlite:x.db
}

@test "a process of a pipe with --sync is killed: PostgreSQL" {
  crash_postgres pipe 5 200
}

@test "a process of a pipe with --sync is killed: DuckDB" {
  need_duckdb
  crash pipe 3 100 duckdb:x.duckdb
}

@test "the PostgreSQL server is killed" {
  crash_postgres server 3 20
}
