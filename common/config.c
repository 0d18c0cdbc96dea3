/* SPDX-License-Identifier: MIT */
#include "common/config_private.h"

#include "common/buf.h"
#include "common/output.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE  ((size_t)4 << 20) /* of a configuration file */
#define MAX_PARTS 8                 /* pipeline, E, C and the key; spare */
#define MAX_PATHS 16

/* One key as the candidates for it are tried. */
struct path {
	const char *parts[MAX_PARTS];
	size_t depth;
};

/* ---- keys ---- */

static bool
is_bare(const char *part)
{
	return *part && !strpbrk(part, ".\"=");
}

char *
config_join(struct config *c, const char *const *parts, size_t depth)
{
	struct buf b = { 0 };
	char *joined;
	size_t i;

	for (i = 0; i < depth; i++) {
		if (i)
			buf_addc(&b, '.');
		if (is_bare(parts[i]))
			buf_adds(&b, parts[i]);
		else
			buf_addf(&b, "\"%s\"", parts[i]);
	}
	joined = arena_strdup(&c->arena, buf_str(&b));
	buf_release(&b);
	return joined;
}

static bool
same_parts(const char *const *a, const char *const *b, size_t depth)
{
	size_t i;

	for (i = 0; i < depth; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t i;
	int d;

	for (i = 0; i < x->depth && i < y->depth; i++) {
		d = strcmp(x->parts[i], y->parts[i]);
		if (d)
			return d;
	}
	return (x->depth > y->depth) - (x->depth < y->depth);
}

static struct entry *
find_entry(const struct provider *p, const char *const *parts, size_t depth)
{
	struct entry wanted = { .parts = parts, .depth = depth };
	size_t i;

	if (p->is_file)
		return p->sorted ? bsearch(&wanted, p->entries, p->sorted,
		                       sizeof(wanted), compare_entries)
		                 : NULL;
	for (i = 0; i < p->count; i++)
		if (compare_entries(&wanted, &p->entries[i]) == 0)
			return &p->entries[i];
	return NULL;
}

static void
add_entry(struct provider *p, const struct entry *e)
{
	p->entries = xgrow(p->entries, &p->cap, p->count + 1,
	    sizeof(*p->entries));
	p->entries[p->count++] = *e;
}

static const char *const *
copy_parts(struct config *c, const char *const *parts, size_t depth)
{
	const char **copy = arena_alloc(&c->arena, depth * sizeof(*copy));
	size_t i;

	for (i = 0; i < depth; i++)
		copy[i] = arena_strdup(&c->arena, parts[i]);
	return copy;
}

/* ---- flags ---- */

/* The parts of `a."b.c".d=value`; s is cut to pieces. Returns the value, or
 * NULL when that is not its form. */
static char *
split_key(char *s, const char **parts, size_t max, size_t *depth)
{
	for (*depth = 0; *depth < max; ++*depth) {
		char *start = s, end;

		if (*s == '"') {
			s = strchr(++start, '"');
			if (!s)
				return NULL;
			*s++ = '\0';
		} else {
			s += strcspn(s, ".=");
		}
		end = *s;
		if (end)
			*s++ = '\0';
		if (!*start)
			return NULL;
		parts[*depth] = start;
		if (end == '=') {
			++*depth;
			return s;
		}
		if (end != '.')
			return NULL;
	}
	return NULL;
}

int
config_set(struct config *c, const char *key_value, const char *origin,
    struct error *err)
{
	char *copy = arena_strdup(&c->arena, key_value);
	const char *parts[MAX_PARTS];
	struct entry e = { .type = TOML_STRING }, *old;

	e.text = split_key(copy, parts, MAX_PARTS, &e.depth);
	if (!e.text)
		return error_set(err, ERR_USAGE,
		    "%s: \"%s\" is not of the form KEY=VALUE, as "
		    "normalize.workers=3",
		    origin, key_value);
	e.parts = copy_parts(c, parts, e.depth);
	e.origin = arena_strdup(&c->arena, origin);
	if (strcmp(origin, "-c") == 0 || strcmp(origin, "--config") == 0) {
		const char *key = config_join(c, e.parts, e.depth);
		char *full = arena_alloc(&c->arena, strlen(key) + 4);

		memcpy(full, "-c ", 3);
		memcpy(full + 3, key, strlen(key) + 1);
		e.origin = full;
	}
	old = find_entry(&c->flags, e.parts, e.depth);
	if (old)
		*old = e;
	else
		add_entry(&c->flags, &e);
	return 0;
}

int
config_set_all(struct config *c, const struct opt_list *settings,
    struct error *err)
{
	size_t i;

	for (i = 0; i < settings->count; i++)
		if (config_set(c, settings->items[i],
		        settings->origins ? settings->origins[i] : "-c", err))
			return -1;
	return 0;
}

const char *
config_unused(const struct config *c, size_t *at)
{
	while (*at < c->flags.count) {
		const struct entry *e = &c->flags.entries[(*at)++];

		if (!e->asked && strncmp(e->origin, "-c ", 3) == 0)
			return e->origin;
	}
	return NULL;
}

/* ---- files ---- */

struct loading {
	struct config *c;
	struct provider *provider;
	const char *path;
};

/* Does an earlier file say something else about this key, or about a table
 * above it? Tables of both are merged. */
static bool
is_overridden(const struct provider *p, const struct toml_node *node)
{
	size_t depth;

	if (!p->sorted)
		return false;
	for (depth = 1; depth <= node->depth; depth++) {
		const struct entry *e = find_entry(p, node->path, depth);

		if (!e)
			return false;
		if (e->type != TOML_TABLE)
			return true;
	}
	return true;
}

static int
load_value(void *arg, const struct toml_node *node, struct error *err)
{
	struct loading *l = arg;
	struct entry e = { .depth = node->depth,
		.type = node->type,
		.integer = node->integer,
		.number = node->number,
		.boolean = node->boolean };
	char *origin;

	if (is_overridden(l->provider, node))
		return 0;
	e.parts = copy_parts(l->c, node->path, node->depth);
	if (node->text)
		e.text = arena_strdup(&l->c->arena, node->text);
	origin = xasprintf("%s:%zu", l->path, node->line);
	e.origin = arena_strdup(&l->c->arena, origin);
	free(origin);
	add_entry(l->provider, &e);
	return 0;
}

/* dlt ignores what is no regular file. */
static int
load_file(struct config *c, struct provider *p, const char *folder,
    const char *name, struct error *err)
{
	char *path, *text;
	struct loading l = { c, p, NULL };
	struct stat st;
	size_t len;
	int rc;

	if (!folder)
		return 0;
	path = xasprintf("%s/%s", folder, name);
	l.path = arena_strdup(&c->arena, path);
	free(path);
	if (stat(l.path, &st) < 0 && errno != ENOENT && errno != ENOTDIR)
		return error_errno(err, "%s", l.path);
	if (access(l.path, F_OK) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (read_file(l.path, MAX_FILE, &text, &len, err) < 0)
		return -1;
	rc = toml_walk(text, len, l.path, load_value, &l, err);
	free(text);
	if (rc == 0 && p->count)
		qsort(p->entries, p->count, sizeof(*p->entries),
		    compare_entries);
	p->sorted = p->count;
	opt_list_add(&c->files, l.path);
	return rc;
}

struct config *
config_open(const char *settings, const char *global, const char *secrets,
    struct error *err)
{
	struct config *c = xcalloc(1, sizeof(*c));

	c->mounted = arena_strdup(&c->arena,
	    secrets ? secrets : "/run/secrets");
	c->secrets.is_file = c->config.is_file = true;
	if (load_file(c, &c->secrets, settings, "secrets.toml", err) ||
	    load_file(c, &c->secrets, global, "secrets.toml", err) ||
	    load_file(c, &c->config, settings, "config.toml", err) ||
	    load_file(c, &c->config, global, "config.toml", err)) {
		config_free(c);
		return NULL;
	}
	return c;
}

/* dlt's global_dir(): not moved by DLT_DATA_DIR; malloc'd. */
static char *
global_folder(const char *folder_name)
{
	const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME");
	const char *temporary = getenv("TMPDIR");
	struct stat st;
	char *folder;

	if (geteuid() == 0)
		return xstrdup("/var/dlt");
	if (!home) {
		const struct passwd *user = getpwuid(geteuid());

		home = user ? user->pw_dir : NULL;
	}
	if (!home || access(home, W_OK | X_OK) < 0)
		return xasprintf("%s/dlt",
		    temporary && *temporary ? temporary : "/tmp");
	folder = xasprintf("%s/%s", home, folder_name);
	if (data && (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))) {
		free(folder);
		folder = xasprintf("%s/dlt", data);
	}
	return folder;
}

struct config *
config_load(const char *dir, struct error *err)
{
	const char *project = dir ? dir : getenv("DLT_PROJECT_DIR");
	const char *folder_name = getenv("DLT_CONFIG_FOLDER");
	char *settings, *global;
	struct config *c;
	struct stat st;

	if (dir && stat(dir, &st) < 0) {
		error_errno(err, "-C %s", dir);
		err->code = ERR_USAGE;
		return NULL;
	}
	if (dir && !S_ISDIR(st.st_mode)) {
		error_set(err, ERR_USAGE, "-C %s: not a directory", dir);
		return NULL;
	}
	if (!folder_name)
		folder_name = ".dlt";
	if (project && *project && folder_name[0] != '/')
		settings = xasprintf("%s/%s", project, folder_name);
	else
		settings = xstrdup(folder_name);
	global = global_folder(folder_name);
	c = config_open(settings, global, NULL, err);
	free(settings);
	free(global);
	return c;
}

void
config_free(struct config *c)
{
	if (!c)
		return;
	free(c->flags.entries);
	free(c->secrets.entries);
	free(c->config.entries);
	free(c->settings);
	opt_list_release(&c->files);
	arena_release(&c->arena);
	free(c);
}

/* ---- lookup ---- */

static bool
same_path(const struct path *a, const struct path *b)
{
	return a->depth == b->depth && same_parts(a->parts, b->parts, a->depth);
}

static void
add_part(struct path *p, const char *part)
{
	if (part && *part && p->depth < MAX_PARTS - 1)
		p->parts[p->depth++] = part;
}

static void
end_path(struct path *p, const struct config_context *ctx, const char *key)
{
	add_part(p, ctx->section);
	p->parts[p->depth++] = key;
}

static void
insert_path(struct path *paths, size_t *count, size_t at, const struct path *p)
{
	memmove(&paths[at + 1], &paths[at], (*count - at) * sizeof(*paths));
	paths[at] = *p;
	++*count;
}

/* "sources", a part and the key. */
static struct path
compact_path(const struct config_context *ctx, const char *part,
    const char *key)
{
	struct path p = { .depth = 0 };

	add_part(&p, ctx->path[0]);
	add_part(&p, part);
	end_path(&p, ctx, key);
	return p;
}

/* Of a resource: where its source may have something, it may, too. */
static void
add_resource(const struct config_context *ctx, const char *key,
    struct path *paths, size_t *count)
{
	struct path p = { .depth = 0 };

	if (!ctx->resource || strcmp(ctx->resource, ctx->path[2]) == 0)
		return;
	add_part(&p, ctx->path[0]);
	add_part(&p, ctx->path[1]);
	add_part(&p, ctx->resource);
	end_path(&p, ctx, key);
	insert_path(paths, count, 0, &p);
	if (strcmp(ctx->path[1], ctx->resource) == 0)
		return;
	p = compact_path(ctx, ctx->resource, key);
	insert_path(paths, count, 3, &p);
}

/* The candidates without the pipeline's name, the most specific one first
 * (contract.md 11.2, steps 2 and 3). */
static size_t
build_paths(const struct config_context *ctx, const char *key,
    struct path *paths)
{
	struct path compact;
	size_t n, i, count = 0;

	for (n = ctx->count + 1; n-- > 0;) {
		struct path *p = &paths[count++];

		p->depth = 0;
		for (i = 0; i < n; i++)
			add_part(p, ctx->path[i]);
		end_path(p, ctx, key);
	}
	if (ctx->count < 3 || !ctx->path[0] || !ctx->path[1] || !ctx->path[2] ||
	    strcmp(ctx->path[0], "sources") != 0)
		return count;
	compact = compact_path(ctx, ctx->path[2], key);
	for (i = 0; i < count; i++)
		if (same_path(&paths[i], &compact))
			break;
	if (i == count)
		insert_path(paths, &count, 2, &compact);
	add_resource(ctx, key, paths, &count);
	return count;
}

static char *
variable_name(const struct path *p)
{
	struct buf b = { 0 };
	size_t i;

	for (i = 0; i < p->depth; i++) {
		const char *s = p->parts[i];

		if (i)
			buf_adds(&b, "__");
		for (; *s; s++)
			buf_addc(&b, (char)toupper((unsigned char)*s));
	}
	return buf_take(&b);
}

/* What is set outside of files; the entry lives in the arena. */
static struct entry *
outside_entry(struct config *c, const struct path *p, const char *text,
    size_t len, const char *origin)
{
	struct entry *e = arena_alloc(&c->arena, sizeof(*e));

	*e = (struct entry){ .type = TOML_STRING };
	e->parts = copy_parts(c, p->parts, p->depth);
	e->depth = p->depth;
	e->text = arena_strndup(&c->arena, text, len);
	e->origin = arena_strdup(&c->arena, origin);
	return e;
}

/* /run/secrets/sources--x--password, or that file in a folder of that name, as
 * container systems mount them. The line's end is not part of a secret. */
static struct entry *
find_mounted(struct config *c, const struct path *p, const char *variable)
{
	char *name = xstrdup(variable), *path, *text = NULL, *s;
	struct entry *e = NULL;
	struct error ignored;
	struct stat st;
	size_t len;

	for (s = name; *s; s++)
		*s = *s == '_' ? '-' : (char)tolower((unsigned char)*s);
	path = strchr(name, '/') ? xstrdup("")
	                         : xasprintf("%s/%s", c->mounted, name);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		free(path);
		path = xasprintf("%s/%s/%s", c->mounted, name, name);
	}
	if (*path && read_file(path, MAX_FILE, &text, &len, &ignored) == 0) {
		while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			len--;
		e = outside_entry(c, p, text, len, path);
		free(text);
	}
	free(path);
	free(name);
	return e;
}

static struct entry *
find_outside(struct config *c, const struct path *p, enum secrecy secrecy)
{
	char *variable = variable_name(p);
	struct entry *e = NULL;
	const char *text;

	if (secrecy == SECRET)
		e = find_mounted(c, p, variable);
	if (!e) {
		text = getenv(variable);
		if (text)
			e = outside_entry(c, p, text, strlen(text), variable);
	}
	free(variable);
	return e;
}

/* All candidates are passed even when one was found: -c keys that nobody
 * passes are mistakes, those that lose are not. */
static struct entry *
search_flags(struct config *c, const struct path *paths, size_t count)
{
	struct entry *found = NULL, *e;
	size_t i;

	for (i = 0; i < count; i++) {
		e = find_entry(&c->flags, paths[i].parts, paths[i].depth);
		if (e)
			e->asked = true;
		if (!found)
			found = e;
	}
	return found;
}

static struct entry *
search_providers(struct config *c, const struct path *paths, size_t count,
    enum secrecy secrecy)
{
	const struct provider *files[] = { &c->secrets, &c->config };
	struct entry *e;
	size_t i, n;

	for (i = 0; i < count; i++) {
		e = find_outside(c, &paths[i], secrecy);
		if (e)
			return e;
	}
	for (n = 0; n < ARRAY_LEN(files); n++) {
		for (i = 0; i < count; i++) {
			e = find_entry(files[n], paths[i].parts,
			    paths[i].depth);
			if (e)
				return e;
		}
	}
	return NULL;
}

static size_t
prefix_paths(const char *pipeline, const struct path *paths, size_t count,
    struct path *prefixed)
{
	size_t i;

	if (!pipeline || !*pipeline)
		return 0;
	for (i = 0; i < count; i++) {
		prefixed[i].parts[0] = pipeline;
		memcpy(&prefixed[i].parts[1], paths[i].parts,
		    paths[i].depth * sizeof(paths[i].parts[0]));
		prefixed[i].depth = paths[i].depth + 1;
	}
	return count;
}

struct entry *
config_search(struct config *c, const struct config_context *ctx,
    const char *key, enum secrecy secrecy, const char **most)
{
	struct path paths[MAX_PATHS], prefixed[MAX_PATHS];
	size_t count = build_paths(ctx, key, paths);
	size_t more = prefix_paths(ctx->pipeline, paths, count, prefixed);
	struct entry *under, *e;

	*most = config_join(c, paths[0].parts, paths[0].depth);
	under = search_flags(c, prefixed, more);
	e = search_flags(c, paths, count);
	if (under)
		e = under;
	if (!e)
		e = search_providers(c, prefixed, more, secrecy);
	if (!e)
		e = search_providers(c, paths, count, secrecy);
	return e;
}

/* ---- what was asked ---- */

const char *
config_mask(struct config *c, const char *text)
{
	const char *user = strstr(text, "://"), *colon, *at, *end;
	struct buf b = { 0 };

	if (!user)
		return text;
	user += 3;
	end = user + strcspn(user, "/?#\" ");
	colon = memchr(user, ':', (size_t)(end - user));
	at = colon ? memrchr(colon, '@', (size_t)(end - colon)) : NULL;
	if (!at)
		return text;
	buf_add(&b, text, (size_t)(colon + 1 - text));
	buf_addf(&b, "***%s", at);
	text = arena_strdup(&c->arena, b.data);
	buf_release(&b);
	return text;
}

void
config_remember(struct config *c, const char *most, const struct entry *e,
    const char *value, enum toml_type type)
{
	struct setting s = { most, NULL, value, "default", type, !e };
	size_t i;

	if (value)
		s.value = arena_strdup(&c->arena, config_mask(c, value));
	if (e) {
		s.origin = e->origin;
		s.found_as = config_join(c, e->parts, e->depth);
	}
	for (i = 0; i < c->setting_count; i++) {
		if (strcmp(c->settings[i].key, most) == 0) {
			c->settings[i] = s;
			return;
		}
	}
	c->settings = xgrow(c->settings, &c->setting_cap, c->setting_count + 1,
	    sizeof(s));
	c->settings[c->setting_count++] = s;
}

const char *
config_get(struct config *c, const struct config_context *ctx, const char *key,
    const char **origin)
{
	const char *most;
	const struct entry *e = config_search(c, ctx, key, OPEN, &most);

	if (e && e->type == TOML_TABLE)
		e = NULL;
	config_remember(c, most, e, e ? e->text : NULL,
	    e ? e->type : TOML_STRING);
	if (e && origin)
		*origin = e->origin;
	return e ? e->text : NULL;
}
