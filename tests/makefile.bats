#!/usr/bin/env bats
# make: packages as targets.

load helper

MAKEFILE=$SOURCE_DIR/examples/make/Makefile

make_chains() {
  make --no-print-directory -f "$MAKEFILE" "$@"
}

# Inputs of three hours, three rows each.
inputs() {
  local t i
  for t in 1700000000 1700003600 1700007200; do
    for i in 1 2 3; do
      echo "{\"id\": $i, \"at\": $t, \"tags\": [\"a\", \"b\"]}"
    done >"events-$t.jsonl"
  done
}

rows() {
  sqlite3 events.db "select count(*) from $1"
}

# Is there nothing to do?
up_to_date() {
  run -0 make_chains -q
}

@test "make loads all inputs, and the second make does nothing" {
  inputs
  make_chains 2>err
  [ ! -s err ]
  [ "$(rows events)" -eq 9 ]
  [ "$(rows events__tags)" -eq 18 ]
  [ "$(rows _dlt_loads)" -eq 3 ]
  run -0 make_chains
  [ "${#lines[@]}" -le 1 ]
  refute_output --partial dlt-
  up_to_date
}

@test "touching one input redoes one chain, and repeats no row" {
  inputs
  make_chains >/dev/null
  touch events-1700003600.jsonl
  run -0 make_chains
  [ "$(grep -c '^dlt-' <<<"$output")" -eq 3 ]
  [ "$(grep '^dlt-' <<<"$output" | grep -c 1700003600)" -eq 3 ]
  [ "$(rows events)" -eq 9 ]
  up_to_date
}

@test "a new input is one new chain" {
  inputs
  make_chains >/dev/null
  echo '{"id": 4, "at": 1700010800, "new": true}' >events-1700010800.jsonl
  run -0 make_chains
  [ "$(grep -c '^dlt-' <<<"$output")" -eq 3 ]
  [ "$(rows events)" -eq 10 ]
  [ "$(rows _dlt_loads)" -eq 4 ]
}

@test "make -j4 works" {
  inputs
  for t in 1700010800 1700014400 1700018000 1700021600 1700025200; do
    sed "s/1700000000/$t/" events-1700000000.jsonl >"events-$t.jsonl"
  done
  make_chains -j4 2>err
  cat err
  [ ! -s err ]
  [ "$(rows events)" -eq 24 ]
  [ "$(rows _dlt_loads)" -eq 8 ]
  up_to_date
}

@test "an input that was loaded with other rows is refused" {
  inputs
  make_chains >/dev/null
  echo '{"id": 5, "at": 1700003600}' >>events-1700003600.jsonl
  run ! make_chains
  assert_output --partial 'dlt-load: error: '
  [ "$(rows events)" -eq 9 ]
}

# A tool in front of the real one, which kills it as soon as it has begun to
# write the target: bin/TOOL, first in PATH.
killer() {
  mkdir -p bin
  cat >"bin/$1" <<END
#!/usr/bin/env bash
"$(command -v "$1")" "\$@" &
until [ -n "\$(find "$2" -mindepth 1 -print -quit 2>/dev/null)" ]; do
  kill -0 \$! 2>/dev/null || break
done
kill -9 \$!
wait \$!
END
  chmod +x "bin/$1"
}

@test "a killed stage leaves no target, and make goes on from there" {
  # enough rows for the tool to be at it when it is found
  seq -f '{"id": %.0f, "tags": ["a", "b"], "s": "some text of the row"}' \
    200000 >events-1700000000.jsonl
  export NORMALIZE__DATA_WRITER__COMPRESSION=gzip
  killer dlt-normalize normalized
  PATH=$PWD/bin:$PATH run ! make_chains
  assert_output --partial Killed
  [ -e extracted/1700000000/manifest.json ]
  [ ! -e normalized/1700000000 ]
  [ ! -e loaded/1700000000 ]
  run -0 make_chains
  refute_output --partial dlt-extract
  [ "$(rows events)" -eq 200000 ]
  [ "$(ls normalized)" = 1700000000 ]
}

@test "bad input: make fails, names the place, and leaves no target" {
  inputs
  echo '{"id":' >>events-1700003600.jsonl
  run ! make_chains -k
  assert_output --partial 'events-1700003600.jsonl:'
  [ ! -e extracted/1700003600 ]
  [ "$(rows events)" -eq 6 ]
}
