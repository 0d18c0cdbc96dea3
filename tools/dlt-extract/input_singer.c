/* SPDX-License-Identifier: MIT */
/*
 * singer:COMMAND: the streams of a Singer tap. Rows are gathered for each stream,
 * so that streams that alternate cost no more than one; what a tap says of its
 * state holds from the next time that all rows before have been handed on.
 *
 * Source: hub.singer.io/docs/spec.
 */
#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/scan.h"
#include "tools/dlt-extract/input_kind.h"
#include "tools/dlt-extract/program.h"
#include "tools/dlt-extract/row_field.h"
#include "tools/dlt-extract/singer_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEME      "singer:"
#define BATCH_BYTES ((size_t)256 << 10)
#define ALL_BYTES   ((size_t)16 << 20) /* gathered, of all streams */
#define READ_BYTES  ((size_t)64 << 10)
#define LINE_BYTES  (MAX_ROW + ((size_t)1 << 20))
#define NO_PART     SIZE_MAX

struct stream {
	char *name, *shown;
	struct buf schema; /* as it was sent */
	struct buf hints;
	struct buf rows;
	size_t part;
};

struct singer {
	struct program *program;
	char *command, *name, *resource;
	char *state_path;        /* of what the last run has kept, or NULL */
	struct buf in;           /* [at, len) is still to be read */
	size_t at, seen;         /* no line break before it */
	uint64_t line;           /* that is read, from 1 */
	struct stream **streams; /* by their names */
	size_t count, cap;
	size_t parts;
	size_t gathered; /* bytes of rows */
	struct stream *last, *full, *current;
	size_t taken;
	struct buf state;
	bool begun, ended, closed;
	bool flush;    /* the rows of all streams are to be handed on */
	bool fresh;    /* there is a state that has not been handed on */
	bool settled;  /* the open member is the last before it */
	bool has_said; /* that a message is not known */
};

/* ---- the operand ---- */

static int
singer_check(const char *text, struct error *err)
{
	text += strlen(SCHEME);
	if (text[strspn(text, " \t\n")] == '\0')
		return error_set(err, ERR_USAGE, "singer: names no command");
	return 0;
}

/* ---- streams ---- */

/* Where the stream is, or belongs. */
static size_t
stream_slot(const struct singer *s, const char *name, size_t len)
{
	size_t from = 0, to = s->count;

	while (from < to) {
		size_t mid = (from + to) / 2;
		const char *other = s->streams[mid]->name;
		int c = strncmp(other, name, len);

		if (c == 0 && other[len] != '\0')
			c = 1;
		if (c == 0)
			return mid;
		if (c < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static struct stream *
find_stream(struct singer *s, const char *name, size_t len)
{
	size_t i;

	if (s->last != NULL && strncmp(s->last->name, name, len) == 0 &&
	    s->last->name[len] == '\0')
		return s->last;
	i = stream_slot(s, name, len);
	if (i < s->count && strncmp(s->streams[i]->name, name, len) == 0 &&
	    s->streams[i]->name[len] == '\0')
		return s->last = s->streams[i];
	return NULL;
}

static struct stream *
add_stream(struct singer *s, const char *name)
{
	size_t i = stream_slot(s, name, strlen(name));
	struct stream *st = xcalloc(1, sizeof(*st));

	st->name = xstrdup(name);
	st->shown = xasprintf("%s: %s", s->name, name);
	st->part = NO_PART;
	s->streams = xgrow(s->streams, &s->cap, s->count + 1,
	    sizeof(struct stream *));
	memmove(s->streams + i + 1, s->streams + i,
	    (s->count - i) * sizeof(struct stream *));
	s->streams[i] = st;
	s->count++;
	return st;
}

/* ---- messages ---- */

static int
bad(const struct singer *s, struct error *err, const char *what)
{
	return error_set(err, ERR_DATA, "%s:%llu: %s", s->name,
	    (unsigned long long)s->line, what);
}

/* The name of a message's stream, malloc'd. */
static char *
stream_name(const char *value, size_t len)
{
	struct json_doc doc = { 0 };
	struct error ignored;
	char *name = NULL;

	if (value != NULL && json_parse(&doc, value, len, &ignored) == 0 &&
	    doc.root->kind == JSON_STRING && doc.root->len != 0 &&
	    strlen(doc.root->str) == doc.root->len)
		name = xstrdup(doc.root->str);
	json_release(&doc);
	return name;
}

/* 1; 2: the stream's rows have to be handed on first. */
static int
take_schema(struct singer *s, const char *line, size_t len, struct error *err)
{
	struct json_doc doc = { 0 };
	const struct json *schema;
	struct stream *st;
	const char *name;
	int rc = -1;

	if (json_parse(&doc, line, len, err) < 0)
		goto out;
	schema = json_get(doc.root, "schema");
	name = json_get_str(doc.root, "stream", "");
	if (*name == '\0' || schema == NULL || schema->kind != JSON_OBJECT) {
		bad(s, err,
		    "a SCHEMA message needs \"stream\", a string, and "
		    "\"schema\", an object");
		goto out;
	}
	rc = 1;
	st = find_stream(s, name, strlen(name));
	if (st == NULL)
		st = add_stream(s, name);
	if (st->schema.len == len && memcmp(st->schema.data, line, len) == 0)
		goto out;
	if (st->rows.len != 0) {
		s->full = st;
		rc = 2;
		goto out;
	}
	st->part = NO_PART;
	buf_reset(&st->schema);
	buf_add(&st->schema, line, len);
	buf_reset(&st->hints);
	singer_schema_hints(schema, json_get(doc.root, "key_properties"),
	    &st->hints);
out:
	json_release(&doc);
	return rc;
}

static int
take_record(struct singer *s, const char *line, size_t len, struct error *err)
{
	size_t name_len = 0, record_len = 0;
	const char *name = row_member(line, len, "stream", 6, &name_len);
	const char *record = row_member(line, len, "record", 6, &record_len);
	struct stream *st = NULL;
	char *decoded;

	if (record == NULL || *record != '{')
		return bad(s, err,
		    "a RECORD message needs \"record\", an object");
	if (name != NULL && *name == '"' &&
	    memchr(name, '\\', name_len) == NULL)
		st = find_stream(s, name + 1, name_len - 2);
	if (st == NULL) {
		decoded = stream_name(name, name_len);
		if (decoded == NULL)
			return bad(s, err,
			    "a RECORD message needs \"stream\", a string");
		st = find_stream(s, decoded, strlen(decoded));
		if (st == NULL)
			error_set(err, ERR_DATA,
			    "%s:%llu: a RECORD of the stream \"%s\" before its "
			    "SCHEMA",
			    s->name, (unsigned long long)s->line, decoded);
		free(decoded);
		if (st == NULL)
			return -1;
	}
	if (record_len > MAX_ROW)
		return bad(s, err, "this record is longer than 16 MiB");
	buf_add(&st->rows, record, record_len);
	buf_addc(&st->rows, '\n');
	s->gathered += record_len + 1;
	if (st->rows.len >= BATCH_BYTES)
		s->full = st;
	s->flush = s->flush || s->gathered >= ALL_BYTES;
	return 1;
}

static int
take_state(struct singer *s, const char *line, size_t len, struct error *err)
{
	size_t n = 0;
	const char *value = row_member(line, len, "value", 5, &n);

	if (value == NULL)
		return bad(s, err, "a STATE message needs \"value\"");
	buf_reset(&s->state);
	buf_add(&s->state, value, n);
	s->fresh = true;
	s->flush = s->gathered >= BATCH_BYTES;
	return 1;
}

static bool
is_type(const char *type, size_t len, const char *name)
{
	return len == strlen(name) + 2 && memcmp(type + 1, name, len - 2) == 0;
}

/* A whole line, with SCAN_SLACK bytes behind it: 1; 2: again later; -1. */
static int
take_line(struct singer *s, const char *line, size_t len, struct error *err)
{
	struct scan scan = { 0 };
	const char *end = line + len, *type;
	size_t n = 0;

	line = scan_space(line, end);
	if (line == NULL || line >= end)
		return 1;
	if (*line != '{' || scan_value(line, end, true, &scan) != SCAN_OK ||
	    scan_space(scan.next, end) < end)
		return bad(s, err,
		    "this is no message of Singer: a tap prints one JSON "
		    "object in each line, and nothing else");
	len = (size_t)(scan.next - line);
	type = row_member(line, len, "type", 4, &n);
	if (type == NULL || *type != '"')
		return bad(s, err, "a message of Singer needs \"type\"");
	if (is_type(type, n, "RECORD"))
		return take_record(s, line, len, err);
	if (is_type(type, n, "SCHEMA"))
		return take_schema(s, line, len, err);
	if (is_type(type, n, "STATE"))
		return take_state(s, line, len, err);
	if (is_type(type, n, "BATCH"))
		return bad(s, err,
		    "BATCH messages are not supported; configure the tap "
		    "without \"batch_config\"");
	if (!is_type(type, n, "ACTIVATE_VERSION") && !s->has_said) {
		s->has_said = true;
		msg_warn("%s:%llu: messages of the type %.*s are ignored",
		    s->name, (unsigned long long)s->line, n > 40 ? 40 : (int)n,
		    type);
	}
	return 1;
}

/* The next line: 1; 0: there are no more; -1. */
static int
find_line(struct singer *s, size_t *len, struct error *err)
{
	for (;;) {
		size_t left = s->in.len - s->at;
		char *lf = left > s->seen
		    ? memchr(s->in.data + s->at + s->seen, '\n', left - s->seen)
		    : NULL;
		long n;

		if (lf != NULL || (s->ended && left != 0)) {
			*len = lf != NULL ? (size_t)(lf - s->in.data) - s->at
			                  : left;
			return 1;
		}
		if (s->ended)
			return 0;
		if (left > LINE_BYTES)
			return bad(s, err, "this line is longer than 17 MiB");
		s->seen = left;
		if (s->at != 0)
			memmove(s->in.data, s->in.data + s->at, left);
		s->at = 0;
		s->in.len = left;
		buf_reserve(&s->in,
		    (left > READ_BYTES ? left : READ_BYTES) + SCAN_SLACK);
		n = program_read(s->program, s->in.data + left, READ_BYTES,
		    err);
		if (n < 0)
			return -1;
		s->in.len += (size_t)n;
		memset(s->in.data + s->in.len, 0, SCAN_SLACK);
		s->ended = n == 0;
	}
}

/* Until there are rows to hand on: 1; 0: it is the end; -1. */
static int
gather(struct singer *s, struct error *err)
{
	while (s->full == NULL && !s->flush) {
		size_t len = 0;
		int rc = find_line(s, &len, err);

		if (rc < 0)
			return -1;
		if (rc == 0) {
			s->flush = true;
			s->closed = true;
			break;
		}
		rc = take_line(s, s->in.data + s->at, len, err);
		if (rc < 0)
			return -1;
		if (rc == 2)
			break;
		s->at += len;
		s->at += s->at < s->in.len;
		s->seen = 0;
		s->line++;
	}
	return 1;
}

/* ---- the kind ---- */

static void
singer_close(void *self)
{
	struct singer *s = self;

	program_free(s->program);
	if (s->state_path != NULL)
		unlink(s->state_path);
	for (size_t i = 0; i < s->count; i++) {
		struct stream *st = s->streams[i];

		buf_release(&st->schema);
		buf_release(&st->hints);
		buf_release(&st->rows);
		free(st->name);
		free(st->shown);
		free(st);
	}
	free(s->streams);
	buf_release(&s->in);
	buf_release(&s->state);
	free(s->state_path);
	free(s->command);
	free(s->name);
	free(s->resource);
	free(s);
}

/* For nobody else to read: a state may hold what a tap was told. */
static int
write_state(struct singer *s, const char *state, struct error *err)
{
	char *path = temp_path("dlt-singer-XXXXXX");
	int fd = mkostemp(path, O_CLOEXEC), rc = 0;

	if (fd < 0) {
		error_errno(err, "%s", path);
		free(path);
		return -1;
	}
	s->state_path = path;
	if (write_fully(fd, state, strlen(state)))
		rc = error_errno(err, "%s", path);
	if (close(fd) < 0 && rc == 0)
		rc = error_errno(err, "%s", path);
	return rc;
}

/* 'It''s' as the shell takes it. */
static void
add_quoted(struct buf *b, const char *text)
{
	buf_addc(b, '\'');
	for (; *text != '\0'; text++)
		if (*text == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addc(b, *text);
	buf_addc(b, '\'');
}

static void *
singer_open(const struct input_context *in, struct error *err)
{
	struct singer *s = xcalloc(1, sizeof(*s));
	struct buf command = { 0 };

	s->line = 1;
	s->name = program_name(in->text);
	s->resource = xstrdup(in->resource);
	buf_adds(&command, in->text + strlen(SCHEME));
	if (in->kept != NULL) {
		if (write_state(s, in->kept, err) < 0) {
			buf_release(&command);
			singer_close(s);
			return NULL;
		}
		buf_adds(&command, " --state ");
		add_quoted(&command, s->state_path);
	}
	s->command = buf_take(&command);
	s->program = program_new(s->command, s->name);
	return s;
}

/* The rows of a stream that are to be handed on, or NULL. */
static struct stream *
next_stream(struct singer *s)
{
	struct stream *st = s->full;

	s->full = NULL;
	for (size_t i = 0; i < s->count && st == NULL && s->flush; i++)
		if (s->streams[i]->rows.len != 0)
			st = s->streams[i];
	if (st == NULL)
		return NULL;
	if (st->part == NO_PART)
		st->part = s->parts++;
	s->gathered -= st->rows.len;
	return st;
}

static int
singer_next(void *self, const char **name, struct error *err)
{
	struct singer *s = self;

	if (!s->begun && program_start(s->program, s->resource, err) < 0)
		return -1;
	s->begun = true;
	s->taken = 0;
	if (s->current != NULL)
		buf_reset(&s->current->rows);
	for (;;) {
		s->current = next_stream(s);
		if (s->current != NULL)
			break;
		if (s->flush && s->fresh) { /* with no rows of its own */
			s->settled = true;
			break;
		}
		s->flush = false;
		if (s->closed)
			return 0;
		if (gather(s, err) < 0)
			return -1;
	}
	*name = s->current != NULL ? s->current->shown : s->name;
	return 1;
}

static long
singer_read(void *self, void *data, size_t len, struct error *err)
{
	struct singer *s = self;
	size_t n = s->current != NULL ? s->current->rows.len - s->taken : 0;

	(void)err;
	n = n < len ? n : len;
	if (n > 0)
		memcpy(data, s->current->rows.data + s->taken, n);
	s->taken += n;
	return (long)n;
}

static bool
singer_part(void *self, struct input_part *part)
{
	struct singer *s = self;

	if (s->current == NULL)
		return false;
	*part = (struct input_part){ .number = s->current->part,
		.table = s->current->name,
		.described = buf_str(&s->current->hints) };
	return true;
}

static void
singer_kept(void *self, struct buf *json)
{
	struct singer *s = self;

	if (!s->settled)
		return;
	buf_add(json, s->state.data, s->state.len);
	s->settled = s->fresh = false;
}

static void
singer_cancel(void *self)
{
	program_cancel(((struct singer *)self)->program);
}

const struct input_kind input_singer = {
	.scheme = SCHEME,
	.keeps = "singer",
	.check = singer_check,
	.open = singer_open,
	.next = singer_next,
	.read = singer_read,
	.part = singer_part,
	.kept = singer_kept,
	.cancel = singer_cancel,
	.close = singer_close,
};
