/* SPDX-License-Identifier: MIT */
/*
 * rest_page: how one gets from a page of an API to the next: dlt's paginators.
 *
 * Shape:  a name, or an object with `type` and the keys of dlt's:
 *
 *	json_link      next_url_path = "next"
 *	header_link    links_next_key = "next"
 *	header_cursor  cursor_key = "next", cursor_param = "cursor"
 *	offset         limit, offset = 0, offset_param = "offset" |
 *	               offset_body_path, limit_param = "limit" |
 *	               limit_body_path, total_path = "total", maximum_offset,
 *	               stop_after_empty_page = true, has_more_path
 *	page_number    base_page = 0, page, page_param = "page" |
 *	               page_body_path, total_path = "total", maximum_page,
 *	               stop_after_empty_page = true, has_more_path
 *	cursor         cursor_path = "cursors.next", cursor_param = "cursor" |
 *	               cursor_body_path, stop_after_empty_page = false,
 *	               has_more_path
 *	single_page
 *	auto           what the first answer looks like
 * Errors: ERR_USAGE for settings, with their place; ERR_DATA for answers.
 * Thread: a struct rest_pager does not change; a struct rest_pages belongs to
 *         one series of requests.
 * Owner:  rest_pager_new() -> rest_pager_free(); rest_pages_release().
 * Source: dlt 1.26.0, sources/helpers/rest_client/paginators.py, detector.py.
 */
#ifndef DLT_EXTRACT_REST_PAGE_H
#define DLT_EXTRACT_REST_PAGE_H

#include "common/buf.h"
#include "common/error.h"
#include "common/json.h"
#include "common/mem.h"

struct http_response;
struct rest_pager;
struct source_file;

/* *pager is NULL for "auto". */
int rest_pager_new(const struct source_file *f, const struct json *value,
    struct rest_pager **pager, struct error *err);
void rest_pager_free(struct rest_pager *p); /* NULL is legal */

/* What paginators change of a request. */
struct rest_changing {
	struct arena *arena;
	struct buf *url;     /* without params */
	struct json *params; /* an object, or NULL: none */
	struct json *body;   /* the same */
};

/* An answer. */
struct rest_answer {
	const struct http_response *http;
	const struct json *json;
	bool empty; /* no row in it */
};

struct rest_pages {
	const struct rest_pager *pager;
	struct rest_pager *found; /* by "auto"; owned */
	long long current;        /* offset or page */
	struct json value; /* current, or the cursor, as requests have it */
	struct buf text;   /* of it */
};

/* The first request; pager NULL: not known yet. */
int rest_pages_begin(struct rest_pages *p, const struct rest_pager *pager,
    struct rest_changing *request, struct error *err);
/* 1: the request is now that of the next page; 0: there is none; -1. */
int rest_pages_next(struct rest_pages *p, const struct rest_answer *answer,
    struct rest_changing *request, struct error *err);
void rest_pages_release(struct rest_pages *p);
/* "auto" has recognized nothing in the first answer. */
bool rest_pages_is_guess(const struct rest_pages *p);

/* ---- for rest_detect.c ---- */

enum rest_pager_kind {
	REST_SINGLE_PAGE,
	REST_JSON_LINK,
	REST_HEADER_LINK,
	REST_HEADER_CURSOR,
	REST_OFFSET,
	REST_PAGE_NUMBER,
	REST_CURSOR,
};

/* With the defaults of its kind; path: that of the link, the cursor or the
 * total; NULL: the default. NULL when it is none. */
struct rest_pager *
rest_pager_make(enum rest_pager_kind kind, const char *path, struct error *err);
/* The URL of the answer's Link header with the relation, appended; false: there
 * is none. */
bool rest_page_link(const struct http_response *http, const char *relation,
    struct buf *url);

#endif
