/* SPDX-License-Identifier: MIT */
/*
 * Objects that are sent in parts, and are not there before the last.
 */
#include "common/s3_private.h"

#include "common/mem.h"
#include "common/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 10000

struct answer {
	const char *want; /* the path of an element */
	struct buf text;
	struct buf code, message; /* of an error that comes with status 200 */
};

static int
note_answer(const char *path, const char *text, void *arg, struct error *err)
{
	struct answer *a = arg;

	(void)err;
	if (!strcmp(path, a->want))
		buf_adds(&a->text, text);
	else if (!strcmp(path, "Error/Code"))
		buf_adds(&a->code, text);
	else if (!strcmp(path, "Error/Message"))
		buf_addf(&a->message, "%.200s", text);
	return 0;
}

static int
read_answer(struct s3 *s, const char *key, struct answer *a, struct error *err)
{
	if (s3_xml(buf_str(&s->resp.body), s->resp.body.len, note_answer, a,
	        err) < 0)
		return error_prefix(err, "s3://%s/%s: ", s->bucket, key);
	if (a->code.len)
		return error_set(err,
		    s3_is_temporary(200, a->code.data) ? ERR_TEMP : ERR_REMOTE,
		    "s3://%s/%s: %s: %s", s->bucket, key, a->code.data,
		    buf_str(&a->message));
	if (!a->text.len)
		return error_set(err, ERR_REMOTE,
		    "s3://%s/%s: the answer has no %s", s->bucket, key,
		    a->want);
	return 0;
}

static void
release_answer(struct answer *a)
{
	buf_release(&a->text);
	buf_release(&a->code);
	buf_release(&a->message);
}

int
s3_upload_begin(struct s3 *s, const char *key, struct s3_upload *u,
    struct error *err)
{
	static const struct sigv4_pair pairs[] = { { "uploads", "" } };
	const struct s3_request r = {
		.method = "POST", .key = key, .query = pairs, .query_count = 1
	};
	struct answer a = { .want = "InitiateMultipartUploadResult/UploadId" };
	int rc = -1;

	*u = (struct s3_upload){ 0 };
	if (s3_send(s, &r, err) == 0 && s3_check(s, key, err) == 0 &&
	    read_answer(s, key, &a, err) == 0) {
		u->key = xstrdup(key);
		u->id = buf_take(&a.text);
		buf_adds(&u->parts, "<CompleteMultipartUpload>");
		rc = 0;
	}
	release_answer(&a);
	return rc;
}

int
s3_upload_part(struct s3 *s, struct s3_upload *u, const void *data, size_t len,
    struct error *err)
{
	char number[24];
	const struct sigv4_pair pairs[] = { { "partNumber", number },
		{ "uploadId", u->id } };
	const struct s3_request r = { .method = "PUT",
		.key = u->key,
		.query = pairs,
		.query_count = 2,
		.data = len ? data : "",
		.len = len };
	const char *etag;

	if (u->count == PARTS_MAX)
		return error_set(err, ERR_REMOTE,
		    "s3://%s/%s: has more than %d parts", s->bucket, u->key,
		    PARTS_MAX);
	snprintf(number, sizeof(number), "%zu", u->count + 1);
	if (s3_send(s, &r, err) < 0 || s3_check(s, u->key, err) < 0)
		return -1;
	etag = http_header(&s->resp, "etag");
	if (!etag)
		return error_set(err, ERR_REMOTE,
		    "s3://%s/%s: the answer has no ETag", s->bucket, u->key);
	buf_adds(&u->parts, "<Part><PartNumber>");
	buf_adds(&u->parts, number);
	buf_adds(&u->parts, "</PartNumber><ETag>");
	s3_xml_escape(etag, &u->parts);
	buf_adds(&u->parts, "</ETag></Part>");
	u->count++;
	u->size += len;
	return 0;
}

/* An end that was heard, but whose answer was not, cannot be said again: the
 * object is there then. */
static int
settle_end(struct s3 *s, const struct s3_upload *u, struct error *err)
{
	struct error why = *err;
	uint64_t size;
	bool found;

	if (s3_head(s, u->key, &found, &size, err) == 0 && found &&
	    size == u->size)
		return 0;
	*err = why;
	return -1;
}

int
s3_upload_end(struct s3 *s, struct s3_upload *u, struct error *err)
{
	const struct sigv4_pair pairs[] = { { "uploadId", u->id } };
	struct s3_request r = { .method = "POST",
		.key = u->key,
		.query = pairs,
		.query_count = 1 };
	struct answer a = { .want = "CompleteMultipartUploadResult/ETag" };
	size_t len = u->parts.len;
	int rc = -1;

	buf_adds(&u->parts, "</CompleteMultipartUpload>");
	r.data = u->parts.data;
	r.len = u->parts.len;
	if (s3_send(s, &r, err) == 0) {
		if (s3_check(s, u->key, err) == 0)
			rc = read_answer(s, u->key, &a, err);
		else if (s->resp.status == 404)
			rc = settle_end(s, u, err);
	}
	u->parts.data[u->parts.len = len] = '\0';
	release_answer(&a);
	return rc;
}

static void
abort_one(struct s3 *s, const char *key, const char *id)
{
	const struct sigv4_pair pairs[] = { { "uploadId", id } };
	const struct s3_request r = { .method = "DELETE",
		.key = key,
		.query = pairs,
		.query_count = 1,
		.deaf = true };
	struct error ignored;

	s3_send(s, &r, &ignored);
}

void
s3_upload_abort(struct s3 *s, struct s3_upload *u)
{
	if (u->id)
		abort_one(s, u->key, u->id);
}

void
s3_upload_release(struct s3_upload *u)
{
	free(u->key);
	free(u->id);
	buf_release(&u->parts);
	*u = (struct s3_upload){ 0 };
}

/* ---- what others have left ---- */

struct found_upload {
	char *key, *id;
	int64_t began_us;
};

struct found_uploads {
	struct found_upload now, *items;
	size_t count, cap;
};

static void
replace(char **text, const char *by)
{
	free(*text);
	*text = xstrdup(by);
}

static int
note_upload(const char *path, const char *text, void *arg, struct error *err)
{
	static const char root[] = "ListMultipartUploadsResult/Upload";
	struct found_uploads *u = arg;
	struct iso iso;

	(void)err;
	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (!strcmp(path, "/Key")) {
		replace(&u->now.key, text);
	} else if (!strcmp(path, "/UploadId")) {
		replace(&u->now.id, text);
	} else if (!strcmp(path, "/Initiated")) {
		iso_parse(text, strlen(text), &iso);
		u->now.began_us = iso.kind == ISO_DATETIME &&
		        timestamp_to_utc(&iso.ts)
		    ? iso.ts.us
		    : INT64_MAX;
	} else if (!*path && u->now.key && u->now.id && u->now.began_us) {
		u->items = xgrow(u->items, &u->cap, u->count + 1,
		    sizeof(*u->items));
		u->items[u->count++] = u->now;
		u->now = (struct found_upload){ 0 };
	}
	return 0;
}

void
s3_upload_sweep(struct s3 *s, const char *prefix, int64_t before)
{
	const struct sigv4_pair pairs[] = { { "uploads", "" },
		{ "prefix", prefix } };
	const struct s3_request r = {
		.method = "GET", .query = pairs, .query_count = 2
	};
	struct found_uploads u = { 0 };
	struct error ignored;

	if (s3_send(s, &r, &ignored) == 0 && s->resp.status == 200)
		s3_xml(buf_str(&s->resp.body), s->resp.body.len, note_upload,
		    &u, &ignored);
	for (size_t i = 0; i < u.count; i++) {
		struct found_upload *one = &u.items[i];

		if (one->began_us / 1000000 < before &&
		    !strncmp(one->key, prefix, strlen(prefix)))
			abort_one(s, one->key, one->id);
		free(one->key);
		free(one->id);
	}
	free(u.now.key);
	free(u.now.id);
	free(u.items);
}
