# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Terminals for tests, by tmux.

# terminal WIDTH HEIGHT FILE: runs a script in a terminal of that size, whose
# output comes through the descriptor 8.
terminal() {
  command -v tmux >/dev/null || skip 'tmux is not installed'
  mkfifo gate screen
  local try
  # its server may lose a race with the one that the last test has ended
  for try in 1 2 3; do
    tmux -S "$PWD/tmux" -f /dev/null new-session -d -x "$1" -y "$2" \
      "read -r _ <gate; bash $3; read -r _ <gate" && break
    [ "$try" -lt 3 ]
  done
  tmux -S tmux pipe-pane "cat >screen"
  exec 8<screen
  echo >gate
}

# Wait until this is on the screen.
await() {
  local n
  for ((n = 0; n < 300; n++)); do
    tmux -S tmux capture-pane -p >seen
    ! grep -qE "$1" seen || return 0
    # the next piece of output, if one comes
    IFS= read -r -d $'\r' -t 1 _ <&8 || true
  done
  return 1
}

# type KEY...: as tmux's send-keys takes them.
type_keys() {
  tmux -S tmux send-keys "$@"
}

# For teardown.
end_terminal() {
  [ ! -S tmux ] || tmux -S tmux kill-server
}
