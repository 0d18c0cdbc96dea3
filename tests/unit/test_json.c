/* SPDX-License-Identifier: MIT */
#include "tests/unit/tap.h"

int
main(void)
{
	tap_ok(true, "builds");
	return tap_done();
}
