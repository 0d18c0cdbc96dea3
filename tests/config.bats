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
