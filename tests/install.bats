#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What meson installs, and the Debian package of it.

load helper

PACK=$SOURCE_DIR/tools/debian/build

# The package of this build, for the tests that only look at it.
setup_file() {
  [ "${DLT_TEST_LEVEL:-base}" != base ] || return 0
  ! command -v dpkg-shlibdeps >/dev/null ||
    "$SOURCE_DIR/tools/debian/build" -o "$BATS_FILE_TMPDIR" \
      --build "${BUILD_DIR:?set by meson}" >"$BATS_FILE_TMPDIR/name"
}

need_package() {
  need_level "${1:-all}"
  command -v dpkg-shlibdeps >/dev/null || skip 'dpkg-dev is not installed'
  deb=$(cat "$BATS_FILE_TMPDIR/name")
}

# The files below a directory, one a line, without those of the examples.
files_of() {
  (cd "$1" && find . ! -type d | sed 's|^\./||' | grep -v /examples/ | LC_ALL=C sort)
}

# listed PREFIX END SITE: what is to be there.
listed() {
  local tool
  {
    for tool in extract normalize load package; do
      printf '%s\n' "bin/dlt-$tool" "share/man/man1/dlt-$tool.1$2" \
        "share/bash-completion/completions/dlt-$tool" \
        "share/fish/vendor_completions.d/dlt-$tool.fish"
    done
    (cd "$SOURCE_DIR/man" && printf "share/man/man5/%s$2\n" ./*.5 &&
      printf "share/man/man7/%s$2\n" ./*.7) | sed 's|\./||'
    printf '%s\n' "share/zsh/$3/_dlt" share/doc/dlt-tools/README.md
  } | sed "s|^|$1/|"
}

@test "meson install: each file where it belongs, below DESTDIR" {
  prefix=$(meson introspect --buildoptions "$BUILD_DIR" |
    jq -r '.[] | select(.name == "prefix").value')
  DESTDIR=$PWD/root meson install -C "$BUILD_DIR" --no-rebuild --quiet >log
  {
    listed "${prefix#/}" '' site-functions
    echo "${prefix#/}/share/doc/dlt-tools/LICENSE"
  } | LC_ALL=C sort >want
  files_of root | diff want -
  doc=root$prefix/share/doc/dlt-tools
  # examples that can be run are; what they have made is not there
  [ -x "$doc/examples/quickstart" ] && [ -x "$doc/examples/csv/load" ]
  [ -e "$doc/examples/data/github-events.jsonl.zst" ]
  run find "$doc/examples" -name meson.build -o -name '*.db*' -o -name '*.pyc'
  assert_output ''
  # completion: each tool's file is the one that completes it
  cmp "$SOURCE_DIR/tools/completion/dlt.bash" \
    "root$prefix/share/bash-completion/completions/dlt-load"
  cmp "$SOURCE_DIR/tools/completion/dlt.fish" \
    "root$prefix/share/fish/vendor_completions.d/dlt-package.fish"
}

@test "the package: names, dependencies, files and their sums" {
  need_package
  [ "$(dpkg-deb -f "$deb" Package)" = dlt-tools ]
  [ "$(dpkg-deb -f "$deb" Architecture)" = "$(dpkg --print-architecture)" ]
  [[ $(dpkg-deb -f "$deb" Version) == "$(dlt-load -V | cut -d ' ' -f 2)"+* ]]
  [ "$(dpkg-deb -f "$deb" Installed-Size)" -gt 500 ]
  # what the linker asks for is what it depends on, with versions
  dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/^ //' >depends
  for library in libc6 libarchive13 libsqlite3-0 libzstd1; do
    grep -qE "^$library \(>= [0-9]" depends
  done
  run grep -E 'libasan|python|dlt' depends
  assert_output ''

  dpkg-deb -x "$deb" root
  {
    listed usr .gz vendor-completions
    printf 'usr/share/doc/dlt-tools/%s\n' changelog.gz copyright
  } | LC_ALL=C sort >want
  files_of root | diff want -
  dpkg-deb -e "$deb" control
  (cd root && md5sum --quiet -c ../control/md5sums)
  [ "$(wc -l <control/md5sums)" -eq "$(find root -type f | wc -l)" ]
  # owned by root, written by nobody else, programs without symbols
  run -1 bash -c 'dpkg-deb -c "$1" | grep -vE "^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x|lrwxrwxrwx) root/root "' - "$deb"
  for tool in root/usr/bin/*; do
    [ -z "$(nm "$tool" 2>/dev/null)" ]
  done
  grep -q 'Serge A. Zaitsev' root/usr/share/doc/dlt-tools/copyright
  zcat root/usr/share/doc/dlt-tools/changelog.gz |
    grep -q "^dlt-tools ($(dpkg-deb -f "$deb" Version)) "
}

@test "the package, unpacked: its quick start runs" {
  need_package
  dpkg-deb -x "$deb" root
  mkdir work
  cd work
  PATH=$PWD/../root/usr/bin:$PATH quiet \
    ../root/usr/share/doc/dlt-tools/examples/quickstart >out
  [ "$(sqlite3 quickstart.db 'SELECT count(*) FROM events')" -eq 60 ]
  grep -q '^  dlt-extract events=/' out
  run ls
  assert_output $'out\nquickstart.db\nstderr'
}

@test "the package: packed again, the same bytes" {
  need_package
  mkdir again
  TMPDIR=$PWD/again umask 077
  again=$(TZ=Asia/Tokyo LANG=de_DE.UTF-8 "$PACK" -o again --build "$BUILD_DIR")
  cmp "$deb" "$again"
}

@test "the package of a commit: what it refuses" {
  fails 2 "$PACK" --frobnicate
  assert_output --partial 'usage: tools/debian/build [-o DIR] [COMMIT]'
  fails 2 "$PACK" -o
  need_level all
  run ! "$PACK" no-such-commit
}

@test "the package of a commit, built in two places: the same bytes" {
  need_package full
  mkdir one one-more
  first=$(TMPDIR=$PWD/one "$PACK" -o one)
  second=$(cd / && TMPDIR=$BATS_TEST_TMPDIR/one-more "$PACK" \
    -o "$BATS_TEST_TMPDIR/one-more")
  cmp "$first" "$second"
  [ "$(basename "$first")" = "$(basename "$second")" ]
  dpkg-deb -x "$first" root
  # no name of a directory in the programs
  run -1 grep -rlaF "$BATS_TEST_TMPDIR" root/usr/bin
}

@test "the package on a clean Debian: installed, tried, removed" {
  need_package full
  [ "$(id -u)" = 0 ] || skip 'only root can make a root'
  command -v debootstrap >/dev/null || skip 'debootstrap is not installed'
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
    "Codename: $suite" 2>/dev/null | head -n 1)
  [ -n "$mirror" ] || skip 'apt knows no mirror of this release'
  debootstrap --variant=minbase "$suite" root "$mirror" >log 2>&1 ||
    skip "no root from $mirror: $(tail -n 1 log)"
  cp "$("$PACK")" root/tmp/dlt-tools.deb
  in_root() {
    chroot root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      DEBIAN_FRONTEND=noninteractive "$@"
  }
  in_root apt-get install -y -q --no-install-recommends /tmp/dlt-tools.deb \
    sqlite3 >log 2>&1 || {
    cat log
    false
  }
  run in_root dpkg --verify dlt-tools
  assert_output ''
  mkdir -m 777 root/home/someone
  chroot --userspec=nobody root env -i HOME=/home/someone PATH=/usr/bin:/bin \
    sh -c 'cd && /usr/share/doc/dlt-tools/examples/quickstart' >out 2>err
  [ ! -s err ]
  grep -qE '^ +60 rows  events$' out
  in_root apt-get purge -y -q dlt-tools >log 2>&1
  run find root/usr root/etc -name '*dlt*' ! -path '*/dpkg/*'
  assert_output ''
}
