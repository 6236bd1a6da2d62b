/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "encoders/view/hpack.h"

/* A block with a large field that the other side has to remember. */
static int add_field(struct hpack *h, nghttp2_hd_deflater *deflater, unsigned number,
		     struct textbuf_pool *pool)
{
	static char value[3100];
	static uint8_t out[8192];
	struct textbuf list = {0};
	int n = snprintf(value, sizeof(value), "%.*u", 3000, number), r;
	nghttp2_nv nv = {(uint8_t *)"x-field", (uint8_t *)value, 7, n, NGHTTP2_NV_FLAG_NONE};
	ssize_t size = nghttp2_hd_deflate_hd(deflater, out, sizeof(out), &nv, 1);

	assert_true(size > 0);
	r = hpack_block(h, (struct bytes){(char *)out, size}, true, pool, &list);
	textbuf_done(pool, &list);
	return r;
}

/* What the budget gives and what comes back is the same; beyond it there is an error, no more. */
static void the_budget_holds(void **state)
{
	struct textbuf_pool *pool = textbuf_pool_new(4, 1, 1 << 20);
	struct budget budget = {.max = 1 << 20};
	nghttp2_hd_deflater *deflater;
	struct hpack *h[200];
	unsigned n = 0, full = 0;

	assert_non_null(pool);
	while (n < 200 && (h[n] = hpack_new(&budget))) {
		assert_int_equal(nghttp2_hd_deflate_new(&deflater, 4096), 0);
		for (unsigned i = 0; i < 4; i++)
			full += add_field(h[n], deflater, i, pool) == -ENOMEM;
		nghttp2_hd_deflate_del(deflater);
		assert_true(budget.used <= budget.max);
		n++;
	}
	assert_true(n < 200 || full);
	assert_null(budget_alloc(&budget, budget.max));
	while (n)
		hpack_delete(h[--n]);
	assert_int_equal(budget.used, 0);
	textbuf_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_budget_holds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
