#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The settings on the page about performance in dlt's documentation, each taken as
# it stands there (data/performance): what is written with it, and where it is said
# to come from.

load helper
load extract
load rest

SNIPPETS=$SOURCE_DIR/tests/data/performance

setup_file() {
  python_dlt
  rest_start
}

teardown_file() {
  rest_stop
}

setup() {
  own_folder
  rest_reset
}

# base: at the level base a test does less.
base() {
  [ "${DLT_TEST_LEVEL:-base}" = base ]
}

# snippet NAME: is the whole configuration from here on.
snippet() {
  mkdir -p .dlt
  cp "$SNIPPETS/$1.toml" .dlt/config.toml
}

# shape DIR TABLE: LINES,ROWS of each job file, in order.
shape() {
  local f
  for f in "$1"/new_jobs/"$2".*; do
    zstd -dcq "$f" >text
    echo "$(wc -l <text),$(tr -cd '{' <text | wc -c)"
  done | paste -sd' '
}

# sizes DIR TABLE: ROWS of each job file.
sizes() {
  shape "$@" | sed 's/[0-9]*,//g'
}

# extracts WANT FILE [OPTION...]: the job files of these rows have those sizes.
extracts() {
  local want=$1 rows=$2
  shift 2
  rm -rf e
  dlt-extract -o e tickets="$rows" "$@"
  run sizes e tickets
  assert_output "$want"
}

# normalizes WANT FILE [OPTION...]: those of what is made of one extracted file.
normalizes() {
  local want=$1 rows=$2
  shift 2
  rm -rf n
  dlt-extract --file-max-items 0 --buffer-max-items 5000 -c data_writer.file_max_bytes=0 \
    tickets="$rows" | dlt-normalize -o n "$@"
  run sizes n tickets
  assert_output "$want"
}

# ---- where they are said to come from ----

# shown SNIPPET KEY VALUE LINE COMMAND...: with the snippet, --show-config of the
# command has that value of the key, from that line or "-", a default. At the level
# base it looks at every third.
shown() {
  local name=$1 key=$2 value=$3 line=$4 found
  shift 4
  if base && ((asked++ % 3 != 0)); then
    return 0
  fi
  snippet "$name"
  [ "$line" = - ] && line=default || line=.dlt/config.toml:$line
  found=$'\n'$("$@" --show-config)
  found=${found#*$'\n'"$key "}
  found=${found%%$'\n'*}
  [[ $found =~ ^\ *"$value"\ +"$line"(\ |$) ]] || {
    echo "$name, $key of $*: $found, not $value $line"
    return 1
  }
}

@test "--show-config: each setting of each snippet, and its line" {
  local scope name key value line cases asked=0
  local zendesk=(dlt-extract --section zendesk_support tickets=-)
  local z=sources.zendesk_support t=sources.zendesk_support.tickets
  for scope in all sources source; do
    shown "buffer_$scope" $t.data_writer.buffer_max_items 100 2 "${zendesk[@]}"
    shown "file_size_$scope" $t.data_writer.file_max_items 100000 2 "${zendesk[@]}"
    shown "file_size_$scope" $t.data_writer.file_max_bytes 1000000 3 "${zendesk[@]}"
  done
  while read -r name key value line; do
    shown "$name" "$key" "$value" "$line" dlt-normalize
  done <<'END'
buffer_all normalize.data_writer.buffer_max_items 100 2
buffer_normalize normalize.data_writer.buffer_max_items 100 2
buffer_source normalize.data_writer.buffer_max_items 5000 -
file_size_all normalize.data_writer.file_max_items 100000 2
file_size_all normalize.data_writer.file_max_bytes 1000000 3
file_size_normalize normalize.data_writer.file_max_items 100000 2
file_size_normalize normalize.data_writer.file_max_bytes 1000000 3
file_size_sources normalize.data_writer.file_max_items (none) -
compression normalize.data_writer.disable_compression true 2
normalize_workers normalize.workers 3 5
pipeline normalize.workers 3 5
pipeline normalize.data_writer.file_max_items 100000 8
END
  while read -r name key value line; do
    shown "$name" "$key" "$value" "$line" dlt-load sqlite:x.db
  done <<'END'
load_workers load.workers 50 5
pipeline load.workers 11 11
delete_completed load.delete_completed_jobs true 2
progress pipelines.progress log 1
END
  for cases in workers:2:4 parallel_items:10:10; do
    IFS=: read -r name value line <<<"$cases"
    key=workers
    [ "$name" = workers ] || key=max_parallel_items
    shown "extract_$name" $z.dlt.extract.$key "$value" 5 "${zendesk[@]}"
    shown "extract_$name" $t.extract.$key "$line" 8 "${zendesk[@]}"
  done
  shown extract_workers sources.other.tickets.extract.workers 1 2 \
    dlt-extract --section other tickets=-
  shown item_mode sources.my_pipeline.my.extract.next_item_mode fifo 5 \
    dlt-extract -p my_pipeline tickets=-
  shown item_mode sources.other.other.extract.next_item_mode round_robin 2 \
    dlt-extract -p other tickets=-
  shown pipeline sources.performance-snippets.perf_table.data_writer.file_max_items 100000 2 \
    dlt-extract --section performance-snippets perf_table=-
  while read -r key value line; do
    shown retry "sources.dlt.runtime.$key" "$value" "$line" dlt-extract tickets=-
  done <<'END'
request_max_attempts 10 2
request_backoff_factor 1.5 3
request_timeout 120 4
request_max_retry_delay 30 5
END
}

# ---- buffers and files ----

@test "buffer_max_items: of all, of sources, of one source, of normalize" {
  local name scopes=(all sources source)
  ! base || scopes=(source)
  seq -f '{"id":%.0f}' 250 >rows.jsonl
  for name in "${scopes[@]}"; do
    snippet "buffer_$name"
    extracts 250 rows.jsonl --section zendesk_support
    [ "$(shape e tickets)" = 3,250 ]
    # a buffer is what is written before the size of a file is looked at
    extracts '100 100 50' rows.jsonl --section zendesk_support -c data_writer.file_max_bytes=1
  done
  snippet buffer_source
  extracts 250 rows.jsonl --section other
  [ "$(shape e tickets)" = 1,250 ]
  snippet buffer_normalize
  extracts 250 rows.jsonl
  [ "$(shape e tickets)" = 1,250 ]
  scopes=(all normalize)
  ! base || scopes=(normalize)
  for name in "${scopes[@]}"; do
    snippet "buffer_$name"
    normalizes '100 100 50' rows.jsonl -c normalize.data_writer.file_max_bytes=1
  done
  snippet buffer_sources
  normalizes 250 rows.jsonl -c normalize.data_writer.file_max_bytes=1
}

@test "file_max_items and file_max_bytes, of the same four" {
  need_level all
  local name
  yes '{"a":1}' | head -n 250000 >short.jsonl
  yes '{"a":"0123456789012345678901234567890123456789012345678901234567890123456789"}' |
    head -n 30000 >long.jsonl
  for name in all sources source; do
    snippet "file_size_$name"
    extracts '100000 100000 50000' short.jsonl --section zendesk_support
    extracts '15000 15000' long.jsonl --section zendesk_support
  done
  snippet file_size_source
  extracts 250000 short.jsonl --section other
  snippet file_size_normalize
  extracts 30000 long.jsonl
  for name in all normalize; do
    snippet "file_size_$name"
    normalizes '10000 10000 10000' long.jsonl
    normalizes '100000 100000 50000' short.jsonl -c data_writer.file_max_bytes=1G
  done
  snippet file_size_sources
  normalizes 30000 long.jsonl
}

@test "the snippets for workers rotate files of normalize, not of extract" {
  local name names=(normalize_workers load_workers)
  ! base || names=(normalize_workers)
  yes '{"a":"0123456789012345678901234567890123456789012345678901234567890123456789"}' |
    head -n 30000 >long.jsonl
  for name in "${names[@]}"; do
    snippet "$name"
    extracts 30000 long.jsonl
    normalizes '10000 10000 10000' long.jsonl
  done
}

@test "disable_compression: of normalize's files, not of extract's" {
  seq -f '{"id":%.0f}' 5 >rows.jsonl
  snippet compression
  dlt-extract -o e tickets=rows.jsonl
  dlt-normalize -o n e
  run find e/new_jobs n/new_jobs -type f -name 'tickets.*'
  assert_line --regexp '^e/new_jobs/tickets\..*\.typed-jsonl\.zst$'
  assert_line --regexp '^n/new_jobs/tickets\.[^/]*\.jsonl$'
  jq -se 'length == 5' n/new_jobs/tickets.*.jsonl
}

# ---- at once ----

# page: a source zendesk_support, whose "tickets" are 24 requests and
# "others" 32.
page() {
  cat >page.toml <<END
name = "zendesk_support"

[client]
base_url = "$REST"

[[resources]]
name = "users"
endpoint = "users"

[[resources]]
name = "tickets"
parallelized = true
endpoint = { path = "users/{resources.users.id}" }

[[resources]]
name = "products"
endpoint = "products"

[[resources]]
name = "others"
parallelized = true
endpoint = { path = "products/{resources.products.id}" }
END
}

# most GROUP COUNT [OPTION...]: so many requests of the group at once.
most() {
  local group=$1 count=$2
  shift 2
  rm -rf out
  rest_reset
  rest_hold "$group" "$count"
  dlt-extract -s page.toml -o out "$@"
  run rest_log "\"\\(.max_of[\"$group\"]) \\(.gave_up)\""
  assert_output "$count false"
  [ "$(dlt-package cat tickets out | wc -l)" -eq 24 ]
}

# copies COUNT COUNT [OPTION...]: of the commands of tickets and of others.
copies() {
  local want="$1 $2"
  shift 2
  seq -f '{"id":%.0f}' 20 >rows.jsonl
  cat >copies.toml <<'END'
name = "zendesk_support"

[[resources]]
name = "rows"
file = "rows.jsonl"

[[resources]]
name = "tickets"
from = "rows"
parallelized = true
command = "echo >>tickets; cat"

[[resources]]
name = "others"
from = "rows"
parallelized = true
command = "echo >>others; cat"
END
  rm -rf out tickets others
  dlt-extract -s copies.toml -o out "$@"
  [ "$(dlt-package cat tickets out | wc -l)" -eq 20 ]
  [ "$(wc -l <tickets) $(wc -l <others)" = "$want" ]
}

@test "extract.workers: of all, of a source, of a resource; requests" {
  need_level all
  page
  snippet extract_workers
  # the one of a resource is that of a source of its name, as in dlt
  most users/ 2
  most products/ 2
  most products/ 4 --schema-name tickets
  sed -i 's/^name = "zendesk_support"/name = "another"/' page.toml
  most users/ 1
}

@test "extract.workers: of all, of a source, of a resource; copies of a command" {
  snippet extract_workers
  copies 4 2
  sed -i 's/zendesk_support/another/' .dlt/config.toml
  copies 1 1
  rm .dlt/config.toml
  copies 5 5
}

@test "extract.max_parallel_items; requests" {
  need_level all
  page
  snippet extract_parallel_items
  most users/ 5
  most users/ 10 -j 32
}

@test "extract.max_parallel_items; copies of a command" {
  snippet extract_parallel_items
  base || copies 5 5
  copies 10 10 -j 32
}

# in_turn PIPELINE: the rows of two inputs in the order in which they were pulled.
in_turn() {
  dlt-extract -q -p "$1" --table-from table a=a.jsonl b=b.jsonl
  zstd -dcq data/pipelines/"$1"/normalize/extracted/*/new_jobs/both.* |
    jq -r '.[].t' | paste -sd' '
}

@test "extract.next_item_mode: of all, of a pipeline" {
  printf '[{"t":"a%d","table":"both"}]\n' 1 2 3 >a.jsonl
  sed 's/"a/"b/' a.jsonl >b.jsonl
  snippet item_mode
  run in_turn my_pipeline
  assert_output 'a1 a2 a3 b1 b2 b3'
  run in_turn other
  assert_output 'a1 b1 a2 b2 a3 b3'
}

@test "runtime: so many attempts" {
  snippet retry
  fails 75 dlt-extract -o p "t=$REST/status/503?after=0"
  run rest_log '.requests | length'
  assert_output 10
}

# ---- resources ----

@test "a resource has settings of its own, whatever its rows come from" {
  local name names=(plain packed program one two tap made)
  mkdir .dlt
  for name in "${names[@]}"; do
    printf '[sources.shop.%s.data_writer]\nfile_max_items=3\n' "$name"
  done >.dlt/config.toml
  seq -f '{"id":%.0f}' 7 >rows.jsonl
  gzip -k rows.jsonl
  for name in one two; do
    echo "CREATE TABLE $name(id integer); INSERT INTO $name VALUES (1),(2),(3),(4),(5),(6),(7);"
  done | sqlite3 x.db
  # its streams have those of the resource
  cat >tap.sh <<'END'
echo '{"type":"SCHEMA","stream":"tap","schema":{"properties":{"id":{"type":"integer"}}},"key_properties":[]}'
sed 's/.*/{"type":"RECORD","stream":"tap","record":&}/' rows.jsonl
END
  cat >made.toml <<'END'
name = "shop"

[[resources]]
name = "other"
file = "rows.jsonl"

[[resources]]
name = "made"
from = "other"
command = "cat"
END
  dlt-extract -q --section shop -o p plain=rows.jsonl packed=rows.jsonl.gz \
    program='exec:cat rows.jsonl' sqlite:x.db tap='singer:sh tap.sh'
  dlt-extract -q -s made.toml -o q
  mv q/new_jobs/made.* q/new_jobs/other.* p/new_jobs
  for name in "${names[@]}"; do
    echo "$name $(sizes p "$name")"
    [ "$(sizes p "$name")" = '3 3 1' ]
  done
  [ "$(sizes p other)" = 7 ]
}

@test "extract.workers: copies of a command that is fed by a database" {
  need_level all
  snippet extract_workers
  copies 4 2
  seq -f 'INSERT INTO rows VALUES (%.0f);' 20 |
    sed '1i CREATE TABLE rows(id integer);' | sqlite3 x.db
  sed -i 's|^file = .*|database = "sqlite:x.db"\ntable = "rows"|' copies.toml
  rm -r out tickets others
  dlt-extract -s copies.toml -o out
  [ "$(wc -l <tickets) $(wc -l <others)" = '4 2' ]
  [ "$(dlt-package cat others out | wc -l)" -eq 20 ]
}

# ---- the rest ----

@test "delete_completed_jobs" {
  echo '{"id":1}' >rows.jsonl
  local work=data/pipelines/shop/load/loaded
  dlt-extract -q -p shop tickets=rows.jsonl
  dlt-normalize -q -p shop
  cp -r data kept
  DLT_DATA_DIR=kept dlt-load -q -p shop sqlite:x.db
  [ -n "$(find "${work/data/kept}" -path '*/completed_jobs/*')" ]
  snippet delete_completed
  dlt-load -q -p shop sqlite:y.db
  [ -n "$(find $work -name '*.0' -o -name schema.json)" ]
  [ -z "$(find $work -path '*/completed_jobs/*')" ]
}

@test "progress: lines on stderr, the same bytes on stdout" {
  local stage
  seq -f '{"id":%.0f}' 50 >rows.jsonl
  dlt-extract --deterministic --load-id 1.0 tickets=rows.jsonl >plain
  snippet progress
  dlt-extract --deterministic --load-id 1.0 tickets=rows.jsonl >logged 2>err
  cmp plain logged
  dlt-normalize <plain 2>>err | dlt-load sqlite:x.db 2>>err
  for stage in extract normalize load; do
    grep -qE "^dlt-$stage: progress: $stage: .* 50 rows \([0-9,]+/s\), .* memory [0-9.]+ MB, CPU [0-9]+ %$" err
  done
}

# ---- Python dlt ----

@test "what Python dlt does with them" {
  need_dlt
  local files=() each=6 n=0 file
  [ "$DLT_TEST_LEVEL" != full ] || each=1
  for file in "$SNIPPETS"/*.toml; do
    # what that one shows goes to a terminal
    [[ $file != */progress.toml ]] || continue
    ((n++ % each != 2 % each)) || files+=("$file")
  done
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/settings.py" . "${files[@]}"
}
