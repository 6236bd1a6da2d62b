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

static slot_ref slot_ref_of(const struct lru *lru, const struct slot *s)
{
	return (slot_ref)((size_t)((const char *)s - lru->slots) / lru->stride) + 1;
}

static void *slot_entry(struct slot *s)
{
	return s ? s + 1 : NULL;
}

static struct slot *entry_slot(const void *entry)
{
	return (struct slot *)entry - 1;
}

static uint32_t key_hash(const void *key, size_t n)
{
	const unsigned char *p = key;
	uint64_t h = n;

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
static void slot_unlink(struct lru *lru, struct slot *s)
{
	struct slot *older = slot_at(lru, s->older), *newer = slot_at(lru, s->newer);

	*(older ? &older->newer : &lru->oldest) = s->newer;
	*(newer ? &newer->older : &lru->newest) = s->older;
}

static void slot_link_newest(struct lru *lru, struct slot *s)
{
	struct slot *newest = slot_at(lru, lru->newest);
	slot_ref ref = slot_ref_of(lru, s);

	s->older = lru->newest;
	s->newer = 0;
	*(newest ? &newest->newer : &lru->oldest) = ref;
	lru->newest = ref;
}

/* Takes s out of the table: it belongs to nobody then. */
static void slot_remove(struct lru *lru, struct slot *s)
{
	slot_ref *at = &lru->buckets[s->hash & lru->mask], ref = slot_ref_of(lru, s);

	while (*at != ref) {
		assert(*at); /* an entry that is in the table is in its bucket */
		at = &slot_at(lru, *at)->chain;
	}
	*at = s->chain;
	slot_unlink(lru, s);
	lru->count--;
}

static struct slot *slot_find(const struct lru *lru, const void *key, uint32_t h)
{
	struct slot *s = slot_at(lru, lru->buckets[h & lru->mask]);

	while (s && (s->hash != h || memcmp(s + 1, key, lru->key_size)))
		s = slot_at(lru, s->chain);
	return s;
}

static void slot_touch(struct lru *lru, struct slot *s)
{
	if (s->newer) {
		slot_unlink(lru, s);
		slot_link_newest(lru, s);
	}
}

/* A slot that is in no list, its entry zeroed. */
static struct slot *slot_take(struct lru *lru)
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
		slot_remove(lru, s);
	}
	memset(s + 1, 0, lru->entry_size);
	return s;
}

void *lru_get(struct lru *lru, const void *key)
{
	struct slot *s = slot_find(lru, key, key_hash(key, lru->key_size));

	if (s)
		slot_touch(lru, s);
	return slot_entry(s);
}

void *lru_peek(const struct lru *lru, const void *key)
{
	return slot_entry(slot_find(lru, key, key_hash(key, lru->key_size)));
}

void *lru_put(struct lru *lru, const void *key, bool *ret_new)
{
	uint32_t h = key_hash(key, lru->key_size);
	struct slot *s = slot_find(lru, key, h);
	bool is_new = !s;

	if (is_new) {
		s = slot_take(lru);
		memcpy(s + 1, key, lru->key_size);
		s->hash = h;
		s->chain = lru->buckets[h & lru->mask];
		lru->buckets[h & lru->mask] = slot_ref_of(lru, s);
		slot_link_newest(lru, s);
		lru->count++;
	} else {
		slot_touch(lru, s);
	}
	if (ret_new)
		*ret_new = is_new;
	return s + 1;
}

void lru_delete(struct lru *lru, void *entry)
{
	struct slot *s = entry_slot(entry);

	slot_remove(lru, s);
	s->newer = lru->free;
	lru->free = slot_ref_of(lru, s);
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
	return slot_entry(slot_at(lru, lru->oldest));
}

void *lru_newer(const struct lru *lru, const void *entry)
{
	return slot_entry(slot_at(lru, entry_slot(entry)->newer));
}
