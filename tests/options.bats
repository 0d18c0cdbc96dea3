#!/usr/bin/env bats
# Options, help, man pages and completion say the same, in all four tools.

load helper
load terminal

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

teardown() {
  end_terminal
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

# Options as the man page lists them, "-x --name" with what there is of both:
# .It Fl x , Fl \-name Ar ARG  or  .It Fl \-name  or  .It Fl x
man_options() {
  sed -n 's/^\.It Fl //p' "$SOURCE_DIR/man/$1.1" | awk '{
    short = $1 ~ /^\\-/ ? "" : "-" $1
    long = short == "" ? $1 : $2 == "," && $3 == "Fl" ? $4 : ""
    gsub(/\\-/, "-", long)
    print short " " (long == "" ? "" : "-" long)
  }' | sort
}

documented() {
  "$1" --list-options | awk -F '\t' '$1 != "-c" || $2 != "" {print $1 " " $2}' |
    sort >listed
  man_options "$1" >in-man
  [ -s listed ]
  diff listed in-man
}

@test "the man page documents each option once, and no other" {
  each_tool documented
}

# The argument's name, too: what stands behind the last macro of the line.
arguments() {
  "$1" --list-options | awk -F '\t' '$2 != "" {print $2 " " $3}' | sort >listed
  sed -n 's/^\.It Fl //p' "$SOURCE_DIR/man/$1.1" | sed 's/^. , Fl //; s/ Ar / /
    s/\\-/-/g; /^-/!d; s/^/-/; / /!s/$/ /' | sort >in-man
  [ -s listed ]
  diff listed in-man
}

@test "the man page names each argument as --help does" {
  each_tool arguments
}

settings() {
  local key
  [ "$1" != dlt-package ] || return 0
  "$1" --list-options | cut -f 5 | sort -u | while read -r key; do
    [ -z "$key" ] || grep -qE "^\.It Va ([a-z.]*\.)?$key( |$)" \
      "$SOURCE_DIR/man/$1.1" || {
      echo "$key"
      exit 1
    }
  done
}

@test "the man page has each setting under CONFIGURATION" {
  each_tool settings
}

@test "man pages are free of mandoc's complaints" {
  command -v mandoc >/dev/null || skip 'mandoc is not installed'
  local page
  for page in "$SOURCE_DIR"/man/*.[157]; do
    # whether other manuals are installed is not the page's business
    run bash -c 'mandoc -Tlint -Wstyle "$1" 2>&1 |
      grep -v "referenced manual not found\|outdated mandoc.db"' - "$page"
    assert_output ''
  done
}

@test "man pages refer to what is there" {
  local ref name section
  sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' "$SOURCE_DIR"/man/*.[157] |
    grep '^dlt' | sort -u >refs
  while read -r ref; do
    [ -e "$SOURCE_DIR/man/$ref" ] || {
      echo "$ref"
      false
    }
  done <refs
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

# complete WORD...: what completion offers for the last word.
complete_words() {
  bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _dlt_tools "$1"; printf "%s\n" "${COMPREPLY[@]}"' - \
    "$SOURCE_DIR/tools/completion/dlt.bash" "$@"
}

completes() {
  complete_words "$1" --ve >offered
  printf '%s\n' --verbose --version | diff - offered
}

@test "completion offers the options that the tool lists" {
  each_tool completes
  run complete_words dlt-package v
  assert_output verify
  export DLT_DATA_DIR=$PWD/data
  mkdir -p data/pipelines/shop data/pipelines/crm
  run complete_words dlt-load -p s
  assert_output shop
  run complete_words dlt-extract ev
  assert_output ''
}

@test "completion in fish" {
  command -v fish >/dev/null || skip 'fish is not installed'
  export DLT_DATA_DIR=$PWD/data HOME=$PWD
  mkdir -p data/pipelines/shop data/pipelines/crm
  offers() {
    fish --no-config -c "source $SOURCE_DIR/tools/completion/dlt.fish
      complete -C '$1'" | cut -f 1
  }
  run offers 'dlt-extract --ve'
  assert_output $'--verbose\n--version'
  run offers 'dlt-package ve'
  assert_output verify
  run offers 'dlt-load -p s'
  assert_output shop
  run fish --no-config -c "source $SOURCE_DIR/tools/completion/dlt.fish
    complete -C 'dlt-load --qui'"
  assert_output $'--quiet\tprint errors only'
}

@test "completion in zsh" {
  need_level all
  command -v zsh >/dev/null || skip 'zsh is not installed'
  export DLT_DATA_DIR=$PWD/data HOME=$PWD
  mkdir -p data/pipelines/shop data/pipelines/crm
  echo 'exec zsh -f -i' >run.sh
  terminal 80 20 run.sh
  type_keys "fpath=($SOURCE_DIR/tools/completion \$fpath); autoload -U compinit; compinit -u" Enter
  type_keys "PS1='rea''dy '" Enter
  await '^ready $|^ready$'
  type_keys 'dlt-extract --verb' Tab
  await '^ready dlt-extract --verbose'
  type_keys Space -p Space sh Tab
  await '^ready dlt-extract --verbose -p shop'
  type_keys C-u 'dlt-package verif' Tab
  await '^ready dlt-package verify'
}

@test "a closed standard output is an error, and no file takes its place" {
  echo '{"a":1}' >t.jsonl
  dlt-extract -q -o in t.jsonl
  fails 1 bash -c 'dlt-package info in >&-'
  assert_output --partial 'standard output'
  fails 1 bash -c 'dlt-normalize in >&-'
  bash -c 'dlt-normalize -q -o out in >&- <&-'
  dlt-package verify out
}

# settings PAGE: those that its CONFIGURATION or SETTINGS describes
settings() {
  sed -nE '/^\.Sh (CONFIGURATION|SETTINGS)/,/^\.Sh (ENV|FILES|EXIT)/p' "$SOURCE_DIR/man/$1" |
    sed -n 's/^\.It Va //p' | sed 's/ Pq .*//; s/ , /\n/g' | sort -u
}

@test "dlt-config(5) lists the settings of all pages" {
  for tool in extract normalize load; do
    settings "dlt-$tool.1"
  done | sort -u >wanted
  [ "$(wc -l <wanted)" -gt 40 ]
  settings dlt-config.5 | comm -23 wanted - >missing
  cat missing
  [ ! -s missing ]
}
