#!/usr/bin/env bats
# The formats of normalized job files: what is in them, where files end, and
# that databases take them. What Python dlt writes is compared in oracle.bats.

load helper
load postgres
load duckdb

VALUES=$SOURCE_DIR/tests/formats/values.jsonl

setup_file() {
  [ "${DLT_TEST_LEVEL:-base}" = base ] || postgres_start
}

teardown_file() {
  [ "${DLT_TEST_LEVEL:-base}" = base ] || postgres_stop
}

# The rows of table t in a format, decompressed: written FORMAT [OPTION...]
written() {
  local format=$1
  shift
  rm -rf out
  dlt-extract -q --load-id 1.5 -o in t="${INPUT:-$VALUES}"
  typed_rows in t "${INPUT:-$VALUES}"
  dlt-normalize -q --compression none --format "$format" "$@" -o out in
  rm -rf in
}

# The text of the job files of a table, ids taken out.
text() {
  cat out/new_jobs/"$1".* | sed -E 's|[A-Za-z0-9+/]{14}|ID|g'
}

@test "insert_values: literals of PostgreSQL" {
  INPUT=two.jsonl
  printf '%s\n' '{"id":1,"t":"it'"'"'s \\ a\nline {}","f":1e5,"b":true,"d":"2024-01-02T03:04:05Z","n":null}' \
    '{"id":-2,"f":0.1,"l":[{"x":"y"}]}' >two.jsonl
  written insert_values
  run text t
  assert_output "INSERT INTO {}(\"id\",\"t\",\"f\",\"b\",\"d\",\"_dlt_load_id\",\"_dlt_id\")
VALUES
(1,E'it''s \\\\ a\\nline {}',100000.0,True,'2024-01-02T03:04:05+00:00',E'1.5',E'ID'),
(-2,NULL,0.1,NULL,NULL,E'1.5',E'ID');"
  [ "$(tail -c 1 out/new_jobs/t.*)" = ';' ]
}

@test "insert_values: each destination has its own literals and names" {
  printf '%s\n' '{"a":"it'"'"'s\t\\","b":true}' >one.jsonl
  literal() {
    INPUT=one.jsonl written insert_values --for "$1"
    text t | sed -n '$p' | cut -d, -f 1-2
    text t | grep -o '(.a.,'
  }
  [ "$(literal duckdb)" = "(E'it''s	\\\\',True"$'\n''("a",' ]
  [ "$(literal redshift)" = "('it''s	\\\\',True"$'\n''("a",' ]
  [ "$(literal mssql)" = "(N'it''s' + CHAR(9) + N'\\',1"$'\n''("a",' ]
  [ "$(literal synapse)" = "SELECT N'it''s' + CHAR(9) + N'\\',1"$'\n''("a",' ]
  [ "$(literal snowflake)" = "('it''s	\\',True"$'\n''("a",' ]
  [ "$(literal clickhouse)" = "('it''s\\t\\\\',True"$'\n''(`a`,' ]
  [ "$(literal bigquery)" = "('it\\'s\\t\\\\',TRUE"$'\n''(`a`,' ]
  [ "$(literal databricks)" = "('it\\'s	\\\\',True"$'\n''(`a`,' ]
}

@test "csv: quoting modes, delimiter, header" {
  printf '%s\n' '{"a":1,"b":"x","c":"two\nlines, \"q\"","d":true}' >one.jsonl
  csv() {
    INPUT=one.jsonl written csv "$@"
    text t | sed 's/,*.1\.5.*//; s/;.1\.5.*//'
  }
  [ "$(csv)" = '"a","b","c","d","_dlt_load_id","_dlt_id"
1,"x","two
lines, ""q""",True' ]
  [ "$(csv -c normalize.data_writer.quoting=quote_all | tail -n 2)" = '"1","x","two
lines, ""q""","True"' ]
  [ "$(csv -c normalize.data_writer.quoting=quote_minimal \
    -c normalize.data_writer.include_header=false)" = '1,x,"two
lines, ""q""",True' ]
  [ "$(csv -c 'normalize.data_writer.delimiter=;' | sed -n 2p)" = '1;"x";"two' ]
  fails 1 dlt-normalize --format csv -c normalize.data_writer.quoting=quote_none \
    -o out2 <(dlt-extract t=one.jsonl)
  fails 2 dlt-normalize --format csv -c normalize.data_writer.delimiter=ab -o out2
  assert_output --partial 'data_writer.delimiter'
}

@test "csv: bytes that are no text are an error that names the column" {
  echo '{"x":"/w=="}' | dlt-extract -q -o in --column x:binary t=-
  fails 1 dlt-normalize --format csv -o out in
  assert_output --partial 'table t: column x: bytes that are no UTF-8 text'
  [ ! -e out ]
}

@test "typed-jsonl: values are marked by the type of their column" {
  INPUT=one.jsonl
  echo '{"d":"2024-01-02T03:04:05Z","t":"x","n":[1]}' >one.jsonl
  written typed-jsonl
  [ "$(jq -r '.[0].d' out/new_jobs/t.*)" = $'\xef\x80\xa7''2024-01-02T03:04:05+00:00' ]
  [ "$(jq -r '.[0].t' out/new_jobs/t.*)" = x ]
  run jq -c 'map(keys)' out/new_jobs/t__n.*
  assert_output '[["_dlt_id","_dlt_list_idx","_dlt_parent_id","value"]]'
}

@test "a new column ends a file of csv at once, one of insert_values when written to" {
  printf '{"a":%s}\n' 1 2 >in.jsonl
  printf '{"a":%s,"b":1}\n' 3 4 >>in.jsonl
  files() {
    INPUT=in.jsonl written "$@"
    find out/new_jobs -name 't.*' | wc -l
  }
  [ "$(files csv)" = 2 ]
  [ "$(files insert_values)" = 1 ]
  [ "$(files insert_values --buffer-max-items 1)" = 2 ]
  [ "$(files typed-jsonl --buffer-max-items 1)" = 1 ]
  [ "$(files csv --file-max-items 3 --buffer-max-items 1)" = 4 ]
}

@test "the format does not depend on workers, compression or wiring" {
  local f o
  export SOURCE_DATE_EPOCH=1
  dlt-extract -q --deterministic -o in t="$GOLDEN/github_events/step1/input.jsonl"
  for f in insert_values csv typed-jsonl; do
    for o in '-j 1' '-j 4' '--compression zstd' '--compression gzip'; do
      rm -rf out
      # shellcheck disable=SC2086
      DLT_TEST_BLOCK=3000 dlt-normalize -q --deterministic --format $f \
        --compression none $o -o out in
      for x in out/new_jobs/*; do
        case $x in
          *.zst) zstd -dc "$x" ;;
          *.gz) gzip -dc "$x" ;;
          *) cat "$x" ;;
        esac
      done >"text.$f.${o// /}"
    done
    rm -rf out && mkdir out
    dlt-normalize -q --deterministic --format $f --compression none in |
      tar x -C out --strip-components 1
    cat out/new_jobs/* | cmp - "text.$f.-j1"
    [ "$(md5sum text.$f.* | cut -d' ' -f1 | sort -u | wc -l)" = 1 ]
  done
}

@test "the format: option, hint, destination" {
  echo '{"a":1}' >one.jsonl
  fails 2 dlt-normalize --format xml -o out one
  assert_output --partial 'insert_values'
  fails 2 dlt-normalize --for duckdb --format csv -o out one
  assert_output --partial 'duckdb does not take csv, but insert_values'
  dlt-extract -q -o in t=one.jsonl
  dlt-normalize -q --for postgres -o pg in
  ls pg/new_jobs/t.*.insert_values.zst
  dlt-normalize -q --for sqlalchemy -o sql in
  ls sql/new_jobs/t.*.typed-jsonl.zst
  dlt-normalize -q --for postgresql://h/db -o ours in
  ls ours/new_jobs/t.*.jsonl.zst
  dlt-package schema in | jq '.tables.t.file_format = "csv"' >schema.json
  dlt-normalize -q --schema schema.json -o hint in
  ls hint/new_jobs/t.*.csv.zst
  dlt-normalize --schema schema.json --for duckdb -o warned in 2>warning
  ls warned/new_jobs/t.*.insert_values.zst
  grep -q 'file_format "csv" is not for duckdb' warning
}

@test "an imported file goes on as it is, where the destination takes it" {
  echo '{"a":1}' | dlt-extract -q -o in t=- u=- --column u.x:bigint 2>log ||
    dlt-extract -q -o in --column u.x:bigint t=<(echo '{"a":1}') u=<(echo '{"x":1}')
  rm in/manifest.json in/new_jobs/u.*
  printf 'x\n7\n' | gzip >in/new_jobs/u.0123456789.0.csv.gz
  dlt-normalize -q -o out in
  cmp in/new_jobs/u.* out/new_jobs/u.*.csv.gz
  [ "$(dlt-package schema out | jq '.tables.u."x-normalizer"."seen-data"')" = true ]
  [ "$(jq -c '.jobs[] | select(.table == "u") | .rows' out/manifest.json)" = null ]
  fails 1 dlt-normalize --for duckdb -o out2 in
  assert_output --partial 'duckdb does not take csv'
  [ ! -e out2 ]
}

# ---- databases take them ----

each_table() {
  find out/new_jobs -type f -printf '%f\n' | cut -d. -f 1 | sort -u |
    grep -v _dlt_pipeline
}

# csv cannot tell nothing from an empty text: neither do these.
pg_rows() {
  pgsql "$DB" "SELECT row_to_json(r) FROM \"$1\".\"$2\" r" | jq -cS '
    with_entries(select(.key | test("^_dlt_(id|parent_id|root_id)$") | not)
    | if .value == "" or .value == "\\x" then .value = null else . end)' | sort
}

duck_rows() {
  duckq db.duckdb "SELECT coalesce(CAST(COLUMNS(c -> c NOT IN ('_dlt_id',
    '_dlt_parent_id', '_dlt_root_id')) AS VARCHAR), '') FROM \"$1\".\"$2\"" | sort
}

# The files of $1 in table $2 of PostgreSQL, by psql alone.
into_postgres() {
  local names
  pgsql "$DB" "CREATE TABLE \"$2\" (LIKE ref.\"$2\")"
  case $1 in
    *.csv)
      names=$(head -n 1 "$1")
      psql -qX -d "$DB" -c "\\copy \"$2\" ($names) FROM '$1' (FORMAT csv, HEADER, FORCE_NULL ($names))"
      ;;
    *)
      sed "1s/{}/\"$2\"/" "$1" >statement.sql
      psql -qX -v ON_ERROR_STOP=1 -d "$DB" -f statement.sql
      ;;
  esac
}

into_duckdb() {
  local names
  duckq db.duckdb "CREATE TABLE \"$2\" AS FROM ref.\"$2\" LIMIT 0"
  case $1 in
    *.csv)
      names=$(head -n 1 "$1")
      duckq db.duckdb "COPY \"$2\" ($names) FROM '$1' (FORMAT csv, HEADER, NULLSTR '', QUOTE '\"', ESCAPE '\"', NEW_LINE '\\n')"
      ;;
    *) duckq db.duckdb "$(sed "1s/{}/\"$2\"/" "$1")" ;;
  esac
}

# The values without what SQL cannot spell, -0.0; for csv without what one file
# cannot have, columns that come later.
values_for() {
  sed 's/"f": -0.0/"f": -1.5/' "$VALUES" | if [ "$1" = csv ]; then
    jq -c 'select(.id == 1 or .id == 4) | .f += 0.5 | {id, t, f, b, d, ts, da, tm, bin, w, l}'
  else
    cat
  fi >values.jsonl
  INPUT=values.jsonl
}

@test "psql loads insert_values and csv, with the rows of jsonl" {
  need_level all
  local URL DB=formats f
  URL=$(postgres_db formats)
  for f in insert_values csv; do
    pgsql "$DB" 'SET client_min_messages = error; DROP SCHEMA public CASCADE;
      CREATE SCHEMA public; DROP SCHEMA IF EXISTS ref CASCADE;
      DROP SCHEMA IF EXISTS ref_staging CASCADE'
    values_for $f
    written jsonl --for postgresql:
    dlt-load -q "$URL" --dataset ref out
    written $f --for postgres
    for t in $(each_table); do
      into_postgres out/new_jobs/"$t".* "$t"
      pg_rows ref "$t" >want
      pg_rows public "$t" >have
      [ -s want ]
      diff want have
    done
  done
}

@test "DuckDB loads insert_values and csv, with the rows of jsonl" {
  need_level all
  need_duckdb
  for f in insert_values csv; do
    rm -f db.duckdb
    values_for $f
    written jsonl --for duckdb:
    dlt-load -q duckdb:db.duckdb --dataset ref out
    if [ $f = csv ]; then
      written csv
    else
      written insert_values --for duckdb
    fi
    for t in $(each_table); do
      into_duckdb out/new_jobs/"$t".* "$t"
      duck_rows ref "$t" >want
      duck_rows main "$t" >have
      [ -s want ]
      diff want have
    done
  done
}
