#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: tables and queries of PostgreSQL.

# shellcheck disable=SC2030,SC2031,SC2059
load helper
load extract
load postgres
load duckdb

setup_file() {
  postgres_start
  psql -qX <<'END'
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN price AS numeric(12, 4);
CREATE TABLE kinds (id int PRIMARY KEY, small smallint, big bigint, num numeric,
  money numeric(10, 2), pr price, r real, d double precision, ok boolean,
  name varchar(20) NOT NULL, code char(4), t text, raw bytea, day date,
  at timestamp, atz timestamptz(3), hour time, hourz timetz, doc json,
  docb jsonb, u uuid, ints int[], nums numeric[], texts text[], feel mood,
  gap interval, ip inet, o oid, span int4range);
INSERT INTO kinds VALUES
  (1, -32768, 9223372036854775807, 12345678901234567890.123456789, 1.10, 2.5,
    0.1, 1e300, true, E'tab\t"q" \\ \n\r\b é', 'ab', E'\uF026' || '1', '\x00ff5c',
    '2024-01-02', '2024-01-02 03:04:05.1', '2024-01-02 03:04:05+02', '03:04:05',
    '03:04:05.5+02', '{"a": [1, 2.50]}', '{"b":"\uf0271"}',
    '550e8400-e29b-41d4-a716-446655440000', '{1,NULL,-3}', '{1.10,2}',
    '{"a,b","c\"d"}', 'ok', '1 day 02:00', '10.0.0.1', 4000000000, '[1,3)'),
  (2, 0, 0, 'NaN', -1, 1, 'NaN', '-Infinity', false, '', '', '', '',
    '0044-03-15 BC', 'infinity', '-infinity', '24:00', '00:00+00', 'null', '1',
    NULL, '{}', '{{1,2},{3,4}}', '{}', 'sad', '-1 mon', '::1', 0, 'empty'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '\N', NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL);
CREATE SCHEMA other;
CREATE TABLE other."Odd "".select" ("b""; --" int, pad text, PRIMARY KEY (pad, "b""; --"));
INSERT INTO other."Odd "".select" VALUES (1, 'x');
CREATE VIEW twice AS SELECT id * 2 AS id FROM kinds;
END
}

teardown_file() { postgres_stop; }

URL=postgresql:///postgres

@test "postgresql: rows of a table, with types" {
  quiet dlt-extract -o p kinds=$URL::kinds
  rows p kinds | jq -c '.[]' >got
  cat >want <<'END'
{"id":1,"small":-32768,"big":9223372036854775807,"num":"\uf02612345678901234567890.123456789","money":"\uf0261.10","pr":"\uf0262.5000","r":0.1,"d":1e300,"ok":true,"name":"tab\t\"q\" \\ \n\r\b é","code":"ab  ","t":"\uf0261","raw":"\uf02bAP9c","day":"\uf0282024-01-02","at":"\uf0272024-01-02T03:04:05.100000","atz":"\uf0272024-01-02T01:04:05+00:00","hour":"\uf02d03:04:05","hourz":"\uf02d03:04:05.500000+02:00","doc":{"a":[1,2.50]},"docb":{"b":"\uf0271"},"u":"550e8400-e29b-41d4-a716-446655440000","ints":[1,null,-3],"nums":["1.10","2"],"texts":["a,b","c\"d"],"feel":"ok","gap":"1 day 02:00:00","ip":"10.0.0.1","o":4000000000,"span":"[1,3)"}
{"id":2,"small":0,"big":0,"num":"\uf026NaN","money":"\uf026-1.00","pr":"\uf0261.0000","r":null,"d":null,"ok":false,"name":"","code":"    ","t":"","raw":"\uf02b","day":"0044-03-15 BC","at":"infinity","atz":"-infinity","hour":"24:00:00","hourz":"\uf02d00:00:00+00:00","doc":null,"docb":1,"u":null,"ints":[],"nums":[["1","2"],["3","4"]],"texts":[],"feel":"sad","gap":"-1 mons","ip":"::1","o":0,"span":"empty"}
{"id":3,"small":null,"big":null,"num":null,"money":null,"pr":null,"r":null,"d":null,"ok":null,"name":"\\N","code":null,"t":null,"raw":null,"day":null,"at":null,"atz":null,"hour":null,"hourz":null,"doc":null,"docb":null,"u":null,"ints":null,"nums":null,"texts":null,"feel":null,"gap":null,"ip":null,"o":null,"span":null}
END
  diff <(jq -Sc . want) <(jq -Sc . got)
  rows p kinds | grep -qF '"t":"\uf0261"'
  rows p kinds | grep -qF '"b":"\uf0271"'
  rows p kinds | grep -qF '"big":9223372036854775807'
}

@test "postgresql: the catalogue declares columns" {
  dlt-extract -o p kinds=$URL::kinds "$URL::other.Odd \".select"
  jq -e '.tables.kinds.columns | .id == {"name": "id", "nullable": false,
      "data_type": "bigint", "primary_key": true} and
    .num == {"name": "num", "nullable": true, "data_type": "decimal"} and
    .money == {"name": "money", "nullable": true, "data_type": "decimal",
      "precision": 10, "scale": 2} and
    .at == {"name": "at", "nullable": true, "data_type": "timestamp",
      "timezone": false} and .atz.timezone and
    ([.d, .name, .raw, .day, .hour, .docb, .u, .nums, .feel | .data_type] ==
      ["double", "text", "binary", "date", "time", "json", "text", "json", "text"]) and
    .gap == {"name": "gap", "nullable": true}' p/schema.json
  jq -e '.tables.odd_select.columns | [.[] | select(.primary_key) | .name]
    == ["bxxx", "pad"]' p/schema.json
  [ "$(rows p odd_select)" = '[{"b\"; --":1,"pad":"x"}]' ]
}

@test "postgresql: what comes out can be loaded, equal to what went in" {
  psql -qX -c 'CREATE TABLE equal AS SELECT id, big, money, d, ok, name, t, raw,
    day, at, atz, hour, u FROM kinds WHERE id <> 2'
  dlt-extract equal=$URL::equal | dlt-normalize --for postgres |
    dlt-load -q --dataset back $URL
  [ "$(pgsql postgres 'SELECT count(*) FROM equal a JOIN back.equal b USING
    (id, name) WHERE (a.big, a.money, a.d, a.ok, a.t, a.raw, a.day, a.at, a.atz,
    a.hour, a.u::text) IS NOT DISTINCT FROM (b.big, b.money, b.d, b.ok, b.t, b.raw,
    b.day, b.at, b.atz, b.hour, b.u)')" = 2 ]
}

@test "postgresql: queries, views, all tables" {
  need_level all
  local db
  dlt-extract -o p "q=$URL::SELECT id AS x, id FROM kinds ORDER BY id DESC -- c" \
    $URL::twice
  [ "$(rows p q)" = '[{"x":3,"id":3},{"x":2,"id":2},{"x":1,"id":1}]' ]
  [ "$(rows p twice)" = '[{"id":2},{"id":4},{"id":6}]' ]
  db=$(postgres_db every)
  psql -qX every -c 'CREATE TABLE a AS SELECT 1 AS x' -c 'CREATE TABLE b AS SELECT 2 AS x'
  dlt-extract -o q "$db"
  [ "$(rows q a)$(rows q b)" = '[{"x":1}][{"x":2}]' ]
}

@test "postgresql: errors" {
  fails 1 dlt-extract -o p t=$URL::kind
  assert_output --partial 'no table "kind"; did you mean "kinds"?'
  fails 1 dlt-extract -o p "t=$URL::SELECT nix FROM kinds"
  assert_output --partial 'column "nix" does not exist (SQLSTATE 42703) (at character 8 of the query)'
  fails 1 dlt-extract -o p --incremental id "t=$URL::SELECT nix FROM kinds"
  assert_output --partial '(at character 8 of the query)'
  fails 1 dlt-extract -o p "t=$URL::WITH x AS (DELETE FROM kinds RETURNING *) SELECT * FROM x"
  fails 1 dlt-extract -o p "t=$URL::SELECT 1; DROP TABLE kinds"
  fails 1 dlt-extract -o p "t=$URL::SELECT 1 / (3 - id) FROM kinds"
  assert_output --partial 'division by zero'
  [ "$(pgsql postgres 'SELECT count(*) FROM kinds')" = 3 ]
  fails 1 dlt-extract -o p t=postgresql:///none::t
  assert_output --partial 'cannot connect: database "none" does not exist'
  fails 75 dlt-extract -o p 't=postgresql://:secret@/postgres?host=/none::t'
  assert_output --partial 't: cannot connect: '
  refute_output --partial secret
  [ ! -e p ]
}

@test "postgresql: a connection that is lost leaves no package" {
  fails 75 dlt-extract -o p "t=$URL::SELECT i, CASE WHEN i = 5000 THEN
    pg_terminate_backend(pg_backend_pid()) END FROM generate_series(1, 10000) i"
  [ ! -e p ]
}

@test "postgresql: passwords come from the file of passwords" {
  echo "*:*:*:secret:geheim'@/\\: %" >pass
  chmod 600 pass
  PGPASSFILE=$PWD/pass dlt-extract -o p "t=postgresql:///postgres?user=secret::SELECT 1 AS x"
  [ "$(rows p t)" = '[{"x":1}]' ]
  fails 1 dlt-extract -o q "t=postgresql:///postgres?user=secret::SELECT 1 AS x"
  fails 1 dlt-extract -o q "t=postgresql://secret:wrong@/postgres?host=$PGHOST::SELECT 1 AS x"
  refute_output --partial wrong
}

@test "postgresql: an endless query ends with the limit" {
  dlt-extract --limit 3 -o p "t=$URL::SELECT generate_series(1, 1000000000) AS i"
  [ "$(rows p t)" = '[{"i":1},{"i":2},{"i":3}]' ]
}

@test "postgresql: a query that sleeps ends with the run, on the server, too" {
  local pid status=0 sleeps="SELECT count(*) FROM pg_stat_activity WHERE
    application_name = 'dlt-extract' AND query LIKE '%(4711)%' AND state = 'active'"
  dlt-extract -o p "t=$URL::SELECT pg_sleep(4711)" 3>&- 2>err &
  pid=$!
  for _ in $(seq 200); do
    [ "$(pgsql postgres "$sleeps")" != 1 ] || break
  done
  kill -TERM $pid
  wait $pid || status=$?
  [ $status -ne 0 ]
  [ ! -s err ]
  [ ! -e p ]
  for _ in $(seq 200); do
    [ "$(pgsql postgres "$sleeps")" != 0 ] || return 0
  done
  false
}

@test "postgresql: an incremental cursor asks for the new rows only" {
  psql -qX -c "CREATE TABLE log(id int, at timestamptz, v numeric, s text);
    INSERT INTO log VALUES (1, '2024-01-01 10:00Z', 1.5, 'a'),
    (2, '2024-01-02 10:00Z', 2.5, 'b'), (3, '2024-01-03 10:00Z', 'NaN', NULL)"
  take() {
    dlt-extract -p w -q --print --incremental "$@" >path
    rows "$(cat path)" t | jq -c 'map(.id)'
  }
  local trap='CASE id WHEN 1 THEN 1 / (id - 1) END AS x' c
  need_level all
  for c in at v,missing=exclude; do
    rm -rf data
    [ "$(take "$c,key=id" "t=$URL::SELECT * FROM log WHERE id < 3")" = '[1,2]' ]
    psql -qX -c "INSERT INTO log VALUES (4, '2024-01-04 10:00Z', 4.5, 'd')"
    [ "$(take "$c,key=id" "t=$URL::SELECT *, $trap FROM log WHERE id <> 3")" = '[4]' ]
    psql -qX -c 'DELETE FROM log WHERE id = 4'
  done
  rm -rf data
  [ "$(take 'at,initial=2024-01-02T10:00:00Z,end=2024-01-03T10:00:00Z' t=$URL::log)" = '[2]' ]
  [ "$(take 's,initial=b,missing=include,key=id' t=$URL::log)" = '[2,3]' ]
}

@test "postgresql: a password that is configured" {
  mkdir .dlt
  cat >.dlt/secrets.toml <<END
[sources.shop.credentials]
drivername = "postgresql"
database = "postgres"
username = "secret"
password = "geheim'@/: %"
END
  dlt-extract 't=database:shop::SELECT current_user AS x' -o p
  [ "$(rows p t)" = '[{"x":"secret"}]' ]
  export SOURCES__SHOP__CREDENTIALS__PASSWORD=falsch
  fails 1 dlt-extract 't=database:shop::SELECT 1 AS x' -o q
  assert_output --partial 'password authentication failed'
  refute_output --partial falsch
  dlt-extract 't=database:shop::x' --show-config -o q >out
  run ! grep -F -e falsch -e geheim out
}

@test "examples/postgres: PostgreSQL to DuckDB, again with what has changed" {
  need_level all
  need_duckdb
  local sync=$SOURCE_DIR/examples/postgres/sync
  SOURCES__SHOP__CREDENTIALS=$(postgres_db shop)
  export SOURCES__SHOP__CREDENTIALS
  psql -qX shop -c "CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers,
      total numeric(10, 2), updated_at timestamptz NOT NULL);
    INSERT INTO customers VALUES (1, 'ann'), (2, 'bob');
    INSERT INTO orders VALUES (1, 1, 2.50, '2024-01-01'), (2, 1, 1.25, '2024-01-31'),
      (3, 2, 10, '2024-02-01')"
  quiet "$sync" shop.duckdb
  psql -qX shop -c "DELETE FROM orders WHERE id = 3; DELETE FROM customers WHERE id = 2;
    UPDATE orders SET total = 3, updated_at = '2024-03-01' WHERE id = 1"
  quiet "$sync" shop.duckdb
  run duckq shop.duckdb 'SELECT id, total, updated_at FROM shop_dataset.orders ORDER BY id'
  assert_output "$(printf '%s\n' '1|3.00|2024-03-01 00:00:00+00' \
    '2|1.25|2024-01-31 00:00:00+00' '3|10.00|2024-02-01 00:00:00+00')"
  run duckq shop.duckdb 'SELECT id, name FROM shop_dataset.customers'
  assert_output '1|ann'
  run duckq shop.duckdb 'SELECT customer_id, month, total FROM shop_dataset.revenue ORDER BY 2'
  assert_output --partial '1|2024-01-01 00:00:00+00|1.25'
}
