/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/cursor/row_hash_set.h"

#include <stdlib.h>
#include <string.h>

/* The slot that has the hash, or the free one where it would go. */
static size_t
slot_of(const struct row_hash_set *s, const char *hash)
{
	size_t h = 14695981039346656037u, i;

	for (const char *c = hash; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 1099511628211u;
	i = (h ^ h >> 32) & (s->slot_count - 1);
	while (s->slots[i] != 0 && strcmp(s->items[s->slots[i] - 1], hash) != 0)
		i = (i + 1) & (s->slot_count - 1);
	return i;
}

static void
grow(struct row_hash_set *s)
{
	if ((s->count + 1) * 2 <= s->slot_count)
		return;
	s->slot_count = s->slot_count == 0 ? 16 : s->slot_count * 2;
	free(s->slots);
	s->slots = xcalloc(s->slot_count, sizeof(*s->slots));
	for (size_t i = 0; i < s->count; i++)
		s->slots[slot_of(s, s->items[i])] = i + 1;
}

void
row_hash_set_add(struct row_hash_set *s, const char *hash)
{
	size_t slot;

	grow(s);
	slot = slot_of(s, hash);
	if (s->slots[slot] != 0)
		return;
	s->items = xgrow(s->items, &s->cap, s->count + 1, sizeof(*s->items));
	s->items[s->count++] = arena_strdup(&s->arena, hash);
	s->slots[slot] = s->count;
}

bool
row_hash_set_has(const struct row_hash_set *s, const char *hash)
{
	return s->count != 0 && s->slots[slot_of(s, hash)] != 0;
}

void
row_hash_set_reset(struct row_hash_set *s)
{
	if (s->count == 0)
		return;
	memset(s->slots, 0, s->slot_count * sizeof(*s->slots));
	s->count = 0;
	arena_reset(&s->arena);
}

void
row_hash_set_release(struct row_hash_set *s)
{
	free(s->items);
	free(s->slots);
	arena_release(&s->arena);
	*s = (struct row_hash_set){ 0 };
}
