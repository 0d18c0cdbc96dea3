/* SPDX-License-Identifier: MIT */
/*
 * Keys, region and endpoint from the environment and the files of Amazon's
 * tools.
 *
 * Source: "Shared config and credentials files" and "Environment variables" in
 *         the AWS SDKs and Tools Reference Guide.
 */
#include "common/s3.h"

#include "common/mem.h"
#include "common/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20)

static void
set(char **to, const char *value)
{
	if (!*to && value && *value)
		*to = xstrdup(value);
}

/* ---- files ---- */

static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static void
take_setting(struct s3_account *a, const char *key, const char *value)
{
	const struct {
		const char *key;
		char **to;
	} known[] = { { "aws_access_key_id", &a->key_id },
		{ "aws_secret_access_key", &a->secret },
		{ "aws_session_token", &a->token }, { "region", &a->region },
		{ "endpoint_url", &a->endpoint },
		{ "ca_bundle", &a->ca_file } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].key, key))
			set(known[i].to, value);
}

/* Is it the section of the profile? In the file config others than "default"
 * have "profile" before their name. */
static bool
is_section(char *line, const char *profile)
{
	char *end = strchr(line, ']'), *name;

	if (!end)
		return false;
	*end = '\0';
	name = trim(line + 1);
	if (!strncmp(name, "profile ", 8))
		name = trim(name + 8);
	return !strcmp(name, profile);
}

static void
read_lines(struct s3_account *a, char *text, const char *profile, bool *found)
{
	bool inside = false;

	for (char *line = text, *next; line; line = next) {
		char *equals;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		/* lines that begin with a space belong to a nested setting */
		if (*line == '[') {
			inside = is_section(line, profile);
			*found = *found || inside;
		} else if (inside && *line != '#' && *line != ';' &&
		    *line != ' ' && *line != '\t' &&
		    (equals = strchr(line, '='))) {
			*equals = '\0';
			take_setting(a, trim(line), trim(equals + 1));
		}
	}
}

/* A file that is not there is an empty one. */
static int
read_profile(struct s3_account *a, const char *variable, const char *name,
    const char *profile, bool *found, struct error *err)
{
	const char *given = getenv(variable), *home = getenv("HOME");
	char *path, *text = NULL;
	size_t len;
	int rc = 0;

	if (!given && !home)
		return 0;
	path = given && *given
	    ? xstrdup(given)
	    : xasprintf("%s/.aws/%s", home ? home : "", name);
	if (access(path, F_OK) == 0) {
		rc = read_file(path, FILE_MAX, &text, &len, err);
		if (rc == 0)
			read_lines(a, text, profile, found);
	}
	if (text)
		explicit_bzero(text, len);
	free(text);
	free(path);
	return rc;
}

/* ---- all of them ---- */

static void
read_environment_keys(struct s3_account *a)
{
	if (a->key_id)
		return;
	set(&a->key_id, getenv("AWS_ACCESS_KEY_ID"));
	set(&a->secret, getenv("AWS_SECRET_ACCESS_KEY"));
	set(&a->token, getenv("AWS_SESSION_TOKEN"));
}

static void
read_environment(struct s3_account *a)
{
	set(&a->region, getenv("AWS_REGION"));
	set(&a->region, getenv("AWS_DEFAULT_REGION"));
	set(&a->endpoint, getenv("AWS_ENDPOINT_URL_S3"));
	set(&a->endpoint, getenv("AWS_ENDPOINT_URL"));
	set(&a->ca_file, getenv("AWS_CA_BUNDLE"));
}

/* Keys belong together: those of a profile are all taken or none. */
static void
add_profile(struct s3_account *a, struct s3_account *from)
{
	if (!a->key_id && !a->secret) {
		set(&a->key_id, from->key_id);
		set(&a->secret, from->secret);
		if (!a->token)
			set(&a->token, from->token);
	}
	set(&a->region, from->region);
	set(&a->endpoint, from->endpoint);
	set(&a->ca_file, from->ca_file);
}

int
s3_account_complete(struct s3_account *a, const char *profile,
    struct error *err)
{
	const char *name = profile ? profile : getenv("AWS_PROFILE");
	struct s3_account from = { 0 };
	bool found = false;
	int rc;

	if (!profile)
		read_environment_keys(a);
	read_environment(a);
	rc = read_profile(&from, "AWS_SHARED_CREDENTIALS_FILE", "credentials",
	         name && *name ? name : "default", &found, err) < 0 ||
	        read_profile(&from, "AWS_CONFIG_FILE", "config",
	            name && *name ? name : "default", &found, err) < 0
	    ? -1
	    : 0;
	if (rc == 0 && !found && name && *name && !a->key_id)
		rc = error_set(err, ERR_USAGE,
		    "no profile \"%s\" in ~/.aws/credentials or ~/.aws/config",
		    name);
	if (rc == 0)
		add_profile(a, &from);
	s3_account_release(&from);
	if (rc == 0 && !a->key_id != !a->secret)
		rc = error_set(err, ERR_USAGE,
		    "of aws_access_key_id and aws_secret_access_key, one is "
		    "missing");
	return rc;
}

void
s3_account_release(struct s3_account *a)
{
	if (a->secret)
		explicit_bzero(a->secret, strlen(a->secret));
	if (a->token)
		explicit_bzero(a->token, strlen(a->token));
	free(a->endpoint);
	free(a->region);
	free(a->key_id);
	free(a->secret);
	free(a->token);
	free(a->style);
	free(a->ca_file);
	*a = (struct s3_account){ 0 };
}
