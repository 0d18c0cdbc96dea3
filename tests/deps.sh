# shellcheck shell=bash disable=SC2034
# What the project needs of Debian, and a way to have it installed.

BUILD_PACKAGES=(gcc g++ meson ninja-build pkg-config libjsmn-dev libzstd-dev
  libarchive-dev libsqlite3-dev zlib1g-dev libdeflate-dev libssl-dev libxxhash-dev
  libtomlplusplus-dev libjq-dev libyaml-dev libpq-dev libcurl4-openssl-dev)
RUN_PACKAGES=(sqlite3 zstd)
TEST_PACKAGES=(bats bats-assert bats-support jq python3 python3-venv sqlite3 zstd
  xz-utils bzip2 lz4 make bsdutils procps dpkg-dev
  mandoc universal-ctags tmux zsh fish)
# Servers and a tracer, for --all.
SERVER_PACKAGES=(postgresql postgresql-client clickhouse-server openssl strace)
CI_PACKAGES=(clang clang-format-14 shellcheck git libclang-rt-14-dev)

# libduckdb DIR: the path of DuckDB's library: that of DLT_LIBDUCKDB, or one that
# npm brings into DIR, once. Fails where there is none.
libduckdb() {
  local dir=$1/libduckdb package=@duckdb/node-bindings-linux
  if [ -n "${DLT_LIBDUCKDB:-}" ]; then
    [ -e "$DLT_LIBDUCKDB" ] && echo "$DLT_LIBDUCKDB"
    return
  fi
  case $(uname -m) in
    x86_64) package+=-x64 ;;
    aarch64) package+=-arm64 ;;
  esac
  # two tests may want it at the same time; a failure is not tried again
  (
    mkdir -p "$dir" && cd "$dir" && flock 9 || exit
    [ ! -e libduckdb.so ] && [ ! -e none ] || exit 0
    command -v npm >/dev/null &&
      HOME=$PWD npm pack --silent "$package@1.5.6-r.1" &&
      tar -xzf ./*.tgz --strip-components 1 package/libduckdb.so
    [ -e libduckdb.so ] || : >none
    rm -rf ./*.tgz .npm
  ) 9>"$1/.libduckdb.lock" >/dev/null 2>&1
  [ -e "$dir/libduckdb.so" ] && echo "$dir/libduckdb.so"
}

# python_moto DIR: the path of a Python that has moto, an S3 for tests: that of
# MOTO_PYTHON, or one that pip fills in DIR, once. Fails where there is none.
python_moto() {
  local dir=$1/moto-python
  if [ -n "${MOTO_PYTHON:-}" ]; then
    "$MOTO_PYTHON" -c 'import moto.server' 2>/dev/null && echo "$MOTO_PYTHON"
    return
  fi
  (
    flock 9
    [ ! -e "$dir/ready" ] && [ ! -e "$dir/none" ] || exit 0
    python3 -m venv "$dir" &&
      "$dir/bin/pip" install -q 'moto[s3]==5.2.5' flask flask-cors &&
      "$dir/bin/python" -c 'import moto.server' && : >"$dir/ready"
    [ -e "$dir/ready" ] || : >"$dir/none"
  ) 9>"$1/.moto-python.lock" >/dev/null 2>&1
  [ -e "$dir/ready" ] && echo "$dir/bin/python"
}

# singer_taps DIR: a directory that has PACKAGE/bin for each Singer tap: that of
# SINGER_TAPS, or one that pip fills below DIR, once. Fails where there is none.
singer_taps() {
  local dir=$1/singer-taps tap
  if [ -n "${SINGER_TAPS:-}" ]; then
    [ -d "$SINGER_TAPS" ] && echo "$SINGER_TAPS"
    return
  fi
  (
    flock 9
    [ ! -e "$dir/ready" ] && [ ! -e "$dir/none" ] || exit 0
    mkdir -p "$dir"
    # each wants its own versions of what they have in common
    for tap in tap-rest-api-msdk==1.4.2 pipelinewise-tap-s3-csv==3.0.1; do
      python3 -m venv "$dir/${tap%==*}" &&
        "$dir/${tap%==*}/bin/pip" install -q "$tap" || exit
    done
    : >"$dir/ready"
  ) 9>"$1/.singer-taps.lock" >/dev/null 2>&1
  [ -e "$dir/ready" ] || : >"$dir/none"
  [ -e "$dir/ready" ] && echo "$dir"
}

# install_missing PACKAGE...: says what is missing and installs it; does nothing
# as root when all is there.
install_missing() {
  local missing=() p sudo=()
  for p in "$@"; do
    dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
      grep -q '^install ok installed' || missing+=("$p")
  done
  ((${#missing[@]})) || return 0
  echo "installing: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
