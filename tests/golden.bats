#!/usr/bin/env bats
# Packages extracted by Python dlt, normalized by us, against those that Python
# dlt normalized.

load helper

setup_file() {
  export SOURCE_DATE_EPOCH=1700000000
}

# All golden steps that Python normalized: "CASE/stepN", one a line.
steps() {
  (cd "$GOLDEN" && ls -d */step*/normalized) | sed 's|/normalized||'
}

each_step() {
  local step failed=0
  for step in $(steps); do
    "$@" "$step" || {
      echo "$step: $*"
      failed=1
    }
  done
  return $failed
}

normalized_equal() {
  local jobs=$1 step=$2 out=out-$1/$2
  mkdir -p "$(dirname "$out")"
  dlt-normalize -q -j "$jobs" -o "$out" "$(only "$GOLDEN/$step/extracted")" &&
    compare package "$GOLDEN/$step/normalized" "$out"
}

@test "every golden step is normalized as by Python dlt, -j 1" {
  each_step normalized_equal 1
}

@test "every golden step is normalized as by Python dlt, -j 4" {
  each_step normalized_equal 4
}

same_bytes() {
  local step=$1 src
  src=$(only "$GOLDEN/$step/extracted")
  mkdir -p "one/$step" "four/$step" "slow/$step"
  dlt-normalize -q --deterministic -j 1 -o "one/$step/p" "$src" &&
    dlt-normalize -q --deterministic -j 4 -o "four/$step/p" "$src" &&
    DLT_TEST_LANE=slow dlt-normalize -q --deterministic -o "slow/$step/p" "$src" &&
    diff -r "one/$step/p" "four/$step/p"
    diff -r "one/$step/p" "slow/$step/p"
}

@test "deterministic: the same bytes for any -j and by either lane" {
  each_step same_bytes
}

@test "what Python dlt refuses by a contract is refused" {
  fails 3 dlt-normalize -o out \
    "$(only "$GOLDEN/contract_columns_freeze/step2/extracted")"
  assert_output --partial "freezes columns"
  [ ! -e out ]
}
