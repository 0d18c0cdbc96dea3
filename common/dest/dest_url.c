/* SPDX-License-Identifier: MIT */
/*
 * URLs without their passwords, as they may be shown.
 */
#include "common/dest/dest.h"

#include <string.h>

/* The part before the host may hold slashes that should have been escaped: all
 * to the last @ before the query is taken for the user's. */
static const char *
mask_user(const char *url, struct buf *out)
{
	const char *start = strstr(url, "//"), *at, *colon, *end;

	if (!start)
		return url;
	end = start + strcspn(start, "?");
	at = memrchr(start, '@', (size_t)(end - start));
	colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
	if (!colon)
		return url;
	buf_add(out, url, (size_t)(colon + 1 - url));
	buf_adds(out, "***");
	return at;
}

/* To the end of a value in a query, or in libpq's form of words. */
static const char *
value_end(const char *p)
{
	if (*p != '\'')
		return p + strcspn(p, "& ");
	for (p++; *p && *p != '\''; p++)
		if (*p == '\\' && p[1])
			p++;
	return p + (*p != '\0');
}

void
dest_mask(const char *url, struct buf *out)
{
	static const char key[] = "password=";
	const char *p = mask_user(url, out), *at;

	while ((at = strstr(p, key))) {
		at += sizeof(key) - 1;
		buf_add(out, p, (size_t)(at - p));
		buf_adds(out, "***");
		p = value_end(at);
	}
	buf_adds(out, p);
}
