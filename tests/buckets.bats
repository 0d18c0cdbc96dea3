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
  mkdir "$BATS_TEST_TMPDIR/work"
  BATS_TEST_TMPDIR+=/work own_folder
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

# The package that was there is to be replaced: one of both is there in the end,
# whole, and a run that follows brings the new one.
killed_folder() {
  local stage=$1 folder=$2 each=$3 n=0 status
  stage extract-dir
  stage normalize-dir
  printf '{"id":4}\n' >>rows.jsonl
  [ "$stage" = extract-dir ] || stage extract-dir
  cp -a . ../before
  while :; do
    n=$((n + each))
    status=0
    stage "$stage" SHIM_KILL=$n 2>/dev/null || status=$?
    [ "$status" -ne 0 ] || break
    [ "$status" -eq 137 ]
    # a half is refused; the old one and the new one are whole
    if [ -e "$folder/.half" ]; then
      fails 75 dlt-package verify "$folder"
      fails 75 dlt-load -q sqlite:z.db "$folder"
    else
      dlt-package verify "$folder"
    fi
    stage "$stage"
    dlt-package verify "$folder"
    [ "$(dlt-package cat events "$folder" | wc -l)" -eq 4 ]
    is_tidy .
    rm -rf ./* .[!.]*
    cp -a ../before/. .
  done
  [ "$n" -gt 20 ]
}

@test "killed in the middle of a copy over a package: extract" {
  need_level all
  killed_folder extract-dir e "$(each 17)"
}

@test "killed in the middle of a copy over a package: normalize" {
  need_level all
  killed_folder normalize-dir n "$(each 23)"
}

@test "killed in the middle of a copy: convert" {
  need_level all
  local n=0 status
  reference
  stage extract
  stage normalize
  cp -a . ../before
  while :; do
    n=$((n + $(each 23)))
    status=0
    bucket SHIM_KILL=$n dlt-package convert --compression gzip -p x 2>/dev/null || status=$?
    [ "$status" -ne 0 ] || break
    [ "$status" -eq 137 ]
    stage load
    loaded_once
    rm -rf data x.db
    cp -a ../before/. .
  done
  [ "$n" -gt 20 ]
}

@test "killed in the middle of a copy: retry of what has failed" {
  need_level all
  local n=0 status bad
  cp rows.jsonl good.jsonl
  printf '{"id":4}\n' >>rows.jsonl
  reference
  mv good.jsonl rows.jsonl
  stage extract
  stage normalize
  bad=$(only data/pipelines/x/load/normalized)
  rm "$bad/manifest.json"
  echo '{"id":' >"$bad/new_jobs/events.1000000002.0.jsonl"
  run -1 stage load
  cp -a . ../before
  while :; do
    n=$((n + $(each 23)))
    status=0
    bucket SHIM_KILL=$n dlt-package retry -p x 2>/dev/null || status=$?
    [ "$status" -ne 0 ] || break
    [ "$status" -eq 137 ]
    bucket dlt-package retry -p x || true
    find data -name 'events.1000000002.*' \
      -exec sh -c 'echo "{\"id\":4,\"_dlt_id\":\"a\",\"_dlt_load_id\":\"b\"}" >"$0"' {} ';'
    stage load
    loaded_once
    rm -rf data x.db
    cp -a ../before/. .
  done
  [ "$n" -gt 20 ]
}

@test "where there are no locks of any kind, files stand for them" {
  bucket SHIM_NOLOCK=all dlt-extract -q -p x \
    rows="exec:echo '{\"id\":1}'; LD_PRELOAD=$SHIM SHIM_NOLOCK=all dlt-extract -p x rows=rows.jsonl 2>err; echo \$? >status"
  [ "$(cat status)" -eq 75 ]
  grep -q "in use by process .*; if it is gone, remove .*/.lock.extract.owner" err
  is_tidy data
  # one that was killed
  run -137 bucket SHIM_NOLOCK=all SHIM_KILL=9 dlt-normalize -q -p x
  [ -e data/pipelines/x/.lock.normalize.owner ]
  bucket SHIM_NOLOCK=all dlt-normalize -q -p x
  bucket SHIM_NOLOCK=all dlt-load -q -p x sqlite:x.db
  [ "$(sqlite3 x.db 'SELECT count(*) FROM rows')" -eq 1 ]
  is_tidy .
}

@test "more tables than fit: job files that cannot be added to" {
  for i in $(seq 300); do
    printf '{"id":%d,"a":[{"x":%d}],"b":[{"y":1}],"c":"%0900d"}\n' "$i" "$i" "$i"
  done >rows.jsonl
  bucket dlt-extract -q -o e events=rows.jsonl other=rows.jsonl --next-item-mode round_robin
  bucket DLT_TEST_MEMORY=1048576 dlt-normalize -q -o n e
  dlt-package verify n
  dlt-load -q sqlite:x.db n
  [ "$(sqlite3 x.db 'SELECT count(*) FROM events__a')" -eq 300 ]
}

@test "Python dlt goes on from a working directory on a bucket" {
  need_dlt
  reference
  stage extract
  run -137 stage normalize SHIM_KILL=20
  bucket dlt-normalize -q -p x --format typed-jsonl --compression gzip
  "$DLT_PYTHON" - <<'EOP'
import dlt
p = dlt.pipeline("x", destination=dlt.destinations.sqlalchemy("sqlite:///x.db"), dataset_name="main")
assert len(p.list_normalized_load_packages()) == 1
p.load()
assert not p.list_normalized_load_packages()
EOP
  sqlite_dump x.db | diff want -
}

on_far() {
  DLT_DATA_DIR=$FAR "$@"
}

teardown() {
  [ -z "${FAR:-}" ] || rm -r "$FAR"
}

@test "pipelines on another disk than packages and databases" {
  need_level all
  [ -w /dev/shm ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ] ||
    skip '/dev/shm is no other disk'
  reference
  FAR=$(mktemp -d /dev/shm/dlt-far.XXXXXX)
  on_far dlt-extract -q -p x events=rows.jsonl
  on_far dlt-normalize -q -p x
  on_far dlt-load -q -p x sqlite:x.db
  sqlite_dump x.db | diff want -
  dlt-normalize -q -o n "$(on_far dlt-extract -q -p y --print events=rows.jsonl)"
  dlt-load -q sqlite:y.db n
  sqlite_dump y.db | diff want -
  dlt-package verify "$(only "$FAR/pipelines/x/load/loaded")"
}

# Where they cannot write: a HOME and a current directory; TMPDIR is not set.
go_elsewhere() {
  mkdir home work data # DLT_DATA_DIR
  export HOME=$PWD/home
  unset TMPDIR
  mv rows.jsonl home
  chmod a-w home work
  cd work || return
}

@test "nothing is written outside DLT_DATA_DIR" {
  go_elsewhere
  for stage in "dlt-extract -p x events=../home/rows.jsonl" "dlt-normalize -p x" \
    "dlt-load -p x sqlite:$DLT_DATA_DIR/x.db"; do
    # shellcheck disable=SC2086
    SHIM_LOG=$DLT_DATA_DIR/../log LD_PRELOAD=$SHIM $stage
  done
  grep -q /data/pipelines/x/load/loaded/ ../log
  run grep -vE "^($DLT_DATA_DIR(/|$)|/dev/|/proc/)" ../log
  assert_output ''
}

# What is opened to be written, made, renamed or removed, and no failure.
changes() {
  grep -E '^[0-9]+ +(openat.*(O_WRONLY|O_RDWR|O_CREAT)|mk|rename|unlink|link|symlink|rmdir|trunc)' "$1" |
    grep -vE ' = -1 |"(/dev|/proc)/'
}

@test "nothing is written outside DLT_DATA_DIR: strace" {
  need_level all
  strace -f -qq -o trace true 2>/dev/null || skip 'no strace, or it may not trace'
  go_elsewhere
  cat >../wirings <<'EOS'
dlt-extract -p x events=../home/rows.jsonl &&
  dlt-normalize -p x && dlt-load -p x "sqlite:$DLT_DATA_DIR/x.db" &&
  dlt-extract events=../home/rows.jsonl |
  dlt-normalize -j 2 --rejects "$DLT_DATA_DIR/rejects" | dlt-load "sqlite:$DLT_DATA_DIR/y.db"
EOS
  strace -f -qq -y -o ../trace -e trace=%file,unlinkat sh ../wirings >/dev/null
  [ -e ../data/y.db ]
  [ "$(changes ../trace | grep -c load/loaded)" -gt 0 ]
  run grep -vF "$DLT_DATA_DIR" <(changes ../trace)
  assert_output ''
}
