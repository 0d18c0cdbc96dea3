/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/sync.h"

#include "common/dest/dataset.h"
#include "common/dest/dest.h"
#include "common/dest/store_settings.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static struct dest *
open_source(const struct sync_source *from, struct config *c,
    struct s3_account *account, struct error *err)
{
	struct dest_settings set = { .wait_s = -1, .read_only = true };
	char *url = NULL, *password = NULL, *dataset = NULL;
	struct dest *d = NULL;
	int rc = 0;

	if (!dest_is_url(from->destination))
		rc = dataset_credentials(c, from->working, from->destination,
		    &url, &password, err);
	if (rc == 0 && from->password_file) {
		free(password);
		password = NULL;
		rc = dataset_password(from->password_file, &password, err);
	}
	if (rc == 0 && !strncmp(url ? url : from->destination, "s3:", 3)) {
		rc = store_settings(c, from->working,
		    url ? from->destination : NULL, account, err);
		set.s3 = account;
	}
	if (rc == 0 &&
	    dataset_name(c, from->dataset, from->working, NULL, &dataset,
	        err) == 0) {
		set.dataset = dataset;
		set.password = password;
		d = dest_open(url ? url : from->destination, &set, err);
	}
	free(url);
	free(password);
	free(dataset);
	return d;
}

int
sync_read(const struct sync_source *from, struct config *c,
    const char *schema_name, const char *pipeline, struct schema **s,
    struct buf *state, struct error *err)
{
	struct s3_account account = { 0 };
	struct dest *d = open_source(from, c, &account, err);
	struct buf json = { 0 };
	bool found = false;
	int rc = -1;

	*s = NULL;
	if (d == NULL ||
	    dest_stored_schema(d, schema_name, &json, &found, err) < 0)
		goto out;
	if (found) {
		*s = schema_parse(json.data, json.len, err);
		if (*s == NULL)
			goto out;
	}
	buf_reset(state);
	if (dest_stored_state(d, pipeline, state, &found, err) < 0)
		goto out;
	if (!found)
		buf_reset(state);
	rc = 0;
out:
	if (rc < 0)
		error_prefix(err, "--sync: ");
	buf_release(&json);
	dest_close(d);
	s3_account_release(&account);
	return rc;
}
