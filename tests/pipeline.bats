#!/usr/bin/env bats
# The three tools together, in all wirings.

load helper

EVENTS=$GOLDEN/github_events/step1/input.jsonl

in_pipes() {
  dlt-extract "events=$EVENTS" | dlt-normalize | dlt-load "sqlite:$1"
}

in_directories() {
  dlt-extract -o "x-$1" "events=$EVENTS" &&
    dlt-normalize -o "n-$1" "x-$1" &&
    dlt-load "sqlite:$1" "n-$1"
}

in_a_pipeline() {
  dlt-extract -p events "events=$EVENTS" &&
    dlt-normalize -p events &&
    dlt-load -p events "sqlite:$1"
}

chained() {
  dlt-extract -p "$1" --print "events=$EVENTS" |
    dlt-normalize -p "$1" --print -T - |
    dlt-load -p "$1" -T - "sqlite:$1.db"
}

@test "pipes, directories, a pipeline: equal tables" {
  quiet in_pipes a.db
  quiet in_directories b.db
  quiet in_a_pipeline c.db
  sqlite_dump a.db >a
  [ "$(wc -l <a)" -gt 300 ]
  sqlite_dump b.db | diff a -
  sqlite_dump c.db | diff a -
}

@test "a pipeline, chained package by package" {
  in_pipes a.db
  sqlite_dump a.db >a
  quiet chained one
  sqlite_dump one.db | diff a -
}

@test "the same, many times" {
  need_level all
  local times=20
  [ "$DLT_TEST_LEVEL" != full ] || times=100
  in_pipes a.db
  sqlite_dump a.db >a
  for i in $(seq $times); do
    quiet chained "n$i"
    sqlite_dump "n$i.db" | diff a -
    rm -r "n$i.db" "data/pipelines/n$i"
  done
}

@test "tar lists the stream" {
  dlt-extract "events=$EVENTS" >stream
  run -0 tar tf stream
  [[ ${lines[0]} == */* && $output == */schema.json* ]]
  [[ ${lines[-1]} == */manifest.json ]]
}

@test "a stream cut anywhere leaves the database as it was" {
  local times=60
  case ${DLT_TEST_LEVEL:-base} in
    base) times=15 ;;
    full) times=200 ;;
  esac
  echo '{"id":1,"l":[1,2]}' >old.jsonl
  dlt-extract "events=old.jsonl" | dlt-normalize | dlt-load sqlite:d.db
  head -n 20 "$EVENTS" >rows.jsonl
  dlt-extract "--sync" sqlite:d.db "events=rows.jsonl" | dlt-normalize >stream
  sqlite_dump d.db >before
  size=$(stat -c %s stream)
  # the last entry is the manifest; what follows it is only padding
  end=$(LC_ALL=C grep -abo '"manifest":1' stream | tail -n 1 | cut -d: -f1)
  RANDOM=7
  for i in $(seq $times); do
    cut=$(((RANDOM * 32768 + RANDOM) % end))
    run bash -c "head -c $cut stream | dlt-load sqlite:d.db"
    [ "$status" -eq 1 ] || {
      echo "cut at $cut of $size: status $status: $output"
      false
    }
  done
  sqlite_dump d.db | diff before -
  quiet dlt-load sqlite:d.db <stream
  sqlite_dump d.db >after
  in=$(sqlite3 d.db 'select count(*) from events')
  [ "$in" -eq 21 ]
}

@test "the same package twice is loaded once" {
  dlt-extract "events=$EVENTS" | dlt-normalize >stream
  dlt-load sqlite:d.db <stream
  sqlite_dump d.db >one
  quiet dlt-load sqlite:d.db <stream
  sqlite_dump d.db | diff one -
}

@test "the same rows with the same load id, after --sync: loaded once" {
  local i
  for i in 1 2 3; do
    dlt-extract --sync sqlite:d.db --deterministic --load-id 1700000000.5 "events=$EVENTS" |
      dlt-normalize --deterministic >stream
    quiet dlt-load sqlite:d.db <stream
  done
  [ "$(sqlite3 d.db 'select count(*), count(distinct _dlt_id), (select count(*) from _dlt_loads) from events')" = "$(wc -l <"$EVENTS")|$(wc -l <"$EVENTS")|1" ]
  mkdir x
  tar xf stream -C x
  quiet dlt-load sqlite:d.db x/1700000000.5
  echo '{"id":"other"}' | dlt-extract --deterministic --load-id 1700000000.5 events=- |
    dlt-normalize --deterministic >other
  fails 1 dlt-load sqlite:d.db <other
  assert_output --partial 'another package with the load id 1700000000.5'
}

@test "two extracts on one pipeline: one exits 75 and names the other" {
  mkfifo rows
  dlt-extract -p x "r=rows" &
  first=$!
  exec 7>rows
  echo '{"a":1}' >&7
  # the first holds the lock as soon as it reads
  fails 75 dlt-extract -p x "r=$EVENTS"
  assert_output --partial "$first"
  exec 7>&-
  wait "$first"
}

@test "bad input upstream: one error line, nothing loaded" {
  echo '{"a":1}' >rows.jsonl
  echo '{"a":}' >>rows.jsonl
  run --separate-stderr bash -c 'dlt-extract rows.jsonl | dlt-normalize | dlt-load sqlite:d.db; echo "${PIPESTATUS[*]}"'
  [ "$output" = '1 1 1' ]
  [ "${#stderr_lines[@]}" -eq 1 ]
  [[ ${stderr_lines[0]} == 'dlt-extract: error: rows.jsonl:2:'* ]]
  [ ! -e d.db ] || [ -z "$(sqlite_dump d.db)" ]
}

golden_steps() {
  local how=$1 case=$2 step hints i=0 schema_step
  hints=$(case_flags "$GOLDEN/$case/case.json")
  rm -rf g.db* data/pipelines/golden
  for step in "$GOLDEN/$case"/step*; do
    [ -e "$step/sqlite.json" ] || return 0
    eval "load_$how \"\$step/input.jsonl\" $hints" || return 1
    i=$((i + 1))
  done
  compare sqlite "$step/sqlite.json" g.db
}

# case.json's hints as options of dlt-extract, quoted for the shell
case_flags() {
  python3 - "$1" <<'PY'
import json, shlex, sys
c = json.load(open(sys.argv[1]))
h, args = c.get("hints", {}), []
d = h.get("write_disposition")
if isinstance(d, dict):
    d = d["disposition"] + ":" + d["strategy"]
if d:
    args += ["--write-disposition", d]
for k, o in (("primary_key", "--primary-key"), ("merge_key", "--merge-key")):
    if k in h:
        args += [o, h[k] if isinstance(h[k], str) else ",".join(h[k])]
if "schema_contract" in h:
    k = h["schema_contract"]
    args += ["--schema-contract", k if isinstance(k, str) else ",".join("%s=%s" % i for i in k.items())]
if "max_table_nesting" in c.get("source", {}):
    args += ["--max-table-nesting", str(c["source"]["max_table_nesting"])]
if "tables_from" in c:
    args += ["--table-from", c["tables_from"]]
for name, column in h.get("columns", {}).items():
    args += ["--column", name + ":" + ",".join(k if v is True else "%s=%s" % (k, v) for k, v in column.items() if k != "name")]
table = c["table"]
print(" ".join(shlex.quote(a) for a in args), "-n", shlex.quote(table))
PY
}

load_piped() {
  local input=$1
  shift
  dlt-extract --schema-name golden --sync sqlite:g.db "$@" "$input" |
    dlt-normalize -q --for sqlite | dlt-load sqlite:g.db
}

load_worked() {
  local input=$1
  shift
  dlt-extract -p golden --schema-name golden "$@" "$input" &&
    dlt-normalize -q -p golden --for sqlite && dlt-load -p golden sqlite:g.db
}

# cases that Python dlt loads
loadable() {
  local c
  for c in "$GOLDEN"/*/case.json; do
    c=$(basename "$(dirname "$c")")
    [ -e "$GOLDEN/$c/step1/sqlite.json" ] && echo "$c"
  done
}

# each_case HOW N: of three cases the Nth at the base level, else all
each_case() {
  local how=$1 c failed=0 n=0
  for c in $(loadable); do
    [ "${DLT_TEST_LEVEL:-base}" != base ] || ((n++ % 3 == $2)) || continue
    golden_steps "$how" "$c" || {
      echo "^ $c, $how"
      failed=1
    }
  done
  return $failed
}

@test "golden tables from rows, in pipes with --sync" {
  each_case piped 0
}

@test "golden tables from rows, in a pipeline" {
  each_case worked 1
}

@test "--sync with -p: a failed first run is no run" {
  echo '{"a":"text"}' >one
  dlt-extract --schema-name p t=one | dlt-normalize | dlt-load sqlite:d.db
  echo '{"a":' >bad
  fails 1 dlt-extract -p p --sync sqlite:d.db t=bad
  echo '{"a":1}' >two
  dlt-extract -p p --sync sqlite:d.db t=two
  dlt-normalize -q -p p
  quiet dlt-load -p p sqlite:d.db
}

@test "--sync: the stored state goes on" {
  echo '{"a":1}' >one
  dlt-extract -p p t=one
  jq -c '.sources = {"s":{"cursor":7}}' data/pipelines/p/state.json >state
  mv state data/pipelines/p/state.json
  dlt-extract -p p t=one
  dlt-normalize -p p
  dlt-load -p p sqlite:d.db
  rm -r data/pipelines/p
  dlt-extract -p p --sync sqlite:d.db t=one
  run jq -c '[._state_version, .sources.s.cursor]' data/pipelines/p/state.json
  assert_output '[2,7]'
  dlt-extract --schema-name p --sync sqlite:d.db -o o t=one
  run dlt-package ls o
  refute_output --partial _dlt_pipeline_state
}

# killed_writer FILE: leaves the middle of a transaction, and its journal.
killed_writer() {
  python3 - "$1" <<'PYTHON' || true
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
db.execute("UPDATE t SET a = 0")
db.execute("CREATE TABLE half AS SELECT * FROM t")
for _ in range(9):
    db.execute("INSERT INTO half SELECT * FROM half")
os.kill(os.getpid(), signal.SIGKILL)
PYTHON
  test -s "$1-journal"
}

@test "a database whose writer was killed is read as it was before" {
  seq 2000 | jq -c '{a: .}' >one
  dlt-extract --schema-name p t=one | dlt-normalize | dlt-load sqlite:d.db
  killed_writer d.db
  mkdir kept
  cp d.db d.db-journal kept
  quiet dlt-extract --schema-name p --sync sqlite:d.db -o o t=one
  mv kept/* .
  dlt-extract -o p sqlite:d.db::t
  run bash -c "dlt-package cat t p | jq -s 'map(.a) | add, length'"
  assert_output '2001000
2000'
}

@test "-p: what a killed first run has made of the pipeline is no hindrance" {
  mkdir -p data/pipelines/p/load/normalized
  echo '{"a":1}' >one
  dlt-extract -p p t=one
  dlt-normalize -p p
  rm -r data/pipelines/p/load/loaded
  quiet dlt-load -p p sqlite:d.db
  test -d data/pipelines/p/load/loaded
}

@test "an input that cannot be opened is the only error of a pipe" {
  run bash -c 'dlt-extract t=none.jsonl | dlt-normalize |
    dlt-load sqlite:d.db; echo "${PIPESTATUS[@]}"'
  assert_output "dlt-extract: error: none.jsonl: No such file or directory
1 1 1"
  test ! -e d.db
}

@test "-o: what a killed run has left is removed by the next one" {
  echo '{"a":1}' >one
  mkfifo rows
  sleep 60 >rows &
  producer=$!
  dlt-extract -o new "t=rows" &
  until compgen -G '.new.*' >/dev/null; do :; done
  dlt-extract -o new t=one # which leaves alone what is alive
  compgen -G '.new.*'
  kill -KILL %2
  wait %2 || true
  kill "$producer"
  compgen -G '.new.*'
  dlt-extract -o new t=one
  run compgen -G '.new.*'
  assert_output ''
}

@test "a limit of file sizes: one line that names the target, nothing left" {
  seq -f '{"a":%.0f,"b":"x"}' 200000 >rows.jsonl
  (
    ulimit -f 8
    fails 1 dlt-extract --compression none -o new t=rows.jsonl
    assert_output --regexp '^dlt-extract: error: new/new_jobs/t.*: File too large$'
  )
  run ls -A
  refute_output --partial .new
  (
    ulimit -f 8
    fails 1 dlt-extract --compression none -p p t=rows.jsonl
  )
  dlt-extract -p p t=rows.jsonl
  (
    ulimit -f 8
    fails 1 dlt-normalize -p p
  )
  dlt-normalize -p p
  (
    ulimit -f 8
    fails 1 dlt-load -p p sqlite:d.db
  )
  dlt-load -p p sqlite:d.db
  [ "$(sqlite3 d.db 'select count(*) from t')" = 200000 ]
}

@test "names that name nothing: usage" {
  echo '{"a":1}' >one
  fails 2 dlt-extract -n '' -o x one
  assert_output --partial 'names no resource'
  fails 2 dlt-extract -o '' t=one
  assert_output --partial 'names no directory'
  fails 2 dlt-extract --load-id $'a\nb' -o x t=one
  for name in ' ' $'\xff' 'a/b' 'a.b' $'a\nb'; do
    fails 2 dlt-extract -p "$name" t=one
    assert_output --partial 'is no name of a pipeline'
  done
  [ ! -e data ]
}

@test "-o: a package that was made read-only is exchanged, and nothing stays" {
  echo '{"a":1}' >one
  quiet dlt-extract -o e --load-id 1.0 t=one
  chmod -R a-w e
  quiet dlt-extract -o e --load-id 2.0 t=one
  [ "$(dlt-package info --json e | jq -r .load_id)" = 2.0 ]
  [ -z "$(find . -maxdepth 1 -name '.*' ! -name . ! -name '.dlt*')" ]
}

@test "a file whose name is no UTF-8 goes the whole way" {
  printf '{"a":1}\n{"a":"x"}\n' >$'n\xe4me.jsonl'
  quiet dlt-extract -o e t=$'n\xe4me.jsonl'
  quiet dlt-package verify e
  quiet dlt-normalize -q -o n e
  [ "$(dlt-package why --json t.a__v_text n | jq -r .input)" = $'n\ufffdme.jsonl' ]
  dlt-extract t=$'n\xe4me.jsonl' | dlt-normalize -q | quiet dlt-load sqlite:x.db
}

# ---- places ----

# Two inputs; the second brings text into a number's column in its line 3.
two_inputs() {
  printf '%s\n' '{"a":1}' '{"a":2}' >one.jsonl
  printf '%s\n' '{"a":3}' '' '{"b":1,"a":"x"}' '{"c":1}' >two.jsonl
}

# provenance COLUMN: where that column of table t comes from, on stdin.
provenance() {
  jq -c --arg c "$1" 'select(.table == "t" and .column == $c) |
    [.input, .line, .byte]'
}

@test "a pipe names the user's file and line as directories do" {
  two_inputs
  dlt-extract -o p -n t one.jsonl two.jsonl
  dlt-normalize -o q p 2>warned
  dlt-extract -n t one.jsonl two.jsonl | dlt-normalize -o r 2>warned.piped
  grep -q 'two.jsonl:3: t.a is bigint' warned
  cmp warned warned.piped
  cmp <(jq -cS . q/provenance.jsonl) <(jq -cS . r/provenance.jsonl)
  run -0 provenance a <r/provenance.jsonl
  assert_output '["one.jsonl",1,0]'
  # a line is skipped before it, so it has an entry of its own
  run -0 provenance a__v_text <r/provenance.jsonl
  assert_output '["two.jsonl",3,9]'
  # the line is known, the byte is not
  run -0 provenance c <r/provenance.jsonl
  assert_output '["two.jsonl",4,null]'
}

@test "a stream with origins is plain for tar; without them it is as good" {
  two_inputs
  dlt-extract -n t one.jsonl two.jsonl >stream
  run --separate-stderr tar tf stream
  assert_success
  [ -z "$stderr" ]
  [[ $output != *[Oo]rigins* && $output != *PaxHeader* ]]
  mkdir x && tar xf stream -C x
  [ "$(find x -type f | wc -l)" -eq 5 ]
  (cd x && tar cf - ./*/schema.json | tar tf - >/dev/null)
  # tar(1) packs it again, without the attributes
  (cd x && id=$(ls) && tar cf ../again "$id"/schema.json "$id"/new_jobs/* \
    "$id"/load_package_state.json "$id"/manifest.json)
  dlt-normalize -o y <again 2>warned
  grep -q 'typed-jsonl.zst:4: t.a is bigint' warned
}

@test "origins of a stranger: what is no JSON array is not looked at" {
  two_inputs
  dlt-extract -n t one.jsonl two.jsonl >stream
  for bad in '{{"input":"one.json' '[{"input";"one.json' '[7,{"inp":"one.json'; do
    sed "s/\[{\"input\":\"one.json/$bad/" stream >bad
    not cmp -s stream bad
    rm -rf z
    run --separate-stderr dlt-normalize -o z <bad
    # the manifest has them as well
    [[ $bad == '[7'* && $status -eq 0 || $stderr == *manifest.json* ]]
  done
}

@test "a folder that is no package does not stop the packages around it" {
  echo '{"a":1}' >t.jsonl
  dlt-extract -q -p x t.jsonl
  mkdir data/pipelines/x/normalize/extracted/{0,zzz}
  touch data/pipelines/x/normalize/extracted/zzz/notes
  run -0 --separate-stderr dlt-normalize -p x
  [ "${#stderr_lines[@]}" -eq 2 ]
  [[ ${stderr_lines[0]} == *extracted/0:\ is\ no\ package* ]]
  mkdir -p data/pipelines/x/load/normalized/{0,zzz}
  run -0 dlt-package info -p x
  assert_output --partial 'kind     normalized'
  run -0 --separate-stderr dlt-load -p x sqlite:d.db
  [ "${#stderr_lines[@]}" -eq 2 ]
  [[ ${stderr_lines[1]} == *normalized/zzz:\ is\ no\ package* ]]
  [ "$(sqlite3 d.db 'select count(*) from t')" = 1 ]
  [ -e data/pipelines/x/normalize/extracted/zzz/notes ]
  # what has one of the two marks is a package, and damaged
  mkdir -p data/pipelines/x/normalize/extracted/1/new_jobs
  touch data/pipelines/x/normalize/extracted/1/new_jobs/t.a.0.typed-jsonl
  run -1 dlt-normalize -p x
  assert_output --partial 'it has no schema.json'
}
