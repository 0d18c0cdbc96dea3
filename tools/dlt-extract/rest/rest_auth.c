/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_auth.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/output.h"
#include "tools/dlt-extract/rest/rest_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPIRATION_S 3600
#define FORM_MAX     64

enum kind { BEARER, API_KEY, BASIC, OAUTH2 };

/* Keys of a kind; those that are needed come from the configuration where the
 * source does not give them. */
struct key {
	const char *name;
	bool needed, secret;
};

static const struct kind_of_auth {
	const char *name;
	struct key keys[5];
} kinds[] = {
	[BEARER] = { "bearer", { { "token", true, true } } },
	[API_KEY] = { "api_key",
	    { { "api_key", true, true }, { "name", false, false },
	        { "location", false, false } } },
	[BASIC] = { "http_basic",
	    { { "username", true, false }, { "password", true, true } } },
	[OAUTH2] = { "oauth2_client_credentials",
	    { { "client_secret", true, true },
	        { "access_token_url", true, false },
	        { "client_id", true, true },
	        { "access_token_request_data", false, false },
	        { "default_token_expiration", false, false } } },
};

struct rest_auth {
	enum kind kind;
	char *values[5];      /* by key; NULL: not given */
	struct json_doc data; /* access_token_request_data */
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	char *token; /* the text that is sent, or NULL */
	bool fixed;  /* it was given: never fetched */
	bool fetching;
	double expires; /* monotonic, seconds */
};

/* ---- values from the configuration ---- */

static int
look_up(struct config *c, const struct config_context *where,
    const char *section, const struct key *key, const char **out,
    struct error *err)
{
	struct config_context ctx;

	if (c == NULL || where == NULL)
		return 0;
	ctx = *where;
	ctx.section = section;
	return key->secret ? config_secret(c, &ctx, key->name, out, err)
	                   : config_string(c, &ctx, key->name, out, err);
}

/* A whole path, as dlt.secrets["a.b.c"] has it, or a key below the source. */
static int
look_up_path(struct config *c, const struct config_context *where,
    const char *path, const char **out, struct error *err)
{
	char *copy = xstrdup(path), *part = copy, *dot;
	struct config_context ctx = { 0 };
	struct key key = { NULL, true, true };
	int rc;

	if (strchr(path, '.') == NULL) {
		ctx = *where;
	} else {
		ctx.pipeline = where->pipeline;
		while ((dot = strchr(part, '.')) != NULL &&
		    ctx.count < ARRAY_LEN(ctx.path)) {
			*dot = '\0';
			ctx.path[ctx.count++] = part;
			part = dot + 1;
		}
	}
	key.name = part;
	rc = look_up(c, &ctx, NULL, &key, out, err);
	free(copy);
	return rc;
}

static const struct json *
secret_key(const struct json *value)
{
	const struct json *key = json_get(value, "secret");

	return key != NULL && value->count == 1 && key->kind == JSON_STRING
	    ? key
	    : NULL;
}

int
rest_secret(const struct json *value, struct config *config,
    const struct config_context *where, struct buf *out, bool *secret,
    struct error *err)
{
	const struct json *key = secret_key(value);
	const char *text = NULL;

	if (secret != NULL)
		*secret = key != NULL;
	if (key == NULL) {
		rest_str(value, out);
		return 0;
	}
	if (config != NULL && where != NULL &&
	    look_up_path(config, where, key->str, &text, err) < 0)
		return -1;
	if (text == NULL)
		return error_set(err, ERR_USAGE,
		    "the secret \"%s\" is not set: put it into secrets.toml or "
		    "the environment",
		    key->str);
	buf_adds(out, text);
	return 0;
}

static void
add_upper(const char *text, struct buf *out)
{
	for (; *text != '\0'; text++)
		buf_addc(out,
		    *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text);
}

static int
missing(const struct kind_of_auth *kind, const struct key *key,
    const struct config_context *where, struct error *err)
{
	struct buf path = { 0 }, env = { 0 };

	for (size_t i = 0; where != NULL && i < where->count; i++) {
		buf_addf(&path, "%s.", where->path[i]);
		add_upper(where->path[i], &env);
		buf_adds(&env, "__");
	}
	buf_addf(&path, "credentials.%s", key->name);
	buf_adds(&env, "CREDENTIALS__");
	add_upper(key->name, &env);
	error_set(err, ERR_USAGE,
	    "auth \"%s\" needs \"%s\": set it as %s in secrets.toml or as %s "
	    "in the environment",
	    kind->name, key->name, buf_str(&path), buf_str(&env));
	buf_release(&path);
	buf_release(&env);
	return -1;
}

/* ---- reading the source ---- */

static int
find_kind(const struct json *value, enum kind *kind, struct error *err)
{
	const struct json *type = json_get(value, "type");
	const char *name = "bearer";

	if (value->kind == JSON_STRING)
		name = value->str;
	else if (value->kind != JSON_OBJECT)
		return error_set(err, ERR_USAGE,
		    "auth has to be a name or an object");
	else if (type != NULL && type->kind != JSON_STRING)
		return error_set(err, ERR_USAGE, "auth.type has to be a text");
	else if (type != NULL)
		name = type->str;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*kind = (enum kind)i;
			return 0;
		}
	}
	return error_set(err, ERR_USAGE,
	    "auth has no type \"%s\": bearer, api_key, http_basic or "
	    "oauth2_client_credentials",
	    name);
}

static int
take_value(struct rest_auth *a, size_t i, const struct json *v,
    struct config *config, const struct config_context *where,
    struct error *err)
{
	const char *name = kinds[a->kind].keys[i].name;
	struct buf text = { 0 };

	if (v->kind == JSON_NULL)
		return 0;
	if (strcmp(name, "access_token_request_data") == 0) {
		if (v->kind != JSON_OBJECT)
			return error_set(err, ERR_USAGE,
			    "auth.%s has to be an object", name);
		json_write(v, 0, &text);
	} else if (v->kind != JSON_STRING && secret_key(v) == NULL &&
	    !(v->kind == JSON_NUMBER &&
	        strcmp(name, "default_token_expiration") == 0)) {
		return error_set(err, ERR_USAGE, "auth.%s has to be a text",
		    name);
	} else if (rest_secret(v, config, where, &text, NULL, err) < 0) {
		return error_prefix(err, "auth.%s: ", name);
	}
	a->values[i] = buf_take(&text);
	return 0;
}

static int
read_object(struct rest_auth *a, const struct json *value,
    struct config *config, const struct config_context *where,
    struct error *err)
{
	const struct kind_of_auth *kind = &kinds[a->kind];

	for (const struct json *m = value->child; m != NULL; m = m->next) {
		size_t i = 0;

		if (strcmp(m->key, "type") == 0)
			continue;
		while (i < ARRAY_LEN(kind->keys) &&
		    (kind->keys[i].name == NULL ||
		        strcmp(kind->keys[i].name, m->key) != 0))
			i++;
		if (i == ARRAY_LEN(kind->keys))
			return error_set(err, ERR_USAGE,
			    "auth of type \"%s\" has no key \"%s\"", kind->name,
			    m->key);
		if (take_value(a, i, m, config, where, err) < 0)
			return -1;
	}
	return 0;
}

/* dlt's native value: all of "credentials" is one text, and not a table. */
static void
take_native(struct rest_auth *a, struct config *config,
    const struct config_context *where)
{
	static const struct key whole = { "credentials", true, true };
	struct error table = { 0 };
	const char *text = NULL;

	if (a->kind == BASIC ||
	    look_up(config, where, NULL, &whole, &text, &table) < 0 ||
	    text == NULL)
		return;
	if (a->kind == OAUTH2) {
		a->token = xstrdup(text);
		a->fixed = true;
	} else {
		a->values[0] = xstrdup(text);
	}
}

static int
fill_in(struct rest_auth *a, struct config *config,
    const struct config_context *where, struct error *err)
{
	const struct kind_of_auth *kind = &kinds[a->kind];

	if (a->values[0] == NULL)
		take_native(a, config, where);
	for (size_t i = 0; i < ARRAY_LEN(kind->keys); i++) {
		const struct key *key = &kind->keys[i];
		const char *text = NULL;

		if (key->name == NULL || a->values[i] != NULL || a->fixed)
			continue;
		if (look_up(config, where, "credentials", key, &text, err) < 0)
			return -1;
		/* "name" alone would be found anywhere */
		if (text == NULL && key->needed &&
		    look_up(config, where, NULL, key, &text, err) < 0)
			return -1;
		if (text != NULL)
			a->values[i] = xstrdup(text);
		else if (key->needed)
			return missing(kind, key, where, err);
	}
	return 0;
}

/* ---- checks ---- */

static int
check_api_key(struct rest_auth *a, struct error *err)
{
	static const char *const places[] = { "header", "query", "param",
		"cookie" };

	if (a->values[2] == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(a->values[2], places[i]) == 0)
			return 0;
	return error_set(err, ERR_USAGE,
	    "auth.location is header, query, param or cookie, not \"%s\"",
	    a->values[2]);
}

static int
check_oauth2(struct rest_auth *a, struct error *err)
{
	struct buf url = { 0 };
	char *end = NULL;
	int rc = 0;

	if (a->fixed)
		return 0;
	if (a->values[4] != NULL) {
		strtod(a->values[4], &end);
		if (end == a->values[4] || *end != '\0')
			return error_set(err, ERR_USAGE,
			    "auth.default_token_expiration has to be a number "
			    "of seconds");
	}
	if (a->values[3] != NULL &&
	    json_parse(&a->data, a->values[3], strlen(a->values[3]), err) < 0)
		return error_prefix(err, "auth.access_token_request_data: ");
	if (a->data.root != NULL && a->data.root->kind != JSON_OBJECT)
		return error_set(err, ERR_USAGE,
		    "auth.access_token_request_data has to be an object");
	rc = rest_url_prepare(a->values[1], NULL, 0, &url, err);
	buf_release(&url);
	return rc < 0 ? error_prefix(err, "auth.access_token_url: ") : 0;
}

/* "Basic " and both in base64, once. */
static void
make_basic(struct rest_auth *a)
{
	char *pair = xasprintf("%s:%s", a->values[0], a->values[1]);
	size_t len = strlen(pair);

	a->token = xmalloc(4 * ((len + 2) / 3) + 1);
	hash_base64_encode(pair, len, a->token);
	a->fixed = true;
	free(pair);
}

int
rest_auth_new(const struct json *value, struct config *config,
    const struct config_context *where, struct rest_auth **auth,
    struct error *err)
{
	enum kind kind = BEARER;
	struct rest_auth *a;
	int rc;

	*auth = NULL;
	if (value == NULL || value->kind == JSON_NULL)
		return 0;
	if (find_kind(value, &kind, err) < 0)
		return -1;
	a = xcalloc(1, sizeof(*a));
	a->kind = kind;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	rc = value->kind == JSON_OBJECT
	    ? read_object(a, value, config, where, err)
	    : 0;
	if (rc == 0)
		rc = fill_in(a, config, where, err);
	if (rc == 0 && kind == API_KEY)
		rc = check_api_key(a, err);
	if (rc == 0 && kind == OAUTH2)
		rc = check_oauth2(a, err);
	if (rc < 0) {
		rest_auth_free(a);
		return -1;
	}
	if (kind == BASIC)
		make_basic(a);
	*auth = a;
	return 0;
}

void
rest_auth_free(struct rest_auth *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(a->values); i++)
		free(a->values[i]);
	json_release(&a->data);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a->token);
	free(a);
}

/* ---- tokens ---- */

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static size_t
set_param(struct rest_param *form, size_t count, const struct rest_param *p)
{
	size_t i = 0;

	while (i < count && strcmp(form[i].name, p->name) != 0)
		i++;
	if (i == FORM_MAX)
		return count;
	form[i] = *p;
	return i == count ? count + 1 : count;
}

static double
lifetime(const struct rest_auth *a, const struct json *answer)
{
	const struct json *in = json_get(answer, "expires_in");
	struct buf text = { 0 };
	double seconds;
	char *end;

	if (in != NULL)
		rest_str(in, &text);
	seconds = strtod(buf_str(&text), &end);
	if (end == buf_str(&text))
		seconds = a->values[4] != NULL ? strtod(a->values[4], NULL)
		                               : EXPIRATION_S;
	buf_release(&text);
	return seconds;
}

/* With a->lock held. */
static int
take_token(struct rest_auth *a, const struct rest_response *resp,
    struct error *err)
{
	const struct json *token;
	struct json_doc doc = { 0 };
	struct error bad = { 0 };
	struct buf text = { 0 };

	json_parse(&doc, buf_str(&resp->http.body), resp->http.body.len, &bad);
	token = bad.code == ERR_NONE ? json_get(doc.root, "access_token")
	                             : NULL;
	if (token == NULL || token->kind == JSON_NULL) {
		json_release(&doc);
		return error_set(err, ERR_REMOTE,
		    "the answer of auth.access_token_url has no access_token");
	}
	rest_str(token, &text);
	free(a->token);
	a->token = buf_take(&text);
	a->expires = now_s() + lifetime(a, doc.root);
	json_release(&doc);
	return 0;
}

static int
fetch_token(struct rest_auth *a, const struct rest_post *post,
    struct error *err)
{
	struct rest_param form[FORM_MAX] = {
		{ "client_id", a->values[2], NULL },
		{ "client_secret", a->values[0], NULL },
		{ "grant_type", "client_credentials", NULL },
	};
	struct rest_response resp = { 0 };
	size_t count = 3;
	int rc;

	for (const struct json *m = a->data.root != NULL ? a->data.root->child
	                                                 : NULL;
	     m != NULL; m = m->next)
		count = set_param(form, count,
		    &(struct rest_param){ m->key, NULL, m });
	rc = post->send(post->arg, a->values[1], form, count, &resp, err);
	pthread_mutex_lock(&a->lock);
	if (rc == 0)
		rc = take_token(a, &resp, err);
	a->fetching = false;
	pthread_cond_broadcast(&a->changed);
	rest_response_release(&resp);
	return rc;
}

static void
wait_for_token(struct rest_auth *a)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 200 * 1000 * 1000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	pthread_cond_timedwait(&a->changed, &a->lock, &ts);
}

/* One thread fetches, the others wait for it. */
static int
get_token(struct rest_auth *a, const struct rest_post *post, struct buf *out,
    struct error *err)
{
	int rc = 0;

	pthread_mutex_lock(&a->lock);
	while (!a->fixed && (a->token == NULL || now_s() >= a->expires)) {
		if (atomic_load(post->stop) || signal_pending()) {
			rc = error_set(err, ERR_QUIET, "interrupted");
			break;
		}
		if (a->fetching) {
			wait_for_token(a);
			continue;
		}
		a->fetching = true;
		pthread_mutex_unlock(&a->lock);
		rc = fetch_token(a, post, err); /* locks again */
		break;
	}
	if (rc == 0)
		buf_adds(out, a->token);
	pthread_mutex_unlock(&a->lock);
	return rc;
}

/* ---- requests ---- */

static int
apply_key(const struct rest_auth *a, struct rest_outgoing *out,
    struct error *err)
{
	const char *name = a->values[1] != NULL ? a->values[1]
	                                        : "Authorization";
	const char *place = a->values[2] != NULL ? a->values[2] : "header";
	struct rest_param key = { name, a->values[0], NULL };
	struct buf text = { 0 };
	int rc = 0;

	if (strcmp(place, "header") == 0) {
		rest_fields_set(&out->fields, name, a->values[0]);
	} else if (strcmp(place, "cookie") == 0) {
		const char *others = rest_fields_get(&out->fields, "Cookie");

		buf_addf(&text, "%s%s%s=%s", others != NULL ? others : "",
		    others != NULL ? "; " : "", name, a->values[0]);
		rest_fields_set(&out->fields, "Cookie", buf_str(&text));
	} else {
		rc = rest_url_prepare(buf_str(&out->url), &key, 1, &text, err);
		if (rc == 0) {
			buf_release(&out->url);
			out->url = text;
			return 0;
		}
	}
	buf_release(&text);
	return rc;
}

int
rest_auth_apply(struct rest_auth *a, const struct rest_post *post,
    struct rest_outgoing *out, struct error *err)
{
	struct buf value = { 0 };
	int rc = 0;

	if (a == NULL)
		return 0;
	if (a->kind == API_KEY)
		return apply_key(a, out, err);
	buf_adds(&value, a->kind == BASIC ? "Basic " : "Bearer ");
	if (a->kind == BEARER)
		buf_adds(&value, a->values[0]);
	else if (post == NULL && !a->fixed)
		buf_adds(&value, "***");
	else
		rc = get_token(a, post, &value, err);
	if (rc == 0)
		rest_fields_set(&out->fields, "Authorization", buf_str(&value));
	buf_release(&value);
	return rc;
}

void
rest_auth_mask(struct rest_auth *a, struct buf *text)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(a->values); i++)
		if (a->values[i] != NULL && kinds[a->kind].keys[i].secret)
			rest_mask(text, a->values[i]);
	pthread_mutex_lock(&a->lock);
	if (a->token != NULL)
		rest_mask(text, a->token);
	pthread_mutex_unlock(&a->lock);
}
