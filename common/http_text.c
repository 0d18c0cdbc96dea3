/* SPDX-License-Identifier: MIT */
/*
 * What is done with answers and URLs without a connection.
 */
#include "common/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SHOWN_MAX 400 /* bytes of a server's words */

const char *
http_header(const struct http_response *resp, const char *name)
{
	const char *p = resp->fields.data, *end = p + resp->fields.len;

	while (p && p < end) {
		const char *value = p + strlen(p) + 1;

		if (!strcasecmp(p, name))
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

long
http_retry_after(const struct http_response *resp)
{
	const char *text = http_header(resp, "Retry-After");
	struct tm tm = { 0 };
	char *end;
	long n;

	if (!text)
		return -1;
	n = strtol(text, &end, 10);
	if (end != text && !*end)
		return n < 0 ? 0 : n;
	/* the one form of dates that is still sent (RFC 9110, 5.6.7) */
	end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end)
		return -1;
	n = (long)(timegm(&tm) - time(NULL));
	return n < 0 ? 0 : n;
}

static bool
is_temporary(int status)
{
	if (status >= 500)
		return status != 501 && status != 505;
	return status == 408 || status == 425 || status == 429;
}

int
http_check(const struct http_response *resp, struct error *err)
{
	const char *text = buf_str(&resp->body);
	int len;

	if (resp->status >= 200 && resp->status < 300)
		return 0;
	text += strspn(text, " \t\r\n");
	len = (int)strcspn(text, "\r\n");
	return error_set(err,
	    is_temporary(resp->status) ? ERR_TEMP : ERR_REMOTE, "HTTP %d%s%.*s",
	    resp->status, len ? ": " : "", len < SHOWN_MAX ? len : SHOWN_MAX,
	    text);
}

void
http_response_release(struct http_response *resp)
{
	buf_release(&resp->body);
	buf_release(&resp->fields);
	resp->status = 0;
}

void
http_escape(const char *text, size_t len, const char *keep, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x80 && isalnum(c)) ||
		    (c && (strchr("-._~", c) || strchr(keep, c))))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
http_unescape(const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			buf_addc(out, text[i]);
			continue;
		}
		if (len - i < 3)
			return false;
		high = hex_digit(text[i + 1]);
		low = hex_digit(text[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return false;
		buf_addc(out, (char)(high * 16 + low));
		i += 2;
	}
	return true;
}
