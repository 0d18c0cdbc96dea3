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
    diff -r "fast-$2" "slow-$2"
    diff -r "fast-$2" "many-$2"
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

@test "keys and values of all lengths, and two keys of one column" {
  export SOURCE_DATE_EPOCH=1700000000
  python3 -c '
import json
for n in range(400):
    row = {"id": n, "k" * (n // 8 % 70 + 1): "v" * (n % 67)}
    row["k" * (240 + n // 8 % 40)] = n / 8
    row["s"] = "x" * (n % 41) + "\n\u00e9\"" + "y" * (n % 19)
    row["m"] = ["\uf0261.5", "\uf030", "\ufeff", "\\uf026"][n % 4] if n % 5 == 4 else "plain"
    if n % 3:
        row["a__b"] = n
    if n > 200 and n % 3 != 1:
        row["a"] = {"b": -n}
    print(json.dumps(row, ensure_ascii=n % 2 == 0, separators=(",", ":")))
' >rows.jsonl
  dlt-extract -q -o in t=rows.jsonl
  dlt-normalize -q --deterministic -o fast in
  DLT_TEST_LANE=slow dlt-normalize -q --deterministic -o slow in
  diff -r fast slow
  DLT_TEST_BLOCK=2000 dlt-normalize -q --deterministic -j 3 -o many in
  diff -r fast many
}

@test "detections, preferred types and declared types stay in the fast lane" {
  for i in 1 2 3 4 5 6 7 8; do
    printf '{"id":%d,"ts":17640000%02d,"day":"2024-01-0%d","amount":"%d.50","n":%d,"flag":"yes","local":"2024-01-01T10:00:0%dZ","naive":"2024-01-01 10:00:0%d","half":%d.0}\n' \
      $i $i $i $i $i $i $i $i
  done >rows.jsonl
  dlt-extract -q -o in --column id:text --column amount:decimal --column flag:bool \
    --column local:timestamp,timezone=false --column n:double --column half:bigint t=rows.jsonl
  jq -c '.settings.detections = ["timestamp", "iso_timestamp", "iso_date"] | .settings.preferred_types = {"re:^naive$": "timestamp"}' \
    in/schema.json >my.schema.json
  run -0 dlt-normalize --json -o out --schema my.schema.json in
  # the first row, and that of the state of the pipeline
  assert_output --partial '"slow_rows":2,'
  DLT_TEST_LANE=slow dlt-normalize -q -o slow --schema my.schema.json in
  cmp <(dlt-package cat t out | jq -c 'del(._dlt_id)') <(dlt-package cat t slow | jq -c 'del(._dlt_id)')
  run -0 bash -c "dlt-package cat t out | tail -n 1 | jq -c 'del(._dlt_id, ._dlt_load_id)'"
  assert_output '{"id":"8","ts":"2025-11-24T16:00:08+00:00","day":"2024-01-08","amount":"8.50","n":8,"flag":true,"local":"2024-01-01T10:00:08","naive":"2024-01-01T10:00:08+00:00","half":8}'
}

@test "a contract that discards slows down only the rows that it is about" {
  echo '{"id":1}' >rows.jsonl
  dlt-extract -q -o one t=rows.jsonl
  dlt-normalize -q -o known one
  jq -c '.settings.schema_contract = {"columns": "discard_value"}' known/schema.json >my.schema.json
  for i in 1 2 3 4 5 6 7 8 9; do
    if [ $i = 3 ] || [ $i = 7 ]; then echo "{\"id\":$i,\"extra\":$i}"; else echo "{\"id\":$i}"; fi
  done >rows.jsonl
  dlt-extract -q -o in t=rows.jsonl
  run -0 dlt-normalize --json -o out --schema my.schema.json in
  assert_output --regexp '"rows":10,"slow_rows":[2-6],'
  run -0 dlt-package cat t out
  [ "${#lines[@]}" -eq 9 ]
  refute_output --partial extra
}
