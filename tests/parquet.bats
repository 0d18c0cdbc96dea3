#!/usr/bin/env bats
# Parquet, written and read by DuckDB. Without its library only the messages
# are tested (see duckdb.bash).

load helper
load duckdb

setup_file() {
  python_dlt
}

# The columns of a file: name|type.
columns_in() {
  duckq : "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM
    read_parquet('$1'))"
}

# An extracted package as Python dlt makes it of Arrow tables: arrow DIR SQL,
# the query being the content of table t, whose columns are the other operands
# (name:type).
arrow() {
  local dir=$1 sql=$2
  shift 2
  printf '{}\n' | dlt-extract --load-id "$dir" "${@/#/--column=t.}" \
    -o "$dir" t=-
  rm "$dir"/new_jobs/t.* "$dir/manifest.json"
  duckq : "COPY ($sql) TO '$dir/new_jobs/t.0123456789.0.parquet' (FORMAT parquet)"
}

@test "--format parquet without the library: usage, nothing written" {
  printf '{"id":1}\n' | dlt-extract -o in t=-
  fails 2 env DLT_LIBDUCKDB=/nonexistent.so \
    dlt-normalize --format parquet -o out in
  assert_output --partial DLT_LIBDUCKDB
  [ ! -e out ]
}

@test "--format parquet: types and values" {
  need_duckdb
  printf '%s\n' '{"id":1,"f":1.5,"b":true,"s":"x","ts":"2024-01-02T03:04:05.000006Z","big":18446744073709551616,"l":[1,2],"dec":"1.10","j":{"a":[1]},"bin":"YWI=","d":"2024-01-02","tm":"01:02:03"}' \
    '{"id":2,"dec":"-0.000000001"}' >r
  dlt-extract -o in --column t.dec:decimal --column t.j:json \
    --column t.bin:binary --column t.d:date --column t.tm:time t=r
  quiet dlt-normalize --format parquet -o out in
  run columns_in "$(echo out/new_jobs/t.*)"
  assert_line 'id|BIGINT'
  assert_line 'f|DOUBLE'
  assert_line 'b|BOOLEAN'
  assert_line 's|VARCHAR'
  assert_line 'ts|TIMESTAMP WITH TIME ZONE'
  assert_line 'big|DECIMAL(38,0)'
  assert_line 'dec|DECIMAL(38,9)'
  assert_line 'j|VARCHAR'
  assert_line 'bin|BLOB'
  assert_line 'd|DATE'
  assert_line 'tm|TIME'
  run duckq : "SELECT id, f, b, s, ts, big, dec, j, bin, d, tm
    FROM read_parquet('$(echo out/new_jobs/t.*)') ORDER BY id"
  assert_line -n 0 '1|1.5|true|x|2024-01-02 03:04:05.000006+00|18446744073709551616|1.100000000|{"a":[1]}|ab|2024-01-02|01:02:03'
  assert_line -n 1 '2|NULL|NULL|NULL|NULL|NULL|-0.000000001|NULL|NULL|NULL|NULL'
}

@test "a number that the column cannot hold: an error with its column" {
  need_duckdb
  printf '{"dec":"1.1234567891"}\n' >r
  dlt-extract -o in --column t.dec:decimal t=r
  fails 1 dlt-normalize --format parquet -o out in
  assert_output --partial 'column "dec": a number has more than 9 digits'
  [ ! -e out ]
}

@test "Arrow tables without the library: usage, nothing written" {
  need_duckdb
  arrow 1 'SELECT 1 AS id' id:bigint
  fails 2 env DLT_LIBDUCKDB=/nonexistent.so dlt-normalize -o out 1
  assert_output --partial DLT_LIBDUCKDB
  [ ! -e out ]
}

@test "Arrow tables go on as they are to a destination that loads Parquet" {
  need_duckdb
  arrow 1 "SELECT 1::BIGINT AS id, 'x' AS s" id:bigint s:text
  for target in duckdb postgres filesystem clickhouse; do
    quiet dlt-normalize --for $target -o out 1
    cmp 1/new_jobs/t.0123456789.0.parquet out/new_jobs/t.*.parquet
  done
}

@test "Arrow tables become rows for all others" {
  need_duckdb
  arrow 1 "SELECT 1::BIGINT AS id, 'it''s \"é\"' AS s, 1.50::DECIMAL(4,2) AS dec,
    TIMESTAMPTZ '2024-01-02 03:04:05.000006+00' AS ts, TIME '01:02:03' AS tm,
    DATE '2024-01-02' AS d, 'ab'::BLOB AS bin, {'a': [1, 2]} AS j,
    'nan'::DOUBLE AS f UNION ALL BY NAME SELECT 2::BIGINT AS id" \
    id:bigint s:text dec:decimal ts:timestamp tm:time d:date bin:binary j:json \
    f:double
  quiet dlt-normalize -o out 1
  run dlt-package cat t out
  assert_line '{"id":1,"s":"it'\''s \"é\"","dec":"1.50","ts":"2024-01-02T03:04:05.000006+00:00","tm":"01:02:03","d":"2024-01-02","bin":"YWI=","j":{"a":[1,2]},"f":null}'
  assert_line '{"id":2}'
  quiet dlt-load sqlite:x.db out
  [ "$(sqlite3 x.db 'select count(*) from t')" = 2 ]
}

@test "a file is rewritten where the schema has other names or more columns" {
  need_duckdb
  arrow 1 "SELECT 'x' AS s, 1::BIGINT AS \"Id\"" id:bigint s:text new:double
  quiet dlt-normalize --for duckdb -o out 1
  run columns_in "$(echo out/new_jobs/t.*)"
  assert_output $'id|BIGINT\ns|VARCHAR\nnew|DOUBLE'
  arrow 2 'SELECT 1 AS "a b", 2 AS a_b' a_b:bigint
  fails 1 dlt-normalize --for duckdb -o out2 2
  assert_output --partial 'have one name, "a_b"'
}

@test "add_dlt_id: rows get ids" {
  need_duckdb
  arrow 1 'SELECT unnest(range(5)) AS id' id:bigint
  quiet dlt-normalize --for duckdb -o out \
    -c normalize.parquet_normalizer.add_dlt_id=true 1
  run duckq : "SELECT count(DISTINCT _dlt_id), min(length(_dlt_id))
    FROM read_parquet('$(echo out/new_jobs/t.*)')"
  assert_output '5|14'
}

@test "a damaged file: status 1, nothing written" {
  need_duckdb
  arrow 1 'SELECT 1 AS id' id:bigint
  printf 'PAR1 no' >1/new_jobs/t.0123456789.0.parquet
  fails 1 dlt-normalize -o out 1
  assert_output --partial 't.0123456789.0.parquet: '
  [ ! -e out ]
}

need_dlt_arrow() {
  need_dlt 'duckdb, pyarrow'
  need_duckdb
}

@test "files hold what those of Python dlt hold" {
  need_dlt_arrow
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/arrow.py" live write
}

@test "Arrow tables: as Python dlt, extracted and loaded by it" {
  need_dlt_arrow
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/arrow.py" live drop-in
}

# ---- as an input of dlt-extract ----

@test "rows of Parquet files: exact types, names, many rows" {
  need_duckdb
  duckq : "COPY (SELECT 9007199254740993::BIGINT AS id, 1.10::DECIMAL(9,2) AS dec,
    TIMESTAMPTZ '2024-01-02 03:04:05.000006Z' AS ts, DATE '2024-01-02' AS d,
    'caf\u00e9' AS s, [1, 2] AS l, {'a': 1.5} AS j, NULL::INT AS n)
    TO 'one.parquet' (FORMAT parquet)"
  mkdir dir
  duckq : "COPY (SELECT range AS id FROM range(50000)) TO 'dir/a[1].parquet' (FORMAT parquet)"
  duckq : "COPY (SELECT 50000 + range AS id FROM range(50000)) TO 'dir/b.PARQUET' (FORMAT parquet)"
  dlt-extract one.parquet many=dir | dlt-normalize | dlt-load -q sqlite:x.db
  run sqlite3 x.db "SELECT id, dec, ts, d, s, j__a FROM one" \
    "SELECT group_concat(value) FROM one__l" \
    "SELECT count(*), count(DISTINCT id), max(id) FROM many"
  assert_output --partial $'9007199254740993|1.1|2024-01-02 03:04:05.000006'
  assert_output --partial $'1,2\n100000|100000|99999'
}

@test "Parquet files that are none, or are not there" {
  need_duckdb
  echo nonsense >bad.parquet
  fails 1 dlt-extract -o p bad.parquet
  assert_output --partial 'bad.parquet: '
  fails 1 dlt-extract -o p none.parquet
  assert_output --partial 'none.parquet: No such file or directory'
  [ ! -e p ]
  fails 2 env DLT_LIBDUCKDB=/nonexistent.so dlt-extract -o p bad.parquet
  assert_output --partial DLT_LIBDUCKDB
}

@test "an incremental cursor over a Parquet file" {
  need_duckdb
  duckq : "COPY (SELECT range AS id FROM range(10)) TO 't.parquet' (FORMAT parquet)"
  dlt-extract --incremental id,initial=7 -o p t.parquet
  run -0 dlt-package cat t p
  assert_output $'{"id":7}\n{"id":8}\n{"id":9}'
}
