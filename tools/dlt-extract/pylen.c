/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/pylen.h"

#include "common/json.h"

#include <string.h>

static unsigned
hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v = v * 16 +
		    (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

/* Length of one escaped character as orjson writes it. */
static size_t
plain_length(unsigned cp)
{
	if (cp == '"' || cp == '\\' || (cp >= 8 && cp <= 13 && cp != 11))
		return 2;
	if (cp < 0x20)
		return 6;
	if (cp < 0x80)
		return 1;
	return cp < 0x800 ? 2 : 3;
}

/* At a backslash: how far the escape reaches; its length is added to *out. */
static size_t
escape(const char *p, size_t *out)
{
	unsigned cp;

	if (p[1] != 'u') {
		*out += p[1] == '/' ? 1 : 2;
		return 2;
	}
	cp = hex4(p + 2);
	if (cp >= 0xd800 && cp < 0xdc00) {
		*out += 4;
		return 12;
	}
	*out += plain_length(cp);
	return 6;
}

/* From the opening quote to behind the closing one. */
static const char *
string(const char *p, const char *end, size_t *out)
{
	const char *from = ++p;

	while (p < end && *p != '"') {
		if (*p != '\\') {
			p++;
			continue;
		}
		*out += (size_t)(p - from);
		p += escape(p, out);
		from = p;
	}
	*out += (size_t)(p - from) + 2;
	return p + 1;
}

/* A number that is more than a few digits, as Python would print it. */
static size_t
number(const char *p, size_t len)
{
	struct json_doc doc = { 0 };
	struct buf b = { 0 };
	struct error err;
	size_t n = len;

	if (json_parse(&doc, p, len, &err) == 0) {
		json_write(doc.root, JSON_WRITE_PYTHON, &b);
		n = b.len;
	}
	buf_release(&b);
	json_release(&doc);
	return n;
}

static const char *
scalar(const char *p, const char *end, size_t *out)
{
	const char *from = p;
	bool plain = true;
	size_t len;

	while (p < end && strchr(",]}: \t\n\r", *p) == NULL) {
		plain = plain && *p != '.' && *p != 'e' && *p != 'E';
		p++;
	}
	len = (size_t)(p - from);
	if (*from == 't' || *from == 'f' || *from == 'n' ||
	    (plain && len < 18 && !(len == 2 && memcmp(from, "-0", 2) == 0)))
		*out += len;
	else
		*out += number(from, len);
	return p;
}

size_t
python_length(const char *data, size_t len)
{
	const char *p = data, *end = data + len;
	size_t out = 0;

	while (p < end) {
		switch (*p) {
		case '"':
			p = string(p, end, &out);
			break;
		case ' ':
		case '\t':
		case '\n':
		case '\r':
			p++;
			break;
		case '{':
		case '}':
		case '[':
		case ']':
		case ',':
		case ':':
			p++;
			out++;
			break;
		default:
			p = scalar(p, end, &out);
		}
	}
	return out;
}
