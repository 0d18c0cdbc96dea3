#!/usr/bin/env bats
# Schemas as files: engine versions, YAML, import and export.

load helper

setup_file() {
  python_dlt
}

need_yaml() {
  local err
  err=$(dlt-package schema <(:) --format yaml 2>&1 || true)
  [[ $err != *libyaml* ]] || skip 'built without libyaml'
}

# a package of one table in pkg/
extracted() {
  echo '{"id":1,"name":"x","when":"2024-01-15T10:20:30Z","list":[{"a":1}]}' >rows.jsonl
  dlt-extract -q -o pkg "$@" items=rows.jsonl
}

@test "schema: YAML and back is the same schema" {
  need_yaml
  extracted --column 'id:bigint,unique' --schema-contract columns=freeze
  run -0 dlt-package schema --format yaml pkg
  assert_line --index 0 'version: 1'
  assert_line '  items:'
  assert_line '        data_type: bigint'
  refute_line '        name: id'
  refute_output --partial imported_version_hash
  echo "$output" >my.schema.yaml
  dlt-package schema pkg >before.json
  dlt-package schema my.schema.yaml >after.json
  cmp <(jq -S . before.json) <(jq -S . after.json)
  cp my.schema.yaml my.yml
  run -0 dlt-package schema --format json my.yml
  assert_output "$(cat after.json)"
}

@test "schema: --remove-defaults" {
  extracted
  run -0 bash -c 'dlt-package schema --remove-defaults pkg | jq -c ".tables.items, .tables._dlt_loads.columns.load_id"'
  assert_line --index 1 '{"data_type":"text","nullable":false,"precision":64}'
  refute_output --partial '"name"'
  fails 2 dlt-package info --remove-defaults pkg
  assert_output --partial -- '--remove-defaults is an option of schema only'
}

@test "schema: a document of engine 1" {
  cat >old.json <<'EOF'
{"version":7,"engine_version":1,"name":"event","tables":{"event":{"_dlt_id":{"data_type":"text","nullable":false},
"data":{"data_type":"complex"}},"event__user__roles":{"value":{"data_type":"text"}}},"hints":{"unique":["^_dlt_id$"]}}
EOF
  run -0 bash -c 'dlt-package schema old.json | jq -c "[.engine_version, .settings.default_hints.unique, .tables.event__user__roles.parent, .tables.event.columns.data.data_type, .normalizers.use_break_path_on_normalize]"'
  assert_output '[11,["re:^_dlt_id$"],"event","json",false]'
}

@test "schema: what is wrong in a YAML file is said with its place" {
  need_yaml
  printf 'version: 1\nname: [x\n' >bad.yaml
  fails 1 dlt-package schema bad.yaml
  assert_output --partial 'bad.yaml:3:1: '
  printf 'engine_version: 11\nname: x\ntables:\n  on: {}\n' >bad.yaml
  fails 1 dlt-package schema bad.yaml
  assert_output --partial 'bad.yaml:4:3: the key on is no string in YAML'
  printf 'engine_version: 12\nname: x\ntables: {}\n' >bad.yaml
  fails 1 dlt-package schema bad.yaml
  assert_output --partial 'bad.yaml: the schema has engine version 12, newer than 11'
  fails 1 dlt-package schema missing.yaml
  assert_output --partial 'missing.yaml'
}

@test "normalize: --schema takes YAML" {
  need_yaml
  extracted
  dlt-package schema --format yaml pkg >my.schema.yaml
  # a type and a hint by hand
  python3 - <<'EOF'
text = open("my.schema.yaml").read()
text = text.replace("  items:\n    columns: {}\n", "  items:\n    description: by hand\n    columns:\n      id:\n        data_type: text\n        x-mine: {a: [1, 2]}\n", 1)
assert "by hand" in text
open("my.schema.yaml", "w").write(text)
EOF
  dlt-normalize -q -o out --schema my.schema.yaml pkg
  run -0 bash -c 'jq -c ".tables.items | .description, .columns.id" out/schema.json'
  assert_line --index 0 '"by hand"'
  assert_line --index 1 --partial '"data_type":"text"'
  assert_line --index 1 --partial '"x-mine":{"a":[1,2]}'
  run -0 dlt-package cat items out
  assert_output --partial '"id":"1"'
}

# One run of the pipeline px with rows.jsonl.
px() {
  dlt-extract -p px --import-schema imp --export-schema exp "$@" items=rows.jsonl &&
    dlt-normalize -p px --import-schema imp --export-schema exp
}

@test "import and export: an edited schema takes effect" {
  need_yaml
  echo '{"id":1,"name":"x"}' >rows.jsonl
  quiet px
  # the first one is there to edit, without marks of processing
  grep -q '^name: px$' imp/px.schema.yaml
  run -1 grep x-normalizer imp/px.schema.yaml
  grep -q x-normalizer exp/px.schema.yaml
  cmp <(dlt-package schema exp/px.schema.yaml | jq -S 'del(.imported_version_hash)') \
    <(jq -S 'del(.imported_version_hash)' data/pipelines/px/schemas/px.schema.json)
  # unchanged, nothing happens
  cp data/pipelines/px/schemas/px.schema.json before
  quiet px
  cmp before data/pipelines/px/schemas/px.schema.json
  # a type, a hint, a description
  python3 - <<'EOF'
text = open("imp/px.schema.yaml").read()
new = text.replace("  items:\n    columns: {}\n", "  items:\n    description: by hand\n    columns:\n      id:\n        data_type: text\n        x-mine: yes\n", 1)
assert new != text
open("imp/px.schema.yaml", "w").write(new)
EOF
  run -0 px
  assert_output --partial 'imp/px.schema.yaml: has changed, and replaces the schema of the pipeline; tables with data: items'
  run -0 jq -c '.tables.items | .description, .columns.id' data/pipelines/px/schemas/px.schema.json
  assert_line --index 0 '"by hand"'
  assert_line --index 1 '{"data_type":"text","x-mine":true,"name":"id"}'
  run -0 dlt-package cat items -p px
  assert_output --partial '"id":"1"'
  grep -q 'description: by hand' exp/px.schema.yaml
  # once
  quiet px
}

@test "import and export: settings, JSON, names with defaults" {
  echo '{"id":1}' >rows.jsonl
  mkdir .dlt
  cat >.dlt/config.toml <<'EOF'
import_schema_path = "imp"
[pipelines.px]
export_schema_path = "exp"
[schema]
external_schema_format = "json"
external_schema_format_remove_defaults = false
EOF
  dlt-extract -q -p px items=rows.jsonl
  dlt-normalize -q -p px
  jq -e '.tables.items.name' imp/px.schema.json
  jq -e '.tables.items.columns.id.name' exp/px.schema.json
  [ "$(jq -r .imported_version_hash exp/px.schema.json)" = "$(jq -r .version_hash imp/px.schema.json)" ]
}

@test "import: without a pipeline, a wrong name, a bad file" {
  need_yaml
  echo '{"id":1}' >rows.jsonl
  dlt-extract -q -o pkg --schema-name web --column id:text items=rows.jsonl
  mkdir imp
  dlt-package schema --format yaml pkg >imp/web.schema.yaml
  dlt-extract -q --schema-name web --import-schema imp items=rows.jsonl |
    dlt-normalize -q --export-schema exp -o out
  run -0 dlt-package cat items out
  assert_output --partial '"id":"1"'
  grep -q 'name: web' exp/web.schema.yaml
  cp imp/web.schema.yaml imp/px.schema.yaml
  fails 1 px
  assert_output --partial 'imp/px.schema.yaml: has the schema "web", not "px"'
  echo '{' >imp/px.schema.yaml
  fails 1 px
  assert_output --partial 'imp/px.schema.yaml:2:1: '
}

@test "import: --plan changes nothing" {
  need_yaml
  echo '{"id":1}' >rows.jsonl
  quiet px
  dlt-extract -q -p px items=rows.jsonl
  sed -i 's/^settings:/description: by hand\n&/' imp/px.schema.yaml
  cp data/pipelines/px/schemas/px.schema.json before
  dlt-normalize -p px --plan --import-schema imp --export-schema other >plan 2>err || [ $? -eq 3 ]
  cmp before data/pipelines/px/schemas/px.schema.json
  [ ! -e other ]
}

@test "naming: of the configuration, kept by the schema, frozen with data" {
  echo '{"camelCase":1,"A b":[{"X":2}]}' >rows.jsonl
  dlt-extract -q -p px -c schema.naming=sql_cs_v1 "Items=rows.jsonl"
  dlt-normalize -q -p px
  run -0 jq -c '[.normalizers.names, (.tables | keys[] | select(test("Items")))]' data/pipelines/px/schemas/px.schema.json
  assert_output '["sql_cs_v1","Items","Items__A_b"]'
  run -0 dlt-package cat Items -p px
  assert_output --partial '"camelCase":1'
  # stays without the setting, and is not changed by another
  quiet dlt-extract -p px "Items=rows.jsonl"
  fails 3 dlt-extract -p px -c sources.px.schema.naming=direct "Items=rows.jsonl"
  assert_output --partial 'cannot take the naming convention direct: table "Items" has data; allow_identifier_change_on_table_with_data'
  quiet dlt-extract -p px -c schema.naming=direct -c schema.allow_identifier_change_on_table_with_data=true "Items=rows.jsonl"
  fails 2 dlt-extract -p px -c schema.naming=shouting "Items=rows.jsonl"
  assert_output --partial 'schema.naming: unknown naming convention "shouting"'
}

@test "naming: a schema without data is renamed with its hints" {
  echo '{"id":1}' >rows.jsonl
  dlt-extract -q -p px --column 'fooBar:text,unique' --primary-key userId items=rows.jsonl
  jq -c '.settings.preferred_types = {"re:^fooBar$": "text", "re:a|b": "text"}' data/pipelines/px/schemas/px.schema.json >edited
  mkdir imp
  jq 'del(.imported_version_hash)' edited >imp/px.schema.json
  dlt-extract -q -p px --import-schema imp -c schema.external_schema_format=json -c schema.naming=direct items=rows.jsonl
  run -0 jq -c '[(.tables.items.columns | keys), .settings.preferred_types, .normalizers.names]' data/pipelines/px/schemas/px.schema.json
  assert_output '[["foo_bar","user_id"],{"re:^fooBar$":"text","re:a|b":"text"},"direct"]'
}

# With Python dlt: schemas of all engine versions, JSON and YAML.
@test "schemas of all engine versions: as Python dlt migrates and exports them" {
  need_dlt
  need_yaml
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/schemas.py" 1-150
}

@test "the same, 2000 schemas" {
  need_level full
  need_dlt
  need_yaml
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/schemas.py" 1001-3000
}

@test "import and export: as Python dlt, pipeline by pipeline" {
  need_dlt
  need_yaml
  local seeds=(1-5 101-110)
  [ "${DLT_TEST_LEVEL:-}" != full ] || seeds=(1-15 101-125)
  "$DLT_PYTHON" "$SOURCE_DIR/tests/oracle/exchange.py" "$PWD/pipelines" "${seeds[@]}"
}

@test "values of another kind, and unknown keys: an error with its place" {
  need_yaml
  echo '{"a":1}' >t.jsonl
  quiet dlt-extract -q -o pk t=t.jsonl
  quiet dlt-normalize -q -o out pk
  dlt-package schema --format yaml out >good.yaml
  quiet dlt-normalize -q --schema good.yaml -o again pk
  while IFS='~' read -r edit want; do
    sed "$edit" good.yaml >bad.yaml
    not cmp -s good.yaml bad.yaml
    fails 1 dlt-normalize -q --schema bad.yaml -o again pk
    assert_output --regexp "error: bad.yaml:[0-9]+:[0-9]+: $want"
  done <<'J'
0,/nullable: true/s//nullable: maybe/~table "_dlt_loads": column "[a-z_]*": nullable is "maybe", not true or false
0,/nullable: true/s//nulable: true/~table "_dlt_loads": column "[a-z_]*": "nulable" is no key that is known here
0,/data_type: bigint/s//data_type: int/~table "[a-z_]*": column "[a-z_]*": data_type is "int", not one of text, double
0,/write_disposition: append/s//write_disposition: apend/~table "t": write_disposition is "apend", not one of skip
s/^engine_version: .*/&\nfoo: 1/~"foo" is no key
J
  : >empty.yaml
  fails 1 dlt-normalize -q --schema empty.yaml -o again pk
  assert_output 'dlt-normalize: error: empty.yaml: there is no schema in it'
  jq '.tables.t.columns.a.precision = "x"' out/schema.json >bad.json
  fails 1 dlt-normalize -q --schema bad.json -o again pk
  assert_output --regexp 'bad.json:[0-9]+:[0-9]+: table "t": column "a": precision is "x", not an integer'
}
