/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/archive.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/package.h"
#include "tests/unit/tap.h"

static char scratch[] = "/tmp/test_package.XXXXXX";
static struct error err;

static const char *
at(const char *name)
{
	static char paths[4][512];
	static int turn;
	char *p = paths[turn++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", scratch, name);
	return p;
}

static int
memory_file(const void *data, size_t len)
{
	FILE *f = tmpfile();
	int fd = f ? dup(fileno(f)) : -1;

	if (!f || fwrite(data, 1, len, f) != len || fclose(f))
		tap_ok(false, "scratch file: %s", strerror(errno));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* ---- names ---- */

static void
test_names(void)
{
	static const char *const good[] = { "t.0123456789.0.jsonl",
		"_dlt_x.a.12.typed-jsonl.gz", "t.id.3.insert_values.zst",
		"t.id.0.reference" };
	static const char *const bad[] = { "", ".", "..", "t.id.0",
		"t.id.0.xyz", "t.id.x.jsonl", "t.id..jsonl", ".id.0.jsonl",
		"t..0.jsonl", "t.id.0.jsonl.bz2", "t.id.0.jsonl.gz.gz",
		"a/b.id.0.jsonl", "t.id.-1.jsonl", "t\xff.id.0.jsonl",
		"t.id.99999999999.csv", "t.id.1__2.csv", "t.id.1_.csv" };
	struct job_name n;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char *back;

		if (job_name_parse(good[i], &n, &err)) {
			tap_ok(false, "%s", err.msg);
			continue;
		}
		back = job_name_format(&n);
		tap_str(back, good[i], good[i]);
		free(back);
		job_name_release(&n);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		tap_ok(job_name_parse(bad[i], &n, &err) < 0 &&
		        err.code == ERR_DATA,
		    "refused: name %zu", i);
	if (tap_int(job_name_parse("t.id. +1_0 .csv.gz", &n, &err), 0,
	        "Python's int()")) {
		char *id = job_id_format(&n);

		tap_int(n.retry, 10, "retry");
		tap_int(n.codec, CODEC_GZIP, "codec");
		tap_str(id, "t.id.csv.gz", "job id");
		free(id);
		job_name_release(&n);
	}
}

static void
test_load_ids(void)
{
	struct buf b = { 0 };
	char *last = load_id_now();
	bool grows = true;

	for (int i = 0; i < 1000; i++) {
		char *id = load_id_now();

		grows &= strtod(id, NULL) > strtod(last, NULL) &&
		    strchr(id, '.') && !strchr(id, 'e');
		free(last);
		last = id;
	}
	free(last);
	tap_ok(grows, "load ids grow strictly");
	load_id_created_at("1795374761.4089115", &b);
	tap_str(buf_str(&b), "2026-11-22T19:12:41.408911+00:00", "created_at");
	buf_reset(&b);
	load_id_created_at("1700000000.0", &b);
	tap_str(buf_str(&b), "2023-11-14T22:13:20+00:00", "whole seconds");
	buf_reset(&b);
	load_id_created_at("0x10", &b);
	tap_ok(b.len && strncmp(b.data, "1970", 4) != 0, "no number: now");
	buf_reset(&b);
	load_id_created_at("nan", &b);
	tap_ok(b.len > 20, "not finite: now");
	buf_release(&b);
}

/* ---- packages ---- */

static const char schema[] = "{\"name\":\"s\",\"version_hash\":\"h=\"}";

static int
put_job(struct package_out *p, const char *table, const char *text)
{
	struct job_out *j = job_out_open(p, table, "jsonl", CODEC_NONE, &err);
	size_t n = strlen(text);

	if (!j || job_out_write(j, text, n / 2, &err) ||
	    job_out_write(j, text + n / 2, n - n / 2, &err))
		return -1;
	if (job_out_size(j) != n)
		return -1;
	return job_out_close(j, 2, "[{\"input\":\"a\"}]", &err);
}

static void
fill(struct package_out *p, bool finish)
{
	if (!p || package_out_file(p, "schema.json", "{}", 2, &err) ||
	    package_out_file(p, "load_package_state.json", "{\"a\":1}", 7,
	        &err) ||
	    put_job(p, "t", "{\"a\":1}\n{\"a\":2}\n") ||
	    package_out_file(p, "schema.json", schema, sizeof(schema) - 1,
	        &err) ||
	    put_job(p, "a", "{\"b\":1}\n{\"b\":2}\n") ||
	    put_job(p, "t\xc3\xa4\xe2\x96\xb6", "") ||
	    (finish && package_out_finish(p, "h=", 3, &err)))
		tap_ok(false, "write a package: %s", err.msg);
	package_out_free(p, !finish);
}

static void
make_dir(const char *path)
{
	struct package_spec spec = { PACKAGE_NORMALIZED, "12.5", "s", false };
	struct error ignored;

	remove_tree(path, &ignored);
	mkdir(path, 0777);
	fill(package_out_dir(path, &spec, &err), true);
}

static void
make_stream(struct buf *out, const char *load_id, bool finish)
{
	struct package_spec spec = { PACKAGE_EXTRACTED, load_id, "s", true };
	int fd = open(at("stream"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);
	char *data;
	size_t len;

	fill(package_out_stream(fd, &spec, &err), finish);
	close(fd);
	if (read_file(at("stream"), 1 << 20, &data, &len, &err)) {
		tap_ok(false, "%s", err.msg);
		return;
	}
	buf_add(out, data, len);
	free(data);
}

/* All events as text, frees p. -1 with what came before the error. */
static int
drain(struct package_in *p, bool read_jobs, struct buf *log)
{
	enum package_event event = PACKAGE_BEGIN;
	struct package_entry e;
	char block[7];
	long n;

	if (!p)
		return -1;
	do {
		if (package_in_next(p, &event, &e, &err)) {
			package_in_free(p);
			return -1;
		}
		switch (event) {
		case PACKAGE_BEGIN:
			buf_addf(log, "begin %s\n", e.load_id);
			break;
		case PACKAGE_FILE:
			buf_addf(log, "file %s %s\n", e.name, e.data);
			break;
		case PACKAGE_COMPLETE:
			buf_addf(log, "complete %d\n", e.checksum != NULL);
			break;
		case PACKAGE_END_OF_INPUT:
			buf_adds(log, "end\n");
			break;
		case PACKAGE_JOB:
			buf_addf(log, "job %s: ", e.job.table);
			n = 0;
			while (read_jobs &&
			    (n = package_in_read(p, block, sizeof(block),
			         &err)) > 0)
				buf_add(log, block, (size_t)n);
			buf_addc(log, '\n');
			if (n < 0) {
				package_in_free(p);
				return -1;
			}
		}
	} while (event != PACKAGE_END_OF_INPUT);
	package_in_free(p);
	return 0;
}

static int
drain_bytes(const void *data, size_t len, struct buf *log)
{
	int fd = memory_file(data, len), rc;

	buf_reset(log);
	rc = drain(package_in_stream(fd, &err), true, log);
	close(fd);
	return rc;
}

static void
says(const char *what)
{
	tap_ok(strstr(err.msg, what) != NULL, "says \"%s\": %s", what, err.msg);
}

static const char stream_events[] =
    "begin 12.5\nfile schema.json {}\n"
    "file load_package_state.json {\"a\":1}\n"
    "job t: {\"a\":1}\n{\"a\":2}\n\n"
    "file schema.json {\"name\":\"s\",\"version_hash\":\"h=\"}\n"
    "job a: {\"b\":1}\n{\"b\":2}\n\njob t\xc3\xa4\xe2\x96\xb6: \ncomplete 1\n";

static void
test_stream(void)
{
	struct buf a = { 0 }, b = { 0 }, log = { 0 }, want = { 0 }, z = { 0 };
	struct compressor *c = compressor_new(CODEC_ZSTD);

	make_stream(&a, "12.5", true);
	tap_int(drain_bytes(a.data, a.len, &log), 0, "read a stream");
	buf_addf(&want, "%send\n", stream_events);
	tap_str(buf_str(&log), want.data, "events");
	compressor_frame(c, a.data, a.len, &z, &err);
	compressor_free(c);
	tap_int(drain_bytes(z.data, z.len, &log), 0, "the same through zstd");
	tap_str(buf_str(&log), want.data, "events");
	tap_int(drain_bytes(z.data, z.len - 3, &log), -1, "cut zstd");
	says("cut short");
	make_stream(&b, "12.5", true);
	tap_ok(a.len == b.len && memcmp(a.data, b.data, a.len) == 0,
	    "the same bytes each time");
	buf_add(&b, a.data, 0);
	make_stream(&b, "13.5", true);
	tap_int(drain_bytes(b.data, b.len, &log), 0, "two packages");
	tap_ok(strstr(buf_str(&log), "begin 13.5") != NULL, "both come");
	buf_add(&b, a.data, a.len);
	tap_int(drain_bytes(b.data, b.len, &log), -1, "one of them again");
	says("was there before");
	buf_reset(&b);
	buf_add(&b, a.data, a.len);
	buf_adds(&b, "garbage");
	tap_int(drain_bytes(b.data, b.len, &log), -1, "garbage at the end");
	says("something else follows");
	buf_reset(&b);
	make_stream(&b, "12.5", false);
	tap_int(drain_bytes(b.data, b.len, &log), -1, "cancelled");
	tap_int(err.code, ERR_QUIET, "is quiet");
	buf_release(&a);
	buf_release(&b);
	buf_release(&log);
	buf_release(&want);
	buf_release(&z);
}

/* Job files that are large, and more of them than are kept open, written in
 * turn and in pieces of all sizes. */
static void
test_large(void)
{
	enum { JOBS = 20, LEN = 1400000 };
	struct package_spec spec = { PACKAGE_NORMALIZED, "12.5", "s", false };
	char *bytes = malloc(LEN), *path[JOBS], *data = NULL;
	size_t done[JOBS] = { 0 }, open = JOBS, right = 0, len;
	struct job_out *job[JOBS];
	struct package_out *p;
	uint64_t rnd = 1;
	int failed = 0;

	remove_tree(at("large"), &err);
	mkdir(at("large"), 0777);
	p = package_out_dir(at("large"), &spec, &err);
	package_out_file(p, "schema.json", schema, sizeof(schema) - 1, &err);
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (char)(i * i >> 7);
	for (size_t i = 0; i < JOBS; i++) {
		job[i] = job_out_open(p, "t", "jsonl", CODEC_NONE, &err);
		path[i] = xasprintf("%s/new_jobs/%s", at("large"),
		    job_out_name(job[i]));
	}
	while (open) {
		size_t i, n;

		rnd = rnd * 6364136223846793005u + 1442695040888963407u;
		i = rnd >> 60 | (rnd >> 40 & 16);
		if (i >= JOBS || done[i] == LEN)
			continue;
		n = (size_t)(rnd >> 20 & 0x3ffff) >> (rnd >> 50 & 7);
		if (rnd >> 45 & 1)
			n = n / 65536 * 65536;
		n = LEN - done[i] < n ? LEN - done[i] : n;
		failed |= job_out_write(job[i], bytes + done[i], n, &err);
		done[i] += n;
		if (done[i] == LEN) {
			failed |= job_out_close(job[i], 1, "[]", &err);
			open--;
		}
	}
	failed |= package_out_finish(p, "h=", 3, &err);
	package_out_free(p, false);
	tap_int(failed, 0, "write large job files in turn");
	for (size_t i = 0; i < JOBS; i++) {
		data = NULL;
		if (read_file(path[i], LEN + 1, &data, &len, &err) == 0)
			right += len == LEN && memcmp(data, bytes, LEN) == 0;
		free(data);
		free(path[i]);
	}
	tap_int((long long)right, JOBS, "they hold what was written");
	free(bytes);
}

static void
test_cuts(void)
{
	struct buf a = { 0 }, log = { 0 };
	size_t end, wrong = 0, accepted = 0, flipped = 0;

	make_stream(&a, "12.5", true);
	for (end = a.len; end && !a.data[end - 1];)
		end--;
	for (size_t n = 0; n < a.len; n++) {
		bool ok = drain_bytes(a.data, n, &log) == 0;

		if (ok && n >= end)
			accepted++;
		else if (ok || n >= end || err.code != ERR_DATA)
			wrong++;
	}
	tap_int(wrong, 0, "every cut before the manifest's end is an error");
	tap_int(accepted, a.len - end, "cuts in the padding are accepted");
	/* Damage: some error, or (in fields that nobody uses) nothing else. */
	for (size_t n = 0; n < end; n++) {
		a.data[n] ^= 0x01;
		if (drain_bytes(a.data, a.len, &log) == 0 &&
		    strncmp(log.data, stream_events,
		        sizeof(stream_events) - 1) != 0)
			flipped++;
		a.data[n] ^= 0x01;
	}
	/* The manifest covers neither load_package_state.json nor the first of
	 * the two schemas. */
	tap_ok(flipped == 7 + 2, "damage does not pass: %zu", flipped);
	buf_release(&a);
	buf_release(&log);
}

static void
hostile(const char *name, const char *data, const char *what)
{
	struct tar_out *t;
	struct buf log = { 0 };
	int fd = memory_file("", 0);

	t = tar_out_new(fd);
	if (tar_out_entry(t, "1.0/schema.json", "{}", 2, &err) ||
	    tar_out_entry(t, "1.0/new_jobs/t.id.0.jsonl", "", 0, &err) ||
	    tar_out_entry(t, name, data, strlen(data), &err) ||
	    tar_out_finish(t, &err))
		tap_ok(false, "tar: %s", err.msg);
	tar_out_free(t);
	lseek(fd, 0, SEEK_SET);
	tap_int(drain(package_in_stream(fd, &err), true, &log), -1, name);
	says(what);
	close(fd);
	buf_release(&log);
}

static void
test_hostile(void)
{
	struct buf log = { 0 };
	char zeros[2048] = { 0 };

	hostile("1.0/../x", "", "no entry of a package");
	hostile("../1.0/schema.json", "", "no entry of a package");
	hostile("/1.0/schema.json", "", "no entry of a package");
	hostile("schema.json", "", "no entry of a package");
	hostile("1.0/new_jobs/a/b.id.0.jsonl", "", "illegal characters");
	hostile("1.0/new_jobs/t.id.1.jsonl", "", "comes twice");
	hostile("1.0/new_jobs/t", "", "too few parts");
	hostile("1.0/passwd", "", "no entry of a package");
	hostile("2.0/schema.json", "", "begins before its manifest");
	hostile("1.0/manifest.json", "{", "manifest.json: ");
	hostile("1.0/manifest.json", "[]", "not a manifest");
	hostile("1.0/manifest.json", "{\"manifest\":2}", "newer");
	hostile("1.0/provenance.jsonl", "x", "truncated");
	tap_int(drain_bytes("", 0, &log), -1, "empty input");
	says("upstream wrote nothing");
	tap_int(drain_bytes(" \n[{\"a\":1}]", 11, &log), -1, "rows");
	says("these look like rows; use `dlt-extract NAME=-` first");
	tap_int(drain_bytes("id,name\n", 8, &log), -1, "something else");
	says("not a package stream");
	tap_int(drain_bytes(zeros, sizeof(zeros), &log), -1, "zeros");
	says("not a package stream");
	buf_release(&log);
}

static void
put(const char *path, const char *text, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (!f || fputs(text, f) < 0 || fclose(f))
		tap_ok(false, "%s: %s", path, strerror(errno));
}

static const char dir_events[] =
    "begin 12.5\nfile schema.json {\"name\":\"s\",\"version_hash\":\"h=\"}\n"
    "file load_package_state.json {\"a\":1}\n"
    "job t: {\"a\":1}\n{\"a\":2}\n\njob a: {\"b\":1}\n{\"b\":2}\n\njob t\xc3\xa4\xe2\x96\xb6: \n"
    "complete 1\nend\n";

static int
drain_dir(const char *path, struct buf *log)
{
	buf_reset(log);
	return drain(package_in_dir(path, &err), true, log);
}

static void
test_dir(void)
{
	struct buf log = { 0 };
	char sum[CHECKSUM_SIZE], *id;

	make_dir(at("p"));
	tap_int(drain_dir(at("p/"), &log), 0, "read a directory");
	tap_str(buf_str(&log), dir_events, "events, in manifest order");
	tap_int(package_verify(at("p"), &err), 0, "verify");
	id = package_load_id(at("p"), &err);
	tap_str(id, "12.5", "load id from the manifest");
	free(id);
	tap_int(package_checksum(at("p"), sum, &err), 0, "checksum");
	tap_int(strlen(sum), 32, "is hex");

	put(at("p/new_jobs/t.0000000001.0.jsonl"), "{\"a\":3}\n", "a");
	tap_int(drain_dir(at("p"), &log), -1, "an edited job");
	says("t.0000000001.0.jsonl");
	says("dlt-package seal");
	tap_int(package_verify(at("p"), &err), -1, "verify sees it");
	tap_int(package_seal(at("p"), &err), 0, "seal");
	tap_int(package_verify(at("p"), &err), 0, "verify agrees");
	tap_int(drain_dir(at("p"), &log), 0, "reads again");
	put(at("p/new_jobs/t.new.0.jsonl"), "{\"a\":3}\n", "a");
	tap_int(drain_dir(at("p"), &log), -1, "an extra job");
	says("not in manifest.json");
	tap_int(package_seal(at("p"), &err), 0, "seal");
	tap_int(drain_dir(at("p"), &log), 0, "reads");
	put(at("p/schema.json"), " ", "a");
	tap_int(drain_dir(at("p"), &log), -1, "an edited schema");
	says("schema.json");
	tap_int(package_seal(at("p"), &err), 0, "seal");
	rename(at("p/new_jobs/t.new.0.jsonl"),
	    at("p/started_jobs/t.new.1.jsonl"));
	tap_int(drain_dir(at("p"), &log), 0, "a started job is passed over");
	tap_int(package_verify(at("p"), &err), 0, "and verified");
	unlink(at("p/started_jobs/t.new.1.jsonl"));
	tap_int(drain_dir(at("p"), &log), -1, "a missing job");
	says("is missing");
	tap_int(package_verify(at("p"), &err), -1, "verify sees it");

	unlink(at("p/manifest.json"));
	put(at("p/new_jobs/t.x.0.jsonl.exception"), "x", "w");
	tap_int(drain_dir(at("p"), &log), 0, "without a manifest");
	tap_ok(strncmp(buf_str(&log), "begin p\n", 8) == 0,
	    "the folder's name is the load id");
	tap_int(package_verify(at("p"), &err), -1, "nothing to verify");
	put(at("p/new_jobs/README"), "x", "w");
	tap_int(drain_dir(at("p"), &log), -1, "a foreign file");
	says("new_jobs/README");
	tap_int(drain_dir(at("p/new_jobs"), &log), -1, "not a package");
	says("no schema.json");
	tap_int(drain_dir(at("none"), &log), -1, "absent");
	tap_int(err.code, ERR_IO, "is an I/O error");
	buf_release(&log);
}

/* ---- manifests ---- */

#define SHA_OF_NOTHING \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_OF_BRACES \
	"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define XXH_OF_NOTHING "99aa06d3014798d86001c324468d497f"
#define XXH_OF_BRACES  "dc7048f8f8747f561349cde127705c16"
#define SUM_OF_NOTHING "\"xxh128\":\"" XXH_OF_NOTHING "\""
#define SUM_OF_BRACES  "\"xxh128\":\"" XXH_OF_BRACES "\""
#define OLD_OF_NOTHING "\"sha256\":\"" SHA_OF_NOTHING "\""
#define OLD_OF_BRACES  "\"sha256\":\"" SHA_OF_BRACES "\""
#define JOB(id, bytes, sum)                                                 \
	"{\"id\":\"" id "\",\"table\":\"t\",\"rows\":null,\"bytes\":" bytes \
	"," sum ",\"origins\":[]}"
#define HEAD_OF(sum)                                                 \
	"\"manifest\":1,\"kind\":\"extracted\",\"load_id\":\"1.0\"," \
	"\"schema\":{\"bytes\":2," sum "}"
#define HEAD HEAD_OF(SUM_OF_BRACES)
#define GOOD JOB("t.id.jsonl", "0", SUM_OF_NOTHING)
#define OLD  JOB("t.id.jsonl", "0", OLD_OF_NOTHING)

static void
accepted(const char *manifest, const char *what)
{
	struct tar_out *t;
	struct buf log = { 0 };
	int fd = memory_file("", 0), rc;

	t = tar_out_new(fd);
	if (tar_out_entry(t, "1.0/schema.json", "{}", 2, &err) ||
	    tar_out_entry(t, "1.0/new_jobs/t.id.0.jsonl", "", 0, &err) ||
	    tar_out_entry(t, "1.0/manifest.json", manifest, strlen(manifest),
	        &err) ||
	    tar_out_finish(t, &err))
		tap_ok(false, "tar: %s", err.msg);
	tar_out_free(t);
	lseek(fd, 0, SEEK_SET);
	err.msg[0] = '\0';
	rc = drain(package_in_stream(fd, &err), true, &log);
	tap_ok(rc == 0, "%s: %s", what, err.msg);
	close(fd);
	buf_release(&log);
}

/* Whose sender has said that there is no SHA-256 has none. */
static void
test_told(void)
{
	static const char m[] = "{" HEAD ",\"jobs\":[" OLD "]}";
	struct buf log = { 0 };
	int fd = memory_file("", 0);
	struct tar_out *t = tar_out_new(fd);

	tar_out_checksums(t, "xxh128");
	if (tar_out_entry(t, "1.0/schema.json", "{}", 2, &err) ||
	    tar_out_entry(t, "1.0/new_jobs/t.id.0.jsonl", "", 0, &err) ||
	    tar_out_entry(t, "1.0/manifest.json", m, strlen(m), &err) ||
	    tar_out_finish(t, &err))
		tap_ok(false, "tar: %s", err.msg);
	tar_out_free(t);
	lseek(fd, 0, SEEK_SET);
	tap_int(drain(package_in_stream(fd, &err), true, &log), -1,
	    "not what was said");
	says("t.id.jsonl is damaged");
	close(fd);
	buf_release(&log);
}

static void
test_manifests(void)
{
	static const char m[] = "1.0/manifest.json";

	accepted("{" HEAD ",\"jobs\":[" GOOD "]}", "as we write it");
	accepted(" {\n\"jobs\" : [ " GOOD "\n] ,\t" HEAD " }\r\n",
	    "another order, and white space");
	accepted("{" HEAD_OF(OLD_OF_BRACES) ",\"jobs\":[" OLD "]}",
	    "as it was written before");
	accepted("{" HEAD ",\"jobs\":[" OLD "]}", "of two kinds");
	hostile(m,
	    "{" HEAD ",\"jobs\":[" JOB("t.id.jsonl", "0", OLD_OF_BRACES) "]}",
	    "t.id.jsonl is damaged");
	hostile(m, "{" HEAD_OF(OLD_OF_NOTHING) ",\"jobs\":[" GOOD "]}",
	    "schema.json is missing or damaged");
	hostile(m,
	    "{" HEAD ",\"jobs\":[" JOB("t.id.jsonl", "0",
	        "\"xxh128\":\"" SHA_OF_NOTHING "\"") "]}",
	    "no checksum");
	hostile(m,
	    "{" HEAD
	    ",\"jobs\":[" JOB("t.id.jsonl", "0", "\"xxh128\":\"99AA\"") "]}",
	    "no checksum");
	test_told();
	hostile(m, "{" HEAD ",\"jobs\":[" GOOD "," GOOD "]}",
	    "t.id.jsonl is listed twice");
	hostile(m,
	    "{" HEAD ",\"jobs\":[" JOB("t.x.jsonl", "0", SUM_OF_NOTHING) "]}",
	    "t.x.jsonl is missing");
	hostile(m,
	    "{" HEAD ",\"jobs\":[" JOB("t.id.jsonl", "1", SUM_OF_NOTHING) "]}",
	    "t.id.jsonl is damaged");
	hostile(m,
	    "{" HEAD ",\"jobs\":[" JOB("t.id.jsonl", "0", SUM_OF_BRACES) "]}",
	    "t.id.jsonl is damaged");
	hostile(m, "{" HEAD ",\"jobs\":[]}", "lists 0 job files");
	hostile(m, "{" HEAD "}", "not a manifest");
	hostile(m, "{" HEAD ",\"jobs\":7}", "not a manifest");
	hostile(m, "{" HEAD ",\"jobs\":[" GOOD "],\"jobs\":[]}", "a second");
	hostile(m, "{" HEAD ",\"jobs\":[" GOOD "]}{", "something follows");
	hostile(m, "{" HEAD ",\"jobs\":[" GOOD, "expected ','");
	hostile(m, "{" HEAD ",\"jobs\":[" GOOD " " GOOD "]}", "expected ','");
	hostile(m, "{" HEAD ",\"jobs\":[,]}", "expected a value");
	hostile(m, "{" HEAD ",\"jobs\":[{\"id\":\"t.id.jsonl\"", "cut short");
	hostile(m, "{" HEAD ",\"jobs\":[{\"id\":}]}", "job at byte");
	hostile(m, "{" HEAD ",\"jobs\":[{\"id\":\"t\"}]}", "is no job id");
	hostile(m, "{\"jobs\":[" GOOD "]}", "not a manifest");
	hostile(m, "{\"manifest\":2,\"jobs\":{}}", "newer");
}

/* More jobs than the manifest keeps in memory, and than a list of names. */
#define MANY 6000

static void
test_many(void)
{
	struct package_spec spec = { PACKAGE_EXTRACTED, "9.0", "s", false };
	struct package_in *in;
	struct package_out *p;
	enum package_event event = PACKAGE_BEGIN;
	struct package_entry e;
	size_t jobs = 0, origins = 0;
	struct buf log = { 0 };
	char *last = NULL;
	int fd;

	fd = open(at("many"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	p = package_out_stream(fd, &spec, &err);
	if (package_out_file(p, "schema.json", "{}", 2, &err))
		tap_ok(false, "%s", err.msg);
	for (int i = 0; i < MANY; i++)
		if (put_job(p, "t", "{}\n{}\n"))
			tap_ok(false, "%s", err.msg);
	tap_int(package_out_finish(p, "h=", 0, &err), 0, "many jobs");
	package_out_free(p, false);
	lseek(fd, 0, SEEK_SET);
	in = package_in_stream(fd, &err);
	while (event != PACKAGE_END_OF_INPUT &&
	    package_in_next(in, &event, &e, &err) == 0) {
		jobs += event == PACKAGE_JOB;
		origins += event == PACKAGE_JOB && e.origins &&
		    strcmp(e.origins, "[{\"input\":\"a\"}]") == 0;
	}
	tap_int(event, PACKAGE_END_OF_INPUT, "are read from a stream");
	tap_int(jobs, MANY, "all of them");
	tap_int(origins, MANY, "with their origins");
	package_in_free(in);
	close(fd);

	mkdir(at("q"), 0777);
	p = package_out_dir(at("q"), &spec, &err);
	if (package_out_file(p, "schema.json", "{}", 2, &err))
		tap_ok(false, "%s", err.msg);
	for (int i = 0; i < MANY; i++)
		if (put_job(p, "t", "{}\n{}\n"))
			tap_ok(false, "%s", err.msg);
	tap_int(package_out_finish(p, "h=", 0, &err), 0, "in a directory");
	package_out_free(p, false);
	tap_int(package_verify(at("q"), &err), 0, "verify");
	rename(at("q/new_jobs/t.0000000003.0.jsonl"),
	    at("q/new_jobs/t.0000000003.7.jsonl"));
	tap_int(drain_dir(at("q"), &log), 0, "read, one was tried again");
	rename(at("q/new_jobs/t.0000000004.0.jsonl"),
	    at("q/new_jobs/t.0000000003.2.jsonl"));
	tap_int(drain_dir(at("q"), &log), -1, "a job that is there twice");
	says("is there twice");
	tap_int(package_verify(at("q"), &err), -1, "verify sees it");
	tap_int(package_seal(at("q"), &err), -1, "seal as well");
	says("is there twice");
	unlink(at("q/new_jobs/t.0000000003.2.jsonl"));
	tap_int(drain_dir(at("q"), &log), -1, "one less");
	says("t.0000000004.jsonl: is missing");
	tap_int(package_seal(at("q"), &err), 0, "seal");
	tap_int(drain_dir(at("q"), &log), 0, "read");
	put(at("q/new_jobs/t.0000000005.0.jsonl"), "{}\n[]\n", "w");
	tap_int(package_verify(at("q"), &err), -1, "other bytes");
	says("(checksum)");
	put(at("q/new_jobs/t.0000000005.0.jsonl"), "{}\n", "w");
	tap_int(package_verify(at("q"), &err), -1, "fewer bytes");
	says("has 3 bytes, manifest.json says 6");
	unlink(at("q/manifest.json"));
	jobs = 0;
	event = PACKAGE_BEGIN;
	in = package_in_dir(at("q"), &err);
	while (event != PACKAGE_END_OF_INPUT &&
	    package_in_next(in, &event, &e, &err) == 0) {
		if (event != PACKAGE_JOB)
			continue;
		jobs += !last || strcmp(last, e.name) < 0;
		free(last);
		last = xstrdup(e.name);
	}
	tap_int(jobs, MANY - 1, "without a manifest: all, sorted by name");
	package_in_free(in);
	free(last);
	buf_release(&log);
}

/* A package that Python wrote: gzip by content, no manifest. */
static void
test_python(void)
{
	const char *data = getenv("TEST_DATA");
	char *cmd, line[512] = "";
	struct buf log = { 0 };
	FILE *f;

	if (!data) {
		tap_skip("package of Python dlt", "no TEST_DATA");
		return;
	}
	cmd = xasprintf("ls -d %s/packages/gzipped/step1/*/*", data);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		tap_int(drain_dir(line, &log), 0, strrchr(line, '/'));
		tap_ok(memmem(log.data, log.len, "job g: \x1f\x8b", 9) != NULL,
		    "has a gzip job");
	}
	if (f)
		pclose(f);
	tap_ok(log.len > 0, "found the golden packages");
	free(cmd);
	buf_release(&log);
}

static void
broken_pipe(void)
{
	struct package_spec spec = { PACKAGE_EXTRACTED, "1.0", "s", false };
	struct package_out *p;
	int fd[2];

	signals_init();
	if (pipe(fd) || close(fd[0]))
		_exit(1);
	p = package_out_stream(fd[1], &spec, &err);
	if (package_out_file(p, "schema.json", "{}", 2, &err) != -1 ||
	    err.code != ERR_QUIET)
		_exit(2);
	package_out_free(p, true);
	signal_reraise();
	_exit(3);
}

/* A reader that stops at _cancelled may be gone before the end blocks come. */
static void
cancelled_pipe(void)
{
	struct package_spec spec = { PACKAGE_EXTRACTED, "1.0", "s", false };
	int fd[2];

	signals_init();
	if (pipe(fd) || close(fd[0]))
		_exit(9);
	package_out_free(package_out_stream(fd[1], &spec, &err), true);
	signal_reraise();
	_exit(1);
}

static int
status_of(void (*child)(void))
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child();
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void
test_pipe(void)
{
	tap_int(status_of(broken_pipe), SIGPIPE,
	    "a closed pipe: dies of SIGPIPE");
	tap_int(status_of(cancelled_pipe), -1,
	    "a reader that has gone is no news to a writer that failed");
}

/* ---- input files ---- */

static void
input(const char *make, const char *file, const char *want)
{
	char *cmd = xasprintf("cd %s && { %s; } >/dev/null 2>&1", scratch,
	    make);
	struct buf log = { 0 };
	struct input *in = NULL;
	const char *name;
	char block[64];
	long n = 0;
	int rc;

	if (system(cmd) != 0) {
		tap_skip(file, "no program to make it");
		free(cmd);
		return;
	}
	free(cmd);
	in = input_open(at(file), &err);
	if (!in) {
		tap_ok(false, "%s", err.msg);
		return;
	}
	while ((rc = input_next(in, &name, &err)) > 0) {
		buf_addf(&log, "%s=", strrchr(name, '/') + 1);
		while ((n = input_read(in, block, sizeof(block), &err)) > 0)
			buf_add(&log, block, (size_t)n);
		if (n < 0)
			break;
	}
	tap_ok(rc == 0 && n == 0, "%s: read", file);
	tap_str(buf_str(&log), want, file);
	input_close(in);
	buf_release(&log);
}

static void
test_input(void)
{
	input("printf '{\"a\":1}\\n' > r.jsonl", "r.jsonl",
	    "r.jsonl={\"a\":1}\n");
	input("printf abc > abc", "abc", "abc=abc");
	input(": > empty", "empty", "empty=");
	input("gzip -c abc > a.gz", "a.gz", "a.gz=abc");
	input("zstd -qc abc > a.zst", "a.zst", "a.zst=abc");
	input("xz -c abc > a.xz", "a.xz", "a.xz=abc");
	input("bzip2 -c abc > a.bz2", "a.bz2", "a.bz2=abc");
	input("lz4 -qc abc > a.lz4", "a.lz4", "a.lz4=abc");
	input("mkdir d && cp abc d/x && cp abc d/y && ln -s x d/z && "
	      "tar cf a.tar --sort=name d",
	    "a.tar", "x=abcy=abc");
	input("gzip -c a.tar > a.tgz", "a.tgz", "x=abcy=abc");
	input("xz -c a.tar > a.txz", "a.txz", "x=abcy=abc");
	input("python3 -c 'import zipfile as z; "
	      "f = z.ZipFile(\"a.zip\", \"w\"); f.write(\"d/x\")'",
	    "a.zip", "x=abc");
	input("printf 'BZhello' > b", "b", "b=BZhello");
	input("printf '070701,1\\n' > c", "c", "c=070701,1\n");
}

int
main(void)
{
	struct error ignored;

	unsetenv("SOURCE_DATE_EPOCH");
	if (!mkdtemp(scratch))
		return 1;
	test_names();
	test_load_ids();
	test_stream();
	test_large();
	test_cuts();
	test_hostile();
	test_dir();
	test_manifests();
	test_many();
	test_python();
	test_pipe();
	test_input();
	remove_tree(scratch, &ignored);
	return tap_done();
}
