/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring consumer over plain memory: a fake kernel writes records into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "capture/source/ring.h"

enum {
	SIZE = 4096
};

static struct fake {
	unsigned long consumer, producer;
	_Alignas(8) uint8_t data[2 * SIZE];
	struct ring ring;
} fake;

static int set_up(void **state)
{
	memset(&fake, 0, sizeof(fake));
	ring_over(&fake.consumer, &fake.producer, fake.data, SIZE, &fake.ring);
	return 0;
}

/* Writes to both views, as the kernel's double mapping does. */
static void poke(unsigned long at, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = ((const uint8_t *)p)[i];

		fake.data[(at + i) % SIZE] = byte;
		fake.data[(at + i) % SIZE + SIZE] = byte;
	}
}

/* Reserves a record of len bytes, all `fill`; its position. */
static unsigned long put(uint32_t len, uint8_t fill, uint32_t bits)
{
	unsigned long at = fake.producer;
	uint32_t head[2] = {len | bits, 0};

	poke(at, head, sizeof(head));
	for (uint32_t i = 0; i < len; i++)
		poke(at + 8 + i, &fill, 1);
	fake.producer += (8 + len + 7) & ~7u;
	assert_true(fake.producer - fake.consumer <= SIZE);
	return at;
}

static void commit(unsigned long at, uint32_t len)
{
	poke(at, &len, sizeof(len));
}

/* The next record is of len bytes, all `fill`. */
static void take(uint32_t len, uint8_t fill)
{
	uint32_t got;
	const uint8_t *p = ring_peek(&fake.ring, &got);

	assert_non_null(p);
	assert_int_equal(got, len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(p[i], fill);
	ring_advance(&fake.ring);
}

static void nothing(void)
{
	uint32_t len;

	assert_null(ring_peek(&fake.ring, &len));
}

static void goes_as_far_as_the_look(void **state)
{
	put(16, 1, 0);
	nothing();
	assert_true(ring_done(&fake.ring));
	ring_look(&fake.ring);
	put(24, 2, 0);
	assert_false(ring_done(&fake.ring));
	take(16, 1);
	nothing();
	assert_true(ring_done(&fake.ring));
	ring_look(&fake.ring);
	take(24, 2);
}

static void stops_before_a_record(void **state)
{
	uint32_t len;
	const void *p;

	put(16, 1, 0);
	ring_look(&fake.ring);
	p = ring_peek(&fake.ring, &len);
	assert_ptr_equal(ring_peek(&fake.ring, &len), p);
	ring_publish(&fake.ring);
	assert_int_equal(fake.consumer, 0);
	take(16, 1);
	ring_publish(&fake.ring);
	assert_int_equal(fake.consumer, fake.producer);
}

static void waits_for_a_record_being_written(void **state)
{
	unsigned long busy;

	put(16, 1, 0);
	busy = put(40, 2, BPF_RINGBUF_BUSY_BIT);
	put(16, 3, 0);
	ring_look(&fake.ring);
	take(16, 1);
	nothing();
	assert_false(ring_done(&fake.ring));
	commit(busy, 40);
	take(40, 2);
	take(16, 3);
	nothing();
	assert_true(ring_done(&fake.ring));
}

static void passes_over_discarded_records(void **state)
{
	put(16, 1, BPF_RINGBUF_DISCARD_BIT);
	put(100, 2, BPF_RINGBUF_DISCARD_BIT);
	put(16, 3, 0);
	put(16, 4, BPF_RINGBUF_DISCARD_BIT);
	ring_look(&fake.ring);
	take(16, 3);
	nothing();
	ring_publish(&fake.ring);
	assert_int_equal(fake.consumer, fake.producer);
}

static void wraps_around(void **state)
{
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t len = 16 + i * 7 % 900;

		put(len, (uint8_t)i, 0);
		put(21, (uint8_t)~i, 0);
		ring_look(&fake.ring);
		take(len, (uint8_t)i);
		take(21, (uint8_t)~i);
		ring_publish(&fake.ring);
		assert_int_equal(fake.consumer, fake.producer);
	}
	assert_true(fake.producer > 50 * SIZE);
}

/* Positions themselves wrap on 32 bits. */
static void survives_positions_that_wrap(void **state)
{
	fake.consumer = fake.producer = -(unsigned long)(SIZE / 2);
	ring_over(&fake.consumer, &fake.producer, fake.data, SIZE, &fake.ring);
	for (unsigned i = 0; i < 10; i++) {
		put(1000, (uint8_t)i, 0);
		ring_look(&fake.ring);
		take(1000, (uint8_t)i);
		ring_publish(&fake.ring);
	}
	assert_true(fake.consumer < 10 * SIZE);
}

/* A long batch gives space back before its end. */
static void publishes_on_the_way(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		put(16, 1, 0);
	ring_look(&fake.ring);
	take(16, 1);
	assert_int_equal(fake.consumer, 0);
	for (unsigned i = 1; i < 50; i++)
		take(16, 1);
	assert_true(fake.consumer > 0);
	assert_true(fake.consumer <= fake.ring.at);
}

static void knows_its_high_water_mark(void **state)
{
	put(1000, 1, 0);
	ring_look(&fake.ring);
	assert_int_equal(fake.ring.high, 1008);
	take(1000, 1);
	put(16, 2, 0);
	ring_look(&fake.ring);
	take(16, 2);
	assert_int_equal(fake.ring.high, 1008);
	put(992, 3, 0);
	put(992, 4, 0);
	ring_look(&fake.ring);
	assert_int_equal(fake.ring.high, 2000);
}

static void refuses_an_odd_size(void **state)
{
	struct ring ring;
	struct err err;

	assert_int_equal(ring_map(0, 4096 * 3, &ring, &err), -EINVAL);
	assert_int_equal(ring_map(0, 64, &ring, &err), -EINVAL);
	assert_string_equal(err.text, "ring size 64 is no power of two of whole pages");
	assert_int_equal(ring_map(-1, 4096, &ring, &err), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(goes_as_far_as_the_look, set_up),
		cmocka_unit_test_setup(stops_before_a_record, set_up),
		cmocka_unit_test_setup(waits_for_a_record_being_written, set_up),
		cmocka_unit_test_setup(passes_over_discarded_records, set_up),
		cmocka_unit_test_setup(wraps_around, set_up),
		cmocka_unit_test_setup(survives_positions_that_wrap, set_up),
		cmocka_unit_test_setup(publishes_on_the_way, set_up),
		cmocka_unit_test_setup(knows_its_high_water_mark, set_up),
		cmocka_unit_test_setup(refuses_an_odd_size, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
