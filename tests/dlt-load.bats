#!/usr/bin/env bats
# dlt-load into SQLite: what comes out, the wirings, failures and reruns.

load helper

sql() {
  python3 - "$@" <<'PY'
import sqlite3, sys
con = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
for row in con.execute(sys.argv[2]):
    print("|".join("" if v is None else str(v) for v in row))
PY
}

# A normalized package by hand: package DIR [COLUMNS [DISPOSITION]]; job ROWS
# go into its one table t.
package() {
  mkdir -p "$1/new_jobs"
  python3 - "$1" "${2:-id:bigint}" "${3:-append}" <<'PY'
import base64, glob, hashlib, json, os, sys
path, columns, how = sys.argv[1:]
gold = glob.glob(os.environ["GOLDEN"] + "/flat/step1/normalized/*/schema.json")[0]
s = json.load(open(gold))
t = s["tables"].pop("items")
t["name"], t["resource"], t["write_disposition"] = "t", "t", how
t["columns"] = {}
for c in columns.split(","):
    name, kind, *hints = c.split(":")
    t["columns"][name] = {"name": name, "data_type": kind,
                          "nullable": "not_null" not in hints}
s["tables"]["t"] = t
child = {"name": "t__l", "columns": {"value": {"name": "value", "data_type": "bigint", "nullable": True}},
         "parent": "t", "x-normalizer": {"seen-data": True}}
s["tables"]["t__l"] = child
s.pop("version_hash")
s["version_hash"] = base64.b64encode(hashlib.sha256((columns + how).encode()).digest()).decode()
json.dump(s, open(path + "/schema.json", "w"))
PY
}

# job DIR TABLE N: rows come on stdin
job() { cat >"$1/new_jobs/$2.000000000$3.0.jsonl"; }

# A pipeline p with one pending package of two jobs.
pipeline() {
  printf '{"a":1}\n{"a":2}\n' >a.jsonl
  printf '{"b":"x"}\n' >b.jsonl
  dlt-extract -p p a=a.jsonl b=b.jsonl
  dlt-normalize -p p
}

hooks() {
  package hooked
  job hooked t 1 <<<'{"id":1}'
  DLT_TEST_FAIL=load_init:1 dlt-load sqlite:hooked.db hooked &&
    skip "built without -Dtest_hooks=true"
  return 0
}

export GOLDEN

@test "golden packages: append and replace cases, step by step" {
  for case in "$GOLDEN"/*/; do
    name=$(basename "$case")
    case $name in merge* | scd2 | numbers) continue ;; esac
    for step in $(ls -d "$case"/step* | sort -V); do
      for pkg in "$step"/normalized/*/; do
        [ -d "$pkg" ] || continue
        quiet dlt-load "sqlite:$name.db" "$pkg"
      done
      [ ! -f "$step/sqlite.json" ] ||
        compare sqlite "$step/sqlite.json" "$name.db"
    done
  done
}

@test "values are stored as SQLAlchemy stores them" {
  package p 'id:bigint,d:double,b:bool,ts:timestamp,da:date,ti:time,de:decimal,w:wei,bi:binary,j:json,t:text'
  cat >row <<'J'
{"id":-9223372036854775808,"d":1e22,"b":true,"ts":"2024-01-02T03:04:05+00:00","da":"2024-01-02","ti":"01:02:03.5","de":"1.10","w":"1000000000000000000","bi":"YWI=","j":{"a":[1,"é😀\u0001\/",1e22,null]},"t":"a\u0000\"\u00e9"}
{"id":9,"d":-0.0,"b":false,"ts":"2024-01-02T03:04:05.5","bi":"0x01ff02","d":3,"extra":null}
J
  sed -i 's/,"extra":null//' row
  job p t 1 <row
  quiet dlt-load sqlite:x.db p
  run sql x.db "select id, d, b, ts, da, ti, de, typeof(de), w, typeof(w), hex(bi), j, hex(t) from t"
  assert_line --index 0 '-9223372036854775808|1e+22|1|2024-01-02 03:04:05.000000|2024-01-02|01:02:03.500000|1.1|real|1000000000000000000|integer|6162|{"a": [1, "\u00e9\ud83d\ude00\u0001/", 1e+22, null]}|610022C3A9'
  assert_line --index 1 '9|3.0|0|2024-01-02 03:04:05.500000||||null||null|01FF02||'
  run sql x.db "select group_concat(type) from pragma_table_info('t')"
  assert_output 'BIGINT,DOUBLE,BOOLEAN,DATETIME,DATE,TIME,NUMERIC(38, 9),NUMERIC(38, 0),BLOB,JSON,TEXT'
}

@test "typed-jsonl is loaded too" {
  package p 'id:bigint,ts:timestamp,de:decimal,t:text'
  printf '[{"id":1,"ts":"\xef\x80\xa72024-01-02T03:04:05+00:00","de":"\xef\x80\xa61.5"},\n{"id":2,"t":"x"}]\n[]\n[{"id":3}]\n' |
    gzip >p/new_jobs/t.0000000001.0.typed-jsonl.gz
  quiet dlt-load sqlite:x.db p
  run sql x.db "select * from t"
  assert_output $'1|2024-01-02 03:04:05.000000|1.5|\n2|||x\n3|||'
}

@test "bad rows: place and cause, nothing loaded" {
  while IFS='~' read -r row want; do
    rm -rf p x.db
    package p 'id:bigint,t:text,ts:timestamp,n:bigint:not_null'
    printf '{"id":1,"n":1}\n%s\n' "$row" | job p t 1
    fails 1 dlt-load sqlite:x.db p
    assert_output --partial "new_jobs/t.0000000001.0.jsonl:2: $want"
    run sql x.db "select count(*) from t"
    assert_output 0
  done <<'J'
{"id":1,"n":1~expected ',' or '}'
{"id":1 "n":1}~expected ',' or '}'
{"id":01,"n":1}~column "id": expected a value
{"id":1.5,"n":1}~column "id": bigint cannot hold the number 1.5
{"id":18446744073709551615,"n":1}~column "id": integer 18446744073709551615 does not fit into 64 bits
{"id":"1","n":1}~column "id": bigint cannot hold a text
{"t":1,"n":1}~column "t": text cannot hold the number 1
{"t":"\ud800","n":1}~column "t": bad escape
{"t":"a,"n":1}~expected ',' or '}'
{"t":{"a":1},"n":1}~column "t": holds a nested value, which is not normalized
{"ts":"today","n":1}~column "ts": "today" is no timestamp
{"zz":1,"n":1}~"zz" is no column of table "t"
{"id":1}~NOT NULL constraint failed: t.n
[1]~expected an object
{"id":1,"n":1} {}~something follows the row on its line
J
}

@test "damaged job file" {
  package p
  seq 1 20000 | sed 's/.*/{"id":&}/' | zstd -q >whole
  head -c 3000 whole >p/new_jobs/t.0000000001.0.jsonl.zst
  fails 1 dlt-load sqlite:x.db p
  assert_output --partial 't.0000000001.0.jsonl.zst'
  run sql x.db 'select count(*) from t'
  assert_output 0
}

@test "the same package again is a no-op, another with its load id is refused" {
  package 1700000000.5
  job 1700000000.5 t 1 <<<'{"id":1}'
  quiet dlt-load sqlite:x.db 1700000000.5
  cp -r 1700000000.5 copy
  chmod -R a-w copy
  quiet dlt-load sqlite:x.db 1700000000.5
  job 1700000000.5 t 1 <<<'{"id":2}'
  fails 1 dlt-load sqlite:x.db 1700000000.5
  assert_output --partial 'another package with the load id 1700000000.5'
  run sql x.db "select group_concat(id), (select count(*) from _dlt_loads), (select count(*) from _dlt_jobs) from t"
  assert_output '1|1|1'
}

@test "a package without jobs is a load" {
  package p
  quiet dlt-load sqlite:x.db p
  quiet dlt-load sqlite:x.db p
  run sql x.db 'select count(*), (select count(*) from _dlt_version) from _dlt_loads'
  assert_output '1|1'
  dlt-extract -q --allow-empty -p p t=/dev/null
  dlt-normalize -q -p p
  dlt-load -q -p p sqlite:x.db
  [ -z "$(ls data/pipelines/p/load/normalized 2>/dev/null)" ]
}

@test "new columns are added, also when the schema's hash is known" {
  package one 'id:bigint'
  job one t 1 <<<'{"id":1}'
  package two 'id:bigint,v:text:not_null'
  job two t 1 <<<'{"id":2,"v":"x"}'
  quiet dlt-load sqlite:x.db one two
  python3 -c "import sqlite3; c=sqlite3.connect('x.db'); c.execute('alter table t drop column v'); c.commit()"
  cp -r two three
  quiet dlt-load sqlite:x.db three
  run sql x.db 'select id, v from t'
  assert_output $'1|\n2|\n2|x'
  run sql x.db 'select count(*) from _dlt_version'
  assert_output 2
}

@test "another type than the column has: names both, nothing changed" {
  package one 'id:bigint,v:bigint'
  job one t 1 <<<'{"id":1,"v":1}'
  package two 'id:bigint,w:text,v:text'
  job two t 1 <<<'{"id":2,"v":"x"}'
  quiet dlt-load sqlite:x.db one
  fails 1 dlt-load sqlite:x.db two
  assert_output --partial 'table "t": column "v" is BIGINT, but the package needs TEXT'
  assert_output --partial -- '--sync'
  run sql x.db "select group_concat(name), (select count(*) from t) from pragma_table_info('t')"
  assert_output 'id,v|1'
}

@test "identifiers are quoted, and may not differ in case only" {
  package one 'select:bigint,a"b:text,x;y:bigint'
  job one t 1 <<<'{"select":1,"a\"b":"q","x;y":2}'
  quiet dlt-load sqlite:x.db one
  run sql x.db 'select * from t'
  assert_output '1|q|2'
  package two 'Id:bigint,iD:bigint'
  job two t 1 <<<'{"Id":1}'
  fails 1 dlt-load sqlite:y.db two
  assert_output --partial 'columns "Id" and "iD" differ in case only'
}

@test "tables may differ in case only where that makes two folders" {
  echo '{"a":1}' >rows
  dlt-extract -q -c schema.naming=direct T=rows t=rows |
    dlt-normalize -q -o n
  fails 1 dlt-load sqlite:x.db n
  assert_output --partial 'tables "T" and "t" differ in case only'
  quiet dlt-load file:lake n
  [ -n "$(ls lake/T)" ]
  [ -n "$(ls lake/t)" ]
}

@test "upsert is refused, skip is not loaded, other formats are named" {
  package one id:bigint merge
  sed -i 's/"write_disposition": "merge"/&, "x-merge-strategy": "upsert"/' one/schema.json
  job one t 1 <<<'{"id":1}'
  fails 1 dlt-load sqlite:x.db one
  assert_output --partial 'table "t": merge strategy "upsert" is not supported here (supported: delete-insert, scd2)'
  [ ! -e x.db ]
  package two id:bigint skip
  job two t 1 <<<'{"id":1}'
  quiet dlt-load sqlite:x.db two
  run sql x.db "select count(*) from sqlite_master where name = 't'"
  assert_output 0
  package three
  touch three/new_jobs/t.0000000001.0.model
  fails 1 dlt-load sqlite:x.db three
  assert_output --partial 'format model'
}

@test "replace: the whole chain, old rows stay when it fails" {
  package one id:bigint replace
  job one t 1 <<<'{"id":1}'
  job one t__l 2 <<<'{"value":1}'
  quiet dlt-load sqlite:x.db one
  package two id:bigint replace
  job two t 1 <<<'{"id":2}'
  job two t 2 <<<'{"id":"bad"}'
  fails 1 dlt-load sqlite:x.db two
  run sql x.db 'select id, (select count(*) from t__l) from t'
  assert_output '1|1'
  job two t 2 <<<'{"id":3}'
  quiet dlt-load sqlite:x.db two
  run sql x.db 'select id, (select count(*) from t__l) from t'
  assert_output $'2|0\n3|0'
}

@test "stream: whole or not at all" {
  seq 1 3000 | sed 's/.*/{"id":&,"l":[&]}/' >rows.jsonl
  dlt-extract --load-id 1700000000.5 t=rows.jsonl | dlt-normalize >stream
  quiet dlt-load sqlite:x.db <stream
  quiet dlt-load sqlite:x.db <stream
  run sql x.db 'select (select count(*) from t), (select count(*) from t__l), (select count(*) from _dlt_loads)'
  assert_output '3000|3000|1'
  size=$(stat -c %s stream)
  for i in 1 700 9000 $((size / 2)) $((size * 3 / 4)); do
    head -c "$i" stream >cut
    fails 1 dlt-load sqlite:y.db <cut
    [ ! -e y.db ]
  done
  dlt-extract --load-id 1700000000.5 t=- <<<'{"id":1}' | dlt-normalize >other
  fails 1 dlt-load sqlite:x.db <other
  assert_output --partial 'another package with the load id'
}

@test "rows or nothing on stdin" {
  fails 1 dlt-load sqlite:x.db <<<'{"a":1}'
  assert_output --partial 'these look like rows'
  fails 1 dlt-load sqlite:x.db </dev/null
  assert_output --partial 'upstream wrote nothing'
  [ ! -e x.db ]
}

@test "pipeline: jobs and package move as dlt moves them" {
  pipeline
  quiet dlt-load -p p sqlite:x.db
  loaded=$(only data/pipelines/p/load/loaded)
  [ "$(cat "$loaded/package_completed.json")" = loaded ]
  [ -f "$loaded/applied_schema_updates.json" ]
  [ ! -e "$loaded/schema_updates.json" ]
  [ "$(ls "$loaded/completed_jobs" | wc -l)" -eq 3 ]
  [ -z "$(ls "$loaded/new_jobs" "$loaded/started_jobs" | grep jsonl)" ]
  [ -z "$(ls data/pipelines/p/load/normalized)" ]
  quiet dlt-load -p p sqlite:x.db
}

@test "pipeline: -T, --print, -0, configured destination, delete_completed_jobs" {
  pipeline
  fails 2 dlt-load -p p
  assert_output --partial 'no destination given'
  mkdir .dlt
  printf '[destination.wh]\ncredentials = "sqlite:///x.db"\n' >.dlt/secrets.toml
  find data/pipelines/p/load/normalized -mindepth 1 -maxdepth 1 -print0 >list
  dlt-load -p p wh -c load.delete_completed_jobs=true -T list -0 --print >out
  loaded=$(only data/pipelines/p/load/loaded)
  [ "$(tr '\0' '\n' <out)" -ef "$loaded" ]
  [ ! -e "$loaded/completed_jobs" ]
  DESTINATION=wh quiet dlt-load -p p -T list -0
  DESTINATION=wh quiet dlt-load -p p
}

@test "pipeline: the type that Python's state names, configured" {
  pipeline
  state=data/pipelines/p/state.json
  jq -c '.destination_name = null
    | .destination_type = "dlt.destinations.sqlalchemy"' $state >s && cp s $state
  fails 2 dlt-load -p p
  assert_output --partial 'destination.sqlalchemy.credentials'
  mkdir .dlt
  printf '[destination.sqlalchemy.credentials]\n%s\n%s\n' \
    'drivername = "sqlite"' 'database = "a b.db"' >.dlt/config.toml
  quiet dlt-load -p p
  [ "$(sqlite3 'a b.db' 'SELECT count(*) FROM _dlt_loads')" = 1 ]
}

@test "pipeline: a path is enough for DuckDB" {
  pipeline
  fails 2 env DESTINATION__DUCKDB__CREDENTIALS=no/such.duckdb \
    DLT_LIBDUCKDB=/nothing dlt-load -p p duckdb
  assert_output --partial 'duckdb:no/such.duckdb'
}

@test "pipeline: a bad job aborts the package as dlt does" {
  pipeline
  pkg=$(only data/pipelines/p/load/normalized)
  rm -f "$pkg/manifest.json" "$pkg"/new_jobs/b.*
  echo '{"b":' >"$pkg/new_jobs/b.0000000002.0.jsonl"
  fails 1 dlt-load -p p sqlite:x.db
  loaded=$(only data/pipelines/p/load/loaded)
  [ "$(cat "$loaded/package_completed.json")" = aborted ]
  [ -s "$loaded/failed_jobs/b.0000000002.0.jsonl.exception" ]
  run sql x.db 'select count(*) from _dlt_loads'
  assert_output 0
}

@test "pipeline: raise_on_failed_jobs=false loads the rest, but no half of a chain" {
  printf '{"a":1}\n' | dlt-extract -p p --write-disposition replace a=-
  dlt-normalize -p p
  quiet dlt-load -p p sqlite:x.db
  printf '{"a":2}\n' | dlt-extract -p p --write-disposition replace a=-
  dlt-normalize -p p
  pkg=$(only data/pipelines/p/load/normalized)
  rm -f "$pkg/manifest.json"
  echo '{"a":' >"$pkg/new_jobs/a.1000000002.0.jsonl"
  run dlt-load -p p -c load.raise_on_failed_jobs=false sqlite:x.db
  assert_success
  assert_output --partial 'warning'
  run sql x.db 'select group_concat(a), (select count(*) from _dlt_loads) from a'
  assert_output '1|2'
  loaded=data/pipelines/p/load/loaded/$(basename "$pkg")
  grep -q 'not loaded, as a.1000000002.jsonl has failed' "$loaded"/failed_jobs/a.0*.exception
}

@test "a locked or read-only database" {
  package p
  job p t 1 <<<'{"id":1}'
  python3 -c "
import sqlite3, subprocess, sys
c = sqlite3.connect('x.db', isolation_level=None)
c.execute('create table z(a)')
c.execute('begin immediate')
sys.exit(subprocess.call(['dlt-load', '--wait', '0', 'sqlite:x.db', 'p'], stderr=open('err', 'w')))
" && status=0 || status=$?
  [ "$status" -eq 75 ]
  grep -q 'database is locked' err
  fails 1 dlt-load sqlite:no/such/x.db p
  assert_output --partial 'no/such/: No such file or directory'
  echo 'this is no database, but long enough to be read as one' >text
  fails 1 dlt-load sqlite:text p
  assert_output --partial 'not a database'
}

# A pipeline p with one pending package of 30 jobs of a table t, $1 of which is
# no JSON.
small_jobs() {
  seq 1 30 | sed 's/.*/{"a":&}/' | dlt-extract -q -p p t=-
  dlt-normalize -q -p p --file-max-items 1
  pkg=$(only data/pipelines/p/load/normalized)
  [ -z "${1:-}" ] && return
  rm "$pkg/manifest.json"
  bad=$(ls "$pkg"/new_jobs/t.* | sed -n "$1p")
  echo '{"a":' | zstd -q >"$bad"
}

@test "many small jobs share a transaction; a bad one fails alone" {
  small_jobs 15
  fails 1 dlt-load -p p sqlite:x.db
  assert_output --partial "$(basename "$bad"):1: column \"a\": expected a value"
  run sql x.db 'select count(*), (select count(*) from _dlt_jobs where job_id like "t.%"), (select count(*) from _dlt_loads) from t'
  assert_output '14|14|0'
  loaded=data/pipelines/p/load/loaded/$(basename "$pkg")
  [ "$(ls "$loaded/failed_jobs")" = "$(basename "$bad")"$'\n'"$(basename "$bad").exception" ]
  [ "$(ls "$loaded/completed_jobs" | grep -c '^t')" = 14 ]
  [ "$(ls "$loaded/new_jobs" | grep -c '^t')" = 15 ]
  rm -rf data x.db
  small_jobs 15
  run -0 dlt-load -p p sqlite:x.db -c load.raise_on_failed_jobs=false
  run sql x.db 'select count(*), (select count(*) from _dlt_loads) from t'
  assert_output '29|1'
}

@test "many small jobs: one commit, and all of them again after a kill" {
  hooks
  small_jobs
  cp -r data before
  run -137 env DLT_TEST_FAIL=load_job:7 dlt-load -p p sqlite:x.db
  run sql x.db 'select count(*) from t'
  assert_output 0
  quiet dlt-load -p p sqlite:x.db
  rm -rf data && cp -r before data
  run -137 env DLT_TEST_FAIL=load_completed:9 dlt-load -p p sqlite:y.db
  quiet dlt-load -p p sqlite:y.db
  rm -rf data && cp -r before data
  # there is no second commit
  DLT_TEST_FAIL=load_commit:2 quiet dlt-load -p p sqlite:z.db
  for db in x y z; do
    run sql $db.db 'select count(*), sum(a), (select count(*) from _dlt_loads) from t'
    assert_output '30|465|1'
  done
}

@test "a database in UTF-16" {
  sqlite3 x.db 'PRAGMA encoding = "UTF-16le"; CREATE TABLE other (a)'
  local id
  for id in 1 2; do
    printf '{"id":%d,"name":"ü"}\n' $id |
      dlt-extract t=- | dlt-normalize | quiet dlt-load -q sqlite:x.db
  done
  run sqlite3 x.db 'SELECT id, name FROM t ORDER BY id; PRAGMA encoding'
  assert_output $'1|ü\n2|ü\nUTF-16le'
}

@test "a full disk leaves the old rows" {
  package one
  seq 1 100 | sed 's/.*/{"id":&}/' | job one t 1
  quiet dlt-load sqlite:x.db one
  package two
  seq 1 900000 | sed 's/.*/{"id":&}/' | job two t 1
  trap '' XFSZ
  (
    ulimit -f 1000
    fails 1 dlt-load sqlite:x.db two
    echo "$output"
  )
  trap - XFSZ
  run sql x.db 'select count(*) from t'
  assert_output 100
  quiet dlt-load sqlite:x.db two
  run sql x.db 'select count(*) from t'
  assert_output 900100
}

@test "kill -9 at any point, then again: nothing lost, nothing twice" {
  hooks
  for point in load_init load_init_committed load_started load_batch load_job \
    load_commit load_committed load_marker load_moved load_completed \
    load_finish load_finished load_put_away; do
    for pass in 1 2; do
      rm -rf data x.db* a.jsonl
      pipeline
      DLT_TEST_FAIL=$point:$pass dlt-load -p p sqlite:x.db 2>/dev/null || true
      quiet dlt-load -p p sqlite:x.db
      run sql x.db 'select (select group_concat(a) from t), (select count(*) from _dlt_loads) from (select 1)' ||
        true
      run sql x.db 'select (select group_concat(a) from a), (select group_concat(b) from b), (select count(*) from _dlt_loads), (select count(*) from _dlt_jobs)'
      assert_output '1,2|x|1|1'
      [ "$(cat "$(only data/pipelines/p/load/loaded)/package_completed.json")" = loaded ]
      run find data/pipelines/p/load/loaded/*/.pending_transitions -type f
      assert_output ''
    done
  done
}

@test "kill -9 in a stream and in a replaced chain" {
  hooks
  printf '{"id":1}\n' | dlt-extract --load-id 1700000000.5 t=- | dlt-normalize >stream
  for point in load_batch load_stream_commit load_stream_committed; do
    rm -f x.db*
    DLT_TEST_FAIL=$point:1 dlt-load sqlite:x.db <stream 2>/dev/null || true
    quiet dlt-load sqlite:x.db <stream
    run sql x.db 'select (select count(*) from t), (select count(*) from _dlt_loads)'
    assert_output '1|1'
  done
  package one id:bigint replace
  job one t 1 <<<'{"id":1}'
  package two id:bigint replace
  job two t 1 <<<'{"id":2}'
  job two t 2 <<<'{"id":3}'
  rm -f x.db*
  quiet dlt-load sqlite:x.db one
  for point in load_batch:2 load_job:1 load_commit:1; do
    DLT_TEST_FAIL=$point dlt-load sqlite:x.db two 2>/dev/null || true
    run dlt-load sqlite:x.db one
    python3 -c "import sqlite3; sqlite3.connect('x.db').execute('select * from t').fetchall()"
    run sql x.db 'select group_concat(id) from t'
    assert_output 1
  done
  quiet dlt-load sqlite:x.db two
  run sql x.db 'select group_concat(id) from t'
  assert_output 2,3
}

@test "manifest: a changed job is refused and the way out named" {
  printf '{"id":1}\n' | dlt-extract t=- | dlt-normalize --compression none -o pkg
  sed -i 's/"id":1/"id":2/' pkg/new_jobs/t.*
  fails 1 dlt-load sqlite:x.db pkg
  assert_output --partial 'dlt-package seal'
  rm pkg/new_jobs/t.*
  fails 1 dlt-load sqlite:x.db pkg
  assert_output --partial 'of the manifest is missing'
}

@test "wrong usage" {
  fails 2 dlt-load nosuch:x
  fails 2 dlt-load sqlite:
  fails 2 dlt-load nosuch pkg
  fails 2 dlt-load --no-such-option
  mkdir d
  fails 1 dlt-load sqlite:d d
  assert_output --partial 'is a directory'
}

@test "--json tells what was loaded" {
  package p
  job p t 1 <<<'{"id":1}'
  dlt-load --json sqlite:x.db p >report
  run python3 -c "import json; r=json.load(open('report')); print(r['destination'], r['packages'][0]['status'], r['packages'][0]['rows'], r['error'])"
  assert_output 'sqlite:x.db loaded 1 None'
}

@test "what has not been normalized, and what is no package" {
  echo '{"a":1}' >one
  dlt-extract -o e t=one
  fails 1 dlt-load sqlite:d.db e
  assert_output 'dlt-load: error: e: the package has not been normalized; use dlt-normalize first'
  run bash -c 'dlt-extract t=one | dlt-load sqlite:d.db'
  assert_failure 1
  assert_output --partial 'use dlt-normalize first'
  mkdir dir
  fails 1 dlt-load sqlite:d.db dir
  assert_output 'dlt-load: error: dir: not a package (it has no schema.json)'
  test ! -s d.db
}

@test "a schema.json that is not that of the manifest: refused, nothing loaded" {
  echo '{"abc":1}' >one
  dlt-extract t=one | dlt-normalize -o n
  sed -i 's/"abc"/"abd"/g' n/schema.json
  fails 1 dlt-load sqlite:d.db n
  assert_output --partial 'n: schema.json: '
  assert_output --partial 'dlt-package seal'
  test ! -s d.db
}

@test "a damaged job file: named in one line" {
  echo '{"abc":1}' >one
  dlt-extract t=one | dlt-normalize -o n
  for f in n/new_jobs/t.*; do
    truncate -s -3 "$f"
  done
  fails 1 dlt-load sqlite:d.db n
  assert_output --regexp '^dlt-load: error: n: new_jobs/t[^ ]*zst: '
}

@test "insert_values, as Python dlt writes them" {
  local file=n/new_jobs/t.0000000001.0.insert_values header
  package n 'id:bigint,d:double,b:bool,ts:timestamp,de:decimal,bi:binary,j:json,t:text'
  header='INSERT INTO {}("id","d","b","ts","de","bi","j","t")'
  cat >rows <<'J'
(1,1.5,True,'2024-01-02T03:04:05+00:00',1.10,'\x6162',E'{"a":[1]}',E'a''b\\c\n'),
(-5,nan,False,NULL,1E+3,from_base64('YWI='),E'[]',E'"),('),
(NULL,-inf,NULL,NULL,NULL,NULL,NULL,NULL);
J
  { printf '%s\nVALUES\n' "$header"; head -c -1 rows; } >$file
  quiet dlt-load sqlite:d.db n
  run sql d.db 'select id, d, b, ts, de, bi, j, t from t order by rowid'
  assert_line --index 0 "1|1.5|1|2024-01-02 03:04:05.000000|1.1|b'ab'|{\"a\": [1]}|a'b\\c"
  assert_line --index 1 "-5||0||1000|b'ab'|[]|\"),("
  assert_line --index 2 '|-inf||||||'
  local bad
  for bad in "(1);" "(1,2,True,NULL,NULL,NULL,NULL,NULL)" "(1,2,True,NULL,NULL,NULL,NULL,E'x);" \
    "(x,NULL,NULL,NULL,NULL,NULL,NULL,NULL);" "(1,NULL,NULL,NULL,NULL,NULL,NULL,E'')); DROP TABLE t;" \
    "(1,NULL,NULL,now(),NULL,NULL,NULL,NULL);" "(1,NULL,NULL,NULL,NULL,'xx',NULL,NULL);"; do
    printf '%s\nVALUES\n%s' "$header" "$bad" >$file
    fails 1 dlt-load sqlite:bad.db n
    assert_output --partial "t.0000000001.0.insert_values:3: "
  done
  printf 'INSERT INTO x VALUES (1)' >$file
  fails 1 dlt-load sqlite:bad.db n
  printf '%s\nVALUES\n' "$header" >$file
  quiet dlt-load sqlite:bad.db n
}

@test "a password in a URL is not printed" {
  package n
  fails 2 dlt-load oracle://u:hush@h/db n
  assert_output --partial 'no destination "oracle:..."'
  fails 2 dlt-load PG://u:hush@h/db n
  refute_output --partial hush
  fails 2 dlt-extract --sync oracle://u:hush@h/db t=n/schema.json -o x
  refute_output --partial hush
}

@test "--json and --print exclude each other" {
  package n
  fails 2 dlt-load --json --print sqlite:d.db n
  test ! -e d.db
}

@test "-p: a damaged job file leaves all as it was, and can be mended" {
  pipeline
  pending=$(only data/pipelines/p/load/normalized)
  last=$(ls "$pending"/new_jobs/b.*)
  cp "$last" good
  truncate -s -1 "$last"
  fails 1 dlt-load -p p sqlite:d.db
  assert_output --partial 'new_jobs/b.'
  test ! -s d.db
  cp good "$last"
  quiet dlt-load -p p sqlite:d.db
  run sql d.db "select (select count(*) from a) || (select count(*) from b)"
  assert_output 21
}

@test "--plan: the statements, what would be loaded, and nothing done" {
  echo '{"id":1,"l":[1]}' | dlt-extract --schema-name p --write-disposition merge --primary-key id t=- |
    dlt-normalize --for sqlite -o one
  run -3 dlt-load --plan sqlite:x.db one
  [ ! -e x.db ]
  assert_output --partial 'CREATE TABLE main."t" ('
  assert_output --partial '-- t: 1 job, merge by delete-insert'
  assert_output --partial '-- t__l: 1 job, merge by delete-insert'
  quiet dlt-load sqlite:x.db one
  sha256sum x.db >before
  chmod a-w x.db
  run -0 dlt-load --plan sqlite:x.db one
  assert_output ''
  echo '{"id":1,"new":2}' | dlt-extract --schema-name p --sync sqlite:x.db --write-disposition merge --primary-key id t=- >extracted
  dlt-normalize --for sqlite <extracted >normalized
  run -3 dlt-load --plan sqlite:x.db <normalized
  assert_line 'ALTER TABLE main."t" ADD COLUMN "new" BIGINT;'
  refute_output --partial CREATE
  run -3 dlt-load --plan --json sqlite:x.db <normalized
  assert_output --partial '"status":"planned","sql":["ALTER TABLE main.\"t\" ADD COLUMN \"new\" BIGINT"],"tables":[{"table":"t","jobs":1,"how":"merge by delete-insert"}]}],"error":null}'
  sha256sum -c --quiet before
  fails 2 dlt-load --plan --print sqlite:x.db one
}

@test "--plan of a pipeline: only what is left, and what cannot be" {
  pipeline
  run -3 dlt-load -p p --plan sqlite:x.db
  assert_line '-- a: 1 job, append'
  [ ! -e x.db ]
  [ -n "$(ls data/pipelines/p/load/normalized)" ]
  quiet dlt-load -p p sqlite:x.db
  run -0 dlt-load -p p --plan sqlite:x.db
  assert_output ''
  printf '{"a":{"b":"x"}}\n' | dlt-extract --schema-name q a__a=- | dlt-normalize -o one
  python3 -c "import sqlite3; sqlite3.connect('x.db').execute('create table a__a (a__b bigint)')"
  fails 1 dlt-load --plan sqlite:x.db one
  assert_output --partial 'column "a__b" is bigint, but the package needs TEXT'
}

@test "--json reports also what fails before there is a destination" {
  run bash -c 'dlt-load --json -p nobody sqlite:x.db 2>/dev/null'
  [ "$status" -eq 1 ]
  assert_output --regexp '^\{"destination":.*,"packages":\[\],"error":"pipeline \\"nobody\\" does not exist.*"\}$'
  run bash -c 'dlt-load --json sqlite:/nonexistent/x.db n 2>/dev/null'
  [ "$status" -eq 1 ]
  assert_output --regexp '^\{"destination":"sqlite:/nonexistent/x.db","packages":\[\],"error":".*"\}$'
}

@test "a password is not in the list of processes" {
  mkfifo wait
  dlt-load -c destination.x.credentials=postgresql://u:hush@h/db -c x.password=hush sqlite:x.db <wait 2>/dev/null &
  exec 8>wait
  # the fifo is open on both sides now; what main does first is done soon
  for _ in $(seq 1000); do
    tr '\0' ' ' </proc/$!/cmdline >shown
    grep -q hush shown || break
  done
  exec 8>&-
  wait $! || :
  run cat shown
  assert_output --partial 'credentials=postgresql://u:***@h/db'
  assert_output --partial 'x.password=***'
}
