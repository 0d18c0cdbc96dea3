/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/step_jq.h"

struct step *
step_jq_new(enum step_jq kind, const char *program, struct error *err)
{
	(void)kind;
	(void)program;
	error_set(err, ERR_USAGE, "this program was built without libjq");
	return NULL;
}
