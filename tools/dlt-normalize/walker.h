/* SPDX-License-Identifier: MIT */
/*
 * walker: what the two lanes share: the tables that a walker writes, with the
 * marks that let a row be taken back. Private to walk*.c and slow*.c.
 */
#ifndef DLT_NORMALIZE_WALKER_H
#define DLT_NORMALIZE_WALKER_H

#include "common/json.h"
#include "tools/dlt-normalize/walk.h"

/* Prefixes and keys are compared and copied in blocks. */
#define READ_SLACK 32
/* A name so long, and what follows it up to the next look at the limit, fits
 * the slack of a segment. */
#define PREFIX_MAX 256

struct ctx;
struct node;

/* A table being written: the segment of the current block. */
struct out {
	struct table *table;
	struct segment *seg; /* NULL: not used in this block yet */
	char *w;             /* next byte */
	char *lim;           /* ROW_SLACK bytes may follow it */
	size_t expected;     /* most bytes of a segment so far, and more */
	uint64_t marked;     /* root row that marked it */
	size_t mark_len, mark_rows;
	struct node *owner; /* the one path that leads here */
	bool watched;       /* live: note when the columns change */
	bool ready;         /* system columns are complete */
	bool shared;        /* several paths lead here: slow lane only */
	char *id_infix;     /* "_TABLE_", for ids of nested rows */
	size_t id_infix_len;
};

/* A column as this walker sees it. */
struct slot {
	struct column *column;
	struct key *key; /* the first that leads here */
	uint64_t stamp;  /* row that wrote it last */
	bool shared;     /* several keys lead here */
};

/* A table as reached by one path from its root. */
struct node {
	struct walker *walker;
	struct node *parent; /* NULL: root table */
	struct node *root;
	char **path; /* normalized parts, of the whole chain */
	size_t path_len;
	char *name;      /* the parts joined and shortened */
	struct out *out; /* NULL: the schema has no such table (yet) */
	struct ctx *ctx; /* of its rows */
	struct slot **slots;
	size_t slot_count, slot_cap;
	size_t depth;             /* of its rows: 0 for those of a root */
	struct key *value, *list; /* of elements that are no objects */
	struct ctx *list_ctx;
	bool slow;          /* key hash, propagation, ...: slow lane only */
	bool propagates;    /* root: _dlt_id goes down as _dlt_root_id */
	enum row_id row_id; /* root */
	struct node *next;  /* roots of a walker */
};

/* A nested row whose id is not made yet; where the ids will stand. The texts
 * that ids are made of begin with the id of the parent, so the rows of a depth
 * come after those of the depth above. */
struct late_id {
	struct out *o;
	size_t at;          /* offset of the id in the segment */
	size_t parent_at;   /* of the copy of its parent's id */
	struct out *parent; /* NULL: the copy is there already */
	size_t id_at;       /* of the parent's id in its segment */
	uint64_t index;
};

/* Those of one depth. */
struct late_ids {
	struct late_id *items;
	size_t count, cap;
	size_t marked; /* as many before the current root row */
};

/* What can be copied as it comes: the key's column is there and its own. */
enum key_kind {
	KEY_OTHER, /* a closer look is needed */
	KEY_TEXT,
	KEY_NUMBER,
};

/* One key of the objects at one path. */
struct key {
	char head[32];         /* the first bytes of "key": */
	char *raw;             /* all of them, 32 readable bytes behind */
	uint16_t head_mask[2]; /* bits of the bytes of head that count */
	enum key_kind kind;
	uint32_t raw_len;
	uint32_t prefix_len;
	char *prefix;     /* ,"column": and 32 readable bytes behind */
	struct key *next; /* the key that followed this one last time */
	uint64_t *stamp;  /* row that had this key last */
	uint64_t own_stamp;
	struct slot *slot;   /* NULL: the column is not there (yet) */
	enum data_type type; /* of the column, as the walk needs it */
	bool nullable;
	bool slow;             /* a surprise wherever it comes */
	bool null_slow;        /* null is one */
	uint64_t json_checked; /* json_version at which `column` is no json */
	char *column;          /* name, path included */
	size_t column_len;
	char *part, *table_part; /* normalized key, as column and as table */
	char *text;              /* decoded key */
	size_t text_len;
	struct ctx *sub;    /* objects here */
	struct node *child; /* lists here */
	struct key *hash_next;
};

/* Objects at one path within the rows of a table. */
struct ctx {
	struct node *node;
	char **path; /* normalized parts below the table */
	size_t path_len;
	long level;        /* of nesting that is left (contract.md 6.4) */
	long row_level;    /* the same for the row as a whole */
	bool escaped;      /* a key was spelt with escapes */
	struct key *first; /* the key that came first last time */
	struct key **buckets;
	size_t bucket_count, key_count;
};

struct walker {
	const struct walk_config *cfg;
	struct evolve *evolve;
	struct schema *schema;
	struct arena arena; /* keys, contexts, nodes; until walker_free() */
	struct node *roots;
	struct out **outs;
	size_t out_count, out_cap;
	struct out **touched; /* by the current root row */
	size_t touched_count, touched_cap;
	struct result *res;
	size_t continued; /* segments of it that were begun before */
	const struct job *job;
	const char *block, *end; /* of the current block */
	uint64_t block_offset;
	uint64_t row;      /* stamp of the current row, of any table */
	uint64_t root_row; /* stamp of the current root row */
	char *root_prefix; /* {"_dlt_load_id":"...","_dlt_id":" */
	size_t root_prefix_len;
	char root_id[HASH_ID_LEN + 1];
	uint64_t place_row; /* rows of the job before this block */
	bool live;          /* surprises may change the schema */
	bool tried;         /* the row has been tried: it can be placed */
	bool force_slow;    /* the block is no UTF-8 */
	char nothing[1];
	struct late_ids *late; /* by depth, from 1 */
	size_t late_depths, late_cap;
	size_t late_count; /* in all of them */
	struct buf name_buf, id_buf, root_buf;
	struct json_doc doc; /* of the slow lane */
	struct arena row_arena;
	struct slow *slow;                  /* private to slow.c */
	const char *bad_table, *bad_column; /* why the slow lane refused */
};

/* ---- walk_out.c ---- */

/* The output for a table of the schema. */
struct out *out_get(struct walker *w, struct table *t);
/* Mark it for the current root row and have room for a row's begin. */
void out_touch(struct walker *w, struct out *o);
/* Room for `more` bytes (and ROW_SLACK); keeps w->... pointers right. */
void out_grow(struct out *o, size_t more);
static inline void
out_reserve(struct out *o, size_t more)
{
	/* w may stand behind lim, within the slack */
	if (UNLIKELY(o->lim - o->w < (ptrdiff_t)more))
		out_grow(o, more);
}

/* From this row on, rows have the columns that the table has now. */
void segment_note_columns(struct segment *s, size_t row);

/* The row ends here. */
void out_row_end(struct out *o);
/* Take back what the current root row has written everywhere. */
void outs_rollback(struct walker *w);
/* Forget segments (they go with the result). */
void outs_detach(struct walker *w);
void outs_release(struct walker *w);

/* The id of a root row: random, or by content and position. */
void root_row_id(struct walker *w, const char *row, char id[HASH_ID_LEN + 1]);
/* The begin of a row with its system columns; o->w stands behind them. */
void begin_root_row(struct walker *w, struct out *o, const char *id);
/* The same for an element of a list in a row of `parent`, whose id is or will
 * be at id_at of its segment. Returns where the id of the row will be. */
size_t begin_nested_row(struct walker *w, struct node *n, struct out *parent,
    size_t id_at, uint64_t index);
void nested_row_id(struct walker *w, struct out *o, const char *parent_id,
    uint64_t index, char id[HASH_ID_LEN + 1]);
/* Make the ids that are missing. */
void late_ids_make(struct walker *w);
/* What is missing now stays so when the next root row is taken back. */
void late_ids_mark(struct walker *w);

/* ---- walk_reject.c ---- */

#define ROW_TOO_LARGE "a row is larger than %zu MiB"

/* [row, row + len) of the block cannot be placed; copied, unless too large. */
void reject_bytes(struct walker *w, const char *row, size_t len,
    const struct error *err);
/* The block is a row that the reader has passed over. */
void reject_large(struct walker *w, const struct block *b);
void result_drop_rejects(struct result *res);

/* ---- walk_coerce.c ---- */

/* Write the scalar at p as its column wants it; NULL: the slow lane decides. */
const char *walk_coerce(struct walker *w, const struct key *k, const char *p,
    struct out *o);

/* ---- walk_plan.c ---- */

struct node *node_root(struct walker *w, const char *table);
struct node *node_child(struct walker *w, struct ctx *c, struct key *k);
/* Is the table in the schema with all that a fast row needs? */
bool node_ready(struct node *n);
static ALWAYS_INLINE bool
node_is_fast(struct node *n)
{
	return LIKELY(n->out && n->out->ready && !n->out->shared && !n->slow) ||
	    node_ready(n);
}
struct ctx *ctx_sub(struct ctx *c, struct key *k);
/* The key whose raw bytes ("key": without white space) begin at p. */
struct key *ctx_key(struct ctx *c, const char *raw, size_t len);
/* The key's column, if the schema has it complete. False also when another key
 * has turned out to lead there: this row is for the slow lane. */
bool key_resolve(struct ctx *c, struct key *k);
/* The part that the key of a list adds to the path of its table. */
void name_list_key(const struct naming *naming, const char *key, size_t len,
    struct buf *out);
/* May objects and lists at this key be opened (not kept as json)? */
bool key_opens(struct ctx *c, struct key *k);
struct key *node_value_key(struct node *n);
struct key *node_list_key(struct node *n);
long json_level(const struct walker *w, const struct table *t);

/* ---- slow.c ---- */

enum slow_status {
	SLOW_ERROR = -1,
	SLOW_DONE,
	SLOW_CHANGE, /* not live, and the schema would change */
};

enum slow_status slow_row(struct walker *w, struct node *root, const char *row,
    size_t len, struct error *err);
enum slow_status
slow_empty(struct walker *w, struct node *root, struct error *err);
void slow_release(struct walker *w);

#endif
