#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Configuration: how TOML is read, and where a setting is found.

load helper

setup_file() {
  python_dlt
}

@test "the official tests of TOML 1.0" {
  zstd -dcq "$SOURCE_DIR/tests/data/toml-test.tar.zst" | tar -xf -
  python3 "$SOURCE_DIR/tests/toml_test.py" toml-test "$BUILD_DIR/tests/tomlq"
}

@test "a setting is what Python dlt finds, in random files and variables" {
  need_dlt
  local seeds=1-150
  [ "$DLT_TEST_LEVEL" != full ] || seeds=1-2000
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/lookup.py" work "$BUILD_DIR/tests/configq" $seeds
}

# ---- keys that nobody reads ----

config() {
  mkdir -p .dlt
  cat >.dlt/config.toml
  echo '{"id":1}' >t.jsonl
}

@test "a key that is nearly a setting is a warning with its line and the right name" {
  config <<'END'
[extract]
worker = 2
[sources.data_writer]
file_max_item = 100
[normalize]
workers = 1
start_methods = "spawn"
[normalize.data_writer]
buffer_max_itmes = 10
[load]
worksers = 3
[runtime]
log_levle = "INFO"
END
  run -0 dlt-extract -p p t.jsonl
  [ "${#lines[@]}" -eq 3 ]
  assert_line --partial '.dlt/config.toml:2: no setting "extract.worker"; did you mean "workers"?'
  assert_line --partial '.dlt/config.toml:4: no setting "sources.data_writer.file_max_item"; did you mean "file_max_items"?'
  assert_line --partial '.dlt/config.toml:13: no setting "runtime.log_levle"; did you mean "log_level"?'
  run -0 dlt-normalize -p p
  [ "${#lines[@]}" -eq 2 ]
  assert_line --partial '.dlt/config.toml:7: no setting "normalize.start_methods"'
  assert_line --partial '.dlt/config.toml:9: no setting "normalize.data_writer.buffer_max_itmes"'
  run -0 dlt-load -p p sqlite:x.db
  [ "${#lines[@]}" -eq 1 ]
  assert_line --partial '.dlt/config.toml:11: no setting "load.worksers"; did you mean "workers"?'
  quiet dlt-extract -q -p p t.jsonl
}

@test "what is Python dlt's, or may be somebody's own, is none" {
  config <<'END'
title = "mine"
[extract]
futures_poll_interval = 0.1
copy_on_fork = true
[normalize]
start_method = "spawn"
normalize_volume_path = "n"
load_volume_path = "l"
delete_completed_jobs = false
add_dlt_id = false
add_dlt_load_id = false
[normalize.parquet_normalizer]
add_dlt_load_id = true
[normalize.data_writer]
version = "2.6"
row_group_size = 100
[sources.extract]
api_key = "x"
[sources.mine.load]
table = "t"
[sources.mine]
worker = 3
[destination.bigquery]
location = "US"
[runtime]
dlthub_telemetry = false
[load]
start_new_jobs_on_signal = true
load_volume_path = "l"
[tool.other]
extract = 1
END
  quiet dlt-extract -p p t.jsonl
  quiet dlt-normalize -p p
  quiet dlt-load -p p sqlite:x.db
}

@test "a value of another type is an error with its line" {
  config <<'END'
[extract]
workers = "many"
END
  fails 2 dlt-extract -p p t.jsonl
  assert_output --partial '.dlt/config.toml:2: '
  assert_output --partial many
}
