/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sidecars that are damaged, and such as lie. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/base/crc32c.h"
#include "capture/index.h"
#include "tests/support/events.h"

enum {
	FRAMES = 40,
	SIZE = 1000000
};

static uint64_t seed = 7;

static uint32_t below(uint32_t n)
{
	return events_random(&seed) % n;
}

/* Value number v of a type, as the bytes of a key. */
static struct bytes value_of(enum key_type type, unsigned v)
{
	static char value[64];
	static const uint8_t sizes[KEY_TYPES] = {
		[KEY_PID] = 4,      [KEY_UID] = 4,  [KEY_COMM] = 7, [KEY_EXE] = 40,
		[KEY_ADDRESS] = 16, [KEY_PORT] = 2, [KEY_CONN] = 8, [KEY_CONTAINER] = 64};

	memset(value, (int)type, sizeof(value));
	value[0] = (char)(v * 7);
	value[6] = (char)v;
	return (struct bytes){value, type == KEY_ADDRESS && v % 2 ? 4 : sizes[type]};
}

static struct index_writer *write_random(void)
{
	static uint8_t keys[CHUNK_KEYS];
	struct index_writer *w;
	struct err err;

	assert_int_equal(index_writer_new(&w, &err), 0);
	for (uint32_t f = 0; f < FRAMES; f++) {
		struct chunk c = {.generation = f + 1, .opens = true, .keys = keys};

		chunk_count(&c, f + 1, f);
		c.by_kind[EVENT_DATA]++;
		for (unsigned i = 0; i < 100; i++) {
			enum key_type type = KEY_PID + below(KEY_TYPES - 1);
			struct bytes value = value_of(type, below(30));

			keys_put(&c, type, value.p, value.n);
		}
		index_writer_chunk(w, &c);
		index_writer_frame(
			w, &(struct index_frame){.offset = (uint64_t)f * SIZE, .size = SIZE});
	}
	return w;
}

static bool ends_in_7(struct bytes text, void *arg)
{
	return text.n && text.p[text.n - 1] == '7';
}

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

	for (enum key_type type = KEY_PID; type < KEY_TYPES; type++)
		for (unsigned v = 0; v < 4; v++)
			index_mark(x, type, value_of(type, v), frames);
	index_mark_network(x, (struct bytes){"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16}, 56,
			   frames);
	index_mark_texts(x, KEY_EXE, ends_in_7, NULL, frames);
	assert_int_equal(frames[n], 0);
	free(frames);
}

static void damage_is_found(void **state)
{
	struct index_writer *writer = write_random();
	struct bytes blob;
	struct index *x;
	struct err err;
	uint8_t *copy;

	assert_int_equal(index_writer_blob(writer, FRAMES * SIZE, &blob), 0);
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
	index_writer_free(writer);
}

/* The checksum is right, but the contents are not. */
static void lies_stay_within_bounds(void **state)
{
	struct index_writer *writer = write_random();
	unsigned refused = 0, n = 0;
	struct bytes blob;
	struct index *x;
	struct err err;
	uint8_t *copy;

	assert_int_equal(index_writer_blob(writer, FRAMES * SIZE, &blob), 0);
	copy = malloc(blob.n);
	for (size_t i = 8; i + 4 < blob.n; i += 1 + below(9), n++) {
		memcpy(copy, blob.p, blob.n);
		copy[i] = (uint8_t)(below(3) ? 0xff : below(256));
		if (below(2))
			copy[i + 1] = (uint8_t)below(256);
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
	index_writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(lies_stay_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
