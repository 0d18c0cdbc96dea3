/* SPDX-License-Identifier: MIT */
#include "common/dest/dest.h"

#include "tests/unit/tap.h"

#include <fcntl.h>
#include <unistd.h>

static char path[] = "/tmp/test_dest_XXXXXX";
static char url[64];

static struct schema *
make_schema(void)
{
	struct schema *s = schema_new("demo");
	struct table *t = schema_add_table(s, "t", NULL, "t", "append");

	schema_infer_column(s, t, "id", 2, TYPE_BIGINT, false);
	schema_infer_column(s, t, "txt", 3, TYPE_TEXT, false);
	schema_bump(s);
	return s;
}

static void
test_urls(void)
{
	struct error err = { 0 };

	tap_ok(dest_is_url("sqlite:x"), "sqlite: is known");
	tap_ok(!dest_is_url("oracle:x"), "oracle: is not");
	tap_ok(!dest_open("oracle:x", NULL, &err), "unknown scheme");
	tap_int(err.code, ERR_USAGE, "is a usage error");
	tap_ok(!dest_open("sqlite:", NULL, &err), "empty file name");
	tap_int(err.code, ERR_USAGE, "is a usage error too");
}

static void
test_missing(void)
{
	struct dest_settings set = { .wait_s = -1, .read_only = true };
	struct error err = { 0 };
	struct buf out = { 0 };
	bool found = true;
	struct dest *d = dest_open("sqlite:/nonexistent/x.db", &set, &err);

	tap_ok(d != NULL, "a missing file is an empty destination");
	tap_int(dest_stored_schema(d, "demo", &out, &found, &err), 0,
	    "its schema");
	tap_ok(!found, "is not there");
	tap_int(dest_stored_state(d, "demo", &out, &found, &err), 0,
	    "its state");
	tap_ok(!found, "is not there either");
	dest_close(d);
	buf_release(&out);
}

/* Another process makes or removes the file while we have it open. */
static void
test_others(void)
{
	struct dest_settings reads = { .wait_s = -1, .read_only = true };
	struct dest_settings writes = { .wait_s = 0 };
	struct error err = { 0 };
	struct dest *reader, *first, *second;

	unlink(path);
	reader = dest_open(url, &reads, &err);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	dest_close(reader);
	tap_int(access(path, F_OK), 0, "a reader removes nothing");
	unlink(path);
	first = dest_open(url, &writes, &err);
	tap_int(first->ops->begin(first, &err), 0, "the one who makes a file");
	first->ops->rollback(first);
	second = dest_open(url, &writes, &err);
	tap_int(second->ops->begin(second, &err), 0, "while it is used");
	dest_close(first);
	tap_int(access(path, F_OK), 0, "does not remove it");
	second->ops->rollback(second);
	unlink(path);
	tap_int(second->ops->begin(second, &err), -1, "a file that has gone");
	tap_int(err.code, ERR_TEMP, "is an error that may pass");
	dest_close(second);
}

static void
test_rows(struct dest *d, const struct schema *s)
{
	struct cell cells[] = {
		{ .column = 0, .kind = CELL_INTEGER, .integer = 7 },
		{ .column = 1, .kind = CELL_TEXT, .len = 1, .text = "x" },
		{ .column = 1, .kind = CELL_NULL },
	};
	struct row rows[] = { { 2, 1 }, { 3, 2 }, { 3, 3 } };
	struct rows batch = { schema_table(s, "t"), cells, rows, 3, 3 };
	struct buf added = { 0 };
	struct error err = { 0 };
	size_t bad;

	tap_int(d->ops->begin(d, &err), 0, "begin");
	tap_int(d->ops->migrate(d, DEST_DATASET, batch.table, &added, &err), 0,
	    "create");
	tap_ok(strstr(buf_str(&added), "\"t\":{\"name\":\"t\"") != NULL,
	    "tells what it added");
	buf_reset(&added);
	tap_int(d->ops->migrate(d, DEST_DATASET, batch.table, &added, &err), 0,
	    "again");
	tap_int((long long)added.len, 0, "adds nothing");
	tap_int(d->ops->insert(d, DEST_DATASET, &batch, &bad, &err), 0,
	    "insert");
	tap_int((long long)bad, 3, "no bad row");
	tap_int(d->ops->commit(d, &err), 0, "commit");
	buf_release(&added);
}

static void
test_meta(struct dest *d, const struct schema *s)
{
	struct dest_mark m = { "1.5", "j", "sum", 3 };
	struct error err = { 0 };
	struct buf out = { 0 };
	uint64_t rows;
	bool found;

	tap_int(d->ops->migrate(d, DEST_DATASET,
	            schema_table(s, "_dlt_version"), NULL, &err),
	    0, "_dlt_version");
	tap_int(d->ops->migrate(d, DEST_DATASET, schema_table(s, "_dlt_loads"),
	            NULL, &err),
	    0, "_dlt_loads");
	tap_int(d->ops->has_version(d, s->hash, &found, &err), 0, "look up");
	tap_ok(!found, "version is new");
	tap_int(d->ops->add_version(d, s, &err), 0, "add it");
	tap_int(dest_stored_schema(d, "demo", &out, &found, &err), 0, "read");
	tap_ok(found && out.len && out.data[0] == '{', "as JSON");
	tap_int(d->ops->mark(d, &m, &err), 0, "mark a job");
	tap_int(d->ops->marked(d, "1.5", "j", &out, &rows, &err), 0, "ask");
	tap_str(buf_str(&out), "sum", "its checksum");
	tap_int((long long)rows, 3, "its rows");
	tap_int(d->ops->mark(d, &m, &err), -1, "twice");
	tap_int(err.code, ERR_DATA, "is refused");
	tap_int(d->ops->unmark(d, "1.5", &err), 0, "unmark");
	tap_int(d->ops->marked(d, "1.5", "j", &out, &rows, &err), 0, "ask");
	tap_int((long long)out.len, 0, "gone");
	tap_int(d->ops->add_load(d, "1.5", s, &err), 0, "load");
	tap_int(d->ops->has_load(d, "1.5", "demo", &found, &err), 0, "ask");
	tap_ok(found, "is there");
	buf_release(&out);
}

int
main(void)
{
	struct error err = { 0 };
	struct schema *s = make_schema();
	struct dest *d;
	int fd = mkstemp(path);

	close(fd);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	test_urls();
	test_missing();
	test_others();
	d = dest_open(url, NULL, &err);
	tap_ok(d != NULL, "open");
	test_rows(d, s);
	test_meta(d, s);
	dest_close(d);
	schema_free(s);
	unlink(path);
	return tap_done();
}
