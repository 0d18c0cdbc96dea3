#!/usr/bin/env bats
# Job files in all formats that normalize writes, here or in Python dlt, into a
# destination: what comes in is what comes of jsonl.

# shellcheck disable=SC2030,SC2031
load helper
load duckdb

setup_file() {
  python_dlt
}

# What csv cannot tell apart is one: empty strings are null.
empty_is_null() {
  sed -E ":a; s/([[ ])''([],])/\1None\2/; ta" "$1" | sort
}

# The package in/ by way of jsonl, for same.
wanted() {
  rm -rf want want.db
  dlt-normalize -q --deterministic --format jsonl -o want in
  dlt-load sqlite:want.db want 2>stderr || return
  sqlite_dump want.db >want.txt
}

# same FORMAT [LOAD-OPTION...] -- NORMALIZE-OPTION...: the package in/ comes to
# the same tables as of jsonl.
same() {
  local format=$1 how=()
  shift
  while [ "$1" != -- ]; do
    how+=("$1")
    shift
  done
  shift
  rm -rf have have.db
  dlt-normalize -q --deterministic --format "$format" "$@" -o have in
  quiet dlt-load "${how[@]}" sqlite:have.db have
  sqlite_dump have.db >have.txt
  if [ "$format" = csv ]; then
    diff <(empty_is_null want.txt) <(empty_is_null have.txt)
  else
    diff want.txt have.txt
  fi
}

values() {
  dlt-extract -q --load-id 1 -o in --column t.d:decimal --column t.da:date \
    --column t.tm:time --column t.bin:binary --column t.w:wei \
    --column t.o:json t="$SOURCE_DIR/tests/formats/values.jsonl"
  typed_rows in t "$SOURCE_DIR/tests/formats/values.jsonl"
  wanted
}

# for_golden N COMMAND...: for the rows of each golden case; of each Nth at the
# level all, of some at the base level.
for_golden() {
  local case only='*' each=$1 n=0
  shift
  case ${DLT_TEST_LEVEL:-base} in
    base) only='@(strings|numbers|nested|names|variants|fuzz_0[01])' each=1 ;;
    full) each=1 ;;
  esac
  shopt -s extglob
  for case in "$GOLDEN"/$only/step1/input.jsonl; do
    ((n++ % each == 0)) || continue
    rm -rf in
    dlt-extract -q --load-id 1 -o in t="$case"
    wanted || {
      # integers that SQLite has not
      grep 'fit into 64 bits' stderr
      continue
    }
    "$@" || {
      echo "# $case"
      return 1
    }
  done
}

texts() {
  same insert_values -- --for duckdb
  same csv --
  same typed-jsonl --
}

all_dialects() {
  local to
  for to in mssql synapse clickhouse bigquery redshift databricks; do
    same insert_values -- --for $to || return
  done
}

# A package with one table of two rows in that format: small FORMAT OPTION...
small() {
  local format=$1
  shift
  rm -rf n in
  printf '%s\n' '{"id":1,"s":"a'\''b","f":1.5,"b":true}' '{"id":2,"s":"c"}' |
    dlt-extract --load-id 1 -o in t=-
  dlt-normalize --deterministic --format "$format" --compression none "$@" \
    -o n in
  file=$(echo n/new_jobs/t.*)
  rm -f n/manifest.json
}

# No rows, whether there is a table or not.
nothing_in() {
  [ ! -e "$1" ] || ! sqlite3 "$1" 'select 1 from t' 2>/dev/null | grep -q 1
}

# refused LINE TEXT: the file as changed is not loaded, and nothing of it.
refused() {
  rm -f x.db
  fails 1 dlt-load sqlite:x.db n
  assert_output --partial "${file#n/}:$1: "
  assert_output --partial "$2"
  nothing_in x.db
}

@test "insert_values of all destinations" {
  values
  local to
  for to in postgres duckdb mssql synapse clickhouse bigquery redshift \
    databricks; do
    same insert_values -- --for $to || {
      echo "# $to"
      return 1
    }
  done
  same insert_values -c load.data_writer.backslashes=false -- --for snowflake
  fails 1 dlt-load sqlite:other.db have
  assert_output --partial load.data_writer.backslashes
}

@test "the golden rows as insert_values, csv and typed-jsonl" {
  for_golden 2 texts
}

@test "the golden rows as insert_values of all destinations" {
  need_level all
  for_golden 4 all_dialects
}

@test "the golden rows as parquet" {
  need_level all
  need_duckdb
  for_golden same parquet --
}

@test "what Python dlt writes, in all formats" {
  need_dlt
  unset DLT_DATA_DIR
  "$DLT_PYTHON" "$SOURCE_DIR/tests/formats/finish.py" "$GOLDEN" values nested \
    variants evolution strings names fuzz_00 fuzz_01
}

@test "csv in all modes" {
  values
  same csv --
  same csv -- -c normalize.data_writer.quoting=quote_all
  same csv -- -c normalize.data_writer.quoting=quote_minimal
  same csv -- -c 'normalize.data_writer.delimiter=;'
  same csv -- -c 'normalize.data_writer.delimiter=|' \
    -c normalize.data_writer.quoting=quote_minimal
  local no=data_writer.include_header=false
  same csv -c load.$no -- -c normalize.$no
  same csv -c normalize.$no -c 'load.data_writer.delimiter=;' -- \
    -c normalize.$no -c 'normalize.data_writer.delimiter=;'
  rm -rf in
  printf '%s\n' '{"a":1,"b":"x"}' '{"a":2}' | dlt-extract --load-id 1 -o in t=-
  wanted
  same csv -- -c normalize.data_writer.quoting=quote_none
}

@test "compressed job files" {
  values
  local codec
  for codec in gzip zstd none; do
    same insert_values -- --for postgres --compression $codec
    same csv -- --compression $codec
  done
}

@test "parquet" {
  need_duckdb
  printf '%s\n' \
    '{"id":1,"s":"","f":1e22,"ts":"2024-01-02T03:04:05.000006Z","b":true}' \
    '{"id":2,"bin":"YWI=","da":"2024-01-02","tm":"01:02:03","w":"100"}' \
    '{"id":3,"o":{"k":[1,"x",{}]},"d":"1.10","l":[{"a":1},{"b":"c"}]}' \
    '{"id":4,"o":"text"}' >r
  dlt-extract --load-id 1 -o in --column t.d:decimal --column t.da:date \
    --column t.tm:time --column t.bin:binary --column t.w:wei \
    --column t.o:json t=r
  wanted
  same parquet --
}

@test "parquet that is damaged, has a strange column, or finds no library" {
  need_duckdb
  small parquet
  fails 2 env DLT_LIBDUCKDB=/nonexistent.so dlt-load sqlite:x.db n
  assert_output --partial DLT_LIBDUCKDB
  cp "$file" whole
  head -c 100 whole >"$file"
  fails 1 dlt-load sqlite:x.db n
  assert_output --partial "${file#n/}: parquet: "
  duckq : "COPY (SELECT 1 AS id, 2 AS strange) TO '$file' (FORMAT parquet)"
  fails 1 dlt-load sqlite:x.db n
  assert_output --partial "${file#n/}: \"strange\" is no column of table \"t\""
  nothing_in x.db
  # no file is left behind
  run find . -name 'dlt-load.*'
  assert_output ''
}

@test "insert_values: what is cut, foreign or too much is refused" {
  small insert_values --for duckdb
  cp "$file" whole
  local bytes
  bytes=$(wc -c <whole)
  for cut in 5 20 $((bytes - 40)) $((bytes - 2)) $((bytes - 1)); do
    head -c "$cut" whole >"$file"
    fails 1 dlt-load sqlite:x.db n
    assert_output --partial "${file#n/}:"
  done
  { cat whole && printf '\nDROP TABLE t;'; } >"$file"
  refused 5 'something follows the last row'
  sed 's/"s"/"strange"/' whole >"$file"
  refused 1 '"strange" is no column of table "t"'
  sed 's/"s"/"id"/' whole >"$file"
  refused 1 'column "id" stands twice'
  sed '4s/(2,/(2,3,/' whole >"$file"
  refused 4 'column "s": text'
  sed '3s/(1,/(now(),/' whole >"$file"
  refused 3 'column "id": "now" is no function that is known'
  sed "4s/E'c'/E'\\\\q'/" whole >"$file"
  refused 4 'column "s": bad escape'
  sed '4s/,NULL,/,/' whole >"$file"
  refused 4 'column "b": bool cannot hold a text'
  printf 'SELECT 1' >"$file"
  refused 1 'expected "INSERT INTO {}("'
}

@test "insert_values and csv without rows" {
  small insert_values --for duckdb
  head -n 2 "$file" >x && cp x "$file"
  quiet dlt-load sqlite:a.db n
  [ "$(sqlite3 a.db 'select count(*) from t')" = 0 ]
  small insert_values --for synapse
  head -n 1 "$file" >x && cp x "$file"
  quiet dlt-load sqlite:b.db n
  small csv
  head -n 1 "$file" >x && cp x "$file"
  quiet dlt-load sqlite:c.db n
  [ "$(sqlite3 c.db 'select count(*) from t')" = 0 ]
  : >"$file"
  refused 1 'the file ends in its header'
}

@test "csv: what is cut, foreign or too much is refused" {
  small csv
  cp "$file" whole
  local bytes
  bytes=$(wc -c <whole)
  head -c $((bytes - 1)) whole >"$file"
  refused 3 'the file ends in a row'
  sed -n '1p; 2s/b".*//p' whole | head -c -1 >"$file"
  refused 2 'the file ends in a row'
  sed '1s/"s"/"strange"/' whole >"$file"
  refused 1 'the header: "strange" is no column of table "t"'
  sed '2s/^1/1,1/' whole >"$file"
  refused 2 'column "f": "a'
  sed '3s/$/,x/' whole >"$file"
  refused 3 'more fields than the 6 columns'
  sed '3s/,[^,]*$//' whole >"$file"
  refused 3 'fewer fields than the 6 columns'
  sed '3s/^2/two/' whole >"$file"
  refused 3 'column "id": "two" is no bigint'
  sed '3s/^2/"2"x/' whole >"$file"
  refused 3 'behind a quote'
  { cat whole && echo garbage; } >"$file"
  refused 4 'fewer fields than the 6 columns'
}

@test "csv: what is null, and bytes" {
  printf '%s\n' '{"s":"","n":"","x":1}' |
    dlt-extract --load-id 1 -o in --column t.bin:binary --column t.s:text \
      --column t.n:text t=-
  dlt-normalize --deterministic --format csv --compression none -o n in
  file=$(echo n/new_jobs/t.*)
  rm -f n/manifest.json
  cat "$file"
  jq '.tables.t.columns.s.nullable = false' n/schema.json >x
  cp x n/schema.json
  printf 's,n,x,bin,_dlt_id,_dlt_load_id\n%s\n%s\n%s\n' \
    '"","",1,"\x6162",a,1' ',,2,plain,b,1' '"x, ""y""","
",3,,c,1' >"$file"
  quiet dlt-load sqlite:d.db n
  run sqlite3 -line d.db "select quote(s), quote(n), quote(bin) from t
    order by x"
  assert_line --index 0 --partial "''"
  assert_line --index 1 --partial NULL
  assert_line --index 2 --partial "X'6162'"
  assert_line --index 3 --partial "''"
  assert_line --index 4 --partial NULL
  assert_line --index 5 --partial "X'706C61696E'"
  assert_line --index 6 --partial "'x, \"y\"'"
}

@test "what was loaded is not loaded again" {
  small insert_values --for postgres
  mkdir again
  cp -r n again/n
  quiet dlt-load sqlite:d.db n
  quiet dlt-load sqlite:d.db again/n
  [ "$(sqlite3 d.db 'select count(*) from t')" = 2 ]
  [ "$(sqlite3 d.db "select rows from _dlt_jobs where job_id = ''")" -ge 2 ]
}

@test "normalize for DuckDB, and load" {
  need_duckdb
  values
  dlt-normalize -q --for duckdb in | quiet dlt-load duckdb:d.db
  run duckq d.db "SELECT id, t, bin, d FROM main.t ORDER BY id"
  assert_output --partial "ab"
  [ "$(duckq d.db 'SELECT count(*) FROM main.t')" = 6 ]
}

@test "formats that cannot be loaded: which can" {
  small csv
  local other=${file/.csv/.model}
  mv "$file" "$other"
  fails 1 dlt-load sqlite:d.db n
  assert_output --partial 'format model'
}
