#!/usr/bin/env bats
# The benchmark: that it runs and reports, not what it measures.
load helper

# The cells of the table's rows must be as many as its head has.
check_table() {
  awk -F'[^\\\\][|]' '/^[|]/ { if (!n) n = NF; else if (NF != n) exit 1; rows++ }
    END { exit rows < 4 }' "$1"
}

@test "bench: a table, its data and a plot, of runs whose results agree" {
  need_level all
  run -0 "$SOURCE_DIR/tests/bench/run" --build "$BUILD_DIR" --out "$PWD/out" \
    --scale 0.001 --runs 2 extract load-sqlite
  check_table out/results.md
  [ "$(jq -r '.results | map(.case) | unique | join(" ")' out/results.json)" = \
    "extract load-sqlite" ]
  run -0 jq -e '.results | all(.runs == 2 and .ratio.min > 0 and
    .ratio.min <= .ratio.median and .ratio.median <= .ratio.max and
    .wall_s.ours > 0 and .out_bytes.ours > 0 and .agree != null)' \
    out/results.json
  python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' \
    out/results.svg
  [ ! -e out/tmp ]
}

@test "bench: what cannot run is named with the reason" {
  need_level all
  run -0 --separate-stderr "$SOURCE_DIR/tests/bench/run" --build "$BUILD_DIR" \
    --out "$PWD/out" --scale 0.001 --runs 1 python-dlt
  [[ $stderr == *"skipped: python-dlt: no --venv with Python dlt"* ]]
  grep -q '^Skipped: python-dlt: no --venv' out/results.md
}

@test "bench: an unknown case or option is a usage error" {
  run -2 "$SOURCE_DIR/tests/bench/run" --nonsense
  run -2 python3 -B "$SOURCE_DIR/tests/bench/bench.py" nonsense
  [[ $output == *"no such case: nonsense"* ]]
  run -0 "$SOURCE_DIR/tests/bench/run" --list
  [[ $output == *"load-duckdb "* ]]
}
