/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/loss.h"

static void book_one(struct loss_book *b, uint64_t seq, uint64_t ns)
{
	struct loss one = loss_of_one(seq, ns);

	loss_book_add(b, &one);
}

static void spans_grow_in_any_order(void **state)
{
	struct loss l = {0}, none = {0}, more = loss_of_one(7, 700);

	loss_add(&l, &none);
	assert_int_equal(l.count, 0);
	loss_add(&l, &more);
	more = loss_of_one(3, 900);
	loss_add(&l, &more);
	assert_int_equal(l.count, 2);
	assert_int_equal(l.first_seq, 3);
	assert_int_equal(l.last_seq, 7);
	assert_int_equal(l.first_ns, 700);
	assert_int_equal(l.last_ns, 900);
}

static void one_report_at_a_time(void **state)
{
	struct loss_book b = {0};

	assert_false(loss_book_due(&b));
	book_one(&b, 1, 10);
	assert_true(loss_book_due(&b));
	loss_book_tell(&b);
	book_one(&b, 2, 20);
	assert_false(loss_book_due(&b)); /* not before it is known what became of the first */
	loss_book_written(&b);
	assert_true(loss_book_due(&b));
	assert_int_equal(b.due.count, 1);
	assert_int_equal(b.due.first_seq, 2);
	assert_int_equal(b.total, 2);
}

static void a_report_that_is_lost_is_due_again(void **state)
{
	struct loss_book b = {0};

	book_one(&b, 1, 10);
	loss_book_tell(&b);
	book_one(&b, 5, 50);
	loss_book_unwritten(&b);
	assert_true(loss_book_due(&b));
	assert_int_equal(b.due.count, 2);
	assert_int_equal(b.due.first_seq, 1);
	assert_int_equal(b.due.last_seq, 5);
	loss_book_unwritten(&b); /* none is on its way */
	loss_book_written(&b);
	assert_int_equal(b.due.count, 2);
	loss_book_forget(&b);
	assert_false(loss_book_due(&b));
	assert_int_equal(b.total, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_grow_in_any_order),
		cmocka_unit_test(one_report_at_a_time),
		cmocka_unit_test(a_report_that_is_lost_is_due_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
