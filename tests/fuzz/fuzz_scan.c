/* SPDX-License-Identifier: MIT */
/* Two independent checks of the same grammar: scan_value() and json_parse()
 * must agree on every text, and scan_skip() on every valid one. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = { 0 };
	struct error err;
	struct scan s;
	char *text = xcalloc(1, size + SCAN_SLACK);
	const char *end = text + size, *p;
	bool json, scan;

	if (size)
		memcpy(text, data, size);
	json = json_parse(&doc, text, size, &err) == 0;
	p = scan_space(text, end);
	scan = scan_value(p, end, true, &s) == SCAN_OK &&
	    scan_space(s.next, end) == end;
	if (json != scan)
		abort();
	if (json && doc.root->kind >= JSON_STRING &&
	    scan_skip(p, end) != s.next)
		abort();
	json_release(&doc);
	free(text);
	return 0;
}
