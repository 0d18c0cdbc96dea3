/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/workdir.h"
#include "common/zlibtext.h"
#include "tests/unit/tap.h"

static char root[] = "/tmp/test_workdirXXXXXX";

static char *
slurp(const struct workdir *w, const char *name)
{
	char *path = xasprintf("%s/%s", w->path, name), *text = NULL;
	struct error err;
	size_t len;

	if (read_file(path, 1 << 20, &text, &len, &err))
		text = NULL;
	free(path);
	return text;
}

static void
spill(const struct workdir *w, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", w->path, name);
	struct error err = { 0 };

	if (output_file(path, text, strlen(text), &err))
		printf("# %s\n", err.msg);
	free(path);
}

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
test_open(void)
{
	struct error err = { 0 };
	struct workdir w = { 0 };
	struct stat st;
	char *text, *want;

	tap_int(workdir_open(&w, "none", false, &err), -1, "absent: refused");
	tap_int(err.code, ERR_DATA, "... as bad data");
	workdir_close(&w);
	tap_int(workdir_open(&w, "a/b", true, &err), -1, "no name: refused");
	tap_int(err.code, ERR_USAGE, "... as wrong usage");
	tap_int(workdir_open(&w, "", true, &err), -1, "empty name: refused");
	tap_int(workdir_open(&w, "p", true, &err), 0, "created");
	want = xasprintf("%s/pipelines/p", root);
	tap_str(w.path, want, "its path");
	free(want);
	text = slurp(&w, "normalize/.version");
	tap_str(text, "1.0.1", "normalize/.version");
	free(text);
	text = slurp(&w, "load/.version");
	tap_str(text, "1.0.0", "load/.version");
	free(text);
	text = xasprintf("%s/load/loaded", w.path);
	tap_ok(stat(text, &st) == 0 && S_ISDIR(st.st_mode), "load/loaded");
	free(text);
	spill(&w, "load/.version", "2.0.0");
	workdir_close(&w);
	tap_int(workdir_open(&w, "p", true, &err), -1, "newer .version");
	tap_ok(strstr(err.msg, "2.0.0") != NULL, "... is named");
	text = xasprintf("%s/pipelines/p/", root);
	chmod(text, 0777);
	w.path = text;
	spill(&w, "load/.version", "1.0.0");
	w.path = NULL;
	tap_int(workdir_open(&w, text, false, &err), 0, "DIR/");
	free(text);
	tap_str(w.name, "p", "... is called as its last component");
	text = slurp(&w, "state.json");
	spill(&w, "state.json", "{\"_state_engine_version\":5}");
	workdir_close(&w);
	tap_int(workdir_open(&w, "p", true, &err), -1, "newer state engine");
	want = xasprintf("%s/pipelines/p", root);
	w.path = want;
	spill(&w, "state.json", text);
	w.path = NULL;
	free(want);
	free(text);
}

static void
test_locks(void)
{
	struct error err = { 0 };
	struct workdir a = { 0 }, b = { 0 };
	char *want;
	int status, to[2], from[2];
	pid_t pid;
	char c;

	tap_int(workdir_open(&a, "p", true, &err), 0, "open");
	if (pipe(to) || pipe(from))
		abort();
	pid = fork();
	if (pid == 0) {
		msg_init("dlt-other");
		if (workdir_open(&b, "p", false, &err) ||
		    workdir_lock(&b, STAGE_EXTRACT, 0, &err) ||
		    write(from[1], "x", 1) != 1 || read(to[0], &c, 1) != 1)
			_exit(1);
		workdir_close(&b);
		_exit(0);
	}
	if (read(from[0], &c, 1) != 1)
		abort();
	tap_int(workdir_lock(&a, STAGE_EXTRACT, 0, &err), -1, "taken");
	tap_int(err.code, ERR_TEMP, "... try again");
	want = xasprintf("pipeline \"p\" is in use by process %ld (dlt-other)",
	    (long)pid);
	tap_str(err.msg, want, "... names the holder");
	free(want);
	tap_int(workdir_lock(&a, STAGE_LOAD, 0, &err), 0, "another stage");
	tap_int(workdir_lock(&a, STAGE_EXTRACT, 0.06, &err), -1,
	    "a limit passes");
	if (write(to[1], "x", 1) != 1)
		abort();
	tap_int(workdir_lock(&a, STAGE_EXTRACT, WAIT_FOREVER, &err), 0,
	    "waited for");
	waitpid(pid, &status, 0);
	tap_int(status, 0, "the other ended well");
	workdir_close(&a);
	close(to[0]);
	close(to[1]);
	close(from[0]);
	close(from[1]);
}

static char *
unpacked(const char *doc)
{
	struct json_doc d = { 0 };
	struct error err = { 0 };
	struct buf out = { 0 };
	const struct json *s;
	char *packed;
	long n;

	json_parse(&d, doc, strlen(doc), &err);
	s = json_get(d.root, "state");
	packed = xmalloc(s->len + 4);
	n = hash_base64_decode(s->str, s->len, packed);
	if (n > 0)
		zlib_inflate(packed, (size_t)n, 1 << 20, &out, &err);
	free(packed);
	json_release(&d);
	return buf_take(&out);
}

static void
test_state(void)
{
	struct error err = { 0 };
	struct workdir w = { 0 };
	struct buf doc = { 0 }, state = { 0 }, again = { 0 };
	char *text;

	tap_int(state_for_extract(NULL, "golden", NULL, NULL, "1700000000.5",
	            &doc, &state, &err),
	    0, "a run without pipeline");
	tap_int(state_for_extract(NULL, "golden", NULL, NULL, "1700000000.5",
	            &again, &state, &err),
	    0, "... again");
	tap_str(buf_str(&doc), buf_str(&again), "... gives the same bytes");
	tap_ok(strstr(buf_str(&doc),
	           "\"created_at\":\"\xef\x80\xa7"
	           "2023-11-14T22:13:20.500000+00:00\"") != NULL,
	    "created_at from the load id");
	text = unpacked(buf_str(&doc));
	tap_ok(strncmp(text,
	           "{\"_state_version\":1,\"_state_engine_version\":4,"
	           "\"pipeline_name\":\"golden\"",
	           69) == 0,
	    "the state in it");
	tap_ok(!strstr(text, "_local"), "... without _local");
	free(text);
	buf_release(&doc);
	buf_release(&again);
	buf_release(&state);

	tap_int(workdir_open(&w, "s", true, &err), 0, "open");
	tap_int(state_for_extract(&w, "golden", NULL, NULL, "1700000000.5",
	            &doc, &state, &err),
	    0, "first extract");
	tap_ok(doc.len > 0, "... has a row");
	tap_int(workdir_save_state(&w, &state, &err), 0, "... saved");
	buf_reset(&doc);
	buf_reset(&state);
	tap_int(state_for_extract(&w, "golden", NULL, NULL, "1700000001.5",
	            &doc, &state, &err),
	    0, "second extract");
	tap_int((long long)doc.len, 0, "... has no row");
	tap_int(state_for_extract(&w, "other", NULL, NULL, "1700000002.5", &doc,
	            &state, &err),
	    0, "another schema");
	tap_ok(strstr(buf_str(&doc), "{\"version\":2,") != NULL,
	    "... is another version");
	text = unpacked(buf_str(&doc));
	tap_ok(strstr(text, "\"schema_names\":[\"golden\",\"other\"]") != NULL,
	    "... both names, sorted");
	tap_ok(strstr(text, "\"dataset_name\":\"s_dataset\"") != NULL,
	    "... the dataset");
	free(text);
	buf_release(&doc);
	buf_release(&state);
	workdir_close(&w);
}

/* The hash that Python dlt 1.26.0 wrote beside this state. */
static void
test_hash(void)
{
	static const char text[] =
	    "{\"_state_version\":1,\"_state_engine_version\":4,"
	    "\"pipeline_name\":\"flat\",\"default_schema_name\":\"golden\","
	    "\"dataset_name\":\"ds\",\"schema_names\":[\"golden\"],"
	    "\"destination_type\":\"dlt.destinations.filesystem\","
	    "\"destination_name\":null,\"_local\":{\"x\":1}}";
	struct json_doc d = { 0 };
	struct error err = { 0 };
	char hash[64];

	json_parse(&d, text, strlen(text), &err);
	state_hash(d.root, false, hash);
	tap_str(hash, "NBYwCa6WZhj9C6HzpzKhb0yQy1aQky2Vl6OovJd9rj0=",
	    "state hash as in Python");
	json_release(&d);
}

static void
test_packages(void)
{
	struct error err = { 0 };
	struct workdir w = { 0 };
	struct buf doc = { 0 }, state = { 0 };
	char **names, *build, *path, *text, *jobs;
	size_t count;

	tap_int(workdir_open(&w, "q", true, &err), 0, "open");
	workdir_lock(&w, STAGE_EXTRACT, 0, &err);
	build = workdir_build_dir(&w, STAGE_EXTRACT, "1700000000.5", &err);
	tap_ok(build && is_there(build), "a place to build");
	tap_int(workdir_recover(&w, &err), 0, "recover");
	tap_ok(build && is_there(build), "... leaves the living alone");
	state_for_extract(&w, "golden", NULL, NULL, "1700000000.5", &doc,
	    &state, &err);
	path = xasprintf("%s/load_package_state.json", build);
	text = xasprintf("{\"pipeline_state\":%s}", buf_str(&doc));
	output_file(path, text, strlen(text), &err);
	free(path);
	free(text);
	tap_int(workdir_commit(&w, STAGE_EXTRACT, build, "1700000000.5", &err),
	    0, "commit");
	tap_ok(!is_there(build), "... has moved it");
	free(build);
	tap_ok(!workdir_build_dir(&w, STAGE_EXTRACT, "1700000000.5", &err),
	    "a load id is used once");
	tap_ok(!workdir_build_dir(&w, STAGE_EXTRACT, "../x", &err),
	    "a load id is no path");
	/* Here a crash: new_state has not been saved. */
	workdir_close(&w);
	workdir_open(&w, "q", false, &err);
	tap_int(workdir_pending(&w, STAGE_NORMALIZE, &names, &count, &err), 0,
	    "pending");
	tap_int((long long)count, 1, "... one");
	tap_str(count ? names[0] : NULL, "1700000000.5", "... by name");
	workdir_free_names(names, count);
	text = slurp(&w, "state.json");
	tap_ok(text && strstr(text, "\"_state_version\":1,"),
	    "the state of the package has been saved");
	free(text);
	buf_reset(&doc);
	buf_reset(&state);
	state_for_extract(&w, "golden", NULL, NULL, "1700000001.5", &doc,
	    &state, &err);
	tap_int((long long)doc.len, 0, "... and is not sent again");
	/* A crash of normalize between its rename and its removal. */
	path = workdir_package_dir(&w, STAGE_NORMALIZE, "1700000000.5");
	make_dirs(path, &err);
	free(path);
	path = workdir_package_dir(&w, STAGE_EXTRACT, "1700000000.5");
	jobs = xasprintf("%s/new_jobs", path);
	make_dirs(jobs, &err);
	free(jobs);
	free(path);
	workdir_pending(&w, STAGE_NORMALIZE, &names, &count, &err);
	tap_int((long long)count, 0, "what is normalized is not done again");
	workdir_free_names(names, count);
	workdir_pending(&w, STAGE_LOAD, &names, &count, &err);
	tap_int((long long)count, 1, "... but loaded");
	workdir_free_names(names, count);
	buf_release(&doc);
	buf_release(&state);
	workdir_close(&w);
}

static void
test_dead(void)
{
	struct error err = { 0 };
	struct workdir w = { 0 };
	char **names;
	size_t count;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (workdir_open(&w, "d", true, &err) ||
		    !workdir_build_dir(&w, STAGE_EXTRACT, "1.5", &err))
			_exit(1);
		_exit(0); /* without atexit: as if killed */
	}
	waitpid(pid, &status, 0);
	tap_int(status, 0, "an extract was killed");
	tap_int(workdir_open(&w, "d", false, &err), 0, "open");
	workdir_list(&w, "normalize", &names, &count, &err);
	tap_int((long long)count, 2, "its folder is left");
	workdir_free_names(names, count);
	tap_int(workdir_lock(&w, STAGE_EXTRACT, 0, &err), 0, "next extract");
	workdir_list(&w, "normalize", &names, &count, &err);
	tap_int((long long)count, 1, "... removes it");
	workdir_free_names(names, count);
	workdir_close(&w);
}

static void
test_schema(void)
{
	struct error err = { 0 };
	struct workdir w = { 0 };
	struct schema *s, *t;
	bool missing;

	tap_int(workdir_open(&w, "sch", true, &err), 0, "open");
	s = workdir_schema(&w, "golden", &missing, &err);
	tap_ok(!s && missing, "no schema yet");
	s = schema_new("golden");
	schema_add_table(s, "a", NULL, "a", "append");
	tap_int(workdir_save_schema(&w, s, &err), 0, "save");
	t = workdir_schema(&w, "golden", &missing, &err);
	tap_ok(t && schema_table(t, "a"), "read");
	if (t) {
		schema_add_table(t, "b", NULL, "b", "append");
		tap_int(workdir_save_schema(&w, t, &err), 0, "a second one");
	}
	schema_add_table(s, "c", NULL, "c", "append");
	tap_int(workdir_save_schema(&w, s, &err), 0, "at the same time");
	tap_ok(schema_table(s, "b") != NULL, "... both changes are kept");
	schema_free(s);
	schema_free(t);
	spill(&w, "schemas/golden.schema.json",
	    "{\"version\":1,\"version_hash\":\"x\",\"engine_version\":11,"
	    "\"name\":\"golden\",\"tables\":{},\"settings\":{},"
	    "\"normalizers\":{\"names\":\"snake_case\",\"json\":{\"module\":"
	    "\"dlt.common.normalizers.json.relational\"}},"
	    "\"previous_hashes\":[]}");
	s = workdir_schema(&w, "golden", &missing, &err);
	tap_ok(!s && !missing, "changed by hand: refused");
	schema_free(s);
	tap_ok(!workdir_schema(&w, "../x", &missing, &err) && !missing,
	    "a schema's name is no path");
	workdir_close(&w);
}

int
main(void)
{
	struct error err = { 0 };

	msg_init("test");
	if (!mkdtemp(root))
		return 1;
	setenv("DLT_DATA_DIR", root, 1);
	test_open();
	test_locks();
	test_state();
	test_hash();
	test_packages();
	test_dead();
	test_schema();
	remove_tree(root, &err);
	return tap_done();
}
