#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# How much is pulled, and what becomes of it when that is not all: --max-time,
# --on-error, live pipes.

load helper

setup_file() {
  python_dlt
}

# until_true COMMAND...
until_true() {
  local tries=0
  until "$@"; do
    ((++tries < 3000)) || return 1
    read -rt 0.01 <> <(:) || true
  done
}

rows_of() {
  dlt-package cat "$@"
}

count() {
  sqlite3 x.db "SELECT count(*) FROM $1"
}

# enough COMMAND...: for a $TIME that is long enough on this machine.
enough() {
  for TIME in 0.2 1 5 25; do
    rm -rf data out
    if "$@"; then
      return
    fi
  done
  return 1
}

all_stages() {
  quiet dlt-normalize -q -p p
  quiet dlt-load -q -p p sqlite:x.db
}

teardown() {
  if [ -n "${pid:-}" ]; then
    kill "$pid" 2>/dev/null || true
  fi
}

# ---- --max-time ----

@test "max-time: what has been read is a package, also of programs that never end" {
  cat >s.toml <<'END'
[[resources]]
name = "b"
file = "b.jsonl"
[[resources]]
name = "a"
command = "echo '{\"id\":1}'; echo '{\"id\":2}'; exec sleep 1000.25"
END
  echo '{"id":3}' >b.jsonl
  both() {
    run -0 dlt-extract -v -p p -s s.toml --max-time "$TIME"
    [[ $output == *'a: was not read to its end'* &&
      $output != *'b: was not read'* && $output == *'a: 2 rows'* ]]
  }
  enough both
  all_stages
  [ "$(count a)" -eq 2 ]
  [ "$(count b)" -eq 1 ]
  run pgrep -f 'sleep 1000.25'
  assert_failure
}

@test "max-time: half a row is none" {
  printf '#!/bin/sh\nprintf "{\\"id\\":1}\\n{\\"id\\":"\nexec sleep 1000\n' >half
  chmod +x half
  one() {
    quiet dlt-extract -q -o out --max-time "$TIME" t=exec:./half
    [ "$(rows_of t out)" = '{"id":1}' ]
  }
  enough one
}

@test "max-time: a pipe that ends before is read to its end" {
  seq -f '{"id":%.0f}' 1000 | quiet dlt-extract -q -o out --max-time 1h t=-
  [ "$(rows_of t out | wc -l)" -eq 1000 ]
}

@test "max-time: a table is not emptied by a resource that had no time" {
  echo '{"id":1}' >t.jsonl
  mkdir -p d
  quiet dlt-extract -q -p p --write-disposition replace t=t.jsonl
  all_stages
  mkfifo never
  (exec sleep 1000 >never) 3>&- &
  pid=$!
  quiet dlt-extract -q -p p --write-disposition replace --max-time 0.2 t=never
  all_stages
  [ "$(count t)" -eq 1 ]
}

@test "max-time: the cursor goes on only where rows come in order" {
  cat >slow <<'END'
#!/bin/sh
printf '{"at":%d}\n' 5 6
exec sleep 1000
END
  chmod +x slow
  stays() {
    run -0 dlt-extract -v -p p --max-time "$TIME" --incremental at t=exec:./slow
    [[ $output == *'the cursor stays where it was'* && $output == *'t: 2 rows'* ]]
  }
  enough stays
  run -0 dlt-package state -p p
  refute_output --partial '6'
  goes_on() {
    quiet dlt-extract -q -p p --max-time "$TIME" --incremental at,row_order=asc t=exec:./slow
    run -0 dlt-package state -p p
    [[ $output == *6* ]]
  }
  enough goes_on
}

@test "limit: of rows, of items, of time" {
  printf '%s\n' '[{"id":1},{"id":2}]' '[{"id":3},{"id":4}]' '{"id":5}' '{"id":6}' >t.jsonl
  limited() {
    printf '[[resources]]\nname = "t"\ncommand = "cat t.jsonl%s"\nlimit = %s\n' "$2" "$1" >s.toml
    quiet dlt-extract -q -o out -s s.toml
    run -0 rows_of t out
    echo "${#lines[@]}"
  }
  [ "$(limited 3 '')" -eq 3 ]
  [ "$(limited '{ max_items = 3, count_rows = true }' '')" -eq 3 ]
  [ "$(limited '{ max_items = 1 }' '')" -eq 2 ]
  [ "$(limited '{ max_items = 3 }' '')" -eq 5 ]
  timed() {
    [ "$(limited "{ max_time = $TIME }" '; exec sleep 1000')" -eq 6 ]
  }
  enough timed
  printf '[[resources]]\nname = "t"\nfile = "t.jsonl"\nlimit = { max_time = 0 }\n' >s.toml
  fails 2 dlt-extract -q -o out -s s.toml
  assert_output --partial '4:22: "max_time" is no number of seconds'
}

@test "max-time: errors" {
  for time in 0 -1 x 1x 1e400 '' 0x10; do
    fails 2 dlt-extract -o out --max-time "$time" t=-
    assert_output --partial '--max-time'
  done
}

# ---- --on-error ----

two() {
  cat >s.toml <<END
[[resources]]
name = "bad"
write_disposition = "${1:-append}"
command = "echo '{\"id\":1}'; echo '{\"id\":2}'; echo went wrong >&2; exit 3"
[[resources]]
name = "good"
file = "good.jsonl"
END
  echo '{"id":3}' >good.jsonl
}

@test "on-error: by default nothing is kept" {
  two
  fails 1 dlt-extract -q -p p -s s.toml
  assert_output --partial 'exit status 3'
  [ -z "$(dlt-package ls -p p 2>/dev/null)" ]
  fails 1 dlt-extract -q -p p -s s.toml --on-error drop
}

@test "on-error keep: the other resources, and what came before; status 1" {
  two
  fails 1 dlt-extract -q -p p -s s.toml --on-error keep
  assert_output --partial 'bad: '
  assert_output --partial 'exit status 3'
  assert_output --partial '1 of 2 resources failed'
  all_stages
  [ "$(count bad)" -eq 2 ]
  [ "$(count good)" -eq 1 ]
}

@test "on-error keep: a part replaces nothing" {
  two replace
  fails 1 dlt-extract -q -p p -s s.toml --on-error keep
  assert_output --partial 'a part of its rows cannot replace its table'
  [ -z "$(dlt-package ls -p p 2>/dev/null)" ]
}

@test "on-error keep: the line of a bad row, and the rows before it" {
  printf '{"id":1}\n{"id":2}\n{"id"\n{"id":4}\n' >bad.jsonl
  echo '{"id":3}' >good.jsonl
  fails 1 dlt-extract -q -o out --on-error keep bad.jsonl good.jsonl
  assert_output --partial 'bad.jsonl:'
  [ "$(rows_of bad out | wc -l)" -eq 2 ]
  [ "$(rows_of good out | wc -l)" -eq 1 ]
}

@test "on-error keep: the parent of a child that failed begins again" {
  cat >s.toml <<'END'
[[resources]]
name = "parent"
file = "parent.jsonl"
incremental = { cursor_path = "id" }
[[resources]]
name = "child"
from = "parent"
command = "head -n 1; exit 4"
END
  printf '{"id":%d}\n' 1 2 3 >parent.jsonl
  fails 1 dlt-extract -p p -s s.toml --on-error keep
  assert_output --partial 'child: '
  assert_output --partial 'parent: the cursor stays where it was'
  run -0 dlt-package state -p p
  refute_output --partial 3
}

@test "on-error: errors" {
  fails 2 dlt-extract -o out --on-error ignore t=-
  assert_output --partial 'neither drop nor keep'
}

# ---- live pipes ----

@test "a line of a live pipe is on its way as soon as it is written" {
  mkfifo pipe
  exec 8<>pipe
  dlt-extract -q --compression none --file-max-items 1 --buffer-max-items 1 t=- \
    <pipe >stream 3>&- 8>&- &
  pid=$!
  printf '{"id":1}\n{"id":2}\n' >&8
  until_true grep -aq '"id":1' stream
  printf '{"id":' >&8
  printf '3}\n' >&8
  until_true grep -aq '"id":2' stream
  kill "$pid"
  pid=
  exec 8>&-
}

# ---- order ----

@test "round robin and fifo: page by page in the order of dlt" {
  need_dlt
  cat >t.py <<'END'
import dlt, glob, gzip, json
pages = json.load(open("pages.json"))
def res(name):
    def rows():
        yield from pages[name]
    return dlt.resource(rows, name=name, table_name="t")
pipeline = dlt.pipeline("t", pipelines_dir="py", destination="duckdb")
pipeline.extract(dlt.source(lambda: [res(n) for n in pages], name="s")())
for f in sorted(glob.glob("py/t/normalize/extracted/*/new_jobs/t.*")):
    for line in gzip.open(f, "rt"):
        print("\n".join(r["id"] for r in json.loads(line)))
END
  python3 -c 'import json
print(json.dumps({n: [[{"id": "%s%d.%d" % (n, i, k)} for k in range(2)]
  for i in range(c)] for n, c in (("a", 5), ("b", 3), ("c", 4), ("d", 0), ("e", 1))}))' >pages.json
  for name in a b c d e; do
    jq -c ".$name[]" pages.json >$name.jsonl
    printf '[[resources]]\nname = "%s"\nfile = "%s.jsonl"\ntable_name = "t"\n' $name $name
  done >s.toml
  for mode in round_robin fifo; do
    rm -rf py out
    EXTRACT__NEXT_ITEM_MODE=$mode "$DLT_PYTHON" t.py >wanted
    quiet dlt-extract -q -o out -s s.toml --next-item-mode $mode
    rows_of t out | jq -r .id | diff wanted -
  done
}
