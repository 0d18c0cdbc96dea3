/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/databases.h"

#include "common/dest/dataset.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME "database:"

/* SQLAlchemy's "postgresql+psycopg2://..." names a driver of Python. */
static void
drop_driver(char *url)
{
	size_t colon = strcspn(url, ":"), plus = strcspn(url, "+");

	if (plus < colon)
		memmove(url + plus, url + colon, strlen(url + colon) + 1);
}

static int
find_one(struct databases *d, char **input, struct pull_resource *plan,
    struct config *c, const char *pipeline, struct error *err)
{
	const char *start = *input + strlen(SCHEME);
	const char *colons = strstr(start, "::");
	char *name = xstrndup(start,
	    colons != NULL ? (size_t)(colons - start) : strlen(start));
	char *url = NULL, *password = NULL, *text;
	int rc = dataset_source_credentials(c, pipeline, name, &url, &password,
	    err);

	if (rc == 0 && url == NULL)
		rc = error_set(err, ERR_USAGE,
		    "database \"%s\" is not configured: "
		    "sources.%s.credentials is missing",
		    name, name);
	free(name);
	if (password != NULL) {
		d->passwords = xgrow(d->passwords, &d->cap, d->count + 1,
		    sizeof(*d->passwords));
		d->passwords[d->count++] = password;
		plan->input.password = password;
	}
	if (rc == 0) {
		drop_driver(url);
		text = xasprintf("%s%s", url, colons != NULL ? colons : "");
		free(*input);
		*input = text;
		if (strncmp(text, SCHEME, strlen(SCHEME)) == 0 ||
		    input_kind_of(text)->describe == NULL)
			rc = error_set(err, ERR_USAGE,
			    "the configured database is none that can be "
			    "read: sqlite:, postgresql: or duckdb:");
	}
	free(url);
	return rc;
}

int
databases_find(struct databases *d, struct sources *s,
    struct pull_resource *plans, struct config *c, const char *pipeline,
    struct error *err)
{
	for (size_t i = 0; i < s->count; i++) {
		struct resource *r = &s->items[i];

		for (size_t k = 0; k < r->count; k++)
			if (strncmp(r->inputs[k], SCHEME, strlen(SCHEME)) ==
			        0 &&
			    find_one(d, &r->inputs[k], &plans[i], c, pipeline,
			        err) < 0)
				return error_prefix(err, "%s: ", r->name);
	}
	return 0;
}

void
databases_release(struct databases *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->passwords[i]);
	free(d->passwords);
}
