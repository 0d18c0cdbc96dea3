# shellcheck shell=bash disable=SC2034
# What the project needs of Debian, and a way to have it installed.

BUILD_PACKAGES=(gcc g++ meson ninja-build pkg-config libjsmn-dev libzstd-dev
  libarchive-dev libsqlite3-dev zlib1g-dev libdeflate-dev libssl-dev
  libtomlplusplus-dev libyaml-dev libpq-dev)
RUN_PACKAGES=(sqlite3 zstd)
TEST_PACKAGES=(bats bats-assert bats-support jq python3 python3-venv sqlite3 zstd
  xz-utils bzip2 lz4 make bsdutils procps
  mandoc universal-ctags)
# Servers, for --all.
SERVER_PACKAGES=(postgresql postgresql-client)
CI_PACKAGES=(clang clang-format-14 shellcheck git libclang-rt-14-dev)

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
