#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: REST APIs, as source files declare them.

# shellcheck disable=SC2030,SC2031,SC2154
load helper
load extract
load rest

setup_file() {
  python_dlt
  rest_start
}

teardown_file() {
  rest_stop
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$PWD DLT_DATA_DIR=$PWD/data TMPDIR=$PWD LC_ALL=C.UTF-8
  export RUNTIME__REQUEST_BACKOFF_FACTOR=0.001 RUNTIME__REQUEST_MAX_RETRY_DELAY=0.01
  unset DLT_PROJECT_DIR DLT_CONFIG_FOLDER SOURCE_DATE_EPOCH
  unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
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

# sql DATABASE QUERY: a row, with | between its columns
sql() {
  python3 -c 'import sqlite3, sys
print(*sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone(), sep="|")' "$@"
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

@test "paginators: a single page that is a guess is told once" {
  run -0 dlt-extract "rows=$REST/pages/offset" -o p
  [ "$output" = "dlt-extract: warning: rows: no paginator is named, and the answer of $REST/pages/offset shows none: one page is taken; \"single_page\" says that there is one" ]
  [ "$(ids rows)" = "$(seq -s ' ' 0 9) " ]
  rm -r p
  run -0 dlt-extract "rows=$REST/pages/offset" -o p -c sources.rows.paginator=single_page
  [ -z "$output" ]
  rm -r p
  run -0 dlt-extract "rows=$REST/object" -o p
  [ -z "$output" ]
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

# ---- children ----

@test "children: a series of requests for each row of a parent, in any order" {
  api <<'END'
[[resources]]
name = "comments"
include_from_parent = ["title", "author"]
endpoint.path = "posts/{resources.posts.id}/comments"
[[resources]]
name = "details"
endpoint = { path = "posts/{n}", params = { n = { type = "resolve", resource = "posts", field = "id" } } }
[[resources]]
name = "authors"
endpoint = { path = "post_comments", params = { post_id = "{resources.posts.author.id}" } }
[[resources]]
name = "posts"
END
  dlt-extract -s api.toml -o p
  [ "$(ids posts)" = '1 2 3 4 5 ' ]
  [ "$(ids comments)" = '10 20 21 40 50 51 ' ]
  [ "$(ids details)" = '1 2 3 4 5 ' ]
  [ "$(rows p comments | jq -c '.[1]')" = '{"id":20,"post_id":2,"body":"Comment 0","_posts_title":"Post 2","_posts_author":{"id":2}}' ]
  [ "$(asked | grep -c '^/post_comments?post_id=[012]$')" -eq 5 ]
  [ "$(asked | wc -l)" -eq 16 ]
}

@test "children: a parent that is not selected runs for them, and is not written" {
  api <<'END'
[[resources]]
name = "posts"
selected = false
[[resources]]
name = "comments"
endpoint.path = "posts/{resources.posts.id}/comments"
[[resources]]
name = "other"
endpoint.path = "users"
END
  dlt-extract -s api.toml -o p comments
  [ -z "$(rows p posts)" ]
  [ "$(ids comments)" = '10 20 21 40 50 51 ' ]
  [ "$(asked | head -n 1)" = /posts ]
  [ "$(asked | grep -c users)" -eq 0 ]
}

@test "children: grandchildren, fields in headers and body" {
  api <<'END'
[[resources]]
name = "posts"
[[resources]]
name = "comments"
endpoint.path = "posts/{resources.posts.id}/comments"
[[resources]]
name = "echoes"
include_from_parent = ["body"]
[resources.endpoint]
path = "echo"
method = "post"
headers = { X-Post = "p{resources.comments.post_id}{{}}" }
json = { id = "{resources.comments.id}", text = "no. {resources.comments.id}", list = ["{resources.comments.body}", 1] }
END
  dlt-extract -s api.toml -o p
  [ "$(rows p echoes | wc -l)" -ge 1 ]
  [ "$(rest_log '[.requests[] | select(.path == "/echo")] | .[1] | .method, .headers["x-post"], (.body | fromjson | tojson)')" = 'POST
p2{}
{"id":20,"text":"no. 20","list":["Comment 0",1]}' ]
  [ "$(rows p echoes | jq -r '.[]._comments_body' | sort -u | tr '\n' ,)" = 'Comment 0,Comment 1,' ]
}

@test "children: parallelized ones are asked at once, up to the limit, and keep the order" {
  api <<'END'
[[resources]]
name = "users"
[[resources]]
name = "details"
parallelized = true
endpoint.path = "users/{resources.users.id}"
END
  rest_hold users 1 # the list
  dlt-extract -s api.toml -o p -c extract.workers=3
  [ "$(ids details)" = "$(seq -s ' ' 1 24) " ]
  rm -r p
  rest_reset
  api <<'END'
[[resources]]
name = "posts"
[[resources]]
name = "users"
parallelized = true
endpoint.path = "users/{resources.posts.id}"
END
  rest_hold users 3
  dlt-extract -s api.toml -o p -c extract.workers=3
  [ "$(ids users)" = '1 2 3 4 5 ' ]
  [ "$(rest_log '.max_of.users, .gave_up')" = '3
false' ]
  rm -r p
  rest_reset
  rest_hold users 2
  dlt-extract -s api.toml -o p -c sources.api.users.extract.max_parallel_items=2
  [ "$(rest_log '.max_of.users, .gave_up')" = '2
false' ]
}

@test "children: what is wrong with parents" {
  refused() { # TEXT MESSAGE
    api <<<"$1"
    run -2 dlt-extract -s api.toml -o p
    [ "$output" = "dlt-extract: error: api.toml:$2" ] || {
      echo "$output"
      false
    }
  }
  r='[[resources]]
name = "a"
'
  refused "${r}endpoint.path = 'x/{resources.b.id}'" '3:1: "a" asks for each row of "b", but there is no such resource; did you mean "a"?'
  refused "${r}endpoint.path = 'x/{resources.a.id}'" '3:1: resource "a" depends on itself, by way of "a"'
  refused "${r}endpoint.path = 'x/{resources.b}'" '5:17: "{resources.b}" must be {resources.RESOURCE.FIELD}'
  refused "${r}endpoint.path = 'x/{id}'" '5:17: the path has "{id}", which is no parameter of the endpoint; of a parent it is {resources.RESOURCE.FIELD}'
  refused "${r}include_from_parent = ['id']" '5:23: "include_from_parent", but "a" has no parent: nothing of its endpoint is {resources.RESOURCE.FIELD}'
  refused "${r}endpoint.params.x = '{id}'" '5:21: "{id}" in params stands for nothing: placeholders begin with "resources." or "incremental.", and braces that are meant are doubled'
  refused "${r}endpoint.path = 'x/{resources.a.id!r}'" '5:17: "{resources.a.id!": conversions and format specifications are not supported'
  refused "${r}endpoint.params.x = { type = 'resolve', resource = 'a', field = 'id' }" '5:21: the parameter "x" is not in the path; elsewhere {resources.RESOURCE.FIELD} has a parent'"'"'s field'
  refused "${r}endpoint = { path = '{resources.a.x}', json = { y = '{resources.b.x}' } }" '5:53: resource "a" has two parents, "a" and "b"'
}

@test "children: a row of the parent without the field" {
  api <<'END'
[[resources]]
name = "posts"
[[resources]]
name = "comments"
endpoint.path = "posts/{resources.posts.number}/comments"
END
  run -1 dlt-extract -s api.toml -o p
  [ "${lines[-1]}" = 'dlt-extract: error: comments: a row of its parent "posts" has no field "number"; it has id, title, author' ]
  [ ! -e p ]
}

# ---- answers ----

@test "rows are found: where the API has them, or where data_selector says" {
  api <<'END'
[[resources]]
name = "found"
endpoint = "pages/single_page?total=2"
[[resources]]
name = "chosen"
endpoint = { path = "pages/single_page?total=2", data_selector = "data[*].name" }
[[resources]]
name = "whole"
endpoint = { path = "pages/cursor", data_selector = "$", paginator = "single_page", params = { total = 1 } }
[[resources]]
name = "one"
endpoint = { path = "object", paginator = "single_page" }
[[resources]]
name = "nothing"
endpoint = "null"
[[resources]]
name = "numbers"
END
  dlt-extract -s api.toml -o p
  [ "$(ids found)" = '0 1 ' ]
  [ "$(rows p chosen)" = '["row 0","row 1"]' ]
  [ "$(rows p whole | jq -c '.[] | [.data[0].id, .cursors]')" = '[0,{"next":null}]' ]
  [ "$(rows p one)" = '[{"id":1,"name":"only"}]' ]
  [ -z "$(rows p nothing)" ]
  [ "$(rows p numbers)" = '[{"id":1,"big":123456789012345678901234567890,"dec":0.1234567890123456789,"exp":1E300,"neg":-0}]' ]
}

@test "a page above 1 MiB arrives row by row as it is" {
  api <<'END'
[[resources]]
name = "big"
endpoint = { path = "large", params = { bytes = 3000000 } }
END
  dlt-extract -s api.toml -o p
  [ "$(rows p big | jq -s 'add | length')" -eq 1500001 ]
}

@test "response_actions: answers to be ignored" {
  api <<'END'
[[resources]]
name = "posts"
[[resources]]
name = "gone"
[resources.endpoint]
path = "status/{resources.posts.id}04"
response_actions = [{ status_code = 204, action = "ignore" }, { content = "status 104", action = "ignore" },
  { status_code = 304, content = "no such text", action = "ignore" }, { status_code = 304, action = "ignore" },
  { status_code = "404", action = "ignore" }, { status_code = 504, content = "status", action = "ignore" }]
END
  cat >api2.toml <<END
[client]
base_url = "$REST"
[[resources]]
name = "x"
endpoint = { path = "status/404", response_actions = [{ status_code = 404, content = "nothing like it", action = "ignore" }] }
END
  run -1 dlt-extract -s api2.toml -o p
  [ "$output" = "dlt-extract: error: x: 404 Client Error: Not Found for url: $REST/status/404" ]
  sed -i 's/{resources.posts.id}04/404/' api.toml
  dlt-extract -s api.toml -o p
  [ -z "$(rows p gone)" ]
  [ "$(ids posts)" = '1 2 3 4 5 ' ]
}

@test "answers that are no rows say which request" {
  for bad in 'broken:the answer is no JSON: 1:17: ' 'html:the answer is no JSON: 1:1: ' 'no_content:HTTP 20'; do
    run -1 dlt-extract "x=$REST/${bad%%:*}" -o p
    [[ $output == "dlt-extract: error: x: GET $REST/${bad%%:*}: ${bad#*:}"* ]] || {
      echo "$output"
      false
    }
    [ ! -e p ]
  done
  api <<'END'
[[resources]]
name = "x"
endpoint = { path = "pages/page_number", paginator = { type = "page_number" } }
END
  run -1 dlt-extract -s api.toml -o p
  [ "$output" = "dlt-extract: error: x: GET $REST/pages/page_number?page=0: the answer has no \"total\" with the number of all pages; total_path names another place, or with null none" ]
}

# ---- the file ----

@test "the file: what is wrong with it" {
  refused() { # TEXT MESSAGE
    api <<<"$1"
    run -2 dlt-extract -s api.toml -o p
    [ "$output" = "dlt-extract: error: api.toml:$2" ] || {
      echo "$output"
      false
    }
  }
  r='[[resources]]
name = "a"
'
  refused "${r}endpoint = { pathh = 'x' }" '5:14: unknown key "pathh"; did you mean "path"?'
  refused "heders = {}
$r" '3:1: unknown key "heders"; did you mean "headers"?'
  refused "session = 1
$r" '3:1: "session" is Python, and has no place in a source file'
  refused "${r}endpoint = { paginator = 'offset' }" '5:26: the paginator "offset" needs a "limit": { type = "offset", limit = 100 }'
  refused "${r}endpoint = { paginator = 'json_lnk' }" '5:26: "json_lnk" is no paginator; did you mean "json_link"?'
  refused "${r}endpoint.paginator = { type = 'offset', limit = 1, total_path = false, stop_after_empty_page = false }" \
    '5:22: a paginator that never ends: it needs "total_path", "maximum_offset", "has_more_path" or "stop_after_empty_page"'
  refused "${r}endpoint.paginator = { type = 'cursor', cursor_param = 'a', cursor_body_path = 'b' }" \
    '5:61: "cursor_param" and "cursor_body_path" exclude each other'
  refused "${r}endpoint = { method = 'PUT' }" '5:23: "PUT" is neither GET nor POST'
  refused "${r}endpoint = { data_selector = 'a[' }" '5:30: JSONPath "a[": character 3: a name is missing'
  refused "${r}endpoint.params.x.y = 1" '5:17: the parameter "x" needs a "type": "resolve" or "incremental"'
  refused "${r}endpoint = { json = {}, data = 'x' }" '5:32: "json" and "data" exclude each other'
  refused "${r}endpoint.response_actions = [{ status_code = 404, action = 'drop' }]" '5:60: "drop" is no action; there is only "ignore"'
  refused "${r}endpoint.response_actions = [{ action = 'ignore' }]" '5:30: the action needs "status_code" or "content"'
  refused "${r}endpoint.incremental = { cursor_path = 'x', convert = 'f' }" \
    '5:45: "convert" is Python, and has no place in a source file; a "map" of processing_steps can change rows'
  refused "${r}endpoint.params.since = '{incremental.start_value}'" '5:25: "{incremental.start_value}" needs the key "incremental"'
  refused "[resource_defaults]
endpoint = 'x'
$r" '4:12: the path of an endpoint is no default'
}

# ---- Python dlt ----

@test "Python dlt gets the same rows by the same requests" {
  need_dlt
  run -0 "$DLT_PYTHON" "$SOURCE_DIR/tests/rest_compare.py" "$REST"
  [[ $output == *' configurations, 0 differ' ]]
}

# ---- examples ----

@test "the example of the page, its first requests" {
  awk '/^\.\\" file: /{f=$3} /^\.Bd -literal/{on=f!=""; next} /^\.Ed/{on=0; f=""} on{print >f}' \
    "$SOURCE_DIR/man/dlt-source.5"
  SOURCES__GITHUB__TOKEN=s3cret run -0 dlt-extract -s github.toml --dry-run
  [[ $output == *'GET https://api.github.com/repos/dlt-hub/dlt/issues?per_page=100&sort=updated&direction=desc&state=open&since=2024-01-25T11%3A21%3A28Z'* ]]
  [[ $output != *s3cret* ]]
}

@test "the example of GitHub: the second run takes what is new" {
  need_level all
  sed "s|https://api.github.com|$REST/github|; s|2025-01-01|2024-01-05|; s|per_page = 100|per_page = 3|" \
    "$SOURCE_DIR/examples/github/github.toml" >github.toml
  for i in 1 2; do
    dlt-extract -q -p github -s github.toml
    dlt-normalize -q -p github
    dlt-load -q -p github sqlite:github.db
    [ "$(sql github.db 'SELECT COUNT(*), COUNT(DISTINCT number) FROM issues')" = '8|8' ]
    [ "$(sql github.db 'SELECT COUNT(*), MIN(_issues_number) FROM issue_comments')" = '12|5' ]
    [ $i = 2 ] || rest_reset
  done
  [ "$(asked | head -n 1)" = '/github/repos/dlt-hub/dlt/issues?per_page=3&state=all&sort=updated&direction=asc&since=2024-01-12T00%3A00%3A00Z' ]
  [ "$(asked | wc -l)" -eq 1 ]
}
