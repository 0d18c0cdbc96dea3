#!/usr/bin/env bats
# What another process, as Python dlt, which takes no locks, does to a pipeline
# while dlt-extract or dlt-load work on it: status 75, nothing lost, nothing
# twice. Of dlt-normalize: interop.bats.

load helper

setup_file() {
  python_dlt
}

P=data/pipelines/p
PACKAGE=$P/load/normalized/1.5

rows() {
  printf '{"id":1,"l":[1,2]}\n{"id":2,"s":"x"}\n' >rows.jsonl
}

need_hooks() {
  rows
  DLT_TEST_RUN='extract.commit:: >hooked' dlt-extract -q -p hooked t=rows.jsonl
  [ -e hooked ] || skip "needs a build with -Dtest_hooks=true"
}

sql() {
  sqlite3 x.db "$1"
}

# ---- extract ----

# extract_with COMMAND WORDS: a second extract, with COMMAND before its commit,
# ends with 75 and these words; the next one is well.
extract_with() {
  need_hooks
  rm -rf data
  quiet dlt-extract -q -p p --load-id 1.5 t=rows.jsonl
  fails 75 env DLT_TEST_RUN="extract.commit:$1" dlt-extract -q -p p --load-id 2.5 t=rows.jsonl
  assert_output --partial "$2"
  [ -z "$(find data -path '*2.5*')" ]
  quiet dlt-extract -q -p p --load-id 2.5 t=rows.jsonl
  [ -d $P/normalize/extracted/2.5 ]
}

@test "extract: state.json is changed or removed" {
  extract_with "cp $P/state.json s && mv s $P/state.json" \
    'state.json: another process has changed it'
  [ -d $P/normalize/extracted/1.5 ]
  extract_with "rm $P/state.json" 'state.json: another process has removed it'
}

@test "extract: two first runs begin together: neither forgets what the other took" {
  need_hooks
  rm -rf data
  run='dlt-extract -q -p p --incremental id t=rows.jsonl'
  DLT_TEST_RUN="workdir.state:[ -e once ] || { : >once; $run; }" quiet $run
  [ -e once ]
  quiet dlt-normalize -q -p p
  quiet dlt-load -q -p p sqlite:x.db
  [ "$(sql 'select count(*) from t')" = 2 ]
}

@test "extract: its schema is removed" {
  extract_with "rm $P/schemas/*" 'another process has removed the schema "p"'
  [ -d $P/normalize/extracted/1.5 ]
}

@test "extract: the working directory goes, or what was being made" {
  extract_with "rm -r $P" 'another process has removed what was being made'
  extract_with "rm -r $P/normalize" 'another process has removed what was being made'
}

@test "extract: its schema gets columns: both are kept" {
  need_hooks
  rm -rf data
  quiet dlt-extract -q -p p --column t.a:bigint t=rows.jsonl
  cp -r data other
  DLT_DATA_DIR=$PWD/other quiet dlt-extract -q -p p --column t.b:text t=rows.jsonl
  DLT_TEST_RUN="extract.commit:cp other/pipelines/p/schemas/* $P/schemas" \
    quiet dlt-extract -q -p p --column t.c:text t=rows.jsonl
  quiet dlt-normalize -q -p p
  [ "$(jq -c '[.tables.t.columns | has("a", "b", "c")]' $P/schemas/p.schema.json)" = '[true,true,true]' ]
}

# ---- load ----

# load_with POINT COMMAND WORDS: the load ends with 75 and these words when
# COMMAND runs once at POINT. Status and $output stay.
load_with() {
  need_hooks
  rm -rf data x.db once
  quiet dlt-extract -q -p p --load-id 1.5 t=rows.jsonl
  quiet dlt-normalize -q -p p
  fails 75 env DLT_TEST_RUN="$1:[ -e once ] || { : >once && $2; }" dlt-load -q -p p sqlite:x.db
  assert_output --partial "$3"
}

# All rows are there once, and the package is done.
loaded_once() {
  quiet dlt-load -q -p p sqlite:x.db
  [ "$(sql 'select (select count(*) from t), (select count(*) from t__l), (select count(*) from _dlt_loads)')" = '2|2|1' ]
  [ -d $P/load/loaded/1.5 ]
}

@test "load: a job is begun by another process, which goes on, or dies" {
  load_with load.start "mv $PACKAGE/new_jobs/t__l.* $PACKAGE/started_jobs" \
    'another process has taken new_jobs/t__l.'
  loaded_once
}

@test "load: a job is loaded by another process before ours is committed" {
  need_hooks
  rm -rf data x.db once
  quiet dlt-extract -q -p p --load-id 1.5 t=rows.jsonl
  quiet dlt-normalize -q -p p
  # jobs may share a transaction, or not
  fails 75 env DLT_TEST_RUN="load.commit:! ls $PACKAGE/started_jobs/t__l.* || [ -e once ] ||
    { : >once && mv $PACKAGE/started_jobs/t__l.* $PACKAGE/completed_jobs; }" dlt-load -q -p p sqlite:x.db
  assert_output --partial 'another process has taken started_jobs/t__l.'
  # not here: the other process has it
  [ "$(sql 'select count(*) from t__l')" = 0 ]
  quiet dlt-load -q -p p sqlite:x.db
  [ "$(sql 'select (select count(*) from t), (select count(*) from t__l), (select count(*) from _dlt_loads)')" = '2|0|1' ]
  [ -d $P/load/loaded/1.5 ]
}

# As a server may, which goes on with what it has got of a run that was killed.
@test "load: what a killed run has sent ends the package meanwhile" {
  need_hooks
  rm -rf data x.db y.db
  quiet dlt-extract -q -p p --load-id 1.5 t=rows.jsonl
  quiet dlt-normalize -q -p p
  cp -r data/pipelines/p/load load
  quiet dlt-load -q -p p sqlite:y.db
  rm -r data/pipelines/p/load
  mv load data/pipelines/p
  local mark="INSERT INTO _dlt_jobs SELECT load_id, job_id, checksum, 77, inserted_at FROM y._dlt_jobs"
  quiet env DLT_TEST_RUN="load.finish:sqlite3 x.db \"ATTACH 'y.db' AS y; $mark\"" dlt-load -q -p p sqlite:x.db
  # what it says is what was loaded
  [ "$(sql 'SELECT rows FROM _dlt_jobs')" = 77 ]
  loaded_once
}

@test "load: a job is taken when it has been committed here" {
  need_hooks
  rm -rf data x.db once
  quiet dlt-extract -q -p p --load-id 1.5 t=rows.jsonl
  quiet dlt-normalize -q -p p
  fails 75 env DLT_TEST_RUN="load.committed:[ -e once ] || { : >once && mv $PACKAGE/started_jobs/* $PACKAGE/completed_jobs; }" \
    dlt-load -q -p p sqlite:x.db
  assert_output --partial 'it has been loaded here, too: look for rows that are there twice'
  loaded_once
}

@test "load: the package is taken away" {
  load_with load.start "rm -r $PACKAGE" 'another process has taken the package away'
  [ "$(sql 'select count(*) from t')" = 0 ]
  quiet dlt-load -q -p p sqlite:x.db
  load_with load.commit "mkdir -p $P/load/loaded; mv $PACKAGE $P/load/loaded" \
    'another process has taken the package away'
  [ "$(sql 'select count(*) from t')" = 0 ]
  load_with load.finish "mkdir -p $P/load/loaded; mv $PACKAGE $P/load/loaded" \
    'another process has taken the package away'
  [ "$(sql 'select count(*) from _dlt_loads')" = 0 ]
}

@test "load: a job is added" {
  load_with load.finish "cp rows.jsonl $PACKAGE/new_jobs/t.00000000ff.0.jsonl" \
    'another process has added new_jobs/t.00000000ff.0.jsonl'
  rm $PACKAGE/new_jobs/*
  loaded_once
}

# ---- Python dlt itself ----

need_pipeline() {
  need_dlt sqlalchemy
  need_hooks
  rm -rf data
  cat >pipe.py <<'PY'
import os, sys, dlt
here = os.getcwd()
p = dlt.pipeline("p", pipelines_dir=here + "/data/pipelines", dataset_name="main", destination=dlt.destinations.sqlalchemy("sqlite:///%s/x.db" % here))
for step in sys.argv[1:]:
    if step == "extract":
        p.extract([{"id": 3}], table_name="t")
    else:
        getattr(p, step)()
PY
}

@test "Python dlt extracts while dlt-extract does: 75, then all rows" {
  need_pipeline
  "$DLT_PYTHON" pipe.py extract normalize load
  fails 75 env DLT_TEST_RUN="extract.commit:$DLT_PYTHON pipe.py extract" dlt-extract -q -p p t=rows.jsonl
  assert_output --partial 'state.json: another process has'
  quiet dlt-extract -q -p p t=rows.jsonl
  quiet dlt-normalize -q -p p
  quiet dlt-load -q -p p sqlite:x.db
  [ "$(sql 'select group_concat(id) from (select id from t order by id)')" = 1,2,3,3 ]
}

@test "Python dlt loads while dlt-load does: 75, and each row once" {
  need_pipeline
  "$DLT_PYTHON" pipe.py extract normalize
  load=$(basename $P/load/normalized/*)
  fails 75 env DLT_TEST_RUN="load.start:[ -e once ] || { : >once; $DLT_PYTHON pipe.py load; }" \
    dlt-load -q -p p sqlite:x.db
  assert_output --partial 'another process has taken the package away'
  [ "$(sql 'select (select count(*) from t), (select count(*) from _dlt_loads)')" = '1|1' ]
  [ -d "$P/load/loaded/$load" ]
  quiet dlt-load -q -p p sqlite:x.db
  [ "$(sql 'select (select count(*) from t), (select count(*) from _dlt_loads)')" = '1|1' ]
}
