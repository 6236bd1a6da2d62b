/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/base/chunk.h"

static void pool(void **state)
{
	enum {
		N = 5,
		CAP = 8192
	};
	struct chunk *first = chunk_map_new(N, CAP), *c;
	unsigned n = 0;

	assert_non_null(first);
	for (c = first; c; c = c->next, n++) {
		assert_int_equal(c->cap, CAP);
		assert_int_equal(chunk_room(c), CAP);
		memset(c->p, (int)n, c->cap); /* each has all of its bytes for itself */
	}
	assert_int_equal(n, N);
	for (c = first, n = 0; c; c = c->next, n++) {
		assert_int_equal(c->p[0], n);
		assert_int_equal(c->p[CAP - 1], n);
	}
	chunk_map_free(first, N);
	chunk_map_free(NULL, 0);
}

static void fill_and_reset(void **state)
{
	struct chunk *c = chunk_map_new(1, 4096);
	uint8_t *p;

	assert_non_null(c);
	p = c->p;
	chunk_put(c, "abc", 3);
	chunk_put(c, NULL, 0);
	chunk_put(c, "d", 1);
	assert_int_equal(chunk_room(c), 4092);
	assert_memory_equal(c->p, "abcd", 4);
	c->records = 2;
	c->opens = true;
	chunk_reset(c);
	assert_ptr_equal(c->p, p);
	assert_int_equal(c->cap, 4096);
	assert_int_equal(c->len, 0);
	assert_int_equal(c->records, 0);
	assert_false(c->opens);
	chunk_map_free(c, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool),
		cmocka_unit_test(fill_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
