#!/usr/bin/env bats
# dlt's example of transformers, 24 users and 32 products whose details are asked
# one by one: how many requests are on their way at once. The server holds those
# of a group until as many are there as are allowed, and then a moment for one
# more, which would be one too many.

load helper
load extract
load rest

setup_file() {
  rest_start
}

teardown_file() {
  rest_stop
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$PWD DLT_DATA_DIR=$PWD/data LC_ALL=C.UTF-8
  rest_reset
  cat >page.toml <<END
[client]
base_url = "$REST"

[[resources]]
name = "users"
endpoint = "users"

[[resources]]
name = "details"
parallelized = true
endpoint = { path = "users/{resources.users.id}" }

[[resources]]
name = "products"
endpoint = "products"

[[resources]]
name = "prices"
parallelized = true
endpoint = { path = "products/{resources.products.id}" }
END
}

# most GROUP COUNT [SETTING...]: so many requests of the group are on their way
# at once, and never more; all rows arrive.
most() {
  local group=$1 count=$2
  shift 2
  rm -rf out
  rest_reset
  rest_hold "$group" "$count"
  env "$@" dlt-extract -s page.toml -o out
  [ "$(rest_log "\"\\(.max_of[\"$group\"]) \\(.gave_up)\"")" = "$count false" ]
  [ "$(dlt-package cat details out | wc -l) $(dlt-package cat prices out | wc -l)" = '24 32' ]
}

@test "five at once, unless something else is said" {
  most users/ 5
  most products/ 5
  # nothing is asked twice
  [ "$(rest_log '.requests | map(.path) | "\(length) \(unique | length)"')" = '58 58' ]
}

@test "workers of all, of the source, of a resource" {
  need_level all
  most users/ 3 EXTRACT__WORKERS=3
  most products/ 2 SOURCES__PAGE__EXTRACT__WORKERS=2
  most products/ 4 SOURCES__PAGE__PRICES__EXTRACT__WORKERS=4
}

@test "max_parallel_items of all, of the source, of a resource" {
  need_level all
  most products/ 4 EXTRACT__MAX_PARALLEL_ITEMS=4
  most users/ 2 SOURCES__PAGE__EXTRACT__MAX_PARALLEL_ITEMS=2
  most users/ 1 SOURCES__PAGE__DETAILS__EXTRACT__MAX_PARALLEL_ITEMS=1
}

@test "a setting of one resource is none of the others" {
  rest_hold products/ 5
  SOURCES__PAGE__DETAILS__EXTRACT__WORKERS=1 dlt-extract -s page.toml -o out
  [ "$(rest_log '"\(.max_of["users/"]) \(.max_of["products/"]) \(.gave_up)"')" = '1 5 false' ]
}

@test "all of them at once" {
  most users/ 24 EXTRACT__WORKERS=32 EXTRACT__MAX_PARALLEL_ITEMS=32
}

@test "both together stay within what holds for all" {
  rest_hold users/ 2
  EXTRACT__WORKERS=4 SOURCES__PAGE__DETAILS__EXTRACT__WORKERS=2 \
    SOURCES__PAGE__PRICES__EXTRACT__WORKERS=4 dlt-extract -s page.toml -o out
  [ "$(rest_log '(.max_of["users/"] == 2) and .max_of["products/"] <= 4 and .max_in_flight <= 6 and .gave_up == false')" = true ]
}

@test "those that are not parallelized are asked one after the other" {
  sed -i '/parallelized/d' page.toml
  dlt-extract -s page.toml -o out
  [ "$(rest_log '"\(.max_of["users/"]) \(.max_of["products/"])"')" = '1 1' ]
}

@test "requests_per_second of the client, or of the settings" {
  local begin
  sed -i 's|^base_url.*|&\nrequests_per_second = 200|' page.toml
  begin=${EPOCHREALTIME/./}
  dlt-extract -s page.toml -o out
  [ $((${EPOCHREALTIME/./} - begin)) -ge 285000 ] # 58 requests
  begin=${EPOCHREALTIME/./}
  RUNTIME__REQUESTS_PER_SECOND=50 dlt-extract "a=$REST/pages/offset" \
    "b=$REST/pages/header_link" -o few
  [ "$(rest_log '.requests | length')" -ge 62 ]
  [ $((${EPOCHREALTIME/./} - begin)) -ge 40000 ] # at least three of b
  sed -i 's|= 200|= -1|' page.toml
  fails 2 dlt-extract -s page.toml -o none
  assert_output --regexp 'page.toml:[0-9:]+ requests_per_second has to be 0 or more'
  RUNTIME__REQUESTS_PER_SECOND=-1 fails 2 dlt-extract "a=$REST/posts" -o none
}
