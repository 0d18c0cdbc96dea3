# shellcheck shell=bash disable=SC2034,SC2154
# Common ground of the bats files: `load helper`.
#
# Each test runs in a directory of its own ($PWD), with its own data directory
# and no configuration but what it writes. PATH begins with the built tools.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load.bash
load /usr/lib/bats/bats-assert/load.bash

GOLDEN=${TEST_DATA:?set by meson}/packages
SOURCE_DIR=${SOURCE_DIR:?set by meson}

# For the setup of a file that needs more than this.
own_folder() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$PWD DLT_DATA_DIR=$PWD/data TMPDIR=$PWD LC_ALL=C.UTF-8
  unset DLT_PROJECT_DIR DLT_CONFIG_FOLDER SOURCE_DATE_EPOCH
}

setup() {
  own_folder
}

# need_level all|full: skip the test below that level of tests/run.
need_level() {
  case ${DLT_TEST_LEVEL:-base}:$1 in
    full:* | all:all | base:base) ;;
    *) skip "runs with tests/run --$1" ;;
  esac
}

# quiet COMMAND...: succeeds with not one byte on stderr; else its status, or 1.
quiet() {
  local status=0
  "$@" 2>stderr || status=$?
  if [ $status -ne 0 ] || [ -s stderr ]; then
    echo "status $status: $*" >&2
    cat stderr >&2
    [ $status -ne 0 ] || status=1
  fi
  return $status
}

# fails STATUS COMMAND...: ends with that status; $output is its stderr.
fails() {
  local want=$1
  shift
  run --separate-stderr "$@"
  output=$stderr
  [ "$status" -eq "$want" ] || {
    echo "status $status, not $want: $*"
    echo "$output"
    return 1
  }
}

# not COMMAND...: it fails. (A line that begins with ! never fails a test, and of
# "A && B" only B does.)
not() {
  if "$@"; then
    return 1
  fi
}

# golden_cases N: golden:NAME of each Nth golden case, of all at the level full.
golden_cases() {
  local case each=$1 n=0
  [ "${DLT_TEST_LEVEL:-base}" != full ] || each=1
  for case in "$GOLDEN"/*/case.json; do
    ((n++ % each == 0)) || continue
    case=${case%/case.json}
    echo "golden:${case##*/}"
  done
}

# typed_rows DIR TABLE FILE: the rows of FILE are those of the extracted package,
# and its strings can be typed values, as where Python dlt has written them.
typed_rows() {
  rm "$1/new_jobs/$2".*
  printf '[%s]\n' "$(paste -sd, "$3")" \
    >"$1/new_jobs/$2.0000000001.0.typed-jsonl"
  dlt-package seal "$1" >/dev/null
}

compare() {
  "${PYTHON:-python3}" "$SOURCE_DIR/tests/compare.py" "$@"
}

# The one directory in DIR.
only() {
  set -- "$1"/*
  [ $# -eq 1 ] && echo "$1"
}

# Rows of tables of an SQLite file as text, in the order of their columns but
# without ids: sqlite_rows FILE.
sqlite_dump() {
  "${PYTHON:-python3}" "$SOURCE_DIR/tests/dump.py" "$@"
}

# For setup_file: DLT_PYTHON names an interpreter with Python dlt; where it
# cannot be installed, the tests that need it skip. One file at a time installs.
python_dlt() {
  [ "${DLT_TEST_LEVEL:-base}" != base ] && [ -z "${DLT_PYTHON:-}" ] || return 0
  export DLT_PYTHON=$BUILD_DIR/dlt-python/bin/python
  (
    flock 9
    "$DLT_PYTHON" -c 'import dlt, duckdb, psycopg2, pyarrow, sqlalchemy' 2>/dev/null && exit
    python3 -m venv "$BUILD_DIR/dlt-python" &&
      "$DLT_PYTHON" -m pip install -q 'dlt[duckdb,filesystem,sqlalchemy]==1.26.0' \
        psycopg2-binary pyarrow
  ) 9>"$BUILD_DIR/dlt-python.lock" >"$BATS_FILE_TMPDIR/log" 2>&1 || true
}

# need_dlt [MODULE]: for tests that run $DLT_PYTHON, with what setup_file's
# python_dlt brings; they run with --all.
need_dlt() {
  need_level all
  "$DLT_PYTHON" -c "import dlt${1:+, $1}; assert dlt.__version__ == '1.26.0'" 2>/dev/null ||
    skip "no Python dlt 1.26.0${1:+ with $1}: it cannot be installed, and DLT_PYTHON names none"
  export RUNTIME__DLTHUB_TELEMETRY=false RUNTIME__LOG_LEVEL=CRITICAL
}
