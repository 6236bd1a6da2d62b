/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "capture/keys.h"

static uint8_t room[CHUNK_KEYS];
static struct chunk chunk;

static int setup(void **state)
{
	chunk = (struct chunk){.keys = room};
	return 0;
}

static const struct proc process = {.pid = 0x01020304,
				    .uid = 1000,
				    .comm = {"curl", 4},
				    .exe = {"/usr/bin/curl", 13},
				    .container = {"abc", 3}};

static const struct flow connection = {.id = 0x1122334455667788,
				       .family = AF_INET6,
				       .local_port = 443,
				       .remote_port = 0x8001,
				       .local = {[15] = 1},
				       .remote = {[10] = 0xff, 0xff, 192, 0, 2, 1}};

static void take(struct bytes *rest, enum key_type type, const void *p, size_t n)
{
	struct bytes value;
	enum key_type got;

	assert_true(keys_take(rest, &got, &value));
	assert_int_equal(got, type);
	assert_int_equal(value.n, n);
	assert_memory_equal(value.p, p, n);
}

static void an_event_has_all_its_keys(void **state)
{
	struct event ev = {.proc = &process, .flow = &connection};
	struct bytes rest;

	keys_of_event(&chunk, &ev, true, true);
	rest = (struct bytes){(char *)room, chunk.keys_n};
	take(&rest, KEY_PID, "\4\3\2\1", 4);
	take(&rest, KEY_UID, "\xe8\3\0\0", 4);
	take(&rest, KEY_COMM, "curl", 4);
	take(&rest, KEY_EXE, "/usr/bin/curl", 13);
	take(&rest, KEY_CONTAINER, "abc", 3);
	take(&rest, KEY_CONN, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	take(&rest, KEY_ADDRESS, connection.local, 16);
	take(&rest, KEY_PORT, "\xbb\1", 2);
	take(&rest, KEY_ADDRESS, "\xc0\0\2\1", 4); /* IPv4 in the clothes of IPv6 */
	take(&rest, KEY_PORT, "\1\x80", 2);
	assert_int_equal(rest.n, 0);
	assert_false(chunk.keys_full);
}

static void only_the_first_time(void **state)
{
	struct event ev = {.proc = &process, .flow = &connection};
	uint32_t n;

	keys_of_event(&chunk, &ev, false, false);
	assert_int_equal(chunk.keys_n, 0);
	keys_of_event(&chunk, &ev, true, false);
	n = chunk.keys_n;
	assert_int_not_equal(n, 0);
	ev.proc = NULL;
	ev.flow = NULL;
	keys_of_event(&chunk, &ev, true, true);
	assert_int_equal(chunk.keys_n, n);
}

/* A process that calls itself otherwise, or becomes another user, is found by that, too. */
static void changes_are_told(void **state)
{
	static struct keys_memory memory;
	struct proc proc = process, other = {.pid = process.pid + KEYS_MEMORY, .uid = 7};
	struct bytes rest;
	uint32_t n;

	chunk.generation = 1;
	keys_of_change(&memory, &chunk, &proc);
	n = chunk.keys_n;
	keys_of_change(&memory, &chunk, &proc);
	assert_int_equal(chunk.keys_n, n);
	proc.comm = BYTES("renamed");
	proc.uid = 33;
	keys_of_change(&memory, &chunk, &proc);
	rest = (struct bytes){(char *)room + n, chunk.keys_n - n};
	take(&rest, KEY_UID, "\x21\0\0\0", 4);
	take(&rest, KEY_COMM, "renamed", 7);
	assert_int_equal(rest.n, 0);
	n = chunk.keys_n;
	chunk.generation = 2; /* what was told before is in another frame */
	keys_of_change(&memory, &chunk, &proc);
	assert_true(chunk.keys_n > n);
	n = chunk.keys_n;
	keys_of_change(&memory, &chunk, &other); /* takes its place */
	keys_of_change(&memory, &chunk, &proc);
	assert_true(chunk.keys_n > n + 6);
}

static void a_chunk_without_room_says_so(void **state)
{
	char text[300];
	struct bytes rest, value;
	enum key_type type;
	unsigned n = 0;

	memset(text, 'x', sizeof(text));
	while (!chunk.keys_full)
		keys_put(&chunk, KEY_EXE, text, sizeof(text));
	rest = (struct bytes){(char *)room, chunk.keys_n};
	while (keys_take(&rest, &type, &value)) {
		assert_int_equal(value.n, KEY_VALUE);
		n++;
	}
	assert_int_equal(n, CHUNK_KEYS / (KEY_VALUE + 2));
	chunk = (struct chunk){0}; /* nobody wants to know */
	keys_put(&chunk, KEY_EXE, text, sizeof(text));
	assert_false(chunk.keys_full);
}

static void damaged_keys_end(void **state)
{
	struct bytes rest = {"\1\4abc", 5}, value;
	enum key_type type;

	assert_false(keys_take(&rest, &type, &value)); /* shorter than it says */
	rest = (struct bytes){"\0\0", 2};
	assert_false(keys_take(&rest, &type, &value)); /* no such type */
	rest = (struct bytes){"\x09\0", 2};
	assert_false(keys_take(&rest, &type, &value));
	rest = (struct bytes){"\1", 1};
	assert_false(keys_take(&rest, &type, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_event_has_all_its_keys, setup),
		cmocka_unit_test_setup(only_the_first_time, setup),
		cmocka_unit_test_setup(changes_are_told, setup),
		cmocka_unit_test_setup(a_chunk_without_room_says_so, setup),
		cmocka_unit_test_setup(damaged_keys_end, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
