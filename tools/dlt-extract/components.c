/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/components.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/name.h"
#include "tools/dlt-extract/source_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64 /* of a pipeline */
#define DIGEST_DIGITS  8

/* The resource that stands for the component of r: the root of its chain, since
 * a resource has one parent. */
static const struct json *
root_of(const struct source_file *f, const struct json *r)
{
	const char *parent;

	while ((parent = source_parent(f, r)) != NULL)
		r = source_resource(f, parent);
	return r;
}

/* What is too long is cut, and told apart by a digest of the whole. */
static void
add_pipeline(const char *base, const struct buf *resources, struct buf *out)
{
	struct buf name = { 0 };
	struct hash *h;
	char hex[HASH_HEX_LEN + 1];

	buf_addf(&name, "%s", base);
	for (size_t i = 0; i < resources->len; i++) {
		unsigned char c = (unsigned char)resources->data[i];

		buf_addc(&name, isalnum(c) ? (char)c : '_');
	}
	if (name.len > NAME_MAX_BYTES) {
		h = hash_sha256_new();
		hash_update(h, resources->data, resources->len);
		hash_final_hex(h, hex);
		name.len = NAME_MAX_BYTES - DIGEST_DIGITS - 1;
		buf_addf(&name, "_%.*s", DIGEST_DIGITS, hex);
	}
	buf_add(out, name.data, name.len);
	buf_release(&name);
}

/* The members of the component of the i-th, which are done then. */
static int
add_members(const struct json **all, const struct json **roots, size_t i,
    size_t count, struct buf *out, struct error *err)
{
	const struct json *root = roots[i];

	for (; i < count; i++) {
		const char *name = json_get_str(all[i], "name", "");

		if (roots[i] != root)
			continue;
		roots[i] = NULL;
		if (strpbrk(name, "\t\n") != NULL)
			return error_set(err, ERR_DATA,
			    "\"%s\": a name with a tab or line break", name);
		buf_addf(out, "\t%s", name);
	}
	return 0;
}

int
components_write(struct source_file *f, const char *base,
    const char *const *names, size_t count, struct buf *out, struct error *err)
{
	size_t n = f->resources->count, found = 0;
	const struct json **all = xcalloc(n + 1, sizeof(*all));
	const struct json **roots = xcalloc(n + 1, sizeof(*roots));
	struct buf members = { 0 };
	int rc = source_file_check_names(f, names, count, err);

	for (const struct json *r = f->resources->child; r; r = r->next) {
		if (!source_file_wants(f, r, names, count))
			continue;
		all[found] = r;
		roots[found++] = root_of(f, r);
	}
	for (size_t i = 0; i < found && rc == 0; i++) {
		if (roots[i] == NULL)
			continue;
		buf_reset(&members);
		rc = add_members(all, roots, i, found, &members, err);
		add_pipeline(base, &members, out);
		buf_add(out, members.data, members.len);
		buf_addc(out, '\n');
	}
	buf_release(&members);
	free(roots);
	free(all);
	return rc;
}

int
components_show(const char *path, const char *base,
    const struct opt_list *names, struct error *err)
{
	struct source_file *f;
	struct buf out = { 0 };
	int rc;

	if (path == NULL)
		return error_set(err, ERR_USAGE,
		    "--components is for the resources of a file: -s FILE");
	f = source_file_read(path, err);
	if (f == NULL)
		return -1;
	rc = components_write(f, base != NULL ? base : source_file_name(f),
	    names->items, names->count, &out, err);
	if (rc == 0)
		fputs(buf_str(&out), stdout);
	buf_release(&out);
	source_file_free(f);
	return rc;
}
