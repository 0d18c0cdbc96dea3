# shellcheck shell=bash
# What the tests of dlt-extract share; they load helper.bash before.

# rows DIR TABLE: the lines of a table's job files, in order
rows() {
  local f
  for f in "$1"/new_jobs/"$2".*; do
    [ -e "$f" ] || return 0
    zstd -dcq "$f"
  done
}
