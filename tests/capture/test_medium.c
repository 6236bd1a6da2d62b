/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a medium thinks of its sink, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/medium.h"
#include "tests/support/fakes.h"

struct stage {
	struct fake_sink sink;
	struct sink_env env;
	struct tally tally;
	struct medium m;
};

static void stage_open(struct stage *s)
{
	struct chunk *c;

	s->m = (struct medium){.ops = &fake_stream_ops,
			       .label = "fake",
			       .tally = &s->tally,
			       .drain_ms = 5000,
			       .dice = 1};
	s->m.sink = calloc(1, s->m.ops->ctx_size);
	s->m.pool = pool_new(4);
	assert_non_null(s->m.sink);
	assert_non_null(s->m.pool);
	tally_init(&s->tally);
	s->env = (struct sink_env){.done = medium_done, .done_arg = &s->m};
	assert_int_equal(s->m.ops->open(s->m.sink, &s->sink, &s->env, NULL), 0);
	c = pool_take(s->m.pool, POOL_SMALL, false);
	chunk_put(c, "one ", 4);
	chunk_count(c, 1, 10);
	medium_put(&s->m, c);
}

static void stage_close(struct stage *s)
{
	s->m.ops->close(s->m.sink);
	free(s->m.sink);
	pool_free(s->m.pool);
	tally_free(&s->tally);
	fake_sink_done(&s->sink);
}

/* Until it waits for something, as if no pause were asked for. */
static void stage_go(struct stage *s)
{
	s->m.retry_ms = 0;
	for (int i = 0; i < 10 && medium_step(&s->m) == MEDIUM_AGAIN; i++)
		;
}

/* Who takes what comes and never acknowledges it is no better than who is away: pauses grow. */
static void taking_is_not_acknowledging(void **state)
{
	struct stage s = {.sink = {.acks = true, .fail_sync = -ECONNRESET}};

	stage_open(&s);
	for (unsigned i = 1; i <= 5; i++) {
		stage_go(&s);
		assert_int_equal(s.m.failures, i);
		assert_int_equal(tally_read(&s.tally).error, -ECONNRESET);
		assert_int_equal(s.m.again.n, 1);
	}
	assert_string_equal(s.sink.p, "one one one one one ");
	s.sink.fail_sync = 0;
	stage_go(&s);
	assert_int_equal(s.m.failures, 0);
	assert_int_equal(tally_read(&s.tally).error, 0);
	assert_int_equal(tally_read(&s.tally).done, 1);
	assert_int_equal(pool_free_now(s.m.pool), 4);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taking_is_not_acknowledging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
