#!/usr/bin/env bats
# Random packages, extracted and normalized by Python dlt itself, against ours.
# Needs Python dlt 1.26.0: DLT_PYTHON names an interpreter that has it, else one
# is installed into the build directory.

load helper

ORACLE=$SOURCE_DIR/tests/oracle

setup_file() {
  python_dlt
}

as_python_dlt() {
  "$DLT_PYTHON" "$ORACLE/generate.py" data "$@" 2>log || {
    tail log
    return 1
  }
  python3 "$ORACLE/check.py" data
}

@test "types, names, nesting, contracts, filters: as Python dlt, 25 data sets" {
  need_dlt
  as_python_dlt 1-9 30 36 64 75 78 90 103 110 142 275 287 325 340 355 403 436
}

@test "naming, default hints, contracts, filters, short names: 15 data sets" {
  need_dlt
  as_python_dlt 10000-10014
}

@test "the same, 200 data sets each" {
  need_level full
  need_dlt
  as_python_dlt 10-24 501-700 10015-10029 10100-10299
}

@test "values that stop Python dlt are all loaded, others as by Python dlt" {
  need_dlt
  local seeds=100-130
  [ "${DLT_TEST_LEVEL:-}" != full ] || seeds=100-160
  "$DLT_PYTHON" "$ORACLE/refused.py" $seeds
}

@test "job files of all formats: as by Python dlt" {
  need_dlt
  "$DLT_PYTHON" "$SOURCE_DIR/tests/formats/live.py" "$TEST_DATA/packages" \
    evolution github_events mild_01 strings numbers nested variants
}
