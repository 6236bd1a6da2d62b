/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sidecar: random sets against brute force, coarse lists, and blobs that lie. */
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

static void frames_come_back(void **state)
{
	const struct index_frame *f;
	uint64_t offset = 0;
	struct index *x;

	for (uint32_t i = 0; i < 3; i++) {
		chunk_begin(i + 1);
		chunk->opened_ns = 1000;
		chunk->unix_ns = 1700000000000001000ull;
		if (i != 1) { /* the second has no event */
			put_event(EVENT_EXEC, 10 * i + 5, 5000 * i + 900);
			put_event(EVENT_DATA, 10 * i + 2, 5000 * i + 700);
			put_event(EVENT_DATA, 10 * i + 3, 5000 * i + 1200);
		}
		end_frame(&offset, 100 + i);
	}
	x = read_back(1000, NULL);
	assert_int_equal(index_archive_size(x), 1000);
	assert_int_equal(index_frames(x, &f), 3);
	assert_int_equal(f[0].offset, 0);
	assert_int_equal(f[2].offset, 201);
	assert_int_equal(f[2].size, 102);
	assert_int_equal(f[2].raw_size, 306);
	assert_int_equal(f[2].checksum, 201 ^ 0x12345678);
	assert_int_equal(f[2].level, 3);
	assert_int_equal(f[2].first_ns, 1700000000000010700ull);
	assert_int_equal(f[2].last_ns, 1700000000000011200ull);
	assert_int_equal(f[2].first_seq, 22);
	assert_int_equal(f[2].last_seq, 25);
	assert_int_equal(f[2].events, 3);
	assert_int_equal(f[2].lost, 1);
	assert_int_equal(f[2].kinds, 1u << EVENT_EXEC | 1u << EVENT_DATA);
	assert_int_equal(f[2].by_kind[EVENT_DATA], 2);
	assert_int_equal(f[2].by_kind[EVENT_EXEC], 1);
	assert_false(f[2].any);
	assert_int_equal(f[1].events, 0);
	assert_int_equal(f[1].first_ns, 0);
	assert_int_equal(f[1].last_seq, 0);
	assert_int_equal(f[1].kinds, 0);
	index_free(x);
}

static void every_value_is_where_it_is(void **state)
{
	uint64_t size = write_random();
	struct index *x = read_back(size, NULL);

	for (unsigned type = KEY_PID; type < KEY_TYPES; type++) {
		for (unsigned v = 0; v < VALUES; v++) {
			uint8_t frames[FRAMES] = {0};

			index_mark(x, type, value_of(type, v), frames);
			for (unsigned f = 0; f < FRAMES; f++) {
				assert_true(frames[f] >= truth[type][v][f]);
				/* The halves of IPv6 are looked up apart. */
				if (type != KEY_ADDRESS || v % 2)
					assert_int_equal(frames[f], truth[type][v][f]);
			}
		}
	}
	index_free(x);
}

static void networks_hold_their_addresses(void **state)
{
	uint64_t size = write_random();
	struct index *x = read_back(size, NULL);

	for (unsigned bits = 0; bits <= 128; bits += 8) {
		uint8_t frames[FRAMES] = {0};
		struct bytes six = value_of(KEY_ADDRESS, 20);
		char network[16];

		memcpy(network, six.p, 16);
		index_mark_network(x, (struct bytes){network, 16}, bits, frames);
		for (unsigned f = 0; f < FRAMES; f++) {
			bool held = false;

			for (unsigned v = 0; v < VALUES; v += 2)
				held |= truth[KEY_ADDRESS][v][f] &&
					!memcmp(network, value_of(KEY_ADDRESS, v).p, bits / 8);
			assert_true(frames[f] >= held); /* halves are looked up apart */
			assert_true(bits > 64 || frames[f] == held);
		}
	}
	for (unsigned bits = 0; bits <= 32; bits += 8) {
		uint8_t frames[FRAMES] = {0};
		char network[4] = {10, 0, 3, 17};

		index_mark_network(x, (struct bytes){network, 4}, bits, frames);
		for (unsigned f = 0; f < FRAMES; f++) {
			bool held = false;

			for (unsigned v = 1; v < VALUES; v += 2)
				held |= truth[KEY_ADDRESS][v][f] &&
					!memcmp(network, value_of(KEY_ADDRESS, v).p, bits / 8);
			assert_int_equal(frames[f], held);
		}
	}
	index_free(x);
}

static void texts_are_found_by_pattern(void **state)
{
	uint64_t size = write_random();
	struct index *x = read_back(size, NULL);
	uint8_t frames[FRAMES] = {0};

	index_mark_texts(x, KEY_EXE, ends_in_7, NULL, frames);
	for (unsigned f = 0; f < FRAMES; f++)
		assert_int_equal(frames[f], truth[KEY_EXE][7][f] || truth[KEY_EXE][17][f] ||
						    truth[KEY_EXE][27][f] ||
						    truth[KEY_EXE][37][f] || truth[KEY_EXE][47][f]);
	index_free(x);
}

/* The keys of a generation hold for all its frames, and end with it. */
static void keys_stay_with_the_generation(void **state)
{
	uint64_t offset = 0;
	uint8_t frames[4] = {0};
	uint32_t pid = 77;
	struct index *x;

	chunk_begin(1);
	put_u32(KEY_PID, 77);
	end_frame(&offset, 1000);
	chunk_begin(1);
	chunk->opens = false;
	end_frame(&offset, 1000);
	chunk_begin(2);
	end_frame(&offset, 1000);
	chunk_begin(3);
	put_u32(KEY_PID, 77);
	end_frame(&offset, 1000);
	x = read_back(offset, NULL);
	index_mark(x, KEY_PID, (struct bytes){(char *)&pid, 4}, frames);
	assert_memory_equal(frames, "\1\1\0\1", 4);
	index_free(x);
}

/* Nobody told the keys, not all of them, or not from the beginning. */
static void what_is_not_known_may_be_anywhere(void **state)
{
	const struct index_frame *f;
	uint64_t offset = 0;
	uint8_t frames[5] = {0};
	uint32_t pid = 1;
	uint8_t *keys;
	struct index *x;

	chunk_begin(1);
	chunk->opens = false;
	end_frame(&offset, 1000);
	chunk_begin(2);
	for (uint32_t i = 0; i <= CHUNK_KEYS / 6; i++)
		put_u32(KEY_PID, 1000 + i);
	assert_true(chunk->keys_full);
	end_frame(&offset, 1000);
	chunk_begin(2); /* what was missed there counts here, too */
	chunk->opens = false;
	end_frame(&offset, 1000);
	chunk_begin(3);
	keys = chunk->keys;
	chunk->keys = NULL;
	end_frame(&offset, 1000);
	chunk->keys = keys;
	chunk_begin(4);
	end_frame(&offset, 1000);
	x = read_back(offset, NULL);
	assert_int_equal(index_frames(x, &f), 5);
	index_mark(x, KEY_PID, (struct bytes){(char *)&pid, 4}, frames);
	assert_memory_equal(frames, "\1\1\1\1\0", 5);
	memset(frames, 0, sizeof(frames));
	index_mark(x, KEY_COMM, BYTES("bash"), frames);
	assert_memory_equal(frames, "\1\1\1\1\0", 5);
	index_free(x);
}

/* 4 MiB frames of short connections: each with an id, a port, an address and a process of its own.
 * The sidecar keeps its share, and is wrong about nothing that there is. */
static void short_connections_have_room(void **state)
{
	enum {
		N = 200,
		EACH = 400,
		SIZE = 350000
	};
	static uint32_t address[N * EACH];
	static uint16_t port[N * EACH];
	uint64_t offset = 0;
	unsigned wrong = 0;
	size_t blob;
	struct index *x;

	for (uint32_t f = 0; f < N; f++) {
		chunk_begin(f + 1);
		put_event(EVENT_DATA, f + 1, f);
		for (uint32_t i = f * EACH; i < (f + 1) * EACH; i++) {
			address[i] = random_below(UINT32_MAX);
			port[i] = (uint16_t)(32768 + random_below(28232));
			put_conn(0x67709d26401ull + i * 7000003ull);
			put_u32(KEY_PID, 1000 + 3 * i);
			put_u32(KEY_ADDRESS, address[i]);
			keys_put(chunk, KEY_PORT, &port[i], 2);
		}
		assert_false(chunk->keys_full);
		end_frame(&offset, SIZE);
	}
	x = read_back(offset, &blob);
	print_message("index: %.2f %% of the archive\n", 100.0 * (double)blob / (double)offset);
	assert_true(blob * 1000 <= offset * 3);
	for (uint32_t i = 0; i < N * EACH; i += 97) {
		uint8_t frames[N] = {0};
		uint64_t id = 0x67709d26401ull + i * 7000003ull;

		index_mark(x, KEY_CONN, (struct bytes){(char *)&id, 8}, frames);
		assert_true(frames[i / EACH]);
		wrong += marked(frames, N) > 2;
		memset(frames, 0, sizeof(frames));
		index_mark(x, KEY_ADDRESS, (struct bytes){(char *)&address[i], 4}, frames);
		assert_true(frames[i / EACH]);
		memset(frames, 0, sizeof(frames));
		index_mark(x, KEY_PORT, (struct bytes){(char *)&port[i], 2}, frames);
		assert_true(frames[i / EACH]);
	}
	assert_int_equal(wrong, 0);
	index_free(x);
}

/* More values than are kept: coarse, or, where that cannot be, everywhere. */
static void more_than_there_is_room_for(void **state)
{
	uint64_t offset = 0, id;
	uint8_t frames[1300] = {0};
	char text[32];
	struct index *x;

	for (uint32_t f = 0; f < 1300; f++) {
		chunk_begin(f + 1);
		put_event(EVENT_EXEC, f + 1, f);
		for (unsigned i = 0; i < 500; i++)
			put_conn((uint64_t)f << 40 | random_below(UINT32_MAX));
		for (unsigned i = 0; i < 5; i++) {
			snprintf(text, sizeof(text), "worker-%u", 5 * f + i);
			keys_put(chunk, KEY_COMM, text, strlen(text));
		}
		id = (uint64_t)f << 40 | 12345;
		put_conn(id);
		end_frame(&offset, 2000000);
	}
	x = read_back(offset, NULL);
	index_mark(x, KEY_COMM, BYTES("nobody"), frames);
	assert_int_equal(marked(frames, 1300), 1300);
	for (uint64_t f = 0; f < 1300; f += 100) {
		memset(frames, 0, sizeof(frames));
		id = f << 40 | 12345;
		index_mark(x, KEY_CONN, (struct bytes){(char *)&id, 8}, frames);
		assert_true(frames[f]);
		assert_in_range(marked(frames, 1300), 1, 3);
	}
	index_free(x);
}

static void an_archive_begins_anew(void **state)
{
	struct index *x;
	const struct index_frame *f;
	uint64_t offset = 0;
	uint8_t frames[1] = {0};

	write_random();
	index_writer_begin(writer);
	chunk_begin(1);
	end_frame(&offset, 100);
	x = read_back(offset, NULL);
	assert_int_equal(index_frames(x, &f), 1);
	index_mark(x, KEY_COMM, BYTES("cmd1"), frames);
	assert_int_equal(frames[0], 0);
	index_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_come_back, index_setup, index_teardown),
		cmocka_unit_test_setup_teardown(every_value_is_where_it_is, index_setup,
						index_teardown),
		cmocka_unit_test_setup_teardown(networks_hold_their_addresses, index_setup,
						index_teardown),
		cmocka_unit_test_setup_teardown(texts_are_found_by_pattern, index_setup,
						index_teardown),
		cmocka_unit_test_setup_teardown(keys_stay_with_the_generation, index_setup,
						index_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_known_may_be_anywhere, index_setup,
						index_teardown),
		cmocka_unit_test_setup_teardown(short_connections_have_room, index_setup,
						index_teardown),
		cmocka_unit_test_setup_teardown(more_than_there_is_room_for, index_setup,
						index_teardown),
		cmocka_unit_test_setup_teardown(an_archive_begins_anew, index_setup,
						index_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
