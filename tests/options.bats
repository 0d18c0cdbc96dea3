#!/usr/bin/env bats
# Options, help and man pages say the same, in all four tools.

load helper

TOOLS='dlt-extract dlt-normalize dlt-load dlt-package'

each_tool() {
  local tool
  for tool in $TOOLS; do
    "$@" "$tool" || {
      echo "$tool"
      return 1
    }
  done
}

help_fits() {
  "$1" --help >help.txt 2>err.txt && [ ! -s err.txt ] &&
    ! grep -nE '.{81,}' help.txt && grep -q "$1" help.txt
}

@test "--help goes to standard output, in 80 columns" {
  each_tool help_fits
}

version_line() {
  [ "$("$1" --version)" = "$1 $("$1" -V | awk '{print $2}')" ]
}

@test "--version is one line of name and number" {
  each_tool version_line
}

wrong_option() {
  fails 2 "$1" --verbsoe </dev/null
  [[ $output == "$1: error: "* && $output == *--verbose* ]]
}

@test "an unknown option is status 2, with the nearest name" {
  each_tool wrong_option
}

# Options as the man page lists them: .It Fl x , Fl \-name
man_options() {
  sed -n 's/^\.It Fl //p' "$SOURCE_DIR/man/$1.1" |
    tr ' ' '\n' | sed -n 's/^\\-//p' | sort -u
}

documented() {
  "$1" --list-options | cut -f2 | sed -n 's/^--//p' | sort -u >listed
  man_options "$1" >in-man
  diff listed in-man
}

@test "the man page documents each long option, and no other" {
  each_tool documented
}

@test "without arguments on a terminal: usage of at most 15 lines, status 2" {
  command -v script >/dev/null || skip 'script(1) is not installed'
  for tool in $TOOLS; do
    run script -qec "$tool" /dev/null </dev/null
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -le 15 ]
    [[ ${lines[0]} == *dlt-extract*dlt-normalize*dlt-load* ]] ||
      [[ ${lines[1]} == *dlt-extract*dlt-normalize*dlt-load* ]]
  done
}
