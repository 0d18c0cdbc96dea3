#!/usr/bin/env bats
# Much data: memory under any rotation settings, the example of dlt's
# performance page, and files that end where those of Python dlt end.

load helper
load duckdb

LIMIT_KIB=97656 # 100 MB

# The number of rows is a multiple of 12: 34 MB, 110 MB or 1 GB of them.
setup_file() {
  export ROWS=60000 INPUT=$BATS_FILE_TMPDIR/events.jsonl
  case ${DLT_TEST_LEVEL:-base} in
    all) ROWS=180000 ;;
    full) ROWS=1800000 ;;
  esac
  make_events
}

teardown_file() {
  rm -f "$INPUT"
}

make_events() {
  python3 "$SOURCE_DIR/tests/events.py" "$ROWS" 1 >"$INPUT"
}

# A command under watch; its memory goes to the file rss.
watched() {
  python3 "$SOURCE_DIR/tests/maxrss.py" rss "$@"
}

# No process above the limit. Sanitizers need memory of their own.
is_lean() {
  [ "$(wc -l <rss)" -eq 3 ]
  cat rss
  grep -qE '__(asan|tsan|msan)_init' "$(command -v dlt-normalize)" ||
    awk -v max=$LIMIT_KIB '$1 > max { print "too much:", $0; bad = 1 }
      END { exit bad }' rss
}

has_all_rows() {
  local got commits=$((ROWS * 6 / 4))
  got=$(sqlite3 "$1" "select
    (select count(*) from events) || ' ' ||
    (select count(*) from events__payload__commits) || ' ' ||
    (select count(*) from events__payload__commits__parents) || ' ' ||
    (select count(*) from events__labels) || ' ' ||
    (select sum(id) from events)")
  [ "$got" = "$ROWS $commits $commits $ROWS $((ROWS * (ROWS - 1) / 2))" ] || {
    echo "rows: $got"
    false
  }
}

# Both wirings with these settings for extract and normalize.
piped() {
  set -o pipefail
  watched dlt-extract "$@" "events=$INPUT" |
    watched dlt-normalize "$@" | watched dlt-load sqlite:big.db
}

worked() {
  watched dlt-extract -p big "$@" "events=$INPUT" &&
    watched dlt-normalize -p big "$@" && watched dlt-load -p big sqlite:big.db
}

stays_lean() {
  quiet "$@"
  is_lean
  has_all_rows big.db
  rm -rf big.db data rss
}

@test "the input is as big as it should be" {
  size=$(stat -c %s "$INPUT")
  case ${DLT_TEST_LEVEL:-base} in
    base) [ "$size" -gt 30000000 ] ;;
    all) [ "$size" -gt 110000000 ] ;;
    full) [ "$size" -gt 1000000000 ] ;;
  esac
}

@test "memory: nothing set" {
  stays_lean piped
  stays_lean worked
}

@test "memory: files of 1,000 rows" {
  stays_lean piped --file-max-items 1000
  stays_lean worked --file-max-items 1000
}

@test "memory: files of 1,000,000 bytes" {
  stays_lean piped --file-max-bytes 1000000
  stays_lean worked --file-max-bytes 1000000
}

@test "memory: a buffer of one row" {
  stays_lean piped --buffer-max-items 1
  stays_lean worked --buffer-max-items 1
}

@test "memory: eight workers" {
  stays_lean piped -j 8
  stays_lean piped -j 8 --compression none
  stays_lean worked -j 8
}

@test "memory: no compression, rows by line and as one long array" {
  stays_lean piped --compression none
  { printf '['; paste -sd, "$INPUT" | tr -d '\n'; printf ']'; } >array.json
  INPUT=array.json stays_lean piped --compression none
  INPUT=array.json stays_lean worked --compression none
}

# ---- very many job files ----

# tiny FILES FLAG...: so many job files of one row.
tiny() {
  local files=$1
  shift
  seq 1 "$files" | sed 's/.*/{"id":&}/' >tiny.jsonl
  set -o pipefail
  watched dlt-extract -q "$@" tiny.jsonl | watched dlt-normalize -q "$@" |
    watched dlt-load -q sqlite:tiny.db
  run -0 sqlite3 tiny.db 'select count(*), sum(id) from tiny'
  [ "$output" = "$files|$((files * (files + 1) / 2))" ]
  is_lean
}

# Files on a disk take longer than what they hold.
tiny_directories() {
  local files=$1
  shift
  seq 1 "$files" | sed 's/.*/{"id":&}/' >tiny.jsonl
  watched dlt-extract -q -o e "$@" tiny.jsonl
  watched dlt-normalize -q -o n "$@" e
  watched dlt-package verify n
  [ "$(find n/new_jobs -type f | wc -l)" -gt "$files" ]
  is_lean
}

@test "memory: a file for each row" {
  # less than the rest of the tools takes, so that 200 bytes a file would show
  LIMIT_KIB=40000
  tiny 20000 -j 2 --file-max-items 1 --buffer-max-items 1
}

@test "memory: 60,000 job files" {
  need_level all
  LIMIT_KIB=50000
  tiny 60000 --file-max-items 1 --buffer-max-items 1
  rm rss
  tiny_directories 10000 --file-max-items 1 --buffer-max-items 1
}

@test "memory: 1,000,000 job files" {
  need_level full
  tiny 1000000 --file-max-items 1 --buffer-max-items 1
  rm rss
  tiny_directories 300000 --file-max-items 1 --buffer-max-items 1
}

# ---- the example of dlt's performance page ----

perf_config() {
  mkdir .dlt
  cat >.dlt/config.toml <<TOML
[sources.performance-snippets.data_writer]
file_max_items=$1

[normalize]
workers=3

[normalize.data_writer]
file_max_items=$1

[load]
workers=11
TOML
}

# rows ROWS PAGE: lines that are arrays of PAGE rows
perf_rows() {
  python3 - "$@" <<'PY'
import sys
rows, page = map(int, sys.argv[1:])
form = ('{"row":%d,"description":"this is row with id %d",'
        '"timestamp":"2026-01-02T03:04:05.678901+00:00"}')
line = "[" + ",".join([form] * page) + "]\n"
for start in range(0, rows, page):
    sys.stdout.write(line % tuple(n for i in range(start, start + page) for n in (i, i)))
PY
}

# The numbers of job files of the table and of the state in DIR/*/FOLDER.
jobs_in() {
  echo "$(find "$1" -path "*/$2/perf_table.*" | wc -l)" \
    "+ $(find "$1" -path "*/$2/_dlt_pipeline_state.*" | wc -l)" \
    "of $(find "$1" -path "*/$2/*" -type f | wc -l)"
}

# performance_page ROWS URL COMMAND...: the command runs SQL of what is last.
performance_page() {
  local rows=$1 url=$2 work=data/pipelines/perf
  shift 2
  perf_config $((rows / 10))
  perf_rows "$rows" 1000 >rows.jsonl
  quiet dlt-extract -p perf --section performance-snippets \
    perf_table=rows.jsonl
  run -0 jobs_in $work/normalize/extracted new_jobs
  [ "$output" = '10 + 1 of 11' ]
  quiet dlt-normalize -p perf --for "${url%%:*}"
  run -0 jobs_in $work/load/normalized new_jobs
  [ "$output" = '10 + 1 of 11' ]
  quiet dlt-load -p perf --dataset main "$url"
  run -0 jobs_in $work/load/loaded completed_jobs
  [ "$output" = '10 + 1 of 11' ]
  [ "$(find $work/load/normalized -mindepth 1)" = '' ]
  run -0 "$@" 'SELECT count(*), count(distinct "row"), min("row"),
    max("row"), count(distinct timestamp) FROM perf_table'
  [ "$output" = "$rows|$rows|0|$((rows - 1))|1" ]
  run -0 "$@" 'SELECT count(*) FROM _dlt_loads WHERE status = 0'
  [ "$output" = 1 ]
}

@test "the performance page, 10,000 rows: 10 + 1 jobs" {
  performance_page 10000 sqlite:perf.db sqlite3 perf.db
}

@test "the performance page, 1,000,000 rows: 10 + 1 jobs" {
  need_level all
  performance_page 1000000 sqlite:perf.db sqlite3 perf.db
}

@test "the performance page, 1,000,000 rows into DuckDB: 10 + 1 jobs" {
  need_level all
  need_duckdb
  performance_page 1000000 duckdb:perf.duckdb duckq perf.duckdb
}

@test "its settings are found, and only for that section" {
  perf_config 1000
  perf_rows 10000 1000 >rows.jsonl
  dlt-extract -p perf --section other perf_table=rows.jsonl
  run -0 jobs_in data/pipelines/perf/normalize/extracted new_jobs
  [ "$output" = '1 + 1 of 2' ]
  run -0 dlt-normalize -p perf --show-config
  assert_output --regexp 'normalize\.workers +3 '
}

# ---- rotation ----

@test "files end where those of Python dlt end" {
  local runs=pipeline
  [ "${DLT_TEST_LEVEL:-base}" != base ] || runs=some
  python3 "$SOURCE_DIR/tests/rotation.py" $runs
}

@test "files end where those of Python dlt end: many rows" {
  need_level full
  python3 "$SOURCE_DIR/tests/rotation.py" writer
}
