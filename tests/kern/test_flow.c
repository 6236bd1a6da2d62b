/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kern/flow.bpf.h, compiled for this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "kern/flow.bpf.h"

enum {
	STATES = 100000
};

/* All its bytes are alike, so that one that is put together from two shows. */
static struct rec_flow flow_of(int mark)
{
	struct rec_flow flow;

	memset(&flow, mark, sizeof(flow));
	return flow;
}

static void assert_whole(const struct rec_flow *flow)
{
	struct rec_flow same = flow_of(*(const uint8_t *)flow);

	assert_memory_equal(flow, &same, sizeof(same));
}

static void knowledge_only_grows(void **state)
{
	struct rec_flow first = flow_of(1), second = flow_of(2), third = flow_of(3);
	struct flow_state s = {.known = 0}, other = {.known = 0};

	assert_null(flow_get(&s));
	flow_set(&s, FLOW_ASSUMED, &first, false);
	assert_memory_equal(flow_get(&s), &first, sizeof(first));
	assert_true(flow_is(&s, FLOW_ASSUMED));
	assert_false(flow_is(&s, FLOW_EXACT));
	flow_set(&s, FLOW_ASSUMED, &second, false);
	assert_memory_equal(flow_get(&s), &first, sizeof(first));
	flow_set(&s, FLOW_EXACT, &second, false);
	assert_true(flow_is(&s, FLOW_EXACT));
	flow_set(&s, FLOW_EXACT, &third, false);
	assert_memory_equal(flow_get(&s), &second, sizeof(first));
	/* what is assumed later does not take the place of what is known */
	flow_set(&other, FLOW_EXACT, &third, false);
	flow_set(&other, FLOW_ASSUMED, &first, false);
	assert_memory_equal(flow_get(&other), &third, sizeof(third));
}

/* Which socket counts is decided by what is known best, for this too. */
static void own_connections_are_marked(void **state)
{
	struct rec_flow flow = flow_of(1), other = flow_of(2);
	struct flow_state s = {.known = 0}, later = {.known = 0};

	assert_false(flow_is_self(&s));
	flow_set(&s, FLOW_ASSUMED, &flow, true);
	assert_true(flow_is_self(&s));
	assert_memory_equal(flow_get(&s), &flow, sizeof(flow));
	flow_set(&s, FLOW_EXACT, &other, false);
	assert_false(flow_is_self(&s));
	assert_memory_equal(flow_get(&s), &other, sizeof(other));
	flow_set(&later, FLOW_ASSUMED, &other, false);
	flow_set(&later, FLOW_EXACT, &flow, true);
	assert_true(flow_is_self(&later));
	assert_memory_equal(flow_get(&later), &flow, sizeof(flow));
}

/* A writer that was interrupted has claimed the place and told nothing yet. */
static void what_is_being_written_is_not_known(void **state)
{
	struct rec_flow flow = flow_of(1), other = flow_of(2);
	struct flow_state s = {.claimed = FLOW_ASSUMED};

	memset(&s.flows[0], 7, sizeof(flow) / 2);
	assert_null(flow_get(&s));
	flow_set(&s, FLOW_ASSUMED, &flow, false);
	assert_null(flow_get(&s));
	flow_set(&s, FLOW_EXACT, &other, false);
	assert_memory_equal(flow_get(&s), &other, sizeof(other));
}

static struct flow_state states[STATES];

static void *tell(void *mark)
{
	struct rec_flow assumed = flow_of((int)(intptr_t)mark), exact = flow_of(-assumed.role);

	for (int i = 0; i < STATES; i++) {
		flow_set(&states[i], FLOW_ASSUMED, &assumed, false);
		flow_set(&states[i], FLOW_EXACT, &exact, false);
	}
	return NULL;
}

/* Two threads tell of the same connections, and one looks at each until all is known of it. */
static void nobody_sees_half_of_one(void **state)
{
	pthread_t threads[2];

	for (intptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, tell, (void *)(i + 1)), 0);
	for (int i = 0; i < STATES;) {
		const struct rec_flow *flow = flow_get(&states[i]);
		struct rec_flow copy;

		if (!flow)
			continue;
		copy = *flow;
		assert_whole(&copy);
		i += flow_is(&states[i], FLOW_EXACT);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knowledge_only_grows),
		cmocka_unit_test(own_connections_are_marked),
		cmocka_unit_test(what_is_being_written_is_not_known),
		cmocka_unit_test(nobody_sees_half_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
