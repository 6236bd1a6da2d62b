/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A filter that cannot keep up goes faster before anything is lost, however long its frames are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/rig.h"

enum {
	EVENT = 100 * 1000, /* each has a chunk of its own */
	EVENTS = 1500,
	FAST_FROM = 50, /* per cent of the queue */
};

/* The filter: in a frame that was begun without pressure each chunk needs to be let through. */
static sem_t let_through;
static _Atomic bool fast;
static unsigned frames;

static int filter_open(void *ctx, const void *cfg, const struct filter_env *env, struct err *err)
{
	return 0;
}

static void filter_begin(void *ctx)
{
}

static int filter_put(void *ctx, const struct chunk *c, const void *p, size_t n, unsigned pressure,
		      struct bytes *ret)
{
	if (c && c->opens) {
		fast = pressure >= FAST_FROM;
		frames++;
	}
	if (!fast)
		sem_wait(&let_through);
	*ret = (struct bytes){p, n ? 1 : 0};
	return 0;
}

static int filter_end(void *ctx, struct bytes *ret)
{
	*ret = (struct bytes){NULL, 0};
	return 0;
}

static void filter_close(void *ctx)
{
}

static const struct filter_ops filter_slow = {
	.name = "slow",
	.ctx_size = 1,
	.open = filter_open,
	.begin = filter_begin,
	.put = filter_put,
	.end = filter_end,
	.close = filter_close,
};

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* Until the filter waits for more to be let through, or has caught up with all but a few. */
static void await_filter(struct output *o, uint64_t sent)
{
	int left = 1;

	while (fast ? rig_stat(o, OSTAT_DONE) + rig_stat(o, OSTAT_QUEUE_FULL) + 4 < sent
		    : left > 0) {
		nap();
		sem_getvalue(&let_through, &left);
	}
}

/* Twice as many chunks as the filter can take in a frame that is slow. */
static void rig_load(struct output *o)
{
	char *text = malloc(EVENT + 1);

	memset(text, 't', EVENT);
	text[EVENT] = '\0';
	for (uint64_t i = 1; i <= EVENTS; i++) {
		rig_send(o, text);
		if (i < 4 || i % 2) /* the last ones are not on their way yet */
			continue;
		if (!fast)
			sem_post(&let_through);
		await_filter(o, i);
	}
	free(text);
	for (int i = 0; i < 2 * EVENTS; i++)
		sem_post(&let_through);
}

static void load_of_frames(uint64_t frame_bytes)
{
	struct fake_sink sink = {.marks = true};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	sem_init(&let_through, 0, 0);
	fast = false;
	frames = 0;
	cfg.encoder = &fake_plain_encoder;
	cfg.filter = &filter_slow;
	cfg.frame_bytes = frame_bytes;
	o = rig_start(cfg);
	rig_load(o);
	rig_finish(o);
	assert_int_equal(rig_stat(o, OSTAT_QUEUE_FULL), 0);
	assert_int_equal(rig_stat(o, OSTAT_DONE), EVENTS + 1);
	output_free(o);
	fake_sink_done(&sink);
	sem_destroy(&let_through);
}

static void test_short_frames(void **state)
{
	load_of_frames(4 << 20);
	assert_in_range(frames, 30, 45);
}

static void test_long_frames(void **state)
{
	load_of_frames(64 << 20);
	assert_in_range(frames, 4, 45);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_frames),
		cmocka_unit_test(test_long_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
