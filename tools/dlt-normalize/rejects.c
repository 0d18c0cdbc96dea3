/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/rejects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/scan.h"
#include "common/utf8.h"

struct rejects {
	struct rejects_spec spec;
	int direct;      /* where lines go if not to a regular file; else -1 */
	FILE *spool;     /* lines of the package; no name */
	struct buf line; /* the last */
	char *first;     /* the first of the package, for people */
	struct buf own;  /* how its lines begin */
	uint64_t count;  /* of the package */
	bool published;  /* the file is there */
};

/* ---- opening ---- */

/* What is there must be a regular file to be exchanged. */
static int
open_direct(struct rejects *r, struct error *err)
{
	struct stat st;

	if (strcmp(r->spec.path, "-") == 0) {
		r->direct = dup(STDOUT_FILENO);
	} else {
		if (stat(r->spec.path, &st) || S_ISREG(st.st_mode))
			return 0;
		r->direct = open(r->spec.path,
		    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	}
	return r->direct < 0 ? error_errno(err, "%s", r->spec.path) : 0;
}

/* The folder has to be there and writable: better known now than after hours
 * of work. */
static int
check_folder(const struct rejects *r, struct error *err)
{
	const char *slash = strrchr(r->spec.path, '/');
	char *dir = !slash ? xstrdup(".")
	    : slash == r->spec.path
	    ? xstrdup("/")
	    : xstrndup(r->spec.path, (size_t)(slash - r->spec.path));
	int rc = access(dir, W_OK | X_OK);

	if (rc)
		error_errno(err, "--rejects %s", r->spec.path);
	free(dir);
	return rc;
}

struct rejects *
rejects_open(const struct rejects_spec *spec, struct error *err)
{
	struct rejects *r = xcalloc(1, sizeof(*r));
	int fd;

	r->spec = *spec;
	r->direct = -1;
	if (open_direct(r, err) || (r->direct < 0 && check_folder(r, err)))
		goto fail;
	fd = temp_file(err);
	if (fd < 0)
		goto fail;
	r->spool = fdopen(fd, "w+");
	if (!r->spool) {
		error_errno(err, "a temporary file for rejects");
		close(fd);
		goto fail;
	}
	return r;
fail:
	rejects_free(r);
	return NULL;
}

void
rejects_free(struct rejects *r)
{
	if (!r)
		return;
	if (r->spool)
		fclose(r->spool);
	if (r->direct >= 0)
		close(r->direct);
	buf_release(&r->line);
	buf_release(&r->own);
	free(r->first);
	free(r);
}

/* ---- a row ---- */

/* Is it one whole JSON value that a reader of this line can take? */
static bool
is_json(const char *s, size_t len)
{
	char *padded = xmalloc(len + SCAN_SLACK);
	const char *end = padded + len, *p;
	struct scan scan;
	bool yes;

	memcpy(padded, s, len);
	memset(padded + len, 0, SCAN_SLACK);
	p = scan_space(padded, end);
	yes = p < end && scan_value(p, end, true, &scan) == SCAN_OK &&
	    scan_space(scan.next, end) == end && !scan.has_newline;
	free(padded);
	return yes;
}

static void
write_base64(struct jsonw *w, const char *s, size_t len)
{
	char *text = xmalloc(4 * ((len + 2) / 3) + 1);

	hash_base64_encode(s, len, text);
	jsonw_str(w, text);
	free(text);
}

/* The row is the last member. */
static void
write_row(struct jsonw *w, const struct reject *row)
{
	if (row->large) {
		jsonw_key(w, "bytes");
		jsonw_int(w, (long long)row->large);
	} else if (is_json(row->data, row->len)) {
		jsonw_key(w, "row");
		jsonw_raw(w, row->data, row->len);
	} else if (utf8_is_valid(row->data, row->len)) {
		jsonw_key(w, "text");
		jsonw_strn(w, row->data, row->len);
	} else {
		jsonw_key(w, "base64");
		write_base64(w, row->data, row->len);
	}
}

static void
write_text(struct jsonw *w, const char *key, const char *text)
{
	if (!text)
		return;
	jsonw_key(w, key);
	jsonw_str(w, text);
}

static void
write_line(struct rejects *r, const struct reject *row, const char *load_id,
    const char *root, const struct place *at)
{
	struct jsonw w;

	buf_reset(&r->line);
	jsonw_init(&w, &r->line, false);
	jsonw_object(&w);
	write_text(&w, "load_id", load_id);
	write_text(&w, "reason", row->reason);
	write_text(&w, "root", root);
	write_text(&w, "table", row->table);
	write_text(&w, "column", row->column);
	write_text(&w, "file", at->file);
	if (at->line) {
		jsonw_key(&w, "line");
		jsonw_int(&w, (long long)at->line);
	}
	jsonw_key(&w, "number");
	jsonw_int(&w, (long long)at->row);
	jsonw_key(&w, "byte");
	jsonw_int(&w, (long long)at->byte);
	write_row(&w, row);
	jsonw_end_object(&w);
	buf_addc(&r->line, '\n');
}

int
rejects_add(struct rejects *r, const struct reject *row, const char *load_id,
    const char *root, const struct place *at, struct error *err)
{
	char *seen = xasprintf("%s:%llu: %s", at->file,
	    (unsigned long long)(at->line ? at->line : at->row), row->reason);

	if (++r->count > r->spec.max) {
		error_set(err, ERR_DATA,
		    "more than %llu rows cannot be placed (--max-rejects); %s",
		    (unsigned long long)r->spec.max, seen);
		free(seen);
		return -1;
	}
	if (r->first) {
		free(seen);
	} else {
		r->first = seen;
		buf_reset(&r->own);
		buf_adds(&r->own, "{\"load_id\":");
		jsonw_quote(&r->own, load_id, strlen(load_id));
		buf_addc(&r->own, ',');
	}
	write_line(r, row, load_id, root, at);
	if (fwrite(r->line.data, 1, r->line.len, r->spool) != r->line.len)
		return error_errno(err, "a temporary file for rejects");
	return 0;
}

uint64_t
rejects_count(const struct rejects *r)
{
	return r->count;
}

/* ---- the file ---- */

static int
copy_stream(FILE *from, int to, const char *path, struct error *err)
{
	char block[16384];
	size_t n;

	while ((n = fread(block, 1, sizeof(block), from)) > 0)
		if (write_fully(to, block, n))
			return error_errno(err, "%s", path);
	return ferror(from) ? error_errno(err, "%s", path) : 0;
}

/* What the file has already, of this run or (append) of earlier ones; but for
 * lines of this package, which a run has left that did not get to commit it. */
static int
copy_old(const struct rejects *r, int to, struct error *err)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *old;
	int rc = 0;

	if (!r->published && !r->spec.append)
		return 0;
	old = fopen(r->spec.path, "re");
	if (!old)
		return errno == ENOENT ? 0
		                       : error_errno(err, "%s", r->spec.path);
	while (!rc && (n = getline(&line, &cap, old)) > 0)
		if (strncmp(line, buf_str(&r->own), r->own.len) != 0 ||
		    !r->own.len)
			rc = write_fully(to, line, (size_t)n)
			    ? error_errno(err, "%s", r->spec.path)
			    : 0;
	if (!rc && ferror(old))
		rc = error_errno(err, "%s", r->spec.path);
	free(line);
	fclose(old);
	return rc;
}

/* Written beside, synced, renamed. */
static int
publish_at(struct rejects *r, const char *path, struct error *err)
{
	char *tmp = xasprintf("%s.%ld.tmp", path, (long)getpid());
	int fd, rc = -1;

	output_remove_at_exit(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0666);
	if (fd < 0) {
		error_errno(err, "%s", tmp);
		goto out;
	}
	if (copy_old(r, fd, err) || copy_stream(r->spool, fd, tmp, err))
		goto out;
	if (fsync_path(tmp, err) || rename_synced(tmp, path, err))
		goto out;
	r->published = true;
	rc = 0;
out:
	if (fd >= 0)
		close(fd);
	if (rc)
		unlink(tmp);
	output_keep(tmp);
	free(tmp);
	return rc;
}

/* A symbolic link stays one: the file that it names is exchanged. */
static int
publish(struct rejects *r, struct error *err)
{
	char *real = realpath(r->spec.path, NULL);
	int rc;

	if (fflush(r->spool) || fseek(r->spool, 0, SEEK_SET)) {
		free(real);
		return error_errno(err, "a temporary file for rejects");
	}
	if (r->direct >= 0)
		rc = copy_stream(r->spool, r->direct, r->spec.path, err);
	else
		rc = publish_at(r, real ? real : r->spec.path, err);
	free(real);
	return rc;
}

int
rejects_commit(struct rejects *r, struct error *err)
{
	if (!r->count)
		return 0;
	if (publish(r, err))
		return -1;
	msg_warn("%llu %s cannot be placed: see %s; the first: %s",
	    (unsigned long long)r->count, r->count == 1 ? "row" : "rows",
	    r->spec.path, r->first);
	rewind(r->spool);
	if (ftruncate(fileno(r->spool), 0))
		return error_errno(err, "a temporary file for rejects");
	r->count = 0;
	free(r->first);
	r->first = NULL;
	return 0;
}

int
rejects_finish(struct rejects *r, struct error *err)
{
	if (r->published || r->direct >= 0 ||
	    (r->spec.append && access(r->spec.path, F_OK) == 0))
		return 0;
	return publish(r, err);
}
