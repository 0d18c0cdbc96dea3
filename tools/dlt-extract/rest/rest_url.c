/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_url.h"

#include "common/http.h"
#include "common/json.h"
#include "common/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SUB_DELIMS  "!$&'()*+,;="
#define USER_CHARS  SUB_DELIMS ":"
#define PATH_CHARS  USER_CHARS "@/"
#define QUERY_CHARS PATH_CHARS "?"

/* What a URL consists of; the parts have lengths, missing ones are NULL. */
struct parts {
	const char *scheme, *user, *host, *port, *path, *query, *fragment;
	size_t scheme_len, user_len, host_len, port_len, path_len, query_len,
	    fragment_len;
};

static bool
is_unreserved(unsigned char c)
{
	return c < 0x80 && (isalnum(c) || (c != '\0' && strchr("-._~", c)));
}

static bool
is_escape(const char *p, size_t len)
{
	return len >= 3 && *p == '%' && isxdigit((unsigned char)p[1]) &&
	    isxdigit((unsigned char)p[2]);
}

/* ---- taking URLs apart ---- */

static void
split_authority(struct parts *u, const char *text, size_t len)
{
	const char *at = memrchr(text, '@', len), *host = text, *colon;
	const char *end = text + len;

	if (at != NULL) {
		u->user = text;
		u->user_len = (size_t)(at - text);
		host = at + 1;
	}
	u->host = host;
	colon = memrchr(host, ':', (size_t)(end - host));
	if (colon != NULL &&
	    memchr(colon, ']', (size_t)(end - colon)) == NULL) {
		u->port = colon + 1;
		u->port_len = (size_t)(end - u->port);
		end = colon;
	}
	u->host_len = (size_t)(end - host);
}

static void
split(struct parts *u, const char *url)
{
	size_t n = 0;

	*u = (struct parts){ 0 };
	if (isalpha((unsigned char)*url))
		while (isalnum((unsigned char)url[n]) ||
		    (url[n] != '\0' && strchr("+.-", url[n])))
			n++;
	if (url[n] == ':' && n > 0) {
		u->scheme = url;
		u->scheme_len = n;
		url += n + 1;
	}
	if (strncmp(url, "//", 2) == 0) {
		n = strcspn(url + 2, "\\/?#");
		split_authority(u, url + 2, n);
		url += 2 + n;
	}
	u->path = url;
	u->path_len = strcspn(url, "?#");
	url += u->path_len;
	if (*url == '?') {
		u->query = ++url;
		u->query_len = strcspn(url, "#");
		url += u->query_len;
	}
	if (*url == '#') {
		u->fragment = url + 1;
		u->fragment_len = strlen(url + 1);
	}
}

static bool
is_web(const struct parts *u)
{
	return (u->scheme_len == 4 && strncasecmp(u->scheme, "http", 4) == 0) ||
	    (u->scheme_len == 5 && strncasecmp(u->scheme, "https", 5) == 0);
}

void
rest_url_join(const char *base, const char *path, struct buf *out)
{
	struct parts u;
	size_t len = strlen(base);

	split(&u, path);
	if (is_web(&u) || len == 0) {
		buf_adds(out, path);
		return;
	}
	if (*path == '\0') {
		buf_adds(out, base);
		return;
	}
	while (len > 0 && base[len - 1] == '/')
		len--;
	buf_add(out, base, len);
	buf_addc(out, '/');
	buf_adds(out, path + strspn(path, "/"));
}

/* ---- values ---- */

/* Python's repr() of a float: the shortest digits that give it back. */
static void
add_float(double d, struct buf *out)
{
	char text[40], digits[24];
	int exp, n = 0;

	if (isinf(d)) {
		buf_adds(out, d < 0 ? "-inf" : "inf");
		return;
	}
	for (int p = 0; p < 18; p++) {
		snprintf(text, sizeof(text), "%.*e", p, fabs(d));
		if (strtod(text, NULL) == fabs(d))
			break;
	}
	for (const char *p = text; *p != 'e'; p++)
		if (*p != '.')
			digits[n++] = *p;
	digits[n] = '\0';
	exp = atoi(strchr(text, 'e') + 1);
	if (signbit(d))
		buf_addc(out, '-');
	if (exp < -4 || exp >= 16) {
		buf_addf(out, "%c%s%se%c%02d", *digits, n > 1 ? "." : "",
		    digits + 1, exp < 0 ? '-' : '+', abs(exp));
	} else if (exp < 0) {
		buf_addf(out, "0.%.*s%s", -exp - 1, "000", digits);
	} else {
		for (int i = 0; i <= exp; i++)
			buf_addc(out, i < n ? digits[i] : '0');
		buf_addf(out, ".%s", exp + 1 < n ? digits + exp + 1 : "0");
	}
}

static void
add_number(const struct json *v, struct buf *out)
{
	char text[400];

	for (size_t i = 0; i < v->raw_len; i++) {
		if (v->raw[i] != '.' && (v->raw[i] | 0x20) != 'e')
			continue;
		/* longer ones are rounded alike: the digits beyond do not
		 * matter, but an exponent after them would */
		if (v->raw_len >= sizeof(text)) {
			buf_add(out, v->raw, v->raw_len);
			return;
		}
		memcpy(text, v->raw, v->raw_len);
		text[v->raw_len] = '\0';
		add_float(strtod(text, NULL), out);
		return;
	}
	if (v->raw_len == 2 && memcmp(v->raw, "-0", 2) == 0)
		buf_addc(out, '0');
	else
		buf_add(out, v->raw, v->raw_len);
}

void
rest_str(const struct json *v, struct buf *out)
{
	switch (v->kind) {
	case JSON_NULL:
		buf_adds(out, "None");
		break;
	case JSON_BOOL:
		buf_adds(out, v->truth ? "True" : "False");
		break;
	case JSON_NUMBER:
		add_number(v, out);
		break;
	case JSON_STRING:
		buf_add(out, v->str, v->len);
		break;
	default:
		json_write(v, 0, out);
	}
}

/* ---- parameters ---- */

static void
add_escaped(const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == ' ')
			buf_addc(out, '+');
		else if (is_unreserved(c))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static void
add_pair(const char *name, const char *text, size_t len, size_t start,
    struct buf *out)
{
	if (out->len > start)
		buf_addc(out, '&');
	add_escaped(name, strlen(name), out);
	buf_addc(out, '=');
	add_escaped(text, len, out);
}

static void
add_value(const char *name, const struct json *v, size_t start, struct buf *out)
{
	struct buf text = { 0 };

	rest_str(v, &text);
	add_pair(name, buf_str(&text), text.len, start, out);
	buf_release(&text);
}

/* Elements of an array (keys of an object), and once more of those; null at the
 * first of the two levels is left out. */
static void
add_elements(const char *name, const struct json *v, int level, size_t start,
    struct buf *out)
{
	for (const struct json *e = v->child; e != NULL; e = e->next) {
		if (v->kind == JSON_OBJECT)
			add_pair(name, e->key, e->key_len, start, out);
		else if (level == 1 && e->kind == JSON_NULL)
			continue;
		else if (level == 1 &&
		    (e->kind == JSON_ARRAY || e->kind == JSON_OBJECT))
			add_elements(name, e, 2, start, out);
		else
			add_value(name, e, start, out);
	}
}

void
rest_encode_params(const struct rest_param *params, size_t count,
    struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < count; i++) {
		const struct rest_param *p = &params[i];

		if (p->text != NULL)
			add_pair(p->name, p->text, strlen(p->text), start, out);
		else if (p->value == NULL || p->value->kind == JSON_NULL)
			continue;
		else if (p->value->kind == JSON_ARRAY ||
		    p->value->kind == JSON_OBJECT)
			add_elements(p->name, p->value, 1, start, out);
		else
			add_value(p->name, p->value, start, out);
	}
}

/* ---- encoding ---- */

/* What is escaped stays so, unless a % that begins no escape shows that nothing
 * is: then all of them are text. Escaped letters are written out. */
static void
add_part(const char *text, size_t len, const char *allowed, struct buf *out)
{
	bool escaped = true;

	for (size_t i = 0; i < len; i++)
		if (text[i] == '%' && !is_escape(text + i, len - i))
			escaped = false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		struct buf one = { 0 };

		if (is_escape(text + i, len - i)) {
			http_unescape(text + i, 3, &one);
			if (escaped && one.len == 1 &&
			    is_unreserved((unsigned char)*one.data))
				buf_addc(out, *one.data);
			else
				buf_addf(out, "%s%c%c", escaped ? "%" : "%25",
				    toupper((unsigned char)text[i + 1]),
				    toupper((unsigned char)text[i + 2]));
			buf_release(&one);
			i += 2;
		} else if (is_unreserved(c) || (c && strchr(allowed, c))) {
			buf_addc(out, (char)c);
		} else {
			buf_addf(out, "%%%02X", c);
		}
	}
}

/* ---- paths ---- */

struct segment {
	const char *text;
	size_t len;
};

static bool
is_segment(const struct segment *s, const char *name)
{
	return s->len == strlen(name) && memcmp(s->text, name, s->len) == 0;
}

/* Add those of a path to a list that has the room; how many there are then. */
static size_t
cut_path(const char *path, size_t len, struct segment *list, size_t count)
{
	const char *end = path + len;

	for (;;) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		const char *stop = slash != NULL ? slash : end;

		list[count++] = (struct segment){ path, (size_t)(stop - path) };
		if (slash == NULL)
			return count;
		path = slash + 1;
	}
}

/* In place: "." is nothing, ".." takes the one before it away. */
static size_t
walk(struct segment *list, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_segment(&list[i], "."))
			continue;
		if (!is_segment(&list[i], ".."))
			list[n++] = list[i];
		else if (n > 0)
			n--;
	}
	return n;
}

static void
put_path(const struct segment *list, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_addc(out, '/');
		buf_add(out, list[i].text, list[i].len);
	}
}

/* urllib3's _remove_path_dot_segments(), for a path that begins with '/' */
static void
remove_dots(const char *path, size_t len, struct buf *out)
{
	struct segment *list = xcalloc(len + 1, sizeof(*list));
	size_t count = cut_path(path, len, list, 0), n;
	bool dir = is_segment(&list[count - 1], ".") ||
	    is_segment(&list[count - 1], "..");

	n = walk(list, count);
	if (n == 0 || list[0].len > 0)
		buf_addc(out, '/');
	if (n == 1 && list[0].len == 0 && !dir)
		buf_addc(out, '/');
	put_path(list, n, out);
	if (dir && n > 0)
		buf_addc(out, '/');
	free(list);
}

/* ---- whole URLs ---- */

static bool
has_valid_host(const struct parts *u)
{
	if (u->host_len == 0 || u->port_len > 5 || *u->host == '*' ||
	    *u->host == '.')
		return false;
	for (size_t i = 0; i < u->port_len; i++)
		if (!isdigit((unsigned char)u->port[i]))
			return false;
	for (size_t i = 0; i < u->host_len; i++)
		if ((unsigned char)u->host[i] <= ' ' || u->host[i] == 0x7f ||
		    strchr("<>\"{}|\\^`", u->host[i]))
			return false;
	return true;
}

static void
add_lower(const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_addc(out, (char)tolower((unsigned char)text[i]));
}

static void
add_origin(const struct parts *u, struct buf *out)
{
	add_lower(u->scheme, u->scheme_len, out);
	buf_adds(out, "://");
	if (u->user_len > 0) {
		add_part(u->user, u->user_len, USER_CHARS, out);
		buf_addc(out, '@');
	}
	add_lower(u->host, u->host_len, out);
	if (u->port_len > 0) {
		buf_addc(out, ':');
		buf_add(out, u->port, u->port_len);
	}
}

/* More than one slash at its beginning is one, as what follows two would be
 * taken for a host. */
static void
add_path(const struct parts *u, struct buf *out)
{
	struct buf path = { 0 }, clean = { 0 };
	size_t slashes;

	if (u->path_len == 0 || *u->path != '/')
		buf_addc(&path, '/');
	buf_add(&path, u->path, u->path_len);
	remove_dots(path.data, path.len, &clean);
	slashes = strspn(buf_str(&clean), "/");
	buf_addc(out, '/');
	add_part(clean.data + slashes, clean.len - slashes, PATH_CHARS, out);
	buf_release(&path);
	buf_release(&clean);
}

int
rest_url_prepare(const char *url, const struct rest_param *params, size_t count,
    struct buf *out, struct error *err)
{
	struct buf query = { 0 };
	struct parts u;

	url += strspn(url, " \t\r\n\v\f");
	split(&u, url);
	if (!is_web(&u))
		return error_set(err, ERR_USAGE,
		    u.scheme == NULL
		        ? "the URL has no scheme, such as https://"
		        : "the URL has another scheme than http and https");
	if (!has_valid_host(&u))
		return error_set(err, ERR_USAGE,
		    "the URL has no valid name of a host");
	add_origin(&u, out);
	add_path(&u, out);
	rest_encode_params(params, count, &query);
	if (u.query_len > 0 || query.len > 0)
		buf_addc(out, '?');
	add_part(u.query, u.query_len, QUERY_CHARS, out);
	if (u.query_len > 0 && query.len > 0)
		buf_addc(out, '&');
	buf_adds(out, buf_str(&query));
	buf_release(&query);
	return 0;
}

/* ---- references ---- */

/* The parameters of a path: what follows a ';' in its last segment. */
static size_t
find_params(const struct parts *u)
{
	const char *slash = memrchr(u->path, '/', u->path_len);
	size_t from = slash != NULL ? (size_t)(slash - u->path) : 0;
	const char *mark = memchr(u->path + from, ';', u->path_len - from);

	return mark != NULL ? (size_t)(mark - u->path) : u->path_len;
}

static void
resolve_path(const struct parts *base, const struct parts *ref, size_t len,
    struct buf *out)
{
	struct segment *list = xcalloc(base->path_len + len + 3, sizeof(*list));
	size_t count = 0, kept = 0, n;
	bool local = len == 0 || *ref->path != '/', dir;

	if (local) {
		count = cut_path(base->path, base->path_len, list, 0);
		if (list[count - 1].len > 0)
			count--;
	}
	count = cut_path(ref->path, len, list, count);
	/* below a base, empty ones in the middle do not count */
	for (size_t i = 0; i < count; i++)
		if (!local || i == 0 || i + 1 == count || list[i].len > 0)
			list[kept++] = list[i];
	dir = is_segment(&list[kept - 1], ".") ||
	    is_segment(&list[kept - 1], "..");
	n = walk(list, kept);
	if (dir)
		list[n++] = (struct segment){ "", 0 };
	if (n == 0 || list[0].len > 0 || n == 1)
		buf_addc(out, '/');
	put_path(list, n, out);
	free(list);
}

static void
add_tail(char mark, const char *text, size_t len, struct buf *out)
{
	if (len == 0)
		return;
	buf_addc(out, mark);
	buf_add(out, text, len);
}

static void
add_raw_origin(const struct parts *u, struct buf *out)
{
	const char *end = u->port != NULL ? u->port + u->port_len
	                                  : u->host + u->host_len;
	const char *start = u->user != NULL ? u->user : u->host;

	add_lower(u->scheme, u->scheme_len, out);
	buf_adds(out, "://");
	buf_add(out, start, (size_t)(end - start));
}

/* Line breaks and tabs are no part of a reference, nor blanks before it. */
static void
clean_reference(const char *ref, struct buf *out)
{
	while (*ref != '\0' && (unsigned char)*ref <= ' ')
		ref++;
	for (; *ref != '\0'; ref++)
		if (strchr("\t\r\n", *ref) == NULL)
			buf_addc(out, *ref);
}

static void
resolve_local(const struct parts *b, const struct parts *r, struct buf *out)
{
	size_t len = find_params(r);

	add_raw_origin(b, out);
	if (r->path_len == 0 || (len == 0 && r->path_len == 1))
		buf_add(out, b->path, b->path_len);
	else
		resolve_path(b, r, len, out);
	if (len + 1 < r->path_len)
		buf_add(out, r->path + len, r->path_len - len);
	if (r->path_len == 0 && r->query_len == 0)
		add_tail('?', b->query, b->query_len, out);
	else
		add_tail('?', r->query, r->query_len, out);
	add_tail('#', r->fragment, r->fragment_len, out);
}

void
rest_url_resolve(const char *base, const char *ref, struct buf *out)
{
	struct buf text = { 0 };
	struct parts b, r;

	clean_reference(ref, &text);
	split(&b, base);
	split(&r, buf_str(&text));
	if (*ref == '\0') {
		buf_adds(out, base);
	} else if (b.scheme == NULL || b.host == NULL ||
	    (r.scheme != NULL &&
	        (r.scheme_len != b.scheme_len ||
	            strncasecmp(r.scheme, b.scheme, r.scheme_len) != 0))) {
		buf_adds(out, buf_str(&text));
	} else if (r.host_len > 0 || r.user != NULL || r.port != NULL) {
		r.scheme = b.scheme;
		r.scheme_len = b.scheme_len;
		add_raw_origin(&r, out);
		buf_add(out, r.path, r.path_len);
		add_tail('?', r.query, r.query_len, out);
		add_tail('#', r.fragment, r.fragment_len, out);
	} else {
		resolve_local(&b, &r, out);
	}
	buf_release(&text);
}

/* ---- for messages ---- */

static bool
same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

static void
find_port(const struct parts *u, const char **port, size_t *len)
{
	*port = u->port_len > 0 ? u->port : u->scheme_len == 5 ? "443" : "80";
	*len = u->port_len > 0 ? u->port_len : strlen(*port);
}

bool
rest_url_same_host(const char *a, const char *b)
{
	const char *port_a, *port_b;
	size_t len_a, len_b;
	struct parts x, y;

	split(&x, a);
	split(&y, b);
	if (!is_web(&x) || !is_web(&y))
		return false;
	find_port(&x, &port_a, &len_a);
	find_port(&y, &port_b, &len_b);
	return same(x.scheme, x.scheme_len, y.scheme, y.scheme_len) &&
	    same(x.host, x.host_len, y.host, y.host_len) &&
	    same(port_a, len_a, port_b, len_b);
}

bool
rest_url_is_upgrade(const char *a, const char *b)
{
	struct parts x, y;

	split(&x, a);
	split(&y, b);
	return is_web(&x) && is_web(&y) && x.scheme_len == 4 &&
	    y.scheme_len == 5 && same(x.host, x.host_len, y.host, y.host_len) &&
	    (x.port_len == 0 || same(x.port, x.port_len, "80", 2)) &&
	    (y.port_len == 0 || same(y.port, y.port_len, "443", 3));
}

static bool
is_sensitive(const char *name, size_t len)
{
	static const char *const names[] = { "api_key", "token", "key",
		"access_token", "apikey", "api-key", "access-token", "secret",
		"password", "pwd", "client_secret" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (same(name, len, names[i], strlen(names[i])))
			return true;
	return false;
}

static void
show_query(const char *p, size_t len, struct buf *out)
{
	const char *end = p + len;

	for (;;) {
		const char *stop = memchr(p, '&', (size_t)(end - p));
		const char *value;

		if (stop == NULL)
			stop = end;
		value = memchr(p, '=', (size_t)(stop - p));
		if (value != NULL && is_sensitive(p, (size_t)(value - p))) {
			buf_add(out, p, (size_t)(value + 1 - p));
			buf_adds(out, "***");
		} else {
			buf_add(out, p, (size_t)(stop - p));
		}
		if (stop == end)
			return;
		buf_addc(out, '&');
		p = stop + 1;
	}
}

void
rest_url_show(const char *url, struct buf *out)
{
	const char *from = url, *end, *colon = NULL;
	struct parts u;

	split(&u, url);
	if (u.user != NULL)
		colon = memchr(u.user, ':', u.user_len);
	if (colon != NULL) {
		buf_add(out, url, (size_t)(colon + 1 - url));
		buf_adds(out, "***");
		from = u.user + u.user_len;
	}
	end = u.path + u.path_len;
	buf_add(out, from, (size_t)(end - from));
	if (u.query != NULL) {
		buf_addc(out, '?');
		show_query(u.query, u.query_len, out);
	}
}
