/* SPDX-License-Identifier: MIT */
#include "common/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/output.h"

int
exchange_settings(struct exchange *x, struct config *c, const char *pipeline,
    struct error *err)
{
	static const char *const formats[] = { "yaml", "json" };
	const struct config_context own = { pipeline, { "pipelines", pipeline },
		pipeline ? 2 : 1, NULL };
	const struct config_context schema = { pipeline, { "schema" }, 1,
		NULL };
	bool remove_defaults = true;
	size_t format = 0;

	if (config_string(c, &own, "import_schema_path", &x->import_dir, err) ||
	    config_string(c, &own, "export_schema_path", &x->export_dir, err) ||
	    config_choice(c, &schema, "external_schema_format", formats,
	        ARRAY_LEN(formats), &format, err) ||
	    config_bool(c, &schema, "external_schema_format_remove_defaults",
	        &remove_defaults, err))
		return -1;
	x->json = format == 1;
	x->keep_defaults = !remove_defaults;
	return 0;
}

int
exchange_naming(struct naming_settings *n, struct config *c,
    const char *pipeline, const char *schema, struct error *err)
{
	const struct config_context ctx = { pipeline, { "sources", schema },
		schema ? 2 : 1, "schema" };
	static const char break_path[] = "use_break_path_on_normalize";
	static const char allow[] =
	    "allow_identifier_change_on_table_with_data";

	n->break_given = config_get(c, &ctx, break_path, NULL) != NULL;
	n->allow_given = config_get(c, &ctx, allow, NULL) != NULL;
	if (config_string(c, &ctx, "naming", &n->names, err) ||
	    config_bool(c, &ctx, break_path, &n->break_path, err) ||
	    config_bool(c, &ctx, allow, &n->allow, err))
		return -1;
	return 0;
}

void
exchange_release(struct exchange *x)
{
	free(x->imported);
	free(x->affected);
	x->imported = x->affected = NULL;
}

static char *
file_of(const struct exchange *x, const char *dir, const char *name)
{
	return xasprintf("%s/%s.schema.%s", dir, name,
	    x->json ? "json" : "yaml");
}

/* ---- import ---- */

/* The file to import, with the hash of what stands in it now; NULL with err
 * untouched and *missing true when there is none. */
static struct schema *
read_import(const struct exchange *x, const char *name, bool *missing,
    struct error *err)
{
	struct schema *s = NULL;
	char *path;

	*missing = true;
	if (!x->import_dir)
		return NULL;
	path = file_of(x, x->import_dir, name);
	if (access(path, F_OK) == 0 || errno != ENOENT) {
		*missing = false;
		s = schema_read(path, err);
	}
	if (s && strcmp(s->name, name) != 0) {
		error_set(err, ERR_DATA,
		    "%s: has the schema \"%s\", not \"%s\"", path, s->name,
		    name);
		schema_free(s);
		s = NULL;
	}
	free(path);
	if (s)
		schema_bump(s);
	return s;
}

static void
set_imported(struct schema *s, const char *hash)
{
	char *quoted = xasprintf("\"%s\"", hash);

	schema_set(s, "imported_version_hash", quoted);
	free(quoted);
}

/* Has the file changed since the stored schema was made of it? */
static bool
is_news(const struct schema *stored, const struct schema *file)
{
	char *seen = hints_get_str(&stored->hints, "imported_version_hash");
	bool news = !seen || strcmp(seen, file->hash) != 0;

	free(seen);
	return news;
}

/* For a warning: rows of these tables are somewhere already. */
static char *
tables_with_data(const struct schema *stored)
{
	struct buf names = { 0 };

	for (size_t i = 0; stored && i < stored->table_count; i++) {
		const struct table *t = stored->tables[i];

		if (strncmp(t->name, "_dlt", 4) != 0 && table_has_seen_data(t))
			buf_addf(&names, "%s%s", names.len ? ", " : "",
			    t->name);
	}
	return buf_take(&names);
}

struct schema *
exchange_schema(struct exchange *x, struct workdir *w, const char *name,
    bool *missing, struct error *err)
{
	struct schema *stored = NULL, *file;
	bool no_file;

	*missing = true;
	if (w)
		stored = workdir_schema(w, name, missing, err);
	if (!stored && !*missing)
		return NULL;
	file = read_import(x, name, &no_file, err);
	if (!file && !no_file)
		goto fail;
	if (!file || (stored && !is_news(stored, file))) {
		schema_free(file);
		return stored;
	}
	if (stored)
		schema_link(file, stored->hash);
	set_imported(file, file->hash);
	if (w && !x->look_only &&
	    (workdir_save_schema(w, file, err) ||
	        exchange_export(x, file, err))) {
		schema_free(file);
		goto fail;
	}
	*missing = false;
	exchange_release(x);
	x->imported = file_of(x, x->import_dir, name);
	x->replaced = stored != NULL;
	x->affected = tables_with_data(stored);
	schema_free(stored);
	return file;
fail:
	*missing = false;
	schema_free(stored);
	return NULL;
}

int
exchange_link(const struct exchange *x, struct schema *s, struct error *err)
{
	bool no_file;
	struct schema *file = read_import(x, s->name, &no_file, err);

	if (!file)
		return no_file ? 0 : -1;
	set_imported(s, file->hash);
	schema_free(file);
	return 0;
}

/* ---- export ---- */

static int
write_file(const struct exchange *x, const char *dir, const struct schema *s,
    unsigned flags, char hash[64], struct error *err)
{
	char *path = file_of(x, dir, s->name);
	struct buf text = { 0 };
	int rc;

	if (!x->json)
		flags |= SCHEMA_EXPORT_YAML;
	if (!x->keep_defaults)
		flags |= SCHEMA_EXPORT_NO_DEFAULTS;
	rc = schema_export(s, flags, &text, hash, err);
	if (!rc)
		rc = make_dirs(dir, err);
	if (!rc)
		rc = output_file(path, buf_str(&text), text.len, err);
	buf_release(&text);
	free(path);
	return rc;
}

int
exchange_offer(const struct exchange *x, struct schema *s, struct error *err)
{
	char hash[64], *path;
	bool there;

	if (!x->import_dir)
		return 0;
	path = file_of(x, x->import_dir, s->name);
	there = access(path, F_OK) == 0;
	free(path);
	if (there)
		return 0;
	if (write_file(x, x->import_dir, s, SCHEMA_EXPORT_NO_PROCESSING, hash,
	        err))
		return -1;
	set_imported(s, hash);
	return 0;
}

int
exchange_export(const struct exchange *x, const struct schema *s,
    struct error *err)
{
	unsigned flags = 0;
	char hash[64];

	if (!x->export_dir)
		return 0;
	/* What is read again must not say that tables have data. */
	if (x->import_dir && strcmp(x->import_dir, x->export_dir) == 0)
		flags = SCHEMA_EXPORT_NO_PROCESSING;
	return write_file(x, x->export_dir, s, flags, hash, err);
}
