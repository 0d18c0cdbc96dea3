/* SPDX-License-Identifier: MIT */
/* Delimited text: what a record gives must be JSON, and the same whether the
 * text is there at once or comes in pieces. */
#include "common/mem.h"
#include "common/scan.h"
#include "tools/dlt-extract/csv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_row(const struct csv_record *r)
{
	char *text = xcalloc(1, r->len + SCAN_SLACK);
	struct scan s;

	memcpy(text, r->data, r->len);
	if (scan_value(text, text + r->len, true, &s) != SCAN_OK ||
	    s.next != text + r->len || s.has_newline)
		abort();
	free(text);
}

/* The record at `at` of all, seen through a window that grows by `step`. */
static enum csv_status
in_pieces(struct csv *c, const char *text, size_t at, size_t size, size_t step,
    struct csv_record *r, size_t *next)
{
	for (size_t seen = at + step;; seen += step) {
		bool final = seen >= size;
		size_t len = (final ? size : seen) - at;
		char *window = xcalloc(1, len + SCAN_SLACK);
		enum csv_status st;

		memcpy(window, text + at, len);
		st = csv_next(c, window, window + len, final, r);
		*next = at;
		if (st == CSV_ROW || st == CSV_NONE)
			*next += (size_t)(r->next - window);
		else if (r->at < window || r->at > window + len)
			abort();
		free(window);
		if (st != CSV_MORE)
			return st;
		if (final)
			abort();
	}
}

static void
compare(struct csv *whole, struct csv *parts, const char *text, size_t size,
    size_t step)
{
	struct csv_record a = { 0 }, b = { 0 };
	size_t at = 0, next;

	while (at < size) {
		enum csv_status st = csv_next(whole, text + at, text + size,
		    true, &a);

		if (in_pieces(parts, text, at, size, step, &b, &next) != st)
			abort();
		if (st == CSV_BAD)
			return;
		if (next <= at || next != (size_t)(a.next - text) ||
		    a.lines != b.lines)
			abort();
		if (st == CSV_ROW) {
			check_row(&a);
			if (a.len != b.len ||
			    memcmp(a.data, b.data, a.len) != 0)
				abort();
		}
		at = next;
	}
}

static void
run(const char *text, size_t size)
{
	struct csv_format f = { .delimiter = ',', .quote = '"' };
	struct csv *whole = csv_new(), *parts = csv_new();
	struct error err;

	f.missing = size % 2 != 0;
	f.extra = (enum csv_extra)(size % 3);
	f.quote = size % 5 != 0 ? '"' : '\0';
	f.names = size % 7 == 0 ? "a,b" : NULL;
	if (csv_begin(whole, &f, &err) < 0 || csv_begin(parts, &f, &err) < 0)
		abort();
	if (size % 11 != 0) {
		csv_sample(whole, text, text + size, true);
		csv_sample(parts, text, text + size, true);
	}
	compare(whole, parts, text, size, 1 + size % 13);
	csv_free(whole);
	csv_free(parts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xcalloc(1, size + SCAN_SLACK);

	if (size != 0)
		memcpy(text, data, size);
	run(text, size);
	/* the corpus is JSON: more lines and fields make it more like CSV */
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '{' || text[i] == ']')
			text[i] = '\n';
		else if (text[i] == ':' || text[i] == '[')
			text[i] = ',';
	}
	run(text, size);
	free(text);
	return 0;
}
