#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031
# Disks that are full, or break, at any point of any stage (tests/full.c, limits
# of file sizes, a small file system): what is said, that nothing is lost or half
# there, and that the next run, with room, brings all of it once.

load helper

FULL=$BUILD_DIR/tests/libfull.so

setup() {
  own_folder
  small=''
  printf '{"id":1,"tags":["a","b"]}\n{"id":2,"tags":["c"]}\n{"id":3}\n' >rows.jsonl
}

teardown() {
  [ -z "$small" ] || umount -l "$small"
}

need_preload() {
  if grep -qE '__(a|t)san_init' "$(command -v dlt-load)"; then
    skip 'a preloaded library does not go with a sanitizer'
  fi
}

# A file system of its own: small_disk DIR SIZE.
small_disk() {
  mkdir -p "$1"
  mount -t tmpfs -o "size=$2" tmpfs "$1" 2>/dev/null ||
    skip 'cannot mount a file system that is small enough'
  small=$1
}

# many N: rows, about 40 bytes each.
many() {
  seq "$1" | sed 's/.*/{"id":&,"t":"some text & that is not short"}/'
}

# stage NAME [COMMAND...]: one stage of one of the wirings, on disk/; the cursor
# sees to it that a second extract has nothing to do.
stage() {
  local stage=$1
  shift
  case $stage in
    extract)
      "$@" dlt-extract -q -p disk/x/ --incremental id --file-max-items 2 events=rows.jsonl
      ;;
    normalize) "$@" dlt-normalize -q -p disk/x/ --file-max-items 2 ;;
    extract-one) "$@" dlt-extract -q -p disk/x/ events=rows.jsonl ;;
    normalize-one) "$@" dlt-normalize -q -p disk/x/ ;;
    load) "$@" dlt-load -q -p disk/x/ sqlite:disk/x.db ;;
    load-files) "$@" dlt-load -q -p disk/x/ file:disk/bucket ;;
    extract-dir) "$@" dlt-extract -q -o disk/e events=rows.jsonl ;;
    normalize-dir) "$@" dlt-normalize -q -o disk/n disk/e ;;
    load-dir) "$@" dlt-load -q sqlite:disk/x.db disk/n ;;
    extract-pipe) "$@" dlt-extract -q events=rows.jsonl >disk/e.tar ;;
    normalize-pipe) "$@" dlt-normalize -q <disk/e.tar >disk/n.tar ;;
    load-pipe) "$@" dlt-load -q sqlite:disk/x.db <disk/n.tar ;;
  esac
}

# What an undisturbed run makes of rows.jsonl.
reference() {
  dlt-extract -q events=rows.jsonl | dlt-normalize -q | dlt-load -q sqlite:want.db
  sqlite_dump want.db >want
}

# The tables of disk/x.db are right, and the package was loaded once.
loaded_once() {
  sqlite_dump disk/x.db >got
  diff want got
  [ "$(sqlite3 disk/x.db 'SELECT count(*) FROM _dlt_loads')" -eq 1 ]
}

# No folder or file of a dead or failed run.
is_tidy() {
  run find disk -regextype posix-extended '(' -name .half -o -name .moving \
    -o -regex '.*/\.?[0-9a-f]{16}' -o -regex '.*\.[0-9a-f]{16}' ')'
  assert_output ''
}

# What is said when a run failed: what could not be made, and why.
says_why() {
  [ "$(wc -l <err)" -eq 1 ]
  grep -qE "error: .*(disk|package stream).*($CAUSE|disk is full|disk I/O error)" err
}

# points STAGE: how many calls of it could fail.
points() {
  local n
  rm -f count
  FULL_COUNT=$PWD/count stage "$1" env LD_PRELOAD="$FULL" >&2
  n=$(stat -c %s count)
  rm -f count
  echo "$n"
}

# fail_at N STAGE: it fails there, says so, and goes well when there is room.
fail_at() {
  local n=$1 status=0
  FULL_AT=$n stage "$2" env LD_PRELOAD="$FULL" 2>err || status=$?
  echo "$2, call $n: status $status $(cat err)"
  [ $status -eq 0 ] || [ $status -eq 1 ]
  [ $status -eq 0 ] || says_why
}

# every_point EACH STAGE CHECK STAGE...: before each run, disk/ is as it is now;
# after each, the stages and the check have to go well. Below the level full,
# each EACHth point.
every_point() {
  local each=$1 stage=$2 check=$3 n count
  shift 3
  [ "${DLT_TEST_LEVEL:-base}" != full ] || each=1
  CAUSE=${CAUSE:-No space left on device}
  cp -a disk saved
  count=$(points "$stage")
  [ "$count" -gt 2 ]
  for ((n = 1; n <= count; n += each)); do
    rm -rf disk
    cp -a saved disk
    fail_at $n "$stage"
    not_half "$stage"
    for s in "$@"; do
      stage "$s"
    done
    "$check"
    is_tidy
  done
  rm -rf disk
  cp -a saved disk
  stage "$stage"
  rm -rf saved
}

# What a failed stage has left is nothing, or whole.
not_half() {
  case $1 in
    extract-dir) [ ! -e disk/e ] || dlt-package verify -q disk/e ;;
    normalize-dir) [ ! -e disk/n ] || dlt-package verify -q disk/n ;;
  esac
}

@test "full at any point: extract in a pipeline" {
  need_level all
  need_preload
  reference
  mkdir disk
  every_point 19 extract loaded_once extract normalize load
}

@test "full at any point: normalize in a pipeline" {
  need_level all
  need_preload
  reference
  mkdir disk
  stage extract
  every_point 13 normalize loaded_once normalize load
}

@test "full at any point: load in a pipeline" {
  need_level all
  need_preload
  reference
  mkdir disk
  stage extract
  stage normalize
  every_point 23 load loaded_once load
}

# The package is in disk/bucket, whole.
files_loaded_once() {
  run bash -c "cat disk/bucket/*/events/*.jsonl* | zstd -dcf | wc -l"
  assert_output 3
}

@test "full at any point: load in a pipeline, into files" {
  need_level all
  need_preload
  mkdir disk
  stage extract
  stage normalize
  every_point 17 load-files files_loaded_once load-files
}

@test "full at any point: package directories" {
  need_level all
  need_preload
  reference
  mkdir disk
  every_point 25 extract-dir loaded_once extract-dir normalize-dir load-dir
  every_point 25 normalize-dir loaded_once normalize-dir load-dir
  every_point 40 load-dir loaded_once load-dir
}

@test "full at any point: pipes that are files" {
  need_level all
  need_preload
  reference
  mkdir disk
  every_point 4 extract-pipe loaded_once extract-pipe normalize-pipe load-pipe
  every_point 6 normalize-pipe loaded_once normalize-pipe load-pipe
  every_point 40 load-pipe loaded_once load-pipe
}

# limited KIB COMMAND...: no file of it can be larger.
limited() {
  local limit=$1
  shift
  (
    ulimit -f "$limit"
    exec "$@"
  )
}

# has_all N: the rows of many() are there, once.
has_all() {
  run sqlite3 disk/x.db 'select count(*), sum(id) from events'
  assert_output "$1|$(($1 * ($1 + 1) / 2))"
}

@test "a limit of file sizes: each stage says so, and the next run goes on" {
  many 10000 >rows.jsonl
  mkdir disk
  fails 1 stage extract-one limited 4
  assert_output --regexp 'disk/x/.*events.*: File too large'
  stage extract-one
  fails 1 stage normalize-one limited 16
  assert_output --regexp 'disk/x/.*events.*: File too large'
  stage normalize-one
  fails 1 stage load limited 64
  assert_output --regexp 'disk/x.db.*full|disk/x.db.*I/O error'
  stage load
  has_all 10000
  is_tidy
}

@test "a disk that is too small for a stage, then large enough" {
  need_level all
  many 60000 >rows.jsonl
  small_disk disk 100k
  fails 1 stage extract-one
  assert_output --partial 'No space left on device'
  mount -o remount,size=600k disk
  stage extract-one
  fails 1 stage normalize-one
  assert_output --partial 'No space left on device'
  mount -o remount,size=2500k disk
  stage normalize-one
  fails 1 stage load
  assert_output --partial 'disk is full'
  mount -o remount,size=100m disk
  stage load
  has_all 60000
  is_tidy
}

@test "a package larger than the disk has room for: a warning before it is normalized" {
  need_level all
  many 60000 >rows.jsonl
  dlt-extract -q -o e events=rows.jsonl
  small_disk disk 28k
  fails 1 dlt-normalize -o disk/n e
  assert_output --regexp 'dlt-normalize: warning: disk/n: 0.[01] MB are free; the package to normalize has 0.1 MB'
  assert_output --partial 'No space left on device'
  run ls -A disk
  assert_output ''
}

@test "a copy that has no room is not begun" {
  need_level all
  need_preload
  local bytes
  many 60000 >rows.jsonl
  dlt-extract -q -o e events=rows.jsonl
  bytes=$(($(find e -type f -printf '%s\n' | paste -sd+)))
  small_disk disk $((bytes * 8 / 5))
  fails 1 env LD_PRELOAD="$BUILD_DIR/tests/libshim.so" SHIM_RENAME=EXDEV \
    dlt-extract -q -o disk/e events=rows.jsonl
  assert_output --regexp 'disk/e: No space left on device: [0-9.]+ MB are needed, [0-9.]+ MB are free'
  run ls -A disk
  assert_output ''
  mount -o remount,size=10m disk
  quiet env LD_PRELOAD="$BUILD_DIR/tests/libshim.so" SHIM_RENAME=EXDEV \
    dlt-extract -q -o disk/e events=rows.jsonl
  dlt-package verify -q disk/e
}

@test "one call that fails, at any point of a pipeline" {
  need_level full
  need_preload
  reference
  mkdir disk
  export FULL_ONCE=1 CAUSE='No space left on device|unable to open'
  every_point 1 extract loaded_once extract normalize load
  every_point 1 normalize loaded_once normalize load
  every_point 1 load loaded_once load
}

@test "a disk that breaks, at any point of package directories" {
  need_level full
  need_preload
  reference
  mkdir disk
  export FULL_ERROR=EIO CAUSE='Input/output error|unable to open'
  every_point 1 extract-dir loaded_once extract-dir normalize-dir load-dir
  every_point 1 normalize-dir loaded_once normalize-dir load-dir
}
