/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/cursor/file_times.h"

#include "common/http.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/timestamp.h"
#include "tools/dlt-extract/file_list.h"
#include "tools/dlt-extract/input_kind.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Before the text of a datetime (contract.md 3). */
#define DATETIME_MARK "\xef\x80\xa7"

static char file_url[] = "file_url";
static char *key_names[] = { file_url };
const struct row_key file_times_key = { KEY_ONE, key_names, 1 };

bool
file_times_meant(const struct incremental_spec *s, const struct resource *r)
{
	if (strcmp(s->cursor, FILE_TIMES_CURSOR) != 0 || r->is_stdin)
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (input_kind_of(r->inputs[i])->scheme != NULL)
			return false;
	return r->count != 0;
}

/* The file as a row; input: perhaps ARCHIVE::PATTERN. */
static int
write_row(const char *input, struct buf *out, struct error *err)
{
	const char *members = file_members(input);
	char *path = members == NULL
	    ? xstrdup(input)
	    : xstrndup(input, (size_t)(members - 2 - input));
	struct buf url = { 0 }, time = { 0 };
	struct timestamp at;
	struct jsonw w;
	struct stat st;
	char *full = NULL;
	int rc = -1;

	if (stat(path, &st) < 0 || (full = realpath(path, NULL)) == NULL) {
		error_errno(err, "%s", path);
		goto out;
	}
	buf_adds(&url, "file://");
	http_escape(full, strlen(full), "/", &url);
	at = (struct timestamp){ .us = (int64_t)st.st_mtim.tv_sec * 1000000 +
		    st.st_mtim.tv_nsec / 1000,
		.has_zone = true };
	buf_adds(&time, DATETIME_MARK);
	timestamp_format(&at, &time);
	buf_reset(out);
	jsonw_init(&w, out, false);
	jsonw_object(&w);
	jsonw_key(&w, "file_url");
	jsonw_str(&w, buf_str(&url));
	jsonw_key(&w, FILE_TIMES_CURSOR);
	jsonw_str(&w, buf_str(&time));
	jsonw_end_object(&w);
	buf_reserve(out, SCAN_SLACK);
	rc = 0;
out:
	buf_release(&url);
	buf_release(&time);
	free(full);
	free(path);
	return rc;
}

int
file_times_select(struct resource *r, struct incremental *i, struct error *err)
{
	struct step *step = incremental_step(i);
	struct buf text = { 0 };
	size_t kept = 0, n;
	int rc = 0;

	for (n = 0; n < r->count && rc >= 0; n++) {
		struct row row = { .input = r->inputs[n], .last = true };

		rc = write_row(r->inputs[n], &text, err);
		if (rc == 0) {
			row.data = text.data;
			row.len = text.len;
			rc = step->kind->apply(step->self, &row, err);
			if (rc < 0)
				error_prefix(err, "%s: ", r->inputs[n]);
		}
		if (rc > 0)
			r->inputs[kept++] = r->inputs[n];
		else
			free(r->inputs[n]);
	}
	for (; n < r->count; n++)
		free(r->inputs[n]);
	r->count = kept;
	if (rc >= 0)
		rc = step->kind->page(step->self, err);
	free(step); /* not what it points to */
	buf_release(&text);
	return rc < 0 ? -1 : 0;
}

static int
pass(void *self, struct row *row, struct error *err)
{
	(void)self;
	(void)row;
	(void)err;
	return 1;
}

static void
release(void *self)
{
	steps_free(incremental_step(self));
}

struct step *
file_times_step(struct incremental *i)
{
	static const struct step_kind kind = { pass, NULL, release };
	struct step *s = xcalloc(1, sizeof(*s));

	s->kind = &kind;
	s->self = i;
	return s;
}
