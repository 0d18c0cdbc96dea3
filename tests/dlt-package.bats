#!/usr/bin/env bats
# dlt-package: its commands on packages of Python dlt, and errors.

load helper

nested() {
  only "$GOLDEN/nested/step1/$1"
}

# A copy that may be changed.
copy_of() {
  cp -r "$(nested "$1")" pk
  chmod -R u+w pk
}

@test "info: tables with rows, bytes and files" {
  run --separate-stderr -0 dlt-package info "$(nested normalized)"
  [ -z "$stderr" ]
  [[ ${lines[1]} == "kind     normalized" ]]
  [[ ${lines[2]} == "schema   golden" ]]
  assert_line --regexp '^ +3 +[0-9]+ +1  orders__lines$'
}

@test "info --json has stable keys" {
  run -0 dlt-package info --json "$(nested extracted)"
  assert_output --regexp '^\{"load_id":"[0-9.]+","kind":"extracted","schema_name":"golden","sealed":false,"tables":\[\{"table":"_dlt_pipeline_state","rows":1,"bytes":[0-9]+,"files":1\},\{"table":"orders","rows":3,"bytes":[0-9]+,"files":1\}\]\}$'
}

@test "ls: the jobs of a package" {
  run -0 dlt-package ls "$(nested normalized)"
  [ "${#lines[@]}" -eq 6 ]
  assert_line --regexp '^ +3 +[0-9]+  orders\.[0-9a-f]{10}\.0\.jsonl$'
  run -0 dlt-package ls --json "$(nested normalized)"
  assert_output --regexp '^\{"load_id":"[^"]+","jobs":\[\{"job":"[^"]+","table":"[^"]+","rows":1,"bytes":[0-9]+\}'
}

@test "ls -p: the packages of a pipeline by state" {
  w=data/pipelines/p
  mkdir -p $w/normalize/extracted/3.0 $w/load/normalized/2.0 $w/load/loaded/1.0
  run -0 dlt-package ls -p p
  assert_output "$(printf 'extracted   3.0\nnormalized  2.0\nloaded      1.0')"
  run -0 dlt-package ls --json -p $w/
  assert_output '{"pipeline":"p","packages":[{"load_id":"3.0","state":"extracted","path":"data/pipelines/p/normalize/extracted/3.0"},{"load_id":"2.0","state":"normalized","path":"data/pipelines/p/load/normalized/2.0"},{"load_id":"1.0","state":"loaded","path":"data/pipelines/p/load/loaded/1.0"}]}'
}

@test "-p NAME means the newest package, -p NAME ID that one" {
  w=data/pipelines/p/load/normalized
  mkdir -p $w
  id=$(basename "$(nested normalized)")
  cp -r "$(nested normalized)" $w
  run -0 dlt-package info -p p
  assert_line "load id  $id"
  run -0 dlt-package info -p p "$id"
  assert_line "load id  $id"
  fails 1 dlt-package info -p p 9.9
  assert_output 'dlt-package: error: pipeline "p" has no package 9.9'
}

@test "cat: arrays become rows, one a line" {
  run -0 dlt-package cat orders "$(nested extracted)"
  [ "${#lines[@]}" -eq 3 ]
  dlt-package cat orders "$(nested extracted)" |
    "${PYTHON:-python3}" -c 'import json, sys; print([json.loads(x)["id"] for x in sys.stdin])' >ids
  [ "$(cat ids)" = '[1, 2, 3]' ]
}

@test "cat: compressed files, several of a table" {
  run -0 dlt-package cat orders__lines "$(nested normalized)"
  [ "${#lines[@]}" -eq 3 ]
  for case in gzipped rotation; do
    for package in "$GOLDEN/$case"/step1/normalized/*; do
      # shellcheck disable=SC2094
      dlt-package info --json "$package" >info.json
      table=$(sed 's/.*"table":"\([a-z]*\)","rows".*/\1/' info.json)
      rows=$("${PYTHON:-python3}" -c 'import json, sys
print(sum(t["rows"] for t in json.load(open("info.json"))["tables"] if t["table"] == sys.argv[1]))' "$table")
      [ "$(dlt-package cat "$table" "$package" | wc -l)" -eq "$rows" ]
    done
  done
}

@test "cat: brackets, quotes and line ends inside rows" {
  copy_of extracted
  rm pk/new_jobs/*
  printf '[{"a":"}]\\"{["},\n{"b":[1,{"c":[]}],\n"d":{}}]\n[]\n{"e":1}' \
    >pk/new_jobs/orders.0123456789.0.typed-jsonl
  run -0 dlt-package cat orders pk
  assert_output "$(printf '%s\n' '{"a":"}]\"{["}' '{"b":[1,{"c":[]}], "d":{}}' '{"e":1}')"
}

@test "cat: a job file that ends inside a row" {
  copy_of extracted
  printf '[{"a":1},{"b' >pk/new_jobs/orders.0123456789.0.typed-jsonl
  fails 1 dlt-package cat orders pk
  assert_output 'dlt-package: error: orders.0123456789.0.typed-jsonl: ends inside a row'
}

@test "cat: an unknown table" {
  fails 1 dlt-package cat order "$(nested normalized)"
  [[ $output == *'no table "order"'* ]]
}

@test "cat: a reader that goes away is no error" {
  copy_of extracted
  for _ in $(seq 20000); do
    echo '{"a":"0123456789012345678901234567890123456789"}'
  done >pk/new_jobs/orders.0123456789.0.typed-jsonl
  # shellcheck disable=SC2016
  run --separate-stderr bash -c \
    'dlt-package cat orders pk | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}'
  [ "$status" -eq 141 ]
  [ -z "$stderr" ]
}

@test "schema: a reader that goes away is no error" {
  copy_of extracted
  # more than a pipe and the buffers hold, in two writes at least
  jq -c '.description = ("x" * 200000)' pk/schema.json >s.schema.json
  # shellcheck disable=SC2016
  run --separate-stderr bash -c 'dlt-package schema s.schema.json |
    head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
  [ "$status" -eq 141 ]
  [ -z "$stderr" ]
}

@test "verify: no directory, no manifest" {
  fails 1 dlt-package verify nothing
  assert_output --partial 'nothing: No such file or directory'
  mkdir empty
  fails 1 dlt-package verify empty
  assert_output --partial 'dlt-package seal'
  : >empty/manifest.json
  fails 1 dlt-package verify empty
  assert_output --partial 'empty/manifest.json: not a manifest'
}

@test "seal, then verify; a change is found" {
  copy_of normalized
  fails 1 dlt-package verify pk
  quiet dlt-package seal pk
  quiet dlt-package verify pk
  run -0 dlt-package verify --json pk
  assert_output '{"package":"pk","verified":true}'
  for file in pk/new_jobs/orders.*; do
    sed -i 's/Ada/Eve/' "$file"
  done
  fails 1 dlt-package verify pk
  [[ $output == *orders.* ]]
  quiet dlt-package seal pk
  quiet dlt-package verify pk
}

@test "schema: json, mermaid, dot" {
  run -0 dlt-package schema "$(nested normalized)"
  assert_line '  "name": "golden",'
  run -0 dlt-package schema --format mermaid "$(nested normalized)"
  assert_line --index 0 erDiagram
  assert_line '    orders ||--o{ orders__lines : _dlt_parent_id'
  run -0 dlt-package schema --format dot "$(nested normalized)"
  assert_line --partial '"orders__lines" -> "orders";'
  fails 2 dlt-package schema --format xml "$(nested normalized)"
}

@test "why: what created a column" {
  copy_of normalized
  echo '{"table":"t","column":"a__v_text","data_type":"text","input":"x.jsonl","row":3,"line":3,"byte":40,"value":"\"u\"","instead_of":"a"}' >pk/provenance.jsonl
  run -0 dlt-package why t.a__v_text pk
  [[ $output == *'x.jsonl:3 (byte 40)'*'value "u"'*'--column t.a:text'* ]]
  run -0 dlt-package why --json t.a__v_text pk
  [[ $output == '{"table":"t","column":"a__v_text"'* ]]
  fails 1 dlt-package why t.b pk
  fails 2 dlt-package why t pk
  rm pk/provenance.jsonl
  fails 1 dlt-package why t.b pk
  [[ $output == *'no provenance.jsonl'* ]]
}

@test "wrong usage is status 2, with a hint" {
  fails 2 dlt-package inof "$(nested normalized)"
  assert_output 'dlt-package: error: unknown command "inof"; did you mean "info"?'
  fails 2 dlt-package -q
  fails 2 dlt-package cat
  fails 2 dlt-package info a b
  fails 2 dlt-package seal -
  fails 2 dlt-package info --format dot a
}

@test "what is no package" {
  fails 1 dlt-package info nothing
  [[ $output == *nothing* ]]
  run bash -c 'echo hello | dlt-package info'
  [ "$status" -eq 1 ]
  run bash -c 'dlt-package info </dev/null'
  [ "$status" -eq 1 ]
  fails 1 dlt-package ls -p nobody
}

@test "cat and why without their operand: usage, not the standard input" {
  echo '{"a":1}' >t.jsonl
  dlt-extract -q -o pk t.jsonl
  for command in cat why; do
    run -2 --separate-stderr timeout 10 dlt-package $command pk
    [[ $stderr == *'before the package pk'*'dlt-package info pk'* ]]
  done
  run -2 --separate-stderr dlt-package cat
  [[ $stderr == *'cat needs a TABLE'* ]]
  # a stream is still read, and a table may be called as a folder
  mkdir t
  run -0 dlt-package cat t < <(dlt-extract t.jsonl)
  assert_output '{"a":1}'
}

@test "a full disk behind standard output: one error line, without a file's name" {
  seq 50000 | sed 's/.*/{"n":&}/' >t.jsonl
  quiet dlt-extract -q -o pk t=t.jsonl
  for command in "cat t" info schema; do
    # shellcheck disable=SC2086
    run -1 --separate-stderr bash -c 'dlt-package "$@" pk >/dev/full' - $command
    [ "$stderr" = 'dlt-package: error: standard output: No space left on device' ]
  done
}

@test "diff: what a schema has got or lost" {
  printf '{"id":1,"v":1,"gone":true}\n' | dlt-extract t=- | dlt-normalize -o old
  printf '{"id":1,"v":"x","l":[1]}\n' |
    dlt-extract --primary-key id t=- | dlt-normalize -o new
  run -3 --separate-stderr dlt-package diff old new
  assert_output - <<'END'
~ t.id type: bigint -> bigint not null
~ t.id primary_key: none -> true
~ t.v type: bigint -> text
- t.gone bool
+ t__l
+ t__l.value bigint
+ t__l._dlt_parent_id text not null
+ t__l._dlt_list_idx bigint not null
+ t__l._dlt_id text not null
END
  run -0 dlt-package diff old old
  assert_output ''
  run -3 dlt-package diff old/schema.json new --json
  jq -se 'map(select(.change == "removed")) == [{"change":"removed",
    "table":"t","column":"gone","hint":null,"before":"bool","after":null}]' \
    <<<"$output"
  fails 2 dlt-package diff old
  fails 1 dlt-package diff old missing
}

loaded() {
  (cd data/pipelines/p/load/loaded && ls)
}

@test "gc: loaded packages go, by number and by age; others stay" {
  local id
  export DLT_DATA_DIR=$PWD/data
  for id in 1 2 3 4; do
    echo '{"id":1}' | dlt-extract -p p --load-id "170000000$id.5" t=-
    dlt-normalize -p p
    dlt-load -q -p p sqlite:x.db
  done
  touch -d '3 days ago' data/pipelines/p/load/loaded/170000000[123].5/package_completed.json
  # one that failed is nobody's to remove
  mkdir -p data/pipelines/p/load/loaded/1700000001.5/failed_jobs
  touch data/pipelines/p/load/loaded/1700000001.5/failed_jobs/t.0000000001.0.jsonl
  echo '{"id":1}' | dlt-extract -p p --load-id 1600000000.5 t=-

  run -0 --separate-stderr dlt-package gc -p p --keep 1 --older 2 --dry-run
  assert_output $'1700000003.5\n1700000002.5'
  [ "$(loaded | wc -l)" -eq 4 ]
  run -0 --separate-stderr dlt-package gc -p p --keep 2 --older 2
  assert_output 1700000002.5
  run -0 --separate-stderr dlt-package gc -p p --older 0.5 --json
  jq -e '.load_id == "1700000003.5" and .bytes > 100 and .removed' <<<"$output"
  run loaded
  assert_output $'1700000001.5\n1700000004.5'
  run -0 dlt-package gc -p p --keep 0
  run loaded
  assert_output 1700000001.5
  [ -d data/pipelines/p/normalize/extracted/1600000000.5 ]
  fails 2 dlt-package gc -p p
  fails 2 dlt-package gc --keep 1
  fails 2 dlt-package gc -p p --older yesterday
  fails 2 dlt-package ls -p p --keep 1
}

@test "gc: leftovers of killed runs, when they are a day old and nobody is at work" {
  local hex=0123456789abcdef
  export DLT_DATA_DIR=$PWD/data
  echo '{"id":1}' | dlt-extract -p p --load-id 1600000000.5 t=-
  cd data/pipelines/p
  mkdir -p load/new/1500000000.5/new_jobs load/new/1500000001.5 \
    normalize/$hex normalize/${hex%f}0
  touch load/new/1500000000.5/new_jobs/t.0000000001.0.jsonl $hex schemas/$hex \
    normalize/${hex%f}0/pythons
  # another one of the user's, and one in use
  touch notes schemas/p.schema.json ${hex%f}1
  find load/new normalize notes $hex schemas -exec touch -d '2 days ago' {} +
  touch load/new/1500000001.5
  cd "$OLDPWD"
  run -0 --separate-stderr dlt-package gc -p p --keep 9 --older 3
  assert_output ''
  run -0 --separate-stderr flock data/pipelines/p/.lock.normalize \
    dlt-package gc -p p --keep 9 --dry-run
  assert_output "normalize/$hex
$hex
schemas/$hex"
  run -0 --separate-stderr dlt-package gc -p p --keep 9 --json
  [ "$(jq -r .leftover <<<"$output" | sort)" = "$hex
load/new/1500000000.5
normalize/$hex
schemas/$hex" ]
  run -0 find data/pipelines/p -name "${hex%f}*"
  assert_output --partial "p/${hex%f}1"
  assert_output --partial "p/normalize/${hex%f}0"
  not grep -q $hex <<<"$output"
  [ -e data/pipelines/p/load/new/1500000001.5 ]
  [ ! -e data/pipelines/p/load/new/1500000000.5 ]
  [ -e data/pipelines/p/normalize/extracted/1600000000.5 ]
}

@test "gc: not while a load works on the pipeline" {
  export DLT_DATA_DIR=$PWD/data
  echo '{"id":1}' | dlt-extract -p p t=-
  dlt-normalize -p p
  dlt-load -q -p p sqlite:x.db
  run -75 flock data/pipelines/p/.lock.load dlt-package gc -p p --keep 0
}

@test "schema --format svg: a drawing that XML readers take" {
  echo '{"id":1,"a<b&c":{"x":[{"y":[1]}]},"l":[{"z":1.5}]}' |
    dlt-extract --primary-key id t=- | dlt-normalize -o n
  dlt-package schema --format svg n >n.svg
  python3 - <<'END'
import xml.etree.ElementTree as ET
svg = ET.parse("n.svg").getroot()
ns = "{http://www.w3.org/2000/svg}"
names = [t.text for t in svg.iter(ns + "text") if t.get("class") == "name"]
assert {"t", "t__l", "t__a_b_c__x", "t__a_b_c__x__y"} <= set(names), names
boxes = [[float(r.get(k)) for k in ("x", "y", "width", "height")]
         for r in svg.iter(ns + "rect")]
width, height = float(svg.get("width")), float(svg.get("height"))
for i, (x, y, w, h) in enumerate(boxes):
    assert x + w <= width and y + h <= height
    for x2, y2, w2, h2 in boxes[:i]:
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
END
}

@test "-0: lines of lists end with a NUL" {
  echo '{"a":1}' | dlt-extract -q -o old t=-
  printf '{"a":1,"b":2}\n{"a":"x"}\n' | dlt-extract -q -o new t=-
  dlt-normalize -q -o n1 old
  dlt-normalize -q -o n2 new
  dlt-package ls n2 >lines
  cmp <(dlt-package ls -0 n2 | tr '\0' '\n') lines
  [ "$(dlt-package ls --null n2 | tr -cd '\0' | wc -c)" -eq "$(wc -l <lines)" ]
  dlt-package diff n1 n2 >lines || [ $? -eq 3 ]
  dlt-package diff -0 n1 n2 >nul || [ $? -eq 3 ]
  cmp <(tr '\0' '\n' <nul) lines
  [ "$(wc -l <nul)" -eq 0 ]
  cmp <(dlt-package why -0 t.a__v_text n2 | tr '\0' '\n') <(dlt-package why t.a__v_text n2)
  fails 2 dlt-package info -0 n2
  assert_output 'dlt-package: error: info prints no list: not -0'
  fails 2 dlt-package ls -0 --json n2
  assert_output 'dlt-package: error: --json and --null exclude each other'
}

@test "--json: commands that change something say what they did" {
  copy_of extracted
  run -0 dlt-package seal --json pk
  assert_output '{"package":"pk","sealed":true}'
  run -0 dlt-package verify --json pk
  assert_output '{"package":"pk","verified":true}'
  run -0 --separate-stderr dlt-package convert --json --compression none pk
  assert_output '{"package":"pk","converted":true}'
}
