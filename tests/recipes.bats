#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The examples that are scripts and units: logs, other hosts, systemd, a look at
# each stage.

load helper

EXAMPLES=$SOURCE_DIR/examples

# A process that was killed may need a moment to let go of the file.
value() {
  sqlite3 -cmd '.timeout 10000' "$1" "SELECT $2"
}

# until_rows DB TABLE N: what runs in the background has brought so many.
until_rows() {
  local n=0 tries=0
  until [ "$n" -eq "$3" ]; do
    kill -0 "$pid" || return 1
    n=$(value "$1" "count(*) FROM $2" 2>/dev/null || echo 0)
    ((++tries < 4000)) || return 1
  done
}

teardown() {
  if [ -n "${pid:-}" ]; then
    kill -- "-$pid" 2>/dev/null || true
  fi
}

# ---- each stage by itself ----

@test "debug: each stage is shown, and nothing is loaded" {
  printf '%s\n' '{"id":1,"n":1,"l":[5]}' '{"id":2,"n":"x"}' >rows.jsonl
  run -0 --separate-stderr "$EXAMPLES/debug/stages" orders=rows.jsonl
  [ "$stderr" = '' ]
  assert_line --partial '{"id":1,"n":1,"l":[5]}'
  assert_line --partial '"n__v_text":"x"'
  assert_line --regexp '^orders\.n__v_text.*rows\.jsonl:2'
  assert_line --partial 'CREATE TABLE main."orders__l"'
  [ "$(ls stages)" = "$(printf 'extracted\nnormalized')" ]
  # once more, with other rows
  echo '{"id":3}' >rows.jsonl
  run -0 "$EXAMPLES/debug/stages" orders=rows.jsonl
  refute_output --partial 'n__v_text'
}

@test "debug: an error ends it with the stage that has it" {
  echo '{"id":' >rows.jsonl
  fails 1 "$EXAMPLES/debug/stages" orders=rows.jsonl
  assert_output --partial 'rows.jsonl:2:1'
  refute_output --partial '== normalize'
}

# ---- logs ----

line() {
  printf '{"at":"2026-01-01T00:00:%02dZ","level":"info","n":%d}\n' "$1" "$1"
}

# Its process group, to be killed as one.
ship() {
  set -m
  "$EXAMPLES/logs/ship" app.log sqlite:logs.db 0.2 >said 2>&1 3>&- 7>&- &
  pid=$!
  set +m
}

stop() {
  kill -"$1" -- "-$pid"
  wait "$pid" || true
  pid=
}

@test "logs: lines arrive while they are written, once, whatever ends it" {
  line 1 >app.log
  ship
  until_rows logs.db app 1
  line 2 >>app.log
  until_rows logs.db app 2
  stop KILL
  # rotated while nobody looks, with lines that nobody has seen
  line 3 >>app.log
  mv app.log app.log.1
  line 4 >app.log
  ship
  until_rows logs.db app 4
  # rotated while it looks
  mv app.log app.log.1
  { line 5 && line 6; } >app.log
  until_rows logs.db app 6
  stop KILL
  [ "$(value logs.db 'group_concat(n) FROM (SELECT n FROM app ORDER BY n)')" = 1,2,3,4,5,6 ]
}

@test "logs: half a line is an error, and a row when it is whole" {
  line 1 >app.log
  printf '{"at":"2026-01-01T00:00:02Z",' >>app.log
  ship
  until [ -s said ]; do kill -0 "$pid"; done
  printf '"n":2}\n' >>app.log
  until_rows logs.db app 2
  stop TERM
}

# ---- other hosts ----

# ssh that has only one host, but hands the command on as ssh does.
fake_ssh() {
  mkdir -p bin
  cat >bin/ssh <<'END'
#!/bin/sh
echo "$1" >>hosts
shift
exec /bin/sh -c "$*"
END
  chmod +x bin/ssh
  PATH=$PWD/bin:$PATH
}

@test "ssh: rows of one host, a database of another, and quotes on the way" {
  fake_ssh
  mkdir "it's"
  printf '{"id":%d}\n' 1 2 3 >"it's/rows of today.jsonl"
  run -0 "$EXAMPLES/ssh/over" files "t=it's/rows of today.jsonl" db 'sqlite:x y.db'
  assert_output ''
  [ "$(value 'x y.db' 'count(*) FROM t')" -eq 3 ]
  [ "$(sort hosts)" = "$(printf 'db\nfiles')" ]
}

@test "ssh: what breaks on the way loads nothing" {
  fake_ssh
  printf '{"id":%d}\n' 1 2 3 >rows.jsonl
  echo '{"id":' >>rows.jsonl
  run ! "$EXAMPLES/ssh/over" files t=rows.jsonl db sqlite:x.db
  assert_output --partial 'rows.jsonl:'
  [ ! -e x.db ]
}

# ---- systemd ----

# The values of a key in a unit, %i replaced.
unit() {
  sed -n "s/^$2=//p" "$EXAMPLES/systemd/$1" | sed 's/%i/shop/g'
}

@test "systemd: the commands of the service, in its environment" {
  mkdir etc
  cat >etc/shop.toml <<'END'
[[resources]]
name = "orders"
file = "orders.jsonl"
END
  printf '{"id":%d}\n' 1 2 >etc/orders.jsonl
  echo "DESTINATION=sqlite:$PWD/shop.db" >shop.env
  while IFS= read -r command; do
    # shellcheck disable=SC2046,SC2086
    (cd etc && env -i PATH="$PATH" HOME=/nonexistent $(cat ../shop.env) \
      $(unit 'dlt@.service' Environment | sed "s|/var/lib/dlt|$HOME/lib|") \
      ${command#/usr/bin/}) >said 2>&1
    cat said
    [ ! -s said ]
  done < <(unit 'dlt@.service' ExecStart)
  [ "$(value shop.db 'count(*) FROM orders')" -eq 2 ]
  [ -d lib/pipelines/shop ]
}

@test "systemd: the units are right" {
  need_level all
  command -v systemd-analyze >/dev/null || skip "needs systemd-analyze"
  mkdir units
  cp "$EXAMPLES"/systemd/dlt@.* units
  # a binary that is not installed would be an error of its own
  sed -i "s|/usr/bin/|$PWD/units/|" units/dlt@.service
  for tool in extract normalize load; do
    ln -s /bin/true "units/dlt-$tool"
  done
  run -0 env SYSTEMD_UNIT_PATH="$PWD/units:" \
    systemd-analyze verify --man=no units/dlt@.timer units/dlt@shop.service
  refute_output --partial dlt@
}
