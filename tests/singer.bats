#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: singer:COMMAND, the streams of a Singer tap.

# shellcheck disable=SC2030,SC2031
load helper
load extract

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export DLT_DATA_DIR=$PWD/data TMPDIR=$PWD/temp
  mkdir temp
}

# tap NAME: what is on standard input is printed by ./NAME.
tap() {
  cat >"$1.jsonl"
  printf '#!/bin/sh\ncat %q\n' "$PWD/$1.jsonl" >"$1"
  chmod +x "$1"
}

# columns DIR TABLE: those of the schema but dlt's own, without their names.
columns() {
  jq -c --arg t "$2" '.tables[$t].columns | to_entries[] |
    select(.key | startswith("_dlt") | not) | [.key, (.value | del(.name))]' \
    "$1"/schema.json
}

@test "singer: streams are tables, with hints of their schemas" {
  tap t <<'END'
{"type":"SCHEMA","stream":"users","schema":{"required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":["null","string"],"maxLength":30},"tags":{"type":"array"}}},"key_properties":["id"]}
{"type":"RECORD","stream":"users","record":{"id":1,"name":"a","tags":["x"]},"time_extracted":"2024-01-01T00:00:00Z"}

{"type":"SCHEMA","stream":"Big-Orders","schema":{"properties":{"at":{"type":"string","format":"date-time"}}},"key_properties":[]}
{"record":{"at":"2024-01-01T00:00:00Z"}, "stream":"Big\u002dOrders", "type":"RECORD"}
{"type":"ACTIVATE_VERSION","stream":"users","version":1}
{"type":"RECORD","stream":"users","record":{"id":2}}
END
  dlt-extract -o p shop='singer:./t' 2>stderr
  [ "$(rows p users)" = '[{"id":1,"name":"a","tags":["x"]},{"id":2}]' ]
  [ "$(rows p big_orders)" = '[{"at":"2024-01-01T00:00:00Z"}]' ]
  [ "$(columns p users)" = '["id",{"data_type":"bigint","nullable":false,"primary_key":true}]
["name",{"data_type":"text","precision":30}]' ]
  [ "$(columns p big_orders)" = '["at",{"data_type":"timestamp"}]' ]
  [ "$(jq -r '.tables.users.resource, .tables.big_orders.resource' p/schema.json)" = $'users\nBig-Orders' ]
}

@test "singer: types of JSON schemas" {
  tap t <<'END'
{"type":"SCHEMA","stream":"t","key_properties":["k"],"schema":{"definitions":{"d":{"type":["string","null"],"format":"date"}},"required":["k","q"],"properties":{"k":{"type":["integer","null"]},"q":{"type":"boolean"},"a":{"type":["integer","number","null"]},"b":{"type":"number","multipleOf":0.01},"c":{"type":"number","multipleOf":1e-10},"d":{"anyOf":[{"type":"string","format":"date-time"},{"type":"null"}]},"e":{"anyOf":[{"type":"string","format":"date-time"},{"type":"string"}]},"f":{"$ref":"#/definitions/d"},"g":{"type":"string","format":"time"},"h":{"type":["integer","string"]},"i":{"type":"integer","minimum":-2147483648,"maximum":2147483647},"j":{"type":"integer","maximum":18446744073709551615},"l":{"type":["object","null"],"properties":{"x":{"type":"string"}}},"m":{},"n":{"type":"string","format":"singer.decimal"},"o":{"type":"number","multipleOf":1e-38},"p":true,"r":{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807},"s":{"$ref":"#/definitions/none"},"u":{"type":"string","format":"uri"}}}}
{"type":"RECORD","stream":"t","record":{"k":1}}
END
  dlt-extract -o p t='singer:./t' 2>stderr
  [ "$(columns p t)" = '["k",{"data_type":"bigint","nullable":false,"primary_key":true}]
["q",{"data_type":"bool","nullable":false}]
["a",{"data_type":"double"}]
["b",{"data_type":"decimal","precision":38,"scale":2}]
["c",{"data_type":"decimal","precision":38,"scale":10}]
["d",{"data_type":"timestamp"}]
["e",{"data_type":"text"}]
["f",{"data_type":"date"}]
["g",{"data_type":"time"}]
["i",{"data_type":"bigint","precision":32}]
["j",{"data_type":"decimal","precision":38,"scale":0}]
["n",{"data_type":"decimal"}]
["o",{"data_type":"decimal"}]
["r",{"data_type":"bigint"}]
["u",{"data_type":"text"}]' ]
}

@test "singer: flags win over schemas, a column keeps its type" {
  tap t <<'END'
{"type":"SCHEMA","stream":"t","key_properties":["id"],"schema":{"properties":{"id":{"type":"integer"},"v":{"type":"integer"}}}}
{"type":"RECORD","stream":"t","record":{"id":1,"v":2}}
{"type":"SCHEMA","stream":"t","key_properties":["id"],"schema":{"properties":{"id":{"type":"integer"},"v":{"type":"string"},"w":{"type":"number"}}}}
{"type":"RECORD","stream":"t","record":{"id":2,"v":"x","w":1}}
END
  dlt-extract -o p --primary-key v --column t.id:text x='singer:./t' 2>stderr
  [ "$(rows p t)" = '[{"id":1,"v":2},{"id":2,"v":"x","w":1}]' ]
  [ "$(columns p t)" = '["id",{"data_type":"text"}]
["v",{"data_type":"bigint","nullable":false,"primary_key":true}]
["w",{"data_type":"double"}]' ]
}

@test "singer: the state is given back, once the package is there" {
  cat >t <<'END'
#!/bin/bash
n=0
while (($#)); do
  if [ "$1" = --state ]; then
    n=$(jq .n "$2")
    stat -c %a "$2" >mode
  fi
  shift
done
echo '{"type":"SCHEMA","stream":"t","schema":{"properties":{}},"key_properties":[]}'
for i in 1 2 3; do
  echo "{\"type\":\"RECORD\",\"stream\":\"t\",\"record\":{\"n\":$((n + i))}}"
  echo "{\"type\":\"STATE\",\"value\":{\"n\":$((n + i))}}"
done
[ ! -e fail ] || exit 3
END
  chmod +x t
  touch fail
  fails 1 dlt-extract -p n s='singer:./t'
  assert_output --partial 'singer:./t: failed with exit status 3'
  rm fail
  run dlt-extract -p n --print s='singer:./t --config c'
  [ "$(rows "$output" t)" = '[{"n":1},{"n":2},{"n":3}]' ]
  [ ! -e mode ]
  run dlt-extract -p n --print s='singer:./t'
  [ "$(rows "$output" t)" = '[{"n":4},{"n":5},{"n":6}]' ]
  [ "$(cat mode)" = 600 ]
  run dlt-package state -p n
  assert_output --partial '{"n":6}'
  # a failure, and rows that are not wanted, leave it where it is
  touch fail
  fails 1 dlt-extract -p n s='singer:./t'
  rm fail
  dlt-extract -p n --limit 1 s='singer:./t'
  run dlt-extract -p n --print --write-disposition replace s='singer:./t'
  [ "$(rows "$output" t)" = '[{"n":1},{"n":2},{"n":3}]' ]
  [ -z "$(ls temp)" ]
}

@test "singer: where no state is kept it says so" {
  tap t <<'END'
{"type":"STATE","value":1}
END
  dlt-extract -o p a='singer:./t' b='singer:./t' 2>stderr
  [ "$(grep -c 'is not kept for the next run' stderr)" -eq 1 ]
  quiet dlt-extract -p n a='singer:./t'
  fails 2 dlt-extract -p n a='singer:./t' a='singer:./t'
  assert_output --partial 'two inputs of one resource'
}

# refused TEXT MESSAGE: what a tap prints, and what is said of it.
refused() {
  tap t <<<"$1"
  fails 1 dlt-extract -p n s='singer:./t'
  assert_output --partial "singer:./t:$2"
}

@test "singer: what is no message" {
  refused '{"type":"RECORD","stream":"a","record":{}}' '1: a RECORD of the stream "a" before its SCHEMA'
  refused $'\n{"type":"STATE"}' '2: a STATE message needs "value"'
  refused $'{"type":"STATE","value":1}\nhello' '2: this is no message of Singer'
  refused '{"a":1}' '1: a message of Singer needs "type"'
  refused '{"type":"STATE","value":1} x' '1: this is no message'
  refused '{"type":"STATE","value":' '1: this is no message'
  refused '[1]' '1: this is no message'
  refused '{"type":"BATCH","stream":"a"}' '1: BATCH messages are not supported'
  refused '{"type":"SCHEMA","stream":"a"}' '1: a SCHEMA message needs'
  refused '{"type":"SCHEMA","stream":"","schema":{}}' '1: a SCHEMA message needs'
  refused '{"type":"SCHEMA","stream":"a\u0000","schema":{}}
{"type":"RECORD","stream":"a\u0000","record":{}}' '2: a RECORD message needs "stream"'
  refused '{"type":"RECORD","stream":"a","record":[]}' '1: a RECORD message needs "record"'
  refused '{"type":"RECORD","record":{}}' '1: a RECORD message needs "stream"'
  tap t <<<'{"type":"NEWS"}'
  run dlt-extract -p n s='singer:./t'
  assert_success
  assert_output --partial 'messages of the type "NEWS" are ignored'
  fails 2 dlt-extract -p n s='singer: '
  assert_output --partial 'names no command'
}

@test "singer: streams that alternate keep their order" {
  jq -nc '(range(20) | {type: "SCHEMA", stream: "s\(.)", schema: {properties: {}}, key_properties: []}),
    (range(20000) | {type: "RECORD", stream: "s\(. % 20)", record: {n: (./20 | floor), t: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}},
      if . % 5000 == 0 then {type: "STATE", value: .} else empty end)' >t.jsonl
  dlt-extract -o p s='singer:cat t.jsonl' 2>stderr
  for i in 0 7 19; do
    rows p s$i | jq -s 'flatten | map(.n) == [range(1000)]' | grep -x true
  done
}

@test "singer: long rows" {
  printf '%s' '{"type":"RECORD","stream":"t","record":{"a":"' >begin
  head -c 8000000 /dev/zero | tr '\0' x >body
  echo '{"type":"SCHEMA","stream":"t","schema":{"properties":{}}}' >schema
  (cat schema begin body && echo '"}}') >t.jsonl
  dlt-extract -o p s='singer:cat t.jsonl' 2>stderr
  rows p t | wc -c | grep -qE '^80000[0-9]{2}$'
  (cat schema begin body body body && echo '"}}') >t.jsonl
  fails 1 dlt-extract -o q s='singer:cat t.jsonl'
  assert_output --partial 'singer:cat t.jsonl:2: this line is longer than 17 MiB'
}

@test "singer: the tap ends with the run" {
  mkfifo alive
  cat >t <<'END'
#!/bin/bash
exec 7>alive
echo '{"type":"SCHEMA","stream":"t","schema":{"properties":{}}}'
while echo '{"type":"RECORD","stream":"t","record":{"n":1}}'; do :; done
END
  chmod +x t
  dlt-extract -p n --limit 5 s='singer:./t' &
  cat alive
  wait $!
}

@test "singer: in a source file" {
  tap t <<'END'
{"type":"SCHEMA","stream":"a","schema":{"properties":{"x":{"type":"integer"}}},"key_properties":["x"]}
{"type":"SCHEMA","stream":"b","schema":{"properties":{"x":{"type":"string"}}},"key_properties":["x"]}
{"type":"RECORD","stream":"a","record":{"x":1}}
{"type":"RECORD","stream":"b","record":{"x":"1"}}
END
  cat >shop.toml <<'END'
[[resources]]
name = "shop"
singer = "./t"
write_disposition = "merge"
columns = { x = { data_type = "text" } }
END
  dlt-extract -s shop.toml -o p 2>stderr
  [ "$(columns p a)" = '["x",{"data_type":"text","nullable":false,"primary_key":true}]' ]
  [ "$(jq -r .tables.a.write_disposition,.tables.b.write_disposition p/schema.json)" = $'merge\nmerge' ]
}
