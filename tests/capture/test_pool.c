/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <pthread.h>

#include "capture/pool.h"

enum {
	CHUNKS = 4
};

static void a_pool_is_bounded(void **state)
{
	struct pool *p = pool_new(CHUNKS);
	struct chunk *small[CHUNKS], *jumbo[POOL_JUMBOS];

	assert_non_null(p);
	assert_int_equal(pool_total(p, POOL_SMALL), CHUNKS);
	for (unsigned i = 0; i < CHUNKS; i++) {
		small[i] = pool_take(p, POOL_SMALL, false);
		assert_int_equal(small[i]->cap, CHUNK_SIZE);
		assert_int_equal(pool_size_of(small[i]), POOL_SMALL);
		assert_int_equal(pool_free_now(p), CHUNKS - 1 - i);
	}
	assert_null(pool_take(p, POOL_SMALL, false));
	for (unsigned i = 0; i < POOL_JUMBOS; i++) {
		jumbo[i] = pool_take(p, POOL_JUMBO, false);
		assert_int_equal(pool_size_of(jumbo[i]), POOL_JUMBO);
	}
	assert_null(pool_take(p, POOL_JUMBO, false));
	chunk_count(small[2], 7, 70);
	pool_give(p, small[2]);
	assert_ptr_equal(pool_take(p, POOL_SMALL, false), small[2]); /* the warm one */
	assert_int_equal(small[2]->records, 0);
	for (unsigned i = 0; i < POOL_JUMBOS; i++)
		pool_give(p, jumbo[i]);
	pool_free(p);
	pool_free(NULL);
}

struct giver {
	struct pool *p;
	struct chunk *c;
};

static void *give_one(void *arg)
{
	struct giver *g = arg;

	pool_give(g->p, g->c);
	return NULL;
}

static void who_waits_gets_what_is_given(void **state)
{
	struct giver g = {.p = pool_new(1)};
	pthread_t thread;

	assert_non_null(g.p);
	g.c = pool_take(g.p, POOL_SMALL, true);
	assert_int_equal(pthread_create(&thread, NULL, give_one, &g), 0);
	assert_ptr_equal(pool_take(g.p, POOL_SMALL, true), g.c);
	pthread_join(thread, NULL);
	pool_free(g.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_is_bounded),
		cmocka_unit_test(who_waits_gets_what_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
