/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/row_field.h"

#include "common/json.h"
#include "common/scan.h"

#include <string.h>

/* Is the quoted key [p, end) the field? */
static bool
key_is(const char *p, const char *end, const char *field, size_t field_len)
{
	struct json_doc doc = { 0 };
	struct error ignored;
	size_t len = (size_t)(end - p);
	bool same = false;

	if (memchr(p, '\\', len) == NULL)
		return len == field_len + 2 &&
		    memcmp(p + 1, field, field_len) == 0;
	if (json_parse(&doc, p, len, &ignored) == 0)
		same = doc.root->len == field_len &&
		    memcmp(doc.root->str, field, field_len) == 0;
	json_release(&doc);
	return same;
}

static const char *
skip_scalar(const char *p, const char *end)
{
	while (p < end && strchr(",}] \t\r\n", *p) == NULL)
		p++;
	return p;
}

const char *
row_member(const char *data, size_t data_len, const char *field,
    size_t field_len, size_t *len)
{
	const char *p = data, *end = data + data_len, *found = NULL;

	if (data_len == 0 || *p != '{')
		return NULL;
	p = scan_space(p + 1, end);
	while (p != NULL && p < end && *p == '"') {
		const char *key = p, *key_end = scan_skip(p, end), *value;

		if (key_end == NULL)
			return NULL;
		value = scan_space(scan_space(key_end, end) + 1, end);
		p = *value == '{' || *value == '[' || *value == '"'
		    ? scan_skip(value, end)
		    : skip_scalar(value, end);
		if (p == NULL)
			return NULL;
		if (key_is(key, key_end, field, field_len)) {
			found = value;
			*len = (size_t)(p - value);
		}
		p = scan_space(p, end);
		if (p < end && *p == ',')
			p = scan_space(p + 1, end);
	}
	return found;
}

int
row_field(const char *data, size_t len, const char *field, struct buf *out,
    struct error *err)
{
	struct json_doc doc = { 0 };
	const char *value;
	size_t n = 0;
	int rc = -1;

	if (len == 0 || data[0] != '{')
		return error_set(err, ERR_DATA,
		    "no object, so \"%s\" cannot name its table", field);
	value = row_member(data, len, field, strlen(field), &n);
	if (value == NULL)
		return error_set(err, ERR_DATA,
		    "no field \"%s\" to name the table", field);
	if (value[0] != '"')
		return error_set(err, ERR_DATA,
		    "field \"%s\" is no string, so it cannot name the table",
		    field);
	if (json_parse(&doc, value, n, err) < 0)
		goto out;
	if (doc.root->len == 0 || memchr(doc.root->str, 0, doc.root->len)) {
		error_set(err, ERR_DATA, "field \"%s\" cannot name a table",
		    field);
		goto out;
	}
	buf_reset(out);
	buf_add(out, doc.root->str, doc.root->len);
	rc = 0;
out:
	json_release(&doc);
	return rc;
}
