# shellcheck shell=bash
# A REST API of their own for bats files: `load rest`, then
#
#   setup_file() { rest_start; }
#   teardown_file() { rest_stop; }
#   setup() { ...; rest_reset; }
#
# It is rest_server.py, on loopback; see there for what can be asked. $REST is
# its URL, $REST_OTHER the one of its other port.

# rest_start [CERTIFICATE KEY]: with TLS on a third port, $REST_TLS.
rest_start() {
  local port other tls
  export REST_PID='' REST='' REST_OTHER='' REST_TLS=''
  read -r REST_PID port other tls < <(exec python3 "$SOURCE_DIR/tests/rest_server.py" "$@" 3>&-)
  REST=http://127.0.0.1:$port REST_OTHER=http://127.0.0.1:$other
  REST_TLS=${tls:+https://127.0.0.1:$tls}
  export no_proxy=127.0.0.1
}

rest_stop() {
  [ -z "${REST_PID:-}" ] || kill "$REST_PID" || true
}

# rest_ask PATH: what the server says.
rest_ask() {
  local line
  exec 9<>"/dev/tcp/127.0.0.1/${REST##*:}"
  printf 'GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' "$1" >&9
  while read -r line <&9 && [ "$line" != $'\r' ]; do
    :
  done
  cat <&9
  exec 9>&-
}

rest_reset() {
  rest_ask /_reset >/dev/null
}

# rest_log [FILTER]: the record, through jq; without a filter a line "METHOD
# TARGET STATUS" for each request.
rest_log() {
  rest_ask /_log | jq -r "${1:-.requests[] | \"\\(.method) \\(.target) \\(.status)\"}"
}

# rest_hold GROUP COUNT [GRACE]: until so many requests below /GROUP are there.
rest_hold() {
  rest_ask "/_hold?group=$1&count=$2&grace=${3:-0.1}" >/dev/null
}
