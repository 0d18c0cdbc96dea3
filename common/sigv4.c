/* SPDX-License-Identifier: MIT */
#include "common/sigv4.h"

#include "common/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIGEST 32 /* bytes of SHA-256 */
#define BLOCK  64 /* bytes that it works on */
#define PAIRS  16

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* ---- digests ---- */

static int
digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void
finish(struct hash *h, unsigned char out[DIGEST])
{
	char hex[HASH_HEX_LEN + 1];

	hash_final_hex(h, hex);
	for (size_t i = 0; i < DIGEST; i++)
		out[i] = (unsigned char)(digit(hex[2 * i]) << 4 |
		    digit(hex[2 * i + 1]));
}

static void
hmac(const void *key, size_t key_len, const char *text,
    unsigned char out[DIGEST])
{
	unsigned char block[BLOCK] = { 0 }, inner[DIGEST];
	struct hash *h;

	if (key_len > BLOCK) {
		h = hash_sha256_new();
		hash_update(h, key, key_len);
		finish(h, block);
	} else {
		memcpy(block, key, key_len);
	}
	for (size_t i = 0; i < BLOCK; i++)
		block[i] ^= 0x36;
	h = hash_sha256_new();
	hash_update(h, block, BLOCK);
	hash_update(h, text, strlen(text));
	finish(h, inner);
	for (size_t i = 0; i < BLOCK; i++)
		block[i] ^= 0x36 ^ 0x5c;
	h = hash_sha256_new();
	hash_update(h, block, BLOCK);
	hash_update(h, inner, DIGEST);
	finish(h, out);
	explicit_bzero(block, sizeof(block));
}

/* ---- texts ---- */

void
sigv4_time(int64_t now, char out[SIGV4_TIME_LEN + 1])
{
	time_t when = (time_t)now;
	struct tm t;

	gmtime_r(&when, &t);
	strftime(out, SIGV4_TIME_LEN + 1, "%Y%m%dT%H%M%SZ", &t);
}

static void
escape(const char *text, bool slashes, struct buf *out)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	    "-._~";

	for (; *text; text++) {
		if (strchr(plain, *text) || (slashes && *text == '/'))
			buf_addc(out, *text);
		else
			buf_addf(out, "%%%02X", (unsigned char)*text);
	}
}

void
sigv4_path(const char *text, struct buf *out)
{
	escape(text, true, out);
}

/* By name, then by value, which stands behind the name's NUL. */
static int
compare_pairs(const void *a, const void *b)
{
	const char *one = *(char *const *)a, *other = *(char *const *)b;
	int d = strcmp(one, other);

	return d ? d : strcmp(one + strlen(one) + 1, other + strlen(other) + 1);
}

void
sigv4_query(const struct sigv4_pair *pairs, size_t count, struct buf *out)
{
	char *sorted[PAIRS];

	assert(count <= PAIRS);
	for (size_t i = 0; i < count; i++) {
		struct buf one = { 0 };

		escape(pairs[i].name, false, &one);
		buf_addc(&one, '\0');
		escape(pairs[i].value, false, &one);
		buf_addc(&one, '\0');
		sorted[i] = buf_take(&one);
	}
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare_pairs);
	for (size_t i = 0; i < count; i++) {
		buf_addf(out, "%s%s=%s", i ? "&" : "", sorted[i],
		    sorted[i] + strlen(sorted[i]) + 1);
		free(sorted[i]);
	}
}

/* Runs of spaces count as one, those at the ends not at all. */
static void
add_trimmed(const char *value, struct buf *out)
{
	size_t start;

	value += strspn(value, " \t");
	start = out->len;
	for (; *value; value++)
		if ((*value != ' ' && *value != '\t') ||
		    (value[1] && value[1] != ' ' && value[1] != '\t'))
			buf_addc(out, *value == '\t' ? ' ' : *value);
	if (out->len > start && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

static void
add_names(const struct sigv4_request *req, struct buf *out)
{
	for (size_t i = 0; i < req->header_count; i++)
		buf_addf(out, "%s%s", i ? ";" : "", req->headers[i].name);
}

/* What is signed of the request, as SHA-256 in hex. */
static void
sum_request(const struct sigv4_request *req, char hex[HASH_HEX_LEN + 1])
{
	struct buf text = { 0 };
	struct hash *h = hash_sha256_new();

	buf_addf(&text, "%s\n%s\n%s\n", req->method, req->path, req->query);
	for (size_t i = 0; i < req->header_count; i++) {
		buf_addf(&text, "%s:", req->headers[i].name);
		add_trimmed(req->headers[i].value, &text);
		buf_addc(&text, '\n');
	}
	buf_addc(&text, '\n');
	add_names(req, &text);
	buf_addf(&text, "\n%s", req->body_sha256);
	hash_update(h, text.data, text.len);
	hash_final_hex(h, hex);
	buf_release(&text);
}

static void
derive(const struct sigv4_key *key, const char *day, unsigned char out[DIGEST])
{
	struct buf secret = { 0 };

	buf_addf(&secret, "AWS4%s", key->secret);
	hmac(secret.data, secret.len, day, out);
	hmac(out, DIGEST, key->region, out);
	hmac(out, DIGEST, key->service, out);
	hmac(out, DIGEST, "aws4_request", out);
	explicit_bzero(secret.data, secret.len);
	buf_release(&secret);
}

void
sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *req,
    struct buf *out)
{
	char sum[HASH_HEX_LEN + 1], day[9] = "";
	struct buf scope = { 0 }, text = { 0 };
	unsigned char signature[DIGEST];

	memcpy(day, req->time, 8);
	sum_request(req, sum);
	buf_addf(&scope, "%s/%s/%s/aws4_request", day, key->region,
	    key->service);
	buf_addf(&text, "%s\n%s\n%s\n%s", algorithm, req->time, scope.data,
	    sum);
	derive(key, day, signature);
	hmac(signature, DIGEST, text.data, signature);
	buf_addf(out, "%s Credential=%s/%s, SignedHeaders=", algorithm, key->id,
	    scope.data);
	add_names(req, out);
	buf_adds(out, ", Signature=");
	for (size_t i = 0; i < DIGEST; i++)
		buf_addf(out, "%02x", signature[i]);
	explicit_bzero(signature, sizeof(signature));
	buf_release(&scope);
	buf_release(&text);
}
