/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/step.h"

#include <stdlib.h>

void
steps_free(struct step *first)
{
	while (first != NULL) {
		struct step *next = first->next;

		if (first->kind->free != NULL)
			first->kind->free(first->self);
		free(first);
		first = next;
	}
}
