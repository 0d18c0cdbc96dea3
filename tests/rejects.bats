#!/usr/bin/env bats
# Values on which Python dlt stops, and rows that nobody can place.

load helper

# rows LINE...: extracts them as table t into in/.
rows() {
  export SOURCE_DATE_EPOCH=1700000000
  rm -rf in
  printf '%s\n' "$@" | dlt-extract -q --deterministic "${HINTS[@]}" -o in t=-
}

# The same, with strings that can be typed values.
typed() {
  rows "$@"
  printf '%b\n' "$@" >typed.jsonl
  typed_rows in t typed.jsonl
}

normalize() {
  rm -rf out
  dlt-normalize -q --deterministic --compression none -o out "$@" in
}

# The rows of a table, without ids.
table() {
  cat out/new_jobs/"$1".*.jsonl |
    jq -c 'with_entries(select(.key | startswith("_dlt_") | not))'
}

columns() {
  jq -r --arg t "$1" '.tables[$t].columns[] | select(.name | startswith("_dlt_") | not)
    | "\(.name) \(.data_type)"' out/schema.json
}

# hand_made LINE...: a package with these lines as its job file, byte for byte.
hand_made() {
  export SOURCE_DATE_EPOCH=1700000000
  mkdir -p in/new_jobs
  printf '%b\n' "$@" >in/new_jobs/t.0000000001.0.typed-jsonl
  cp "$(only "$GOLDEN/flat/step1/extracted")/schema.json" in/
}

# An in/ whose rows 2, 4 and 5 cannot be placed: "a" is not nullable.
with_nulls() {
  HINTS=(--column 't.a:bigint,not_null')
  rows '{"a":1,"x":1}' '{"a":null,"x":2}' '{"a":3}' '{"y":1,"a":null}' \
    '{"z":[{"q":1}],"a":null}' '{"a":6}'
}

# ---- values ----

@test "a variant that meets another type gets a variant of its own" {
  rows '{"a":1}' '{"a":"2024-01-01T00:00:00Z"}' '{"a":"x"}' '{"a":"y"}'
  normalize
  run columns t
  assert_output 'a bigint
a__v_text timestamp
a__v_text__v_text text'
  run table t
  assert_output '{"a":1}
{"a__v_text":"2024-01-01T00:00:00+00:00"}
{"a__v_text__v_text":"x"}
{"a__v_text__v_text":"y"}'
}

@test "moments that UTC does not have, and times without minutes, are text" {
  rows '{"a":"9999-12-31T23:59:59-01:00"}' '{"a":"2024-01-15T10:20:30+24:00"}' \
    '{"a":"2024-01-15T10:20:30Z"}' '{"a":"12:"}' '{"a":"0001-01-01T00:00:00+01:00"}'
  normalize
  run columns t
  assert_output 'a__v_text text
a timestamp'
  run table t
  assert_output '{"a__v_text":"9999-12-31T23:59:59-01:00"}
{"a__v_text":"2024-01-15T10:20:30+24:00"}
{"a":"2024-01-15T10:20:30+00:00"}
{"a__v_text":"12:"}
{"a__v_text":"0001-01-01T00:00:00+01:00"}'
  dlt-load -q sqlite:x.db out
  run sqlite3 x.db 'select count(a), count(a__v_text) from t'
  assert_output '1|4'
}

@test "a native timestamp that UTC does not have is text, too" {
  typed '{"a":"\uf0279999-12-31T23:59:59-01:00"}' \
    '{"a":"\uf0272024-01-15T10:20:30Z"}' '{"a":true}'
  normalize
  run table t
  assert_output '{"a__v_text":"9999-12-31T23:59:59-01:00"}
{"a":"2024-01-15T10:20:30+00:00"}
{"a__v_bool":true}'
}

@test "integers of any size keep their digits: bigint, wei, text" {
  local w=578960446186580977117854925043439539266
  rows '{"a":18446744073709551615}' '{"b":18446744073709551616}' '{"b":-9223372036854775809}' \
    "{\"b\":$w}" "{\"c\":${w}0}" "{\"b\":-${w}0}" '{"a":1e3,"b":7}' '{"a":36893488147419103232}'
  normalize
  run columns t
  assert_output 'a bigint
b wei
c text
b__v_str text
a__v_wei wei'
  run cat out/new_jobs/t.*.jsonl
  assert_output --partial '"a":18446744073709551615'
  assert_output --partial '"b":"18446744073709551616"'
  assert_output --partial '"b":"-9223372036854775809"'
  assert_output --partial "\"b\":\"$w\""
  assert_output --partial "\"c\":\"${w}0\""
  assert_output --partial "\"b__v_str\":\"-${w}0\""
  assert_output --partial '"a__v_wei":"36893488147419103232"'
}

@test "decimals keep digits and exponent" {
  typed '{"a":"\uf0261.10","b":"\uf0261E+3","c":123456789012345678901234567890.50}' \
    '{"a":"\uf026123456789012345678901234567890.123456789","b":"\uf0260E-9","c":0.10}'
  normalize
  run cat out/new_jobs/t.*.jsonl
  assert_output --partial '"a":"1.10","b":"1E+3","c":123456789012345678901234567890.50'
  assert_output --partial '"a":"123456789012345678901234567890.123456789","b":"0E-9","c":0.10'
}

# A step that Python dlt fails on, not by a contract: all its rows get to SQLite.
all_rows_there() {
  local step=$1 src n
  src=$(only "$GOLDEN/$step/extracted")
  rm -rf out x.db
  dlt-normalize -q -o out "$src" && dlt-load -q sqlite:x.db out || return 1
  for table in $(jq -r '.tables[] | select(.parent or (.name | startswith("_dlt")) | not) | .name' "$src/schema.json"); do
    n=$(for f in "$src"/new_jobs/"$table".*; do
      case $f in
        *.gz) gzip -dc "$f" ;;
        *.typed-jsonl) cat "$f" ;;
      esac
    done | jq -s 'map(length) | add // 0')
    [ "$n" = 0 ] || [ "$(sqlite3 x.db "select count(*) from \"$table\"")" = "$n" ] || return 1
  done
}

@test "all golden steps that Python dlt fails on are loaded, but for contracts" {
  local step failed=0 count=0
  for step in $(cd "$GOLDEN" && ls -d ./*/step*/normalize.error); do
    step=${step#./} step=${step%/normalize.error}
    [[ $step != contract_* ]] || continue
    count=$((count + 1))
    all_rows_there "$step" || {
      echo "$step"
      failed=1
    }
  done
  [ $count -ge 5 ]
  [ $failed = 0 ]
}

@test "random values that stop Python dlt: all are there, in both lanes" {
  python3 "$SOURCE_DIR/tests/oracle/refused.py" 1-20
}

# ---- rejects ----

@test "without --rejects the job fails, and names row and column" {
  with_nulls
  fails 1 normalize
  assert_output 'dlt-normalize: error: -:2: column "t.a" is not nullable and the row has null'
  [ ! -e out ]
}

@test "--rejects: the rest goes on, the row leaves no trace" {
  with_nulls
  run --separate-stderr dlt-normalize --deterministic --compression none \
    --rejects bad.jsonl -o out in
  [ "$status" = 0 ]
  # shellcheck disable=SC2154
  [[ $stderr == 'dlt-normalize: warning: 3 rows cannot be placed: see bad.jsonl; the first: -:2: column "t.a" is not nullable and the row has null' ]]
  run table t
  assert_output '{"a":1,"x":1}
{"a":3}
{"a":6}'
  run columns t
  assert_output 'a bigint
x bigint'
  run jq -r '.tables | keys[]' out/schema.json
  refute_output --partial t__z
  run jq .rejects out/manifest.json
  assert_output 3
  run jq -c '[.load_id, .root, .table, .column, .number, .row]' bad.jsonl
  assert_output '["1700000000.0","t","t","a",2,{"a":null,"x":2}]
["1700000000.0","t","t","a",4,{"y":1,"a":null}]
["1700000000.0","t","t","a",5,{"z":[{"q":1}],"a":null}]'
  run jq -r '.reason' bad.jsonl
  assert_line --index 0 'column "t.a" is not nullable and the row has null'
  grep -q '"row":{"a":null,"x":2}}$' bad.jsonl
}

@test "--rejects: the byte offset is that of the row in its file" {
  with_nulls
  dlt-normalize -q --rejects bad.jsonl -o out in
  zstd -dcq in/new_jobs/t.*.zst >job
  while read -r byte len; do
    tail -c +$((byte + 1)) job | head -c "$len"
    echo
  done < <(jq -r '"\(.byte) \(.row | tojson | length)"' bad.jsonl) >rows.cut
  jq -c .row bad.jsonl | diff - rows.cut
}

@test "--rejects: any number of workers, either lane, the same bytes" {
  export SOURCE_DATE_EPOCH=1700000000
  seq 1 3000 | jq -c '{id: (if . % 7 == 0 then null else . end), v: (if . % 97 == 0 then "s" else . end),
    l: [range(. % 4) | {k: .}]} + (if . % 501 == 0 then {"n\(.)": 1} else {} end)' >t.jsonl
  dlt-extract -q --deterministic --column t.id:bigint,not_null -o in t=t.jsonl
  dlt-normalize -q --deterministic --rejects one.jsonl -j 1 -o one in
  DLT_TEST_BLOCK=3000 dlt-normalize -q --deterministic --rejects four.jsonl -j 4 -o four in
  DLT_TEST_LANE=slow dlt-normalize -q --deterministic --rejects slow.jsonl -o slow in
  cmp one.jsonl four.jsonl
  cmp one.jsonl slow.jsonl
  diff -r one four
  diff -r one slow
  [ "$(wc -l <one.jsonl)" = 428 ]
  jq -s -e '[.[].number] == [range(7; 3001; 7)]' one.jsonl
}

@test "--rejects: a frozen contract, with what the row had changed before" {
  rows '{"a":1,"l":[{"q":1}]}'
  normalize
  jq '.tables.t__l.schema_contract = "freeze"' out/schema.json >schema.json
  # a new column and table come before the forbidden one
  rows '{"a":2,"new":1,"m":[{"x":1}],"l":[{"q":2},{"q":3,"r":4}]}' '{"a":3,"also":1,"l":[{"q":5}]}'
  fails 3 normalize --schema schema.json
  assert_output --partial 'column "t__l.r" (bigint): the schema contract freezes columns'
  normalize --schema schema.json --rejects bad.jsonl
  run columns t
  assert_output 'a bigint
also bigint'
  run table t__l
  assert_output '{"q":5}'
  run jq -r '.tables | keys[]' out/schema.json
  refute_output --partial t__m
  run jq -c '[.root, .table, .column, .reason, .row.a]' bad.jsonl
  assert_output '["t","t__l","r","column \"t__l.r\" (bigint): the schema contract freezes columns",2]'
  # nor in what tells of changes
  run jq -r '.t.columns | keys[]' out/schema_updates.json
  assert_output also
  run jq -r .column out/provenance.jsonl
  assert_output also
}

@test "--rejects: what a contract discards is no reject" {
  rows '{"a":1}'
  normalize
  jq '.tables.t.schema_contract = "discard_row"' out/schema.json >schema.json
  rows '{"a":2,"b":1}' '{"a":3}'
  normalize --schema schema.json --rejects bad.jsonl
  [ -e bad.jsonl ]
  [ ! -s bad.jsonl ]
  run jq .rejects out/manifest.json
  assert_output 0
}

@test "--rejects: a missing primary key" {
  HINTS=(--write-disposition merge:upsert --primary-key k)
  rows '{"k":1,"a":1}' '{"a":2}' '{"k":3}'
  normalize --for duckdb --rejects bad.jsonl
  run jq -c '[.reason, .column, .row]' bad.jsonl
  assert_output '["table \"t\": the row has no value for its primary key \"k\"","k",{"a":2}]'
}

@test "--rejects: what is no JSON, as far as rows can be told apart" {
  hand_made '[{"a":1},{"a":tru},{"a":3}]' '[{"a":4}x{"a":5}]' '{"a":6}' \
    '[{"a":7},{"a":8}' '[{"a":"\0377"},{"a":9}]' '[{"a":10},{"a":"cut]' '[{"a":11}]'
  fails 1 normalize
  assert_output --partial 't.0000000001.0.typed-jsonl:2:'
  normalize --rejects bad.jsonl
  run table t
  assert_output '{"a":1}
{"a":3}
{"a":4}
{"a":7}
{"a":8}
{"a":9}
{"a":10}
{"a":11}'
  run jq -c '.text // .base64 // .row' bad.jsonl
  assert_output '"{\"a\":tru}"
"x{\"a\":5}]"
{"a":6}
""
"eyJhIjoi/yJ9"
"{\"a\":\"cut]"'
  run jq -r .reason bad.jsonl
  assert_line --index 0 --partial 'position 6'
  assert_line --index 2 'the line is no array of rows'
  DLT_TEST_BLOCK=20 dlt-normalize -q --deterministic --rejects small.jsonl -j 3 --compression none -o small in
  diff -r out small
  cmp bad.jsonl small.jsonl
}

@test "--rejects: rows that are too deep" {
  local deep
  deep=$(printf '[%.0s' {1..1100})$(printf ']%.0s' {1..1100})
  hand_made '[{"a":1},{"a":2,"d":'"$deep"'},{"a":3}]'
  fails 1 normalize
  normalize --rejects bad.jsonl
  run table t
  assert_output '{"a":1}
{"a":3}'
  [ "$(jq -r .text bad.jsonl | wc -c)" = 2213 ]
}

@test "--rejects: rows that are too large, whether they fit into a block or not" {
  hand_made
  python3 -c 'x = "x" * (1 << 20)
print("[{\"a\":1},{\"a\":2,\"b\":\"%s\"},{\"a\":3}]" % (x * 17))
print("[{\"a\":[\"%s\\\"]}\"]} ,{\"a\":4},[\"%s\"]]" % (x * 33, x * 40))
print("[{\"a\":5}]")' >in/new_jobs/t.0000000001.0.typed-jsonl
  fails 1 normalize
  assert_output --partial 'a row is larger than 16 MiB'
  normalize -j 1 --rejects bad.jsonl
  run table t
  assert_output '{"a":1}
{"a":3}
{"a":4}
{"a":5}'
  run jq -c '[.reason, .number, .byte, .bytes, .row]' bad.jsonl
  assert_output '["a row is larger than 16 MiB",2,9,17825806,null]
["a row is larger than 16 MiB",4,17825826,34603022,null]
["a row is larger than 16 MiB",6,52428858,41943044,null]'
  dlt-normalize -q --deterministic --compression none -j 7 --rejects seven.jsonl -o seven in
  diff -r out seven
  cmp bad.jsonl seven.jsonl
}

@test "rejected rows can be extracted again" {
  with_nulls
  dlt-normalize -q --rejects bad.jsonl -o out in
  jq -c 'select(.root == "t" and has("row")) | .row' bad.jsonl | sed 's/"a":null/"a":0/' |
    dlt-extract -q t=- | dlt-normalize -q | dlt-load -q sqlite:x.db
  run sqlite3 x.db 'select count(*), sum(a) from t'
  assert_output '3|0'
}

@test "--max-rejects: one too many, and nothing is committed" {
  with_nulls
  fails 1 dlt-normalize --rejects bad.jsonl --max-rejects 2 -o out in
  assert_output 'dlt-normalize: error: more than 2 rows cannot be placed (--max-rejects); -:5: column "t.a" is not nullable and the row has null'
  [ ! -e out ]
  [ ! -e bad.jsonl ]
  dlt-normalize -q --rejects bad.jsonl --max-rejects 3 -o out in
}

@test "--max-rejects alone, and --rejects - beside other output, are wrong usage" {
  fails 2 dlt-normalize --max-rejects 2 -o out in
  assert_output 'dlt-normalize: error: --max-rejects needs --rejects FILE'
  fails 2 dlt-normalize --rejects - </dev/null
  assert_output --partial 'standard output is taken'
  fails 2 dlt-normalize --rejects - --print -o out in
  fails 2 dlt-normalize --rejects - --json -o out in
}

@test "--rejects -: standard output" {
  with_nulls
  run --separate-stderr dlt-normalize -q --rejects - -o out in
  [ "${#lines[@]}" = 3 ]
}

@test "--rejects: a pipe or device is written, a folder that is not there is an error" {
  with_nulls
  dlt-normalize -q --rejects /dev/null -o out in
  [ -c /dev/null ]
  dlt-normalize -q --rejects >(cat >piped) -o out in
  for _ in {1..100}; do [ ! -s piped ] || break; done
  fails 1 dlt-normalize --rejects no/such.jsonl -o out in
  assert_output --partial 'no/such.jsonl: No such file or directory'
}

@test "--rejects: in a stream, the rest is loaded" {
  printf '{"a":1}\n{"a":null}\n{"a":3}\n' >t.jsonl
  dlt-extract -q --column t.a:bigint,not_null t=t.jsonl |
    dlt-normalize -q --rejects bad.jsonl | dlt-load -q sqlite:x.db
  run sqlite3 x.db 'select group_concat(a) from t'
  assert_output '1,3'
  run jq -c .row bad.jsonl
  assert_output '{"a":null}'
}

@test "--rejects: with -p lines are added, else the file is replaced" {
  with_nulls
  dlt-normalize -q --rejects bad.jsonl -o out in
  dlt-normalize -q --rejects bad.jsonl -o out in
  [ "$(wc -l <bad.jsonl)" = 3 ]
  for _ in 1 2 3; do
    echo '{"a":1}{"a":null}' | dlt-extract -q -p p --column t.a:bigint,not_null t=-
  done
  run --separate-stderr dlt-normalize -q -p p --json --rejects bad.jsonl
  [ "$status" = 0 ]
  run jq -c '[(.packages | length), .rows, .rejects]' <<<"$output"
  assert_output '[3,4,3]'
  [ "$(wc -l <bad.jsonl)" = 6 ]
  # a package that was not committed: its lines are not there twice
  rm -r data/pipelines/p/load/normalized
  echo '{"a":null}{"a":4}' | dlt-extract -q -p p --load-id 77.5 t=-
  echo '{"load_id":"77.5","reason":"from a run that was killed","row":1}' >>bad.jsonl
  dlt-normalize -q -p p --rejects bad.jsonl
  [ "$(wc -l <bad.jsonl)" = 7 ]
  [ "$(grep -c 77.5 bad.jsonl)" = 1 ]
  rm bad.jsonl
  printf '%s\n' 1 2 3 4 5 6 >bad.jsonl
  # nothing pending: the file stays
  dlt-normalize -q -p p --rejects bad.jsonl
  [ "$(wc -l <bad.jsonl)" = 6 ]
}

@test "the report names load ids" {
  rows '{"a":1}'
  run --separate-stderr dlt-normalize -q --json -o out in
  assert_output --partial '"packages":["1700000000.0"],"rows":2'
}

@test "an id of the user that is no string goes down as what it is" {
  rows '{"_dlt_id":5,"l":[{"x":1}]}' '{"_dlt_id":1.50,"l":[2]}' '{"_dlt_id":0,"l":[3]}'
  normalize
  run jq -r '.tables.t__l.columns._dlt_parent_id.data_type' out/schema.json
  assert_output bigint
  # SHAKE-128 of 5_t__l_0 and of 1.5_t__l_0
  run jq -r 'select(.value != 3) | "\(._dlt_parent_id // ._dlt_parent_id__v_double) \(._dlt_id)"' <(cat out/new_jobs/t__l.*)
  for id in 5 1.5; do
    python3 -c 'import base64, hashlib, sys
print(sys.argv[1], base64.b64encode(hashlib.shake_128((sys.argv[1] + "_t__l_0").encode()).digest(10)).decode().rstrip("="))' $id
  done >want
  diff want <(echo "${output/1.50/1.5}")
}
