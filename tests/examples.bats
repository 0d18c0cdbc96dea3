#!/usr/bin/env bats
# Every example runs: of the README, of the man pages, and the quick start.

load helper

# Each example runs in a directory of its own with a few files, as
# bash -euo pipefail FILE, and is quiet on standard error.
run_examples() {
  local file n=0
  for file in "$1"/*.sh; do
    [ -e "$file" ] || return 1
    n=$((n + 1))
    prepare "work-$n"
    (cd "work-$n" && env DLT_DATA_DIR="$PWD/data" bash -euo pipefail "$file") \
      >out 2>err </dev/null || {
      echo "failed: $(cat "$file")"
      cat err
      return 1
    }
    [ ! -s err ] || {
      echo "said something: $(cat "$file")"
      cat err
      return 1
    }
  done
}

# What the examples find in their directory.
prepare() {
  mkdir -p "$1/logs"
  (
    cd "$1" || exit
    cat >events.jsonl <<'END'
{"id": 1, "type": "push", "payload": {"size": 2, "commits": [{"sha": "c1", "message": "one"}, {"sha": "c2", "message": "two"}]}}
{"id": 2, "type": "watch", "payload": {"action": "started"}}
{"id": 3, "type": "push", "payload": {"size": 1, "commits": [{"sha": "c3", "message": "a secret"}]}}
END
    echo '{"id": 4, "type": "fork", "payload": {"forkee": {"id": 9}}}' \
      >more-events.jsonl
    echo '{"id": 1, "total": 12.50}' >orders-1.jsonl
    cp ../examples-of-page/files/* . 2>/dev/null || true
    printf '{"id": %d, "name": "%s"}\n' 1 ann 2 bob >users.json
    sqlite3 crm.db 'CREATE TABLE orders(user_id INTEGER, price DECIMAL(8, 2));
      INSERT INTO orders VALUES (1, 2.5), (1, 3)'
    for i in 1 2 3; do
      gzip <events.jsonl >"logs/$i.jsonl.gz"
    done
    gzip <events.jsonl >events.jsonl.gz
    ln -s "$SOURCE_DIR/examples" examples
  )
}

# The literal displays of a man page, one file each: man_examples PAGE DIR.
# One behind the comment "file: NAME" is a file for all others.
man_examples() {
  mkdir -p "$2/files"
  awk -v dir="$2" '
    /^\.\\" file: / { file = dir "/files/" $3 }
    /^\.Bd -literal/ {
      inside = file ? file : sprintf("%s/%02d.sh", dir, ++n)
      file = ""
      next
    }
    /^\.Ed/ { inside = ""; next }
    inside {
      gsub(/\\e/, "\\"); gsub(/\\-/, "-"); gsub(/\\&/, "")
      print > inside
    }' "$SOURCE_DIR/man/$1"
}

# The indented blocks of the README that call one of the tools.
readme_examples() {
  mkdir -p "$1"
  awk -v dir="$1" '
    /^    / { text = text substr($0, 5) "\n"; next }
    text != "" { if (text ~ /^dlt-/) printf "%s", text > sprintf("%s/%02d.sh", dir, ++n); text = "" }
    ' "$SOURCE_DIR/README.md"
}

page() {
  man_examples "$1" examples-of-page
  [ "$(ls examples-of-page | wc -l)" -gt "$2" ]
  run_examples "$PWD/examples-of-page"
}

@test "examples of dlt-extract(1)" {
  page dlt-extract.1 6
}

@test "examples of dlt-normalize(1)" {
  page dlt-normalize.1 5
}

@test "examples of dlt-load(1)" {
  page dlt-load.1 4
}

@test "examples of dlt-package(1)" {
  page dlt-package.1 7
}

@test "examples of dlt(7)" {
  page dlt.7 9
}

@test "examples of dlt-config(5)" {
  page dlt-config.5 1
}

@test "dlt-package(5) has none" {
  man_examples dlt-package.5 examples-of-page
  [ -z "$(find examples-of-page -type f)" ]
}

@test "examples of the README" {
  readme_examples examples-of-readme
  [ "$(ls examples-of-readme | wc -l)" -ge 4 ]
  run_examples "$PWD/examples-of-readme"
}

# The first example of each --help is the pipeline itself.
@test "the README's three wirings leave the same rows" {
  readme_examples examples-of-readme
  run_examples "$PWD/examples-of-readme"
  sqlite_dump work-2/events.db >pipes
  [ -s pipes ]
  sqlite_dump work-3/events.db | diff pipes -
  sqlite_dump work-4/events.db | diff pipes -
}

@test "the quick start, with the tools of this build" {
  mkdir -p tree/tests
  cp -r "$SOURCE_DIR/examples" tree/
  rm -f tree/examples/quickstart.db
  cp "$SOURCE_DIR/tests/deps.sh" tree/tests/
  quiet tree/examples/quickstart --build "${BUILD_DIR:?set by meson}" >out
  grep -q '  dlt-extract events=' out
  grep -qE '^ +60 rows  events$' out
  grep -qE '^ +[1-9][0-9]* rows  events__payload__commits$' out
  grep -qE '_dlt_loads' out
  grep -q 'duckdb/duckdb' out
}

@test "the three commands that the quick start prints can be pasted" {
  mkdir -p tree/tests
  cp -r "$SOURCE_DIR/examples" tree/
  rm -f tree/examples/quickstart.db
  cp "$SOURCE_DIR/tests/deps.sh" tree/tests/
  tree/examples/quickstart --build "$BUILD_DIR" >out
  sqlite_dump tree/examples/quickstart.db >first
  rm tree/examples/quickstart.db
  sed -n '/to be pasted/,/^The tables/p' out | grep '^  ' >pasted.sh
  (cd tree && bash -euo pipefail ../pasted.sh)
  sqlite_dump tree/examples/quickstart.db | diff first -
}

@test "the transformer" {
  mkdir -p dir/sub
  printf 'one\n' >dir/a
  printf 'two\n' >'dir/sub/b c'
  : >dir/empty
  for _ in 1 2; do
    (cd dir && dlt-extract -s "$SOURCE_DIR/examples/transform/inventory.toml") |
      dlt-normalize | dlt-load -q sqlite:inventory.db
  done
  run sqlite3 inventory.db "SELECT path, bytes FROM files ORDER BY 1" \
    "SELECT path || ' ' || substr(sha256, 1, 8) FROM sums ORDER BY 1"
  assert_output $'a|4\nempty|0\nsub/b c|4\na '"$(sha256sum dir/a | cut -c 1-8)"$'\nsub/b c '"$(sha256sum dir/sub/b* | cut -c 1-8)"
}

@test "the CSV files" {
  cp -r "$SOURCE_DIR/examples/csv" .
  csv/load csv/exports all.db
  csv/load csv/exports all.db
  run sqlite3 all.db "SELECT number, name FROM customers ORDER BY 1" \
    "SELECT number, total FROM orders_2026_11 ORDER BY 1"
  assert_output $'1|Brandt, Anna\n2|Müller "Mo" Moritz\n3|Two\nlines\n102|100'
  printf '"no end\n' >csv/exports/zzz.csv
  fails 1 csv/load csv/exports all.db
  run sqlite3 all.db "SELECT count(*) FROM customers"
  assert_output 3

  cd csv
  for _ in 1 2; do
    dlt-extract -s shop.toml | dlt-normalize | dlt-load -q sqlite:shop.db
  done
  run sqlite3 shop.db "SELECT number, total FROM orders ORDER BY 1" \
    "SELECT zip, typeof(zip) FROM customers WHERE number = 1"
  assert_output $'100|12.5\n101|8\n102|100\n01067|text'
}

@test "the Singer tap" {
  ln -s "$SOURCE_DIR/examples" examples
  export DLT_DATA_DIR=$PWD/data
  for _ in 1 2; do
    quiet dlt-extract -s examples/singer/shop.toml -p shop
    quiet dlt-normalize -p shop
    quiet dlt-load -q -p shop sqlite:shop.db
  done
  run sqlite3 shop.db "SELECT name FROM customers" \
    "SELECT id, at, total FROM orders ORDER BY id"
  assert_output "Ann
1|2026-11-01 12:00:00.000000|1.5
2|2026-11-02 12:00:00.000000|2.5
3|2026-11-03 12:00:00.000000|3.5
4|2026-11-04 12:00:00.000000|4.5"
}

@test "the quick start refuses what it does not know" {
  fails 2 "$SOURCE_DIR/examples/quickstart" --help
}
