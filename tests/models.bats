#!/usr/bin/env bats
# Job files that are not rows: models (one SELECT statement) and files that a
# user's source imports, as Python dlt extracts them.
# shellcheck disable=SC2016

load helper

setup_file() {
  python_dlt
}

# model SQL [DIALECT]: an extracted package, 1.5, with the table t (id, name).
model() {
  echo '{"id":1,"name":"x"}' >t.jsonl
  rm -rf 1.5 out
  dlt-extract -q -o 1.5 --load-id 1.5 --column t.id:bigint --column t.name:text t=t.jsonl
  rm 1.5/new_jobs/t.* 1.5/manifest.json
  printf 'dialect: %s\n%s\n' "${2-duckdb}" "$1" >1.5/new_jobs/t.0000000001.0.model
}

# gives DIALECT SQL WANT: the statement that normalize makes of it.
gives() {
  model "$2" "$1"
  quiet dlt-normalize -q --for "${4:-duckdb}" -o out 1.5
  printf 'dialect: %s\n%s\n' "$1" "$3" | diff - out/new_jobs/t.*.model
}

@test "a model: the columns of the schema, in their order, and the load id" {
  gives duckdb 'SELECT name, id AS "Id" FROM d.t;' \
    "SELECT _dlt_subquery.\"Id\" AS \"id\", _dlt_subquery.\"name\" AS \"name\", '1.5' AS \"_dlt_load_id\" FROM (SELECT name, id AS \"Id\" FROM d.t) AS _dlt_subquery"
  jq -e '.tables.t.columns._dlt_load_id == {name: "_dlt_load_id", data_type: "text", nullable: false, precision: 64}
    and .tables.t["x-normalizer"]["seen-data"]' out/schema.json
  jq -e '.t.columns._dlt_load_id' out/schema_updates.json
  quiet dlt-package verify out
  # what is missing is null, what is too much is left out
  gives bigquery 'SELECT `x y`.id, other FROM `x y` -- "' \
    "SELECT _dlt_subquery.\`id\` AS \`id\`, NULL AS \`name\`, '1.5' AS \`_dlt_load_id\` FROM (SELECT \`x y\`.id, other FROM \`x y\`) AS _dlt_subquery" bigquery
  gives snowflake "SELECT id, max('a\\' , ') AS name FROM t GROUP BY 1" \
    "SELECT _dlt_subquery.\"id\" AS \"ID\", _dlt_subquery.\"name\" AS \"NAME\", '1.5' AS \"_DLT_LOAD_ID\" FROM (SELECT id, max('a\\' , ') AS name FROM t GROUP BY 1) AS _dlt_subquery" snowflake
  gives tsql 'SELECT TOP (3) [id], N'"'x]'"' AS [name] FROM t' \
    "SELECT _dlt_subquery.[id] AS [id], _dlt_subquery.[name] AS [name], '1.5' AS [_dlt_load_id] FROM (SELECT TOP (3) [id], N'x]' AS [name] FROM t) AS _dlt_subquery" mssql
}

@test "a model: settings for dlt's columns" {
  model 'SELECT id, name FROM t'
  quiet dlt-normalize -q --for duckdb -c normalize.model_normalizer.add_dlt_load_id=false \
    -c normalize.model_normalizer.add_dlt_id=true -o out 1.5
  grep -qF '"name" AS "name", UUID() AS "_dlt_id" FROM (' out/new_jobs/t.*
  jq -e '.tables.t.columns | has("_dlt_id") and (has("_dlt_load_id") | not)' out/schema.json
  quiet dlt-normalize -q --plan --for duckdb 1.5 || [ $? -eq 3 ]
}

@test "a model that cannot be rewritten: the place and why" {
  while IFS='~' read -r sql want; do
    model "$sql"
    fails 1 dlt-normalize -q --for duckdb -o out 1.5
    assert_output --partial "t.0000000001.0.model: $want"
    [ ! -e out ]
  done <<'J'
SELECT * FROM t~"*" selects all columns
SELECT id, t.* FROM t~"t.*" selects all columns
SELECT * EXCLUDE (a) FROM t~"* EXCLUDE (a)" selects all columns
SELECT id + 1 FROM t~"id + 1" has no name
SELECT id::text FROM t~"id::text" has no name
SELECT NULL FROM t~"NULL" has no name
SELECT NOT id FROM t~"NOT id" has no name
SELECT a IS NULL FROM t~"a IS NULL" has no name
SELECT count(*) FROM t~"count(*)" has no name
SELECT , id FROM t~nothing is selected
SELECT FROM t~nothing is selected
SELECT id FROM t UNION SELECT id FROM t~it is no single SELECT statement (UNION)
SELECT id FROM t; SELECT id FROM t~there is more than one statement
DELETE FROM t~it is no SELECT statement
WITH x AS (SELECT 1) DELETE FROM t~it is no SELECT statement
~it is no SELECT statement
SELECT id FROM (SELECT 1 AS id~a bracket is not closed
SELECT id) FROM t~a bracket is closed that was not opened
SELECT 'id FROM t~a quote is not closed
J
  model 'SELECT id FROM t'
  jq -c '.tables.t.columns.name.nullable = false' 1.5/schema.json >s.json
  mv s.json 1.5/schema.json
  fails 1 dlt-normalize -q --for duckdb -o out 1.5
  assert_output --partial 'column "name" of table "t" must not be null, and is not selected'
}

@test "imported files and models: as Python dlt" {
  need_dlt 'duckdb, sqlglot'
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/whole.py"
}
