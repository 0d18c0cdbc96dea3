#!/usr/bin/env bats
# Working directories and packages on mounted buckets and network disks, where
# folders cannot be renamed, and locks and mappings are not to be had
# (tests/shim.c), or on another disk; and what is written where.

load helper

SHIM=$BUILD_DIR/tests/libshim.so

setup_file() {
  python_dlt
}

setup() {
  own_folder
  if grep -qE '__(a|t)san_init' "$(command -v dlt-load)"; then
    skip 'a preloaded library does not go with a sanitizer'
  fi
  printf '{"id":1,"tags":["a","b"]}\n{"id":2,"tags":["c"]}\n{"id":3}\n' >rows.jsonl
}

# bucket [NAME=VALUE...] COMMAND...
bucket() {
  env LD_PRELOAD="$SHIM" SHIM_RENAME="${RENAME:-EXDEV}" SHIM_NOLOCK=flock \
    SHIM_NOAPPEND=1 SHIM_NOMMAP=1 "$@"
}

# stage NAME [VARIABLE=VALUE...]: one stage of the pipeline x, on a bucket. The
# cursor sees to it that a second extract has nothing to do.
stage() {
  local stage=$1
  shift
  case $stage in
    extract) bucket "$@" dlt-extract -q -p x --incremental id events=rows.jsonl ;;
    normalize) bucket "$@" dlt-normalize -q -p x ;;
    load) bucket "$@" dlt-load -q -p x sqlite:x.db ;;
    extract-dir) bucket "$@" dlt-extract -q -o e events=rows.jsonl ;;
    normalize-dir) bucket "$@" dlt-normalize -q -o n e ;;
  esac
}

# What an undisturbed run makes of rows.jsonl.
reference() {
  dlt-extract events=rows.jsonl | dlt-normalize | dlt-load -q sqlite:want.db
  sqlite_dump want.db >want
}

# Nothing of a copy is left in DIR...
is_tidy() {
  run find "$@" '(' -name .half -o -name .moving -o -name '*.owner' \
    -o -name '.*.????????????????' ')'
  assert_output ''
}

# The tables of x.db are right, and the package was loaded once.
loaded_once() {
  sqlite_dump x.db >got
  diff want got
  [ "$(sqlite3 x.db 'SELECT count(*) FROM _dlt_loads')" -eq 1 ]
  is_tidy data
}

whole_pipeline() {
  RENAME=$1
  stage extract
  stage normalize
  stage load
  loaded_once
  run find data/pipelines/x/normalize/extracted data/pipelines/x/load/n* -mindepth 1
  assert_output ''
  dlt-package verify "$(only data/pipelines/x/load/loaded)"
  rm -r data x.db
}

# Packages, the second time over those that are there.
package_folders() {
  RENAME=$1
  for _ in 1 2; do
    stage extract-dir
    stage normalize-dir
  done
  dlt-package verify e
  dlt-package verify n
  dlt-load -q sqlite:y.db n
  sqlite_dump y.db | diff want -
  rm -r y.db e n
  is_tidy .
}

@test "where folders cannot be renamed: a pipeline" {
  reference
  whole_pipeline EXDEV
}

@test "where folders cannot be renamed: package folders" {
  reference
  package_folders EXDEV
}

@test "... whatever the error is" {
  need_level all
  reference
  local errors='EIO ENOTSUP'
  [ "$DLT_TEST_LEVEL" = all ] || errors+=' EPERM ENOSYS'
  for error in $errors; do
    whole_pipeline "$error"
    package_folders "$error"
  done
}

# killed STAGE EACH UNDONE-FOLDER...: killed before every EACHth change that
# follows the rename that was refused; then the stage again, and those after it.
killed() {
  local stage=$1 each=$2 n=0 status
  cp -a . ../before
  while :; do
    n=$((n + each))
    status=0
    stage "$stage" SHIM_KILL=$n 2>/dev/null || status=$?
    [ "$status" -ne 0 ] || break
    [ "$status" -eq 137 ]
    "after_$stage" "$n" || {
      echo "killed before change $n"
      return 1
    }
    rm -rf data x.db e n
    cp -a ../before/. .
  done
  [ "$n" -gt 20 ]
}

after_extract() {
  stage extract
  is_tidy data
  dlt-normalize -q -p x
  dlt-load -q -p x sqlite:x.db
  loaded_once
}

after_normalize() {
  # an extract may come first
  [ $(($1 % 2)) -eq 0 ] || stage extract
  stage normalize
  is_tidy data
  dlt-load -q -p x sqlite:x.db
  loaded_once
}

after_load() {
  stage load
  loaded_once
}

each() {
  if [ "${DLT_TEST_LEVEL:-base}" = full ]; then
    echo 1
  else
    echo "$1"
  fi
}

@test "killed in the middle of a copy: extract" {
  need_level all
  reference
  killed extract "$(each 17)"
}

@test "killed in the middle of a copy: normalize" {
  need_level all
  reference
  stage extract
  killed normalize "$(each 17)"
}

@test "killed in the middle of a copy: load" {
  need_level all
  reference
  stage extract
  stage normalize
  killed load "$(each 17)"
}
