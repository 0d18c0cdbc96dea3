# shellcheck shell=bash
# DuckDB for bats files: `load duckdb`, then need_duckdb in each test that uses
# it. The library is that of DLT_LIBDUCKDB, else one that is put into the build
# directory once; duckq FILE SQL prints rows.

. "$SOURCE_DIR/tests/deps.sh"

need_duckdb() {
  DLT_LIBDUCKDB=$(libduckdb "$BUILD_DIR") ||
    skip "no DuckDB: DLT_LIBDUCKDB names no library, and npm brings none"
  export DLT_LIBDUCKDB
}

duckq() {
  "$BUILD_DIR/tests/duckq" "$@"
}

# The columns of a table of $DB, one a line: name|type.
columns_of() {
  duckq "${DB:?}" "SELECT column_name, data_type FROM duckdb_columns()
    WHERE schema_name || '.' || table_name = '$1' ORDER BY column_index"
}
