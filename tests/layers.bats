#!/usr/bin/env bats
# The shape of the code: who includes whom, sizes, and the map in the README.

load helper

# From the bottom up; a module includes only what stands left of it.
ORDER='base error mem utf8 msg progress buf output lock space move decimal timestamp shake hash checksum scan json jsonw
yaml http sigv4 s3 opt budget pathlist zio archive zlibtext type name toml config jobwriter schema caps package
state workdir failed secret exchange metrics trace runtime testhook duck parquet'

sources() {
  (cd "$SOURCE_DIR" && find common tools -name '*.c' -o -name '*.h' -o -name '*.cc' | sort)
}

@test "each foreign header is included in one file" {
  cd "$SOURCE_DIR"
  for header in jsmn.h zstd.h zlib.h libdeflate.h archive.h archive_entry.h \
    sqlite3.h libpq-fe.h yaml.h curl/curl.h jq.h toml++/toml.h openssl/evp.h xxhash.h; do
    run grep -rlF "#include <$header>" common tools
    [ "${#lines[@]}" -eq 1 ] || {
      echo "$header: ${lines[*]}"
      false
    }
  done
}

@test "modules include only what stands below them" {
  cd "$SOURCE_DIR"
  declare -A rank
  local n=0 m file own inc bad=0
  for m in $ORDER; do
    rank[$m]=$((++n))
  done
  for file in common/*.h; do
    own=$(basename "$file" .h)
    own=${own%_private}
    [ -n "${rank[$own]:-}" ] || {
      echo "$file has no place in the order"
      bad=1
      continue
    }
    for inc in $(sed -n 's|^#include "common/\(.*\)\.h"|\1|p' "$file"); do
      [ "${inc%_private}" = "$own" ] && continue
      [ "${rank[$inc]:-999}" -lt "${rank[$own]}" ] || {
        echo "$file includes $inc"
        bad=1
      }
    done
  done
  [ $bad -eq 0 ]
}

@test "tools do not include one another" {
  cd "$SOURCE_DIR"
  for tool in tools/dlt-*; do
    run grep -rhE '#include "tools/' "$tool"
    for line in "${lines[@]}"; do
      [[ $line == *"\"$tool/"* ]] || {
        echo "$tool: $line"
        false
      }
    done
  done
}

@test "files have at most 800 lines, main.c at most 250" {
  cd "$SOURCE_DIR"
  for file in $(sources); do
    limit=800
    [ "$(basename "$file")" != main.c ] || limit=250
    [ "$(wc -l <"$file")" -le $limit ] || {
      echo "$file has $(wc -l <"$file") lines"
      false
    }
  done
}

@test "functions have at most 100 lines" {
  command -v ctags >/dev/null || skip 'universal-ctags is not installed'
  cd "$SOURCE_DIR"
  run bash -c "find common tools -name '*.c' | sort | xargs ctags -x --fields=+ne --c-kinds=f --_xformat='%F %N %{line} %{end}' | awk '\$4 - \$3 > 100 {print}'"
  assert_output ''
}

@test "every path that the README's map names is there" {
  cd "$SOURCE_DIR"
  for path in $(sed -n 's/^| `\([^`]*\)`.*/\1/p' README.md); do
    [ -e "$path" ] || {
      echo "$path"
      false
    }
  done
}

@test "nothing but the agreed names at the top" {
  cd "$SOURCE_DIR"
  run bash -c "git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -vxE '\..*|LICENSE|README.md|meson.build|meson_options.txt|tools|common|man|tests|examples'"
  assert_output ''
}
