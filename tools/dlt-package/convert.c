/* SPDX-License-Identifier: MIT */
/* convert: the job files of a package in another compression, whole or not at
 * all. Python dlt reads gzip and plain files only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/checksum.h"
#include "common/json.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "tools/dlt-package/look.h"

#define MANIFEST_MAX ((size_t)1 << 30)

/* One job file that was written anew. */
struct made {
	char *old_id, *id;
	uint64_t bytes;
	char checksum[CHECKSUM_SIZE];
};

struct convert {
	const struct look *look;
	enum codec codec;
	struct compressor *compressor, *none;
	const char *from; /* the package */
	char *to;         /* what is being made of it */
	struct made *made;
	size_t count, cap;
};

/* ---- a file that is being written ---- */

struct file_out {
	const char *path;
	int fd;
	struct checksum *sum;
	uint64_t bytes;
};

static int
file_open(struct file_out *f, const char *path, struct error *err)
{
	f->path = path;
	f->sum = checksum_new(CHECKSUM_XXH128);
	f->bytes = 0;
	f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return f->fd < 0 ? error_errno(err, "%s", path) : 0;
}

static int
file_write(struct file_out *f, const char *data, size_t len, struct error *err)
{
	checksum_add(f->sum, data, len);
	f->bytes += len;
	while (len) {
		ssize_t n = write(f->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "%s", f->path);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
file_close(struct file_out *f, int rc, char hex[CHECKSUM_SIZE],
    struct error *err)
{
	if (f->fd >= 0 && close(f->fd) != 0 && !rc)
		rc = error_errno(err, "%s", f->path);
	checksum_hex(f->sum, CHECKSUM_XXH128, hex);
	checksum_free(f->sum);
	return rc ? rc : fsync_path(f->path, err);
}

/* ---- job files ---- */

/* Frames end at line ends, so that each can be read by itself. */
static size_t
frame_end(const char *data, size_t len, bool last)
{
	const char *nl = last ? NULL : memrchr(data, '\n', len);

	return nl ? (size_t)(nl - data) + 1 : len;
}

static int
recode(struct compressor *c, struct zin *in, struct file_out *out,
    struct error *err)
{
	struct buf frame = { 0 };
	char *block = xmalloc(IO_BLOCK);
	size_t have = 0, cut;
	bool last = false, first = true;
	int rc = 0;

	while (!rc && !last) {
		long n = zin_read(in, block + have, IO_BLOCK - have, err);

		if (n < 0 || signal_pending()) {
			rc = n < 0 ? -1 : error_set(err, ERR_QUIET, "signal");
			break;
		}
		last = (size_t)n < IO_BLOCK - have;
		have += (size_t)n;
		if (!have && !first)
			break;
		cut = frame_end(block, have, last);
		buf_reset(&frame);
		rc = compressor_frame(c, block, cut, &frame, err);
		if (!rc)
			rc = file_write(out, frame.data, frame.len, err);
		have -= cut;
		memmove(block, block + cut, have);
		first = false;
	}
	free(block);
	buf_release(&frame);
	return rc;
}

/* Formats with a compression of their own, and lists of files, stay. */
static bool
stays(const struct job_name *n)
{
	return strcmp(n->format, "parquet") == 0 ||
	    strcmp(n->format, "reference") == 0 ||
	    strcmp(n->format, "sql") == 0;
}

static int
convert_job(struct convert *c, const char *file, struct error *err)
{
	struct job_name name;
	struct made *m;
	struct file_out out = { .fd = -1 };
	struct zin *in = NULL;
	char *from, *to_name, *to;
	int rc;

	if (job_name_parse(file, &name, err))
		return -1;
	from = xasprintf("%s/new_jobs/%s", c->from, file);
	c->made = xgrow(c->made, &c->cap, c->count + 1, sizeof(*c->made));
	m = &c->made[c->count++];
	*m = (struct made){ .old_id = job_id_format(&name) };
	if (!stays(&name))
		name.codec = c->codec;
	m->id = job_id_format(&name);
	to_name = job_name_format(&name);
	to = xasprintf("%s/new_jobs/%s", c->to, to_name);
	in = zin_open(from, err);
	rc = in ? file_open(&out, to, err) : -1;
	if (!rc)
		rc = recode(stays(&name) ? c->none : c->compressor, in, &out,
		    err);
	if (out.sum)
		rc = file_close(&out, rc, m->checksum, err);
	m->bytes = out.bytes;
	zin_free(in);
	free(to);
	free(to_name);
	free(from);
	job_name_release(&name);
	return rc;
}

/* ---- the rest of a package ---- */

static int
copy_file(const char *from, const char *to, struct error *err)
{
	char *data = NULL;
	size_t len;
	int rc = read_file(from, MANIFEST_MAX, &data, &len, err) ||
	        output_file(to, data, len, err)
	    ? -1
	    : 0;

	free(data);
	return rc;
}

static int
convert_folder(struct convert *c, const char *sub, struct error *err);

static int
convert_entry(struct convert *c, const char *sub, const char *name,
    struct error *err)
{
	char *inner = xasprintf("%s%s%s", sub, *sub ? "/" : "", name);
	char *from = xasprintf("%s/%s", c->from, inner);
	char *to = xasprintf("%s/%s", c->to, inner);
	struct stat st;
	int rc = -1;

	if (lstat(from, &st))
		error_errno(err, "%s", from);
	else if (S_ISDIR(st.st_mode) && mkdir(to, 0777) && errno != EEXIST)
		error_errno(err, "%s", to);
	else if (S_ISDIR(st.st_mode))
		rc = convert_folder(c, inner, err);
	else if (!S_ISREG(st.st_mode))
		error_set(err, ERR_DATA, "%s: is no regular file", from);
	else if (strcmp(sub, "new_jobs") == 0)
		rc = convert_job(c, name, err);
	else if (strstr(sub, "_jobs"))
		error_set(err, ERR_DATA,
		    "%s: the package is being loaded; let it be finished "
		    "first",
		    from);
	else if (strcmp(inner, "manifest.json") == 0)
		rc = 0;
	else
		rc = copy_file(from, to, err);
	free(to);
	free(from);
	free(inner);
	return rc;
}

static int
convert_folder(struct convert *c, const char *sub, struct error *err)
{
	char *path = xasprintf("%s/%s", c->from, sub);
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (!d)
		rc = error_errno(err, "%s", path);
	while (!rc && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = convert_entry(c, sub, e->d_name, err);
	if (d)
		closedir(d);
	free(path);
	return rc;
}

/* ---- the manifest ---- */

static int
by_old_id(const void *a, const void *b)
{
	const struct made *x = a, *y = b;

	return strcmp(x->old_id, y->old_id);
}

static void
write_job(struct jsonw *w, const struct json *job, const struct made *m)
{
	jsonw_object(w);
	for (const struct json *v = job->child; v; v = v->next) {
		bool sum = strcmp(v->key, "xxh128") == 0 ||
		    strcmp(v->key, "sha256") == 0;

		jsonw_keyn(w, sum ? "xxh128" : v->key, sum ? 6 : v->key_len);
		if (strcmp(v->key, "id") == 0)
			jsonw_str(w, m->id);
		else if (strcmp(v->key, "bytes") == 0)
			jsonw_int(w, (long long)m->bytes);
		else if (sum)
			jsonw_str(w, m->checksum);
		else
			jsonw_raw(w, v->raw, v->raw_len);
	}
	jsonw_end_object(w);
}

static int
write_manifest(const struct convert *c, const struct json *root,
    struct buf *out, struct error *err)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	for (const struct json *v = root->child; v; v = v->next) {
		jsonw_keyn(&w, v->key, v->key_len);
		if (strcmp(v->key, "jobs") != 0) {
			jsonw_raw(&w, v->raw, v->raw_len);
			continue;
		}
		jsonw_array(&w);
		for (const struct json *j = v->child; j; j = j->next) {
			struct made key = { 0 }, *m;
			char *id = xstrdup(json_get_str(j, "id", ""));

			key.old_id = id;
			m = c->count ? bsearch(&key, c->made, c->count,
			                   sizeof(key), by_old_id)
			             : NULL;
			if (m)
				write_job(&w, j, m);
			else
				error_set(err, ERR_DATA,
				    "%s: job %s is missing", c->from, id);
			free(id);
			if (!m)
				return -1;
		}
		jsonw_end_array(&w);
	}
	jsonw_end_object(&w);
	buf_addc(out, '\n');
	return 0;
}

/* Order, rows and origins of the old one are kept. */
static int
seal(struct convert *c, struct error *err)
{
	char *from = xasprintf("%s/manifest.json", c->from);
	char *to = xasprintf("%s/manifest.json", c->to), *text = NULL;
	struct json_doc doc = { 0 };
	struct buf out = { 0 };
	size_t len;
	int rc = -1;

	if (c->count)
		qsort(c->made, c->count, sizeof(*c->made), by_old_id);
	if (access(from, F_OK) != 0 && errno == ENOENT)
		rc = 0; /* Python wrote the package */
	else if (read_file(from, MANIFEST_MAX, &text, &len, err) == 0 &&
	    json_parse(&doc, text, len, err) == 0 &&
	    write_manifest(c, doc.root, &out, err) == 0)
		rc = output_file(to, out.data, out.len, err);
	json_release(&doc);
	buf_release(&out);
	free(text);
	free(from);
	free(to);
	return rc;
}

/* ---- packages ---- */

/* beside: where it is made, without its last part. */
static int
convert_package(struct convert *c, const char *path, const char *beside,
    struct error *err)
{
	char *schema = xasprintf("%s/schema.json", path);
	char *manifest = xasprintf("%s/manifest.json", path);
	int rc = -1;

	c->from = path;
	if (access(schema, F_OK) != 0)
		error_set(err, ERR_DATA, "%s: is no package", path);
	else if (access(manifest, F_OK) == 0 && package_verify(path, err))
		rc = -1;
	else if (output_dir_begin(beside, &c->to, err) == 0)
		rc = convert_folder(c, "", err) || seal(c, err) ||
		        output_dir_commit(c->to, path, true, err)
		    ? -1
		    : 0;
	if (rc && c->to) {
		output_dir_blame(c->to, path, err);
		output_dir_abort(c->to);
	} else if (!rc) {
		msg_info("%s: %zu job files written anew", path, c->count);
		look_done(c->look, "package", path, "converted");
	}
	c->to = NULL;
	for (size_t i = 0; i < c->count; i++) {
		free(c->made[i].old_id);
		free(c->made[i].id);
	}
	c->count = 0;
	free(schema);
	free(manifest);
	return rc;
}

/* Made in the root of the working directory: in extracted/ and normalized/
 * Python takes each folder for a package. */
static int
convert_pending(struct convert *c, struct workdir *w, enum stage stage,
    const char *load_id, double wait, size_t *found, struct error *err)
{
	char **names;
	size_t count;
	int rc = workdir_lock(w, stage, wait, err) ||
	        workdir_lock(w, STAGE_COMMIT, WAIT_FOREVER, err) ||
	        workdir_pending(w, stage, &names, &count, err)
	    ? -1
	    : 0;

	if (rc)
		return -1;
	for (size_t i = 0; i < count && !rc; i++) {
		char *path = workdir_package_dir(w,
		    stage == STAGE_NORMALIZE ? STAGE_EXTRACT : STAGE_NORMALIZE,
		    names[i]);
		char *beside = xasprintf("%s/.convert-%s", w->path, names[i]);

		if (!load_id || strcmp(names[i], load_id) == 0) {
			rc = convert_package(c, path, beside, err);
			++*found;
		}
		free(beside);
		free(path);
	}
	workdir_free_names(names, count);
	workdir_unlock(w, STAGE_COMMIT);
	return rc;
}

static int
convert_pipeline(struct convert *c, const struct look *l, struct error *err)
{
	struct workdir w = { 0 };
	size_t found = 0;
	int rc;

	if (workdir_open(&w, l->pipeline, false, err))
		return -1;
	rc = convert_pending(c, &w, STAGE_NORMALIZE, l->package, l->wait,
	         &found, err) ||
	        convert_pending(c, &w, STAGE_LOAD, l->package, l->wait, &found,
	            err)
	    ? -1
	    : 0;
	if (!rc && !found && l->package)
		rc = error_set(err, ERR_DATA,
		    "pipeline \"%s\" has no package %s that waits for a stage",
		    w.name, l->package);
	workdir_close(&w);
	return rc;
}

int
do_convert(const struct look *l, struct error *err)
{
	struct convert c = { .look = l };
	int rc;

	if (!l->compression)
		return error_set(err, ERR_USAGE,
		    "convert needs --compression zstd|fast|gzip|none");
	if (codec_parse(l->compression, &c.codec, err))
		return error_prefix(err, "--compression: ");
	if (!l->pipeline && (!l->package || strcmp(l->package, "-") == 0))
		return error_set(err, ERR_USAGE,
		    "convert needs the directory of a package");
	c.compressor = compressor_new(c.codec);
	c.none = compressor_new(CODEC_NONE);
	rc = l->pipeline ? convert_pipeline(&c, l, err)
	                 : convert_package(&c, l->package, l->package, err);
	compressor_free(c.compressor);
	compressor_free(c.none);
	free(c.made);
	return rc;
}
