#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Singer taps from PyPI, into SQLite, twice: the second time what is new.

# shellcheck disable=SC2030,SC2031
load helper
load s3

setup_file() {
  [ "${DLT_TEST_LEVEL:-base}" = full ] || return 0
  s3_start
  SINGER_TAPS=$(singer_taps "$BUILD_DIR") || SINGER_TAPS=
  export SINGER_TAPS
}

teardown_file() {
  s3_stop
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export DLT_DATA_DIR=$PWD/data TMPDIR=$PWD/temp no_proxy=127.0.0.1
  mkdir temp
}

teardown() {
  [ -z "${pid:-}" ] || kill "$pid"
}

need_taps() {
  need_level full
  [ -n "$SINGER_TAPS" ] ||
    skip "pip cannot install taps, and SINGER_TAPS names no directory of them"
}

# load_all COMMAND: one run of the tap into x.db.
load_all() {
  dlt-extract -q -p n --write-disposition merge s="singer:$1" 2>err || {
    cat err
    return 1
  }
  quiet dlt-normalize -q -p n
  quiet dlt-load -q -p n sqlite:x.db
}

@test "tap-rest-api-msdk: bookmarks of a replication key" {
  need_taps
  cat >server.py <<'END'
import http.server, json, os, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        since = query.get("since", [""])[0]
        print(self.path, file=open("requests", "a"))
        rows = [json.loads(row) for row in open("rows.jsonl")]
        body = json.dumps([r for r in rows if r["at"] > since]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(os.getpid(), server.server_port, flush=True)
server.serve_forever()
END
  printf '%s\n' '{"id":1,"at":"2024-01-01T00:00:00Z","o":{"x":1.5}}' \
    '{"id":2,"at":"2024-01-02T00:00:00Z","o":{"x":2}}' >rows.jsonl
  read -r pid port < <(exec python3 server.py 3>&-)
  cat >c.json <<END
{"api_url": "http://127.0.0.1:$port", "start_date": "2000-01-01T00:00:00Z",
 "streams": [{"name": "events", "path": "/events", "primary_keys": ["id"],
   "records_path": "\$[*]", "replication_key": "at",
   "source_search_field": "since", "source_search_query": "\$last_run_date"}]}
END
  tap=$SINGER_TAPS/tap-rest-api-msdk/bin/tap-rest-api-msdk
  load_all "$tap --config c.json"
  echo '{"id":3,"at":"2024-01-03T00:00:00Z","o":{"x":3}}' >>rows.jsonl
  load_all "$tap --config c.json"
  run sqlite3 x.db 'SELECT id, at, o_x FROM events ORDER BY id' \
    'SELECT count(DISTINCT _dlt_load_id) FROM events'
  assert_output '1|2024-01-01T00:00:00Z|1.5
2|2024-01-02T00:00:00Z|2.0
3|2024-01-03T00:00:00Z|3.0
2'
  tail -n 1 requests | grep -q 'since=2024-01-02'
  run dlt-package state -p n
  assert_output --partial '"replication_key_value":"2024-01-03T00:00:00Z"'
}

# put KEY: standard input becomes an object of the bucket.
put() {
  "$SINGER_TAPS/pipelinewise-tap-s3-csv/bin/python" -c 'import boto3, os, sys
boto3.client("s3", endpoint_url=os.environ["DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL"]).put_object(
    Bucket=sys.argv[1], Key=sys.argv[2], Body=sys.stdin.buffer.read())' "$BUCKET" "$1"
}

@test "pipelinewise-tap-s3-csv: files that are newer" {
  need_taps
  need_s3
  tap=$SINGER_TAPS/pipelinewise-tap-s3-csv/bin/tap-s3-csv
  export AWS_DEFAULT_REGION=us-east-1 BUCKET
  printf 'id,name\n1,ann\n2,bob\n' | put in/a.csv
  jq -n '{bucket: env.BUCKET, start_date: "2000-01-01T00:00:00Z",
    aws_endpoint_url: env.DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL,
    aws_access_key_id: env.AWS_ACCESS_KEY_ID,
    aws_secret_access_key: env.AWS_SECRET_ACCESS_KEY,
    tables: [{search_prefix: "in/", search_pattern: "csv$", table_name: "people",
      key_properties: ["id"], delimiter: ","}]}' >c.json
  "$tap" --config c.json --discover 2>err >found.json || { cat err; false; }
  jq '.streams[].metadata[].metadata.selected = true' found.json >catalog.json
  load_all "$tap --config c.json --properties catalog.json"
  first=$(date +%s)
  run sqlite3 x.db 'SELECT id, name FROM people ORDER BY id'
  assert_output $'1|ann\n2|bob'
  # times of objects are seconds
  until [ "$(date +%s)" -gt "$first" ]; do :; done
  printf 'id,name\n3,cem\n2,bea\n' | put in/b.csv
  load_all "$tap --config c.json --properties catalog.json"
  run sqlite3 x.db 'SELECT id, name FROM people ORDER BY id' \
    'SELECT count(DISTINCT _dlt_load_id) FROM people'
  assert_output $'1|ann\n2|bea\n3|cem\n2'
  run dlt-package state -p n
  assert_output --partial modified_since
}
