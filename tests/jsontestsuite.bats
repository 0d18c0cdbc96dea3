#!/usr/bin/env bats
# The JSON Parsing Test Suite as rows of dlt-normalize, by both lanes. (The
# parser of documents and the row checker of dlt-extract have it in their unit
# tests, dlt-extract as a whole in dlt-extract.bats.)

load helper

# Between the brackets of a line, the first two are a line without rows; the
# third is none any more, since a line cannot hold its line break.
LEGAL_AS_ROWS='n_single_space n_structure_no_data n_string_unescaped_newline'

# one_document FILE: a package whose only line is [CONTENT], normalized.
one_document() {
  {
    printf '['
    tr '\n\r' '  ' <"$1"
    printf ']\n'
  } >in/new_jobs/t.0000000001.0.typed-jsonl
  rm -rf out
  dlt-normalize -q -o out in 2>err
}

suite() {
  local file name status failed=0
  mkdir -p in/new_jobs
  cp "$(only "$GOLDEN/flat/step1/extracted")/schema.json" in/
  for file in "$TEST_DATA"/JSONTestSuite/test_parsing/*.json; do
    name=$(basename "$file" .json)
    status=0
    one_document "$file" || status=$?
    case $name in
      y_*) [ $status -eq 0 ] ;;
      i_*) [ $status -le 1 ] ;;
      n_*) if [[ " $LEGAL_AS_ROWS " == *" $name "* ]]; then
        [ $status -eq 0 ]
      else
        [ $status -eq 1 ] && [ -s err ]
      fi ;;
    esac || {
      echo "$name: status $status: $(head -c 300 err)"
      failed=1
    }
  done
  return $failed
}

@test "JSONTestSuite as rows: y accepted, n refused, no crash" {
  suite
}

@test "the same by the slow lane alone" {
  DLT_TEST_LANE=slow suite
}
