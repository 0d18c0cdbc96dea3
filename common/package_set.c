/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/package_private.h"

/* A job takes 8 bytes, and 8 for each value, at a load of 0.64 to 0.8: a package may have
 * millions of them. The keys are SipHash-2-4 of the ids under a random secret
 * (Aumasson and Bernstein, 2012), so nobody can choose ids that collide; of
 * 128 bits 6 choose the shard and 61 are kept: among a million jobs two share
 * them with a probability of about 3e-9. */
#define SHARDS 64

struct set_shard {
	uint64_t *slots; /* of `width` words: the key; the values */
	uint32_t cap, count;
};

static inline uint64_t
rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void
sip_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[0] = rotl(v[0], 32);
		v[2] += v[3];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[2] = rotl(v[2], 32);
	}
}

static void
sip128(const uint64_t key[2], const char *p, size_t len, uint64_t out[2])
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u,
		key[1] ^ 0x646f72616e646f6du ^ 0xee,
		key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
	uint64_t m = 0, last = (uint64_t)len << 56;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&m, p, 8);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)(unsigned char)p[i] << (8 * i);
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xee;
	sip_rounds(v, 4);
	out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	sip_rounds(v, 4);
	out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
job_set_init(struct job_set *s, size_t values)
{
	char hex[33];

	memset(s, 0, sizeof(*s));
	s->width = 1 + values;
	s->shards = xcalloc(SHARDS, sizeof(*s->shards));
	hash_random_hex(hex, 16);
	for (int i = 0; i < 2; i++) {
		char part[17] = { 0 };

		memcpy(part, hex + 16 * i, 16);
		s->key[i] = strtoull(part, NULL, 16);
	}
}

void
job_set_release(struct job_set *s)
{
	for (size_t i = 0; s->shards && i < SHARDS; i++)
		free(s->shards[i].slots);
	free(s->shards);
	memset(s, 0, sizeof(*s));
}

/* Where the key stands, or the empty slot where it would. */
static uint64_t *
slot_of(const struct job_set *s, const struct set_shard *sh, uint64_t key)
{
	size_t i = (size_t)((key >> 32) * sh->cap >> 32);

	for (;; i = i + 1 == sh->cap ? 0 : i + 1) {
		uint64_t *slot = sh->slots + i * s->width;

		if (!*slot || (*slot & ~JOB_SET_FLAGS) == key)
			return slot;
	}
}

static void
shard_grow(struct job_set *s, struct set_shard *sh)
{
	struct set_shard old = *sh;

	sh->cap = old.cap + old.cap / 4 + 12;
	sh->slots = xcalloc(sh->cap * s->width, sizeof(*sh->slots));
	for (size_t i = 0; i < old.cap; i++) {
		const uint64_t *from = old.slots + i * s->width;

		if (*from)
			memcpy(slot_of(s, sh, *from & ~JOB_SET_FLAGS), from,
			    s->width * sizeof(*from));
	}
	free(old.slots);
}

static struct set_shard *
shard_of(const struct job_set *s, const char *id, uint64_t *key)
{
	uint64_t h[2];

	sip128(s->key, id, strlen(id), h);
	/* Never zero, which is an empty slot. */
	*key = (h[0] & ~JOB_SET_FLAGS) | 4;
	return &s->shards[h[1] % SHARDS];
}

uint64_t *
job_set_add(struct job_set *s, const char *id)
{
	uint64_t key, *slot;
	struct set_shard *sh = shard_of(s, id, &key);

	if (sh->count + 1 > sh->cap / 5 * 4)
		shard_grow(s, sh);
	slot = slot_of(s, sh, key);
	if (*slot)
		return NULL;
	*slot = key;
	sh->count++;
	s->count++;
	return slot;
}

uint64_t *
job_set_find(const struct job_set *s, const char *id)
{
	uint64_t key, *slot;
	const struct set_shard *sh = shard_of(s, id, &key);

	if (!sh->cap)
		return NULL;
	slot = slot_of(s, sh, key);
	return *slot ? slot : NULL;
}

uint64_t
job_set_digest(const struct job_set *s, uint64_t bytes, const char *checksum)
{
	uint64_t h[2], key[2] = { s->key[1] ^ bytes, s->key[0] };

	sip128(key, checksum, strlen(checksum), h);
	return h[0];
}
