/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/lru.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Slots are named by number + 1, so that zeroed memory means "none". */
typedef uint32_t slot_ref;

/* Stands before each entry; its size keeps the entry aligned for any type. */
struct slot {
	slot_ref older, newer; /* order of use; `newer` chains the free slots too */
	slot_ref chain;        /* next in the same bucket */
	uint32_t hash;
};

struct lru {
	size_t key_size, entry_size, stride;
	uint32_t max, count;
	uint32_t fresh; /* slots from here on have never been used: their pages are untouched */
	uint32_t mask;  /* buckets - 1 */
	slot_ref oldest, newest, free;
	slot_ref *buckets;
	char *slots;
	size_t slots_size;
	lru_evict_fn evict;
	void *evict_arg;
};

_Static_assert(sizeof(struct slot) == 16, "entries are aligned to 16");

static struct slot *slot_at(const struct lru *lru, slot_ref ref)
{
	return ref ? (struct slot *)(lru->slots + (size_t)(ref - 1) * lru->stride) : NULL;
}

static slot_ref ref_of(const struct lru *lru, const struct slot *s)
{
	return (slot_ref)((size_t)((const char *)s - lru->slots) / lru->stride) + 1;
}

static void *entry_of(struct slot *s)
{
	return s ? s + 1 : NULL;
}

static struct slot *slot_of(const void *entry)
{
	return (struct slot *)entry - 1;
}

static uint32_t key_hash(const void *key, size_t n)
{
	const unsigned char *p = key;
	uint64_t h = n;

	/* Long keys, most of which is padding: no step waits for the one before it but at its end.
	 */
	for (; n >= 32; p += 32, n -= 32) {
		uint64_t words[4];

		memcpy(words, p, sizeof(words));
		h ^= (words[0] + 0x632be59bd9b4e019ull) * (words[1] + 0xd6e8feb86659fd93ull);
		h ^= words[2] * 0xff51afd7ed558ccdull + words[3] * 0xc4ceb9fe1a85ec53ull;
		h = h << 27 | h >> 37;
	}
	while (n) {
		size_t step = n < 8 ? n : 8;
		uint64_t word = 0;

		memcpy(&word, p, step);
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
		p += step;
		n -= step;
	}
	return (uint32_t)h;
}

struct lru *lru_new(uint32_t max_entries, size_t entry_size, size_t key_size)
{
	struct lru *lru = calloc(1, sizeof(*lru));
	uint32_t buckets = 1;

	assert(max_entries > 0 && max_entries <= 1u << 30 && key_size > 0 &&
	       key_size <= entry_size);
	if (!lru)
		return NULL;
	while (buckets < max_entries)
		buckets *= 2;
	lru->max = max_entries;
	lru->key_size = key_size;
	lru->entry_size = entry_size;
	lru->stride = (sizeof(struct slot) + entry_size + 15) & ~(size_t)15;
	lru->mask = buckets - 1;
	lru->slots_size = lru->stride * max_entries;
	lru->buckets = calloc(buckets, sizeof(*lru->buckets));
	lru->slots = mmap(NULL, lru->slots_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (lru->slots == MAP_FAILED)
		lru->slots = NULL;
	if (!lru->buckets || !lru->slots) {
		lru_free(lru);
		return NULL;
	}
	return lru;
}

void lru_free(struct lru *lru)
{
	if (!lru)
		return;
	if (lru->slots)
		munmap(lru->slots, lru->slots_size);
	free(lru->buckets);
	free(lru);
}

void lru_on_evict(struct lru *lru, lru_evict_fn fn, void *arg)
{
	lru->evict = fn;
	lru->evict_arg = arg;
}

/* Takes s out of the order of use. */
static void unlink_order(struct lru *lru, struct slot *s)
{
	struct slot *older = slot_at(lru, s->older), *newer = slot_at(lru, s->newer);

	*(older ? &older->newer : &lru->oldest) = s->newer;
	*(newer ? &newer->older : &lru->newest) = s->older;
}

static void link_newest(struct lru *lru, struct slot *s)
{
	struct slot *newest = slot_at(lru, lru->newest);
	slot_ref ref = ref_of(lru, s);

	s->older = lru->newest;
	s->newer = 0;
	*(newest ? &newest->newer : &lru->oldest) = ref;
	lru->newest = ref;
}

/* Takes s out of the table: it belongs to nobody then. */
static void entry_detach(struct lru *lru, struct slot *s)
{
	slot_ref *at = &lru->buckets[s->hash & lru->mask], ref = ref_of(lru, s);

	while (*at != ref) {
		assert(*at); /* an entry that is in the table is in its bucket */
		at = &slot_at(lru, *at)->chain;
	}
	*at = s->chain;
	unlink_order(lru, s);
	lru->count--;
}

static struct slot *entry_find(const struct lru *lru, const void *key, uint32_t h)
{
	struct slot *s = slot_at(lru, lru->buckets[h & lru->mask]);

	while (s && (s->hash != h || memcmp(s + 1, key, lru->key_size)))
		s = slot_at(lru, s->chain);
	return s;
}

/* The entry that was used last, if it is that of key: what is looked for again and again costs no
 * search. */
static struct slot *find_newest(const struct lru *lru, const void *key)
{
	struct slot *s = slot_at(lru, lru->newest);

	return s && !memcmp(s + 1, key, lru->key_size) ? s : NULL;
}

static void entry_touch(struct lru *lru, struct slot *s)
{
	if (s->newer) {
		unlink_order(lru, s);
		link_newest(lru, s);
	}
}

/* A slot that is in no list, its entry zeroed. */
static struct slot *take_slot(struct lru *lru)
{
	struct slot *s;

	if (lru->free) {
		s = slot_at(lru, lru->free);
		lru->free = s->newer;
	} else if (lru->fresh < lru->max) {
		return slot_at(lru, ++lru->fresh);
	} else {
		s = slot_at(lru, lru->oldest);
		if (lru->evict)
			lru->evict(s + 1, lru->evict_arg);
		entry_detach(lru, s);
	}
	memset(s + 1, 0, lru->entry_size);
	return s;
}

void *lru_get(struct lru *lru, const void *key)
{
	struct slot *s = find_newest(lru, key);

	if (s)
		return s + 1;
	s = entry_find(lru, key, key_hash(key, lru->key_size));
	if (s)
		entry_touch(lru, s);
	return entry_of(s);
}

void *lru_peek(const struct lru *lru, const void *key)
{
	return entry_of(entry_find(lru, key, key_hash(key, lru->key_size)));
}

void *lru_put(struct lru *lru, const void *key, bool *ret_new)
{
	struct slot *s = find_newest(lru, key);
	uint32_t h = s ? s->hash : key_hash(key, lru->key_size);
	bool is_new;

	if (!s)
		s = entry_find(lru, key, h);
	is_new = !s;
	if (is_new) {
		s = take_slot(lru);
		memcpy(s + 1, key, lru->key_size);
		s->hash = h;
		s->chain = lru->buckets[h & lru->mask];
		lru->buckets[h & lru->mask] = ref_of(lru, s);
		link_newest(lru, s);
		lru->count++;
	} else {
		entry_touch(lru, s);
	}
	if (ret_new)
		*ret_new = is_new;
	return s + 1;
}

void lru_delete(struct lru *lru, void *entry)
{
	struct slot *s = slot_of(entry);

	entry_detach(lru, s);
	s->newer = lru->free;
	lru->free = ref_of(lru, s);
}

void lru_clear(struct lru *lru)
{
	while (lru->oldest) {
		void *entry = lru_oldest(lru);

		if (lru->evict)
			lru->evict(entry, lru->evict_arg);
		lru_delete(lru, entry);
	}
}

uint32_t lru_count(const struct lru *lru)
{
	return lru->count;
}

void *lru_oldest(const struct lru *lru)
{
	return entry_of(slot_at(lru, lru->oldest));
}

void *lru_newer(const struct lru *lru, const void *entry)
{
	return entry_of(slot_at(lru, slot_of(entry)->newer));
}
