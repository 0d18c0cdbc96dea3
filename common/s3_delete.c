/* SPDX-License-Identifier: MIT */
#include "common/s3_private.h"

#include "common/hash.h"

#include <string.h>

#define CHUNK 1000 /* keys of a request */

/* One that is not there is deleted, too. */
int
s3_delete(struct s3 *s, const char *key, struct error *err)
{
	const struct s3_request r = { .method = "DELETE", .key = key };
	struct buf code = { 0 }, message = { 0 };
	int rc = s3_send(s, &r, err);

	if (rc == 0 && s->resp.status == 404)
		s3_code(&s->resp, &code, &message);
	if (rc == 0 && strcmp(buf_str(&code), "NoSuchKey") != 0)
		rc = s3_check(s, key, err);
	buf_release(&code);
	buf_release(&message);
	return rc;
}

/* XML has no way to spell control characters. */
static bool
is_spelt(const char *key)
{
	for (; *key; key++)
		if ((unsigned char)*key < 0x20)
			return false;
	return true;
}

static int
note_failure(const char *path, const char *text, void *arg, struct error *err)
{
	struct buf *told = arg; /* key, code, message */
	static const char *const parts[] = { "DeleteResult/Error/Key",
		"DeleteResult/Error/Code", "DeleteResult/Error/Message" };

	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!strcmp(path, parts[i]) && !told[i].len)
			buf_addf(&told[i], "%.*s", 300, text);
	return 0;
}

/* Answers of status 200 name the keys that are still there. */
static int
read_failures(struct s3 *s, struct error *err)
{
	struct buf told[3] = { 0 };
	int rc = s3_xml(buf_str(&s->resp.body), s->resp.body.len, note_failure,
	    told, err);

	if (rc < 0)
		error_prefix(err, "s3://%s: ", s->bucket);
	else if (told[1].len)
		rc = error_set(err,
		    s3_is_temporary(200, told[1].data) ? ERR_TEMP : ERR_REMOTE,
		    "s3://%s/%s: %s: %s", s->bucket, buf_str(&told[0]),
		    told[1].data, buf_str(&told[2]));
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		buf_release(&told[i]);
	return rc;
}

static bool
is_unknown(const struct s3 *s)
{
	int status = s->resp.status;

	/* Google's, for one, takes other words for it. */
	return status == 400 || status == 404 || status == 405 ||
	    status == 411 || status == 415 || status == 501;
}

static int
delete_each(struct s3 *s, char *const *keys, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (s3_delete(s, keys[i], err) < 0)
			return -1;
	return 0;
}

static int
delete_chunk(struct s3 *s, char *const *keys, size_t count, struct error *err)
{
	static const struct sigv4_pair pairs[] = { { "delete", "" } };
	struct s3_request r = {
		.method = "POST", .query = pairs, .query_count = 1
	};
	char md5[HASH_MD5_B64_LEN + 1];
	struct buf text = { 0 };
	bool spelt = true, unknown = s->one_by_one || count == 1;
	int rc = -1;

	buf_adds(&text, "<Delete><Quiet>true</Quiet>");
	for (size_t i = 0; i < count; i++) {
		spelt = spelt && is_spelt(keys[i]);
		buf_adds(&text, "<Object><Key>");
		s3_xml_escape(keys[i], &text);
		buf_adds(&text, "</Key></Object>");
	}
	buf_adds(&text, "</Delete>");
	r.data = text.data;
	r.len = text.len;
	r.md5 = md5;
	unknown = unknown || !spelt ||
	    !hash_md5_base64(text.data, text.len, md5);
	if (!unknown && (rc = s3_send(s, &r, err)) == 0) {
		s->one_by_one = unknown = is_unknown(s);
		if (!unknown)
			rc = s3_check(s, NULL, err) < 0 ? -1
			                                : read_failures(s, err);
	}
	if (unknown)
		rc = delete_each(s, keys, count, err);
	buf_release(&text);
	return rc;
}

int
s3_delete_all(struct s3 *s, char *const *keys, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i += CHUNK)
		if (delete_chunk(s, keys + i,
		        count - i < CHUNK ? count - i : CHUNK, err) < 0)
			return -1;
	return 0;
}
