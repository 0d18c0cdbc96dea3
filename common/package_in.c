/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/archive.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/package_private.h"

/* No job file that anybody writes comes near; a tar header can claim 2^63. */
#define JOB_MAX ((uint64_t)1 << 44)

/* Flag of a job: the manifest has told of it. */
#define LISTED ((uint64_t)1)

struct package_in *
package_in_new(void)
{
	struct package_in *p = xcalloc(1, sizeof(*p));

	p->d.fd = -1;
	return p;
}

bool
package_in_is_stream(const struct package_in *p)
{
	return !p->path;
}

void
package_in_end_job(struct package_in *p)
{
	if (p->d.fd >= 0)
		close(p->d.fd);
	p->d.fd = -1;
	checksum_free(p->sum);
	p->sum = NULL;
	p->in_job = false;
}

void
package_in_begin_job(struct package_in *p, unsigned kinds)
{
	p->in_job = true;
	p->bytes = 0;
	p->sum = checksum_new(kinds);
}

void
package_in_free(struct package_in *p)
{
	if (!p)
		return;
	package_in_end_job(p);
	tar_in_free(p->s.tar);
	job_set_release(&p->s.done);
	job_set_release(&p->s.jobs);
	manifest_in_free(p->d.manifest);
	job_set_release(&p->d.ids);
	job_renames_release(&p->d.renames);
	for (size_t i = 0; i < p->d.extra_count; i++)
		free(p->d.extra[i]);
	free(p->d.extra);
	job_list_release(&p->d.list);
	buf_release(&p->d.schema_checksum);
	job_name_release(&p->job);
	buf_release(&p->name);
	buf_release(&p->data);
	buf_release(&p->job_path);
	buf_release(&p->job_checksum);
	buf_release(&p->origins);
	free(p->load_id);
	free(p->path);
	free(p);
}

/* ---- streams ---- */

static int
check_head(struct tar_in *tar, struct error *err)
{
	const char *head;
	size_t len, i = 0;

	if (tar_in_peek(tar, &head, &len, err))
		return -1;
	if (!len)
		return error_set(err, ERR_DATA, "upstream wrote nothing");
	if (len >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < len && head[i] && strchr(" \t\r\n", head[i]))
		i++;
	/* A load id may begin so, but then a tar header follows. */
	if (len == 512 && memcmp(head + 257, "ustar", 5) == 0)
		return 0;
	if (i < len && (head[i] == '{' || head[i] == '['))
		return error_set(err, ERR_DATA,
		    "these look like rows; use `dlt-extract NAME=-` first");
	if (len < 512)
		return error_set(err, ERR_DATA,
		    "truncated, or not a package stream");
	return error_set(err, ERR_DATA, "not a package stream");
}

struct package_in *
package_in_stream(int fd, struct error *err)
{
	struct package_in *p = package_in_new();

	p->s.tar = tar_in_new(fd);
	p->s.complete = true;
	job_set_init(&p->s.done, false);
	if (check_head(p->s.tar, err)) {
		package_in_free(p);
		return NULL;
	}
	return p;
}

/* Nothing more comes, or nothing that is tar. */
static int
stream_end(struct package_in *p, enum package_event *event, int rc,
    struct error *err)
{
	if (rc < 0 && err->code != ERR_DATA)
		return -1;
	if (!p->s.complete)
		return rc < 0
		    ? error_prefix(err, "package stream, %s: ", p->load_id)
		    : error_set(err, ERR_DATA, "package stream, %s: truncated",
		          p->load_id);
	if (!p->s.done.count)
		return rc < 0 ? error_prefix(err, "package stream: ")
		              : error_set(err, ERR_DATA,
		                    "package stream: holds no package");
	rc = tar_in_drain(p->s.tar, p->s.complete_end, err);
	if (rc < 0)
		return error_prefix(err, "package stream: ");
	if (rc == 0)
		return error_set(err, ERR_DATA,
		    "package stream: truncated, or something else follows the "
		    "last package");
	*event = PACKAGE_END_OF_INPUT;
	return 0;
}

static int
refuse(const char *name, const char *why, struct error *err)
{
	return error_set(err, ERR_DATA, "package stream: %.200s: %s", name,
	    why);
}

/* A folder as tar(1) would add it: LOAD_ID/ or LOAD_ID/new_jobs/ and so on. */
static bool
is_known_folder(const char *rest)
{
	static const char *const known[] = { "", "new_jobs", "started_jobs",
		"failed_jobs", "completed_jobs", ".pending_transitions" };
	size_t n = strlen(rest);

	if (n && rest[n - 1] == '/')
		n--;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == n && memcmp(known[i], rest, n) == 0)
			return true;
	return false;
}

static int
start_package(struct package_in *p, const char *load_id, struct error *err)
{
	if (job_set_find(&p->s.done, load_id))
		return refuse(load_id, "this package was there before", err);
	free(p->load_id);
	p->load_id = xstrdup(load_id);
	job_set_release(&p->s.jobs);
	p->s.xxh_only = false;
	p->s.has_schema = false;
	p->s.complete = false;
	return 0;
}

/* The whole entry into p->data; memory grows with what really comes. */
static int
read_small(struct package_in *p, struct error *err)
{
	const struct tar_entry *e = &p->s.entry;
	long n;

	if (e->size > PACKAGE_SMALL_MAX)
		return refuse(p->name.data, "too large", err);
	buf_reset(&p->data);
	do {
		size_t room = IO_BLOCK;

		buf_reserve(&p->data, room);
		n = tar_in_read(p->s.tar, p->data.data + p->data.len, room,
		    err);
		if (n < 0)
			return error_prefix(err,
			    "package stream: %.200s: ", p->name.data);
		p->data.len += (size_t)n;
		p->data.data[p->data.len] = '\0';
	} while (n > 0);
	return 0;
}

static int
check_listed(struct package_in *p, const struct manifest_job *j,
    struct error *err)
{
	uint64_t *slot = job_set_find(&p->s.jobs, j->id);
	bool sha = checksum_kind_of(j->checksum) == CHECKSUM_SHA256;

	if (!slot)
		return error_set(err, ERR_DATA, "%.255s is missing", j->id);
	if (*slot & LISTED)
		return error_set(err, ERR_DATA, "%.255s is listed twice",
		    j->id);
	*slot |= LISTED;
	if ((sha && p->s.xxh_only) ||
	    slot[sha ? 2 : 1] !=
	        job_set_digest(&p->s.jobs, j->bytes, j->checksum))
		return error_set(err, ERR_DATA, "%.255s is damaged (checksum)",
		    j->id);
	return 0;
}

static int
check_head_of(const struct package_in *p, const struct manifest_head *head,
    struct error *err)
{
	const char *want = head->schema_checksum;
	bool sha = checksum_kind_of(want) == CHECKSUM_SHA256;

	if (strcmp(head->load_id, p->load_id) != 0)
		return error_set(err, ERR_DATA, "is of load id \"%.100s\"",
		    head->load_id);
	if (!p->s.has_schema || head->schema_bytes != p->s.schema_bytes ||
	    strcmp(want, sha ? p->s.schema_sha256 : p->s.schema_xxh128) != 0)
		return error_set(err, ERR_DATA,
		    "schema.json is missing or damaged");
	return 0;
}

static int
check_manifest(struct package_in *p, struct manifest_in *m, struct error *err)
{
	const struct manifest_head *head;
	struct manifest_job j;
	size_t count = 0;
	int rc;

	while ((rc = manifest_in_next(m, &j, err)) > 0) {
		count++;
		if (check_listed(p, &j, err))
			return error_prefix(err, "manifest.json: ");
	}
	head = rc < 0 ? NULL : manifest_in_head(m, err);
	if (!head)
		return -1;
	if (check_head_of(p, head, err))
		return error_prefix(err, "manifest.json: ");
	/* Ids are unique on both sides, so equal counts mean equal sets. */
	if (count != p->s.jobs.count)
		return error_set(err, ERR_DATA,
		    "manifest.json: lists %zu job files, the stream has %zu",
		    count, p->s.jobs.count);
	manifest_in_checksum(m, p->checksum);
	return 0;
}

static long
manifest_source(void *arg, void *data, size_t len, struct error *err)
{
	struct package_in *p = arg;

	return tar_in_read(p->s.tar, data, len, err);
}

/* Until now it could be said what the manifest will have. */
static void
begin_jobs(struct package_in *p)
{
	if (!p->s.jobs.width)
		job_set_init(&p->s.jobs, p->s.xxh_only ? 1 : 2);
}

static int
take_manifest(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	struct manifest_in *m = manifest_in_new(manifest_source, p);
	int rc;

	begin_jobs(p);
	rc = check_manifest(p, m, err);
	manifest_in_free(m);
	if (rc)
		return err->code == ERR_QUIET
		    ? -1
		    : error_prefix(err, "package stream, %s: ", p->load_id);
	job_set_add(&p->s.done, p->load_id);
	p->s.complete = true;
	p->s.complete_end = p->s.entry.end;
	*event = PACKAGE_COMPLETE;
	e->name = "manifest.json";
	e->checksum = p->checksum;
	return 0;
}

/* Where the rows of a job come from, as its sender says: text that must be a
 * document before anybody looks at it. */
static const char *
origins_of(struct package_in *p)
{
	const char *note = p->s.entry.note;
	struct json_doc doc = { 0 };
	struct error ignored;
	bool ok = note && json_parse(&doc, note, strlen(note), &ignored) == 0 &&
	    doc.root->kind == JSON_ARRAY;

	json_release(&doc);
	return ok ? note : NULL;
}

static int
take_job(struct package_in *p, const char *name, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	char *id;

	job_name_release(&p->job);
	if (job_name_parse(name, &p->job, err))
		return error_prefix(err, "package stream: ");
	if (p->s.entry.size > JOB_MAX)
		return refuse(name, "too large", err);
	begin_jobs(p);
	id = job_id_format(&p->job);
	p->s.job = job_set_add(&p->s.jobs, id);
	free(id);
	if (!p->s.job)
		return refuse(name, "comes twice", err);
	package_in_begin_job(p,
	    CHECKSUM_XXH128 | (p->s.xxh_only ? 0 : CHECKSUM_SHA256));
	*event = PACKAGE_JOB;
	e->name = name;
	e->job = p->job;
	e->len = (size_t)p->s.entry.size;
	e->origins = origins_of(p);
	return 0;
}

static int
take_file(struct package_in *p, const char *name, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	if (read_small(p, err))
		return -1;
	if (strcmp(name, "schema.json") == 0) {
		p->s.has_schema = true;
		p->s.schema_bytes = p->data.len;
		checksum_of(CHECKSUM_XXH128, p->data.data, p->data.len,
		    p->s.schema_xxh128);
		checksum_of(CHECKSUM_SHA256, p->data.data, p->data.len,
		    p->s.schema_sha256);
	}
	*event = PACKAGE_FILE;
	e->name = name;
	e->data = p->data.data;
	e->len = p->data.len;
	return 0;
}

/* Split LOAD_ID/REST in p->name; NULL with err set when it is foreign. */
static char *
split_name(struct package_in *p, struct error *err)
{
	const struct tar_entry *t = &p->s.entry;
	char *slash;

	buf_reset(&p->name);
	buf_adds(&p->name, t->name);
	slash = strchr(p->name.data, '/');
	if (!slash) {
		refuse(t->name, "no entry of a package", err);
		return NULL;
	}
	*slash = '\0';
	if (package_name_is_safe(p->name.data) &&
	    (t->regular || (t->directory && is_known_folder(slash + 1))))
		return slash + 1;
	refuse(t->name,
	    t->regular || t->directory ? "no entry of a package"
	                               : "not a regular file",
	    err);
	return NULL;
}

/* Handle the entry at hand: 1 when it gives an event, 0 to go on, -1. */
static int
stream_entry(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	static const char jobs[] = "new_jobs/";
	char *rest = split_name(p, err);
	int rc;

	if (!rest)
		return -1;
	if (p->s.complete) {
		if (start_package(p, p->name.data, err))
			return -1;
		p->s.pending = true;
		*event = PACKAGE_BEGIN;
		return 1;
	}
	if (strcmp(p->name.data, p->load_id) != 0)
		return error_set(err, ERR_DATA,
		    "package stream: %.200s: truncated (%.200s begins before "
		    "its manifest.json)",
		    p->load_id, p->name.data);
	if (p->s.entry.directory)
		return 0;
	if (p->s.entry.checksums && !p->s.jobs.width)
		p->s.xxh_only = strcmp(p->s.entry.checksums, "xxh128") == 0;
	if (strcmp(rest, "_cancelled") == 0)
		return error_set(err, ERR_QUIET, "upstream failed");
	if (strcmp(rest, "manifest.json") == 0)
		rc = take_manifest(p, event, e, err);
	else if (package_file_is_known(rest))
		rc = take_file(p, rest, event, e, err);
	else if (strncmp(rest, jobs, sizeof(jobs) - 1) == 0)
		rc = take_job(p, rest + sizeof(jobs) - 1, event, e, err);
	else
		rc = refuse(p->s.entry.name, "no entry of a package", err);
	return rc ? -1 : 1;
}

static int
skip_job(struct package_in *p, struct error *err)
{
	char *block;
	long n = 0;

	if (!p->in_job)
		return 0;
	block = xmalloc(65536);
	while (p->in_job && (n = package_in_read(p, block, 65536, err)) > 0)
		continue;
	free(block);
	return n < 0 ? -1 : 0;
}

static int
stream_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	int rc;

	if (skip_job(p, err))
		return -1;
	do {
		if (!p->s.pending) {
			rc = tar_in_next(p->s.tar, &p->s.entry, err);
			if (rc <= 0)
				return stream_end(p, event, rc, err);
		}
		p->s.pending = false;
		rc = stream_entry(p, event, e, err);
	} while (rc == 0);
	e->load_id = p->load_id;
	return rc < 0 ? -1 : 0;
}

static void
note_sum(struct package_in *p, size_t value, enum checksum_kind kind)
{
	char hex[CHECKSUM_SIZE];

	checksum_hex(p->sum, kind, hex);
	p->s.job[value] = job_set_digest(&p->s.jobs, p->bytes, hex);
}

static long
stream_read(struct package_in *p, void *data, size_t len, struct error *err)
{
	long n = tar_in_read(p->s.tar, data, len, err);

	if (n < 0)
		return error_prefix(err,
		    "package stream, %s: %.255s: ", p->load_id,
		    strchr(p->s.entry.name, '/') + 1);
	checksum_add(p->sum, data, (size_t)n);
	p->bytes += (uint64_t)n;
	if (p->bytes == p->s.entry.size && p->sum) {
		note_sum(p, 1, CHECKSUM_XXH128);
		if (!p->s.xxh_only)
			note_sum(p, 2, CHECKSUM_SHA256);
		package_in_end_job(p);
	}
	return n;
}

/* ---- both ---- */

int
package_in_next(struct package_in *p, enum package_event *event,
    struct package_entry *e, struct error *err)
{
	memset(e, 0, sizeof(*e));
	e->rows = UINT64_MAX;
	return p->path ? package_dir_next(p, event, e, err)
	               : stream_next(p, event, e, err);
}

long
package_in_read(void *arg, void *data, size_t len, struct error *err)
{
	struct package_in *p = arg;

	if (!p->in_job || !len)
		return 0;
	return p->path ? package_dir_read(p, data, len, err)
	               : stream_read(p, data, len, err);
}
