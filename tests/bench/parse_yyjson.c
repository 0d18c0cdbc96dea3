/* SPDX-License-Identifier: MIT */
/*
 * parse_yyjson FILE: parses each line with yyjson, in memory that is reused,
 * and does nothing with it; like parse.cc. Prints the rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yyjson.h>

static char *
read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	char *text;

	if (f == NULL || fstat(fileno(f), &st) < 0)
		exit(2);
	*len = (size_t)st.st_size;
	text = malloc(*len + 1);
	if (text == NULL || fread(text, 1, *len, f) != *len)
		exit(2);
	fclose(f);
	return text;
}

int
main(int argc, char **argv)
{
	size_t len, room = (size_t)256 << 20;
	unsigned long rows = 0;
	char *text, *p, *end;
	void *pool = malloc(room);

	if (argc != 2 || pool == NULL)
		return 2;
	text = read_file(argv[1], &len);
	end = text + len;
	for (p = text; p < end; rows++) {
		char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl != NULL ? nl : end) - p);
		yyjson_alc alc;

		yyjson_alc_pool_init(&alc, pool, room);
		if (yyjson_read_opts(p, n, 0, &alc, NULL) == NULL)
			return 1;
		p += n + 1;
	}
	printf("%lu\n", rows);
	free(text);
	free(pool);
	return 0;
}
