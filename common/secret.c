/* SPDX-License-Identifier: MIT */
#include "common/secret.h"

#include "common/base.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char mask[] = "***";

/* SCHEME://USER:PASSWORD@HOST, at the "//" */
static size_t
in_authority(const char *text, size_t at, size_t *len)
{
	const char *start = text + at + 2, *end, *host = NULL, *colon;

	/* A password may hold what should have been escaped there. */
	end = start + strcspn(start, " \t");
	for (const char *p = start; p < end; p++) {
		if (*p == '@')
			host = p;
		if ((*p == '/' || *p == '?') && host)
			break;
	}
	colon = memchr(start, ':', (size_t)(end - start));
	if (!host || !colon || colon > host || colon + 1 == host)
		return 0;
	*len = (size_t)(host - colon - 1);
	return (size_t)(colon + 1 - text);
}

static size_t
after_key(const char *text, size_t at, size_t *len)
{
	static const char *const keys[] = { "password=", "secret=",
		"secret_access_key=", "token=", "api_key=" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t n = strlen(keys[i]);

		if (strncasecmp(text + at, keys[i], n) != 0)
			continue;
		*len = strcspn(text + at + n, "&");
		return *len ? at + n : 0;
	}
	return 0;
}

size_t
secret_find(const char *text, size_t from, size_t *len)
{
	for (size_t at = from; text[at]; at++) {
		size_t found = 0;

		if (text[at] == '/' && text[at + 1] == '/' && at &&
		    text[at - 1] == ':')
			found = in_authority(text, at, len);
		else if (strchr("pPsStTaA", text[at]))
			found = after_key(text, at, len);
		if (found)
			return found;
	}
	return 0;
}

/* In place, without a trace of the length. */
static void
hide(char *text)
{
	size_t at = 0, len, size = strlen(text);

	while ((at = secret_find(text, at, &len))) {
		size_t put = len < strlen(mask) ? len : strlen(mask);
		size_t rest = size - at - len;

		memcpy(text + at, mask, put);
		memmove(text + at + put, text + at + len, rest);
		memset(text + at + put + rest, '\0', len - put);
		size = at + put + rest;
		at += put;
	}
}

char **
secret_hide(int argc, char **argv)
{
	char **copy = xcalloc((size_t)argc + 1, sizeof(*copy));

	for (int i = 0; i < argc; i++) {
		copy[i] = xstrdup(argv[i]);
		hide(argv[i]);
	}
	return copy;
}

void
secret_release(int argc, char **copy)
{
	for (int i = 0; copy && i < argc; i++)
		free(copy[i]);
	free(copy);
}
