/* SPDX-License-Identifier: MIT */
/*
 * utf8: code points in and out of UTF-8 (RFC 3629: no surrogates, no overlong
 * forms, at most U+10FFFF), and the three Unicode classes that names need.
 */
#ifndef DLT_UTF8_H
#define DLT_UTF8_H

#include "common/base.h"

/* Is s[0..len) valid UTF-8? At speed (ASCII 16 or 32 bytes at a time). */
bool utf8_is_valid(const char *s, size_t len);

/* Where the first byte that is not valid UTF-8 stands, or len. */
size_t utf8_valid_prefix(const char *s, size_t len);

/* Decode one code point of valid UTF-8 at *s (not at end); advances *s. */
uint32_t utf8_next(const char **s);

/* Encode into out (4 bytes of room); returns the number of bytes. */
size_t utf8_put(char *out, uint32_t cp);

/* Number of code points in valid UTF-8. */
size_t utf8_count(const char *s, size_t len);

/* Python's str.isspace(), \d (category Nd, with its digit value or -1). */
bool utf8_is_space(uint32_t cp);
int utf8_digit_value(uint32_t cp);

#endif
