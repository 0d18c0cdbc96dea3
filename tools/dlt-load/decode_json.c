/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/decode_private.h"

#include "common/decimal.h"
#include "common/utf8.h"

#include <string.h>

static void
add_code_point(struct buf *out, uint32_t cp)
{
	if (cp >= 0x10000) {
		cp -= 0x10000;
		buf_addf(out, "\\u%04x\\u%04x", 0xd800 + (cp >> 10),
		    0xdc00 + (cp & 0x3ff));
	} else {
		buf_addf(out, "\\u%04x", cp);
	}
}

/* The escapes of the text but \/ are Python's too; hex digits of \u in lower
 * case, and those of printable ASCII (which only other writers make) undone. */
static const char *
respell_escape(const char *p, struct buf *out)
{
	unsigned cp = 0;

	if (p[1] == '/') {
		buf_addc(out, '/');
		return p + 2;
	}
	if (p[1] != 'u') {
		buf_add(out, p, 2);
		return p + 2;
	}
	for (int i = 2; i < 6; i++) {
		char c = (char)(p[i] | 0x20);

		cp = cp << 4 | (unsigned)(c >= 'a' ? c - 'a' + 10 : c - 0x30);
	}
	if (cp == '"' || cp == '\\')
		buf_addf(out, "\\%c", (int)cp);
	else if (cp >= 0x20 && cp < 0x7f)
		buf_addc(out, (char)cp);
	else if (cp >= 8 && cp <= 13 && cp != 11)
		buf_addf(out, "\\%c", "btn?fr"[cp - 8]);
	else
		buf_addf(out, "\\u%04x", cp);
	return p + 6;
}

static const char *
respell_string(const char *p, struct buf *out)
{
	buf_addc(out, '"');
	for (p++; *p != '"';) {
		if (*p == '\\') {
			p = respell_escape(p, out);
		} else if ((unsigned char)*p >= 0x7f) {
			add_code_point(out, utf8_next(&p));
		} else {
			buf_addc(out, *p++);
		}
	}
	buf_addc(out, '"');
	return p + 1;
}

static const char *
respell_number(const char *p, const char *end, struct buf *out)
{
	const char *start = p;
	size_t len;

	while (p < end && memchr("+-.0123456789Ee", *p, 15))
		p++;
	len = (size_t)(p - start);
	if (number_is_integer(start, len))
		buf_add(out, start, len);
	else
		double_repr(decimal_to_double(start, len), out);
	return p;
}

void
json_respell(const char *p, size_t len, struct buf *out)
{
	const char *end = p + len;

	while (p < end) {
		switch (*p) {
		case '"':
			p = respell_string(p, out);
			break;
		case ',':
		case ':':
			buf_addc(out, *p++);
			buf_addc(out, ' ');
			break;
		case ' ':
		case '\t':
		case '\n':
		case '\r':
			p++;
			break;
		case '-':
		case '0':
		case '1':
		case '2':
		case '3':
		case '4':
		case '5':
		case '6':
		case '7':
		case '8':
		case '9':
			p = respell_number(p, end, out);
			break;
		default:
			buf_addc(out, *p++);
		}
	}
}
