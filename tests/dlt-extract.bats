#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlt-extract: operands, input, output, hints, errors.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export HOME=$BATS_TEST_TMPDIR DLT_DATA_DIR=$BATS_TEST_TMPDIR/dlt
	unset SOURCE_DATE_EPOCH DLT_PROJECT_DIR
	printf '{"id":1}\n{"id":2}\n' >two.jsonl
}

# rows DIR TABLE: the lines of a table's job files, in order
rows() {
	local f
	for f in "$1"/new_jobs/"$2".*; do
		[ -e "$f" ] || return 0
		case $f in
		*.zst) zstd -dcq "$f" ;;
		*.gz) gzip -dc "$f" ;;
		*) cat "$f" ;;
		esac
	done
}

# shape DIR TABLE: per file "lines,items"
shape() {
	local f
	for f in "$1"/new_jobs/"$2".*; do
		rows_of "$f" | python3 -c '
import json, sys
lines = [json.loads(l) for l in sys.stdin]
print("%d,%d" % (len(lines), sum(map(len, lines))), end=" ")'
	done
}

rows_of() {
	case $1 in
	*.zst) zstd -dcq "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# schema DIR EXPRESSION: of python, with the schema as s
schema() {
	python3 -c 'import json,sys; s = json.load(open(sys.argv[1])); print(json.dumps(eval(sys.argv[2])))' \
		"$1/schema.json" "$2"
}

# fails STATUS TEXT COMMAND...: exit status, the text on standard error, nothing
# on standard output
fails() {
	local want=$1 text=$2 status=0
	shift 2
	"$@" >out 2>err || status=$?
	[ "$status" -eq "$want" ] || { echo "status $status"; cat err; return 1; }
	[ ! -s out ] || { echo "output on stdout"; return 1; }
	grep -qF -- "$text" err || { cat err; return 1; }
}

# ---- operands ----

@test "NAME=FILE names the table" {
	dlt-extract -o p events=two.jsonl
	[ "$(rows p events)" = '[{"id":1},{"id":2}]' ]
}

@test "a bare file is named by the file, all suffixes dropped" {
	gzip -k two.jsonl
	mkdir d && mv two.jsonl.gz d/Orders.ndjson.json.gz
	dlt-extract -o p d/Orders.ndjson.json.gz
	[ "$(rows p orders)" = '[{"id":1},{"id":2}]' ]
	[ "$(schema p 's["tables"]["orders"]["resource"]')" = '"Orders"' ]
}

@test "NAME=GLOB takes the files sorted, as one resource" {
	echo '{"n":2}' >b.json
	echo '{"n":1}' >a.json
	dlt-extract -o p 'x=[ab].json'
	[ "$(rows p x)" = '[{"n":1},{"n":2}]' ]
}

@test "NAME=- reads rows from standard input" {
	dlt-extract -o p x=- <two.jsonl
	[ "$(rows p x)" = '[{"id":1},{"id":2}]' ]
}

@test "-n takes operands literally" {
	cp two.jsonl 'x=1*.jsonl'
	dlt-extract -o p -n 'My Table!' 'x=1*.jsonl' two.jsonl
	[ "$(rows p my_tablex)" = '[{"id":1},{"id":2},{"id":1},{"id":2}]' ]
}

@test "an operand that is a file is not split at =" {
	cp two.jsonl dt=1.jsonl
	dlt-extract -o p dt=1.jsonl
	[ "$(rows p dt_1)" = '[{"id":1},{"id":2}]' ]
	mkdir dt=2 && cp two.jsonl dt=2/x.jsonl
	dlt-extract -o q ./dt=2/x.jsonl
	[ "$(rows q x)" = '[{"id":1},{"id":2}]' ]
}

@test "wrong operands" {
	fails 2 'no input given' dlt-extract -o p
	fails 1 'nix.jsonl: No such file' dlt-extract -o p x=nix.jsonl
	fails 1 'no file matches' dlt-extract -o p 'x=nix*.jsonl'
	fails 2 'need a name' dlt-extract -o p -
	fails 2 'given twice' dlt-extract -o p x=- y=-
	fails 2 'names no input' dlt-extract -o p x=
	fails 2 'not supported' dlt-extract -o p x=s3://bucket/x
	touch .jsonl
	fails 2 'no name can be taken' dlt-extract -o p ./.jsonl
	fails 2 '--no-such' dlt-extract --no-such
	[ ! -e p ]
}

# ---- input ----

@test "lines, arrays, concatenated and pretty-printed documents" {
	printf '{"a":1}{"a":2} {"a":3}\n[{"a":4},{"a":5}]\n\n' >in
	printf '[\n  {"a": 6,\r\n   "b": [1,\n 2]},\n  {"a": 7}\n]\n[]\n8 "x" null' >>in
	dlt-extract -o p x=in
	[ "$(rows p x)" = '[{"a":1},{"a":2},{"a":3},{"a":4},{"a":5},{"a": 6,     "b": [1,  2]},{"a": 7},8,"x",null]' ]
}

@test "a byte order mark is skipped at the start of each input only" {
	printf '\357\273\277{"a":1}\n' >in
	dlt-extract -o p -n x in in
	[ "$(rows p x)" = '[{"a":1},{"a":1}]' ]
	printf '{"a":1}\n\357\273\277{"a":1}\n' >in
	fails 1 'in:2:1: ' dlt-extract -o q x=in
	printf '\357\273\277\n' >in
	fails 1 'byte order mark' dlt-extract -o q x=in
}

@test "compressed inputs and archives" {
	gzip -k two.jsonl && zstd -q two.jsonl && xz -k two.jsonl && bzip2 -k two.jsonl
	cp two.jsonl again.jsonl && tar cf t.tar two.jsonl again.jsonl
	for f in two.jsonl.gz two.jsonl.zst two.jsonl.xz two.jsonl.bz2; do
		rm -rf p
		dlt-extract -o p "x=$f"
		[ "$(rows p x)" = '[{"id":1},{"id":2}]' ]
	done
	dlt-extract -o q x=t.tar
	[ "$(rows q x)" = '[{"id":1},{"id":2},{"id":1},{"id":2}]' ]
	dlt-extract -o r x=- <two.jsonl.gz
	[ "$(rows r x)" = '[{"id":1},{"id":2}]' ]
}

@test "bad rows are named by file, line and column, and leave nothing" {
	check() {
		printf "$2" >bad.json
		fails 1 "dlt-extract: error: bad.json:$1: " dlt-extract -o p x=bad.json
		[ "$(wc -l <err)" -eq 1 ]
		[ ! -e p ]
		[ -z "$(find . -name '*.tmp*' -o -name '.p*')" ]
	}
	check 1:8 '{"a":1,}'
	check 2:6 '{"a":1}\n{"b":}\n'
	check 3:5 '[\n{"a":1},\n{"b"}]'
	check 1:8 '{"a":1},{"a":2}'
	check 1:4 '"x"y'
	check 2:3 '[\n1,]'
	check 1:6 '{"a":1e400}'
	check 1:7 '{"a":"\\ud800"}'
	check 1:1 'a,b\n1,2\n'
	check 1:3 '{}}'
	check 1:5 '[1,2'
	check 1:1 '\377\376{\0'
	printf '{"a":1}\n' >good.json
	printf '{"a"' >bad.json
	fails 1 'bad.json:1:5: unexpected end' dlt-extract -o p -n x good.json bad.json
	fails 1 ':1:5: unexpected end' dlt-extract -o p x=- <bad.json
}

@test "rows have a limit in size and depth" {
	python3 -c 'print("{\"a\":\"" + "x" * (16 << 20) + "\"}")' >big.json
	fails 1 'longer than 16 MiB' dlt-extract -o p x=big.json
	python3 -c 'print("{\"a\":\"" + "x" * ((16 << 20) - 8) + "\"}")' >big.json
	dlt-extract -o p x=big.json
	python3 -c 'print("[" * 1100 + "]" * 1100, end="")' >deep.json
	fails 1 'deep.json:1:' dlt-extract -o r x=deep.json
}

@test "JSONTestSuite: what must be accepted is, what must be refused is" {
	local legal='n_single_space.json n_structure_no_data.json n_structure_double_array.json n_structure_object_with_trailing_garbage.json'
	local dir
	dir=$(dirname "$(find "$TEST_DATA" -name y_array_empty.json)")
	for f in "$dir"/y_*; do
		dlt-extract -o p -n t "$f" || { echo "refused $f"; return 1; }
	done
	for f in "$dir"/n_*; do
		local status=0
		dlt-extract -o p -n t "$f" 2>/dev/null || status=$?
		case " $legal " in
		*" ${f##*/} "*) [ $status -eq 0 ] || { echo "refused $f"; return 1; } ;;
		*) [ $status -eq 1 ] || { echo "accepted $f"; return 1; } ;;
		esac
	done
	for f in "$dir"/i_*; do
		dlt-extract -o p -n t "$f" 2>/dev/null || [ $? -eq 1 ]
	done
}

# ---- wirings ----

@test "without -o and -p the package goes to standard output as tar" {
	dlt-extract --load-id L x=two.jsonl >s.tar
	tar tf s.tar | sort -u >names
	grep -qx 'L/schema.json' names
	grep -qx 'L/load_package_state.json' names
	grep -qx 'L/new_jobs/x.0000000001.0.typed-jsonl.zst' names
	[ "$(tar tf s.tar | tail -n 1)" = L/manifest.json ]
	[ "$(tar tf s.tar | head -n 1)" = L/schema.json ]
}

@test "a failing stream says so downstream, and a gone reader is no noise" {
	printf '{"a":1}\n{' >bad
	dlt-extract --load-id L x=bad >s.tar 2>err && return 1
	grep -q 'bad:2:2' err
	tar tf s.tar >members
	not grep -q manifest.json members
	yes '{"a":"bbbbbbbbbbbbbbbbbbbbbbbbbbbb"}' | head -n 3000000 >big
	bash -c 'dlt-extract --compression none x=big 2>err; echo $? >status' | head -c 100 >/dev/null
	[ ! -s err ]
	[ "$(cat status)" -eq 141 ]
}

@test "-o replaces a package, fills an empty directory, refuses others" {
	dlt-extract -o p x=two.jsonl
	dlt-extract -o p y=two.jsonl
	[ -z "$(rows p x)" ]
	[ "$(rows p y)" = '[{"id":1},{"id":2}]' ]
	mkdir empty && dlt-extract -o empty x=two.jsonl
	mkdir other && touch other/file
	fails 2 'neither empty nor a package' dlt-extract -o other x=two.jsonl
	[ "$(ls other)" = file ]
	fails 2 'is no directory' dlt-extract -o two.jsonl x=two.jsonl
	fails 2 'exclude each other' dlt-extract -o p -p x x=two.jsonl
}

@test "-p commits into the working directory, with schema and state" {
	dlt-extract -p shop --print x=two.jsonl >path
	[ -d "$(cat path)" ]
	[[ $(cat path) == "$DLT_DATA_DIR"/pipelines/shop/normalize/extracted/* ]]
	w=$DLT_DATA_DIR/pipelines/shop
	[ -f "$w/schemas/shop.schema.json" ]
	[ -f "$w/state.json" ]
	[ -n "$(rows "$(cat path)" _dlt_pipeline_state)" ]
	[ "$(find "$w/normalize" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 1 ]
	# an unchanged state is not sent again
	dlt-extract -p shop -0 x=two.jsonl | tr '\0' '\n' >path
	[ -z "$(rows "$(cat path)" _dlt_pipeline_state)" ]
	not grep -q pipeline_state "$(cat path)/load_package_state.json"
}

@test "two extracts on one pipeline: exit 75, or --wait" {
	mkfifo f
	dlt-extract -p x a=f 2>err1 &
	exec 9>f
	echo '{}' >&9
	w=$DLT_DATA_DIR/pipelines/x
	until [ -n "$(find "$w/normalize" -mindepth 2 -name new_jobs 2>/dev/null)" ]; do :; done
	fails 75 "$!" dlt-extract -p x b=two.jsonl
	fails 75 x dlt-extract --wait 0.1 -p x b=two.jsonl
	dlt-extract --wait inf -p x b=two.jsonl 9>&- &
	exec 9>&-
	wait
	[ "$(find "$w/normalize/extracted" -mindepth 1 -maxdepth 1 | wc -l)" -eq 2 ]
}

@test "a failed run leaves the working directory as it was" {
	dlt-extract -p x a=two.jsonl
	(cd "$DLT_DATA_DIR" && find . ! -name '*lock*' | sort) >before
	printf '{"a":1}\n{' >bad
	fails 1 'bad:2:2' dlt-extract -p x b=bad
	(cd "$DLT_DATA_DIR" && find . ! -name '*lock*' | sort) >after
	cmp before after
}

@test "an interrupted run leaves nothing" {
	mkfifo f
	dlt-extract -o p a=f 2>err &
	exec 9>f
	echo '{}' >&9
	until [ -n "$(find . -name new_jobs)" ]; do :; done
	kill -TERM $!
	status=0
	wait $! || status=$?
	exec 9>&-
	[ $status -eq 143 ]
	[ -z "$(find . -name new_jobs)" ]
	[ ! -s err ]
}

@test "no rows give a valid empty package" {
	: >none
	dlt-extract -o p x=none
	[ -f p/manifest.json ]
	[ -f p/schema.json ]
	[ "$(schema p '"x" in s["tables"]')" = false ]
	dlt-extract -o q x=- </dev/null
}

# ---- writing ----

@test "rotation and buffers as dlt has them" {
	seq 0 9 | sed 's/.*/{"id":&}/' >ten
	python3 -c 'import json
r = [{"id": i} for i in range(10)]
for p in r[:4], r[4:8], r[8:]: print(json.dumps(p))' >pages
	grid() {
		rm -rf p
		env "${@:3}" dlt-extract -o p "x=$1"
		[ "$(shape p x)" = "$2 " ] || { shape p x; return 1; }
	}
	grid ten '1,10' A=b
	grid ten '4,10' DATA_WRITER__BUFFER_MAX_ITEMS=3
	grid pages '3,10' DATA_WRITER__BUFFER_MAX_ITEMS=3
	grid ten '1,3 1,3 1,3 1,1' DATA_WRITER__FILE_MAX_ITEMS=3
	grid pages '1,4 1,4 1,2' DATA_WRITER__FILE_MAX_ITEMS=3
	grid ten '3,6 2,4' DATA_WRITER__FILE_MAX_ITEMS=5 DATA_WRITER__BUFFER_MAX_ITEMS=2
	grid ten '1,2 1,2 1,2 1,2 1,2' DATA_WRITER__FILE_MAX_BYTES=20 DATA_WRITER__BUFFER_MAX_ITEMS=2
	sed 's/:/ : /' ten >spaced
	grid spaced '1,2 1,2 1,2 1,2 1,2' DATA_WRITER__FILE_MAX_BYTES=20 DATA_WRITER__BUFFER_MAX_ITEMS=2
	grid ten '1,10' NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS=4
	grid ten '1,10' EXTRACT__DATA_WRITER__FILE_MAX_ITEMS=4
	grid ten '1,4 1,4 1,2' SOURCES__DATA_WRITER__FILE_MAX_ITEMS=4
	grid ten '1,4 1,4 1,2' SOURCES__DLT__DATA_WRITER__FILE_MAX_ITEMS=4
}

@test "flags, -c, --section and config.toml set the same things" {
	seq 0 9 | sed 's/.*/{"id":&}/' >ten
	dlt-extract -o a --file-max-items 5 --buffer-max-items 2 x=ten
	[ "$(shape a x)" = '3,6 2,4 ' ]
	dlt-extract -o b -c data_writer.file_max_items=4 x=ten
	[ "$(shape b x)" = '1,4 1,4 1,2 ' ]
	mkdir -p proj/.dlt
	echo '[sources.performance-snippets.data_writer]
file_max_items=4' >proj/.dlt/config.toml
	dlt-extract -C proj -o c --section performance-snippets x=ten
	[ "$(shape c x)" = '1,4 1,4 1,2 ' ]
	dlt-extract -C proj -o d x=ten
	[ "$(shape d x)" = '1,10 ' ]
	dlt-extract -C proj --section performance-snippets --show-config | grep file_max_items | grep -q config.toml
	fails 2 '--file-max-items' dlt-extract -o e --file-max-items x x=ten
}

@test "long lines and blocks are cut, and rows keep their order" {
	python3 -c 'for i in range(120000): print("{\"id\":%d,\"pad\":\"%s\"}" % (i, "x" * 40))' >many
	dlt-extract -o p x=many
	rows p x | python3 -c '
import json, sys
n = 0
for line in sys.stdin:
    assert len(line) < 300000
    for r in json.loads(line):
        assert r["id"] == n
        n += 1
assert n == 120000'
}

@test "--compression" {
	for c in zstd fast gzip none; do
		dlt-extract -o $c --compression $c x=two.jsonl
		[ "$(rows $c x)" = '[{"id":1},{"id":2}]' ]
	done
	[ -f gzip/new_jobs/x.0000000001.0.typed-jsonl.gz ]
	[ -f none/new_jobs/x.0000000001.0.typed-jsonl ]
	DATA_WRITER__DISABLE_COMPRESSION=true dlt-extract -o env x=two.jsonl
	[ -f env/new_jobs/x.0000000001.0.typed-jsonl ]
	fails 2 '--compression' dlt-extract -o p --compression lzma x=two.jsonl
}

@test "a working directory that Python dlt uses gets gzip" {
	dlt-extract -p x --print a=two.jsonl >path
	[ -f "$(cat path)"/new_jobs/a.0000000001.0.typed-jsonl.zst ]
	touch "$DLT_DATA_DIR/pipelines/x/trace.pickle"
	dlt-extract -p x --print a=two.jsonl >path
	[ -f "$(cat path)"/new_jobs/a.0000000001.0.typed-jsonl.gz ]
}

@test "--deterministic: the same bytes, whatever -j is" {
	python3 -c 'for i in range(200000): print("{\"id\":%d,\"t\":\"t%d\"}" % (i, i % 7))' >many
	export SOURCE_DATE_EPOCH=1700000000
	dlt-extract --deterministic -j 1 a=many b=many >1.tar
	dlt-extract --deterministic -j 4 a=many b=many >4.tar
	cmp 1.tar 4.tar
	cat many | dlt-extract --deterministic -j 3 --table-from t b=- >5.tar
	cat many | dlt-extract --deterministic -j 1 --table-from t b=- >6.tar
	cmp 5.tar 6.tar
	tar tf 1.tar | grep -q ^1700000000.0/
	unset SOURCE_DATE_EPOCH
	fails 2 'SOURCE_DATE_EPOCH' dlt-extract --deterministic -o p a=many
	dlt-extract --deterministic --load-id 5.5 -o p a=two.jsonl
	SOURCE_DATE_EPOCH=x fails 2 'SOURCE_DATE_EPOCH' dlt-extract --deterministic -o p a=many
}

@test "round robin and fifo" {
	seq 0 2499 | sed 's/.*/{"i":&}/' >a.jsonl
	cp a.jsonl b.jsonl
	order() {
		python3 -c 'import json; print([j["id"][:1] for j in json.load(open("p/manifest.json"))["jobs"] if j["table"][0] != "_"])'
	}
	dlt-extract -o p --file-max-items 1000 a.jsonl b.jsonl
	order
	[ "$(order)" = "['a', 'b', 'a', 'b', 'a', 'b']" ]
	dlt-extract -o p --file-max-items 1000 --next-item-mode fifo a.jsonl b.jsonl
	[ "$(order)" = "['a', 'a', 'b', 'b', 'a', 'b']" ]
}

@test "origins: where the rows of a file come from" {
	printf '\n{"id":1}\n{"id":2}\n' >one
	dlt-extract -o p --file-max-items 2 -n x one two.jsonl one
	python3 -c '
import json
jobs = [j["origins"] for j in json.load(open("p/manifest.json"))["jobs"] if j["table"] == "x"]
assert jobs[0] == [{"input": "one", "row": 0, "line": 2, "byte": 1, "lines": True}], jobs
assert jobs[1] == [{"input": "two.jsonl", "row": 0, "line": 1, "byte": 0, "lines": True}], jobs
assert len(jobs[2]) == 1, jobs'
	# blank lines and pages: an entry wherever lines stop being counted on
	printf '{"a":1}\n\n{"a":2}\n{"a":3}\n[{"a":4},{"a":5}]\n{"a":6}\n' >gaps.jsonl
	dlt-extract -o q x=gaps.jsonl
	[ "$(jq -c '[.jobs[0].origins[] | [.row, .line, .lines]]' q/manifest.json)" = \
		'[[0,1,true],[1,3,true],[4,5,true]]' ]
	seq 1000 | sed 's/.*/{"a":&}\n/' >sparse.jsonl
	dlt-extract -o r x=sparse.jsonl
	[ "$(jq -c '.jobs[0].origins | [length, .[-1].lines]' r/manifest.json)" = '[256,false]' ]
}

@test "origins: fewer of each file where many tables take turns" {
	seq 24000 | awk '{printf "{\"t\":\"t%d\"}\n", $1 % 300}' >in
	SOURCE_DATE_EPOCH=1 dlt-extract -q --deterministic --table-from t -j 1 -o p x=in
	SOURCE_DATE_EPOCH=1 dlt-extract -q --deterministic --table-from t -j 3 -o q x=in
	cmp p/manifest.json q/manifest.json
	[ "$(jq -c '[.jobs[].origins // [] | select(. != [])] |
		[length, (map(length) | min, max), (map(.[-1].lines) | any)]' \
		p/manifest.json)" = '[300,54,54,false]' ]
}

@test "--limit counts rows of each resource" {
	dlt-extract -o p --limit 1 x=two.jsonl y=two.jsonl
	[ "$(rows p x)$(rows p y)" = '[{"id":1}][{"id":1}]' ]
	yes '{"a":1}' | dlt-extract -o q --limit 3 x=-
	[ "$(rows q x)" = '[{"a":1},{"a":1},{"a":1}]' ]
	fails 2 '--limit' dlt-extract -o r --limit x x=two.jsonl
}

# ---- hints ----

@test "--table-from: the field's value names the table" {
	printf '{"t":"PushEvent","n":1}\n{"n":2,"\\u0074":"x"}\n{"t":"PushEvent"}\n' >in
	dlt-extract -o p --table-from t e=in
	[ "$(rows p push_event)" = '[{"t":"PushEvent","n":1},{"t":"PushEvent"}]' ]
	[ "$(schema p 's["tables"]["push_event"]["resource"]')" = '"PushEvent"' ]
	[ -n "$(rows p x)" ]
	printf '{"t":"a"}\n{"u":"a"}\n' >in
	fails 1 'in:2:1: no field "t"' dlt-extract -o q --table-from t e=in
	printf '{"t":1}\n' >in
	fails 1 'in:1:1: field "t" is no string' dlt-extract -o q --table-from t e=in
	printf '[1]\n' >in
	fails 1 'in:1:2: no object' dlt-extract -o q --table-from t e=in
}

@test "keys, dispositions and strategies" {
	dlt-extract -o p --write-disposition merge:upsert --primary-key id,k2 --merge-key day x=two.jsonl
	[ "$(schema p 's["tables"]["x"]["columns"]')" = '{"id": {"name": "id", "nullable": false, "primary_key": true}, "k2": {"name": "k2", "nullable": false, "primary_key": true}, "day": {"name": "day", "nullable": false, "merge_key": true}}' ]
	[ "$(schema p '[s["tables"]["x"][k] for k in ("write_disposition", "x-merge-strategy")]')" = '["merge", "upsert"]' ]
	dlt-extract -o q --write-disposition merge:scd2 x=two.jsonl
	[ "$(schema q 'list(s["tables"]["x"]["columns"])')" = '["_dlt_valid_from", "_dlt_valid_to", "_dlt_id"]' ]
	fails 2 'none of append' dlt-extract -o r --write-disposition upsert x=two.jsonl
	fails 2 'none of delete-insert' dlt-extract -o r --write-disposition merge:x x=two.jsonl
	fails 2 'only merge' dlt-extract -o r --write-disposition replace:x x=two.jsonl
	fails 2 'no list of columns' dlt-extract -o r --primary-key a,,b x=two.jsonl
}

@test "--column" {
	dlt-extract -o p --column 'Price:decimal(38,9),not_null' --column y.at:timestamp,no_timezone \
		--column 'seq:dedup_sort=desc' --column x__items.n:bigint x=two.jsonl y=two.jsonl
	[ "$(schema p 's["tables"]["x"]["columns"]')" = '{"price": {"name": "price", "data_type": "decimal", "precision": 38, "scale": 9, "nullable": false}, "seq": {"name": "seq", "dedup_sort": "desc"}}' ]
	[ "$(schema p 's["tables"]["y"]["columns"]["at"]')" = '{"name": "at", "data_type": "timestamp", "timezone": false}' ]
	[ "$(schema p 's["tables"]["x__items"]')" = '{"name": "x__items", "columns": {"n": {"name": "n", "data_type": "bigint"}}, "parent": "x"}' ]
	fails 2 'did you mean "bigint"' dlt-extract -o q --column a:bigit x=two.jsonl
	fails 2 'is not [TABLE.]COLUMN' dlt-extract -o q --column a x=two.jsonl
	fails 2 'PRECISION' dlt-extract -o q --column 'a:decimal(x)' x=two.jsonl
}

@test "--max-table-nesting and --schema-name" {
	dlt-extract -o p --max-table-nesting 2 --schema-name s1 x=two.jsonl
	[ "$(schema p '[s["name"], s["normalizers"]["json"]["config"]]')" = '["s1", {"max_nesting": 2}]' ]
	fails 2 '--max-table-nesting' dlt-extract -o q --max-table-nesting -1 x=two.jsonl
	fails 2 '--schema-name' dlt-extract -o q --schema-name 1a x=two.jsonl
}

@test "--schema-contract" {
	dlt-extract -o p --schema-contract columns=freeze,data_type=discard_row x=two.jsonl
	[ "$(schema p '[s["tables"]["x"][k] for k in ("schema_contract", "x-normalizer")]')" = \
		'[{"columns": "freeze", "data_type": "discard_row"}, {"evolve-columns-once": true}]' ]
	fails 3 'tables are frozen' dlt-extract -o q --schema-contract tables=freeze x=two.jsonl
	[ ! -e q ]
	dlt-extract -o q --schema-contract tables=discard_row x=two.jsonl
	[ -z "$(rows q x)" ]
	fails 2 '--schema-contract' dlt-extract -o r --schema-contract cols=freeze x=two.jsonl
}

@test "replace without rows: an empty file for a table that has seen data" {
	dlt-extract -p x --write-disposition replace r=two.jsonl
	f=$DLT_DATA_DIR/pipelines/x/schemas/x.schema.json
	: >none
	dlt-extract -p x --print --write-disposition replace r=none >path
	[ -z "$(ls "$(cat path)/new_jobs")" ]
	cp "$TEST_DATA"/packages/replace/step1/normalized/*/schema.json golden.json
	python3 - "$f" <<'P'
import json, sys, hashlib, base64
s = json.load(open(sys.argv[1]))
s["tables"]["r"]["x-normalizer"] = {"seen-data": True}
s["tables"]["r"]["columns"] = {"id": {"name": "id", "data_type": "bigint", "nullable": True}}
c = {k: v for k, v in s.items() if k not in ("version", "version_hash", "imported_version_hash", "previous_hashes")}
h = hashlib.sha3_256(json.dumps(c, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
for t in sorted(s["tables"]):
    h.update(t.encode())
    for n in s["tables"][t]["columns"]:
        h.update(n.encode())
s["version_hash"] = base64.b64encode(h.digest()).decode()
json.dump(s, open(sys.argv[1], "w"))
P
	dlt-extract -p x --print --write-disposition replace r=none >path
	[ -f "$(cat path)"/new_jobs/r.0000000001.0.typed-jsonl.zst ]
	[ -z "$(rows "$(cat path)" r)" ]
	fails 1 '--allow-empty' dlt-extract -p x --write-disposition replace r=- </dev/null
	dlt-extract -p x --allow-empty --write-disposition replace r=- </dev/null
}

# ---- golden packages ----

@test "golden packages: what Python's extract writes" {
	python3 "$SOURCE_DIR/tests/extract_golden.py" "$TEST_DATA/packages" "$SOURCE_DIR/tests/compare.py"
}

# ---- reports ----

@test "--json, --print and -v" {
	dlt-extract -o p --json --load-id 7.0 x=two.jsonl >report
	python3 -c '
import json
r = json.load(open("report"))
assert r["load_id"] == "7.0" and r["package"] == "p" and r["schema_name"] == "dlt", r
assert r["tables"]["x"] == {"rows": 2, "files": 1}, r'
	fails 2 '--json' dlt-extract --json x=two.jsonl
	fails 2 '--print' dlt-extract --print x=two.jsonl
	[ "$(dlt-extract -o p --print x=two.jsonl)" = p ]
	dlt-extract -v -o p x=two.jsonl 2>err
	grep -q 'x: 2 rows' err
	dlt-extract -o p x=two.jsonl >out 2>&1
	[ ! -s out ]
}

@test "--sync: begins with what the destination has stored" {
	: >new.db
	dlt-extract --sync sqlite:new.db -o p x=two.jsonl
	[ "$(rows p x)" = '[{"id":1},{"id":2}]' ]
	fails 2 '--sync' dlt-extract --sync nix:x -o q x=two.jsonl
}
