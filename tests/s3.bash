# shellcheck shell=bash
# An S3 of their own for bats files: `load s3`, then
#
#   setup_file() { s3_start; }
#   teardown_file() { s3_stop; }
#
# It is moto, on loopback, behind s3_server.py, which verifies all signatures.
# MOTO_PYTHON names an interpreter that has moto, else it is installed into the
# build directory, once. Afterwards the environment has endpoint and keys for us
# and for Python dlt.

. "$SOURCE_DIR/tests/deps.sh"

s3_start() {
  [ "${DLT_TEST_LEVEL:-base}" != base ] || return 0
  export S3_DIR=$BATS_FILE_TMPDIR S3_PID='' S3_PORT=''
  MOTO_PYTHON=$(python_moto "$BUILD_DIR") || return 0
  read -r S3_PID S3_PORT < <(exec "$MOTO_PYTHON" "$SOURCE_DIR/tests/s3_server.py" \
    "$S3_DIR/faults" 2>"$S3_DIR/log" 3>&-) || true
}

s3_stop() {
  [ -z "${S3_PID:-}" ] || kill "$S3_PID" || true
}

# need_s3 [NAME]: makes a bucket for the test; $BUCKET is its name.
need_s3() {
  need_level all
  [ -n "$S3_PORT" ] ||
    skip "no S3 server: moto cannot be installed, and MOTO_PYTHON names no Python that has it"
  BUCKET=${1:-lake}-$BATS_TEST_NUMBER
  : >"$S3_DIR/faults"
  s3_ask "make/$BUCKET" >/dev/null
  export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=geheim+/=Schl
  export AWS_EC2_METADATA_DISABLED=true no_proxy=127.0.0.1
  export DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL=http://127.0.0.1:$S3_PORT
  unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
}

# s3_ask WHAT: see s3_server.py.
s3_ask() {
  local line
  exec 9<>"/dev/tcp/127.0.0.1/$S3_PORT"
  printf 'GET /_%s HTTP/1.0\r\nHost: x\r\nConnection: close\r\n\r\n' "$1" >&9
  while read -r line <&9 && [ "$line" != $'\r' ]; do
    :
  done
  cat <&9
  exec 9>&-
}

# s3_fault [LINE...]: what goes wrong from now on.
s3_fault() {
  : >"$S3_DIR/faults"
  [ $# = 0 ] || printf '%s\n' "$@" >"$S3_DIR/faults"
}

# s3_dump DIR: the bucket as a folder.
s3_dump() {
  rm -rf "$1"
  s3_ask "dump/$BUCKET/$PWD/$1" >/dev/null
}
