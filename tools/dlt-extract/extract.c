/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/extract.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/package.h"
#include "common/runtime.h"
#include "common/testhook.h"
#include "common/trace.h"
#include "tools/dlt-extract/components.h"
#include "tools/dlt-extract/cursor/cursors.h"
#include "tools/dlt-extract/databases.h"
#include "tools/dlt-extract/kept.h"
#include "tools/dlt-extract/pull.h"
#include "tools/dlt-extract/rest/rest_source.h"
#include "tools/dlt-extract/settings.h"
#include "tools/dlt-extract/source_file.h"
#include "tools/dlt-extract/sync.h"
#include "tools/dlt-extract/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	struct extract_options *o;
	struct settings settings;
	struct sources sources;
	struct source_file *file; /* or NULL */
	struct target target;
	struct schema *schema;
	char base_hash[64];      /* of the schema as it was found */
	struct buf stored_state; /* from --sync */
	struct schema *sent;     /* the last schema of a stream */
	struct pull pull;
	struct pull_resource *plans; /* of each resource */
	size_t plan_count;
	struct cursors cursors;
	struct cursors_bind cursors_bind;
	struct kept kept;
	struct databases databases;
	struct rest_source *rest; /* NULL: no input is one of an API */
	struct writer *writer;
	struct progress *progress;
	struct buf state_doc, new_state;
	char *pipeline;      /* its name, or the schema's */
	bool had_schema;     /* the pipeline had one in schemas/ */
	char *state_path;    /* state.json of the pipeline, or NULL */
	char state_mark[64]; /* of it, as it was read */
};

/* ---- the schema ---- */

static void
say_import(const struct exchange *x)
{
	if (x->imported == NULL)
		return;
	if (!x->replaced)
		msg_info("%s: the schema to begin with", x->imported);
	else
		msg_warn("%s: has changed, and replaces the schema of the "
		         "pipeline%s%s",
		    x->imported, *x->affected ? "; tables with data: " : "",
		    x->affected);
}

/* What a destination has stored, where the pipeline is new. */
static int
find_stored(struct run *r, const char *name, struct error *err)
{
	struct sync_source from = { r->o->sync, r->o->dataset,
		r->o->password_file, NULL };
	struct schema *kept;
	bool missing = true;

	if (r->o->sync == NULL ||
	    (r->target.workdir != NULL && !r->target.is_fresh))
		return 0;
	if (r->target.workdir != NULL) {
		kept = workdir_schema(r->target.workdir, name, &missing, err);
		schema_free(kept);
		if (kept != NULL || !missing)
			return kept != NULL ? 0 : -1;
	}
	from.working = r->target.workdir ? r->target.workdir->name : NULL;
	if (sync_read(&from, r->settings.config, name, r->pipeline, &r->schema,
	        &r->stored_state, err) < 0)
		return -1;
	return r->schema == NULL
	    ? 0
	    : exchange_link(&r->settings.exchange, r->schema, err);
}

/* The schema to begin with, of what the last run has left (or NULL). */
static int
begin_schema(struct run *r, struct error *err)
{
	struct naming_settings naming = r->settings.naming;

	if (r->schema != NULL)
		refresh_schema(&r->settings.refresh, &r->schema, &r->sources);
	else if (r->settings.refresh.mode != REFRESH_NONE)
		msg_info("refresh: there is no schema of an earlier run, so "
		         "nothing is done away with");
	if (r->schema == NULL) {
		r->schema = schema_new(r->settings.schema_name);
		schema_link(r->schema, r->base_hash);
		if (naming.names == NULL)
			naming.names = r->o->hints.caps->naming;
	}
	if (schema_apply_naming(&r->schema, &naming, 0, err) < 0)
		return -1;
	hints_apply_schema(&r->o->hints, r->schema);
	return 0;
}

static int
find_schema(struct run *r, struct error *err)
{
	const char *name = r->settings.schema_name;
	bool missing = true;

	if (find_stored(r, name, err) < 0)
		return -1;
	if (r->schema == NULL) {
		r->schema = exchange_schema(&r->settings.exchange,
		    r->target.workdir, name, &missing, err);
		if (r->schema == NULL && !missing)
			return -1;
		r->had_schema = r->schema != NULL;
		say_import(&r->settings.exchange);
	}
	if (r->schema != NULL)
		memcpy(r->base_hash, r->schema->hash, sizeof(r->base_hash));
	return begin_schema(r, err);
}

/* In a stream a job comes behind a schema that has its table. */
static int
send_schema(void *arg, const char *table, struct error *err)
{
	struct run *r = arg;
	struct buf text = { 0 };
	int rc;

	if (!package_out_is_stream(r->target.package) ||
	    (r->sent != NULL && schema_table(r->sent, table) != NULL))
		return 0;
	schema_free(r->sent);
	r->sent = schema_copy(r->schema);
	schema_bump(r->sent);
	schema_write(r->sent, false, &text);
	rc = package_out_file(r->target.package, "schema.json", text.data,
	    text.len, err);
	buf_release(&text);
	return rc;
}

/* load_package_state.json (contract.md 1.6). */
static void
package_state(const struct run *r, struct buf *out)
{
	struct buf body = { 0 };
	struct json_doc doc = { 0 };
	struct error ignored;
	char hash[64] = "";
	size_t after;

	buf_adds(&body, "{\"created_at\":\"\xef\x80\xa7");
	load_id_created_at(r->settings.load_id, &body);
	buf_adds(&body, "\"");
	after = body.len;
	refresh_write(&r->settings.refresh, &body);
	if (r->state_doc.len != 0) {
		buf_adds(&body, ",\"pipeline_state\":");
		buf_add(&body, r->state_doc.data, r->state_doc.len);
	}
	buf_addc(&body, '}');
	if (json_parse(&doc, body.data, body.len, &ignored) == 0)
		state_hash(doc.root, true, hash);
	buf_addf(out, "{\"_state_version\":%d,\"_state_engine_version\":1,",
	    (r->settings.refresh.tables.len != 0) + (r->state_doc.len != 0));
	buf_add(out, body.data + 1, after - 1);
	buf_addf(out, ",\"_version_hash\":\"%s\"", hash);
	buf_add(out, body.data + after, body.len - after);
	json_release(&doc);
	buf_release(&body);
}

/* Tables are dropped before rows come. */
static int
send_refresh(struct run *r, struct error *err)
{
	struct buf text = { 0 };
	int rc = 0;

	if (r->settings.refresh.tables.len != 0 &&
	    package_out_is_stream(r->target.package)) {
		package_state(r, &text);
		rc = package_out_file(r->target.package,
		    "load_package_state.json", text.data, text.len, err);
	}
	buf_release(&text);
	return rc;
}

/* Somebody saved the schema meanwhile: do to the newer one what we did. */
static int
replay(struct run *r, struct error *err)
{
	bool missing, filtered;
	struct schema *now;

	if (r->target.workdir == NULL)
		return 0;
	now = workdir_schema(r->target.workdir, r->settings.schema_name,
	    &missing, err);
	if (now == NULL && missing && r->had_schema)
		return error_set(err, ERR_TEMP,
		    "%s: another process has removed the schema \"%s\"",
		    r->target.workdir->path, r->settings.schema_name);
	if (now == NULL)
		return missing ? 0 : -1;
	if (strcmp(now->hash, r->base_hash) == 0) {
		schema_free(now);
		return 0;
	}
	schema_free(r->schema);
	r->schema = now;
	memcpy(r->base_hash, now->hash, sizeof(r->base_hash));
	if (begin_schema(r, err) < 0)
		return -1;
	now = r->schema;
	schema_link(now, r->base_hash);
	for (size_t i = 0; i < r->pull.declared_count; i++)
		if (hints_apply(r->pull.declared[i].hints, now,
		        r->pull.declared[i].table, r->pull.declared[i].resource,
		        &filtered, err) < 0)
			return -1;
	return r->state_doc.len == 0 ? 0 : hints_add_state_table(now, err);
}

/* ---- the end of a run ---- */

static bool
replaces(const struct run *r, size_t i)
{
	return strcmp(r->plans[i].hints->disposition.kind, "replace") == 0;
}

static int
check_empty(const struct run *r, struct error *err)
{
	for (size_t i = 0; i < r->sources.count; i++) {
		if (r->sources.items[i].is_stdin && r->pull.rows[i] == 0 &&
		    !r->pull.cut[i] && replaces(r, i) && !r->o->allow_empty)
			return error_set(err, ERR_DATA,
			    "%s: standard input ended without a row, which "
			    "would empty the table; --allow-empty permits it",
			    r->sources.items[i].name);
	}
	return 0;
}

/* A replace without rows empties the tables that have seen data. */
static int
empty_tables(struct run *r, struct error *err)
{
	for (size_t i = 0; i < r->sources.count; i++) {
		if (r->pull.rows[i] != 0 || r->pull.cut[i] || !replaces(r, i) ||
		    r->plans[i].table_from != NULL)
			continue;
		for (size_t k = 0; k < r->schema->table_count; k++) {
			struct table *t = r->schema->tables[k];
			char *resource = hints_get_str(&t->hints, "resource");
			bool hit = t->parent == NULL && resource != NULL &&
			    strcmp(resource, r->sources.items[i].name) == 0 &&
			    table_has_seen_data(t);

			free(resource);
			if (hit &&
			    lane_add_empty_file(writer_lane(r->writer, t->name,
			                            &r->plans[i].set.files),
			        err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Has the destination this very state already? */
static bool
state_is_stored(const struct run *r)
{
	struct json_doc a = { 0 }, b = { 0 };
	struct error ignored;
	bool same = false;

	if (r->stored_state.len != 0 &&
	    json_parse(&a, r->stored_state.data, r->stored_state.len,
	        &ignored) == 0 &&
	    json_parse(&b, r->state_doc.data, r->state_doc.len, &ignored) == 0)
		same = strcmp(json_get_str(a.root, "version_hash", ""),
		           json_get_str(b.root, "version_hash", "-")) == 0;
	json_release(&a);
	json_release(&b);
	return same;
}

/* With --deterministic the state is as old as its load. */
static void
fix_created_at(struct run *r)
{
	static const char key[] = "\"created_at\":\"";
	struct buf *doc = &r->state_doc, out = { 0 };
	char *at = strstr(buf_str(doc), key), *end;

	if (!r->o->deterministic || at == NULL)
		return;
	at += sizeof(key) - 1;
	end = strchr(at, '"');
	if (end == NULL)
		return;
	buf_add(&out, doc->data, (size_t)(at - doc->data));
	buf_adds(&out, "\xef\x80\xa7");
	load_id_created_at(r->settings.load_id, &out);
	buf_adds(&out, end);
	buf_release(doc);
	*doc = out;
}

/* The state of this run. */
static int
find_state(struct run *r, struct error *err)
{
	const char **names = xcalloc(r->sources.count, sizeof(*names));
	struct state_change change = { .source = r->settings.schema_name,
		.resources = names };
	bool anew = r->settings.refresh.mode != REFRESH_NONE;
	struct state_value *values = NULL;
	int rc;

	if (r->target.workdir != NULL) {
		free(r->state_path);
		r->state_path = xasprintf("%s/state.json",
		    r->target.workdir->path);
		workdir_watch_file(r->state_path, r->state_mark);
	}
	for (size_t i = 0; i < r->sources.count; i++)
		if (anew || replaces(r, i))
			names[change.count++] = r->sources.items[i].name;
	refresh_state(&r->settings.refresh, &change);
	r->cursors_bind.cut = r->pull.cut;
	rc = cursors_values(&r->cursors, &r->cursors_bind, &change.value_count,
	    err);
	change.values = r->cursors.values;
	if (rc < 0 ||
	    kept_values(&r->kept, &r->cursors_bind, r->pull.kept, &change,
	        &values, err) < 0) {
		rc = -1;
		goto out;
	}
	rc = state_for_extract(r->target.workdir, r->settings.schema_name,
	    change.count + change.value_count > 0 || anew ? &change : NULL,
	    &r->stored_state, r->settings.load_id, &r->state_doc, &r->new_state,
	    err);
out:
	free(values);
	free(names);
	return rc;
}

static int
add_state(struct run *r, struct error *err)
{
	struct row row = { .last = true };
	char before[64], after[64];

	if (find_state(r, err) < 0)
		return -1;
	if (r->state_doc.len == 0)
		return 0;
	if (state_is_stored(r)) {
		buf_reset(&r->state_doc);
		return 0;
	}
	fix_created_at(r);
	schema_hash(r->schema, before);
	if (hints_add_state_table(r->schema, err) < 0)
		return -1;
	schema_hash(r->schema, after);
	if (strcmp(before, after) != 0) {
		if (strcmp(before, r->schema->hash) != 0)
			schema_link(r->schema, r->schema->hash);
		schema_link(r->schema, before);
	}
	row.data = r->state_doc.data;
	row.len = r->state_doc.len;
	return lane_add(writer_lane(r->writer, "_dlt_pipeline_state",
	                    &r->settings.own.files),
	    &row, true, err);
}

static int
write_documents(struct run *r, struct error *err)
{
	struct buf schema = { 0 }, state = { 0 };
	int rc = -1;

	schema_bump(r->schema);
	schema_write(r->schema, false, &schema);
	package_state(r, &state);
	if (package_out_file(r->target.package, "schema.json", schema.data,
	        schema.len, err) == 0 &&
	    package_out_file(r->target.package, "load_package_state.json",
	        state.data, state.len, err) == 0)
		rc = package_out_finish(r->target.package, r->schema->hash, 0,
		    err);
	buf_release(&schema);
	buf_release(&state);
	return rc;
}

static void
report(const struct run *r)
{
	struct buf b = { 0 };
	struct jsonw w;
	const char *table;
	uint64_t rows, files;

	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, "load_id");
	jsonw_str(&w, r->settings.load_id);
	jsonw_key(&w, "schema_name");
	jsonw_str(&w, r->settings.schema_name);
	jsonw_key(&w, "version_hash");
	jsonw_str(&w, r->schema->hash);
	jsonw_key(&w, "package");
	jsonw_str(&w, r->target.path);
	jsonw_key(&w, "tables");
	jsonw_object(&w);
	for (size_t i = 0; writer_stats(r->writer, i, &table, &rows, &files);
	     i++) {
		jsonw_key(&w, table);
		jsonw_object(&w);
		jsonw_key(&w, "rows");
		jsonw_int(&w, (long long)rows);
		jsonw_key(&w, "files");
		jsonw_int(&w, (long long)files);
		jsonw_end_object(&w);
	}
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	puts(buf_str(&b));
	buf_release(&b);
}

static void
say(const struct run *r)
{
	const char *table;
	uint64_t rows, files;

	for (size_t i = 0; i < r->sources.count; i++)
		if (r->pull.cut[i])
			msg_info("%s: was not read to its end",
			    r->sources.items[i].name);
	for (size_t i = 0; writer_stats(r->writer, i, &table, &rows, &files);
	     i++)
		msg_info("%s: %llu rows in %llu files", table,
		    (unsigned long long)rows, (unsigned long long)files);
	if (r->o->common.json)
		report(r);
	else if (r->o->print0)
		printf("%s%c", r->target.path, '\0');
	else if (r->o->print)
		puts(r->target.path);
}

/* Python dlt takes no locks. What is in the package, and what state.json is to
 * become, follows from state.json as it was read. */
static int
check_unchanged(const struct run *r, struct error *err)
{
	if (r->state_path == NULL)
		return 0;
	return workdir_file_unchanged(r->state_path, r->state_mark, err);
}

static int
finish(struct run *r, struct error *err)
{
	if (check_empty(r, err) < 0 || empty_tables(r, err) < 0 ||
	    add_state(r, err) < 0 || writer_finish(r->writer, err) < 0)
		return -1;
	if (r->target.workdir != NULL)
		TEST_RUN("extract.commit");
	if (target_lock(&r->target, r->settings.wait_s, err) < 0 ||
	    check_unchanged(r, err) < 0 || replay(r, err) < 0 ||
	    write_documents(r, err) < 0 ||
	    exchange_offer(&r->settings.exchange, r->schema, err) < 0 ||
	    target_commit(&r->target, r->schema, &r->new_state, err) < 0)
		return -1;
	say(r);
	trace_package(progress_trace(r->progress), r->settings.load_id,
	    "extracted", 0);
	return 0;
}

/* ---- the run ---- */

/* The resources, of a source file or of operands. */
static int
find_sources(struct run *r, struct error *err)
{
	const struct extract_options *o = r->o;

	if (o->source != NULL) {
		r->file = source_file_read(o->source, err);
		if (r->file == NULL)
			return -1;
		r->settings.source = source_file_name(r->file);
	}
	if (o->common.show_config)
		return 0;
	if (r->file != NULL)
		return source_file_select(r->file, &r->sources,
		    o->operands.items, o->operands.count, &o->hints, err);
	return sources_parse(&r->sources, o->name, o->operands.items,
	    o->operands.count, o->files0_from, err);
}

static int
prepare(struct run *r, struct error *err)
{
	struct extract_options *o = r->o;
	struct target *t = &r->target;
	const char *destination;

	if (settings_parse(&r->settings, o, err) < 0 ||
	    hints_parse(&o->hints, err) < 0)
		return -1;
	if (find_sources(r, err) < 0)
		return -1;
	if (target_open(t, o->common.pipeline, o->output,
	        o->common.show_config || o->dry_run, err) < 0)
		return -1;
	if (r->settings.codec_is_default && t->python_made)
		r->settings.codec = CODEC_GZIP;
	if (settings_look_up(&r->settings, o, t->pipeline, t->default_schema,
	        err) < 0)
		return -1;
	r->pipeline = xstrdup(t->pipeline != NULL ? t->pipeline
	                                          : r->settings.schema_name);
	destination = o->sync != NULL ? o->sync : t->destination;
	o->hints.caps = caps_find(destination);
	if (o->hints.caps == NULL) /* one that dlt has not: no limits */
		o->hints.caps = caps_find(NULL);
	if (r->file != NULL)
		source_file_set_caps(r->file, o->hints.caps);
	return 0;
}

static int
make_plans(struct run *r, struct error *err)
{
	r->plans = xcalloc(r->sources.count + 1, sizeof(*r->plans));
	r->plan_count = r->sources.count;
	for (size_t i = 0; i < r->sources.count; i++)
		r->plans[i] = (struct pull_resource){ .hints = &r->o->hints,
			.table_from = r->o->table_from,
			.limit = r->settings.limit,
			.max_items = UINT64_MAX,
			.parent = PULL_ROOT };
	for (size_t i = 0; r->file != NULL && i < r->sources.count; i++)
		source_file_plan(r->file, i, &r->plans[i]);
	for (size_t i = 0; i < r->sources.count; i++)
		if (settings_resource(&r->settings, r->sources.items[i].name,
		        &r->plans[i].set, err) < 0)
			return -1;
	return 0;
}

static int
find_apis(struct run *r, struct error *err)
{
	const struct settings *s = &r->settings;
	const struct rest_source_spec spec = { .config = s->config,
		.where = &s->where,
		.workers = s->own.workers,
		.max_items = s->own.max_items };

	return rest_source_new(&r->sources, r->plans, &spec, &r->rest, err);
}

/* All that is known before the first row. */
static int
plan_rows(struct run *r, struct error *err)
{
	if (make_plans(r, err) < 0 ||
	    databases_find(&r->databases, &r->sources, r->plans,
	        r->settings.config, r->target.pipeline, err) < 0)
		return -1;
	r->cursors_bind = (struct cursors_bind){
		.sources = &r->sources,
		.plans = r->plans,
		.flags = &r->o->incremental,
		.has_key = r->o->hints.primary_key != NULL,
		.file = r->file,
		.workdir = r->target.workdir,
		.stored = &r->stored_state,
		.pipeline = r->pipeline,
		.source = r->settings.schema_name,
		.anew = r->settings.refresh.mode != REFRESH_NONE,
	};
	return cursors_bind(&r->cursors, &r->cursors_bind, err) < 0 ||
	        kept_bind(&r->kept, &r->cursors_bind,
	            r->target.workdir == NULL && r->o->sync == NULL, err) < 0 ||
	        find_apis(r, err) < 0
	    ? -1
	    : 0;
}

/* --dry-run: nothing is sent, locked or written. */
static int
show_requests(struct run *r, struct error *err)
{
	struct buf text = { 0 };
	int rc = plan_rows(r, err);

	if (rc == 0 && r->rest == NULL)
		rc = error_set(err, ERR_USAGE,
		    "--dry-run shows requests, and no input is one of an API");
	if (rc == 0)
		rc = rest_source_print(r->rest, &text, err);
	if (rc == 0)
		fwrite(buf_str(&text), 1, text.len, stdout);
	buf_release(&text);
	return rc;
}

static int
run_rows(struct run *r, struct error *err)
{
	const struct settings *s = &r->settings;
	long workers = s->own.workers;
	struct writer_spec spec = { .workers = workers > 16 ? 16
		                                            : (unsigned)workers,
		.before_job = send_schema,
		.arg = r };

	if (plan_rows(r, err) < 0 ||
	    target_begin(&r->target, s->load_id, s->schema_name,
	        r->o->deterministic, err) < 0)
		return -1;
	if (send_refresh(r, err) < 0)
		return -1;
	spec.package = r->target.package;
	spec.progress = r->progress;
	r->writer = writer_new(&spec);
	r->pull = (struct pull){
		.sources = &r->sources,
		.writer = r->writer,
		.schema = r->schema,
		.plans = r->plans,
		.format = &s->format,
		.fifo = s->fifo,
		.max_time_s = s->max_time_s,
		.keep_going = s->keep_going,
	};
	return pull_run(&r->pull, err);
}

static int
start_progress(struct run *r, struct error *err)
{
	const struct opt_common *o = &r->o->common;
	const struct progress_spec spec = { .stage = "extract",
		.name = r->target.pipeline,
		.upstream = r->o->output == NULL && o->pipeline == NULL };

	return runtime_begin(r->settings.config, o, &spec, &r->progress, err);
}

/* The names of the resources, whose inputs need not be there. */
static void
find_names(struct run *r, struct buf *names)
{
	const struct extract_options *o = r->o;
	struct error ignored;

	if (r->file != NULL) {
		source_file_names(r->file, o->operands.items, o->operands.count,
		    names);
		return;
	}
	for (size_t i = 0; i < o->operands.count; i++)
		sources_parse(&r->sources, o->name, &o->operands.items[i], 1,
		    NULL, &ignored);
	for (size_t i = 0; i < r->sources.count; i++)
		buf_add(names, r->sources.items[i].name,
		    strlen(r->sources.items[i].name) + 1);
}

static int
show_config(struct run *r, struct error *err)
{
	const struct settings *s = &r->settings;
	struct config_context runtime = s->where;
	struct rest_settings requests;
	struct pull_settings set;
	struct buf names = { 0 };
	int rc;

	runtime.count = 2;
	rc = rest_settings_init(&requests, s->config, &runtime, err);
	find_names(r, &names);
	for (size_t i = 0; i < names.len && rc == 0;
	     i += strlen(names.data + i) + 1)
		rc = settings_resource(s, names.data + i, &set, err);
	if (rc == 0)
		config_show(s->config, r->o->common.json, stdout);
	buf_release(&names);
	return rc;
}

int
extract_run(struct extract_options *o, struct error *err)
{
	struct run r = { .o = o };
	size_t failed = 0, count = 0;
	int rc = -1;

	if (o->components)
		return components_show(o->source, o->common.pipeline,
		    &o->operands, err);
	if (prepare(&r, err) < 0 || start_progress(&r, err) < 0)
		goto out;
	if (o->common.show_config) {
		rc = show_config(&r, err);
		goto out;
	}
	if (o->dry_run) {
		rc = show_requests(&r, err);
		goto out;
	}
	if (target_take(&r.target, r.settings.wait_s, err) < 0 ||
	    find_schema(&r, err) < 0 || run_rows(&r, err) < 0 ||
	    finish(&r, err) < 0)
		goto out;
	failed = r.pull.failed;
	count = r.sources.count;
	rc = 0;
out:
	runtime_end(r.progress, &o->common, rc < 0 ? err : NULL);
	/* Who uses it wrongly may not expect a stream at all. */
	if (rc < 0 && err->code != ERR_USAGE && r.target.load_id == NULL &&
	    o->output == NULL && o->common.pipeline == NULL &&
	    !o->common.show_config && !o->dry_run)
		target_cancel();
	if (rc < 0 && r.target.build != NULL && o->output != NULL)
		output_dir_blame(r.target.build, o->output, err);
	if (rc < 0 && r.target.workdir != NULL)
		workdir_blame(r.target.workdir, r.target.build, err);
	target_close(&r.target, rc < 0);
	writer_free(r.writer);
	pull_release(&r.pull, rc < 0);
	schema_free(r.schema);
	schema_free(r.sent);
	buf_release(&r.stored_state);
	buf_release(&r.state_doc);
	buf_release(&r.new_state);
	sources_release(&r.sources);
	settings_release(&r.settings);
	for (size_t i = 0; r.plans != NULL && i < r.plan_count; i++)
		steps_free(r.plans[i].steps);
	rest_source_free(r.rest);
	cursors_release(&r.cursors);
	kept_release(&r.kept);
	databases_release(&r.databases);
	free(r.plans);
	source_file_free(r.file);
	free(r.pipeline);
	free(r.state_path);
	if (rc == 0 && failed != 0)
		return error_set(err, ERR_DATA,
		    "%zu of %zu resources failed; the package has what came "
		    "before",
		    failed, count);
	return rc;
}
