/* SPDX-License-Identifier: MIT */
#include "common/secret.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

static const char *const cases[][2] = {
	{ "postgresql://u:hush@h/db", "postgresql://u:***@h/db" },
	{ "postgresql://u:h@s@h:5/db", "postgresql://u:***@h:5/db" },
	{ "postgresql://u:a/b?c@h/db", "postgresql://u:***@h/db" },
	{ "postgresql://u@h/db?password=hush&x=1",
	    "postgresql://u@h/db?password=***&x=1" },
	{ "destination.pg.credentials=postgresql://u:hush@h/db",
	    "destination.pg.credentials=postgresql://u:***@h/db" },
	{ "destination.pg.credentials.password=hush",
	    "destination.pg.credentials.password=***" },
	{ "x.credentials.aws_secret_access_key=hu/s+h=",
	    "x.credentials.aws_secret_access_key=***" },
	{ "sources.x.API_KEY=hush", "sources.x.API_KEY=***" },
	{ "x://u:a@h,x://u:b@i", "x://u:*@h,x://u:*@i" },
	{ "a://u:x@h", "a://u:*@h" },
	{ "postgresql://h:5432/db", "postgresql://h:5432/db" },
	{ "postgresql://u:@h/db", "postgresql://u:@h/db" },
	{ "sqlite:my.db", "sqlite:my.db" },
	{ "t=a:b@c.jsonl", "t=a:b@c.jsonl" },
	{ "password=", "password=" },
	{ "://", "://" },
	{ "", "" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *argv[] = { strdup(cases[i][0]), NULL };
		char **copy = secret_hide(1, argv);

		tap_str(argv[0], cases[i][1], cases[i][0]);
		tap_str(copy[0], cases[i][0], "the copy is whole");
		secret_release(1, copy);
		free(argv[0]);
	}
	secret_release(0, NULL);
	return tap_done();
}
