#!/usr/bin/env bats
# dlt-normalize: wirings and errors. What it makes of rows: golden, lanes.

load helper

package() {
  only "$GOLDEN/$1/step1/extracted"
}

# A package directory with these lines as its job file: rows_package DIR < lines
rows_package() {
  mkdir -p "$1/new_jobs"
  cp "$(package flat)/schema.json" "$1/"
  cat >"$1/new_jobs/t.0000000001.0.typed-jsonl"
}

rows_of() {
  zstd -dcq "$1"/new_jobs/"$2".*.jsonl.zst
}

@test "-o writes a whole package, and replaces an old one in one step" {
  quiet dlt-normalize -o out "$(package gzipped)"
  [ -s out/manifest.json ]
  [ -s out/schema.json ]
  quiet dlt-normalize -o out "$(package flat)"
  run ls out/new_jobs
  assert_output --partial items.
  refute_output --partial g.0
  run ls
  refute_output --partial tmp
}

@test "-o refuses a directory that is no package" {
  mkdir out
  echo mine >out/notes.txt
  fails 1 dlt-normalize -o out "$(package flat)"
  assert_output --partial 'no package'
  [ "$(cat out/notes.txt)" = mine ]
}

@test "the package that is read is not changed" {
  cp -r "$(package nested)" in
  chmod -R u+w in
  find in -type f -exec sha256sum {} + >before
  dlt-normalize -o out in
  find in -type f -exec sha256sum {} + | diff before -
}

@test "a job file is rotated, and one worker or four write the same" {
  export SOURCE_DATE_EPOCH=1
  for j in 1 4; do
    dlt-normalize --deterministic -j $j --buffer-max-items 100 \
      --file-max-items 150 -o out$j "$(package rotation)"
  done
  diff -r out1 out4
  [ "$(ls out1/new_jobs | grep -c '^r\.')" -gt 2 ]
}

@test "compression: zstd, fast, gzip and none" {
  for codec in zstd fast gzip none; do
    dlt-normalize --compression $codec -o out "$(package flat)"
    compare package "$GOLDEN/flat/step1/normalized" out
  done
  fails 2 dlt-normalize --compression brotli -o out "$(package flat)"
  assert_output --partial brotli
}

@test "rows that are no objects become columns and child tables" {
  rows_package in <<<'[1,"x",[2,[3]],null]'
  quiet dlt-normalize -q --compression none -o out in
  run cat out/new_jobs/t.*.jsonl
  [ "${#lines[@]}" -eq 4 ]
  [[ ${lines[0]} == *'"value":1}' ]]
  run cat out/new_jobs/t__value__list.*.jsonl
  [[ ${lines[0]} == *'"value":3}' ]]
}

@test "white space between tokens is accepted" {
  rows_package in <<<'[ {"a" : 1 , "b" : [ 1 , 2 ] } , { "a": 2, "b": [] } ]'
  quiet dlt-normalize --compression none -o out in
  [ "$(cat out/new_jobs/t.*.jsonl | wc -l)" -eq 2 ]
  [ "$(cat out/new_jobs/t__b.*.jsonl | wc -l)" -eq 2 ]
}

@test "a broken row: status 1, place and cause, nothing written" {
  rows_package in <<<'[{"a":1},{"a":}]'
  fails 1 dlt-normalize -o out in
  assert_output --partial 't.0000000001.0.typed-jsonl:2:'
  [ ! -e out ]
}

@test "lines that are no arrays of rows are refused" {
  for text in '{"a":1}' '[1,]' '[1 2]' '[,1]' '[1' '[1]]' 'x'; do
    rows_package in <<<"$text"
    fails 1 dlt-normalize -o out in
    [ ! -e out ]
  done
}

@test "a package without a schema is refused" {
  mkdir -p in/new_jobs
  echo '[1]' >in/new_jobs/t.0000000001.0.typed-jsonl
  fails 1 dlt-normalize -o out in
  assert_output --partial schema
}

@test "a missing package is named" {
  fails 1 dlt-normalize -o out nowhere
  assert_output --partial nowhere
}

@test "rows where a package stream is expected" {
  run -1 --separate-stderr bash -c 'echo "{\"a\":1}" | dlt-normalize | cat; exit "${PIPESTATUS[1]}"'
  [[ $stderr == *'look like rows'* ]]
  run -1 --separate-stderr bash -c 'dlt-normalize </dev/null | cat; exit "${PIPESTATUS[0]}"'
  [[ $stderr == *'upstream wrote nothing'* ]]
}

@test "a closed pipe downstream ends it by SIGPIPE, quietly" {
  dlt-extract -o in rows=<(seq 1 300000)
  run -0 --separate-stderr bash -c 'dlt-normalize in | head -c 10 >/dev/null; echo "${PIPESTATUS[0]}"'
  [ "$output" = 141 ]
  [ -z "$stderr" ]
}

@test "a variant column warns once, with place and cure" {
  rows_package in <<<'[{"a":1},{"a":"x"},{"a":"y"}]'
  run --separate-stderr dlt-normalize -o out in
  [ "$status" -eq 0 ]
  [ "$(grep -c 'a__v_text' <<<"$stderr")" -eq 1 ]
  [[ $stderr == *'--column t.a:text'* ]]
}

@test "a variant that meets a second type gets a further variant" {
  rows_package in <<<'[{"a":1},{"a":"2024-01-01T00:00:00Z"},{"a":"x"}]'
  quiet dlt-normalize -q --compression none -o out in
  run cat out/new_jobs/t.*.jsonl
  [[ ${lines[2]} == *'"a__v_text__v_text":"x"}' ]]
}

@test "integers of any size keep their digits" {
  rows_package in <<<'[{"a":123456789012345678901234567890}]'
  dlt-normalize --compression none -o out in
  grep -q 123456789012345678901234567890 out/new_jobs/t.*.jsonl
  [ "$(jq -r .tables.t.columns.a.data_type out/schema.json)" = wei ]
}

@test "provenance says what made each column" {
  rows_package in <<<'[{"a":1},{"b":"x"}]'
  dlt-normalize -o out in
  run -0 jq -rs '.[] | select(.column == "b") | [.table, .data_type, .row, .value] | @tsv' out/provenance.jsonl
  [ "$output" = $'t\ttext\t2\t"\\"x\\""' ] || [ "$output" = $'t\ttext\t2\t"x"' ]
}

@test "an empty package stays an empty package" {
  dlt-extract -o in rows=/dev/null
  quiet dlt-normalize -o out in
  [ -s out/manifest.json ]
}

@test "--show-config names value and origin" {
  mkdir .dlt
  printf '[normalize]\nworkers = 3\n[normalize.data_writer]\nfile_max_items = 7\n' >.dlt/config.toml
  run -0 dlt-normalize --show-config
  assert_output --regexp 'workers +3 +.*config.toml:2'
  assert_output --regexp 'file_max_items +7 +.*config.toml:4'
  NORMALIZE__WORKERS=2 run -0 dlt-normalize --show-config
  assert_output --regexp 'workers +2 +.*NORMALIZE__WORKERS'
  run -0 dlt-normalize -j 5 --show-config
  assert_output --regexp 'workers +5 '
}

# A package whose table t has these hints (JSON to merge into the table), with
# the lines of standard input.
merge_package() {
  rows_package "$1"
  jq -c --argjson hints "$2" '.tables.t = {columns: {}, write_disposition: "merge",
    name: "t", resource: "t"} * $hints' "$1/schema.json" >schema
  mv schema "$1/schema.json"
}

ids() {
  jq -r ._dlt_id "$1"/new_jobs/"$2".*.jsonl
}

@test "scd2: the id of a row is the hash of its content" {
  merge_package in '{"x-merge-strategy": "scd2", "columns": {"_dlt_id":
    {"name": "_dlt_id", "nullable": false, "x-row-version": true,
     "unique": false, "row_key": false}}}' <<<'[{"v":"a","id":1},{"id":1,"v":"a","_dlt_x":2}]'
  dlt-normalize -q --for sqlite --compression none -o out in
  [ "$(ids out t | sort -u)" = lknCZL/MuP9QCg ]
}

@test "upsert: the id of a row is the hash of its key" {
  merge_package in '{"x-merge-strategy": "upsert", "columns": {"id":
    {"name": "id", "nullable": false, "primary_key": true}}}' <<<'[{"id":1,"v":"x","l":[1]}]'
  dlt-normalize -q --for duckdb: --compression none -o out in
  [ "$(ids out t)" = z5jIxXIbUnmbKw ]
  # what is asked for holds where the destination is not known, too
  dlt-normalize -q --compression none -o unknown in
  [ "$(ids unknown t)" = z5jIxXIbUnmbKw ]
  [ "$(jq -r ._dlt_root_id out/new_jobs/t__l.*.jsonl)" = z5jIxXIbUnmbKw ]
  merge_package in '{"x-merge-strategy": "upsert", "columns": {"id":
    {"name": "id", "nullable": false, "primary_key": true}}}' <<<'[{"v":"x"}]'
  fails 1 dlt-normalize --for duckdb -o out2 in
  assert_output --partial 'primary key "id"'
}

@test "merge: child rows carry the id of their root, by either lane" {
  for lane in fast slow; do
    merge_package in '{"columns": {"id": {"name": "id", "nullable": false,
      "primary_key": true}}}' <<<'[{"id":1,"l":[{"m":[1,2]}]},{"id":2,"l":[{"m":[3]}]}]'
    DLT_TEST_LANE=$lane dlt-normalize -q --deterministic --for sqlite --compression none -o $lane in
    ids $lane t >want
    jq -r ._dlt_root_id $lane/new_jobs/t__l__m.*.jsonl | uniq | diff want -
  done
  diff -r fast slow
}

@test "identifiers are shortened for the destination" {
  long=$(printf 'very_long_%.0s' 1 2 3 4 5 6 7 8)
  rows_package in <<<"[{\"$long\":1}]"
  dlt-normalize -q --for postgres -o out in
  jq -e '.tables.t.columns.very_long_very_long_very_longlkhjnwry_long_very_long_very_longx' out/schema.json
  fails 2 dlt-normalize --for oracle -o out in
}

@test "a full disk: named, nothing half written" {
  run -1 --separate-stderr bash -c 'dlt-normalize "$1" >/dev/full' - "$(package flat)"
  [[ $stderr == *'No space left'* ]]
  mkdir old && cp -r "$(package flat)/." old/ && chmod -R u+w old
  cp -r old kept
  dlt-extract -o big rows=<(seq 1 200000)
  run -1 --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 8; dlt-normalize --compression none -o old big'
  [[ $stderr == *'File too large'* ]]
  diff -r old kept
  run ls
  refute_output --partial tmp
}

@test "a table whose name no file can have: what to do is said" {
  printf -v k '%0300d' 1
  echo "{\"k$k\":[1]}" >rows
  dlt-extract -q -o e t=rows
  fails 1 dlt-normalize -q -o n e
  assert_output --partial 'normalize --for'
  [ "${#output}" -lt 300 ]
  quiet dlt-normalize -q --for postgres -o n e
}

@test "a target on a read-only file system is named" {
  fails 1 dlt-normalize -o /proc/out "$(package flat)"
  assert_output --partial /proc
}

@test "-T takes packages from a list, in a stream of several packages" {
  printf '%s\n' "$(package flat)" "$(package gzipped)" >list
  quiet dlt-normalize -T list >stream
  [ "$(tar tif stream | grep -c manifest.json)" -eq 2 ]
  printf '%s\0' "$(package flat)" | quiet dlt-normalize -0 -T - -o out
  compare package "$GOLDEN/flat/step1/normalized" out
  fails 2 dlt-normalize -o out -T list
}

# ---- as Python dlt has it; each was found by tests/oracle ----

# Normalizes `in` in both lanes, which must write the same; $rows are those of t.
both_lanes() {
  export SOURCE_DATE_EPOCH=1
  dlt-normalize -q --deterministic --compression none "$@" -o out in
  DLT_TEST_LANE=slow dlt-normalize -q --deterministic --compression none "$@" \
    -o slow in
  diff -r out slow
  rows=$(jq -c 'del(._dlt_id, ._dlt_load_id)' out/new_jobs/t.*.jsonl)
}

# Edits the schema of `in` with a jq program.
edit_schema() {
  jq -c "$1" in/schema.json >schema
  mv schema in/schema.json
}

@test "oracle: an empty list or object at a json column is a value" {
  rows_package in <<<'[{"a":[1]},{"a":[]},{"a":{}}]'
  edit_schema '.normalizers.json.config.max_nesting = 0'
  both_lanes
  [ "$rows" = $'{"a":[1]}\n{"a":[]}\n{"a":{}}' ]
}

@test "oracle: of two keys for one column the later one counts, null as well" {
  rows_package in <<<'[{"a_b":1},{"a_b":2,"aB":3},{"a_b":4,"aB":null},{"aB":5,"a_b":6}]'
  both_lanes
  [ "$rows" = $'{"a_b":1}\n{"a_b":3}\n{}\n{"a_b":6}' ]
}

@test "oracle: rows of a list with a blank key go into its parent's table" {
  rows_package in <<<'[{"a":1," ":[5]}]'
  both_lanes
  [ "$rows" = $'{"a":1}\n{"value":5}' ]
  [ "$(jq '.tables | has("t___empty")' out/schema.json)" = false ]
}

@test "oracle: row filters of the table and of those above it" {
  merge_package in '{"write_disposition": "append",
    "filters": {"excludes": ["re:^b", "l__x"], "includes": ["re:bb$"]}}' \
    <<<'[{"a":1,"b":2,"bb":3,"l":[{"x":1,"y":2}]},{"b":1}]'
  both_lanes
  [ "$(head -n 1 <<<"$rows")" = '{"a":1,"bb":3}' ]
  [ "$(jq -c '[.x, .y]' out/new_jobs/t__l.*.jsonl)" = '[null,2]' ]
}

@test "oracle: a row of which filters leave nothing is left out, with its lists" {
  merge_package in '{"write_disposition": "append",
    "filters": {"excludes": ["b", "re:^_dlt"]}}' <<<'[{"a":1},{"b":1,"l":[1]}]'
  both_lanes
  [ "$rows" = '{"a":1}' ]
  [ ! -e out/new_jobs/t__l.* ]
}

@test "oracle: a filter that is not understood is an error, not data let through" {
  merge_package in '{"filters": {"excludes": ["re:(?=x)"]}}' <<<'[{"a":1}]'
  fails 1 dlt-normalize -o out in
  assert_output --partial filters
}

@test "oracle: the range of wei is looked at for decimals and new columns only" {
  printf '[{"a":"\xef\x80\xac1"},{"a":1e300},{"a":"\xef\x80\xac%s"}]\n' \
    57896044618658097711785492504343953926634992332820282019728792003956564819968 |
    rows_package in
  both_lanes
  [[ $rows == *$'\n{"a":"10000000000000000525'* ]]
  [[ $rows == *$'\n{"a__v_str":"578960446186'* ]]
}

@test "oracle: native times in a variant column are taken as UTC" {
  printf '[{"a":1},{"a":"\xef\x80\xa72024-01-15T12:00:00"},{"a":"\xef\x80\xa72024-01-15T13:00:00"}]\n' |
    rows_package in
  both_lanes
  [ "$(tail -n 1 <<<"$rows")" = '{"a__v_timestamp":"2024-01-15T13:00:00+00:00"}' ]
}

@test "oracle: a marker that does not decode is kept where the json column is there" {
  printf '[{"a":{"x":"\xef\x80\xa6x"}},{"a":{"x":"\xef\x80\xa6x"}}]\n' | rows_package in
  edit_schema '.normalizers.json.config.max_nesting = 0'
  both_lanes
  [ "$rows" = $'{"a":{"x":"x"}}\n{"a":{"x":"\xef\x80\xa6x"}}' ]
}

@test "oracle: a root key that appears late is propagated" {
  rows_package in <<<'[{"a":1},{"a":2,"_dlt_root_id":"x"}]'
  both_lanes
  jq -e '.normalizers.json.config.propagation.tables.t._dlt_id == "_dlt_root_id"' \
    out/schema.json
}

@test "oracle: of a variant and a key of its name the later defines the column" {
  rows_package in <<<'[{"a__v_text":1.5,"a":"x"}]'
  edit_schema '.settings.preferred_types = {"re:^a": "wei"}'
  both_lanes
  [ "$rows" = '{"a__v_text":"x"}' ]
  jq -e '.tables.t.columns.a__v_text | .data_type == "text" and .variant' out/schema.json
}

@test "oracle: a column without a name takes values of any type" {
  rows_package in <<<'[{"__":1},{"__":"x"},{"__":"7"}]'
  edit_schema '.normalizers.names = "sql_ci_v1"'
  both_lanes
  [ "$rows" = $'{"":1}\n{"":"x"}\n{"":7}' ]
}

@test "oracle: a table whose new columns are all discarded is listed as updated" {
  merge_package in '{"write_disposition": "append",
    "schema_contract": {"columns": "discard_value"},
    "columns": {"a": {"name": "a", "data_type": "bigint", "nullable": true},
      "_dlt_id": {"name": "_dlt_id", "data_type": "text", "nullable": false},
      "_dlt_load_id": {"name": "_dlt_load_id", "data_type": "text", "nullable": false}}}' \
    <<<'[{"a":1,"b":2}]'
  both_lanes
  [ "$rows" = '{"a":1}' ]
  [ "$(jq -c .t.columns out/schema_updates.json)" = '{}' ]
}

@test "oracle: large floats in a key hash, as the JSON library of Python spells them" {
  merge_package in '{"x-merge-strategy": "upsert",
    "columns": {"id": {"name": "id", "primary_key": true, "nullable": false}}}' \
    <<<'[{"id":1e+16},{"id":5e-324}]'
  both_lanes --for duckdb:
  [ "$(jq -r ._dlt_id out/new_jobs/t.*.jsonl)" = "$(for x in 1e+16 5e-324; do
    python3 -c 'import sys, hashlib, base64
print(base64.b64encode(hashlib.shake_128(("{\"id\":%s}" % sys.argv[1]).encode()).digest(10)).decode().rstrip("="))' $x
  done)" ]
}

@test "oracle: propagation that a key in the rows begins holds from the next run on" {
  rows_package in <<<'[{"a":1,"l":[1]},{"a":2,"_dlt_root_id":"x","l":[1]}]'
  both_lanes
  not grep -q _dlt_root_id out/new_jobs/t__l.*.jsonl
}

@test "a package that is normalized already is told" {
  fails 1 dlt-normalize -o out "$(only "$GOLDEN/flat/step1/normalized")"
  assert_output --partial 'normalized already'
}

@test "where memory is short, the number of workers makes no difference" {
  local j
  python3 - >rows <<'END'
text = "0123456789abcdef" * 8
for i in range(1500):
    row = {"id": i, "text": f"{i}{text}"}
    for table in "uvwxyz"[: i % 5 + 2]:
        row[table] = [{"n": i, "text": f"{i}{table}{text}"}] * 2
    print(str(row).replace("'", '"'))
END
  dlt-extract -o in --schema-name p t=rows
  for j in 1 2 7; do
    DLT_TEST_MEMORY=4194304 dlt-normalize --deterministic -j $j -o "out$j" in
  done
  diff -r out1 out2
  diff -r out1 out7
}
