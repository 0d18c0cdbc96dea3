/* SPDX-License-Identifier: MIT */
/* exec:COMMAND: the rows that a program prints. */
#include "common/buf.h"
#include "common/mem.h"
#include "common/secret.h"
#include "tools/dlt-extract/input_kind.h"
#include "tools/dlt-extract/program.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME         "exec:"
#define NAME_MAX_BYTES 120

struct exec {
	struct program *program;
	char *name, *resource;
	bool begun;
};

/* On one line, not too long, and without its secrets. */
static char *
name_of(const char *text)
{
	struct buf b = { 0 };
	size_t from = 0, at, n;

	while ((at = secret_find(text, from, &n)) != 0) {
		buf_add(&b, text + from, at - from);
		buf_adds(&b, "***");
		from = at + n;
	}
	buf_adds(&b, text + from);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < ' ')
			b.data[i] = ' ';
	if (b.len > NAME_MAX_BYTES) {
		b.len = NAME_MAX_BYTES;
		while ((b.data[b.len] & 0xc0) == 0x80)
			b.len--;
		buf_adds(&b, "...");
	}
	return buf_take(&b);
}

static int
exec_check(const char *text, struct error *err)
{
	text += strlen(SCHEME);
	if (text[strspn(text, " \t\n")] == '\0')
		return error_set(err, ERR_USAGE, "exec: names no command");
	return 0;
}

static void *
exec_open(const struct input_context *in, struct error *err)
{
	struct exec *e = xcalloc(1, sizeof(*e));

	(void)err;
	e->name = name_of(in->text);
	e->program = program_new(in->text + strlen(SCHEME), e->name);
	e->resource = xstrdup(in->resource);
	return e;
}

static int
exec_next(void *self, const char **name, struct error *err)
{
	struct exec *e = self;

	if (e->begun)
		return 0;
	e->begun = true;
	*name = e->name;
	return program_start(e->program, e->resource, err) < 0 ? -1 : 1;
}

static long
exec_read(void *self, void *data, size_t len, struct error *err)
{
	return program_read(((struct exec *)self)->program, data, len, err);
}

static void
exec_cancel(void *self)
{
	program_cancel(((struct exec *)self)->program);
}

static void
exec_close(void *self)
{
	struct exec *e = self;

	program_free(e->program);
	free(e->name);
	free(e->resource);
	free(e);
}

const struct input_kind input_exec = {
	.scheme = SCHEME,
	.check = exec_check,
	.open = exec_open,
	.next = exec_next,
	.read = exec_read,
	.cancel = exec_cancel,
	.close = exec_close,
};
