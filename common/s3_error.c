/* SPDX-License-Identifier: MIT */
/*
 * What answers mean that tell of errors.
 */
#include "common/s3_private.h"

#include <string.h>

#define SHOWN_MAX 300

struct told {
	struct buf *code, *message;
};

static int
note_told(const char *path, const char *text, void *arg, struct error *err)
{
	struct told *t = arg;

	(void)err;
	if (!strcmp(path, "Error/Code"))
		buf_adds(t->code, text);
	else if (!strcmp(path, "Error/Message"))
		buf_addf(t->message, "%.*s", SHOWN_MAX, text);
	/* ours go on, or end without one */
	if (t->message->len && t->message->data[t->message->len - 1] == '.')
		t->message->data[--t->message->len] = '\0';
	return 0;
}

void
s3_code(const struct http_response *resp, struct buf *code, struct buf *message)
{
	struct told t = { code, message };
	struct error ignored;

	s3_xml(buf_str(&resp->body), resp->body.len, note_told, &t, &ignored);
}

static int
note_region(const char *path, const char *text, void *arg, struct error *err)
{
	(void)err;
	if (!strcmp(path, "Error/Region"))
		buf_adds(arg, text);
	return 0;
}

bool
s3_told_region(const struct http_response *resp, struct buf *region)
{
	const char *header = http_header(resp, "x-amz-bucket-region");
	struct error ignored;

	if (resp->status >= 200 && resp->status < 300)
		return false;
	if (header)
		buf_adds(region, header);
	else
		s3_xml(buf_str(&resp->body), resp->body.len, note_region,
		    region, &ignored);
	return region->len &&
	    strspn(region->data, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
	    region->len;
}

bool
s3_is_temporary(int status, const char *code)
{
	static const char *const codes[] = { "RequestTimeout", "SlowDown",
		"InternalError", "ServiceUnavailable", "OperationAborted",
		"ConditionalRequestConflict",
		/* damaged on the way */
		"BadDigest", "XAmzContentSHA256Mismatch" };

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (!strcmp(code, codes[i]))
			return true;
	return status == 408 || status == 425 || status == 429 ||
	    (status >= 500 && status != 501 && status != 505);
}

/* What the user can do about it. */
static const char *
hint_of(const struct s3 *s, int status, const char *code)
{
	if (!strcmp(code, "NoSuchBucket"))
		return "; make the bucket first";
	if (!strcmp(code, "RequestTimeTooSkewed"))
		return "; set the clock of this machine";
	if ((status == 401 || status == 403) && !s->account->key_id)
		return "; no credentials were given or found";
	return "";
}

int
s3_check(const struct s3 *s, const char *key, struct error *err)
{
	int status = s->resp.status;
	struct buf code = { 0 }, message = { 0 };
	const char *hint;

	if (status >= 200 && status < 300)
		return 0;
	s3_code(&s->resp, &code, &message);
	hint = hint_of(s, status, buf_str(&code));
	if (code.len)
		error_set(err, ERR_REMOTE, "%s: %s%s", code.data,
		    buf_str(&message), hint);
	else if (http_check(&s->resp, err) < 0 && *hint)
		error_set(err, ERR_REMOTE, "HTTP %d%s", status, hint);
	err->code = s3_is_temporary(status, buf_str(&code)) ? ERR_TEMP
	                                                    : ERR_REMOTE;
	error_prefix(err, "s3://%s%s%s: ", s->bucket, key ? "/" : "",
	    key ? key : "");
	buf_release(&code);
	buf_release(&message);
	return -1;
}
