#!/usr/bin/env bats
# --max-memory: what a process takes stays below it, however much data there is,
# and too little is refused at the start.

load helper

LIMIT=64000000
LIMIT_KIB=$((LIMIT / 1024))

# A multiple of 12: 34 MB, or 1 GB of rows.
setup_file() {
  export ROWS=60000 INPUT=$BATS_FILE_TMPDIR/events.jsonl
  [ "${DLT_TEST_LEVEL:-base}" != full ] || ROWS=1800000
  [ "${DLT_TEST_LEVEL:-base}" = base ] ||
    python3 "$SOURCE_DIR/tests/events.py" "$ROWS" 1 >"$INPUT"
}

teardown_file() {
  rm -f "$INPUT"
}

# A command under watch; its memory goes to the file rss.
watched() {
  python3 "$SOURCE_DIR/tests/maxrss.py" rss "$@"
}

is_lean() {
  cat rss
  [ "$(wc -l <rss)" -eq 3 ]
  awk -v max=$LIMIT_KIB '$1 > max { print "too much:", $0; bad = 1 }
    END { exit bad }' rss
}

has_all_rows() {
  run sqlite3 big.db 'select count(*), sum(id) from events'
  assert_output "$ROWS|$((ROWS * (ROWS - 1) / 2))"
}

unsanitized() {
  need_level all
  if grep -qE '__(a|t|m)san_init' "$(command -v dlt-normalize)"; then
    skip 'sanitizers need memory of their own'
  fi
}

@test "less than the least is refused, and the least is named" {
  echo '{"id":1}' >rows.jsonl
  fails 2 dlt-extract --max-memory 16M -o e t=rows.jsonl
  assert_output 'dlt-extract: error: --max-memory: 16M is too little, the least is 64M'
  dlt-extract -q --max-memory 64M -o e t=rows.jsonl
  fails 2 dlt-normalize --max-memory 16M -o n e
  assert_output --partial 'too little, the least is 64M'
  dlt-normalize -q --max-memory 64M -o n e
  fails 2 dlt-load --max-memory 16M sqlite:x.db n
  assert_output --partial 'too little, the least is 64M'
  fails 2 dlt-load --max-memory 16X sqlite:x.db n
  assert_output --partial 'is not a size'
  fails 2 dlt-load --max-memory 1G duckdb:x.duckdb n
  assert_output --partial 'not with DuckDB'
  [ ! -e x.db ]
  quiet dlt-load --max-memory 64M sqlite:x.db n
}

@test "pipes keep to it, with buffers of 100 rows and many threads" {
  unsanitized
  set -o pipefail
  watched dlt-extract -q --max-memory $LIMIT -j 30 --buffer-max-items 100 "events=$INPUT" |
    watched dlt-normalize -q --max-memory $LIMIT -j 30 --buffer-max-items 100 |
    watched dlt-load -q --max-memory $LIMIT sqlite:big.db
  is_lean
  has_all_rows
}

@test "a pipeline keeps to it" {
  unsanitized
  watched dlt-extract -q -p big --max-memory $LIMIT "events=$INPUT"
  watched dlt-normalize -q -p big --max-memory $LIMIT
  watched dlt-load -q -p big --max-memory $LIMIT sqlite:big.db
  is_lean
  has_all_rows
}
