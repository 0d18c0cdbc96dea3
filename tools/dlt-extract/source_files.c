/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/source_files.h"

#include "common/mem.h"
#include "tools/dlt-extract/file_list.h"
#include "tools/dlt-extract/input_kind.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Dropped from the end of a file's name, as many as there are. */
static const char *const suffixes[] = { ".jsonl", ".ndjson", ".jsonlines",
	".json", ".geojson", ".txt", ".log", ".gz", ".zst", ".zstd", ".xz",
	".bz2", ".lz4", ".lzma", ".z", ".tar", ".tgz", ".tbz2", ".txz", ".tzst",
	".zip", ".7z", ".cpio", ".csv", ".tsv", ".tab", ".parquet" };

static bool
is_identifier(const char *s, size_t len)
{
	if (len == 0 || isdigit((unsigned char)s[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_')
			return false;
	return true;
}

static bool
exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* The name that a file gives to its resource; malloc'd. */
static char *
name_of_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = xstrdup(slash == NULL ? path : slash + 1);
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(suffixes);) {
		size_t n = strlen(suffixes[i]);

		if (len >= n && strcasecmp(name + len - n, suffixes[i]) == 0) {
			len -= n;
			name[len] = '\0';
			i = 0;
		} else {
			i++;
		}
	}
	return name;
}

static struct resource *
find_resource(struct sources *s, const char *name)
{
	struct resource *r;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->items[i].name, name) == 0)
			return &s->items[i];
	s->items = xgrow(s->items, &s->cap, s->count + 1, sizeof(*s->items));
	r = &s->items[s->count++];
	*r = (struct resource){ .name = xstrdup(name) };
	return r;
}

static int
add_input(struct sources *s, const char *name, const char *path,
    struct error *err)
{
	struct resource *r = find_resource(s, name);

	if (strcmp(path, "-") == 0 || strncmp(path, "-::", 3) == 0) {
		if (s->is_stdin)
			return error_set(err, ERR_USAGE,
			    "standard input is given twice");
		s->is_stdin = r->is_stdin = true;
	}
	r->inputs = xgrow(r->inputs, &r->cap, r->count + 1, sizeof(char *));
	r->inputs[r->count++] = xstrdup(path);
	return 0;
}

/* A file whose name looks like an input of another kind is one all the same. */
static int
add_path(struct sources *s, const char *name, const char *path,
    struct error *err)
{
	char *plain;
	int rc;

	if (input_kind_of(path)->scheme == NULL)
		return add_input(s, name, path, err);
	plain = xasprintf("./%s", path);
	rc = add_input(s, name, plain, err);
	free(plain);
	return rc;
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What exists is a file that can be read; say early what does not. */
static int
check_file(const char *path, struct error *err)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return 0;
	if (stat(path, &st) < 0)
		return error_errno(err, "%s", path);
	if (access(path, R_OK) < 0)
		return error_errno(err, "%s", path);
	return 0;
}

/* The name that a path gives to its resource; malloc'd, or NULL. */
static char *
name_of_path(const char *path, struct error *err)
{
	char *plain = xstrdup(path), *name;
	size_t len = strlen(plain);

	while (len > 1 && plain[len - 1] == '/')
		plain[--len] = '\0';
	name = name_of_file(plain);
	free(plain);
	if (name[0] != '\0' && strspn(name, ".") != strlen(name))
		return name;
	error_set(err, ERR_USAGE,
	    "no name can be taken from \"%s\"; write NAME=%s", path, path);
	free(name);
	return NULL;
}

static int
add_directory(struct sources *s, const char *name, const char *path,
    struct error *err)
{
	struct file_list list = { 0 };
	int rc = file_list_walk(&list, path, err);

	if (rc == 0 && list.count == 0)
		rc = error_set(err, ERR_IO, "%s: no file is in it", path);
	for (size_t i = 0; i < list.count && rc == 0; i++) {
		rc = check_file(list.paths[i], err);
		if (rc == 0)
			rc = add_path(s, name, list.paths[i], err);
	}
	file_list_release(&list);
	return rc;
}

/* members: "::PATTERN" of an archive, or "". */
static int
add_file(struct sources *s, const char *name, const char *path,
    const char *members, struct error *err)
{
	char *own = NULL, *text = NULL;
	int rc = -1;

	if (check_file(path, err) < 0)
		return -1;
	if (name == NULL) {
		own = name_of_path(path, err);
		if (own == NULL)
			return -1;
		name = own;
	}
	if (is_directory(path)) {
		rc = add_directory(s, name, path, err);
	} else if (*members != '\0') {
		text = xasprintf("%s%s", path, members);
		rc = add_path(s, name, text, err);
	} else {
		rc = add_path(s, name, path, err);
	}
	free(own);
	free(text);
	return rc;
}

static int
add_pattern(struct sources *s, const char *name, const char *pattern,
    const char *members, struct error *err)
{
	glob_t g;
	int rc = 0;

	switch (glob(pattern, GLOB_ERR, NULL, &g)) {
	case 0:
		break;
	case GLOB_NOMATCH:
		return error_set(err, ERR_IO, "%s: no file matches", pattern);
	default:
		return error_errno(err, "%s", pattern);
	}
	for (size_t i = 0; i < g.gl_pathc && rc == 0; i++)
		rc = add_file(s, name, g.gl_pathv[i], members, err);
	globfree(&g);
	return rc;
}

/* What a kind makes of an operand without a name. */
static int
add_expanded(struct sources *s, const struct input_kind *kind,
    const char *input, struct error *err)
{
	struct buf list = { 0 };
	int rc = kind->expand(input, &list, err);

	for (size_t at = 0; at < list.len && rc == 0;) {
		const char *name = list.data + at;
		const char *text = name + strlen(name) + 1;

		rc = add_input(s, name, text, err);
		at = (size_t)(text + strlen(text) + 1 - list.data);
	}
	buf_release(&list);
	return rc < 0 ? -1 : 1;
}

/* Inputs that are no files; what exists is a file. 1: added; 0: a file. */
static int
add_other(struct sources *s, const char *name, const char *input,
    struct error *err)
{
	const struct input_kind *kind = input_kind_of(input);

	if (kind->scheme == NULL || exists(input))
		return 0;
	if (kind->check != NULL && kind->check(input, err) < 0)
		return -1;
	if (name == NULL && kind->expand != NULL)
		return add_expanded(s, kind, input, err);
	if (name == NULL)
		return error_set(err, ERR_USAGE,
		    "no name can be taken from \"%s\"; write NAME=%s",
		    kind->scheme, kind->scheme);
	return add_input(s, name, input, err) < 0 ? -1 : 1;
}

/* Files: a path, or a pattern; either may be that of archives, with one of
 * members behind it. */
static int
add_input_text(struct sources *s, const char *name, const char *input,
    struct error *err)
{
	const char *members = "", *pattern = file_members(input);
	const char *colons = strstr(input, "::");
	char *path = xstrdup(input);
	int rc;

	if (pattern != NULL)
		members = pattern - 2;
	else if (colons != NULL && colons[2] != '\0' && !exists(input) &&
	    strcspn(input, "*?[") < (size_t)(colons - input))
		members = colons; /* of a pattern of archives */
	if (*members != '\0')
		path[members - input] = '\0';
	if (strpbrk(path, "*?[") != NULL && !exists(path))
		rc = add_pattern(s, name, path, members, err);
	else
		rc = add_file(s, name, path, members, err);
	free(path);
	return rc;
}

static int
add_operand(struct sources *s, const char *operand, struct error *err)
{
	const char *eq = strchr(operand, '='), *input = operand;
	char *name = NULL;
	int rc = -1;

	if (eq != NULL && is_identifier(operand, (size_t)(eq - operand)) &&
	    !exists(operand)) {
		name = xstrndup(operand, (size_t)(eq - operand));
		input = eq + 1;
	}
	if (input[0] == '\0') {
		error_set(err, ERR_USAGE, "\"%s\" names no input", operand);
		goto out;
	}
	if (name == NULL && input[0] == '-' &&
	    (input[1] == '\0' || strncmp(input + 1, "::", 2) == 0)) {
		error_set(err, ERR_USAGE,
		    "rows on standard input need a name; write NAME=-");
		goto out;
	}
	rc = add_other(s, name, input, err);
	if (rc != 0) {
		rc = rc < 0 ? -1 : 0;
		goto out;
	}
	rc = add_input_text(s, name, input, err);
out:
	free(name);
	return rc;
}

int
sources_add(struct sources *s, const char *name, const char *input,
    struct error *err)
{
	int rc = add_other(s, name, input, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (strcmp(input, "-") == 0)
		return add_input(s, name, input, err);
	return add_input_text(s, name, input, err);
}

static int
add_list(struct sources *s, const char *name, const char *from,
    struct error *err)
{
	struct file_list list = { 0 };
	int rc = file_list_read(&list, from, err);

	if (rc == 0 && list.count == 0)
		rc = error_set(err, ERR_IO, "--files0-from=%s: no names", from);
	for (size_t i = 0; i < list.count && rc == 0; i++)
		rc = add_file(s, name, list.paths[i], "", err);
	file_list_release(&list);
	return rc;
}

int
sources_parse(struct sources *s, const char *name, const char *const *operands,
    size_t count, const char *files0_from, struct error *err)
{
	if (files0_from != NULL && count != 0)
		return error_set(err, ERR_USAGE,
		    "--files0-from takes the place of operands: \"%s\"",
		    operands[0]);
	if (name != NULL && name[0] == '\0')
		return error_set(err, ERR_USAGE, "-n \"\" names no resource");
	for (size_t i = 0; i < count; i++) {
		int rc = name != NULL ? add_file(s, name, operands[i], "", err)
		                      : add_operand(s, operands[i], err);

		if (rc < 0)
			return -1;
	}
	if (files0_from != NULL && add_list(s, name, files0_from, err) < 0)
		return -1;
	if (s->is_stdin && isatty(STDIN_FILENO))
		return error_set(err, ERR_USAGE,
		    "rows are not read from a terminal");
	return 0;
}

void
sources_release(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct resource *r = &s->items[i];

		for (size_t k = 0; k < r->count; k++)
			free(r->inputs[k]);
		free(r->inputs);
		free(r->name);
	}
	free(s->items);
	*s = (struct sources){ 0 };
}
