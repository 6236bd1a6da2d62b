/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A bounded hash table of fixed-size entries that evicts the least recently used one when full.
 * All memory is reserved at creation (pages cost nothing until used); no call allocates later.
 * Keys are `key_size` bytes at the start of each entry, compared with memcmp: zero their padding.
 * Not thread-safe.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lru;

/* evict (may be NULL) sees an entry before it is reused or deleted by lru_clear(). */
typedef void (*lru_evict_fn)(void *entry, void *arg);

/* NULL when there is no memory. 0 < key_size <= entry_size. */
struct lru *lru_new(uint32_t max_entries, size_t entry_size, size_t key_size);
void lru_free(struct lru *lru);
void lru_on_evict(struct lru *lru, lru_evict_fn fn, void *arg);
/* The entry of key, made the most recently used; NULL if there is none. */
void *lru_get(struct lru *lru, const void *key);
/* As lru_get() without touching the order. */
void *lru_peek(const struct lru *lru, const void *key);
/* The entry of key, made if there was none (zeroed but for its key); *ret_new tells (may be NULL).
 * Never fails: a full table evicts. The pointer stays valid until that entry is evicted or deleted.
 */
void *lru_put(struct lru *lru, const void *key, bool *ret_new);
void lru_delete(struct lru *lru, void *entry);
void lru_clear(struct lru *lru);
uint32_t lru_count(const struct lru *lru);
/* Oldest entry, and the one after (more recently used), NULL at the end. Deleting the current entry
 * is allowed after its successor was fetched. */
void *lru_oldest(const struct lru *lru);
void *lru_newer(const struct lru *lru, const void *entry);
