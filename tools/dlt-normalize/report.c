/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "common/jsonw.h"
#include "common/msg.h"
#include "tools/dlt-normalize/wiring.h"

void
wiring_report(const struct wiring *w, bool json)
{
	struct buf b = { 0 };
	struct jsonw j;

	jsonw_init(&j, &b, false);
	jsonw_object(&j);
	jsonw_key(&j, "packages");
	jsonw_array(&j);
	if (w->totals.load_ids.len)
		jsonw_raw(&j, w->totals.load_ids.data, w->totals.load_ids.len);
	jsonw_end_array(&j);
	jsonw_key(&j, "rows");
	jsonw_int(&j, (long long)w->totals.rows);
	jsonw_key(&j, "slow_rows");
	jsonw_int(&j, (long long)w->totals.slow_rows);
	jsonw_key(&j, "rejects");
	jsonw_int(&j, (long long)w->totals.rejects);
	jsonw_end_object(&j);
	if (json && (w->output || w->pipeline))
		puts(buf_str(&b));
	msg_info("%llu packages, %llu rows (%llu by the slow lane)",
	    (unsigned long long)w->totals.packages,
	    (unsigned long long)w->totals.rows,
	    (unsigned long long)w->totals.slow_rows);
	buf_release(&b);
}
