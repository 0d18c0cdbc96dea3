# shellcheck shell=bash
# What tests of folders and buckets of files share: `load files`.

# package DISPOSITION LOAD_ID [OPTION...]: rows on stdin, into the directory
# LOAD_ID, normalized.
package() {
  local disposition=$1 id=$2
  shift 2
  dlt-extract --load-id "$id" --write-disposition "$disposition" t=- |
    dlt-normalize -o "$id" "$@"
}

# The same as a stream.
stream() {
  dlt-extract --load-id "$2" --write-disposition "$1" t=- | dlt-normalize
}

rows() {
  printf '%s\n' "$@"
}

# Files and folders below DIR, but for moments.
tree_of() {
  (cd "$1" && find . -mindepth 1 | sed -E 's/(_dlt_version\/.*__)[0-9.]+(__)/\1T\2/' | sort)
}

# The same with what the files hold: dlt's in full, checksums of others.
contents_of() {
  (
    cd "$1" || exit
    find . -type f ! -path '*/_dlt_*' -exec sha256sum {} +
    find . -type f -path '*/_dlt_*' ! -path '*/_dlt_jobs/*' -exec awk \
      '{ gsub(/"inserted_at":"[^"]*"/, "\"inserted_at\":T"); print FILENAME, $0 }' {} +
  ) | sed -E 's/(_dlt_version\/.*__)[0-9.]+(__)/\1T\2/' | sort
}

data_of() {
  find "$@" -type f -name '*.jsonl.*' -exec zstdcat -f {} + |
    jq -c 'del(._dlt_id, ._dlt_load_id, ._dlt_parent_id, ._dlt_list_idx)' | sort
}
