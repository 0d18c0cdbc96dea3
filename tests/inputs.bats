#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: kinds of input: programs, directories, lists, archives, csv.

# shellcheck disable=SC2030,SC2031
load helper
load extract

setup_file() {
  python_dlt
}

@test "a file is a file, whatever its name looks like" {
  echo '{"a":1}' >exec:x
  echo '{"a":2}' >sqlite:y.jsonl
  dlt-extract -o p x=exec:x 'y=./sqlite:*'
  [ "$(rows p x)" = '[{"a":1}]' ]
  [ "$(rows p y)" = '[{"a":2}]' ]
  dlt-extract -o q -n z exec:x sqlite:y.jsonl
  [ "$(rows q z)" = '[{"a":1},{"a":2}]' ]
  fails 1 dlt-extract -o r -n z exec:none
  assert_output --partial 'exec:none: No such file'
  fails 2 dlt-extract -o r z=s3://b/k
  assert_output --partial '"s3:" are not supported'
}

# ---- programs ----

# The shell of the program is to expand them.
# shellcheck disable=SC2016
@test "exec: what a program prints are rows" {
  quiet dlt-extract -o p x='exec:echo "{\"a\":1}"; cat; echo "{\"a\":$((1 + 1))}" | cat' y='exec: :'
  [ "$(rows p x)" = '[{"a":1},{"a":2}]' ]
  [ -z "$(rows p y)" ]
  run --separate-stderr dlt-extract -p n --print x="exec:seq 3 | tee lines"
  [ "$output" = "$(echo "$DLT_DATA_DIR"/pipelines/n/normalize/extracted/*)" ]
  [ -z "$stderr" ]
  [ "$(rows "$output" x)" = '[1,2,3]' ]
  seq 3 | cmp - lines
  run dlt-package info -p n
  [ "$status" -eq 0 ]
}

@test "exec: its messages are passed on line by line" {
  dlt-extract -o p x='exec:printf "one\ntwo\rth\033ree" >&2; echo 1' 2>err
  diff - err <<<'dlt-extract: x: one
dlt-extract: x: two
dlt-extract: x: th?ree'
}

@test "exec: a program that fails means no package" {
  fails 1 dlt-extract -o p x='exec:echo 1; exit 3'
  [ "$output" = 'dlt-extract: error: exec:echo 1; exit 3: failed with exit status 3' ]
  fails 1 dlt-extract -o p x='exec:echo 1; kill -9 $$'
  assert_output --partial 'killed by signal 9 (Killed)'
  fails 75 dlt-extract -o p x='exec:echo 1; exit 75'
  fails 1 dlt-extract -o p x='exec:no-such-program --token=abc'
  assert_output --partial 'exec:no-such-program --token=***: failed with exit status 127'
  fails 1 dlt-extract -p n x='exec:printf "{\"a\":1"'
  assert_output --partial 'unexpected end of the input'
  fails 2 dlt-extract -o p 'exec:echo 1'
  fails 2 dlt-extract -o p x='exec: '
  [ ! -e p ]
  run -0 ls "$DLT_DATA_DIR/pipelines/n/normalize/extracted"
  [ -z "$output" ]
}

@test "exec: a failure inside of a pipe of bash counts" {
  command -v bash >/dev/null || skip "needs bash"
  fails 1 dlt-extract -o p --write-disposition replace x='exec:false | cat'
  [ ! -e p ]
}

@test "exec: where there is no bash, sh does" {
  mkdir bin
  for tool in sh echo sleep; do
    ln -s "$(command -v "$tool")" bin/
  done
  PATH=$PWD/bin "$(command -v dlt-extract)" -o p x='exec:echo 1; echo 2'
  [ "$(rows p x)" = '[1,2]' ]
}

@test "exec: --limit ends the program, which is no failure" {
  mkfifo alive
  dlt-extract -o p --limit 2 x='exec:exec 7>alive; while :; do echo 1; done' &
  cat alive
  wait $!
  [ "$(rows p x)" = '[1,1]' ]
}

@test "exec: programs end with the run, however that ends" {
  mkfifo alive ready
  for signal in TERM KILL; do
    dlt-extract -o p x='exec:exec 7>alive; tail -f /dev/null & echo $$ >ready; tail -f /dev/null' 2>err &
    pid=$!
    cat alive &
    read -r _ <ready
    kill -s "$signal" $pid
    wait
    [ ! -e p ]
  done
}

# ---- delimited text ----

@test "csv: quotes, CRLF, a mark, empty lines, types by column" {
  printf '\xef\xbb\xbfid,name,"say ""hi""",ok,zip\r\n1,ann,"x\ny, ""z""\\",true,02134\r\n\r\n' >a.csv
  printf -- '2.50,"",,false,12345\r\n-3,,a"b\001,,\r\n,,,,' >>a.csv
  quiet dlt-extract -o p a.csv
  diff - <(rows p a) <<'END'
[{"id":1,"name":"ann","say \"hi\"":"x\ny, \"z\"\\","ok":true,"zip":"02134"},{"id":2.50,"name":"","ok":false,"zip":"12345"},{"id":-3,"say \"hi\"":"a\"b\u0001"},{}]
END
  quiet dlt-extract -o q --csv-types text a=a.csv --limit 2
  diff - <(rows q a) <<'END'
[{"id":"1","name":"ann","say \"hi\"":"x\ny, \"z\"\\","ok":"true","zip":"02134"},{"id":"2.50","name":"","ok":"false","zip":"12345"}]
END
}

@test "csv: told by the end of the name, also compressed and in archives" {
  mkdir in
  printf 'a\tb\n1\t"x\ty"\n' >in/t.tsv
  printf 'a\n2\n' >in/u.CSV
  printf '{"a":3}\n' >in/v.jsonl
  tar -C in -cf in.tar t.tsv u.CSV v.jsonl
  gzip -k in/u.CSV
  dlt-extract -o p in.tar u=in/u.CSV.gz
  [ "$(rows p in)" = '[{"a":1,"b":"x\ty"},{"a":2},{"a":3}]' ]
  [ "$(rows p u)" = '[{"a":2}]' ]
  dlt-extract -o q --input-format csv x=- y='exec:printf "b\nc"' <in/u.CSV
  [ "$(rows q x)" = '[{"a":2}]' ]
  [ "$(rows q y)" = '[{"b":"c"}]' ]
  dlt-extract -o e 'z=exec:echo 1; true in/u.csv'
  [ "$(rows e z)" = '[1]' ]
  : >empty.csv
  echo 'a,b' >head.csv
  dlt-extract -o r x=empty.csv y=head.csv
  [ -z "$(rows r x)$(rows r y)" ]
  dlt-extract -o s --input-format jsonl x=in/v.jsonl
  fails 1 dlt-extract -o t --input-format jsonl x=in/u.CSV
}

@test "csv: dialects" {
  printf '1,2\n3\n,"",6\n' |
    dlt-extract -o p --input-format csv --csv-names 'a,"b c"' --csv-ragged missing,keep-extra x=-
  [ "$(rows p x)" = '[{"a":1,"b c":2},{"a":3},{"column_3":"6"}]' ]
  printf 'a;b;\n1;2;3;4\n' |
    dlt-extract -o q --input-format csv --csv-delimiter ';' --csv-ragged drop-extra x=-
  [ "$(rows q x)" = '[{"a":1,"b":2,"column_3":3}]' ]
  printf "a|b\n'1|x'|\"2\n" |
    dlt-extract -o r --input-format csv --csv-delimiter pipe --csv-quote "'" x=-
  [ "$(rows r x)" = '[{"a":"1|x","b":"\"2"}]' ]
  printf 'a\tb\n"1\t2"\n' | dlt-extract -o s --input-format tsv --csv-quote none x=-
  [ "$(rows s x)" = '[{"a":"\"1","b":"2\""}]' ]
  fails 2 dlt-extract -o t --csv-delimiter ab x=p
  assert_output --partial '--csv-delimiter: "ab" is not one ASCII character'
  fails 2 dlt-extract -o t --csv-delimiter '"' x=p
  fails 2 dlt-extract -o t --csv-ragged missing,no x=p
  fails 2 dlt-extract -o t --csv-types int x=p
  fails 2 dlt-extract -o t --input-format xml x=p
  fails 2 dlt-extract -o t --input-format csv --csv-names 'a,a' x=- </dev/null
  assert_output --partial '--csv-names: two columns are called "a"'
}

# csv_fails PLACE TEXT BYTES: no package, and why
# shellcheck disable=SC2059
csv_fails() {
  printf "$3" >e.csv
  fails 1 dlt-extract -o e x=e.csv
  [[ $output == "dlt-extract: error: e.csv:$1: "*"$2"* ]] || {
    echo "$output"
    return 1
  }
}

@test "csv: what is wrong, and where" {
  csv_fails 2:1 '1 field, where the header has 2' 'a,b\n1\n'
  csv_fails 3:5 '3 fields' 'a,b\n\n1,2,3\n'
  csv_fails 1:1 'two columns are called "a"' 'a,a\n'
  csv_fails 3:2 'text behind a closing quote' 'a,b\n1,"\n"x"y,1'
  csv_fails 2:3 'never closed' 'a,b\n1,"x\n\n'
  csv_fails 2:2 'NUL byte' 'a\nx\0y\n'
  csv_fails 3:1 'not UTF-8' 'a\n1\n\344\n'
  csv_fails 2:4 'carriage return' 'a,b\n1,2\rx\n'
  csv_fails 1:1 'UTF-16' '\377\376a\0'
  { echo zip; yes 12345 | head -n 200000; echo 007; } >e.csv
  fails 1 dlt-extract -o e x=e.csv
  assert_output --partial 'e.csv:200002:1: a zero before a number'
  [ ! -e e ]
}

@test "csv: records across blocks, and where they come from" {
  python3 -c '
print("id,text")
for i in range(30000):
    print("%d,\"line %d\n%s\"" % (i, i, "x" * (i % 97)))' >big.csv
  dlt-extract -o p --compression none big.csv
  python3 - p/new_jobs/big.* <<'END'
import json, sys
rows = [row for name in sys.argv[1:] for line in open(name) for row in json.loads(line)]
assert rows == [{"id": i, "text": "line %d\n%s" % (i, "x" * (i % 97))} for i in range(30000)]
END
  python3 - <<'END'
import json
origins = [o for j in json.load(open("p/manifest.json"))["jobs"] for o in j["origins"]]
assert origins[0]["line"] == 2 and origins[0]["byte"] == 8, origins
END
}

@test "csv: 100 MB, or 1 GB, in little memory" {
  need_level all
  local lines=1600000
  [ "$DLT_TEST_LEVEL" != full ] || lines=17000000
  { echo id,name,comment; yes '12345,"a name","a comment of ""some"" length, in quotes"' | head -n $lines; } |
    python3 "$SOURCE_DIR/tests/maxrss.py" rss dlt-extract -o p --input-format csv x=-
  [ "$(cut -d ' ' -f 1 rss)" -lt 100000 ] || {
    cat rss
    false
  }
  [ "$(dlt-package info p --json | jq '.tables[] | select(.table == "x").rows')" -eq $lines ]
}

@test "csv: through normalize into columns of types" {
  printf 'id,price,when,note\n1,1.5,2024-01-02T03:04:05Z,x\n2,3,2024-01-03T00:00:00Z,\n' >a.csv
  dlt-extract a.csv | dlt-normalize -o n
  python3 - <<'END'
import json
columns = json.load(open("n/schema.json"))["tables"]["a"]["columns"]
types = {name: c["data_type"] for name, c in columns.items() if name[0] != "_"}
assert types == {"id": "bigint", "price": "double", "when": "timestamp", "note": "text"}, types
END
}

# ---- directories, lists, members of archives ----

@test "a directory is all files below it, in the order of their paths" {
  mkdir -p d/sub/deep d/.git d/_tmp d/B outside empty
  echo 1 >d/a.json
  echo 2 >d/sub/deep/x.json
  echo 3 >d/sub.json
  echo 4 >d/B/b.json
  echo x >d/.hidden
  echo x >d/_SUCCESS
  echo x >d/.git/x
  echo x >d/_tmp/x
  echo x >outside/x
  ln -s ../outside d/link
  ln -s ../outside/none d/dangling
  mkfifo d/fifo
  dlt-extract -o p d/ x=d/sub -v 2>err
  [ "$(rows p d)" = '[4,1,3,2]' ]
  [ "$(rows p x)" = '[2]' ]
  dlt-extract -o q -n y d d/a.json
  [ "$(rows q y)" = '[4,1,3,2,1]' ]
  dlt-extract -o r 'z=d/s*'
  [ "$(rows r z)" = '[2,3]' ]
  fails 1 dlt-extract -o s x=empty
  assert_output --partial 'empty: no file is in it'
  fails 2 dlt-extract -o s d/..
  assert_output --partial 'no name can be taken'
}

@test "--files0-from takes names as they are" {
  echo 1 >'a=b*.json'
  echo 2 >'exec:c'
  mkdir d
  printf 3 >"d/new
line"
  printf '%s\0' 'a=b*.json' exec:c d >list
  dlt-extract -o p -n x --files0-from list
  [ "$(rows p x)" = '[1,2,3]' ]
  printf '%s\0' 'a=b*.json' | dlt-extract -o q --files0-from=-
  [ "$(rows q a_bx)" = '[1]' ]
  printf '%s\0' - >list
  dlt-extract -o r -n x --files0-from list <'exec:c'
  [ "$(rows r x)" = '[2]' ]
  fails 2 dlt-extract -o s -n x --files0-from list exec:c
  assert_output --partial 'takes the place of operands: "exec:c"'
  printf 'd\0\0' >list
  fails 2 dlt-extract -o s -n x --files0-from list
  assert_output --partial '--files0-from=list: name 2 is empty'
  : >list
  fails 1 dlt-extract -o s -n x --files0-from list
  printf 'no\0' >list
  fails 1 dlt-extract -o s -n x --files0-from list
  assert_output --partial 'no: No such file'
  fails 1 dlt-extract -o s -n x --files0-from none
  printf '%s\0' - | fails 2 dlt-extract -o s -n x --files0-from=-
  [ ! -e s ]
}

# archive FILE KIND NAME=TEXT...: members of any name
archive() {
  python3 - "$@" <<'END'
import io, sys, tarfile, zipfile
path, kind, members = sys.argv[1], sys.argv[2], [m.split("=", 1) for m in sys.argv[3:]]
if kind == "zip":
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in members:
            z.writestr(name, text)
else:
    with tarfile.open(path, "w") as t:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            t.addfile(info, io.BytesIO(text.encode()))
END
}

@test "ARCHIVE::PATTERN picks members, whose names are only names" {
  archive a.tar tar ./in/a.json=1 ../../up.json=2 /etc/abs.csv=$'n\n3' __MACOSX/in/._a.json=x in/._b.json=x
  archive b.zip zip x.json=4 x.txt=junk sub/y.json=5
  zstd -q a.tar
  dlt-extract -o p a.tar.zst
  [ "$(rows p a)" = '[1,2,{"n":3}]' ]
  dlt-extract -o q 'a.tar.zst::in/*' 'b.zip::*.json' 'c=[ab].*p::sub*' d=-::../* 'e=b.zip::sub/y.json' <a.tar.zst
  [ "$(rows q a)" = '[1]' ]
  [ "$(rows q b)" = '[4,5]' ]
  [ "$(rows q c)" = '[5]' ]
  [ "$(rows q d)" = '[2]' ]
  [ "$(rows q e)" = '[5]' ]
  fails 1 dlt-extract -o r x=b.zip::none
  assert_output --partial 'b.zip: no member matches none'
  echo 1 >c.json
  echo 2 >c.json::x
  fails 1 dlt-extract -o r x=c.json::y
  assert_output --partial 'c.json: is no archive'
  fails 1 dlt-extract -o r x=no.zip::y
  dlt-extract -o s -n x c.json::x
  [ "$(rows s x)" = '[2]' ]
  fails 2 dlt-extract -o r 'b.zip::x' '-::x'
  [ ! -e up.json ]
  [ ! -e ../up.json ]
  [ ! -e ../../up.json ]
  [ ! -e r ]
}

@test "an archive of 10,000 members" {
  python3 -c '
import zipfile
with zipfile.ZipFile("many.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(10000):
        z.writestr("dir%d/%05d.json" % (i % 7, i), "{\"i\":%d}" % i)'
  dlt-extract -o p many.zip
  [ "$(rows p many | grep -o '"i"' | wc -l)" -eq 10000 ]
  dlt-extract -o q 'many.zip::dir3/*9.json'
  [ "$(rows q many | grep -o '"i"' | wc -l)" -eq 143 ]
}

@test "an input that expands without end is stopped" {
  yes '{"a":"the same again and again"}' | head -n 600000 >bomb
  gzip bomb
  quiet dlt-extract -o p x=bomb.gz
  fails 1 dlt-extract -o q -c extract.max_expansion=100 x=bomb.gz
  assert_output --partial 'bomb.gz: more than 100 times the size of the file has come out of it; extract.max_expansion'
  fails 1 dlt-extract -o q -c extract.max_expansion=100 x=- <bomb.gz
  quiet dlt-extract -o r -c extract.max_expansion=0 x=bomb.gz
  [ ! -e q ]
}

# ---- text that looks like a typed value ----

# In rows-raw.jsonl, rows-escaped.jsonl and rows.csv; want.json has it alone.
markers() {
  python3 - <<'END'
import json
values = ["1.10", "2024-01-02T03:04:05Z", "2024-01-02", "x", "0x00ff", "YWI=", "5", "01:02:03", "q"]
values = [chr(0xf026 + i) + v for i, v in enumerate(values)] + ["\uf026", "a\uf0001", "\uf03f"]
rows = [{"id": i, "v": v, "l": [v], "o": {"x": v}} for i, v in enumerate(values)]
for name, ascii in ("raw", False), ("escaped", True):
    with open("rows-%s.jsonl" % name, "w") as f:
        f.writelines(json.dumps(row, ensure_ascii=ascii) + "\n" for row in rows)
with open("rows.csv", "w") as f:
    f.write("id,v\n" + "".join("%d,%s\n" % (row["id"], row["v"]) for row in rows))
json.dump(values, open("want.json", "w"))
END
}

# texts FILE: the values that have arrived in an SQLite file, also in lists and
# objects, or in json columns, are what was sent
texts() {
  python3 - "$1" <<'END'
import json, sqlite3, sys
db, want = sqlite3.connect(sys.argv[1]), json.load(open("want.json"))
def column(query):
    return [row[0] for row in db.execute(query)]
names = column("select name from pragma_table_info('t')")
assert column("select v from t order by id") == want
if "o__x" in names:
    assert column("select o__x from t order by id") == want
    assert sorted(column("select value from t__l")) == sorted(want)
elif "o" in names:
    assert [json.loads(o)["x"] for o in column("select o from t order by id")] == want
    assert [json.loads(l)[0] for l in column("select l from t order by id")] == want
END
}

@test "text that looks like a typed value arrives as it is" {
  markers
  for file in rows-raw.jsonl rows-escaped.jsonl rows.csv; do
    dlt-extract t=$file | dlt-normalize --for sqlite | dlt-load -q "sqlite:$file.db"
    texts "$file.db"
  done
  dlt-extract --max-table-nesting 0 t=rows-raw.jsonl | dlt-normalize --format typed-jsonl |
    dlt-load -q sqlite:json.db
  texts json.db
  dlt-extract -o p t=rows-raw.jsonl
  run -1 grep -c $'\xef\x80' <(rows p t)
}

@test "text that looks like a typed value: Python's normalize gives it back" {
  need_dlt
  markers
  quiet dlt-extract -q -p ours --compression gzip t=rows-raw.jsonl
  "$DLT_PYTHON" - <<'END'
import gzip, glob, json
import dlt
p = dlt.pipeline("ours", destination=dlt.destinations.filesystem("out"))
p.normalize()
files = glob.glob(p.working_dir + "/load/normalized/*/new_jobs/t.*jsonl*")
rows = [json.loads(line) for f in files for line in gzip.open(f, "rt")]
assert [row["v"] for row in rows] == json.load(open("want.json")), rows
END
}

# ---- by the time of modification ----

# new_rows ARG...: the ids that a run of dlt-extract brings, on one line.
new_rows() {
  local id
  id=$(dlt-extract -p p --print --incremental modification_date "$@")
  dlt-package cat day "$id" 2>/dev/null | jq -r .id | paste -sd' '
}

@test "--incremental modification_date: files that are new or have changed" {
  export DLT_DATA_DIR=$PWD/data
  mkdir days
  echo '{"id":1}' >days/1.jsonl
  echo '{"id":2}' >days/2.jsonl
  touch -d 2026-01-01T00:00:00.25Z days/1.jsonl
  touch -d 2026-01-02T00:00:00Z days/2.jsonl
  run -0 new_rows day=days
  assert_output '1 2'
  run -0 new_rows day=days
  assert_output ''
  # of the same time, and an older one that nobody asks for any more
  echo '{"id":3}' | gzip >days/3.jsonl.gz
  echo '{"id":0}' >days/0.jsonl
  touch -d 2026-01-02T00:00:00Z days/3.jsonl.gz
  touch -d 2025-01-02T00:00:00Z days/0.jsonl
  run -0 new_rows 'day=days/*'
  assert_output 3
  echo '{"id":4}' >>days/1.jsonl
  touch -d 2026-01-03T00:00:00.5Z days/1.jsonl
  run -0 new_rows 'day=days/*'
  assert_output '1 4'
  run -0 jq -c '.sources.p.resources.day.incremental.modification_date |
    [.last_value, .start_value]' data/pipelines/p/state.json
  assert_output --partial '2026-01-03T00:00:00.500000+00:00'
}

@test "--incremental modification_date: in a source file, and where it means a column" {
  export DLT_DATA_DIR=$PWD/data
  echo '{"id":1,"modification_date":5}' >a.jsonl
  touch -d 2026-01-01 a.jsonl
  cat >days.toml <<'END'
[[resources]]
name = "day"
files = ["*.jsonl"]
primary_key = "id"
incremental = { cursor_path = "modification_date", initial_value = "2026-02-01T00:00:00Z" }
END
  dlt-extract -s days.toml -o none
  [ "$(rows none day | wc -l)" -eq 0 ]
  touch -d 2026-02-02 a.jsonl
  dlt-extract -s days.toml -o one
  [ "$(rows one day | wc -l)" -eq 1 ]
  dlt-extract --incremental modification_date,initial=4 -o two 'day=exec:cat a.jsonl'
  [ "$(rows two day | wc -l)" -eq 1 ]
}
