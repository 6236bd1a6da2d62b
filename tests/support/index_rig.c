/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/index_rig.h"

struct chunk *chunk;
struct index_writer *writer;
static uint64_t random_state;

/* The same numbers in every run. */
uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

int index_setup(void **state)
{
	struct err err;

	random_state = 7;
	chunk = chunk_map_new(1, CHUNK_SIZE);
	assert_non_null(chunk);
	assert_true(chunk_map_keys(chunk, 1));
	assert_int_equal(index_writer_new(&writer, &err), 0);
	return 0;
}

int index_teardown(void **state)
{
	index_writer_free(writer);
	chunk_map_free(chunk, 1);
	return 0;
}

/* An empty chunk that opens a generation. */
void chunk_begin(uint32_t generation)
{
	uint8_t *keys = chunk->keys;

	chunk_reset(chunk);
	chunk->keys = keys;
	chunk->keys_n = 0;
	chunk->keys_full = false;
	chunk->generation = generation;
	chunk->opens = true;
}

void put_event(enum event_kind kind, uint64_t seq, uint64_t time_ns)
{
	chunk_count(chunk, seq, time_ns);
	chunk->by_kind[kind]++;
}

void put_u32(enum key_type type, uint32_t v)
{
	keys_put(chunk, type, &v, 4);
}

void put_conn(uint64_t v)
{
	keys_put(chunk, KEY_CONN, &v, 8);
}

void end_frame(uint64_t *offset, uint64_t size)
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

struct index *read_back(uint64_t archive_size, size_t *ret_n)
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

unsigned marked(const uint8_t *frames, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += frames[i];
	return sum;
}

bool truth[KEY_TYPES][VALUES][FRAMES];

/* Value number v of a type, as the bytes of a key. */
struct bytes value_of(enum key_type type, unsigned v)
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

uint64_t write_random(void)
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

bool ends_in_7(struct bytes text, void *arg)
{
	return text.p[text.n - 1] == '7';
}
