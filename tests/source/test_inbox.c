/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/source/inbox.h"
#include "kern/events.h"

enum {
	WRITERS = 4,
	EACH = 20000,
};

/* A record whose text tells who wrote it, and which of his it is. */
struct numbered {
	struct rec rec;
	uint32_t writer, number;
	uint8_t filling[200];
};

struct writer {
	struct inbox *box;
	pthread_t thread;
	bool started;
	uint32_t id, many, len; /* what it writes: that many records of len bytes, 0 = of any */
	atomic_int tid;
	atomic_uint written;
	atomic_bool ended;
	int result; /* of the last one; valid when it has ended */
};

static struct inbox box;
static struct writer writers[WRITERS];

static uint32_t any_length(uint32_t number)
{
	return (uint32_t)offsetof(struct numbered, filling) + number % 200;
}

static int put_numbered(struct inbox *to, uint32_t writer, uint32_t number)
{
	struct numbered r = {
		.rec = {.kind = REC_TICK, .len = any_length(number), .time = number},
		.writer = writer,
		.number = number,
	};

	memset(r.filling, (int)(writer + number), sizeof(r.filling));
	return inbox_put(to, &r.rec);
}

static int put_large(struct inbox *to, uint32_t number, uint32_t len)
{
	_Alignas(8) char bytes[REC_MAX] = {0};
	struct numbered *r = (struct numbered *)bytes;

	r->rec = (struct rec){.kind = REC_TICK, .len = len};
	r->number = number;
	return inbox_put(to, &r->rec);
}

static const struct numbered *next_numbered(void)
{
	return (const struct numbered *)inbox_next(&box);
}

static void assert_whole(const struct numbered *r)
{
	assert_int_equal(r->rec.len, any_length(r->number));
	assert_int_equal(r->rec.time, r->number);
	for (size_t i = 0; i < r->number % 200; i++)
		assert_int_equal(r->filling[i], (uint8_t)(r->writer + r->number));
}

/* ---- writers in threads -------------------------------------------------------------------- */

static void *writer_main(void *arg)
{
	struct writer *w = arg;

	atomic_store(&w->tid, gettid());
	for (uint32_t i = 0; i < w->many && w->result == 0; i++) {
		w->result = w->len ? put_large(w->box, i, w->len) : put_numbered(w->box, w->id, i);
		if (w->result == 0)
			atomic_fetch_add(&w->written, 1);
	}
	atomic_store(&w->ended, true);
	return NULL;
}

static struct writer *start_writer(uint32_t id, uint32_t many, uint32_t len)
{
	struct writer *w = &writers[id];

	*w = (struct writer){.box = &box, .id = id, .many = many, .len = len};
	assert_int_equal(pthread_create(&w->thread, NULL, writer_main, w), 0);
	w->started = true;
	return w;
}

static void join_writer(struct writer *w)
{
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
}

static bool all_have_ended(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WRITERS; i++)
		n += atomic_load(&writers[i].ended);
	return n == WRITERS;
}

static bool is_asleep(const struct writer *w)
{
	char path[64], text[256] = "";
	const char *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&w->tid));
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	state = strrchr(text, ')');
	return state && state[2] == 'S';
}

static void assert_soon(bool (*is_so)(const struct writer *w), const struct writer *w)
{
	for (int i = 0; i < 5000 && !is_so(w); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_true(is_so(w));
}

static bool waits_after_two(const struct writer *w)
{
	return atomic_load(&w->written) == 2 && is_asleep(w);
}

static bool has_ended(const struct writer *w)
{
	return atomic_load(&w->ended);
}

static bool has_written_three(const struct writer *w)
{
	return atomic_load(&w->written) == 3;
}

/* ---- tests --------------------------------------------------------------------------------- */

/* Ten times what the two buffers hold, taken out now and then. */
static void order_is_kept(void **state)
{
	uint32_t taken = 0, put = 0;
	const struct numbered *r;

	assert_null(next_numbered());
	while (put < 40000) {
		for (unsigned i = 0; i < 1 + put % 500; i++)
			assert_int_equal(put_numbered(&box, 7, put++), 0);
		while (taken + 100 < put && (r = next_numbered())) {
			assert_int_equal(r->number, taken++);
			assert_int_equal(r->writer, 7);
			assert_whole(r);
		}
	}
	while ((r = next_numbered()))
		assert_int_equal(r->number, taken++);
	assert_int_equal(taken, put);
}

/* Two of the largest records fill the buffer: who has a third one waits until the reader takes. */
static void a_writer_waits_while_it_is_full(void **state)
{
	struct writer *w = start_writer(0, 3, REC_MAX);

	assert_soon(waits_after_two, w);
	assert_int_equal(next_numbered()->number, 0);
	assert_soon(has_written_three, w);
	assert_int_equal(next_numbered()->number, 1);
	assert_int_equal(next_numbered()->number, 2);
	assert_null(next_numbered());
}

static void closing_ends_the_waiting(void **state)
{
	struct writer *w = start_writer(0, 3, REC_MAX);

	assert_soon(waits_after_two, w);
	inbox_close(&box);
	assert_soon(has_ended, w);
	assert_int_equal(w->result, -ESHUTDOWN);
	assert_int_equal(put_numbered(&box, 1, 1), -ESHUTDOWN);
	assert_int_equal(next_numbered()->number, 0); /* what was in it is still handed out */
	assert_int_equal(next_numbered()->number, 1);
	assert_null(next_numbered());
}

static void only_an_empty_one_is_closed(void **state)
{
	assert_int_equal(put_numbered(&box, 0, 0), 0);
	assert_int_equal(put_numbered(&box, 0, 1), 0);
	assert_false(inbox_close_if_empty(&box));
	assert_int_equal(next_numbered()->number, 0);
	assert_false(inbox_close_if_empty(&box));
	assert_int_equal(put_numbered(&box, 0, 2), 0); /* it did not close */
	assert_int_equal(next_numbered()->number, 1);
	assert_false(inbox_close_if_empty(&box));
	assert_int_equal(next_numbered()->number, 2);
	assert_true(inbox_close_if_empty(&box));
	assert_int_equal(put_numbered(&box, 0, 3), -ESHUTDOWN);
}

/* Each writer's records come in his order, none is lost and none is mixed with another's. */
static void several_writers(void **state)
{
	uint32_t next[WRITERS] = {0}, left = WRITERS * EACH;

	for (uint32_t i = 0; i < WRITERS; i++)
		start_writer(i, EACH, 0);
	while (left) {
		bool last = all_have_ended();
		const struct numbered *r = next_numbered();

		if (!r) {
			assert_false(last); /* else some are lost */
			sched_yield();
			continue;
		}
		assert_in_range(r->writer, 0, WRITERS - 1);
		assert_int_equal(r->number, next[r->writer]++);
		assert_whole(r);
		left--;
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		join_writer(&writers[i]);
		assert_int_equal(writers[i].result, 0);
	}
	assert_null(next_numbered());
}

static int make_box(void **state)
{
	int r = inbox_init(&box);

	if (r < 0)
		inbox_done(&box);
	return r;
}

/* Also when an assertion failed while writers waited. */
static int free_box(void **state)
{
	inbox_close(&box);
	while (inbox_next(&box))
		;
	for (unsigned i = 0; i < WRITERS; i++)
		join_writer(&writers[i]);
	inbox_done(&box);
	return 0;
}

#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, make_box, free_box)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOX_TEST(order_is_kept),
		BOX_TEST(a_writer_waits_while_it_is_full),
		BOX_TEST(closing_ends_the_waiting),
		BOX_TEST(only_an_empty_one_is_closed),
		BOX_TEST(several_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
