#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What runs say to people: formats of messages, progress in a log, on SIGUSR1
# and on a terminal.

load helper
load terminal

# slow: dlt-extract "$@" reads rows that come through the descriptor 7.
slow() {
  mkfifo rows
  dlt-extract "$@" t='exec:cat rows' &
  pid=$!
  exec 7>rows
}

put_rows() {
  seq -f '{"id":%.0f}' "$1" >&7
}

finish() {
  exec 7>&-
  wait $pid
}

# ---- messages ----

@test "--log-format: text, logfmt, json" {
  fails 1 dlt-extract -o p missing.jsonl
  assert_output 'dlt-extract: error: missing.jsonl: No such file or directory'
  fails 1 dlt-extract --log-format logfmt -o p 'a"b.jsonl'
  assert_output --regexp '^time=20[0-9-]+T[0-9:.]+Z level=error tool=dlt-extract msg="a\\"b.jsonl: No such file or directory"$'
  fails 1 dlt-extract --log-format=JSON -o p $'a"\\\xff.jsonl'
  jq -e '.level == "error" and .tool == "dlt-extract" and
    .msg == "a\"\\?.jsonl: No such file or directory"' <<<"$output"
  fails 2 dlt-extract --log-format xml -o p missing.jsonl
  assert_output --partial 'none of text, logfmt and json'
}

@test "runtime.log_format and runtime.log_level, as Python dlt has them" {
  echo '{"id":1}' >t.jsonl
  RUNTIME__LOG_LEVEL=INFO RUNTIME__LOG_FORMAT=JSON dlt-extract -o p t.jsonl 2>err
  jq -e '.level == "info"' err
  RUNTIME__LOG_LEVEL=INFO dlt-extract -q -o p2 t.jsonl 2>err
  [ ! -s err ]
  RUNTIME__LOG_LEVEL=INFO dlt-normalize -o n p 2>err
  grep -q '^dlt-normalize: info: ' err
  fails 2 dlt-extract -c runtime.log_level=loud -o p3 t.jsonl
}

@test "a line for the journal begins with its priority" {
  local message='dlt-extract: error: missing.jsonl: No such file or directory'
  : >err
  id=$(stat -c %d:%i err)
  JOURNAL_STREAM=$id dlt-extract missing.jsonl -o p 2>>err || true
  JOURNAL_STREAM=1:1 dlt-extract missing.jsonl -o p 2>>err || true
  run cat err
  assert_output "<3>$message"$'\n'"$message"
}

# ---- progress ----

@test "progress=log: a line at the end, and the same package" {
  seq -f '{"id":%.0f,"l":[1]}' 1000 >t.jsonl
  dlt-extract --deterministic --load-id 1.0 t.jsonl >plain
  PROGRESS=log dlt-extract --deterministic --load-id 1.0 t.jsonl >logged 2>err
  cmp plain logged
  run cat err
  assert_output --regexp '^dlt-extract: progress: extract: 1 table, 1,000 rows \([0-9,]+/s\), [0-9.]+ kB, 0:00, memory [0-9.]+ MB, CPU [0-9]+ %$'
  dlt-normalize <plain >one
  dlt-normalize -c progress=log <plain >two 2>err
  cmp <(dlt-package cat t__l <one | jq -c .value) <(dlt-package cat t__l <two | jq -c .value)
  grep -q '^dlt-normalize: progress: normalize: 2 tables, 2,000 rows ' err
  PROGRESS=log dlt-extract --no-progress -o p t.jsonl 2>err
  [ ! -s err ]
  dlt-load -c progress=log sqlite:x.db <one 2>err
  grep -q '^dlt-load: progress: load: 2 tables, 2,000 rows ' err
  dlt-normalize -o n p
  PROGRESS=log dlt-load sqlite:y.db n 2>err
  grep -q '^dlt-load: progress: load: 3/3 jobs, 2 tables, 2,000 rows ' err
  fails 2 dlt-extract -c progress=fast -o p2 t.jsonl
}

@test "progress=log: a line each second" {
  need_level all
  mkfifo err
  exec 8<>err
  slow -c progress=log -o p 2>err
  put_rows 3
  for _ in 1 2; do
    IFS= read -r -t 30 line <&8
    [[ $line == 'dlt-extract: progress: extract: '*' rows '* ]]
  done
  finish
}

@test "SIGUSR1 says how far a run is, and does not end it" {
  mkfifo err
  exec 8<>err
  slow -o p 2>err
  # more than the pipe holds: so it runs
  put_rows 20000
  kill -USR1 $pid
  IFS= read -r -t 30 line <&8
  [[ $line == 'dlt-extract: progress: extract: 1 table, '*' rows '* ]]
  finish
  [ "$(dlt-package cat t p | wc -l)" -eq 20000 ]
}

@test "--metrics: a file for Prometheus, also of a run that fails" {
  export DLT_DATA_DIR=$PWD/data
  printf '{"id":%d,"l":[1]}\n' 1 2 3 >t.jsonl
  dlt-extract -p shop --metrics e.prom t.jsonl
  dlt-normalize -p shop --metrics n.prom
  dlt-load -q -p shop --metrics l.prom sqlite:x.db
  grep -qx 'dlt_run_rows{stage="extract",pipeline="shop",table="t"} 3' e.prom
  grep -qx 'dlt_run_rows{stage="normalize",pipeline="shop",table="t__l"} 3' n.prom
  grep -qx 'dlt_run_rows{stage="load",pipeline="shop",table="t"} 3' l.prom
  grep -qx 'dlt_run_success{stage="load",pipeline="shop"} 1' l.prom
  grep -qx 'dlt_run_jobs{stage="load",pipeline="shop"} 3' l.prom
  # comments and samples, each metric once
  run -1 grep -vE '^(# (HELP|TYPE) dlt_run_[a-z_]+ .*|dlt_run_[a-z_]+\{[^{}]*\} [0-9.e+-]+)$' l.prom
  [ -z "$(grep '^# TYPE' l.prom | sort | uniq -d)" ]
  echo oops >bad.jsonl
  fails 1 dlt-extract -p shop --metrics e.prom bad.jsonl
  grep -qx 'dlt_run_success{stage="extract",pipeline="shop"} 0' e.prom
  dlt-extract --metrics missing/e.prom -o p t.jsonl 2>err
  grep -q '^dlt-extract: warning: --metrics: missing/e.prom' err
  [ -d p ]
}

teardown() {
  end_terminal
}

# ---- a terminal ----

# A run that has read 5 rows and waits for more.
waiting() {
  mkfifo rows
  echo "dlt-extract $* t='exec:cat rows'" >run.sh
}

@test "a terminal: drawn in place, resized with the window, gone at the end" {
  need_level all
  waiting -o p
  terminal 60 10 run.sh
  exec 7>rows
  put_rows 5
  await '^  t  .* 5 rows'
  await '^extract: 0:0[0-9], 5 rows \([0-9]+/s\), '
  run -1 grep -E '.{60}' seen
  tmux -S tmux resize-window -x 40 -y 6
  put_rows 5
  await '^  t  .* 10 rows'
  [ "$(grep -c '^extract: ' seen)" -eq 1 ]
  run -1 grep -E '.{40}' seen
  tmux -S tmux resize-window -x 200 -y 30
  put_rows 5
  await '^extract: .*, 15 rows .*, CPU [0-9]+ %$'
  [ "$(grep -c '^extract: ' seen)" -eq 1 ]
  exec 7>&-
  await '^dlt-extract: progress: extract: 1 table, 15 rows '
  run -1 grep -E '^  t |^extract: ' seen
}

@test "a terminal: of two tools in a pipe one draws" {
  need_level all
  mkfifo rows
  echo 'dlt-extract t="exec:cat rows" | dlt-normalize -o n' >run.sh
  terminal 80 10 run.sh
  exec 7>rows
  put_rows 5
  await '^normalize: '
  run -1 grep '^extract: ' seen
  exec 7>&-
  await '^dlt-normalize: progress: '
}

@test "a terminal that is dumb, -q, --no-progress: no display" {
  need_level all
  mkfifo rows
  cat >all.sh <<'END'
exec 6<>held
TERM=dumb dlt-extract -o p1 dumb='exec:cat <&6' &
dlt-extract -q -o p2 quiet='exec:cat <&6' &
dlt-extract --no-progress -o p3 none='exec:cat <&6' &
# one that may draw, and does so later than they would
dlt-extract -o p4 t='exec:cat rows'
END
  mkfifo held
  terminal 80 10 all.sh
  exec 7>rows
  put_rows 5
  await '^  t  .* 5 rows'
  [ "$(grep -c '^extract: ' seen)" -eq 1 ]
  run -1 grep -E '^  (dumb|quiet|none) ' seen
  exec 7>&-
  await 'progress: extract: 1 table, 5 rows'
}
