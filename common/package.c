/* SPDX-License-Identifier: MIT */
#include "common/package.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/move.h"
#include "common/package_private.h"
#include "common/timestamp.h"
#include "common/utf8.h"

static const char *const formats[] = {
	"typed-jsonl",
	"jsonl",
	"insert_values",
	"csv",
	"parquet",
	"model",
	"sql",
	"reference",
};

static bool
is_format(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (strcmp(formats[i], s) == 0)
			return true;
	return false;
}

/* int() of Python: blanks around, a sign, single underscores between digits.
 * A negative count has no meaning here. */
static bool
parse_retry(const char *s, size_t len, unsigned *out)
{
	unsigned long v = 0;
	bool digit = false;

	while (len && s[0] == ' ')
		s++, len--;
	while (len && s[len - 1] == ' ')
		len--;
	if (len && s[0] == '+')
		s++, len--;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '_' && digit && i + 1 < len) {
			digit = false;
			continue;
		}
		if (!isdigit((unsigned char)s[i]))
			return false;
		digit = true;
		v = v * 10 + (unsigned long)(s[i] - '0');
		if (v > 1000000000)
			return false;
	}
	*out = (unsigned)v;
	return digit;
}

static int
bad_name(const char *name, const char *why, struct error *err)
{
	return error_set(err, ERR_DATA,
	    "%s: no job file name (TABLE.ID.RETRY.FORMAT[.gz|.zst]): %s", name,
	    why);
}

bool
package_name_is_safe(const char *name)
{
	size_t n = strlen(name);

	if (!n || n > 255 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] == '/' || (unsigned char)name[i] < ' ' ||
		    name[i] == 0x7f)
			return false;
	return true;
}

int
job_name_parse(const char *name, struct job_name *out, struct error *err)
{
	const char *part[5];
	size_t len[5], count = 0;
	struct job_name n = { 0 };

	if (strlen(name) > 255)
		return error_set(err, ERR_DATA,
		    "table \"%.60s...\": its name has %zu bytes, too many for "
		    "the name of a file; less nesting (dlt-extract "
		    "--max-table-nesting) or the limit of a destination "
		    "(dlt-normalize --for) keep names short",
		    name, strcspn(name, "."));
	if (!package_name_is_safe(name) || !utf8_is_valid(name, strlen(name)))
		return bad_name(name, "illegal characters or length", err);
	for (const char *p = name;; p++) {
		size_t l = strcspn(p, ".");

		if (count == ARRAY_LEN(part))
			return bad_name(name, "too many parts", err);
		part[count] = p;
		len[count++] = l;
		p += l;
		if (!*p)
			break;
	}
	if (count < 4)
		return bad_name(name, "too few parts", err);
	if (count == 5) {
		if (strcmp(part[4], "gz") == 0)
			n.codec = CODEC_GZIP;
		else if (strcmp(part[4], "zst") == 0)
			n.codec = CODEC_ZSTD;
		else
			return bad_name(name, "unknown compression", err);
	}
	if (!len[0] || !len[1])
		return bad_name(name, "empty part", err);
	if (!parse_retry(part[2], len[2], &n.retry))
		return bad_name(name, "the retry count is no number", err);
	n.format = xstrndup(part[3], len[3]);
	if (!is_format(n.format)) {
		free(n.format);
		return bad_name(name, "unknown format", err);
	}
	n.table = xstrndup(part[0], len[0]);
	n.file_id = xstrndup(part[1], len[1]);
	*out = n;
	return 0;
}

void
job_name_release(struct job_name *n)
{
	free(n->table);
	free(n->file_id);
	free(n->format);
	memset(n, 0, sizeof(*n));
}

char *
job_name_format(const struct job_name *n)
{
	return xasprintf("%s.%s.%u.%s%s", n->table, n->file_id, n->retry,
	    n->format, codec_suffix(n->codec));
}

char *
job_id_format(const struct job_name *n)
{
	return xasprintf("%s.%s.%s%s", n->table, n->file_id, n->format,
	    codec_suffix(n->codec));
}

/* ---- load ids ---- */

char *
load_id_now(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static double last;
	struct timespec ts;
	char text[40], hex[8 + 1];
	double now;

	clock_gettime(CLOCK_REALTIME, &ts);
	/* As Python's time.time(): nanoseconds divided once. */
	now = (double)((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec) / 1e9;
	pthread_mutex_lock(&lock);
	if (now <= last)
		now = nextafter(last, INFINITY);
	last = now;
	pthread_mutex_unlock(&lock);
	/* Processes that start together meet in one step of such a number now
	 * and then. Seven digits tell the steps apart, those behind them the
	 * processes; as a number it stays the same. */
	snprintf(text, sizeof(text), "%.7f", now);
	hash_random_hex(hex, 4);
	return xasprintf("%s0%05lu", text, strtoul(hex, NULL, 16) % 100000);
}

void
load_id_created_at(const char *load_id, struct buf *out)
{
	struct timestamp ts;
	char *end = NULL;
	double v = 0;

	/* Python's float() knows no hexadecimal numbers; strtod() does. */
	if (*load_id && !strpbrk(load_id, "xXpP"))
		v = strtod(load_id, &end);
	if (!end || end == load_id || *end || !timestamp_from_epoch(v, &ts))
		ts = timestamp_now();
	/* What pendulum's from_timestamp() carries: UTC. */
	ts.has_zone = true;
	ts.offset_s = 0;
	timestamp_format(&ts, out);
}

/* ---- small files of a package ---- */

const char *
package_kind_name(enum package_kind kind)
{
	return kind == PACKAGE_EXTRACTED ? "extracted" : "normalized";
}

bool
package_file_is_known(const char *name)
{
	static const char *const known[] = { "schema.json",
		"load_package_state.json", "schema_updates.json",
		"provenance.jsonl" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

struct memory {
	const char *data;
	size_t len;
};

static long
memory_source(void *arg, void *data, size_t len, struct error *err)
{
	struct memory *m = arg;

	(void)err;
	if (len > m->len)
		len = m->len;
	memcpy(data, m->data, len);
	m->data += len;
	m->len -= len;
	return (long)len;
}

int
package_unpack(struct buf *b, const char *path, struct error *err)
{
	struct memory from = { b->data, b->len };
	struct buf out = { 0 };
	struct zin *z;
	long n;

	if (b->len < 2 || memcmp(b->data, "\x1f\x8b", 2) != 0)
		return 0;
	z = zin_new(memory_source, &from);
	do {
		buf_reserve(&out, IO_BLOCK);
		n = zin_read(z, out.data + out.len, IO_BLOCK, err);
		out.len += n > 0 ? (size_t)n : 0;
		out.data[out.len] = '\0';
	} while (n > 0 && out.len <= PACKAGE_SMALL_MAX);
	zin_free(z);
	buf_release(b);
	*b = out;
	if (n < 0)
		return error_prefix(err, "%s: ", path);
	return n == 0 ? 0 : error_set(err, ERR_DATA, "%s: too large", path);
}

/* ---- targets ---- */

int
package_check_target(const char *path, struct error *err)
{
	static const char *const marks[] = { "manifest.json", "schema.json",
		"new_jobs" };
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = true;
	size_t i;

	if (!d)
		return errno == ENOENT ? 0 : error_errno(err, "%s", path);
	while (empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0;
	closedir(d);
	for (i = 0; !empty && i < ARRAY_LEN(marks); i++) {
		char *mark = xasprintf("%s/%s", path, marks[i]);

		empty = access(mark, F_OK) == 0;
		free(mark);
	}
	if (empty || move_is_half(path))
		return 0;
	return error_set(err, ERR_IO,
	    "%s: is no package and not empty; it is left alone", path);
}

bool
package_is_foreign(const char *path)
{
	static const char *const marks[] = { "schema.json", "new_jobs" };
	bool foreign = true;

	for (size_t i = 0; i < ARRAY_LEN(marks) && foreign; i++) {
		char *mark = xasprintf("%s/%s", path, marks[i]);

		foreign = access(mark, F_OK) != 0 && errno == ENOENT;
		free(mark);
	}
	return foreign;
}
