#!/usr/bin/env bats
# The destination s3://BUCKET. A server on loopback verifies signatures; all
# this runs with --all.

load helper
load files
load s3

FILES=$SOURCE_DIR/tests/interop/files.py

setup_file() {
  python_dlt
  s3_start
}

teardown_file() {
  s3_stop
}

need_hooks() {
  DLT_TEST_FAIL=load_init:1 dlt-load file:hooked "$1" 2>/dev/null &&
    skip "needs a build with -Dtest_hooks=true"
  return 0
}

# Rows that do not compress: about MIB MiB of them.
big_rows() {
  head -c $(($1 * 786432)) /dev/urandom | base64 -w 65536 | sed 's/.*/{"s":"&"}/'
}

@test "s3: the files of a folder, in a bucket" {
  need_s3
  rows '{"id":1,"l":[{"a":1}]}' '{"id":2}' | package append 1.5
  rows '{"id":3,"l":[]}' | package append 2.5
  quiet dlt-load "s3://$BUCKET/a/b/" --dataset ds 1.5 2.5
  quiet dlt-load "s3://$BUCKET" --dataset ds 1.5
  quiet dlt-load file:here --dataset ds 1.5 2.5
  s3_dump out
  diff <(contents_of here/ds) <(contents_of out/a/b/ds)
  [ "$(cat out/ds/init)" = '{"initial_version":2,"current_version":2}' ]
  cmp 1.5/new_jobs/t.0000000001.0.jsonl.zst out/ds/t/1.5.0000000001.jsonl.zst
}

@test "s3: a package is loaded once, also from a stream" {
  need_s3
  rows '{"id":1}' | package append 1
  rows '{"id":2}' | stream append 2 >two
  dlt-load "s3://$BUCKET/x" 1
  dlt-load "s3://$BUCKET/x" <two
  s3_dump before
  dlt-load "s3://$BUCKET/x" 1
  dlt-load "s3://$BUCKET/x" <two
  s3_dump after
  diff -r before after
  rows '{"id":9}' | stream append 2 >other
  fails 1 dlt-load "s3://$BUCKET/x" <other
  assert_output --partial 'another package with the load id 2 has been loaded already'
}

@test "s3: replace deletes old files, of all pages of a list" {
  need_s3
  rows '{"id":1,"l":[1]}' | package append 1
  rows '{"id":2,"l":[2]}' | package replace 2
  rows '{"id":3,"l":[3]}' | package append 3
  dlt-load "s3://$BUCKET/x" 1 2 3
  s3_dump out
  [ "$(data_of out/x/t | tr '\n' ' ')" = '{"id":2} {"id":3} ' ]
  run data_of out/x/t__l
  assert_output $'{"value":2}\n{"value":3}'
  s3_ask "fill/$BUCKET/x/t/0.&<"
  rows '{"id":4,"l":[4]}' '{"id":4}' | package replace 4
  dlt-load "s3://$BUCKET/x" 4
  s3_dump out
  [ "$(find out/x/t out/x/t__l -type f | wc -l)" = 2 ]
  [ "$(data_of out/x/t | sort -u)" = '{"id":4}' ]
  # a server that deletes one by one only
  s3_fault '1 501=NotImplemented POST [?]delete'
  rows '{"id":5,"l":[5]}' | package replace 5
  dlt-load "s3://$BUCKET/x" 5
  s3_dump out
  [ "$(find out/x/t out/x/t__l -type f | wc -l)" = 2 ]
  [ "$(cat "$S3_DIR/faults")" = '0 501=NotImplemented POST [?]delete' ]
  s3_ask "fill/$BUCKET/x/_dlt_version/dlt__0."
  rows '{"id":6}' | dlt-extract --sync "s3://$BUCKET/x" --load-id 6 -o four t=-
  [ "$(jq -r .version_hash four/schema.json)" = "$(jq -r .version_hash 3/schema.json)" ]
}

@test "s3: names that must be escaped" {
  need_s3
  rows '{"id":1}' | package append 1700000000
  export DESTINATION__FILESYSTEM__LAYOUT="{table_name}/d a+y={YYYY}&'ü%2F#?/{load_id}.{file_id}.{ext}"
  dlt-load "s3://$BUCKET/a b+c=%25é" 1700000000
  s3_dump out
  [ -e "out/a b+c=%25é/t/d a+y=2023&'ü%2F#?/1700000000.0000000001.jsonl.zst" ]
  rows '{"id":2}' | package replace 1700086400
  dlt-load "s3://$BUCKET/a b+c=%25é" 1700086400
  s3_dump out
  run data_of "out/a b+c=%25é/t"
  assert_output '{"id":2}'
}

@test "s3: keys from the configuration, the environment and profiles" {
  need_s3
  rows '{"id":1}' | package append 1
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL
  mkdir -p .aws .dlt
  rows '[default]' 'aws_access_key_id = ASIATEST' 'aws_secret_access_key = geheim+/=Schl' \
    'aws_session_token = tok/en+==' >.aws/credentials
  rows '[default]' "endpoint_url = http://127.0.0.1:$S3_PORT" >.aws/config
  quiet dlt-load "s3://$BUCKET/one" 1
  rows '[destination.filesystem.credentials]' 'aws_access_key_id = "AKIDTEST"' \
    'aws_secret_access_key = "geheim+/=Schl"' >.dlt/secrets.toml
  AWS_ACCESS_KEY_ID=no AWS_SECRET_ACCESS_KEY=no quiet dlt-load "s3://$BUCKET/two" 1
  rows '[destination.lake]' "bucket_url = \"s3://$BUCKET/three\"" \
    '[destination.lake.credentials]' 'aws_access_key_id = "AKIDTEST"' \
    'aws_secret_access_key = "geheim+/=Schl"' 'region_name = "eu-north-1"' >.dlt/secrets.toml
  rm .aws/credentials
  quiet dlt-load lake 1
  rows '{"id":2}' | quiet dlt-extract --sync lake -o two t=-
  [ "$(jq -r .version two/schema.json)" -ge 2 ]
  fails 2 dlt-load -c destination.filesystem.credentials.profile_name=none "s3://$BUCKET/x" 1
  assert_output --partial 'no profile "none"'
  s3_dump out
  [ -e out/one/init ]
  [ -e out/two/init ]
  [ -e out/three/init ]
}

@test "s3: without keys, where that is allowed" {
  need_s3 open
  rows '{"id":1}' | package append 1
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  quiet dlt-load "s3://$BUCKET/x" 1
  s3_dump out
  [ -e out/x/_dlt_jobs/1.json ]
}

@test "s3: what a server refuses, with its words and without secrets" {
  need_s3
  rows '{"id":1}' | package append 1
  AWS_SECRET_ACCESS_KEY=Geheimnis fails 1 dlt-load -vv "s3://$BUCKET" 1
  assert_output --partial "s3://$BUCKET/_dlt_jobs/1.json: SignatureDoesNotMatch: m"
  refute_output --partial Geheimnis
  AWS_SESSION_TOKEN=Geheimnis fails 1 dlt-load -vv "s3://$BUCKET" 1
  assert_output --partial InvalidAccessKeyId
  refute_output --partial Geheimnis
  fails 1 env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY dlt-load "s3://$BUCKET" 1
  assert_output --partial 'AccessDenied: m; no credentials were given or found'
  fails 1 dlt-load s3://missing-bucket 1
  assert_output --partial 'NoSuchBucket'
  assert_output --partial 'make the bucket first'
  fails 2 env -u AWS_SECRET_ACCESS_KEY dlt-load "s3://$BUCKET" 1
  assert_output --partial 'one is missing'
  for url in s3: s3:/ s3:// s3://b/../c s3://b//c "s3://k:Geheimnis@$BUCKET"; do
    fails 2 dlt-load "$url" 1
    refute_output --partial Geheimnis
  done
  DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL=http://127.0.0.1:1 fails 75 dlt-load "s3://$BUCKET" 1
  assert_output --partial '127.0.0.1:1: Failed to connect'
  s3_fault '99 503=SlowDown PUT /t/'
  fails 75 dlt-load -c load.raise_on_max_retries=1 "s3://$BUCKET/x" 1
  assert_output --partial 'SlowDown'
  s3_dump out
  [ ! -e out/x/_dlt_loads ]
  [ ! -e out/x/t ]
}

@test "s3: --plan changes nothing" {
  need_s3
  rows '{"id":1}' | package append 1
  run -3 dlt-load --plan "s3://$BUCKET/x" 1
  assert_line --partial "new folder: s3://$BUCKET/x/t"
  s3_dump out
  [ ! -e out/x ]
  dlt-load "s3://$BUCKET/x" 1
  rows '{"id":2}' | package append 2
  run -0 dlt-load --plan "s3://$BUCKET/x" 2
}

@test "s3: --sync takes schema and state back; old states are dropped" {
  need_s3
  for n in 1 2 3; do
    rows "{\"id\":$n}" | dlt-extract --load-id $n -p p t=-
    dlt-normalize -p p
    dlt-load -p p --dataset ds -c destination.filesystem.max_state_files=2 "s3://$BUCKET/x"
  done
  s3_dump out
  [ "$(find out/x/ds/_dlt_pipeline_state -type f | wc -l)" -le 2 ]
  cp data/pipelines/p/schemas/p.schema.json before.json
  rm -rf data
  rows '{"id":4}' | dlt-extract --sync "s3://$BUCKET/x" --dataset ds --load-id 4 -p p t=-
  dlt-normalize -p p
  [ "$(jq -r .version_hash data/pipelines/p/schemas/p.schema.json)" = "$(jq -r .version_hash before.json)" ]
  run -0 dlt-extract --sync "s3://$BUCKET/nowhere" --dataset ds -o fresh t=- <<<'{"id":1}'
}

@test "s3: large files come in parts" {
  need_s3
  big_rows 19 >big.jsonl
  dlt-extract --load-id 1 t=big.jsonl |
    dlt-normalize -o 1 -c data_writer.disable_compression=true
  [ "$(stat -c %s 1/new_jobs/t.*)" -gt 16777216 ]
  s3_fault '1 503=SlowDown PUT partNumber=1' '1 cut PUT partNumber=2' \
    '1 damage PUT partNumber=3' '1 error POST /t/.*uploadId=' '1 lost POST /t/.*uploadId='
  quiet dlt-load "s3://$BUCKET/x" 1
  run grep -v '^0 ' "$S3_DIR/faults"
  assert_output ''
  s3_dump out
  cmp 1/new_jobs/t.*.jsonl out/x/t/1.0000000001.jsonl
  [ "$(s3_ask "uploads/$BUCKET")" = 0 ]
}

@test "s3: what fails leaves no upload behind" {
  need_s3
  big_rows 9 >big.jsonl
  dlt-extract --load-id 1 t=big.jsonl >extracted
  dlt-normalize -c data_writer.disable_compression=true <extracted >whole
  dlt-normalize -c data_writer.disable_compression=true -o 1 <extracted
  head -c $(($(stat -c %s whole) - 4000)) whole | fails 1 dlt-load "s3://$BUCKET/x"
  s3_fault '9 403=AccessDenied PUT partNumber=2'
  fails 1 dlt-load "s3://$BUCKET/x" 1
  assert_output --partial AccessDenied
  s3_fault
  [ "$(s3_ask "uploads/$BUCKET")" = 0 ]
  s3_dump out
  [ -z "$(find out -name '1.*')" ]
  need_hooks 1
  # shellcheck disable=SC2016
  DLT_TEST_RUN='s3_part:kill -TERM $PPID' run dlt-load "s3://$BUCKET/x" 1
  [ "$status" -eq 143 ]
  [ "$(s3_ask "uploads/$BUCKET")" = 0 ]
  # what a kill has left goes with a later load (here all uploads are old)
  DLT_TEST_FAIL=s3_part:2 run dlt-load "s3://$BUCKET/x" 1
  [ "$(s3_ask "uploads/$BUCKET")" = 1 ]
  dlt-load "s3://$BUCKET/x" 1
  [ "$(s3_ask "uploads/$BUCKET")" = 0 ]
  s3_dump out
  cmp 1/new_jobs/t.*.jsonl out/x/t/1.0000000001.jsonl
}

@test "s3: several connections at the same time" {
  need_s3
  seq -f '{"id":%.0f,"s":"'"$(head -c 300 /dev/urandom | base64 -w 0)"'"}' 4000 |
    package append 1 -c data_writer.file_max_items=500 -c data_writer.disable_compression=true
  [ "$(find 1/new_jobs -name 't.*' | wc -l)" = 8 ]
  s3_fault '4 wait PUT /t/'
  quiet dlt-load "s3://$BUCKET/x" 1
  s3_fault
  dlt-load file:here 1
  s3_dump out
  diff <(contents_of here) <(contents_of out/x)
  jq -e .checksum out/x/_dlt_jobs/1.json
  [ "$(jq .checksum out/x/_dlt_jobs/1.json)" = "$(jq .checksum here/_dlt_jobs/1.json)" ]
  DESTINATION__FILESYSTEM__LAYOUT='{table_name}/{load_id}.{ext}' fails 2 dlt-load "s3://$BUCKET/y" 1
  assert_output --partial 'needs {file_id}'
}

@test "s3: loads of others meanwhile lose nothing" {
  need_s3
  rows '{"id":1}' | package append 1
  rows '{"id":2}' | package replace 2
  rows '{"id":3}' | package append 3
  rows '{"id":4}' | package replace 4
  dlt-load "s3://$BUCKET/x" 1
  need_hooks 1
  DLT_TEST_RUN="files_published:env -u DLT_TEST_RUN dlt-load s3://$BUCKET/x 3" \
    dlt-load "s3://$BUCKET/x" 2
  s3_dump out
  [ "$(data_of out/x/t | tr '\n' ' ')" = '{"id":2} {"id":3} ' ]
  s3_fault '2 wait PUT /y/t/'
  dlt-load "s3://$BUCKET/y" 2 &
  dlt-load "s3://$BUCKET/y" 4
  wait $!
  s3_fault
  s3_dump out
  data_of out/y/t | grep -qx '{"id":[24]}'
}

@test "s3: killed at each point, then run again: the same" {
  need_s3
  rows '{"id":1,"l":[1]}' | package append 1
  rows '{"id":2,"l":[2]}' '{"id":3,"l":[3]}' | package replace 2
  rows '{"id":2,"l":[2]}' '{"id":3,"l":[3]}' | stream replace 2 >two
  need_hooks 1
  dlt-load "s3://$BUCKET" --dataset x 1
  dlt-load "s3://$BUCKET" --dataset y 1
  s3_ask "copy/$BUCKET/begun-$BUCKET"
  dlt-load "s3://$BUCKET" --dataset x 2
  dlt-load "s3://$BUCKET" --dataset y <two
  s3_dump whole
  kills=0
  for hook in x,load_commit:2 x,files_moved:1 x,files_moved:2 x,files_deleted:1 \
    x,files_noted:3 x,load_finished:1 y,load_stream_commit:1 y,files_moved:2 \
    y,files_deleted:1 y,files_noted:1 y,files_noted:3 y,load_stream_committed:1; do
    s3_ask "copy/begun-$BUCKET/$BUCKET"
    for fail in "${hook#*,}" none; do
      DLT_TEST_FAIL=$fail dlt-load "s3://$BUCKET" --dataset "${hook%,*}" \
        "$([ "${hook%,*}" = x ] && echo 2 || echo -)" <two || kills=$((kills + 1))
    done
    s3_dump out
    diff <(contents_of "whole/${hook%,*}") <(contents_of "out/${hook%,*}")
  done
  [ $kills -ge 11 ]
}

# killed_at_random TIMES: loads of a pipeline, killed at moments that a seed
# gives, until they have come to an end.
killed_at_random() {
  local n moment tries kills=0
  RANDOM=7
  for n in 1 2 3; do
    seq -f '{"id":%.0f,"l":[1,2]}' 3000 |
      dlt-extract -q -p p --load-id "$n" --write-disposition "$([ "$n" = 2 ] && echo replace || echo append)" t=-
    dlt-normalize -q -p p -c data_writer.file_max_items=1000 -c data_writer.disable_compression=true
  done
  cp -r data kept
  s3_ask "make/empty-$BUCKET"
  dlt-load -q -p p --dataset ds "s3://$BUCKET"
  s3_dump whole
  for ((n = 0; n < $1; n++)); do
    s3_ask "copy/empty-$BUCKET/$BUCKET"
    rm -rf data && cp -r kept data
    for ((tries = 0; ; tries++)); do
      printf -v moment '0.%03d' $((RANDOM % 300 + tries * 100))
      timeout -s KILL "$moment" dlt-load -q -p p --dataset ds "s3://$BUCKET" && break
      kills=$((kills + 1))
    done
    s3_dump out
    diff <(contents_of whole) <(contents_of out)
  done
  [ "$kills" -ge "$n" ]
}

@test "s3: killed at random moments, then run again: the same" {
  need_s3
  killed_at_random 2
}

@test "s3: killed at very many random moments" {
  need_level full
  need_s3
  killed_at_random 50
}

# ---- with Python dlt ----

@test "s3: a bucket is continued by Python dlt, and Python's by us, with its state" {
  need_s3
  need_dlt s3fs
  layout='{table_name}/{load_id}.{file_id}.{ext}'
  url=s3://$BUCKET/x
  "$DLT_PYTHON" "$FILES" resume "$PWD/work" "$url" "$layout"
  quiet dlt-load -q -p work/pp/ --dataset ds "$url"
  rm -rf work
  run --separate-stderr "$DLT_PYTHON" "$FILES" run "$PWD/work" "$url" "$layout"
  assert_output 2
  rows '{"id":50}' >orders.jsonl
  dlt-extract --sync "$url" --dataset ds -p pp orders=orders.jsonl
  [ "$(jq -r '.sources.pp.resources.orders.n' data/pipelines/pp/state.json)" = 2 ]
  s3_dump out
  run data_of out/x/ds/orders
  assert_output $'{"id":101}\n{"id":102}\n{"id":1}\n{"id":2}'
}
