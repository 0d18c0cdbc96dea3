/* SPDX-License-Identifier: MIT */
/* exec:COMMAND: the rows that a program prints. */
#include "common/mem.h"
#include "tools/dlt-extract/input_kind.h"
#include "tools/dlt-extract/program.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME "exec:"

struct exec {
	struct program *program;
	char *name, *resource;
	bool begun;
};

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
	e->name = program_name(in->text);
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
