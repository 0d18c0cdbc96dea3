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

@test "bench: results go into a file between its marks, and are added to" {
  local bench="$SOURCE_DIR/tests/bench/bench.py"
  need_level all
  mkdir out
  cat >out/results.json <<'J'
{"date": "2026-01-02", "machine": "m", "load": "0", "runs": 1, "scale": 1,
 "floor_mib": 1, "results": [], "skipped": [{"what": "singer", "why": "x"}],
 "tables": [{"case": "memory", "title": "T", "head": ["a|b"], "rows":
 [{"cells": [1]}], "notes": ["n"]}]}
J
  printf '%s\n' before '<!-- bench: begin -->' old '<!-- bench: end -->' after >f
  run -0 python3 -B "$bench" --out out --render --readme f
  [ "$(head -n 2 f; tail -n 2 f)" = "$(printf '%s\n' before \
    '<!-- bench: begin -->' '<!-- bench: end -->' after)" ]
  grep -qF '| a\|b |' f
  grep -qx -- '- singer: x' f
  run ! grep -qx old f
  echo none >f
  run -1 python3 -B "$bench" --out out --render --readme f
  [[ $output == *"lacks <!-- bench: begin -->"* ]]
  run -0 python3 -B "$bench" --out out --build "$BUILD_DIR" --add python-dlt
  [ "$(jq -c '[.tables[0].title, .skipped[].what]' out/results.json)" = \
    '["T","singer","python-dlt"]' ]
}

@test "bench: sizes and shapes, and what the tools take of each" {
  need_level full
  run -0 "$SOURCE_DIR/tests/bench/run" --build "$BUILD_DIR" --out "$PWD/out" \
    --scale 0.001 --largest 20k --runs 1 memory scaling instructions
  run -0 jq -r '[.tables[] | .rows | length > 3] | all' out/results.json
  [ "$output" = true ]
}

@test "bench: what cannot run is named with the reason" {
  need_level all
  run -0 --separate-stderr "$SOURCE_DIR/tests/bench/run" --build "$BUILD_DIR" \
    --out "$PWD/out" --scale 0.001 --runs 1 python-dlt
  [[ $stderr == *"skipped: python-dlt: no --venv with Python dlt"* ]]
  grep -q '^- python-dlt: no --venv' out/results.md
}

@test "bench: an unknown case or option is a usage error" {
  run -2 "$SOURCE_DIR/tests/bench/run" --nonsense
  run -2 python3 -B "$SOURCE_DIR/tests/bench/bench.py" nonsense
  [[ $output == *"no such case: nonsense"* ]]
  run -0 "$SOURCE_DIR/tests/bench/run" --list
  [[ $output == *"load-duckdb "* ]]
}
