/* SPDX-License-Identifier: MIT */
/* What json_parse() accepts is written and parsed again: the same text must
 * come out. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = { 0 }, again = { 0 };
	struct buf one = { 0 }, two = { 0 };
	struct error err;
	char *text = xstrndup((const char *)data, size);

	if (json_parse(&doc, text, size, &err) == 0) {
		json_write(doc.root, JSON_WRITE_SORTED, &one);
		if (json_parse(&again, one.data, one.len, &err) != 0)
			abort();
		json_write(again.root, JSON_WRITE_SORTED, &two);
		if (one.len != two.len ||
		    memcmp(one.data, two.data, one.len) != 0)
			abort();
	}
	json_release(&doc);
	json_release(&again);
	buf_release(&one);
	buf_release(&two);
	free(text);
	return 0;
}
