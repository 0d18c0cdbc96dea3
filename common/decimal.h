/* SPDX-License-Identifier: MIT */
/*
 * decimal: numbers as text, without loss: what Python's int(), float(),
 * Decimal() and repr() do, on byte strings.
 *
 * Source: contract.md sections 3.4, 7.4 and appendix C.
 */
#ifndef DLT_DECIMAL_H
#define DLT_DECIMAL_H

#include "common/buf.h"

/* The end of the JSON number (RFC 8259) at p, or NULL: there is none. *integer:
 * it has digits only. */
const char *number_token(const char *p, const char *end, bool *integer);

/* The kind of a JSON number token (already valid by RFC 8259). */
bool number_is_integer(const char *s, size_t len); /* no '.', 'e', 'E' */

/* Range of an integer token with any number of digits. */
bool integer_fits_int64(const char *s, size_t len);
bool integer_fits_uint64(const char *s, size_t len); /* also all int64 */
/* Within dlt's wei limits (contract.md 7.8); decimal strings are welcome.
 * Infinities are not, NaN is. */
bool integer_fits_wei(const char *s, size_t len);

/* The three text_to_* take UTF-8, strip white space and read a lower-case 0x
 * as a hexadecimal integer, as dlt's coercion does; Unicode digits count.
 *
 * Python's int(text) incl. sign and '_': canonical decimal digits are added to
 * out. False: ValueError (also for more than 4300 digits), nothing added. */
bool text_to_integer(const char *s, size_t len, struct buf *out);

/* Python's float(text), nan and inf included. False: ValueError, and 0x...
 * beyond the range of a double. */
bool text_to_double(const char *s, size_t len, double *out);
/* The same without 0x: Python's float() itself. */
bool text_to_float(const char *s, size_t len, double *out);

/* Python's Decimal(text) then str(): exponent form is kept. */
bool text_to_decimal(const char *s, size_t len, struct buf *out);

/* A decimal string (as above) that is integral, as plain digits; else false
 * (also above 4300 digits). */
bool decimal_to_integer(const char *s, size_t len, struct buf *out);
/* Correctly rounded double of a decimal or integer string; infinite above the
 * range. */
double decimal_to_double(const char *s, size_t len);

/* Exact binary expansion of a finite double, in Decimal's str() form. */
void double_to_decimal(double v, struct buf *out);
/* True and exact digits when v is integral. */
bool double_to_integer(double v, struct buf *out);

/* Shortest round-trip text: Python's repr (1.0, 1e+16, 1e-07, nan, inf) and
 * orjson's (1.0, 1e16, 1e-7; NaN and infinities are "null"). */
void double_repr(double v, struct buf *out);
void double_json(double v, struct buf *out);

#endif
