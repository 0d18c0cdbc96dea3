#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: tables and queries of databases.

# shellcheck disable=SC2030,SC2031,SC2059
load helper
load extract
load duckdb

setup_file() {
  python_dlt
}

# All that SQLite has a type for, or SQLAlchemy makes one of.
kinds() {
  sqlite3 "$1" <<'END'
CREATE TABLE kinds (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL,
  price DECIMAL(10, 2), num NUMERIC, ok BOOLEAN, at TIMESTAMP, day DATE,
  hour TIME, doc JSON, raw BLOB, big BIGINT, ratio REAL, any);
INSERT INTO kinds VALUES
  (1, 'a "b" \ é' || char(10), 12.34, 5, 1, '2024-01-02 03:04:05.120000',
    '2024-01-02', '03:04:05', '{"a": [1, 2.0]}', x'00ff', 9007199254740993,
    0.1, 'x'),
  (2, char(61478) || '1', -0.5, 1.25, 0, '2024-01-02T03:04:05', 'x', 'noon',
    'no json', 'text', -9223372036854775808, 1e300, 7),
  (3, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
END
}

@test "sqlite: rows of a table, with types" {
  kinds k.db
  quiet dlt-extract -o p kinds=sqlite:k.db::kinds
  rows p kinds | jq -c '.[]' >got
  cat >want <<'END'
{"id":1,"name":"a \"b\" \\ é\n","price":"\uf02612.34","num":"\uf0265.0000000000","ok":true,"at":"\uf0272024-01-02T03:04:05.120000","day":"\uf0282024-01-02","hour":"\uf02d03:04:05","doc":{"a":[1,2.0]},"raw":"\uf02bAP8=","big":9007199254740993,"ratio":0.1,"any":"x"}
{"id":2,"name":"\uf0261","price":"\uf026-0.50","num":"\uf0261.2500000000","ok":false,"at":"\uf0272024-01-02T03:04:05","day":"x","hour":"noon","doc":"no json","raw":"text","big":-9223372036854775808,"ratio":1e+300,"any":7}
{"id":3,"name":"","price":null,"num":null,"ok":null,"at":null,"day":null,"hour":null,"doc":null,"raw":null,"big":null,"ratio":null,"any":null}
END
  diff <(jq -Sc . want) <(jq -Sc . got)
  # what looks like a typed value is text
  rows p kinds | grep -qF '"name":"\uf0261"'
  rows p kinds | grep -qF '"big":9007199254740993'
}

@test "sqlite: the catalogue declares columns, and the user wins" {
  kinds k.db
  dlt-extract -o p kinds=sqlite:k.db::kinds
  jq -e '.tables.kinds.columns | .id == {"name": "id", "nullable": true,
      "data_type": "bigint", "primary_key": true} and
    .name == {"name": "name", "nullable": false, "data_type": "text"} and
    .price == {"name": "price", "nullable": true, "data_type": "decimal",
      "precision": 10, "scale": 2} and
    .at == {"name": "at", "nullable": true, "data_type": "timestamp",
      "timezone": false} and
    .doc.data_type == "json" and .raw.data_type == "binary" and
    .ratio == {"name": "ratio", "nullable": true, "data_type": "double"} and
    .any == {"name": "any", "nullable": true}' p/schema.json
  dlt-extract -o q kinds=sqlite:k.db::kinds --primary-key name \
    --column price:double
  jq -e '.tables.kinds.columns | (.id | has("primary_key") | not) and
    .name.primary_key and .price.data_type == "double"' q/schema.json
}

@test "sqlite: what comes out can be loaded, equal to what went in" {
  sqlite3 a.db "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT, d DECIMAL(10, 2),
    at TIMESTAMP, raw BLOB, ok BOOLEAN);
    INSERT INTO t VALUES (1, 'it''s', 1.25, '2024-01-02 03:04:05.000000', x'00', 1),
      (2, NULL, NULL, NULL, NULL, NULL)"
  dlt-extract t=sqlite:a.db::t | dlt-normalize --for sqlite | dlt-load -q sqlite:b.db
  local sql='SELECT id, s, d, datetime(at), hex(raw), ok FROM t ORDER BY id'
  [ "$(sqlite3 b.db "$sql")" = "$(sqlite3 a.db "$sql")" ]
}

@test "sqlite: queries" {
  kinds k.db
  dlt-extract -o p "q=sqlite:k.db::SELECT id, price * 2 AS twice FROM kinds
    WHERE id < 3 -- two" "v=sqlite:k.db::values (1), (2);"
  [ "$(rows p q)" = '[{"id":1,"twice":24.68},{"id":2,"twice":-1.0}]' ]
  [ "$(rows p v)" = '[{"column1":1},{"column1":2}]' ]
  jq -e '.tables.q.columns == {}' p/schema.json
}

@test "sqlite: a database alone is each of its tables" {
  sqlite3 s.db 'CREATE TABLE b(x); CREATE TABLE "a b"(y); CREATE VIEW v AS
    SELECT * FROM b; CREATE TABLE c(z INTEGER PRIMARY KEY AUTOINCREMENT);
    INSERT INTO b VALUES (1); INSERT INTO "a b" VALUES (2); INSERT INTO c VALUES (3)'
  dlt-extract -o p sqlite:s.db
  [ "$(rows p b)$(rows p a_b)$(rows p c)$(rows p v)" = '[{"x":1}][{"y":2}][{"z":3}]' ]
  dlt-extract -o q sqlite:s.db::v
  [ "$(rows q v)" = '[{"x":1}]' ]
  sqlite3 empty.db 'CREATE TABLE t(x); DROP TABLE t'
  fails 1 dlt-extract -o r sqlite:empty.db
  assert_output --partial 'sqlite:empty.db: there are no tables'
}

@test "sqlite: names that must be quoted" {
  sqlite3 s.db 'CREATE TABLE "a"" . select"("b""; --" INTEGER); INSERT INTO
    "a"" . select" VALUES (1)'
  dlt-extract -o p 't=sqlite:s.db::a" . select'
  [ "$(rows p t)" = '[{"b\"; --":1}]' ]
}

@test "sqlite: in a source file" {
  kinds k.db
  cat >s.toml <<'END'
[resource_defaults]
database = "sqlite:k.db"
[[resources]]
name = "kinds"
limit = 1
[[resources]]
name = "names"
table = "kinds"
[[resources]]
name = "odd"
database = "sqlite:///k.db"
sql = """
  -- every other one
  SELECT id FROM kinds
  WHERE id % 2 = 1
"""
END
  dlt-extract -s s.toml -o p
  [ "$(rows p kinds | jq length)" = 1 ]
  [ "$(rows p names | jq length)" = 3 ]
  [ "$(rows p odd)" = '[{"id":1},{"id":3}]' ]
}

refused() {
  printf "$1" >r.toml
  fails 2 dlt-extract -s r.toml -o p
  assert_output --partial "$2"
}

@test "databases in a source file: what is refused" {
  local r='[[resources]]\nname = "x"\n'
  refused "${r}table = 't'\n" 'r.toml:3:1: "table" needs a "database"'
  refused "${r}sql = 'select 1'\n" 'r.toml:3:1: "sql" needs a "database"'
  refused "${r}database = 'sqlite:x'\ntable = 't'\nsql = 'select 1'\n" \
    'r.toml:5:1: "table" and "sql" exclude one another'
  refused "${r}database = 'sqlite:x'\nfile = 't'\n" 'needs one of'
  refused "${r}database = ''\n" '"database" is empty'
  refused "[resource_defaults]\ntable = 't'\n$r" '"table" is no default'
}

@test "sqlite: errors" {
  sqlite3 s.db 'CREATE TABLE users(id); INSERT INTO users VALUES (1)'
  fails 1 dlt-extract -o p t=sqlite:s.db::usres
  assert_output --partial 'sqlite:s.db::usres: no table "usres"; did you mean "users"?'
  fails 1 dlt-extract -o p 't=sqlite:s.db::SELECT id FROM users WHERE'
  assert_output --partial 'incomplete input'
  fails 1 dlt-extract -o p 't=sqlite:s.db::SELECT nix FROM users'
  assert_output --partial 'no such column: nix (at character 8 of the query)'
  fails 1 dlt-extract -o p 't=sqlite:s.db::WITH x AS (SELECT 1) DELETE FROM users'
  assert_output --partial 'a query must not write'
  fails 1 dlt-extract -o p 't=sqlite:s.db::SELECT 1; SELECT 2'
  assert_output --partial 'more than one statement is no query'
  fails 1 dlt-extract -o p t=sqlite:none.db::users
  assert_output --partial 'none.db: No such file or directory'
  fails 1 dlt-extract -o p t=sqlite:.::users
  assert_output --partial 'is a directory'
  echo 'this is no database, but a text of some length' >text.db
  fails 1 dlt-extract -o p t=sqlite:text.db::users
  assert_output --partial 'file is not a database'
  fails 2 dlt-extract -o p t=sqlite:s.db
  assert_output --partial 'which table? Say NAME=sqlite:PLACE::TABLE'
  fails 2 dlt-extract -o p 'sqlite:s.db::SELECT 1'
  assert_output --partial 'which table? Say NAME=sqlite:PLACE::TABLE'
  fails 2 dlt-extract -o p sqlite:
  [ ! -e none.db ]
  [ ! -e p ]
  [ "$(sqlite3 s.db 'SELECT count(*) FROM users')" = 1 ]
}

@test "sqlite: an error in the middle leaves no package" {
  sqlite3 s.db "CREATE TABLE t(a); INSERT INTO t VALUES (1), (-9223372036854775808)"
  fails 1 dlt-extract -o p 't=sqlite:s.db::SELECT abs(a) AS a FROM t'
  assert_output --partial 'integer overflow'
  [ ! -e p ]
}

@test "sqlite: an endless query ends with the run" {
  sqlite3 s.db 'CREATE TABLE t(a)'
  timeout -s INT 0.2 dlt-extract -o p "t=sqlite:s.db::WITH RECURSIVE n(i) AS
    (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0" || true
  [ ! -e p ]
  dlt-extract --limit 3 -o p "t=sqlite:s.db::WITH RECURSIVE n(i) AS
    (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
  [ "$(rows p t)" = '[{"i":1},{"i":2},{"i":3}]' ]
}

@test "sqlite: an incremental cursor asks for the new rows only" {
  need_level all
  sqlite3 s.db "CREATE TABLE t(id INTEGER, at TIMESTAMP);
    INSERT INTO t VALUES (1, '2024-01-01 10:00:00'), (2, '2024-01-01T10:00:00.5'),
      (3, '2024-01-02 00:00:00.000000')"
  take() {
    dlt-extract -p w -q --print --incremental "$@" >path
    rows "$(cat path)" t | jq -c 'map(.id)'
  }
  [ "$(take id,key=id t=sqlite:s.db::t)" = '[1,2,3]' ]
  # what is behind the cursor is not even looked at
  sqlite3 s.db "INSERT INTO t VALUES (4, '2024-01-03'), (0, 'x')"
  [ "$(take id,key=id 't=sqlite:s.db::SELECT *, CASE id WHEN 1 THEN
    abs(-9223372036854775808) END AS x FROM t')" = '[4]' ]
  local f
  for f in start=closed start=open; do
    rm -rf data
    [ "$(take "at,initial=2024-01-01T10:00:00,$f" \
      't=sqlite:s.db::SELECT * FROM t WHERE id > 0')" = \
      "$([ $f = start=open ] && echo '[2,3,4]' || echo '[1,2,3,4]')" ]
    sqlite3 s.db "INSERT INTO t VALUES (5, '2024-01-03 00:00:01')"
    [ "$(take "at,$f" 't=sqlite:s.db::SELECT * FROM t WHERE id > 0')" = '[5]' ]
    sqlite3 s.db 'DELETE FROM t WHERE id = 5'
  done
  rm -rf data
  [ "$(take 'at,initial=2024-01-01T10:00:00.2,end=2024-01-02,range-end=closed' \
    't=sqlite:s.db::SELECT * FROM t WHERE id > 0')" = '[2,3]' ]
  [ "$(take 'id,func=min,initial=3,end=1' t=sqlite:s.db::t)" = '[2,3]' ]
}

# ---- DuckDB ----

duck_kinds() {
  duckq "$1" "CREATE TABLE kinds (id INTEGER PRIMARY KEY, ok BOOLEAN, tiny UTINYINT,
    big BIGINT, ubig UBIGINT, huge HUGEINT, r FLOAT, d DOUBLE, num DECIMAL(38, 10),
    name VARCHAR NOT NULL, raw BLOB, day DATE, hour TIME, t TIMESTAMP,
    ats TIMESTAMP_S, atn TIMESTAMP_NS, atz TIMESTAMPTZ, gap INTERVAL, u UUID,
    feel ENUM ('sad', 'ok'), list INTEGER[], obj STRUCT(a INTEGER, b VARCHAR[]),
    map MAP(VARCHAR, INTEGER), doc JSON)"
  duckq "$1" "INSERT INTO kinds VALUES (1, true, 255, -9223372036854775808,
    18446744073709551615, 170141183460469231731687303715884105727, 0.5, 1e300,
    1234567890123456789012345678.0123456789, 'tab' || chr(9) || 'é\"', '\\x00\\xFF'::BLOB,
    '2024-01-02', '03:04:05.5', '2024-01-02 03:04:05.1', '2024-01-02 03:04:05',
    '2024-01-02 03:04:05.123456789', '2024-01-02 03:04:05+02', INTERVAL 1 DAY,
    '550e8400-e29b-41d4-a716-446655440000', 'ok', [1, NULL], {'a': 1, 'b': ['x']},
    MAP {'k': 1}, '{\"a\": [1, 2.50]}'), (2, false, 0, 0, 0, 0, 'nan', '-inf', -1,
    chr(61478) || '1', '', '0044-03-15 (BC)', '24:00:00', 'infinity', NULL, NULL, NULL, NULL,
    NULL, 'sad', [], NULL, NULL, 'null')"
}

@test "duckdb: rows of a table, with types" {
  need_duckdb
  duck_kinds k.duckdb
  quiet dlt-extract -o p kinds=duckdb:k.duckdb::kinds
  rows p kinds | jq -c '.[]' >got
  cat >want <<'END'
{"id":1,"ok":true,"tiny":255,"big":-9223372036854775808,"ubig":18446744073709551615,"huge":170141183460469231731687303715884105727,"r":0.5,"d":1e300,"num":"\uf0261234567890123456789012345678.0123456789","name":"tab\té\"","raw":"\uf02bAP8=","day":"\uf0282024-01-02","hour":"\uf02d03:04:05.500000","t":"\uf0272024-01-02T03:04:05.100000","ats":"\uf0272024-01-02T03:04:05","atn":"\uf0272024-01-02T03:04:05.123456","atz":"\uf0272024-01-02T01:04:05+00:00","gap":"1 day","u":"550e8400-e29b-41d4-a716-446655440000","feel":"ok","list":[1,null],"obj":{"a":1,"b":["x"]},"map":{"k":1},"doc":{"a":[1,2.50]}}
{"id":2,"ok":false,"tiny":0,"big":0,"ubig":0,"huge":0,"r":null,"d":null,"num":"\uf026-1.0000000000","name":"\uf0261","raw":"\uf02b","day":"0044-03-15 (BC)","hour":"24:00:00","t":"infinity","ats":null,"atn":null,"atz":null,"gap":null,"u":null,"feel":"sad","list":[],"obj":null,"map":null,"doc":null}
END
  diff <(jq -Sc . want) <(jq -Sc . got)
  rows p kinds | grep -qF '"huge":170141183460469231731687303715884105727'
  jq -e '.tables.kinds.columns | .id == {"name": "id", "nullable": false,
      "data_type": "bigint", "primary_key": true} and
    .num == {"name": "num", "nullable": true, "data_type": "decimal",
      "precision": 38, "scale": 10} and .name.nullable == false and
    .atz.timezone and .t.timezone == false and .obj.data_type == "json" and
    (.huge | has("data_type") | not)' p/schema.json
}

@test "duckdb: queries, names, all tables, cursors, errors" {
  need_level all
  need_duckdb
  duckq d.duckdb 'CREATE SCHEMA s; CREATE TABLE s."a"" ."("b""; --" INTEGER);
    INSERT INTO s."a"" ." VALUES (1); CREATE TABLE t AS SELECT i AS id FROM range(5) r(i);
    CREATE VIEW v AS SELECT 7 AS x'
  dlt-extract -o p 'q=duckdb:d.duckdb::SELECT id FROM t ORDER BY id DESC LIMIT 2 -- c' \
    'n=duckdb:d.duckdb::s.a" .' duckdb:///d.duckdb::v
  [ "$(rows p q)$(rows p n)$(rows p v)" = '[{"id":4},{"id":3}][{"b\"; --":1}][{"x":7}]' ]
  dlt-extract -o q duckdb:d.duckdb
  [ "$(rows q t | jq length)" = 5 ]
  dlt-extract --incremental id,initial=3 -o r "t=duckdb:d.duckdb::SELECT *,
    CASE WHEN id < 3 THEN error('looked at') END AS x FROM t"
  [ "$(rows r t | jq -c 'map(.id)')" = '[3,4]' ]
  fails 1 dlt-extract -o x t=duckdb:d.duckdb::tt
  assert_output --partial 'd.duckdb::tt: no table "tt"; did you mean "t"?'
  fails 1 dlt-extract -o x 't=duckdb:d.duckdb::SELECT nix FROM t'
  assert_output --partial 'column "nix" not found'
  fails 1 dlt-extract -o x "t=duckdb:d.duckdb::SELECT id, error('so') FROM t"
  assert_output --partial 'so'
  fails 1 dlt-extract -o x 't=duckdb:d.duckdb::WITH y AS (SELECT 1) DELETE FROM t'
  fails 1 dlt-extract -o x t=duckdb:none.duckdb::t
  assert_output --partial 'none.duckdb: No such file or directory'
  [ ! -e none.duckdb ]
  [ ! -e x ]
}

@test "duckdb: an endless query ends with the limit" {
  need_duckdb
  duckq d.duckdb 'CREATE TABLE t(a INTEGER)'
  dlt-extract --limit 3 -o p 't=duckdb:d.duckdb::SELECT i FROM range(100000000000) r(i)'
  [ "$(rows p t | jq length)" = 3 ]
}

@test "a database that is configured" {
  sqlite3 s.db 'CREATE TABLE t(a); INSERT INTO t VALUES (1)'
  mkdir .dlt
  cat >.dlt/secrets.toml <<'END'
[sources.shop]
credentials = "sqlite+pysqlite:///s.db"
[destination.other.credentials]
drivername = "sqlite"
database = "s.db"
[destination.files]
bucket_url = "out"
END
  printf '[[resources]]\nname = "t"\ndatabase = "shop"\n' >s.toml
  dlt-extract -s s.toml -o p
  dlt-extract 'x=database:other::SELECT a FROM t' -o q
  [ "$(rows p t)$(rows q x)" = '[{"a":1}][{"a":1}]' ]
  jq -e '.tables.t.columns.a.nullable' p/schema.json
  fails 2 dlt-extract x=database:nix::t -o r
  assert_output --partial 'x: database "nix" is not configured: sources.nix.credentials is missing'
  fails 2 dlt-extract x=database:files::t -o r
  assert_output --partial 'is none that can be read'
  fails 2 dlt-extract x=database:shop -o r
  assert_output --partial 'which table?'
}

# The greatest resident size of a command, in MiB: peak COMMAND...
peak() {
  python3 - "$@" <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
END
}

@test "sqlite: 200,000 rows, several tables, in constant memory" {
  need_level all
  sqlite3 big.db "CREATE TABLE a AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
    SELECT i + 1 FROM n WHERE i < 100000) SELECT i, hex(randomblob(250)) AS pad FROM n;
    CREATE TABLE b AS SELECT * FROM a"
  local size
  size=$(peak dlt-extract -o p sqlite:big.db)
  # a sanitizer keeps what is freed
  [ "$size" -lt 64 ] ||
    grep -qE '__(asan|tsan|msan)_init' "$(command -v dlt-extract)" || {
    echo "$size MiB"
    false
  }
  [ "$(rows p a | jq -s 'map(length) | add')$(rows p b | jq -s 'map(length) | add')" = 100000100000 ]
}

@test "sqlite: rows and hints are those of Python dlt's sql_database" {
  need_dlt sqlalchemy
  sqlite3 s.db "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL,
    price DECIMAL(10, 2), num NUMERIC, dec DECIMAL(5), ok BOOLEAN, at TIMESTAMP,
    dt DATETIME, day DATE, hour TIME, doc JSON, raw BLOB, big BIGINT, ch CHAR(3),
    odd HUGEINT, \"A b\" TEXT);
    INSERT INTO t VALUES (1, 'a\"é', 12.34, 5, 7, 1, '2024-01-02 03:04:05.000000',
      '2024-01-02 03:04:05.123456', '2024-01-02', '03:04:05.000000', '{\"a\": [1]}',
      x'00ff', 9007199254740993, 'abc', 5, ''), (2, '', -0.5, 0.1, -1, 0, NULL, NULL,
      NULL, '23:59:59.5', '[]', x'', NULL, NULL, NULL, 'x');
    CREATE TABLE two (b INTEGER, a TEXT, c REAL, PRIMARY KEY (b, a));
    INSERT INTO two VALUES (1, 'x', 0.1), (2, 'y', 3)"
  "$DLT_PYTHON" - <<'END'
import dlt
from dlt.sources.sql_database import sql_database
p = dlt.pipeline("py", pipelines_dir="py", destination="duckdb")
p.extract(sql_database("sqlite:///s.db"))
END
  dlt-extract -o p sqlite:s.db --schema-name sql_database
  local t extracted
  extracted=$(only py/py/normalize/extracted)
  [ "$(rows p two | jq length)" = 2 ]
  for t in t two; do
    diff <(gzip -dc "$extracted/new_jobs/$t".* | jq -c '.[]') \
      <(rows p $t | jq -c '.[]')
    diff <(jq -S ".tables.$t | del(.columns.c.data_type)" "$extracted/schema.json") \
      <(jq -S ".tables.$t | del(.columns.c.data_type)" p/schema.json)
  done
}
