/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/base/lru.h"

struct entry {
	uint64_t key;
	uint64_t value;
	char tail[5];
};

static struct lru *table(uint32_t max)
{
	struct lru *lru = lru_new(max, sizeof(struct entry), sizeof(uint64_t));

	assert_non_null(lru);
	return lru;
}

static struct entry *put(struct lru *lru, uint64_t key, bool *is_new)
{
	return lru_put(lru, &key, is_new);
}

static struct entry *get(struct lru *lru, uint64_t key)
{
	return lru_get(lru, &key);
}

static struct entry *peek(struct lru *lru, uint64_t key)
{
	return lru_peek(lru, &key);
}

static void evicts_the_least_recently_used(void **state)
{
	struct lru *lru = table(3);
	bool is_new;

	for (uint64_t k = 1; k <= 3; k++) {
		put(lru, k, &is_new)->value = k * 10;
		assert_true(is_new);
	}
	assert_non_null(get(lru, 1));
	assert_non_null(peek(lru, 2)); /* does not save it */
	put(lru, 4, &is_new);
	assert_true(is_new);
	assert_null(peek(lru, 2));
	assert_int_equal(peek(lru, 1)->value, 10);
	put(lru, 3, &is_new);
	assert_false(is_new);
	assert_int_equal(lru_count(lru), 3);
	lru_free(lru);
}

static void order(void **state)
{
	static const uint64_t want[] = {2, 3, 1};
	struct lru *lru = table(8);
	struct entry *e;
	unsigned n = 0;

	for (uint64_t k = 1; k <= 3; k++)
		put(lru, k, NULL);
	get(lru, 1);
	for (e = lru_oldest(lru); e; e = lru_newer(lru, e))
		assert_int_equal(e->key, want[n++]);
	assert_int_equal(n, 3);
	lru_delete(lru, peek(lru, 3));
	e = lru_oldest(lru);
	assert_int_equal(e->key, 2);
	e = lru_newer(lru, e);
	assert_int_equal(e->key, 1);
	assert_null(lru_newer(lru, e));
	lru_free(lru);
}

/* A reused slot must not show what its last owner left. */
static void new_entries_are_zero(void **state)
{
	static const char zero[sizeof(struct entry)];
	struct lru *lru = table(2);

	for (uint64_t k = 1; k < 50; k++) {
		struct entry *e = put(lru, k, NULL);

		assert_memory_equal((char *)e + sizeof(e->key), zero, sizeof(*e) - sizeof(e->key));
		memset((char *)e + sizeof(e->key), 0xff, sizeof(*e) - sizeof(e->key));
		if (k % 3 == 0)
			lru_delete(lru, e);
	}
	lru_free(lru);
}

static void sum(void *entry, void *arg)
{
	*(uint64_t *)arg += ((struct entry *)entry)->value;
}

static void evict_sees_what_goes(void **state)
{
	struct lru *lru = table(2);
	uint64_t total = 0;

	lru_on_evict(lru, sum, &total);
	put(lru, 1, NULL)->value = 1;
	put(lru, 2, NULL)->value = 20;
	put(lru, 3, NULL)->value = 300;
	assert_int_equal(total, 1);
	lru_delete(lru, peek(lru, 2));
	assert_int_equal(total, 1);
	lru_clear(lru);
	assert_int_equal(total, 301);
	assert_int_equal(lru_count(lru), 0);
	assert_null(lru_oldest(lru));
	lru_free(lru);
}

/* Against a plain array that does the same, slowly. */
static void like_the_model(void **state)
{
	enum {
		KEYS = 97,
		ROOM = 40
	};
	struct lru *lru = table(ROOM);
	uint64_t used[KEYS] = {0}, seed = 1;
	unsigned count = 0;

	for (uint64_t step = 1; step < 20000; step++) {
		uint64_t key = (seed = seed * 6364136223846793005ull + 1) >> 33, oldest = KEYS;

		key %= KEYS;
		assert_true(!peek(lru, key) == !used[key]);
		if (!used[key] && count == ROOM) {
			for (uint64_t k = 0; k < KEYS; k++)
				if (used[k] && (oldest == KEYS || used[k] < used[oldest]))
					oldest = k;
			used[oldest] = 0;
			count--;
		}
		if (step % 7) {
			count += !used[key];
			used[key] = step;
			put(lru, key, NULL)->value = step;
		} else if (used[key]) {
			used[key] = 0;
			count--;
			lru_delete(lru, peek(lru, key));
		} else if (oldest < KEYS) {
			lru_delete(lru, peek(lru, oldest));
		}
		assert_int_equal(lru_count(lru), count);
	}
	lru_free(lru);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(evicts_the_least_recently_used),
		cmocka_unit_test(order),
		cmocka_unit_test(new_entries_are_zero),
		cmocka_unit_test(evict_sees_what_goes),
		cmocka_unit_test(like_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
