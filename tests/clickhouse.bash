# shellcheck shell=bash
# ClickHouse servers of their own for bats files: `load clickhouse`, then
#
#   setup_file() { clickhouse_start; }
#   teardown_file() { clickhouse_stop; }
#
# It listens on loopback ports, with all its files in $CLICKHOUSE_DIR;
# afterwards $CLICKHOUSE_PORT is the one of HTTP, $CLICKHOUSE_TLS_PORT that of
# HTTPS, whose certificate is $CLICKHOUSE_DIR/cert.pem. The user "secret" has the
# password "geheim'@/: %"; what the user "logged" does stands in
# system.query_log after SYSTEM FLUSH LOGS. chsql SQL prints rows.
#
# chdb_start does the same with a current engine: that of the Python package
# chdb, by the interpreter of DLT_CHDB_PYTHON.

clickhouse_server() {
  PATH=$PATH:/usr/sbin command -v clickhouse-server
}

free_ports() {
  python3 - "$1" <<'PY'
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))
PY
}

clickhouse_config() {
  local dir=$1
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
  cat >"$dir/config.xml" <<XML
<yandex>
<logger><level>error</level><log>$dir/log</log><errorlog>$dir/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host>
<http_port>$2</http_port><tcp_port>$3</tcp_port><https_port>$4</https_port>
<openSSL><server><certificateFile>$dir/cert.pem</certificateFile>
<privateKeyFile>$dir/key.pem</privateKeyFile><verificationMode>none</verificationMode>
</server></openSSL>
<path>$dir/data/</path><tmp_path>$dir/tmp/</tmp_path>
<mark_cache_size>16777216</mark_cache_size><timezone>UTC</timezone>
<query_log><database>system</database><table>query_log</table></query_log>
<users_config>$dir/users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
</yandex>
XML
  cat >"$dir/users.xml" <<'XML'
<yandex>
<profiles><default></default>
<logged><log_queries>1</log_queries></logged><readonly><readonly>1</readonly></readonly></profiles>
<quotas><default></default></quotas>
<users>
<default><password></password><networks><ip>::/0</ip></networks>
<profile>default</profile><quota>default</quota></default>
<secret><password>geheim'@/: %</password><networks><ip>::/0</ip></networks>
<profile>default</profile><quota>default</quota></secret>
<logged><password></password><networks><ip>::/0</ip></networks>
<profile>logged</profile><quota>default</quota></logged>
<reader><password></password><networks><ip>::/0</ip></networks>
<profile>readonly</profile><quota>default</quota></reader>
</users>
</yandex>
XML
}

# clickhouse_boot: again, after it was killed.
clickhouse_boot() {
  local i
  "$(clickhouse_server)" "--config-file=$CLICKHOUSE_DIR/config.xml" \
    >/dev/null 2>&1 3>&- &
  echo $! >"$CLICKHOUSE_DIR/pid"
  for ((i = 0; i < 600; i++)); do
    chsql 'SELECT 1' >/dev/null 2>&1 && return
    kill -0 "$(<"$CLICKHOUSE_DIR/pid")" 2>/dev/null || break
    read -rt 0.05 <> <(:) || true
  done
  return 1
}

clickhouse_start() {
  local ports
  export CLICKHOUSE_DIR CLICKHOUSE_PORT CLICKHOUSE_TLS_PORT
  unset CLICKHOUSE_USER CLICKHOUSE_PASSWORD CLICKHOUSE_DATABASE http_proxy
  clickhouse_server >/dev/null || {
    export CLICKHOUSE_MISSING="needs a ClickHouse server (Debian: clickhouse-server)"
    return
  }
  CLICKHOUSE_DIR=$(mktemp -d /tmp/dlt-ch.XXXXXX)
  for _ in 1 2 3; do
    read -ra ports <<<"$(free_ports 3)"
    CLICKHOUSE_PORT=${ports[0]} CLICKHOUSE_TLS_PORT=${ports[2]}
    clickhouse_config "$CLICKHOUSE_DIR" "${ports[@]}"
    clickhouse_boot && return
  done
  export CLICKHOUSE_MISSING="the ClickHouse server does not start"
}

clickhouse_kill() {
  local pid
  pid=$(<"$CLICKHOUSE_DIR/pid")
  kill -9 "$pid" 2>/dev/null
  while kill -0 "$pid" 2>/dev/null; do
    read -rt 0.02 <> <(:) || true
  done
}

clickhouse_stop() {
  [ -n "${CLICKHOUSE_DIR:-}" ] && [ -f "$CLICKHOUSE_DIR/pid" ] || return 0
  clickhouse_kill || true
  rm -rf "$CLICKHOUSE_DIR"
}

# chsql SQL
chsql() {
  python3 - "$CLICKHOUSE_PORT" "$1" <<'PY'
import sys, urllib.error, urllib.request
url = "http://127.0.0.1:%s/?wait_end_of_query=1" % sys.argv[1]
request = urllib.request.Request(url, sys.argv[2].encode(), {"X-ClickHouse-User": "default"})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    sys.stdout.buffer.write(opener.open(request, timeout=60).read())
except urllib.error.HTTPError as e:
    sys.exit(e.read().decode())
PY
}

# record_start: what goes to the server by $RECORD_PORT is kept in the file
# "sent" of the current directory.
record_start() {
  python3 - "$CLICKHOUSE_PORT" <<'PY' 3>&- &
import os, socket, sys, threading

def copy(source, target, record):
    while data := source.recv(65536):
        if record:
            record.write(data)
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)

listener = socket.create_server(("127.0.0.1", 0))
with open("port.new", "w") as f:
    print(listener.getsockname()[1], file=f)
record = open("sent", "ab", buffering=0)
os.rename("port.new", "record_port")
while True:
    client = listener.accept()[0]
    server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for job in (client, server, record), (server, client, None):
        threading.Thread(target=copy, args=job, daemon=True).start()
PY
  RECORD_PID=$!
  while [ ! -s record_port ]; do
    kill -0 "$RECORD_PID"
    read -rt 0.02 <> <(:) || true
  done
  export RECORD_PORT
  RECORD_PORT=$(<record_port)
}

record_stop() {
  [ -n "${RECORD_PID:-}" ] || return 0
  kill "$RECORD_PID" 2>/dev/null || true
  RECORD_PID=
}

chdb_start() {
  export CLICKHOUSE_DIR CLICKHOUSE_PORT
  unset CLICKHOUSE_USER CLICKHOUSE_PASSWORD CLICKHOUSE_DATABASE http_proxy
  "${DLT_CHDB_PYTHON:-false}" -c 'import chdb' 2>/dev/null ||
    skip "needs Python's chdb: DLT_CHDB_PYTHON names no interpreter that has it"
  CLICKHOUSE_DIR=$(mktemp -d /tmp/dlt-ch.XXXXXX)
  "$DLT_CHDB_PYTHON" "$SOURCE_DIR/tests/clickhouse_chdb.py" "$CLICKHOUSE_DIR" \
    "$CLICKHOUSE_DIR/port" >"$CLICKHOUSE_DIR/log" 2>&1 3>&- &
  echo $! >"$CLICKHOUSE_DIR/pid"
  for ((i = 0; i < 1200; i++)); do
    [ ! -s "$CLICKHOUSE_DIR/port" ] || break
    read -rt 0.05 <> <(:) || true
  done
  CLICKHOUSE_PORT=$(<"$CLICKHOUSE_DIR/port")
}
