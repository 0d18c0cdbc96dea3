/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rows.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode {
	MODE_TOP,    /* between values */
	MODE_STREAM, /* inside of an array whose elements are a stream */
	MODE_PAGE,   /* inside of a page; all of it is in the window */
	MODE_CSV,    /* records of delimited text */
};

struct rows {
	struct feed *feed;
	const struct row_format *format;
	struct csv *csv; /* NULL: not needed yet */
	char *win;       /* bytes [start, end) of it are still to be read */
	size_t cap, start, end;
	size_t page_end; /* MODE_PAGE: behind its ']' */
	uint64_t base;   /* offset of win[0] in the input */
	uint64_t line, line_start;
	uint64_t array_line; /* MODE_STREAM: where it began */
	const char *name;
	const struct feed_part *part;
	struct buf kept, next_kept; /* of the rows so far, and with all there */
	enum mode mode;
	struct buf text; /* a row that had to be changed */
	bool typed;      /* strings of the input may be typed values */
	bool open;       /* in the middle of an input */
	bool eof;        /* the input's last byte is in the window */
	bool bom;        /* the input began with a byte order mark */
	bool empty;      /* nothing but blanks and the mark so far */
	bool touching;   /* a value ended at `start`: no blank since */
	bool first;      /* MODE_STREAM: before the first element */
	bool comma;      /* MODE_STREAM: an element must follow */
	bool starved;    /* the feed said 2 */
	bool cut;        /* the feed said 3 */
};

struct rows *
rows_new(struct feed *feed, const struct row_format *format)
{
	struct rows *r = xcalloc(1, sizeof(*r));

	r->feed = feed;
	r->format = format;
	return r;
}

void
rows_free(struct rows *r)
{
	if (r == NULL)
		return;
	csv_free(r->csv);
	buf_release(&r->text);
	buf_release(&r->kept);
	buf_release(&r->next_kept);
	free(r->win);
	free(r);
}

/* An error at win[pos]; the start of its line may lie before the window. */
static int
bad(const struct rows *r, size_t pos, const char *what, struct error *err)
{
	uint64_t line = r->line, from = r->line_start;

	for (size_t i = r->start; i < pos && i < r->end; i++) {
		if (r->win[i] == '\n') {
			line++;
			from = r->base + i + 1;
		}
	}
	return error_set(err, ERR_DATA, "%s:%llu:%llu: %s", r->name,
	    (unsigned long long)line,
	    (unsigned long long)(r->base + pos - from + 1), what);
}

/* Move what is unread to the start of a window of `cap` bytes. */
static void
move_window(struct rows *r, size_t cap)
{
	size_t left = r->end - r->start;

	if (left != 0)
		memmove(r->win, r->win + r->start, left);
	if (cap != r->cap)
		r->win = xrealloc(r->win, cap);
	r->cap = cap;
	r->base += r->start;
	r->start = 0;
	r->end = left;
	memset(r->win + r->end, 0, SCAN_SLACK);
}

/* Room for `more` bytes behind `end`, with the slack that the scanner needs. */
static void
make_room(struct rows *r, size_t more)
{
	size_t need = r->end - r->start + more + SCAN_SLACK;

	if (r->cap - r->end >= more + SCAN_SLACK && r->cap != 0)
		return;
	move_window(r, need > r->cap ? need + need / 8 : r->cap);
}

void
rows_trim(struct rows *r)
{
	size_t left = r->end - r->start;

	if (r->mode != MODE_PAGE && r->cap > 8 * IO_BLOCK && left < r->cap / 4)
		move_window(r, left + IO_BLOCK);
}

/* One more block of this input. */
static int
fill_block(struct rows *r, struct error *err)
{
	struct feed_block b;
	int rc = feed_next(r->feed, &b, err);

	r->starved = rc == 2;
	r->cut = rc == 3;
	if (rc < 0 || r->starved || r->cut)
		return -1;
	if (rc == 0) {
		r->eof = true;
		return 0;
	}
	make_room(r, b.len);
	if (b.len != 0)
		memcpy(r->win + r->end, b.data, b.len);
	r->end += b.len;
	memset(r->win + r->end, 0, SCAN_SLACK);
	r->eof = b.end;
	if (b.begin)
		r->name = b.name;
	if (b.kept != NULL)
		buf_adds(&r->next_kept, b.kept);
	r->part = b.part;
	r->typed = b.typed;
	return 0;
}

/* A row as long as this is not looked at again with each line that comes. */
#define SHORT_ROW ((size_t)64 << 10)

/* At least `want` bytes in the window, or the rest of the input. */
static int
fill(struct rows *r, size_t want, struct error *err)
{
	while (!r->eof && r->end - r->start < want)
		if (fill_block(r, err) < 0)
			return -1;
	return 0;
}

/* More of the row that begins in the window and has more than these bytes. Twice
 * as much before the next try keeps this linear; but a line that came from a
 * live pipe may end the row, and the next line be far away. */
static int
fill_row(struct rows *r, size_t have, size_t limit, struct error *err)
{
	size_t want = have > limit / 2 ? limit + 1 : 2 * have + 1;

	do {
		if (r->eof)
			return 0;
		if (fill_block(r, err) < 0)
			return -1;
		have = r->end - r->start;
	} while (have < want &&
	    (have > SHORT_ROW || r->win[r->end - 1] != '\n'));
	return 0;
}

/* Before anything of the input but its mark has been taken. */
static int
begin_csv(struct rows *r, const struct csv_format *format, struct error *err)
{
	if (r->csv == NULL)
		r->csv = csv_new();
	r->mode = MODE_CSV;
	if (csv_begin(r->csv, format, err) < 0)
		return -1;
	if (format->text)
		return 0;
	if (fill(r, CSV_SAMPLE, err) < 0 && !r->starved && !r->cut)
		return -1;
	csv_sample(r->csv, r->win + r->start, r->win + r->end, r->eof);
	return 0;
}

/* All rows of an input have been taken. */
static void
end_input(struct rows *r)
{
	struct buf kept = r->kept;

	if (r->next_kept.len == 0)
		return;
	r->kept = r->next_kept;
	r->next_kept = kept;
	buf_reset(&r->next_kept);
}

const char *
rows_kept(const struct rows *r)
{
	return r->kept.len == 0 ? NULL : buf_str(&r->kept);
}

/* Begin the next input: 1, or 0 when there is none. */
static int
next_input(struct rows *r, struct error *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct csv_format csv;

	end_input(r);
	r->start = r->end = 0;
	r->base = r->line_start = 0;
	r->line = 1;
	r->eof = false;
	r->name = NULL;
	if (fill_block(r, err) < 0)
		return -1;
	if (r->name == NULL)
		return 0;
	if (fill(r, 3, err) < 0 && !r->starved && !r->cut)
		return -1;
	r->open = r->empty = true;
	r->touching = false;
	r->mode = MODE_TOP;
	r->bom = r->end >= 3 && memcmp(r->win, mark, 3) == 0;
	if (r->bom)
		r->start = 3;
	if (r->end >= 2 &&
	    (memcmp(r->win, "\xff\xfe", 2) == 0 ||
	        memcmp(r->win, "\xfe\xff", 2) == 0))
		return bad(r, 0,
		    "this is UTF-16, not UTF-8; convert it with "
		    "iconv -f UTF-16 -t UTF-8",
		    err);
	if (!r->typed && row_format_is_csv(r->format, r->name, &csv) &&
	    begin_csv(r, &csv, err) < 0)
		return -1;
	return 1;
}

/* Skip white space: 1 when a byte follows, 0 at the end of the input. */
static int
skip(struct rows *r, struct error *err)
{
	for (;;) {
		while (r->start < r->end) {
			char c = r->win[r->start];

			if (c == '\n') {
				r->line++;
				r->line_start = r->base + r->start + 1;
			} else if (c != ' ' && c != '\t' && c != '\r') {
				return 1;
			}
			r->start++;
			r->touching = false;
		}
		if (r->eof)
			return 0;
		if (fill_block(r, err) < 0)
			return -1;
	}
}

/* Check the value at `start`, reading on as needed; at most `limit` bytes.
 * SCAN_MORE: it is longer, or the input ends before it does. -1: reading
 * failed. */
static int
scan_at(struct rows *r, size_t limit, struct scan *s, struct error *err)
{
	for (;;) {
		size_t have = r->end - r->start;
		const char *p = r->win + r->start;
		enum scan_status st = scan_value(p, p + have, r->eof, s);

		if (st == SCAN_OK && (size_t)(s->next - p) > limit)
			st = SCAN_MORE;
		if (st != SCAN_MORE || r->eof || have > limit)
			return (int)st;
		if (fill_row(r, have, limit, err) < 0)
			return -1;
	}
}

static void
set_row(const struct rows *r, struct row *row, size_t len)
{
	row->data = r->win + r->start;
	row->len = len;
	row->input = r->name;
	row->part = r->part;
	row->line = r->line;
	row->byte = r->base + r->start;
	row->column = row->byte - r->line_start + 1;
	row->page = row->last = false;
}

/* Line breaks inside of the row become blanks, and are counted. */
static void
blank_line_breaks(struct rows *r, size_t len)
{
	char *p = r->win + r->start;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n') {
			r->line++;
			r->line_start = r->base + r->start + i + 1;
			p[i] = ' ';
		} else if (p[i] == '\r') {
			p[i] = ' ';
		}
	}
}

/* One value as one row. */
static int
take_value(struct rows *r, struct row *row, struct error *err)
{
	struct scan s = { 0 };
	int st = scan_at(r, MAX_ROW, &s, err);
	size_t len;

	if (st < 0)
		return -1;
	if (st == SCAN_BAD)
		return bad(r, (size_t)(s.next - r->win), s.what, err);
	if (st == SCAN_MORE) {
		if (r->end - r->start > MAX_ROW)
			return bad(r, r->start,
			    "this row is longer than "
			    "16 MiB",
			    err);
		return bad(r, r->end, "unexpected end of the input", err);
	}
	len = (size_t)(s.next - (r->win + r->start));
	set_row(r, row, len);
	row->last = true;
	if (s.has_newline)
		blank_line_breaks(r, len);
	r->start += len;
	r->touching = true;
	return 1;
}

/* At '[' between values: page or stream? */
static int
begin_array(struct rows *r, struct error *err)
{
	struct scan s = { 0 };
	int st = scan_at(r, PAGE_MAX_BYTES, &s, err);

	if (st < 0)
		return -1;
	if (st == SCAN_OK && !s.has_newline) {
		r->mode = MODE_PAGE;
		r->page_end = (size_t)(s.next - r->win);
	} else {
		/* What is wrong with it is found element by element. */
		r->mode = MODE_STREAM;
		r->array_line = r->line;
		r->first = true;
		r->comma = false;
	}
	r->start++;
	return 0;
}

/* MODE_TOP: 1 a row; 0 the mode or the input changed; -1. */
static int
top_value(struct rows *r, struct row *row, struct error *err)
{
	int rc = skip(r, err);
	char c;

	if (rc < 0)
		return -1;
	if (rc == 0) {
		r->open = false;
		if (r->bom && r->empty)
			return bad(r, r->start,
			    "a byte order mark, and "
			    "nothing behind it",
			    err);
		return 0;
	}
	r->empty = false;
	c = r->win[r->start];
	if (r->touching && c != '{' && c != '[' && c != '"')
		return bad(r, r->start,
		    c == ',' ? "unexpected ',' between values"
		             : "expected white space between values",
		    err);
	return c == '[' ? begin_array(r, err) : take_value(r, row, err);
}

/* MODE_STREAM: the next element, or the end of the array. */
static int
stream_value(struct rows *r, struct row *row, struct error *err)
{
	char what[96];
	int rc;

	for (;;) {
		rc = skip(r, err);
		if (rc < 0)
			return -1;
		if (rc == 0) {
			snprintf(what, sizeof(what),
			    "unexpected end of the input; the array that "
			    "begins in line %llu has no ']'",
			    (unsigned long long)r->array_line);
			return bad(r, r->start, what, err);
		}
		if (r->win[r->start] == ']' && !r->comma) {
			r->start++;
			r->mode = MODE_TOP;
			r->touching = true;
			return 0;
		}
		if (r->first || r->comma)
			break;
		if (r->win[r->start] != ',')
			return bad(r, r->start, "expected ',' or ']'", err);
		r->start++;
		r->comma = true;
	}
	rc = take_value(r, row, err);
	if (rc > 0)
		r->first = r->comma = false;
	return rc;
}

static size_t
skip_blanks(const struct rows *r, size_t pos)
{
	while (r->win[pos] == ' ' || r->win[pos] == '\t')
		pos++;
	return pos;
}

/* Where the element at `pos` of a checked page ends. */
static size_t
element_end(const struct rows *r, size_t pos)
{
	const char *p = r->win + pos, *end = r->win + r->page_end;

	if (*p == '{' || *p == '[' || *p == '"') {
		const char *next = scan_skip(p, end);

		return next == NULL ? r->page_end : (size_t)(next - r->win);
	}
	while (p < end && *p != ',' && *p != ']' && *p != ' ' && *p != '\t')
		p++;
	return (size_t)(p - r->win);
}

/* MODE_PAGE: the next element; 0 when the page is empty. */
static int
page_value(struct rows *r, struct row *row)
{
	size_t next, after;

	r->start = skip_blanks(r, r->start);
	if (r->win[r->start] == ']') {
		r->start = r->page_end;
		r->mode = MODE_TOP;
		r->touching = true;
		return 0;
	}
	next = element_end(r, r->start);
	set_row(r, row, next - r->start);
	row->page = true;
	after = skip_blanks(r, next);
	row->last = after >= r->page_end || r->win[after] == ']';
	if (row->last) {
		r->start = r->page_end;
		r->mode = MODE_TOP;
		r->touching = true;
	} else {
		r->start = after + 1;
	}
	return 1;
}

/* The record at `start` of delimited text, reading on as needed. */
static int
scan_record(struct rows *r, struct csv_record *rec, struct error *err)
{
	for (;;) {
		size_t have = r->end - r->start;
		const char *p = r->win + r->start;
		enum csv_status st = csv_next(r->csv, p, p + have, r->eof, rec);

		if (st == CSV_BAD)
			return bad(r, (size_t)(rec->at - r->win), rec->what,
			    err);
		if (st == CSV_MORE && have > MAX_ROW)
			return bad(r, (size_t)(rec->at - r->win),
			    "this record is longer than 16 MiB; perhaps a "
			    "quote is not closed",
			    err);
		if (st == CSV_ROW && rec->len > MAX_ROW)
			return bad(r, r->start,
			    "this record is longer than 16 MiB", err);
		if (st != CSV_MORE)
			return (int)st;
		if (fill_row(r, have, MAX_ROW, err) < 0)
			return -1;
	}
}

/* MODE_CSV: 1 a row; 0 the input has ended; -1. */
static int
csv_value(struct rows *r, struct row *row, struct error *err)
{
	struct csv_record rec = { 0 };
	int st = CSV_NONE;

	while (st == CSV_NONE) {
		if (fill(r, 1, err) < 0)
			return -1;
		if (r->start == r->end) {
			r->open = false;
			return 0;
		}
		st = scan_record(r, &rec, err);
		if (st < 0)
			return -1;
		set_row(r, row, rec.len);
		r->start = (size_t)(rec.next - r->win);
		if (rec.lines != 0) {
			r->line += rec.lines;
			r->line_start = r->base +
			    (uint64_t)(rec.line_start - r->win);
		}
	}
	row->data = rec.data;
	row->last = true;
	return 1;
}

/* The first character of U+F000 to U+F03F, or NULL. By memchr, because its first
 * byte is rare, and memmem looks at each byte of its own. */
static const char *
find_marker(const char *p, const char *end)
{
	for (; p < end; p++) {
		p = memchr(p, 0xef, (size_t)(end - p));
		if (p == NULL)
			break;
		if (end - p > 2 && (unsigned char)p[1] == 0x80)
			return p;
	}
	return NULL;
}

/* A string that begins with U+F026 to U+F02E is a typed value to who reads the
 * package, if the character stands there as its bytes. As an escape it is text;
 * to Python dlt, if no character of U+F000 to U+F03F is in the line as bytes. */
static int
hide_markers(struct rows *r, struct row *row, struct error *err)
{
	const char *p = row->data, *end = p + row->len, *hit;

	if (r->typed || find_marker(p, end) == NULL)
		return 1;
	buf_reset(&r->text);
	while ((hit = find_marker(p, end)) != NULL) {
		buf_add(&r->text, p, (size_t)(hit - p));
		buf_addf(&r->text, "\\uf0%02x", (unsigned char)hit[2] & 0x3fU);
		p = hit + 3;
	}
	buf_add(&r->text, p, (size_t)(end - p));
	if (r->text.len > MAX_ROW)
		return error_set(err, ERR_DATA,
		    "%s:%llu:%llu: this row is longer than 16 MiB", row->input,
		    (unsigned long long)row->line,
		    (unsigned long long)row->column);
	row->data = r->text.data;
	row->len = r->text.len;
	return 1;
}

/* What has begun of a row when its input was cut is not one. */
static int
without_row(const struct rows *r, int rc)
{
	if (r->starved)
		return 2;
	return r->cut ? 0 : rc;
}

int
rows_next(struct rows *r, struct row *row, struct error *err)
{
	rows_trim(r);
	for (;;) {
		int rc;

		if (!r->open) {
			rc = next_input(r, err);
			if (rc <= 0)
				return without_row(r, rc);
		}
		if (r->mode == MODE_PAGE)
			rc = page_value(r, row);
		else if (r->mode == MODE_STREAM)
			rc = stream_value(r, row, err);
		else if (r->mode == MODE_CSV)
			rc = csv_value(r, row, err);
		else
			rc = top_value(r, row, err);
		if (rc < 0)
			return without_row(r, rc);
		if (rc != 0)
			return hide_markers(r, row, err);
	}
}

bool
rows_cut(const struct rows *r)
{
	return r->cut;
}
