/* SPDX-License-Identifier: MIT */
/*
 * configq: what a lookup finds. Lines of standard input:
 *
 *	FOLDER PIPELINE PATH SECTION KEY TYPE
 *
 * separated by tabs: the folder of the files, "-" where there is no pipeline
 * or section, parts of the path with slashes between, TYPE int, bool or str.
 * Variables of the environment come behind, each NAME=VALUE. Prints the value,
 * or "-", or "error".
 */
#include "common/buf.h"
#include "common/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
or_null(const char *word)
{
	return strcmp(word, "-") == 0 ? NULL : word;
}

static void
answer(char **word)
{
	struct error err = { 0 };
	struct config *c = config_open(word[0], NULL, NULL, &err);
	struct config_context ctx = { .pipeline = or_null(word[1]),
		.section = or_null(word[3]) };
	const char *text = NULL;
	bool flag = false;
	long number = -1;
	int rc = c ? 0 : -1;

	for (char *part = strtok(word[2], "/"); part; part = strtok(NULL, "/"))
		ctx.path[ctx.count++] = part;
	if (c && strcmp(word[5], "int") == 0)
		rc = config_int(c, &ctx, word[4], &number, &err);
	else if (c && strcmp(word[5], "bool") == 0)
		rc = config_bool(c, &ctx, word[4], &flag, &err);
	else if (c)
		rc = config_string(c, &ctx, word[4], &text, &err);
	if (rc < 0)
		puts("error");
	else if (!config_get(c, &ctx, word[4], NULL))
		puts("-");
	else if (strcmp(word[5], "int") == 0)
		printf("%ld\n", number);
	else if (strcmp(word[5], "bool") == 0)
		puts(flag ? "true" : "false");
	else
		puts(text);
	config_free(c);
}

int
main(void)
{
	char line[8192];

	while (fgets(line, sizeof(line), stdin)) {
		char *word[40], *p = line;
		size_t n = 0;

		line[strcspn(line, "\n")] = '\0';
		while (n < 39 && (word[n] = strsep(&p, "\t")) != NULL)
			n++;
		if (n < 6)
			return 2;
		for (size_t i = 6; i < n; i++) {
			char *value = strchr(word[i], '=');

			*value = '\0';
			setenv(word[i], value + 1, 1);
		}
		answer(word);
		for (size_t i = 6; i < n; i++)
			unsetenv(word[i]);
	}
	return 0;
}
