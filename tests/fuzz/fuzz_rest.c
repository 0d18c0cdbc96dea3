/* SPDX-License-Identifier: MIT */
/* Answers of APIs: whatever they hold, their rows are lines of JSON arrays, as
 * many as were counted, and no row is changed. Any text may be a JSONPath, or
 * have placeholders. */
#include "common/http.h"
#include "common/mem.h"
#include "tools/dlt-extract/rest/rest_detect.h"
#include "tools/dlt-extract/rest/rest_rows.h"
#include "tools/dlt-extract/rest/rest_text.h"
#include "tools/dlt-extract/source_check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No settings are read. */

int
source_blame(const struct source_file *f, const struct json *v, bool key,
    struct error *err)
{
	(void)f;
	(void)v;
	(void)key;
	(void)err;
	abort();
}

int
source_check_kind(const struct source_file *f, const struct json *v,
    const char *name, unsigned kinds, struct error *err)
{
	(void)name;
	(void)kinds;
	return source_blame(f, v, false, err);
}

int
source_check_keys(const struct source_file *f, const struct json *object,
    const struct source_key *keys, size_t count, struct error *err)
{
	(void)keys;
	(void)count;
	return source_blame(f, object, false, err);
}

static void
check_lines(const struct buf *out, size_t count)
{
	const char *p = buf_str(out), *end = p + out->len, *line;
	struct json_doc doc = { 0 };
	struct error err;
	size_t n = 0;

	for (; p < end; p = line + 1) {
		line = memchr(p, '\n', (size_t)(end - p));
		if (line == NULL ||
		    json_parse(&doc, p, (size_t)(line - p), &err) < 0 ||
		    doc.root->kind != JSON_ARRAY || doc.root->count == 0)
			abort();
		n += doc.root->count;
	}
	if (n != count)
		abort();
	json_release(&doc);
}

static void
check_rows(const struct json *answer)
{
	char key[] = "_p";
	struct rest_member member = { key, answer };
	struct buf out = { 0 };
	struct error err;
	struct jsonpath *p = rest_detect_selector(answer, &err);
	size_t count;

	if (p == NULL)
		return;
	if (rest_rows_write(answer, p, NULL, 0, &out, &count, &err) < 0)
		abort();
	check_lines(&out, count);
	buf_reset(&out);
	if (rest_rows_write(answer, p, &member, 1, &out, &count, &err) == 0 &&
	    answer->raw_len < 10000)
		check_lines(&out, count);
	jsonpath_free(p);
	buf_release(&out);
}

static void
check_pages(const struct json *answer)
{
	struct buf url = { 0 };
	struct arena arena = { 0 };
	struct http_response http = { 0 };
	struct rest_pages pages = { 0 };
	struct rest_changing request = { .arena = &arena, .url = &url };
	struct rest_answer a = { .http = &http, .json = answer };
	struct error err;

	buf_adds(&url, "http://h/a");
	if (rest_pages_begin(&pages, NULL, &request, &err) < 0)
		abort();
	for (int i = 0; i < 3; i++)
		if (rest_pages_next(&pages, &a, &request, &err) != 1)
			break;
	rest_pages_release(&pages);
	arena_release(&arena);
	buf_release(&url);
}

static bool
count_value(void *arg, const struct json *v)
{
	(void)v;
	return ++*(int *)arg < 1000;
}

static void
check_text(const char *text, const struct json *answer)
{
	struct rest_values values = { 0 };
	struct buf out = { 0 };
	struct error err;
	struct jsonpath *p = jsonpath_new(text, &err);
	int n = 0;

	if (p != NULL && answer != NULL)
		jsonpath_each(p, answer, count_value, &n);
	jsonpath_free(p);
	rest_values_add(&values, "a", answer);
	if (answer != NULL)
		rest_text_expand(text, &values, &out, &err);
	rest_detect_single(text);
	free(values.items);
	buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct json_doc doc = { 0 };
	struct error err;

	if (json_parse(&doc, (const char *)data, size, &err) == 0) {
		check_rows(doc.root);
		check_pages(doc.root);
		for (const struct json *v = doc.root->child; v; v = v->next)
			if (v->kind == JSON_STRING)
				check_text(v->str, doc.root);
	}
	check_text(text, NULL);
	json_release(&doc);
	free(text);
	return 0;
}
