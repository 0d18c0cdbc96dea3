/* SPDX-License-Identifier: MIT */
/*
 * tomlq FILE...: each as JSON, ended by a NUL; of one that is no TOML the
 * error, behind "error: ".
 */
#include "common/output.h"
#include "common/toml.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct toml_json json = { 0 };
		struct error err = { 0 };
		char *text = NULL;
		size_t len;

		if (read_file(argv[i], (size_t)1 << 24, &text, &len, &err) <
		        0 ||
		    toml_to_json(text, len, argv[i], &json, &err) < 0)
			printf("error: %s%c", err.msg, 0);
		else
			printf("%.*s%c", (int)json.len, json.text, 0);
		toml_json_release(&json);
		free(text);
	}
	return 0;
}
