#!/usr/bin/env bats
# The destination file:DIR, dlt's filesystem layout. What needs Python dlt runs
# with --all.

load helper
load files

FILES=$SOURCE_DIR/tests/interop/files.py

setup_file() {
  python_dlt
}

@test "file: job files are copied as they are, with what dlt keeps beside them" {
  rows '{"id":1,"l":[{"a":1}]}' '{"id":2}' | package append 1.5
  quiet dlt-load file:out 1.5
  run tree_of out
  hex=$(jq -r .version_hash 1.5/schema.json | base64 -d | xxd -p -c 64)
  assert_output - <<EOF
./_dlt_jobs
./_dlt_jobs/1.5.json
./_dlt_loads
./_dlt_loads/dlt__1.5.jsonl
./_dlt_pipeline_state
./_dlt_pipeline_state/dlt__1.5__$hex.jsonl
./_dlt_version
./_dlt_version/dlt__T__$hex.jsonl
./init
./t
./t/1.5.0000000001.jsonl.zst
./t__l
./t__l/1.5.0000000002.jsonl.zst
EOF
  cmp out/t/1.5.0000000001.jsonl.zst 1.5/new_jobs/t.0000000001.0.jsonl.zst
  [ "$(cat out/init)" = '{"initial_version":2,"current_version":2}' ]
  [ "$(jq -c '[.load_id,.schema_name,.status,.schema_version_hash]' out/_dlt_loads/*)" = \
    "$(jq -c '["1.5",.name,0,.version_hash]' 1.5/schema.json)" ]
  [ "$(jq -r .schema out/_dlt_version/* | jq -S .)" = "$(jq -S . 1.5/schema.json)" ]
}

@test "file: spellings, and what is no folder" {
  rows '{"id":1}' | package append 1
  dlt-load "file://$PWD/a%20b" 1
  dlt-load --dataset d "file://localhost$PWD/c/" 1
  [ -e "a b/init" ]
  [ -e c/d/init ]
  : >plain
  for url in file: file:// file://host/x; do
    fails 2 dlt-load "$url" 1
    assert_output --partial 'expected file:DIR'
  done
  fails 1 dlt-load file:plain 1
  assert_output --partial 'is no folder'
}

@test "file: a package is loaded once, also from a stream" {
  rows '{"id":1}' | package append 1
  rows '{"id":2}' | stream append 2 >two
  dlt-load file:out 1
  dlt-load file:out <two
  before=$(contents_of out)
  dlt-load file:out 1
  dlt-load file:out <two
  [ "$(contents_of out)" = "$before" ]
  rows '{"id":9}' | package append other
  rm -r 1 && mv other 1
  sed -i 's/"other"/"1"/' 1/*.json
  rm -f 1/manifest.json
  fails 1 dlt-load file:out 1
}

@test "file: replace deletes the files of the table and of those below it" {
  rows '{"id":1,"l":[1]}' | package append 1
  rows '{"id":2,"l":[]}' '{"id":2,"l":[2]}' | package replace 2
  dlt-load file:out 1 2
  [ "$(data_of out/t | sort -u)" = '{"id":2}' ]
  run data_of out/t__l
  assert_output '{"value":2}'
  rows '{"id":3,"l":[3]}' | package replace 3
  rows '{"id":4,"l":[4]}' | package append 4
  dlt-load file:out 3 4
  [ "$(data_of out/t | tr '\n' ' ')" = '{"id":3} {"id":4} ' ]
}

@test "file: merge becomes append, with one warning" {
  rows '{"id":1,"l":[1]}' | package merge 1
  run --separate-stderr dlt-load file:out 1
  [ "$status" -eq 0 ]
  # shellcheck disable=SC2154
  [ "$stderr" = 'dlt-load: warning: table "t": file:DIR cannot merge; rows are appended' ]
}

@test "file: csv, insert_values and typed-jsonl" {
  rows '{"id":1}' | package append 1 --format csv
  rows '{"id":2}' | package append 2 --format insert_values
  rows '{"id":3}' | package append 3 --format typed-jsonl
  quiet dlt-load file:out 1 2
  [ -e out/t/1.0000000001.csv.zst ] || ls out/t
  ls out/t/1.*.csv* out/t/2.*.insert_values*
  fails 1 dlt-load file:out 3
  assert_output --partial 'jobs of format typed-jsonl cannot be loaded into file:DIR'
}

@test "file: tables of delta are refused" {
  rows '{"id":1}' | package append 1
  jq -c '.tables.t.table_format = "delta"' 1/schema.json >s && mv s 1/schema.json
  rm -f 1/manifest.json
  fails 1 dlt-load file:out 1
  assert_output --partial 'table format "delta" is not supported by file:DIR'
  [ ! -e out/t ]
}

@test "file: two job files of one name" {
  seq -f '{"id":%.0f}' 40 | package append 1 -c data_writer.file_max_items=10
  [ "$(find 1/new_jobs -name 't.*' | wc -l)" -gt 1 ]
  export DESTINATION__FILESYSTEM__LAYOUT='{table_name}/{load_id}.{ext}'
  fails 2 dlt-load file:out 1
  assert_output --partial 'needs {file_id}'
  rows '{"id":1}' | stream append 2 >two
  dlt-load file:out <two
  [ -e out/t/2.jsonl.zst ]
}

@test "file: layouts" {
  rows '{"id":1}' | package append 1700000000.123456
  at='{schema_name}/{table_name}.{YYYY}-{MM}-{DD}/{MMM}{dddd}{Q}_{timestamp}/{load_id}.{file_id}.{ext}'
  export DESTINATION__FILESYSTEM__LAYOUT=$at
  dlt-load file:out 1700000000.123456
  [ -e out/dlt/t.2023-11-14/novtuesday4_1700000000/1700000000.123456.0000000001.jsonl.zst ]
  rows '{"id":2}' | package replace 1700086400
  dlt-load file:out 1700086400
  run data_of out/dlt
  assert_output '{"id":2}'
}

@test "file: bad layouts are usage errors" {
  rows '{"id":1}' | package append 1
  bad() {
    DESTINATION__FILESYSTEM__LAYOUT=$1 fails 2 dlt-load file:out 1
    assert_output --partial "$2"
    [ ! -e out ]
  }
  bad '{table_name}/{nonsense}' 'unknown placeholder "{nonsense}"; known are table_name'
  bad '{load_id}/{table_name}/x' 'only {schema_name} may stand before {table_name}'
  bad '{table_name}{ext}' 'a separator must follow'
  bad '{load_id}.{ext}' '{table_name} is missing'
  bad '{table_name}/{ext' 'a brace has no partner'
  bad '/{table_name}/{ext}' 'begins with a slash'
  DESTINATION__FILESYSTEM__LAYOUT='{table_name}/../{file_id}' fails 1 dlt-load file:out 1
  assert_output --partial 'no file below the dataset'
}

@test "file: a stream that is cut leaves no file of the package" {
  rows '{"id":1,"l":[1]}' | stream append 1 >whole
  head -c $(($(stat -c %s whole) / 2)) whole | fails 1 dlt-load file:out
  [ -z "$(find out -name '1.*')" ]
  [ ! -e out/_dlt_tmp ]
}

@test "file: datasets of the first kind have no .gz in names" {
  mkdir -p out
  : >out/init
  rows '{"id":1}' | dlt-extract --load-id 1 t=- | dlt-normalize --compression gzip -o 1
  dlt-load file:out 1
  [ "$(cat out/init)" = '{"initial_version":1,"current_version":2}' ]
  [ -e out/t/1.0000000001.jsonl ]
  echo '{"initial_version":3,"current_version":3}' >out/init
  rows '{"id":1}' | package append 2
  fails 1 dlt-load file:out 2
  assert_output --partial 'is of a version that is not known'
}

@test "file: killed at each point, then run again: the same" {
  rows '{"id":1,"l":[1]}' | package append 1
  rows '{"id":2,"l":[2]}' '{"id":3,"l":[3]}' | package replace 2
  rows '{"id":2,"l":[2]}' '{"id":3,"l":[3]}' | stream replace 2 >two
  DLT_TEST_FAIL=load_init:1 dlt-load file:hooked 1 &&
    skip "needs a build with -Dtest_hooks=true"
  dlt-load file:begun 1
  cp -r begun whole
  cp -r begun whole_stream
  dlt-load file:whole 2
  dlt-load file:whole_stream <two
  kills=0
  for hook in load_init load_job load_commit load_committed files_moved \
    files_deleted files_noted load_finish load_finished load_stream_commit \
    load_stream_committed; do
    for n in 1 2 3; do
      rm -rf out out_stream && cp -r begun out && cp -r begun out_stream
      before=$kills
      DLT_TEST_FAIL=$hook:$n dlt-load file:out 2 || kills=$((kills + 1))
      DLT_TEST_FAIL=$hook:$n dlt-load file:out_stream <two || kills=$((kills + 1))
      [ $kills -gt $before ] || break # it has no such pass
      dlt-load file:out 2
      dlt-load file:out_stream <two
      diff <(contents_of whole) <(contents_of out)
      diff <(contents_of whole_stream) <(contents_of out_stream)
      [ ! -e out/_dlt_tmp ]
      [ ! -e out_stream/_dlt_tmp ]
    done
  done
  [ $kills -gt 20 ]
}

@test "file: no permission, and a full disk" {
  rows '{"id":1}' | package append 1
  mkdir closed
  chmod a-w closed
  if [ "$(id -u)" != 0 ]; then
    fails 1 dlt-load file:closed/out 1
    assert_output --partial 'Permission denied'
  fi
  seq -f '{"id":%.0f,"s":"'"$(head -c 3000 /dev/urandom | base64 -w 0)"'"}' 200 | package append 2 -c data_writer.disable_compression=true
  trap '' XFSZ
  (
    ulimit -f 64
    fails 1 dlt-load file:out 2
    assert_output --partial 'File too large'
  )
  [ -z "$(find out -name '2.*')" ]
  dlt-load file:out 2
}

@test "file: several connections copy what one does" {
  seq -f '{"id":%.0f,"s":"'"$(head -c 300 /dev/urandom | base64 -w 0)"'"}' 4000 |
    package append 1 -c data_writer.file_max_items=200 -c data_writer.disable_compression=true
  [ "$(find 1/new_jobs -name 't.*' | wc -l)" = 20 ]
  quiet dlt-load file:out 1
  quiet dlt-load -c load.workers=1 file:one 1
  diff <(contents_of one) <(contents_of out)
  [ "$(jq .checksum out/_dlt_jobs/1.json)" = "$(jq .checksum one/_dlt_jobs/1.json)" ]
  [ ! -e out/_dlt_tmp ]
  DESTINATION__FILESYSTEM__LAYOUT='{table_name}/{load_id}.{ext}' fails 2 dlt-load file:other 1
  assert_output --partial 'needs {file_id}'
}

@test "file: loads at the same time lose nothing" {
  rows '{"id":1}' | package append 1
  rows '{"id":2}' | package replace 2
  rows '{"id":3}' | package append 3
  rows '{"id":4}' | package replace 4
  dlt-load file:begun 1
  for n in 1 2 3 4 5; do
    rm -rf out && cp -r begun out
    dlt-load file:out 2 &
    dlt-load file:out 4 &
    dlt-load file:out 3
    wait
    [ "$(data_of out/t | grep -c '{"id":[24]}')" = 1 ]
    [ "$(find out/_dlt_loads -type f | wc -l)" = 4 ]
  done
  dlt-load file:hooked 1
  DLT_TEST_FAIL=load_init:1 dlt-load file:hooked 2 &&
    skip "needs a build with -Dtest_hooks=true"
  rm -rf out && cp -r begun out
  # shellcheck disable=SC2016
  DLT_TEST_RUN='files_published:env -u DLT_TEST_RUN dlt-load --wait 0 -c load.raise_on_max_retries=1 file:out 4 2>inner; [ $? = 75 ]' \
    dlt-load file:out 2
  grep -q 'out: another load is changing the dataset' inner
  [ "$(data_of out/t)" = '{"id":2}' ]
}

@test "file: --sync takes schema and state back; old states are dropped" {
  for n in 1 2 3; do
    rows "{\"id\":$n,\"t\":\"2024-01-0$n\"}" | dlt-extract --load-id $n -p p t=-
    dlt-normalize -p p
    dlt-load -p p --dataset ds -c destination.filesystem.max_state_files=2 file:out
  done
  [ "$(find out/ds/_dlt_pipeline_state -type f | wc -l)" -le 2 ]
  cp -r out kept
  cp data/pipelines/p/schemas/p.schema.json before.json
  rm -rf data
  rows '{"id":4}' | dlt-extract --sync file:out --dataset ds --load-id 4 -p p t=-
  dlt-normalize -p p
  [ "$(jq -r .version_hash data/pipelines/p/schemas/p.schema.json)" = "$(jq -r .version_hash before.json)" ]
  dlt-load -p p --dataset ds file:out
  diff <(ls kept/ds/_dlt_version) <(ls out/ds/_dlt_version)
  run -0 dlt-extract --sync file:nowhere --dataset ds t=- <<<'{"id":1}'
  [ ! -e nowhere ]
}

@test "file: --plan changes nothing, and says what it would do" {
  rows '{"id":1}' | package append 1
  run -3 dlt-load --plan file:out 1
  assert_line --partial 'new folder: out/t'
  [ ! -e out ]
  dlt-load file:out 1
  rows '{"id":2}' | package append 2
  run -0 dlt-load --plan file:out 2
}

@test "file: bucket_url is a configured destination" {
  mkdir .dlt
  rows '[destination.lake]' "bucket_url = \"$PWD/lake\"" >.dlt/config.toml
  rows '{"id":1}' >t.jsonl
  dlt-extract -p p t=t.jsonl
  dlt-normalize -p p
  quiet dlt-load -p p lake
  [ -e lake/p_dataset/init ]
}

# ---- with Python dlt ----

@test "file: the tree that Python dlt makes of the same packages" {
  need_dlt
  for layout in '{table_name}/{load_id}.{file_id}.{ext}' \
    '{schema_name}/{table_name}-{YYYY}{YY}{Y}/{MMMM}{MMM}{MM}{M}/{DD}{D}{HH}{H}{mm}{m}{ss}{s}/{dddd}{ddd}{dd}{d}{Q}/{SSSS}{SSS}{SS}{S}/{timestamp}{timestamp_ms}{curr_date}{load_package_timestamp}{load_package_timestamp_ms}/{load_id}.{file_id}.{ext}'; do
    rm -rf theirs ours py us
    for how in 'append jsonl' 'replace jsonl' 'append csv' 'merge jsonl' 'replace insert_values'; do
      # shellcheck disable=SC2086
      "$DLT_PYTHON" "$FILES" extract "$PWD/theirs" "file://$PWD/py" "$layout" $how
      rm -rf ours
      cp -r theirs ours
      "$DLT_PYTHON" "$FILES" load "$PWD/theirs" "file://$PWD/py" "$layout"
      DESTINATION__FILESYSTEM__LAYOUT=$layout dlt-load -q -p ours/pp/ --dataset ds file:us
      diff <(contents_of py) <(contents_of us)
      diff <(tree_of py) <(tree_of us | grep -v _dlt_jobs)
    done
  done
}

@test "file: a dataset is continued by the other, with its state" {
  need_dlt
  layout='{table_name}/{load_id}.{file_id}.{ext}'
  for n in 1 2 3 4; do
    rm -rf work
    if [ $((n % 2)) = 1 ]; then
      run --separate-stderr "$DLT_PYTHON" "$FILES" run "$PWD/work" "file://$PWD/lake" "$layout"
      [ "$output" = "$n" ]
    else
      # Python's pipeline takes the state back, and we load.
      run --separate-stderr "$DLT_PYTHON" "$FILES" sync "$PWD/work" "file://$PWD/lake" "$layout"
      "$DLT_PYTHON" "$FILES" extract "$PWD/work" "file://$PWD/lake" "$layout"
      dlt-load -q -p work/pp/ --dataset ds file:lake
    fi
  done
  rows '{"id":50}' >orders.jsonl
  dlt-extract --sync file:lake --dataset ds -p pp orders=orders.jsonl
  [ "$(jq -r '.sources.pp.resources.orders.n' data/pipelines/pp/state.json)" = 4 ]
}
