#!/usr/bin/env bats
# Both lanes of dlt-normalize write the same bytes.

load helper

# A package of random rows: package DIR ROWS SEED
package() {
  mkdir -p "$1/new_jobs"
  python3 "$SOURCE_DIR/tests/random_rows.py" "$2" "$3" \
    >"$1/new_jobs/t.0000000001.0.typed-jsonl"
  cp "$(only "$GOLDEN/flat/step1/extracted")/schema.json" "$1/"
}

# Small blocks give many workers something to disagree about.
lanes_agree() {
  package "in-$2" "$1" "$2"
  dlt-normalize -q --deterministic -j 1 -o "fast-$2" "in-$2" &&
    DLT_TEST_LANE=slow dlt-normalize -q --deterministic -j 1 -o "slow-$2" "in-$2" &&
    DLT_TEST_BLOCK=3000 dlt-normalize -q --deterministic -j 3 -o "many-$2" "in-$2" &&
    diff -r "fast-$2" "slow-$2" && diff -r "fast-$2" "many-$2"
}

@test "random rows: both lanes, one worker and three" {
  export SOURCE_DATE_EPOCH=1700000000
  for seed in 1 2 3 4; do
    lanes_agree 2500 $seed
  done
}

@test "random rows: 100,000 of them" {
  need_level full
  export SOURCE_DATE_EPOCH=1700000000
  for seed in 11 12 13 14 15; do
    lanes_agree 20000 $seed
  done
}
