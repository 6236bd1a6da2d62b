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

enum {
	FRAMES = 40
};

static struct chunk *chunk;
static struct index_writer *writer;
static uint64_t random_state;

/* The same numbers in every run. */
static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

static int setup(void **state)
{
	struct err err;

	random_state = 7;
	chunk = chunk_map_new(1, CHUNK_SIZE);
	assert_non_null(chunk);
	chunk->keys = malloc(CHUNK_KEYS);
	assert_non_null(chunk->keys);
	assert_int_equal(index_writer_new(&writer, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	index_writer_free(writer);
	free(chunk->keys);
	chunk_map_free(chunk, 1);
	return 0;
}

/* An empty chunk that opens a generation. */
static void chunk_begin(uint32_t generation)
{
	uint8_t *keys = chunk->keys;

	chunk_reset(chunk);
	chunk->keys = keys;
	chunk->keys_n = 0;
	chunk->keys_full = false;
	chunk->generation = generation;
	chunk->opens = true;
}

static void put_event(enum event_kind kind, uint64_t seq, uint64_t time_ns)
{
	chunk_count(chunk, seq, time_ns);
	chunk->by_kind[kind]++;
}

static void put_u32(enum key_type type, uint32_t v)
{
	keys_put(chunk, type, &v, 4);
}

static void put_conn(uint64_t v)
{
	keys_put(chunk, KEY_CONN, &v, 8);
}

static void end_frame(uint64_t *offset, uint64_t size)
{
	struct index_frame f = {.offset = *offset,
				.size = size,
				.raw_size = 3 * size,
				.checksum = (uint32_t)*offset ^ 0x12345678,
				.level = 3};

	index_writer_chunk(writer, chunk);
	index_writer_frame(writer, &f);
	*offset += size;
}

static struct index *read_back(uint64_t archive_size, size_t *ret_n)
{
	struct index *x = NULL;
	struct bytes blob;
	struct err err;

	assert_int_equal(index_writer_blob(writer, archive_size, &blob), 0);
	assert_int_equal(index_read(blob, &x, &err), 0);
	if (ret_n)
		*ret_n = blob.n;
	return x;
}

static unsigned marked(const uint8_t *frames, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += frames[i];
	return sum;
}

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

/* What frames really have: values of each type are small numbers here. */
enum {
	VALUES = 50
};
static bool truth[KEY_TYPES][VALUES][FRAMES];

/* Value number v of a type, as the bytes of a key. */
static struct bytes value_of(enum key_type type, unsigned v)
{
	static char text[300];
	uint64_t number = type == KEY_CONN ? 0x67709d26401ull + v * 1000003ull : 7 * v + 1;

	memset(text, 0, sizeof(text));
	switch (type) {
	case KEY_COMM:
		return (struct bytes){text, (size_t)snprintf(text, sizeof(text), "cmd%u", v)};
	case KEY_EXE:
		return (struct bytes){text,
				      (size_t)snprintf(text, sizeof(text), "/usr/bin/cmd%u", v)};
	case KEY_CONTAINER:
		return (struct bytes){text, (size_t)snprintf(text, sizeof(text), "%064x", v)};
	case KEY_ADDRESS:
		text[0] = v % 2 ? 10 : 0x20;
		text[v % 2 ? 3 : 15] = (char)v;
		text[v % 2 ? 2 : 6] = (char)(v / 5);
		return (struct bytes){text, v % 2 ? 4 : 16};
	default:
		memcpy(text, &number, 8);
		return (struct bytes){text, type == KEY_CONN ? 8 : type == KEY_PORT ? 2 : 4};
	}
}

static uint64_t write_random(void)
{
	uint64_t offset = 0;

	memset(truth, 0, sizeof(truth));
	for (unsigned f = 0; f < FRAMES; f++) {
		chunk_begin(f + 1);
		put_event(EVENT_DATA, f + 1, f);
		for (unsigned i = 0; i < 120; i++) {
			enum key_type type = KEY_PID + random_below(KEY_TYPES - 1);
			unsigned v = random_below(random_below(2) ? 5 : VALUES);
			struct bytes value = value_of(type, v);

			keys_put(chunk, type, value.p, value.n);
			truth[type][v][f] = true;
		}
		end_frame(&offset, 1000000);
	}
	return offset;
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

static bool ends_in_7(struct bytes text, void *arg)
{
	return text.p[text.n - 1] == '7';
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

/* ---- foreign bytes -------------------------------------------------------------------------- */

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
		cmocka_unit_test_setup_teardown(frames_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(every_value_is_where_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(networks_hold_their_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(texts_are_found_by_pattern, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_stay_with_the_generation, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_known_may_be_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(short_connections_have_room, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(an_archive_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(lies_stay_within_bounds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
