#!/usr/bin/env bats
# Requests of the REST client, sent by restq to rest_server.py.

load helper
load rest

setup_file() {
  . "$SOURCE_DIR/tests/deps.sh"
  cd "$BATS_FILE_TMPDIR" || return
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 2>/dev/null || rm -f cert.pem
  if [ -s cert.pem ]; then
    rest_start "$PWD/cert.pem" "$PWD/key.pem"
  else
    rest_start
  fi
  python_dlt "$BUILD_DIR"
}

teardown_file() {
  rest_stop
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$PWD LC_ALL=C.UTF-8
  export RUNTIME__REQUEST_BACKOFF_FACTOR=0.001 RUNTIME__REQUEST_MAX_RETRY_DELAY=0.01
  unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR
  unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
  rest_reset
}

# ask JSON [OPTION...]: what restq says of the requests; "base_url" is $REST.
ask() {
  local spec=$1
  shift
  jq -n --arg base "$REST" "{base_url: \$base} + $spec" >spec.json
  "$BUILD_DIR/tests/restq" "$@" <spec.json
}

# get PATH [MORE]: one request, and members of the object.
get() {
  ask "{requests: [{path: \"$1\"}]} + {${2:-}}"
}

count() {
  rest_log '.requests | length'
}

no_secrets() {
  not grep -E 'tok-en|k3y|pa:ss|cl-s3cret|t0ken|secret-value' "$@"
}

BEARER='auth: {token: "tok-en/+=1"}'
OAUTH='auth: {type: "oauth2_client_credentials", client_id: "cl-id", client_secret: "cl-s3cret&"'

@test "an answer has status, URL, method and body" {
  run -0 get /posts/1
  assert_output "{\"status\":200,\"url\":\"$REST/posts/1\",\"method\":\"GET\",\"body\":\"{\\\"id\\\": 1, \\\"title\\\": \\\"Post 1\\\", \\\"body\\\": \\\"long \\\"}\"}"
}

@test "methods, headers and bodies arrive" {
  ask '{headers: {"X-A": "client", "x-b": "client", "X-Empty": ""}, requests: [
    {path: "echo", params: {q: "a b", l: [1, null, true]}, headers: {"X-B": "mine", "X-U": "é"}},
    {method: "post", path: "/echo/", json: {a: [1.5, "é"]}},
    {method: "POST", path: "echo?x=1", form: {a: "b c", d: [1, 2]}, params: {y: "z"}},
    {method: "PUT", path: "echo", data: "raw text", headers: {"content-type": "text/plain"}},
    {method: "DELETE", path: "echo"}]}' >out
  run -0 jq -r '.body | fromjson[0] | "\(.method) \(.target) \(.headers["content-type"]) \(.body)"' out
  assert_output 'GET /echo?q=a+b&l=1&l=True null 
POST /echo/ application/json {"a":[1.5,"é"]}
POST /echo?x=1&y=z application/x-www-form-urlencoded a=b+c&d=1&d=2
PUT /echo text/plain raw text
DELETE /echo null '
  run -0 jq -r '.body | fromjson[0].headers | "\(.["x-a"]) \(.["x-b"]) \(.["x-u"]) \(.["x-empty"]) \(.accept)"' out
  assert_line -n 0 'client mine é  */*'
  run -0 jq -r '.body | fromjson[0].headers | .["accept-encoding"]' out
  assert_line -n 0 --regexp 'deflate, gzip'
  run ask '{requests: [{path: "echo", json: {}, data: "x"}, {path: "echo", headers: {"X": "a\nb"}}, {path: "echo", method: "GET X"}, {path: "ftp://h/"}]}'
  assert_line -n 0 --partial 'a request has either json or data'
  assert_line -n 1 --partial 'a line break in the HTTP header \"X\"'
  assert_line -n 2 --partial 'no such method: GET X'
  assert_line -n 3 --partial 'not found' || assert_line -n 3 --partial '404'
}

@test "what a server cannot do now is asked for again" {
  for code in 429 500 503 599; do
    run -0 get "/status/$code?times=2"
    assert_output --partial '"status":200'
  done
  [ "$(count)" -eq 12 ]
  run -0 get "/status/503?times=4&n=5"
  assert_output --partial '"status":200'
}

@test "five attempts are all, or as many as the settings say" {
  run -0 get "/status/503"
  assert_output "{\"error\":\"503 Server Error: Service Unavailable for url: $REST/status/503\",\"code\":\"temp\"}"
  [ "$(count)" -eq 5 ]
  rest_reset
  RUNTIME__REQUEST_MAX_ATTEMPTS=2 get "/status/503" >out
  [ "$(count)" -eq 2 ]
  rest_reset
  SOURCES__SHOP__RUNTIME__REQUEST_MAX_ATTEMPTS=1 get "/status/503" >out
  [ "$(count)" -eq 1 ]
}

@test "other statuses are answers" {
  for code in 400 401 403 404 408 410 425; do
    run -0 get "/status/$code"
    assert_output --partial '"error":"'"$code Client Error: "
  done
  [ "$(count)" -eq 7 ]
  RUNTIME__HTTP_SHOW_ERROR_BODY=1 run -0 get /status/404
  assert_output --partial 'Not Found for url: '"$REST"'/status/404; response: {\"error\": \"status 404\"}"'
}

@test "an answer that is awaited is not asked for again" {
  run -0 ask '{requests: [{path: "/status/503", final: [404, 503]}]}'
  assert_output --partial '"status":503'
  [ "$(count)" -eq 1 ]
}

@test "Retry-After in seconds and as a date" {
  date=$(LC_ALL=C date -u -d '+1 hour' '+%a,%%20%d%%20%b%%20%Y%%20%H:%M:%S%%20GMT')
  for after in 0 1000 "$date" soon; do
    run -0 get "/status/429?times=1&after=$after"
    assert_output --partial '"status":200'
  done
  [ "$(count)" -eq 8 ]
}

@test "Retry-After beats the backoff" {
  RUNTIME__REQUEST_BACKOFF_FACTOR=1000 RUNTIME__REQUEST_MAX_RETRY_DELAY=2000 \
    run -0 get "/status/503?times=3&after=0"
  assert_output --partial '"status":200'
}

@test "connections that end early are tried again" {
  for path in cut truncated; do
    run -0 get "/$path?times=2"
    assert_output --partial '"status":200'
  done
  [ "$(count)" -eq 6 ]
  run -0 get /cut
  assert_output --regexp 'GET http://[0-9.:]+/cut: .* \(5 attempts\)","code":"temp"'
  run -0 get /truncated
  assert_output --regexp '/truncated: .* \(5 attempts\)","code":"temp"'
}

@test "nobody there" {
  run -0 ask '{base_url: "http://127.0.0.1:1", requests: [{path: "x"}]}'
  assert_output --regexp 'GET http://127.0.0.1:1/x: .* \(5 attempts\)","code":"temp"'
}

@test "silence ends with a time-out and another attempt" {
  export RUNTIME__REQUEST_TIMEOUT=0.2 RUNTIME__REQUEST_MAX_ATTEMPTS=40
  run -0 get "/timeout?times=1"
  assert_output --partial '"status":200'
  RUNTIME__REQUEST_MAX_ATTEMPTS=1 run -0 get /timeout
  assert_output --partial '"code":"temp"'
  RUNTIME__REQUEST_TIMEOUT=0 run -2 get /
  assert_output --partial 'request_timeout has to be more than 0 seconds'
}

@test "compressed answers" {
  for kind in gzip deflate; do
    get "/encoding/$kind" >out
    [ "$(jq '.body | fromjson | length' out)" -eq 100 ]
  done
  rest_reset
  run -0 get /encoding/wrong
  assert_output --partial '"code":"remote"'
  [ "$(count)" -eq 1 ]
}

@test "an answer may not be of any size" {
  run -0 get "/large?bytes=10000" 'body_max: 1000'
  assert_output --partial 'the answer is larger than 1000 bytes","code":"remote"'
  [ "$(count)" -eq 1 ]
  run -0 get "/large?bytes=10000" 'body_max: 20000'
  assert_output --partial '"status":200'
}

# cancel_when JQ SPEC: cancels as soon as the record fulfils it; the output in out.
cancel_when() {
  mkfifo stop
  ask "$2" -c stop >out &
  local pid=$!
  exec 8>stop
  while [ "$(rest_log "$1")" != true ]; do
    kill -0 $pid
  done
  exec 8>&-
  wait $pid
}

@test "a dripping answer can be cancelled" {
  cancel_when '.requests | length == 1' '{requests: [{path: "drip"}]}'
  assert_equal "$(cat out)" '{"error":"interrupted","code":"quiet"}'
}

@test "waiting for the next attempt can be cancelled" {
  RUNTIME__REQUEST_MAX_RETRY_DELAY=1000 cancel_when '.requests | length == 1' \
    '{requests: [{path: "status/503?after=1000"}]}'
  assert_equal "$(cat out)" '{"error":"interrupted","code":"quiet"}'
}

@test "waiting for a turn can be cancelled" {
  cancel_when '.requests | length == 1' \
    '{requests: [{path: "timeout"}, {path: "timeout"}, {path: "timeout"}], threads: 3, limits: [1]}'
  assert_equal "$(sort -u out)" '{"error":"interrupted","code":"quiet"}'
  [ "$(count)" -eq 1 ]
}

@test "cookies come back to who has set them" {
  run -0 get / 'requests: [{path: "cookie"}, {path: "cookie?page=2", headers: {"Cookie": "mine=1"}}, {path: "cookie?page=3"}]'
  refute_output --partial '"error"'
  rest_reset
  run -0 get / "requests: [{path: \"cookie\"}, {path: \"redirect/302?to=http://localhost:${REST_OTHER##*:}/echo\"}]"
  run -0 rest_log '.requests | map(.headers.cookie) | join(" ")'
  assert_output ' *** '
}

@test "redirects on the same host keep all headers" {
  for to in /auth/bearer/items "$REST/auth/bearer/items" ../auth/bearer/items; do
    run -0 get "/redirect/302?to=$to" "$BEARER"
    assert_output --partial "\"status\":200,\"url\":\"$REST/auth/bearer/items\""
  done
}

@test "redirects to another host take no credentials along" {
  for auth in "$BEARER" 'auth: {type: "http_basic", username: "us er", password: "pa:ss/wörd"}' \
    'auth: {type: "api_key", name: "X-Api-Key", api_key: "k3y &=+/ü"}' \
    'auth: {type: "api_key", name: "api_key", api_key: "k3y &=+/ü", location: "cookie"}' \
    'headers: {"X-Anything": "secret-value", "Accept-Language": "de"}'; do
    rest_reset
    get "/redirect/307?to=$REST_OTHER/echo" "$auth" >out
    no_secrets out
    run -0 rest_log '.requests[1].headers | del(.host, .["user-agent"]) | keys | join(" ")'
    assert_output --regexp '^accept accept-encoding( accept-language)?$'
  done
}

@test "a key in the query stays on its host" {
  run -0 get "/redirect/302?to=$REST_OTHER/echo" \
    'auth: {type: "api_key", name: "api_key", api_key: "k3y &=+/ü", location: "query"}'
  run -0 rest_log '.requests | map("\(.port) \(.target)") | join("\n")'
  assert_output "${REST##*:} /redirect/302?to=$REST_OTHER/echo&api_key=***
${REST_OTHER##*:} /echo"
}

@test "redirects change methods as browsers do" {
  for code in 301 302 303 307 308; do
    ask "{requests: [{method: \"POST\", path: \"redirect/$code?to=/echo\", json: {a: 1}}]}"
  done | jq -r '.method + " " + (.body | fromjson[0] | .body + " " + (.headers["content-type"] // "none"))' >out
  run -0 cat out
  assert_output 'GET  none
GET  none
GET  none
POST {"a":1} application/json
POST {"a":1} application/json'
  run -0 ask '{requests: [{method: "PUT", path: "redirect/301?to=/echo", data: "x"}]}'
  assert_output --partial '"method":"PUT"'
}

@test "redirects end" {
  run -0 get "/redirect/302?loop=29"
  assert_output --partial '"status":200'
  run -0 get "/redirect/302?loop=30"
  assert_output --partial 'the server redirects more than 30 times","code":"remote"'
  run -0 get "/redirect/302?to=file:///etc/passwd"
  assert_output --partial 'the server redirects: the URL has another scheme than http and https","code":"remote"'
}

@test "each kind of authentication" {
  get /auth/bearer/items "$BEARER" >out
  get /auth/basic/items 'auth: {type: "http_basic", username: "us er", password: "pa:ss/wörd"}' >>out
  for place in '"query"' '"param"' '"cookie"'; do
    get /auth/api_key/items "auth: {type: \"api_key\", name: \"api_key\", api_key: \"k3y &=+/ü\", location: $place}" >>out
  done
  get /auth/api_key/items 'auth: {type: "api_key", name: "X-Api-Key", api_key: "k3y &=+/ü"}' >>out
  get /auth/oauth2/items "$OAUTH, access_token_url: (\$base + \"/oauth/token\")}" >>out
  [ "$(jq -r .status out | sort | uniq -c | tr -s ' ')" = ' 7 200' ]
  SOURCES__SHOP__CREDENTIALS__TOKEN=tok-en/+=1 run -0 get /auth/bearer/items 'auth: "bearer"'
  assert_output --partial '"status":200'
  mkdir .dlt
  printf '[sources.shop.credentials]\napi_key = "k3y &=+/ü"\n' >.dlt/secrets.toml
  run -0 get /auth/api_key/items 'auth: {type: "api_key", name: "X-Api-Key"}'
  assert_output --partial '"status":200'
}

@test "what is wrong is refused, and no message holds a secret" {
  get /auth/bearer/items 'auth: {token: "secret-value"}' >out
  get /auth/basic/items 'auth: {type: "http_basic", username: "u", password: "secret-value"}' >>out
  get /auth/api_key/items 'auth: {type: "api_key", name: "k", api_key: "secret-value", location: "query"}' >>out
  get "/cut?password=secret-value" >>out
  get /cut 'auth: {type: "api_key", name: "k", api_key: "secret-value", location: "query"}' >>out
  ask '{requests: [{path: "status/503", params: {k: "k3y secret-value"}}], hide: {secret: "mine"}}' -v >>out 2>&1 || true
  SOURCES__SHOP__MINE='k3y secret-value' ask '{requests: [{path: "status/503", params: {k: "k3y secret-value"}}], hide: {secret: "mine"}}' -v >>out 2>>log
  grep -q 'attempt 5 of 5' log
  sed -i '/k=k3y+secret-value/d' out # of the one that knew no secret
  no_secrets out log
  [ "$(grep -c '"401 Client Error: Unauthorized for url: ' out)" -eq 3 ]
}

@test "a token is fetched once, by all threads" {
  run -0 get /auth/oauth2/items "threads: 8, requests: [range(20) | {path: \"auth/oauth2/items\"}],
    $OAUTH, access_token_url: (\$base + \"/oauth/token\"), access_token_request_data: {scope: \"all\"}}"
  [ "${#lines[@]}" -eq 20 ]
  refute_output --partial '"error"'
  run -0 rest_log '.requests | map(select(.path == "/oauth/token")) | "\(length) \(.[0].method) \(.[0].body) \(.[0].headers["content-type"])"'
  assert_output '1 POST client_id=cl-id&client_secret=***&grant_type=client_credentials&scope=all application/x-www-form-urlencoded'
}

@test "a token that has expired is fetched anew" {
  run -0 get / "requests: [range(3) | {path: \"auth/oauth2/items\"}], $OAUTH, access_token_url: (\$base + \"/oauth/token?expires_in=0\")}"
  refute_output --partial '"error"'
  [ "$(rest_log '[.requests[] | select(.path == "/oauth/token")] | length')" -eq 3 ]
  rest_reset
  run -0 get / "requests: [range(3) | {path: \"auth/oauth2/items\"}], $OAUTH, default_token_expiration: 0, access_token_url: (\$base + \"/oauth/token\")}"
  [ "$(rest_log '[.requests[] | select(.path == "/oauth/token")] | length')" -eq 3 ]
}

@test "the token's secrets go with no header and to no other host" {
  get /auth/oauth2/items "headers: {\"X-Mine\": \"x\"}, $OAUTH, access_token_url: (\$base + \"/redirect/307?to=$REST_OTHER/oauth/token\")}" >out
  grep -q 'POST http.*the server redirects to another host, which does not get the secrets' out
  [ "$(rest_log '.requests | map("\(.path) \(.headers["x-mine"])") | join(",")')" = '/redirect/307 null' ]
}

@test "a token that is refused" {
  # shellcheck disable=SC2016
  get /auth/oauth2/items 'auth: {type: "oauth2_client_credentials", client_id: "cl-id", client_secret: "secret-value", access_token_url: ($base + "/oauth/token")}' >out
  no_secrets out
  run -0 cat out
  assert_output "{\"error\":\"GET $REST/auth/oauth2/items: 401 Client Error: Unauthorized for url: $REST/oauth/token\",\"code\":\"remote\"}"
  [ "$(count)" -eq 1 ]
  rest_reset
  run -0 get /auth/oauth2/items "$OAUTH, access_token_url: (\$base + \"/status/503\")}"
  assert_output --partial '503 Server Error'
  [ "$(count)" -eq 5 ]
  run -0 get /auth/oauth2/items "$OAUTH, access_token_url: (\$base + \"/posts/1\")}"
  assert_output --partial 'the answer of auth.access_token_url has no access_token","code":"remote"'
}

@test "limits hold, and are used up" {
  rest_hold users 3
  run -0 get / 'requests: [range(12) | {path: "users/\(. + 1)"}], threads: 8, limits: [3, 5]'
  refute_output --partial '"error"'
  [ "$(rest_log '"\(.max_of.users) \(.gave_up)"')" = '3 false' ]
  rest_reset
  rest_hold users 2
  run -0 get / 'requests: [range(12) | {path: "users/\(. + 1)"}], threads: 8, limits: [3, 0, 2]'
  [ "$(rest_log '"\(.max_of.users) \(.gave_up)"')" = '2 false' ]
  rest_reset
  rest_hold users 8
  run -0 get / 'requests: [range(12) | {path: "users/\(. + 1)"}], threads: 8'
  [ "$(rest_log '"\(.max_of.users) \(.gave_up)"')" = '8 false' ]
}

@test "no more requests in a second than are allowed" {
  begin=${EPOCHREALTIME/./}
  run -0 get / 'requests: [range(6) | {path: "users/1"}], threads: 3, per_second: 25'
  [ $((${EPOCHREALTIME/./} - begin)) -ge 200000 ]
  [ "$(count)" -eq 6 ]
}

@test "a proxy of the environment is used" {
  unset no_proxy
  http_proxy=$REST_OTHER run -0 get / 'base_url: "http://api.invalid/posts", requests: [{path: "/1"}]'
  assert_output --partial '"url":"http://api.invalid/posts/1"'
  [ "$(rest_log '.requests[0] | "\(.port) \(.target)"')" = "${REST_OTHER##*:} http://api.invalid/posts/1" ]
  http_proxy=$REST_OTHER no_proxy=127.0.0.1 run -0 get /posts/1
  [ "$(rest_log '.requests[1].port')" = "${REST##*:}" ]
}

@test "certificates are verified" {
  [ -n "$REST_TLS" ] || skip 'openssl is not installed'
  run -0 get / "base_url: \"$REST_TLS\", requests: [{path: \"posts/1\"}]"
  assert_output --regexp "GET $REST_TLS/posts/1: .*certificate.*\"code\":\"remote\""
  [ "$(count)" -eq 0 ]
  for var in REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE RUNTIME__REQUEST_CA_FILE; do
    run -0 env $var="$BATS_FILE_TMPDIR/cert.pem" "$BUILD_DIR/tests/restq" <spec.json
    assert_output --partial '"status":200'
  done
  RUNTIME__REQUEST_CA_FILE=$BATS_FILE_TMPDIR/cert.pem \
    run -0 get / "base_url: \"$REST_TLS\", requests: [{path: \"redirect/302?to=$REST/echo\"}], $BEARER"
  [ "$(rest_log '.requests[1].headers.authorization')" = null ]
}

@test "requests are shown, not sent" {
  run -0 ask '{requests: [
    {path: "a/b", params: {q: "x y", token: "secret-value"}, headers: {"X-A": "1"}},
    {method: "post", path: "c", json: {a: 1}}],
    auth: {type: "api_key", name: "k", api_key: "secret-value", location: "query"}}' -n
  assert_output "GET $REST/a/b?q=x+y&token=***&k=***
X-A: 1
POST $REST/c?k=***
Content-Type: application/json

{\"a\":1}"
  [ "$(count)" -eq 0 ]
}

@test "URLs are those of Python's requests" {
  need_dlt
  run -0 "$DLT_PYTHON" "$SOURCE_DIR/tests/rest_urls.py" "$BUILD_DIR/tests/restq" 3000
  assert_output --partial '0 differ'
}

# ---- dlt-extract --dry-run ----

@test "--dry-run shows the first request of each resource" {
  cat >shop.toml <<'TOML'
[client]
base_url = "https://api.example.com/v1"
headers = { "X-Shop" = "9", "X-Key" = { secret = "my_key" } }
auth = "bearer"
paginator = { type = "page_number", base_page = 1, total_path = "pages" }

[[resources]]
name = "orders"
[resources.endpoint]
path = "orders"
params.since = "{incremental.start_value}"
incremental = { cursor_path = "updated_at", initial_value = "2024-01-01" }

[[resources]]
name = "search"
endpoint = { path = "search", method = "POST", json = { a = 1 } }
TOML
  fails 2 dlt-extract -s shop.toml --dry-run
  assert_output --regexp 'shop.toml:[0-9:]+: the secret "my_key" is not set'
  export SOURCES__SHOP__MY_KEY=secret-value
  fails 2 dlt-extract -s shop.toml --dry-run
  assert_output --partial 'SOURCES__SHOP__CREDENTIALS__TOKEN'
  export SOURCES__SHOP__CREDENTIALS__TOKEN=t0ken-value
  run -0 dlt-extract -s shop.toml --dry-run
  assert_output '# orders
GET https://api.example.com/v1/orders?since=2024-01-01&page=1
X-Shop: 9
X-Key: ***
Authorization: Bearer ***

# search
POST https://api.example.com/v1/search?page=1
X-Shop: 9
X-Key: ***
Content-Type: application/json
Authorization: Bearer ***

{"a":1}'
}

@test "--dry-run of URLs, which makes nothing" {
  export DLT_DATA_DIR=$PWD/data
  run -0 dlt-extract "users=https://u:secret-value@h.example/users?token=secret-value" -p shop --dry-run
  assert_output '# users
GET https://u:***@h.example/users?token=***'
  [ ! -e data ]
  fails 2 dlt-extract x=- --dry-run </dev/null
  assert_output --partial 'no input is one of an API'
}
