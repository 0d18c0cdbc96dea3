/* SPDX-License-Identifier: MIT */
#include "common/jobwriter.h"

#include "tests/unit/tap.h"

#define MAX_FILES 4096

/* What a run leaves behind: per file the lines (flushes of typed-jsonl), the
 * items and the bytes. */
struct file {
	uint64_t lines, items, bytes;
};

struct run {
	struct file files[MAX_FILES];
	size_t count;
	bool overflow;
};

static struct run got, want;

static struct file *
last_file(struct run *run)
{
	if (run->count == MAX_FILES) {
		run->overflow = true;
		run->count--;
	}
	return &run->files[run->count];
}

/* ---- through the module ---- */

struct rows {
	uint64_t count, page; /* page 0: rows are written one at a time */
	bool typed;           /* typed-jsonl, else jsonl */
	bool with_ids;        /* rows carry _dlt_id and _dlt_load_id */
};

static uint64_t
row_bytes(const struct rows *rows, uint64_t id)
{
	char row[200];

	return (uint64_t)snprintf(row, sizeof(row), "{\"id\":%llu%s}",
	    (unsigned long long)id,
	    rows->with_ids ? ",\"_dlt_load_id\":\"1795372131.3371599\","
	                     "\"_dlt_id\":\"6zjPxX+0lj9DtQ\""
	                   : "");
}

static void
play(const struct writer_settings *s, const struct rows *rows)
{
	uint64_t id = 0, page = rows->page ? rows->page : 1, bytes, n;
	uint64_t overhead = rows->typed ? 2 : 0;
	struct rotation r;

	got.count = 0;
	got.overflow = false;
	rotation_init(&r, s);
	while (id < rows->count) {
		struct file *f = last_file(&got);
		uint64_t buffered;
		enum rotation_action action;

		for (bytes = n = 0; n < page && id < rows->count; n++)
			bytes += row_bytes(rows, id++) + 1;
		if (r.buffered == 0 && !r.open)
			*f = (struct file){ 0 };
		buffered = r.buffered;
		action = rotation_add(&r, n, bytes, overhead);
		f->bytes += bytes;
		if (action == ROTATE_NOTHING)
			continue;
		f->lines += rows->typed ? 1 : buffered + n;
		f->items += buffered + n;
		f->bytes += overhead;
		if (action == ROTATE_FILE)
			got.count++;
	}
	if (rotation_end(&r)) {
		struct file *f = last_file(&got);

		if (r.buffered) {
			f->lines += rows->typed ? 1 : r.buffered;
			f->items += r.buffered;
			f->bytes += overhead;
		}
		got.count++;
	}
}

/* ---- dlt's write_data_item(), line by line ---- */

struct model {
	long buffer_max_items, file_max_items, file_max_bytes;
	bool has_file;
	uint64_t buffered, buffered_bytes, tell, items_count;
};

static void
model_flush(struct model *m, const struct rows *rows)
{
	struct file *f;

	if (!m->buffered)
		return;
	f = last_file(&want);
	if (!m->has_file) {
		m->has_file = true;
		m->tell = m->items_count = 0;
		*f = (struct file){ 0 };
	}
	/* "[" rows joined by "," "]" "\n", or each row and "\n" */
	m->tell += rows->typed ? 1 + m->buffered_bytes + (m->buffered - 1) + 2
	                       : m->buffered_bytes + m->buffered;
	m->items_count += m->buffered;
	f->lines += rows->typed ? 1 : m->buffered;
	f->items = m->items_count;
	f->bytes = m->tell;
	m->buffered = m->buffered_bytes = 0;
}

static void
model_rotate(struct model *m, const struct rows *rows)
{
	model_flush(m, rows);
	if (m->has_file)
		want.count++;
	m->has_file = false;
}

static void
model_write(struct model *m, const struct rows *rows, uint64_t n,
    uint64_t bytes)
{
	m->buffered += n;
	m->buffered_bytes += bytes;
	if ((long)m->buffered >= m->buffer_max_items)
		model_flush(m, rows);
	if (m->has_file) {
		if (m->file_max_bytes && (long)m->tell >= m->file_max_bytes)
			model_rotate(m, rows);
		else if (m->file_max_items &&
		    (long)m->items_count >= m->file_max_items)
			model_rotate(m, rows);
	}
}

static void
model_play(const struct writer_settings *s, const struct rows *rows)
{
	uint64_t id = 0, page = rows->page ? rows->page : 1, bytes, n;
	long limit = s->file_max_items ? s->file_max_items
	                               : s->buffer_max_items;
	struct model m = { 0 };

	m.buffer_max_items = limit < s->buffer_max_items ? limit
	                                                 : s->buffer_max_items;
	m.file_max_items = s->file_max_items;
	m.file_max_bytes = s->file_max_bytes;
	want.count = 0;
	want.overflow = false;
	while (id < rows->count) {
		for (bytes = n = 0; n < page && id < rows->count; n++)
			bytes += row_bytes(rows, id++);
		model_write(&m, rows, n, bytes);
	}
	model_rotate(&m, rows);
}

static bool
same(void)
{
	size_t i;

	if (got.overflow || want.overflow || got.count != want.count)
		return false;
	for (i = 0; i < got.count; i++)
		if (memcmp(&got.files[i], &want.files[i],
		        sizeof(struct file)) != 0)
			return false;
	return true;
}

static void
show(const char *name, const struct run *run)
{
	size_t i;

	printf("# %s: %zu files:", name, run->count);
	for (i = 0; i < run->count && i < 8; i++)
		printf(" (%llu,%llu,%llu)",
		    (unsigned long long)run->files[i].lines,
		    (unsigned long long)run->files[i].items,
		    (unsigned long long)run->files[i].bytes);
	putchar('\n');
}

/* ---- the tests ---- */

/* Lines and items of each file of the ten rows of appendix G. */
static void
appendix(const char *name, struct writer_settings s, uint64_t page, bool typed,
    const char *files)
{
	struct rows rows = { 10, page, typed, !typed };
	char text[256];
	size_t i, n = 0;

	if (!s.buffer_max_items)
		s.buffer_max_items = 5000;
	play(&s, &rows);
	text[0] = '\0';
	for (i = 0; i < got.count; i++) {
		const struct file *f = &got.files[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    typed ? "(%d,%d)" : "(%d)",
		    (int)(typed ? f->lines : f->items), (int)f->items);
	}
	tap_str(text, files, name);
}

#define S(...) ((struct writer_settings){ __VA_ARGS__ })

static void
test_appendix(void)
{
	appendix("nothing set", S(0), 0, true, "(1,10)");
	appendix("nothing set, normalize", S(0), 0, false, "(10)");
	appendix("buffer 3", S(.buffer_max_items = 3), 0, true, "(4,10)");
	appendix("buffer 3, normalize", S(.buffer_max_items = 3), 0, false,
	    "(10)");
	appendix("buffer 3, pages of 4", S(.buffer_max_items = 3), 4, true,
	    "(3,10)");
	appendix("3 items", S(.file_max_items = 3), 0, true,
	    "(1,3)(1,3)(1,3)(1,1)");
	appendix("3 items, normalize", S(.file_max_items = 3), 0, false,
	    "(3)(3)(3)(1)");
	appendix("3 items, pages of 4", S(.file_max_items = 3), 4, true,
	    "(1,4)(1,4)(1,2)");
	appendix("5 items, buffer 2",
	    S(.file_max_items = 5, .buffer_max_items = 2), 0, true,
	    "(3,6)(2,4)");
	appendix("5 items, buffer 2, normalize",
	    S(.file_max_items = 5, .buffer_max_items = 2), 0, false, "(6)(4)");
	appendix("20 bytes, buffer 2",
	    S(.file_max_bytes = 20, .buffer_max_items = 2), 0, true,
	    "(1,2)(1,2)(1,2)(1,2)(1,2)");
	appendix("20 bytes, buffer 2, normalize",
	    S(.file_max_bytes = 20, .buffer_max_items = 2), 0, false,
	    "(2)(2)(2)(2)(2)");
	appendix("4 items", S(.file_max_items = 4), 0, true, "(1,4)(1,4)(1,2)");
	appendix("4 items, normalize", S(.file_max_items = 4), 0, false,
	    "(4)(4)(2)");
	appendix("buffer 1, one page", S(.buffer_max_items = 1), 10, true,
	    "(1,10)");
}

static void
test_edges(void)
{
	struct writer_settings s = { .buffer_max_items = 0 };
	struct rotation r;

	rotation_init(&r, &s);
	tap_ok(!rotation_end(&r), "nothing written, nothing to end");
	tap_int(rotation_add(&r, 0, 0, 2), ROTATE_NOTHING, "an empty page");
	tap_ok(!rotation_end(&r), "an empty page begins no file");
	tap_int(rotation_add(&r, 1, 9, 2), ROTATE_FLUSH,
	    "a buffer of 0 flushes at each row");
	tap_ok(rotation_end(&r) && r.file_bytes == 11, "the file is open");
	s.file_max_items = 100000;
	s.buffer_max_items = 5000;
	rotation_init(&r, &s);
	tap_int(rotation_add(&r, UINT64_MAX, UINT64_MAX, 2), ROTATE_FILE,
	    "a page beyond all limits");
	tap_ok(!rotation_end(&r), "was one file");
	rotation_init(&r, &s);
	rotation_add(&r, 4999, UINT64_MAX, 2);
	tap_int(rotation_add(&r, 1, 1, 2), ROTATE_FLUSH, "bytes saturate");
	tap_ok(r.file_bytes == UINT64_MAX, "and do not wrap");
}

static void
test_model(void)
{
	static const long buffers[] = { 1, 2, 3, 7, 100, 5000 };
	static const long items[] = { 0, 1, 3, 5, 100, 10000 };
	static const long bytes[] = { 0, 1, 20, 333, 10000, 1000000 };
	static const uint64_t pages[] = { 0, 1, 4, 99, 1000 };
	size_t i, wrong = 0, runs = 0;

	for (i = 0; i < 6 * 6 * 6 * 5 * 2; i++) {
		struct writer_settings s = { buffers[i % 6], items[i / 6 % 6],
			bytes[i / 36 % 6], false };
		struct rows rows = { 2000 + i % 7, pages[i / 216 % 5],
			i >= 1080, false };

		play(&s, &rows);
		model_play(&s, &rows);
		runs++;
		if (!same() && wrong++ < 5) {
			printf("# buffer %ld items %ld bytes %ld page %d\n",
			    s.buffer_max_items, s.file_max_items,
			    s.file_max_bytes, (int)rows.page);
			show("got", &got);
			show("want", &want);
		}
	}
	tap_ok(runs == 2160 && wrong == 0, "%zu runs as dlt's code has them",
	    runs);
}

/* ---- what Python dlt did (tests/data/make_rotation.py) ---- */

static long
number_of(const char *line, const char *key)
{
	char quoted[64];
	const char *p;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	p = strstr(line, quoted);
	/* null reads as 0: not set */
	return p ? strtol(p + strlen(quoted), NULL, 10) : -1;
}

static bool
read_files(const char *line)
{
	const char *p = strstr(line, "\"files\":[");
	unsigned long long lines, items, bytes, repeat;
	int n;

	want.count = 0;
	want.overflow = false;
	for (p = p ? p + 9 : ""; *p == '[' || *p == ','; p += n) {
		p += *p == ',';
		n = 0;
		if (sscanf(p, "[%llu,%llu,%llu,%llu]%n", &lines, &items, &bytes,
		        &repeat, &n) != 4 ||
		    !n)
			return false;
		for (; repeat; repeat--) {
			struct file *f = last_file(&want);

			*f = (struct file){ lines, items, bytes };
			want.count++;
		}
	}
	return *p == ']';
}

/* Ids differ from run to run, so the bytes of such files are not recorded. */
static void
forget_bytes(struct run *run)
{
	size_t i;

	for (i = 0; i < run->count; i++)
		run->files[i].bytes = 0;
}

static bool
check_line(const char *line)
{
	struct writer_settings s = { number_of(line, "buffer_max_items"),
		number_of(line, "file_max_items"),
		number_of(line, "file_max_bytes"), false };
	struct rows rows = { (uint64_t)number_of(line, "rows"),
		(uint64_t)number_of(line, "page"),
		strstr(line, "\"stage\":\"extract\"") != NULL };

	if (!rows.typed)
		rows.page = 1;
	rows.with_ids = !rows.typed && strstr(line, "\"by\":\"pipeline\"");
	play(&s, &rows);
	if (!read_files(line))
		return false;
	if (rows.with_ids)
		forget_bytes(&got);
	return same();
}

/* The data stands beside the source of this test. */
static FILE *
open_data(const char *name)
{
	char path[1024];
	const char *end = strstr(__FILE__, "unit/test_jobwriter.c");

	snprintf(path, sizeof(path), "%.*sdata/%s",
	    end ? (int)(end - __FILE__) : 0, __FILE__, name);
	return fopen(path, "r");
}

static void
test_python(void)
{
	FILE *data = open_data("rotation.jsonl");
	char *line = NULL;
	size_t size = 0, count = 0, wrong = 0;

	while (data && getline(&line, &size, data) > 0) {
		count++;
		if (!check_line(line) && wrong++ < 5) {
			printf("# %.150s\n", line);
			show("got", &got);
			show("want", &want);
		}
	}
	tap_ok(count == 456 && wrong == 0, "%zu runs as Python dlt did them",
	    count);
	free(line);
	if (data)
		fclose(data);
}

int
main(void)
{
	test_appendix();
	test_edges();
	test_model();
	test_python();
	return tap_done();
}
