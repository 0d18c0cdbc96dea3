/* SPDX-License-Identifier: MIT */
#include "common/hash.h"
#include "common/type_private.h"

void
binary_put_base64(const char *s, size_t len, struct buf *out)
{
	buf_reserve(out, 4 * ((len + 2) / 3));
	out->len += hash_base64_encode(s, len, out->data + out->len);
}

/* Python's binascii.a2b_base64(): not strict, what is no digit is skipped and
 * nothing is read after the padding that completes a group. */
bool
binary_from_base64(const char *s, size_t len, bool strict, struct buf *out)
{
	unsigned group = 0, held = 0, pads = 0;
	bool padded = false;

	for (size_t i = 0; i < len; i++) {
		int v = hash_base64_digit(s[i]);

		if ((unsigned char)s[i] >= 0x80)
			return false;
		if (s[i] == '=') {
			/* after a complete group it is let through */
			if (strict && i == 0)
				return false;
			padded = true;
			if (held >= 2 && held + ++pads >= 4)
				return !strict || i + 1 == len;
			continue;
		}
		if (strict && (v < 0 || padded))
			return false;
		if (v < 0)
			continue;
		pads = 0;
		group = group << 6 | (unsigned)v;
		if (held > 0)
			buf_addc(out, (char)(group >> (6 - 2 * held)));
		held = (held + 1) % 4;
	}
	return held == 0;
}

void
binary_put_hex(const char *s, size_t len, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";

	buf_reserve(out, 2 * len);
	for (size_t i = 0; i < len; i++) {
		buf_addc(out, digits[(unsigned char)s[i] >> 4]);
		buf_addc(out, digits[(unsigned char)s[i] & 15]);
	}
}

int
binary_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* bytes.fromhex(): pairs, white space between them. */
bool
binary_from_hex(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r'))
			continue;
		high = binary_hex_digit(s[i]);
		low = ++i < len ? binary_hex_digit(s[i]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_addc(out, (char)(high << 4 | low));
	}
	return true;
}
