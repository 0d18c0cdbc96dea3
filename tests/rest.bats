#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: REST APIs, as source files declare them.

# shellcheck disable=SC2030,SC2031,SC2154
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
  rest_reset
}

# api: a source file from standard input, behind its client.
api() {
  printf '[client]\nbase_url = "%s"\n' "$REST${1:-}" >api.toml
  cat >>api.toml
}

# ids TABLE: the ids of its rows, on one line
ids() {
  rows p "$1" | jq -r '.[].id' | tr '\n' ' '
}

# asked: targets of the requests
asked() {
  rest_log '.requests[].target'
}

@test "paginators: links, single pages and offsets" {
  api /pages <<'END'
[resource_defaults.endpoint.params]
total = 21
[[resources]]
name = "links"
endpoint = { path = "json_link", paginator = { type = "json_link", next_url_path = "links.next" } }
[[resources]]
name = "relative"
endpoint = { path = "json_link", paginator = { type = "json_link", next_url_path = "links.next" }, params = { relative = "1" } }
[[resources]]
name = "single_page"
endpoint = { paginator = "single_page" }
[[resources]]
name = "offsets"
endpoint = { path = "offset", paginator = { type = "offset", limit = 7 } }
END
  dlt-extract -s api.toml -o p
  for table in links relative single_page offsets; do
    [ "$(ids $table)" = "$(seq -s ' ' 0 20) " ]
  done
  diff <(asked | sort) - <<'END'
/pages/json_link?total=21
/pages/json_link?total=21&page=2
/pages/json_link?total=21&page=3
/pages/json_link?total=21&relative=1
/pages/json_link?total=21&relative=1&page=2
/pages/json_link?total=21&relative=1&page=3
/pages/offset?total=21&offset=0&limit=7
/pages/offset?total=21&offset=14&limit=7
/pages/offset?total=21&offset=7&limit=7
/pages/single_page?total=21
END
}

@test "paginators: pages, cursors and headers" {
  api /pages <<'END'
[[resources]]
name = "numbers"
endpoint = { path = "page_number", paginator = { type = "page_number", base_page = 1, total_path = "total_pages" } }
[[resources]]
name = "cursors"
endpoint = { path = "cursor", paginator = { type = "cursor", cursor_param = "after" } }
[[resources]]
name = "header_link"
endpoint = { paginator = "header_link" }
[[resources]]
name = "header_cursor"
endpoint = { paginator = { type = "header_cursor", cursor_key = "x-next-cursor" } }
END
  dlt-extract -s api.toml -o p
  for table in numbers cursors header_link header_cursor; do
    [ "$(ids $table)" = "$(seq -s ' ' 0 24) " ]
  done
  diff <(asked | sort) - <<'END'
/pages/cursor
/pages/cursor?after=c10
/pages/cursor?after=c20
/pages/header_cursor
/pages/header_cursor?cursor=c10
/pages/header_cursor?cursor=c20
/pages/header_link
/pages/header_link?page=2
/pages/header_link?page=3
/pages/page_number?page=1
/pages/page_number?page=2
/pages/page_number?page=3
END
}

@test "paginators: guessed by the first answer, of a URL alone" {
  for kind in json_link header_link; do
    rest_reset
    rm -rf p
    dlt-extract "rows=$REST/pages/$kind?limit=9" -o p
    [ "$(ids rows)" = "$(seq -s ' ' 0 24) " ]
    [ "$(asked)" = "/pages/$kind?limit=9
/pages/$kind?limit=9&page=2
/pages/$kind?limit=9&page=3" ]
  done
}

@test "a URL alone takes the keys of a resource from the configuration" {
  dlt-extract "rows=$REST/pages/offset" -o p \
    -c 'sources.rows.paginator={"type":"offset","limit":20}' -c sources.rows.data_selector=data
  [ "$(ids rows)" = "$(seq -s ' ' 0 24) " ]
  [ "$(asked | wc -l)" -eq 2 ]
}

@test "an API that does not heed its cursor is not asked for ever" {
  run -1 dlt-extract "rows=$REST/pages/cursor" -o p
  [ "$output" = "dlt-extract: error: rows: GET $REST/pages/cursor?cursor=c10: the cursor of the next page is that of this one, \"c10\"; perhaps the API wants it elsewhere than in \"cursor\"" ]
}
