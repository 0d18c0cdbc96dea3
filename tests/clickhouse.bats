#!/usr/bin/env bats
# dlt-load into ClickHouse: the server of Debian, which is old, and the engine
# of chdb, which is current, where it is there.

load helper
load clickhouse

setup_file() {
  [ "${DLT_TEST_LEVEL:-base}" = base ] || clickhouse_start
}

teardown_file() {
  clickhouse_stop
}

# A database for each test: $URL.
setup() {
  need_level all
  [ -z "${CLICKHOUSE_MISSING:-}" ] || skip "$CLICKHOUSE_MISSING"
  own_folder
  database "t$BATS_TEST_NUMBER"
}

database() {
  DB=$1
  chsql "CREATE DATABASE IF NOT EXISTS $DB"
  URL=clickhouse://127.0.0.1:$CLICKHOUSE_PORT/$DB
}

# Of the current engine, instead of the server.
current() {
  chdb_start
  database "$DB"
}

teardown() {
  record_stop
  [ ! -f "${CLICKHOUSE_DIR:-/none}/port" ] || clickhouse_stop
}

sql() {
  chsql "${1//FROM /FROM $DB.}"
}

package() {
  local dir=$1
  shift
  rm -rf "$dir"
  dlt-extract -q "$@" t=- | dlt-normalize -q --for clickhouse -o "$dir"
}

values() {
  cat >t.jsonl <<'J'
{"id":-9223372036854775808,"d":1e22,"b":true,"ts":"2024-01-02T03:04:05.000001+02:00","da":"1970-01-02","ti":"01:02:03.5","de":"12345678901234567890123456789.123456789","w":"100000000000000000000","bi":"YWIA","j":{"a":[1,"é😀\u0001\/",1e22,null]},"t":"a\"\u00e9\\\t\n\r'\b"}
{"id":9223372036854775807,"d":-0.5,"b":false,"ts":"1969-12-31T23:59:59.999999Z","da":"2100-12-31","ti":"23:59:59.999999","de":"-0.0000000015","w":"-5","bi":"","j":[],"t":""}
{"id":0,"de":"1E+3","w":"0","sm":-32768,"it":2147483647,"t":"\\N"}
{"id":null,"de":"99999.9999999999","w":"99990000"}
J
  dlt-extract -q t=t.jsonl --column id:bigint --column d:double --column b:bool \
    --column ts:timestamp --column da:date --column ti:time \
    --column de:decimal --column w:wei --column bi:binary --column j:json \
    --column t:text --column sm:bigint,precision=16 \
    --column it:bigint,precision=32 | dlt-normalize -q --for clickhouse | quiet dlt-load "$URL"
}

@test "values of all types, exactly" {
  values
  run sql 'SELECT id, d, b, ts, da, ti, de, w, hex(bi), j, sm, it FROM t ORDER BY id'
  assert_line --index 0 "$(printf '%s\t' -9223372036854775808 1e22 1 '2024-01-02 01:04:05.000001' 1970-01-02 01:02:03.500000 12345678901234567890123456789.123456789 100000000000000000000 616200)"'{"a":[1,"é😀\\u0001/",1e22,null]}'$'\t\\N\t\\N'
  assert_line --index 1 "0"$'\t\\N\t\\N\t\\N\t\\N\t\\N\t1000.000000000\t0\t\\N\t\\N\t-32768\t2147483647'
  assert_line --index 2 "$(printf '%s\t' 9223372036854775807 -0.5 0 '1969-12-31 23:59:59.999999' 2100-12-31 23:59:59.999999 -0.000000002 -5 '')[]"$'\t\\N\t\\N'
  assert_line --index 3 --partial $'100000.000000000\t99990000'
  run sql 'SELECT hex(t) FROM t ORDER BY id'
  assert_output $'6122C3A95C090A0D2708\n5C4E\n\n\\N'
  run chsql "SELECT groupArray(type) FROM system.columns WHERE database = '$DB' AND table = 't'"
  assert_output "['Nullable(Int64)','Nullable(Float64)','Nullable(UInt8)','Nullable(String)','Nullable(Date)','Nullable(String)','Nullable(Decimal(38, 9))','Nullable(String)','Nullable(String)','Nullable(String)','Nullable(String)','Nullable(Int16)','Nullable(Int32)','String','String']"
}

@test "values of all types in a current server" {
  current
  values
  run sql 'SELECT id, d, b, ts, da, ti, de, w, hex(bi), j, sm, it FROM t ORDER BY id'
  assert_line --index 0 "$(printf '%s\t' -9223372036854775808 1e22 true '2024-01-02 01:04:05.000001' 1970-01-02 01:02:03.500000 12345678901234567890123456789.123456789 100000000000000000000 616200)"'{"a":[1,"é😀\\u0001/",1e22,null]}'$'\t\\N\t\\N'
  assert_line --index 2 --partial '1969-12-31 23:59:59.999999'
  run chsql "SELECT groupArray(type) FROM system.columns WHERE database = '$DB' AND table = 't'"
  assert_output --partial "'Nullable(Bool)','Nullable(DateTime64(6, \\'UTC\\'))','Nullable(Date)','Nullable(String)','Nullable(Decimal(38, 9))','Nullable(Decimal(76, 0))'"
}

# How rows came into part tables: "FORMAT Native", say.
formats() {
  chsql 'SYSTEM FLUSH LOGS'
  chsql "SELECT DISTINCT extract(query, 'FORMAT [A-Za-z]+') FROM system.query_log
    WHERE type = 2 AND startsWith(query, 'INSERT INTO \"$DB\".\"_dlt_part_')"
}

@test "doubles keep their last bit; times in columns of another zone" {
  local logged=${URL/127/logged@127}
  chsql "CREATE TABLE $DB.t (n Int64, d Float64, at DateTime('Asia/Tokyo')) ENGINE = MergeTree ORDER BY n"
  echo '{"n":1,"d":0.1,"at":"2024-01-02T03:04:05Z"}
{"n":2,"d":123456.78901234567,"at":"2024-07-02T03:04:05+02:00"}' | package n
  quiet dlt-load "$logged" n
  run sql 'SELECT n, reinterpretAsUInt64(reinterpretAsString(d)), toUnixTimestamp(at) FROM t ORDER BY n'
  assert_output $'1\t4591870180066957722\t1704164645\n2\t4683220299151009997\t1719882245'
  run formats
  assert_output 'FORMAT Native'
}

@test "tables with types of their own take rows as text" {
  local logged=${URL/127/logged@127}
  chsql "CREATE TABLE $DB.t (n Int64, code FixedString(2)) ENGINE = MergeTree ORDER BY n"
  printf '{"n":%d,"code":"a\\t"}\n' 1 2 | package n
  quiet dlt-load "$logged" n
  run sql 'SELECT n, code FROM t ORDER BY n'
  assert_output $'1\ta\\t\n2\ta\\t'
  run formats
  assert_line 'FORMAT TabSeparated'
}

@test "rows are compressed on their way where the URL says so" {
  local word=rarely_seen_word plain
  seq 1 20000 | sed "s/.*/{\"id\":&,\"text\":\"$word\"}/" | package n
  record_start
  quiet dlt-load "clickhouse://127.0.0.1:$RECORD_PORT/$DB" n
  [ "$(grep -aoc "$word" sent)" -gt 0 ]
  plain=$(wc -c <sent)
  [ "$plain" -gt 1000000 ]
  : >sent
  quiet dlt-load "clickhouse://127.0.0.1:$RECORD_PORT/$DB?compression=zstd" n --dataset packed
  run grep -aoc "$word$word" sent
  assert_output 0
  grep -aq 'decompress=1' sent
  [ "$(wc -c <sent)" -lt $((plain / 2)) ]
  run chsql "SELECT groupBitXor(cityHash64(id, text, _dlt_id)), count() FROM $DB.t"
  plain=$output
  run chsql "SELECT groupBitXor(cityHash64(id, text, _dlt_id)), count() FROM $DB.packed___t"
  assert_output "$plain"
  [[ $output == *$'\t20000' ]]
  fails 2 dlt-load "$URL?compression=maybe" n
  assert_output --partial 'compression=maybe'
}

@test "a dataset is a prefix; what dlt keeps beside the tables" {
  echo '{"id":1,"l":[{"a":1}]}' | package n --primary-key id
  quiet dlt-load "$URL" n
  quiet dlt-load "$URL" n
  quiet dlt-load "$URL" n --dataset 'My Data'
  run chsql "SELECT name FROM system.tables WHERE database = '$DB' ORDER BY name"
  assert_output "$(printf '%s\n' _dlt_jobs _dlt_loads _dlt_pipeline_state _dlt_version dlt_sentinel_table my_data____dlt_jobs my_data____dlt_loads my_data____dlt_pipeline_state my_data____dlt_version my_data___dlt_sentinel_table my_data___t my_data___t__l t t__l)"
  run sql 'SELECT (SELECT count() FROM t), (SELECT count() FROM my_data___t__l), (SELECT count() FROM _dlt_loads)'
  assert_output $'1\t1\t1'
  run chsql "SELECT engine_full FROM system.tables WHERE database = '$DB' AND name = 't'"
  assert_output --partial 'ORDER BY id'
  echo '{"id":2,"new":"x"}' | package m --load-id 7.7
  quiet dlt-load "$URL" m
  run sql 'SELECT id, new FROM t ORDER BY id'
  assert_output $'1\t\\N\n2\tx'
  echo '{"id":3}' | package m --load-id 7.7
  fails 1 dlt-load "$URL" m
  assert_output --partial 'another package with the load id 7.7'
  echo '{"id":"x"}' | package m
  fails 1 dlt-load "$URL" m
  assert_output --partial 'column "id" is'
}

@test "--plan shows statements and touches nothing" {
  echo '{"id":1}' | package n --primary-key id
  run --separate-stderr dlt-load --plan "$URL" n
  [ "$status" -eq 3 ]
  assert_output --partial 'CREATE TABLE IF NOT EXISTS "'"$DB"'"."t" ('
  assert_output --partial 'ENGINE = MergeTree'
  run chsql "SELECT count() FROM system.tables WHERE database = '$DB'"
  assert_output 0
}

@test "values that a type cannot hold fail their row" {
  local v n=0
  for v in 'da:date 1969-12-31' 'da:date 9999-12-31' 'da:bigint,precision=8 128' \
    'de:decimal 123456789012345678901234567890'; do
    printf '{"id":1,"l":1}\n{"id":2,"%s":"%s"}\n' "${v%%:*}" "${v##* }" |
      package n --column "${v%% *}"
    n=$((n + 1))
    fails 1 dlt-load "$URL" n --dataset "bad$n"
    assert_output --partial ':2: column "d'
    assert_output --partial "${v##* } is not within"
  done
  run chsql "SELECT count() FROM $DB.bad1___t"
  assert_output 0
}

@test "wrong password, host down, no such database, not ClickHouse" {
  echo '{"id":1}' | package n
  fails 1 dlt-load "clickhouse://secret:hush@127.0.0.1:$CLICKHOUSE_PORT/$DB" n
  assert_output --partial 'secret'
  assert_output --partial '(ClickHouse error 193)'
  refute_output --partial hush
  fails 1 dlt-load "clickhouse://127.0.0.1:$CLICKHOUSE_PORT/nowhere" n
  assert_output --partial nowhere
  fails 75 dlt-load "clickhouse://127.0.0.1:1/$DB" n
  assert_output --partial "127.0.0.1 port 1"
  fails 2 dlt-load "clickhouse://127.0.0.1:$CLICKHOUSE_PORT/$DB?nonsense=1" n
  fails 2 dlt-load "clickhouse:$DB" n
  fails 2 dlt-load "clickhouse://h:x/$DB" n
}

@test "a password from the URL, a file, the environment, settings; never shown" {
  local host=127.0.0.1:$CLICKHOUSE_PORT/$DB word="geheim'@/: %"
  echo '{"id":1}' | package n
  quiet dlt-load "clickhouse://secret:geheim'%40%2F%3A%20%25@$host" n
  printf '%s\n' "$word" >password
  quiet dlt-load --password-file password "clickhouse://secret@$host" n
  CLICKHOUSE_PASSWORD=$word quiet dlt-load "clickhouse://secret@$host" n
  CLICKHOUSE_USER=secret CLICKHOUSE_PASSWORD=$word quiet dlt-load "clickhouse://$host" n
  DESTINATION__CH__CREDENTIALS="clickhouse://secret:geheim'%40%2F%3A%20%25@$host" \
    quiet dlt-load ch n
  mkdir .dlt
  cat >.dlt/secrets.toml <<T
[destination.clickhouse.credentials]
host = "127.0.0.1"
port = 9440
http_port = $CLICKHOUSE_PORT
secure = 0
username = "secret"
password = "$word"
database = "$DB"
T
  quiet dlt-load clickhouse n --dataset parts
  fails 2 dlt-load "clickhouse://secret:geheim%zz@$host" n
  refute_output --partial geheim
  run sql 'SELECT count() FROM t'
  assert_output 1
}

@test "TLS is verified" {
  local url=clickhouse://127.0.0.1:$CLICKHOUSE_TLS_PORT/$DB
  echo '{"id":1}' | package n
  fails 1 dlt-load "$url?secure=1" n
  assert_output --partial 'certificate'
  quiet dlt-load "$url?secure=1&ca_file=$CLICKHOUSE_DIR/cert.pem" n
  SSL_CERT_FILE=$CLICKHOUSE_DIR/cert.pem quiet dlt-load "$url?secure=1" n
  run sql 'SELECT count() FROM t'
  assert_output 1
}

@test "merges are for newer servers" {
  echo '{"id":1}' | package n --primary-key id --write-disposition merge
  fails 1 dlt-load "$URL" n
  assert_output --partial 'merge'
  assert_output --partial 'not supported'
}

@test "a stream is loaded wholly or not at all" {
  seq 1 3000 | sed 's/.*/{"id":&}/' | dlt-extract -q t=- | dlt-normalize -q --for clickhouse >s
  head -c $(($(wc -c <s) / 2)) s >part
  fails 1 dlt-load "$URL" <part
  run sql 'SELECT (SELECT count() FROM t), (SELECT count() FROM _dlt_loads)'
  [[ $output == $'0\t0' ]] || [[ $output == *"doesn't exist"* ]]
  quiet dlt-load "$URL" <s
  quiet dlt-load "$URL" <s
  run sql 'SELECT (SELECT uniqExact(id) FROM t), (SELECT count() FROM t), (SELECT count() FROM _dlt_loads)'
  assert_output $'3000\t3000\t1'
  run chsql "SELECT count() FROM system.tables WHERE database = '$DB' AND name LIKE '%\_dlt\_part\_%'"
  assert_output 0
}

# Two tables and a replaced one, in the pipeline p.
packages() {
  printf '{"id":%d,"l":[1,2]}\n' 1 2 3 | dlt-extract -q -p p a=-
  printf '{"id":%d,"l":[3]}\n' 7 8 | dlt-extract -q -p p --write-disposition replace r=-
  dlt-normalize -q -p p --for clickhouse
}

rows_of() {
  local d=$DB.$1___
  chsql "SELECT (SELECT groupArray(id) FROM (SELECT id FROM ${d}a ORDER BY id)),
    (SELECT count() FROM ${d}a__l), (SELECT groupArray(id) FROM (SELECT id FROM ${d}r ORDER BY id)),
    (SELECT count() FROM ${d}r__l), (SELECT count() FROM ${d}_dlt_loads), (SELECT count() FROM ${d}_dlt_version)"
}

need_hooks() {
  echo '{"a":1}' | dlt-extract -q -p hooked a=- && dlt-normalize -q -p hooked
  DLT_TEST_FAIL=load_init:1 dlt-load -p hooked sqlite:hooked.db &&
    skip "built without -Dtest_hooks=true"
  return 0
}

# Killed at each point, then again: as if nothing had been.
killed_at_hooks() {
  local point n=0
  packages
  mv data/pipelines/p before
  for point in "$@"; do
    rm -rf data/pipelines/p
    cp -r before data/pipelines/p
    n=$((n + 1))
    DLT_TEST_FAIL=$point dlt-load -q -p p "$URL" --dataset "k$n" 2>/dev/null &&
      continue
    quiet dlt-load -q -p p "$URL" --dataset "k$n"
    run rows_of "k$n"
    assert_output $'[1,2,3]\t6\t[7,8]\t2\t2\t2'
    [ -z "$(ls data/pipelines/p/load/normalized)" ]
  done
}

@test "kill -9 at the points of a load, then again: as if nothing had been" {
  need_hooks
  local points=(load_job:2 clickhouse_decided:2 clickhouse_attach:1 clickhouse_marked:2 clickhouse_merge:1)
  [ "${DLT_TEST_LEVEL:-}" != full ] ||
    points+=(load_batch:1 clickhouse_intent:2 clickhouse_decided:3
      clickhouse_marks:2 clickhouse_marks:4 clickhouse_marked:3 clickhouse_merge:3
      clickhouse_merge:4 load_committed:2 load_finish:1)
  killed_at_hooks "${points[@]}"
  run chsql "SELECT count() FROM system.tables WHERE database = '$DB' AND name LIKE '%\_dlt\_part\_%'"
  assert_output 0
}

@test "kill -9 of a stream, and of the one that completes it" {
  need_hooks
  printf '{"id":%d,"l":[1,2]}\n' 1 2 3 | dlt-extract -q a=- | dlt-normalize -q --for clickhouse >s
  for point in clickhouse_decided:1 clickhouse_attach:1 clickhouse_marked:1; do
    d=$DB.${point%:*}___
    DLT_TEST_FAIL=$point dlt-load -q "$URL" --dataset "${point%:*}" <s 2>/dev/null && false
    DLT_TEST_FAIL=clickhouse_taken:1 dlt-load -q "$URL" --dataset "${point%:*}" <s 2>/dev/null || true
    quiet dlt-load -q "$URL" --dataset "${point%:*}" <s
    run chsql "SELECT (SELECT count() FROM ${d}a), (SELECT count() FROM ${d}a__l), (SELECT count() FROM ${d}_dlt_loads), (SELECT uniqExact(_dlt_id) FROM ${d}a__l)"
    assert_output $'3\t6\t1\t6'
  done
  run chsql "SELECT count() FROM system.tables WHERE database = '$DB' AND name LIKE '%\_dlt\_part\_%'"
  assert_output 0
}

@test "the server is killed in the middle of an INSERT" {
  need_hooks
  seq 1 200000 | sed 's/.*/{"id":&,"text":"lorem ipsum dolor sit amet"}/' | dlt-extract -q -p p _a=-
  dlt-normalize -q -p p --for clickhouse
  DLT_TEST_RUN="clickhouse_send:kill -9 $(<"$CLICKHOUSE_DIR/pid"); true" \
    fails 75 dlt-load -p p -j 1 "$URL" -c load.raise_on_max_retries=1
  assert_output --partial 'table "_a": '
  clickhouse_kill || true
  clickhouse_boot
  quiet dlt-load -q -p p "$URL"
  run chsql "SELECT count(), uniqExact(id) FROM $DB.p_dataset____a"
  assert_output $'200000\t200000'
}

@test "state and schema come back with --sync" {
  printf '{"id":%d,"t":"2024-01-0%dT00:00:00Z"}\n' 1 1 2 2 >t.jsonl
  dlt-extract -q -p p t=t.jsonl
  dlt-normalize -q -p p --for clickhouse
  quiet dlt-load -q -p p "$URL"
  cp data/pipelines/p/schemas/p.schema.json want.json
  rm -rf data
  printf '{"id":3,"new":1}\n' >t.jsonl
  quiet dlt-extract -q -p p --sync "$URL" t=t.jsonl
  run jq -r .version_hash data/pipelines/p/schemas/p.schema.json
  assert_output "$(jq -r .version_hash want.json)"
  # who may only read can be asked, too
  rm -rf data
  quiet dlt-extract -q -p p --sync "${URL/127/reader@127}" t=t.jsonl
  dlt-normalize -q -p p --for clickhouse
  quiet dlt-load -q -p p "$URL"
  run chsql "SELECT count(), sum(new) FROM $DB.p_dataset___t"
  assert_output $'3\t1'
}

@test "several connections at once" {
  seq 1 40000 | sed 's/.*/{"id":&,"l":["lorem ipsum dolor sit amet &"]}/' |
    dlt-extract -q -p p a=-
  dlt-normalize -q -p p --for clickhouse --file-max-items 5000
  quiet dlt-load -q -p p -j 8 "$URL"
  run chsql "SELECT (SELECT uniqExact(id), count() FROM $DB.p_dataset___a), (SELECT uniqExact(value) FROM $DB.p_dataset___a__l)"
  assert_output $'(40000,40000)\t40000'
}

# Steps of tables with a key and nested rows, without any key, with versions.
merge_step() {
  local a=(--primary-key id --write-disposition merge) b=(--write-disposition merge)
  case $1 in
    1) set -- '1 2 3' '1,"l":[1,2]' '1 2' a '1 2' ;;
    2) set -- '2 3 4' '2,"l":[3]' '3' b '1' ;;
  esac
  # shellcheck disable=SC2086
  {
    printf '{"id":%d,"v":'"$2"'}\n' $1 | dlt-extract -q -p p "${a[@]}" m=-
    printf '{"id":%d}\n' $3 | dlt-extract -q -p p "${b[@]}" f=-
    printf '{"id":%d,"v":"'"$4"'","l":[1]}\n' $5 |
      dlt-extract -q -p p --write-disposition merge:scd2 s=-
  }
  dlt-normalize -q -p p --for clickhouse
}

merged() {
  local d=$DB.$1___
  chsql "SELECT (SELECT groupArray(concat(toString(id), ':', toString(v))) FROM (SELECT * FROM ${d}m ORDER BY id)),
    (SELECT groupArray(value) FROM (SELECT value FROM ${d}m__l ORDER BY value)),
    (SELECT groupArray(id) FROM (SELECT id FROM ${d}f ORDER BY id)),
    (SELECT groupArray(concat(toString(id), v, toString(_dlt_valid_to IS NULL))) FROM (SELECT * FROM ${d}s ORDER BY id, v))"
}

@test "merges in a current server; killed, then again" {
  need_hooks
  current
  local point n=0
  merge_step 1
  merge_step 2
  mv data/pipelines/p before
  for point in none clickhouse_merge:16; do
    rm -rf data/pipelines/p
    cp -r before data/pipelines/p
    n=$((n + 1))
    DLT_TEST_FAIL=$point dlt-load -q -p p "$URL" --dataset "m$n" 2>stderr ||
      [ "$point" != none ] || cat stderr
    quiet dlt-load -q -p p "$URL" --dataset "m$n"
    run merged "m$n"
    assert_output "['1:1','2:2','3:2','4:2']"$'\t[1,2,3,3,3]\t[1,2,3]\t'"['1a0','1b1','2a0']"
  done
}

@test "a current server: appended, replaced, killed, as an old one" {
  need_hooks
  current
  killed_at_hooks clickhouse_attach:1 clickhouse_merge:1
}

@test "tables equal those in SQLite, for golden packages" {
  local step
  for step in nested/step1 strings/step1 variants/step1 mild_00/step1; do
    quiet dlt-load -q "sqlite:${step%/*}.db" "$(only "$GOLDEN/$step/normalized")"
    quiet dlt-load -q "$URL" --dataset "g_${step%/*}" "$(only "$GOLDEN/$step/normalized")"
    python3 "$SOURCE_DIR/tests/clickhouse_compare.py" "${step%/*}.db" "$CLICKHOUSE_PORT" "$DB" "g_${step%/*}___"
  done
}
