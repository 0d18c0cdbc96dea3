/* SPDX-License-Identifier: MIT */
/* A file of any kind that common/archive.h knows, or standard input; of an
 * archive perhaps only the members that a pattern matches. */
#include "common/archive.h"
#include "common/mem.h"
#include "tools/dlt-extract/file_list.h"
#include "tools/dlt-extract/input_kind.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	char *path;
	const char *pattern; /* of members; NULL: all */
	struct input *in;
	bool matched;
};

static void
file_close(void *self)
{
	struct file *f = self;

	if (f->in != NULL)
		input_close(f->in);
	free(f->path);
	free(f);
}

static void *
file_open(const struct input_context *in, struct error *err)
{
	struct file *f = xcalloc(1, sizeof(*f));

	f->path = xstrdup(in->text);
	f->pattern = file_members(in->text);
	if (f->pattern != NULL)
		f->path[f->pattern - 2 - in->text] = '\0';
	f->in = input_open(f->path, err);
	if (f->in == NULL) {
		file_close(f);
		return NULL;
	}
	if (f->pattern != NULL)
		f->pattern = f->path + (f->pattern - in->text);
	return f;
}

/* What macOS adds to archives: attributes of the files, not data. */
static bool
is_attributes(const char *member)
{
	const char *slash = strrchr(member, '/');

	return strncmp(member, "__MACOSX/", 9) == 0 ||
	    strncmp(slash == NULL ? member : slash + 1, "._", 2) == 0;
}

static bool
is_wanted(const struct file *f, const char *member)
{
	if (is_attributes(member))
		return false;
	if (f->pattern == NULL)
		return true;
	while (strncmp(member, "./", 2) == 0)
		member += 2;
	return fnmatch(f->pattern, member, 0) == 0;
}

static int
file_next(void *self, const char **name, struct error *err)
{
	struct file *f = self;
	const char *member;
	int rc;

	while ((rc = input_next(f->in, name, err)) > 0) {
		member = input_member(f->in);
		if (member == NULL && f->pattern != NULL)
			return error_set(err, ERR_DATA,
			    "%s: is no archive, so it has no members", f->path);
		if (member == NULL || is_wanted(f, member)) {
			f->matched = true;
			return 1;
		}
	}
	if (rc == 0 && f->pattern != NULL && !f->matched)
		return error_set(err, ERR_IO, "%s: no member matches %s",
		    f->path, f->pattern);
	return rc;
}

static long
file_read(void *self, void *data, size_t len, struct error *err)
{
	return input_read(((struct file *)self)->in, data, len, err);
}

static uint64_t
file_stored(void *self)
{
	const struct file *f = self;
	struct stat st;
	int rc = strcmp(f->path, "-") == 0 ? fstat(STDIN_FILENO, &st)
	                                   : stat(f->path, &st);

	return rc == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

const struct input_kind input_file = {
	.open = file_open,
	.stored = file_stored,
	.next = file_next,
	.read = file_read,
	.close = file_close,
};
