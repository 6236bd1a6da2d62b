/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sidecars that are damaged, and such that lie. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "capture/base/crc32c.h"
#include "capture/index.h"
#include "tests/support/index_rig.h"

static void fix_crc(uint8_t *p, size_t n)
{
	uint32_t crc = crc32c(0, p, n - 4);

	for (unsigned i = 0; i < 4; i++)
		p[n - 4 + i] = (uint8_t)(crc >> 8 * i);
}

static void look_everything_up(struct index *x)
{
	const struct index_frame *f;
	size_t n = index_frames(x, &f);
	uint8_t *frames = calloc(n + 1, 1);

	for (unsigned type = KEY_PID; type < KEY_TYPES; type++)
		for (unsigned v = 0; v < 4; v++)
			index_mark(x, type, value_of(type, v), frames);
	index_mark_network(x, value_of(KEY_ADDRESS, 2), 56, frames);
	index_mark_texts(x, KEY_EXE, ends_in_7, NULL, frames);
	assert_int_equal(frames[n], 0);
	free(frames);
}

static void damage_is_found(void **state)
{
	uint64_t size = write_random();
	struct bytes blob;
	struct index *x;
	struct err err;
	uint8_t *copy;

	assert_int_equal(index_writer_blob(writer, size, &blob), 0);
	copy = malloc(blob.n);
	for (size_t i = 0; i < blob.n; i += 23) {
		memcpy(copy, blob.p, blob.n);
		copy[i] ^= 1u << i % 8;
		assert_int_equal(index_read((struct bytes){(char *)copy, blob.n}, &x, &err),
				 -EBADMSG);
	}
	for (size_t n = 0; n < blob.n; n += 61)
		assert_int_equal(index_read((struct bytes){blob.p, n}, &x, &err), -EBADMSG);
	free(copy);
}

/* The checksum is right, but the contents are not. */
static void lies_stay_within_bounds(void **state)
{
	uint64_t size = write_random();
	unsigned refused = 0, n = 0;
	struct bytes blob;
	struct index *x;
	struct err err;
	uint8_t *copy;

	assert_int_equal(index_writer_blob(writer, size, &blob), 0);
	copy = malloc(blob.n);
	for (size_t i = 8; i + 4 < blob.n; i += 1 + random_below(9), n++) {
		memcpy(copy, blob.p, blob.n);
		copy[i] = (uint8_t)(random_below(3) ? 0xff : random_below(256));
		if (random_below(2))
			copy[i + 1] = (uint8_t)random_below(256);
		fix_crc(copy, blob.n);
		if (index_read((struct bytes){(char *)copy, blob.n}, &x, &err)) {
			refused++;
			continue;
		}
		look_everything_up(x);
		index_free(x);
	}
	assert_in_range(refused, n / 4, n);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(damage_is_found, index_setup, index_teardown),
		cmocka_unit_test_setup_teardown(lies_stay_within_bounds, index_setup,
						index_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
