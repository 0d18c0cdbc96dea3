#!/usr/bin/env bats
# Checksums: packages and marks that were made when they were SHA-256 are still
# known; what is new has XXH3-128.

load helper

# With the manifest that the package had then.
as_before() {
  python3 - "$1" <<'END'
import hashlib, json, sys
def old(entry, path):
    del entry["xxh128"]
    entry["sha256"] = hashlib.sha256(open(path, "rb").read()).hexdigest()
p = sys.argv[1]
m = json.load(open(p + "/manifest.json"))
old(m["schema"], p + "/schema.json")
for j in m["jobs"]:
    name, rest = j["id"].split(".", 1)
    id, rest = rest.split(".", 1)
    old(j, f"{p}/new_jobs/{name}.{id}.0.{rest}")
json.dump(m, open(p + "/manifest.json", "w"))
END
}

# The mark of the package, as it was then.
mark_before() {
  python3 - "$1" "$2" <<'END'
import hashlib, json, sqlite3, sys
jobs = json.load(open(sys.argv[1] + "/manifest.json"))["jobs"]
lines = sorted(f"{j['id']} {j['sha256']}\n" for j in jobs
    if j["table"] != "_dlt_pipeline_state")
mark = hashlib.sha256("".join(lines).encode()).hexdigest()
db = sqlite3.connect(sys.argv[2])
assert db.execute("UPDATE _dlt_jobs SET checksum = ? WHERE job_id = ''",
    (mark,)).rowcount == 1
db.commit()
END
}

sql() {
  sqlite3 -readonly -separator '|' "$@"
}

extract() {
  printf '{"id":1,"l":[1,2]}\n{"id":2}\n' |
    dlt-extract --compression none -o "$1" --schema-name p t=-
}

damage() {
  local job
  job=$(ls "$1"/new_jobs/t.*)
  sed 's/2/3/' "$job" >"$job.new"
  mv "$job.new" "$job"
}

@test "a package with SHA-256 in its manifest is read, verified and sealed" {
  extract old
  as_before old
  quiet dlt-package verify old
  run -0 dlt-normalize -o out --compression none old
  run -0 jq -r '[.schema, .jobs[]] | map(.xxh128 | length) | unique[]' out/manifest.json
  assert_output 32
  cp -r old changed
  damage changed
  fails 1 dlt-package verify changed
  assert_output --partial 'differs from manifest.json (checksum)'
  fails 1 dlt-normalize -o bad changed
  assert_output --partial 'differs from manifest.json (checksum)'
  rows=$(jq -c '[.jobs[] | {rows, origins}]' old/manifest.json)
  quiet dlt-package seal old
  quiet dlt-package verify old
  [ "$(jq -c '[.jobs[] | {rows, origins}]' old/manifest.json)" = "$rows" ]
  run -0 jq '.schema, .jobs[] | has("sha256")' old/manifest.json
  refute_output --partial true
}

@test "convert of such a package writes what is new" {
  extract old
  as_before old
  run -0 dlt-package convert --compression gzip old
  run -0 jq -c '[.jobs[] | has("xxh128"), has("sha256")] | unique' old/manifest.json
  assert_output '[false,true]'
  run -0 jq '[.jobs[] | has("sha256")] | any' old/manifest.json
  assert_output false
  quiet dlt-package verify old
}

@test "a stream of such a package, and one that tar made" {
  extract new
  cp -r new old
  as_before old
  local id dir
  id=$(jq -r .load_id new/manifest.json)
  for dir in new old; do
    mkdir "in-$dir"
    cp -r "$dir" "in-$dir/$id"
    tar -cf "$dir.tar" -C "in-$dir" "$id/schema.json" "$id/new_jobs" "$id/manifest.json"
    run -0 bash -c "dlt-normalize --deterministic -o 'out-$dir' --compression none <'$dir.tar'"
    damage "in-$dir/$id"
    tar -cf "$dir.tar" -C "in-$dir" "$id/schema.json" "$id/new_jobs" "$id/manifest.json"
    run -1 bash -c "dlt-normalize -o 'bad-$dir' --compression none <'$dir.tar'"
    assert_output --partial 'is damaged (checksum)'
  done
  diff -r -x manifest.json -x schema.json out-new out-old
}

@test "such a package is loaded, and known again, also by its old mark" {
  extract in
  dlt-normalize -o new --deterministic --compression none in
  cp -r new old
  as_before old
  quiet dlt-load sqlite:x.db old
  run -0 sql x.db "select count(*), length(checksum) from _dlt_jobs"
  assert_output '1|32'
  quiet dlt-load sqlite:x.db new
  quiet dlt-load sqlite:x.db old
  mark_before old x.db
  quiet dlt-load sqlite:x.db new
  quiet dlt-load sqlite:x.db old
  dlt-normalize --deterministic --compression none in >stream
  run -0 bash -c 'dlt-load sqlite:x.db <stream'
  run -0 sql x.db "select count(*) from t"
  assert_output 2
  damage new
  dlt-package seal new
  fails 1 dlt-load sqlite:x.db new
  assert_output --partial 'another package with the load id'
  cp -r old bad
  damage bad
  fails 1 dlt-load sqlite:y.db bad
  assert_output --partial 'is not what the manifest says'
}

@test "what an earlier version has begun to load is gone on with" {
  echo '{"id":1}' >rows
  dlt-extract -q -p q --schema-name q t=rows u=rows
  dlt-normalize -q -p q --format jsonl
  pk=$(echo data/pipelines/q/load/normalized/*)
  id=$(basename "$pk")
  as_before "$pk"
  cp -r "$pk" again
  # of two jobs one is in
  quiet dlt-load sqlite:x.db "$pk"
  python3 - "$pk" x.db <<'END'
import json, sqlite3, sys
m = json.load(open(sys.argv[1] + "/manifest.json"))
t, = (j for j in m["jobs"] if j["table"] == "t")
db = sqlite3.connect(sys.argv[2])
db.execute("DELETE FROM _dlt_jobs")
db.execute("DELETE FROM _dlt_loads")
db.execute("DELETE FROM u")
db.execute("INSERT INTO _dlt_jobs VALUES (?, ?, ?, 1, '2026-01-01')",
    (m["load_id"], t["id"], t["sha256"]))
db.commit()
END
  quiet dlt-load sqlite:x.db "$pk"
  run -0 sql x.db "select (select count(*) from t) || (select count(*) from u)"
  assert_output 11
  run -0 sql x.db "select length(checksum) from _dlt_jobs where load_id = '$id'"
  assert_output 64
  dlt-package seal again
  quiet dlt-load sqlite:x.db again
}
