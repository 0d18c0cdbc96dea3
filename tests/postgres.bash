# shellcheck shell=bash
# A PostgreSQL of their own for bats files: `load postgres`, then
#
#   setup_file() { postgres_start; }
#   teardown_file() { postgres_stop; }
#
# It listens on a Unix socket in a directory of its own and runs as a user that
# is not root; afterwards $PGHOST is that directory and $PGUSER may do anything
# without a password. The user "secret" has the password "geheim'@/: %" and may
# connect only with it. postgres_db NAME makes a database and prints its URL.

# postgres_bin: the directory of the server's programs.
postgres_bin() {
  local dir
  dir=$(pg_config --bindir 2>/dev/null)
  [ -x "$dir/initdb" ] ||
    dir=$(dirname "$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb |
      sort -V | tail -n 1)")
  [ -x "$dir/initdb" ] && echo "$dir"
}

# postgres_as COMMAND...: as the user that the server runs as.
postgres_as() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

# postgres_start [SETTING=VALUE...]
postgres_start() {
  local bin dir setting
  bin=$(postgres_bin) ||
    skip "needs a PostgreSQL server (Debian: postgresql)"
  if [ "$(id -u)" = 0 ] && ! id postgres >/dev/null 2>&1; then
    skip "needs the user postgres: a server does not run as root"
  fi
  dir=$(mktemp -d /tmp/dlt-pg.XXXXXX)
  [ "$(id -u)" != 0 ] || chown postgres "$dir"
  chmod 755 "$dir"
  export PGHOST=$dir PGUSER=admin PGDATABASE=postgres PGPORT=5432
  unset PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE
  (
    cd /
    postgres_as "$bin/initdb" -D "$dir/db" -U admin -A trust -E UTF8 \
      --locale C.UTF-8 --no-sync >/dev/null
    {
      echo "local all secret scram-sha-256"
      echo "local all all trust"
    } >"$dir/hba"
    for setting in "unix_socket_directories = '$dir'" "listen_addresses = ''" \
      'fsync = off' 'max_connections = 100' "hba_file = '$dir/hba'" \
      'log_min_messages = fatal' "$@"; do
      echo "$setting"
    done | postgres_as tee -a "$dir/db/postgresql.conf" >/dev/null
    postgres_boot
  )
  psql -qX -c "CREATE ROLE secret LOGIN PASSWORD 'geheim''@/: %'" \
    -c "GRANT CREATE ON DATABASE postgres TO secret"
}

postgres_boot() {
  (
    cd /
    postgres_as "$(postgres_bin)/pg_ctl" -D "$PGHOST/db" -w -s -t 60 \
      -l "$PGHOST/log" start 3>&-
  )
}

# postgres_kill: as a power failure would.
postgres_kill() {
  (cd / && postgres_as "$(postgres_bin)/pg_ctl" -D "$PGHOST/db" -s \
    -m immediate stop)
}

postgres_stop() {
  [ -n "${PGHOST:-}" ] && [ -d "$PGHOST/db" ] || return 0
  postgres_kill || true
  rm -rf "$PGHOST"
}

postgres_db() {
  psql -qX -c "CREATE DATABASE \"$1\"" &&
    echo "postgresql:///$1?host=$PGHOST&user=${2:-admin}"
}

# pgsql DATABASE SQL: rows with | between columns, as sqlite3 prints them.
pgsql() {
  psql -qXAt -d "$1" -c "$2"
}
