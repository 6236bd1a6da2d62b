/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "capture/probe.h"

static void test_a_full_plan_refuses(void **state)
{
	struct probe_plan plan = {.n = 0}, full;
	struct err err = {""};

	for (uint16_t i = 0; i < PROBE_PLAN_MAX; i++)
		assert_int_equal(probe_plan_add(&plan, i, 1000 + i, NULL, &err), 0);
	full = plan;
	assert_int_equal(probe_plan_add(&plan, 7, 7, "note", &err), -E2BIG);
	assert_string_equal(err.text, "the plan of a file has room for 48 hooks, not for one more");
	assert_memory_equal(&plan, &full, sizeof(plan));
	assert_int_equal(plan.n, PROBE_PLAN_MAX);
	assert_int_equal(plan.v[PROBE_PLAN_MAX - 1].hook, PROBE_PLAN_MAX - 1);
	assert_int_equal(plan.v[PROBE_PLAN_MAX - 1].offset, 1000 + PROBE_PLAN_MAX - 1);
	assert_string_equal(plan.v[0].note, "");
}

static void test_a_long_note_is_cut(void **state)
{
	struct probe_plan plan = {.n = 0};
	char note[2 * sizeof(plan.v[0].note)];

	memset(note, 'n', sizeof(note) - 1);
	note[sizeof(note) - 1] = 0;
	assert_int_equal(probe_plan_add(&plan, 0, 0, note, NULL), 0);
	assert_int_equal(strlen(plan.v[0].note), sizeof(plan.v[0].note) - 1);
	assert_int_equal(plan.v[1].offset, 0);
}

static void test_facts_fill_their_place(void **state)
{
	struct probe_plan plan = {.n = 0};
	uint8_t params[PROBE_PARAMS_MAX];

	memset(params, 0xab, sizeof(params));
	probe_plan_set_params(&plan, params, sizeof(params));
	assert_int_equal(plan.params_len, PROBE_PARAMS_MAX);
	assert_memory_equal(plan.params, params, sizeof(params));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_plan_refuses),
		cmocka_unit_test(test_a_long_note_is_cut),
		cmocka_unit_test(test_facts_fill_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
