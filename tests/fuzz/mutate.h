/* SPDX-License-Identifier: MIT */
/*
 * mutate: documents to begin with and seeded changes of them, for the driver
 * of the fuzz targets and for the unit tests. Repeatable: no clock, no rand().
 */
#ifndef DLT_MUTATE_H
#define DLT_MUTATE_H

#include <string.h>

#include "common/base.h"

#define MUTATE_MAX 512

static const char *const mutate_seeds[] = {
	"{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"x\"}}",
	"[1,-2,0.5,1e10,-1.5E-3,1e308,123456789012345678901234567890]",
	"[\"\\u00e4\\ud83d\\ude00\\n\\\\\\\"\\/\"]",
	"[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",1]",
	" { \"key with blanks\" : [ ] , \"k\" : { } } \n",
	"\"a string that is longer than sixteen bytes, twice \xc3\xa9\"",
	"[[[[[[[[{\"a\":[{\"a\":[{}]}]}]]]]]]]]",
	"-0.0",
	"{\"a\":1,\"a\":2,\"b\":3,\"a\":{\"a\":1,\"a\":[1]}}",
};

static inline uint32_t
mutate_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

static inline void
mutate_once(uint64_t *state, char *text, size_t *len)
{
	static const char alphabet[] =
	    "{}[]\",:\\ \n\r\t0123456789+-.eEutrfalsn\x01\x1f\x7f\x80\xbf\xc3"
	    "\xed\xa0\xf4\xff";
	size_t at = *len ? mutate_random(state) % *len : 0;
	char c = alphabet[mutate_random(state) % (sizeof(alphabet) - 1)];

	switch (mutate_random(state) % 5) {
	case 0:
		if (*len)
			text[at] = c;
		break;
	case 1:
		if (*len < MUTATE_MAX) {
			memmove(text + at + 1, text + at, *len - at);
			text[at] = c;
			++*len;
		}
		break;
	case 2:
		if (*len) {
			memmove(text + at, text + at + 1, *len - at - 1);
			--*len;
		}
		break;
	case 3:
		*len = at;
		break;
	default:
		if (*len) {
			size_t n = mutate_random(state) % (*len - at) + 1;

			if (n > MUTATE_MAX - *len)
				n = MUTATE_MAX - *len;
			memmove(text + at + n, text + at, *len - at);
			*len += n;
		}
		break;
	}
}

/* Fill text (MUTATE_MAX bytes of room) with a changed seed; its length. */
static inline size_t
mutate(uint64_t *state, char *text)
{
	const char *seed =
	    mutate_seeds[mutate_random(state) % ARRAY_LEN(mutate_seeds)];
	size_t len = strlen(seed);

	memcpy(text, seed, len);
	for (uint32_t n = mutate_random(state) % 4; n-- > 0;)
		mutate_once(state, text, &len);
	return len;
}

#endif
