/* SPDX-License-Identifier: MIT */
#include "tests/unit/tap.h"

#include "common/buf.h"

int
main(void)
{
	struct buf b = { 0 };
	char *taken;

	tap_str(buf_str(&b), "", "an empty buffer is the empty string");
	buf_add(&b, "", 0);
	tap_str(buf_str(&b), "", "adding nothing");
	buf_addc(&b, 'a');
	buf_adds(&b, "bc");
	buf_addf(&b, "%d-%s", 12, "x");
	tap_str(b.data, "abc12-x", "pieces");
	tap_int((long long)b.len, 7, "length");
	buf_add(&b, "\0z", 2);
	tap_ok(b.len == 9 && b.data[7] == '\0' && b.data[9] == '\0',
	    "NUL bytes are content");
	buf_reset(&b);
	tap_ok(b.len == 0 && b.cap > 0 && !*buf_str(&b), "reset keeps memory");
	for (int i = 0; i < 100000; i++)
		buf_addf(&b, "%d,", i % 10);
	tap_ok(b.len == 200000 && b.data[b.len] == '\0', "growth");
	taken = buf_take(&b);
	tap_ok(strlen(taken) == 200000 && !b.data && !b.cap, "take");
	free(taken);
	taken = buf_take(&b);
	tap_str(taken, "", "taking nothing gives the empty string");
	free(taken);
	buf_release(&b);
	buf_release(&b);
	tap_ok(!b.data, "release twice");
	return tap_done();
}
