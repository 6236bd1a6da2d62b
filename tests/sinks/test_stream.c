/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/drive.h"

enum {
	BIG = 60000,
	ROOM = 8 * 1024 * 1024
};

static uint8_t parcel[ROOM], want[ROOM], got[ROOM];

/* A sink and its peer. */
struct pair {
	struct drive d;
	char target[32];
	unsigned port;
	int door, peer;
};

static void pair_open(struct pair *p, const char *format, int rcvbuf)
{
	p->port = drive_free_port();
	snprintf(p->target, sizeof(p->target), "127.0.0.1:%u", p->port);
	p->door = drive_listen(p->port, rcvbuf);
	drive_open(&p->d, "tcp", p->target, format, NULL);
	assert_int_equal(drive_begin(&p->d), 0);
	p->peer = accept(p->door, NULL, NULL);
	assert_true(p->peer >= 0);
}

static void pair_close(struct pair *p)
{
	drive_close(&p->d);
	close(p->peer);
	close(p->door);
}

/* So that the other end sees a reset, and what it has is thrown away. */
static void peer_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void protobuf_goes_behind_a_u32(void **state)
{
	static const size_t sizes[] = {3, 0, 127, 128, BIG, 1};
	struct pair p;
	size_t n = 0, m = 0;
	bool over;

	pair_open(&p, "pb", 0);
	for (unsigned i = 0; i < 6; i++) {
		n += drive_message(parcel + n, sizes[i], (uint8_t)i);
		m += drive_frame(want + m, sizes[i], (uint8_t)i);
	}
	assert_int_equal(drive_put(&p.d, 1, parcel, n, 0), 0);
	assert_int_equal(drive_put(&p.d, 2, parcel, 4, 0), 0);
	assert_int_equal(drive_sync(&p.d), 0);
	assert_int_equal(p.d.done, 2);
	m += drive_frame(want + m, 3, 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), m);
	assert_memory_equal(got, want, m);
	assert_int_equal(p.d.ops->end(p.d.ctx), 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 0);
	assert_true(over);
	pair_close(&p);
}

static void what_is_no_event_is_refused(void **state)
{
	static const uint8_t bad[] = {2, 'a', 'b', 100, 'c'};
	struct pair p;
	bool over;

	pair_open(&p, "pb", 0);
	assert_int_equal(drive_put(&p.d, 1, bad, sizeof(bad), 0), 0);
	assert_int_equal(drive_put(&p.d, 2, bad, 3, 0), 0);
	assert_int_equal(drive_sync(&p.d), 0);
	assert_int_equal(p.d.refused, 1);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 12);
	assert_memory_equal(got, "\0\0\0\2ab\0\0\0\2ab", 12);
	pair_close(&p);
}

static void other_formats_go_as_they_are(void **state)
{
	struct pair p;
	bool over;

	pair_open(&p, "jsonl", 0);
	assert_int_equal(drive_put(&p.d, 0, "{0}\n", 4, 4), 0);
	assert_int_equal(drive_put(&p.d, 1, "{1}\n{2}\n", 8, 0), 0);
	assert_int_equal(drive_sync(&p.d), 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 12);
	assert_memory_equal(got, "{0}\n{1}\n{2}\n", 12);
	pair_close(&p);
}

/* Nothing is done that its kernel has not taken, and nothing of it is lost. */
static void a_peer_that_stalls_is_waited_for(void **state)
{
	struct sink_wait wait = {.fd = -1};
	struct pair p;
	size_t n = 0, m = 0, done, before;
	uint64_t number = 0;
	bool over;
	int r;

	pair_open(&p, "pb", 4096);
	while (n < ROOM / 4) {
		n += drive_message(parcel + n, 900, (uint8_t)(n / 7));
		m += 904;
	}
	do { /* until it takes nothing more */
		number++;
		done = 0;
		do {
			before = done;
			r = drive_try(&p.d, number, (struct bytes){(char *)parcel, n}, 0, &done);
		} while (r == -EAGAIN && done > before);
	} while (r == 0);
	assert_int_equal(r, -EAGAIN);
	p.d.ops->wait(p.d.ctx, true, &wait);
	assert_true(wait.fd >= 0 && wait.events & POLLOUT);
	assert_true(p.d.done < number - 1);
	for (before = 0; before < number * m;) {
		size_t k = drive_read(p.peer, got, 100000, &over);

		assert_int_not_equal(k, 0);
		before += k;
		if (r == -EAGAIN)
			r = drive_try(&p.d, number, (struct bytes){(char *)parcel, n}, 0, &done);
	}
	assert_int_equal(r, 0);
	assert_int_equal(drive_sync(&p.d), 0);
	assert_int_equal(p.d.done, number);
	pair_close(&p);
}

/* ---- peers that go ------------------------------------------------------------------------- */

/* What is behind the opening bytes in whole records: adds how often each was there. */
static void count_frames(const uint8_t *p, size_t n, size_t opening_n, uint8_t *times)
{
	size_t at = opening_n;

	while (n - at >= 4) {
		size_t size = (size_t)p[at + 2] << 8 | p[at + 3];

		if (size > n - at - 4)
			return;
		times[p[at + 4] | p[at + 5] << 8]++;
		at += 4 + size;
	}
}

/* Parcels of numbered events, each of another size. */
static size_t numbered_events(uint8_t *p, unsigned first, unsigned n)
{
	size_t at = 0;

	for (unsigned i = first; i < first + n; i++) {
		size_t begin = at;

		at += drive_message(p + at, 2 + i * 37 % 700, 'x');
		begin = at - (2 + i * 37 % 700);
		p[begin] = (uint8_t)i;
		p[begin + 1] = (uint8_t)(i >> 8);
	}
	return at;
}

enum {
	PARCELS = 40,
	EVENTS = 100,
};

/* What has arrived when the peer resets: it looks at what its kernel has without taking it, so that
 * nothing more gets in. */
static void peer_takes_and_resets(int peer, uint8_t *times)
{
	struct pollfd readable = {.fd = peer, .events = POLLIN};
	ssize_t n = poll(&readable, 1, 1000) > 0 ? recv(peer, got, ROOM, MSG_PEEK) : 0;

	if (n > 4)
		count_frames(got, (size_t)n, 6, times);
	peer_reset(peer);
}

/* A medium in small: gives everything that is not done again on each connection, and gives up after
 * so many rounds in which nothing goes. True when all could be given; a peer that reads appends to
 * got, of which *got_n bytes are used. */
static bool give_all(struct pair *p, const size_t *start, int rounds, size_t *got_n)
{
	size_t done;
	bool over;

	if (drive_put(&p->d, 0, "\2op", 3, 3))
		return false;
	for (uint64_t i = p->d.done + 1; i <= PARCELS; i++) {
		struct bytes b = {(char *)parcel + start[i - 1], start[i] - start[i - 1]};
		int r;

		done = 0;
		while ((r = drive_try(&p->d, i, b, 0, &done)) == -EAGAIN && rounds--)
			if (got_n)
				*got_n += drive_read(p->peer, got + *got_n, 100000, &over);
		if (r)
			return false;
	}
	while (p->d.ops->sync(p->d.ctx) == -EAGAIN && rounds--)
		if (got_n)
			*got_n += drive_read(p->peer, got + *got_n, 100000, &over);
	return p->d.done == PARCELS;
}

static void resets_lose_nothing(void **state)
{
	static uint8_t times[PARCELS * EVENTS];
	size_t start[PARCELS + 1] = {0}, twice = 0, resets = 0, n = 0;
	struct pair p;
	bool over;
	int rcvbuf;

	for (unsigned i = 0; i < PARCELS; i++)
		start[i + 1] = start[i] + numbered_events(parcel + start[i], i * EVENTS, EVENTS);
	pair_open(&p, "pb", 2304);
	while (!give_all(&p, start, 1 + (int)resets % 3, NULL)) {
		if (resets % 2)
			poll(NULL, 0, 50); /* its kernel has said what it has */
		peer_takes_and_resets(p.peer, times);
		if (++resets == 12)
			break;
		while (p.d.ops->sync(p.d.ctx) == -EAGAIN) /* until it is noticed */
			;
		rcvbuf = 2000 << resets % 7;
		setsockopt(p.door, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
		assert_int_equal(drive_begin(&p.d), 0);
		p.peer = accept(p.door, NULL, NULL);
	}
	assert_int_equal(resets, 12);
	close(p.door);
	p.door = drive_listen(p.port, 0);
	while (p.d.ops->sync(p.d.ctx) == -EAGAIN)
		;
	assert_int_equal(drive_begin(&p.d), 0);
	p.peer = accept(p.door, NULL, NULL);
	assert_true(give_all(&p, start, 1000, &n));
	assert_int_equal(p.d.done, PARCELS);
	n += drive_read(p.peer, got + n, ROOM - n, &over);
	count_frames(got, n, 6, times);
	for (unsigned i = 0; i < PARCELS * EVENTS; i++) {
		assert_int_not_equal(times[i], 0);
		twice += times[i] > 1;
	}
	/* At most what the peer's kernel had when its last word was under way. */
	assert_true(twice <= resets * 20);
	pair_close(&p);
}

/* All that it sent has arrived: nothing comes twice. */
static void a_reset_between_records_repeats_nothing(void **state)
{
	struct pair p;
	size_t done = 0;
	bool over;

	pair_open(&p, "jsonl", 0);
	assert_int_equal(drive_put(&p.d, 1, "{1}\n", 4, 0), 0);
	assert_int_equal(drive_sync(&p.d), 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 4);
	assert_int_equal(p.d.done, 1);
	peer_reset(p.peer);
	assert_int_equal(drive_try(&p.d, 2, BYTES("{2}\n"), 0, &done), -ECONNRESET);
	assert_int_equal(done, 0);
	assert_non_null(strstr(p.d.ops->why(p.d.ctx), p.target));
	assert_int_equal(drive_begin(&p.d), 0);
	p.peer = accept(p.door, NULL, NULL);
	assert_int_equal(drive_put(&p.d, 2, "{2}\n", 4, 0), 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 4);
	assert_memory_equal(got, "{2}\n", 4);
	pair_close(&p);
}

/* Whether it has gone shows when something is sent: netcat behind a pipe only ends its input. */
static void a_peer_that_ends_its_side_is_still_served(void **state)
{
	struct pair p;
	bool over;

	pair_open(&p, "jsonl", 0);
	shutdown(p.peer, SHUT_WR);
	assert_int_equal(drive_service(&p.d, 1000), 0);
	assert_int_equal(drive_put(&p.d, 1, "{1}\n", 4, 0), 0);
	assert_int_equal(drive_sync(&p.d), 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 4);
	assert_int_equal(drive_service(&p.d, 0), -ETIME); /* it does not spin */
	close(p.peer);
	assert_int_equal(drive_put(&p.d, 2, "{2}\n", 4, 0), 0);
	assert_int_equal(drive_sync(&p.d), -ECONNRESET);
	snprintf((char *)want, 200, "%s: the peer has closed the connection", p.target);
	assert_string_equal(p.d.ops->why(p.d.ctx), (char *)want);
	assert_int_equal(p.d.done, 1);
	p.peer = -1;
	pair_close(&p);
}

static void a_peer_that_talks_is_not_listened_to(void **state)
{
	struct pair p;
	bool over;

	pair_open(&p, "jsonl", 0);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(send(p.peer, want, 50000, 0), 50000);
		for (unsigned k = 0; k < 8 && drive_service(&p.d, 10) == 0; k++)
			;
	}
	assert_int_equal(drive_put(&p.d, 1, "{1}\n", 4, 0), 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 4);
	pair_close(&p);
}

static void a_peer_may_be_away_at_first(void **state)
{
	struct pair p = {.peer = -1};
	char text[100];

	p.port = drive_free_port();
	snprintf(p.target, sizeof(p.target), "127.0.0.1:%u", p.port);
	drive_open(&p.d, "tcp", p.target, "pb", NULL);
	assert_int_equal(drive_begin(&p.d), -ECONNREFUSED);
	snprintf(text, sizeof(text), "%s: Connection refused", p.target);
	assert_string_equal(p.d.ops->why(p.d.ctx), text);
	assert_null(p.d.ops->state(p.d.ctx));
	p.door = drive_listen(p.port, 0);
	assert_int_equal(drive_begin(&p.d), 0);
	snprintf(text, sizeof(text), "connected to %s", p.target);
	assert_string_equal(p.d.ops->state(p.d.ctx), text);
	pair_close(&p);
}

static void a_unix_socket_does_as_well(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct pair p = {.door = socket(AF_UNIX, SOCK_STREAM, 0)};
	bool over;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/penstock-stream-%d", getpid());
	assert_int_equal(bind(p.door, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(p.door, 1), 0);
	drive_open(&p.d, "unix", sun.sun_path, "jsonl", NULL);
	assert_int_equal(drive_begin(&p.d), 0);
	p.peer = accept(p.door, NULL, NULL);
	assert_int_equal(drive_put(&p.d, 1, "{1}\n", 4, 0), 0);
	assert_int_equal(drive_read(p.peer, got, ROOM, &over), 4);
	assert_int_equal(drive_sync(&p.d), 0);
	close(p.peer);
	assert_int_equal(drive_service(&p.d, 1000), -ECONNRESET);
	snprintf((char *)want, 200, "%s: the peer has closed the connection", sun.sun_path);
	assert_string_equal(p.d.ops->why(p.d.ctx), (char *)want);
	p.peer = -1;
	pair_close(&p);
	unlink(sun.sun_path);
}

/* Opening bytes at the head of a parcel come before the record that is the next. */
static void opening_bytes_come_before_the_rest_of_a_parcel(void **state)
{
	struct pair p;
	size_t n = 0, done = 0;
	bool over;
	int r;

	n += (size_t)snprintf((char *)parcel, ROOM, "{opening}\n");
	while (n < ROOM - 100)
		n += (size_t)snprintf((char *)parcel + n, ROOM - n, "{line at %zu}\n", n);
	pair_open(&p, "jsonl", 4096);
	do {
		size_t before = done;

		r = drive_try(&p.d, 1, (struct bytes){(char *)parcel, n}, 10, &done);
		if (done == before)
			break;
	} while (r == -EAGAIN);
	assert_int_equal(r, -EAGAIN);
	poll(NULL, 0, 50); /* the peer's kernel has said what it has */
	p.d.ops->sync(p.d.ctx);
	r = (int)recv(p.peer, want, ROOM, MSG_PEEK);
	peer_reset(p.peer);
	close(p.door);
	while ((r > 0) && p.d.ops->sync(p.d.ctx) == -EAGAIN)
		;
	p.door = drive_listen(p.port, 0);
	assert_int_equal(drive_begin(&p.d), 0);
	p.peer = accept(p.door, NULL, NULL);
	done = 0;
	drive_try(&p.d, 1, (struct bytes){(char *)parcel, n}, 10, &done);
	assert_true(drive_read(p.peer, got, 100, &over) == 100);
	assert_memory_equal(got, "{opening}\n{line at ", 19);
	/* The first line that the other connection had not whole. */
	assert_int_equal(strtoul((char *)got + 19, NULL, 10),
			 (uint8_t *)memrchr(want, '\n', (size_t)r) + 1 - want);
	pair_close(&p);
}

static void targets_are_checked(void **state)
{
	static const struct {
		const char *sink, *target;
		int r;
		bool bare;
	} v[] = {
		{"tcp", "127.0.0.1:4000", 0, false},
		{"tcp", "collector:4000", 0, true},
		{"tcp", "[::1]:4000,collector:4000", 0, true},
		{"tcps", "collector:4000", 0, false},
		{"tcp", "collector", -EINVAL, false},
		{"tcp", "*:4000", -EINVAL, false},
		{"tcps", ":4000", -EINVAL, false},
		{"unix", "/run/x", 0, false},
		{"unix", "", -EINVAL, false},
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(*v); i++) {
		const struct sink_ops *ops = sink_by_name(v[i].sink);
		uint64_t cfg[16] = {0};
		struct err err = {""};
		bool bare = false;

		assert_int_equal(ops->check(cfg, v[i].target, &bare, &err), v[i].r);
		assert_int_equal(bare, v[i].bare);
		assert_int_equal(*err.text != 0, v[i].r != 0);
	}
}

static int set_up(void **state)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(protobuf_goes_behind_a_u32),
		cmocka_unit_test(what_is_no_event_is_refused),
		cmocka_unit_test(other_formats_go_as_they_are),
		cmocka_unit_test(a_peer_that_stalls_is_waited_for),
		cmocka_unit_test(resets_lose_nothing),
		cmocka_unit_test(a_reset_between_records_repeats_nothing),
		cmocka_unit_test(a_peer_that_ends_its_side_is_still_served),
		cmocka_unit_test(a_peer_that_talks_is_not_listened_to),
		cmocka_unit_test(a_peer_may_be_away_at_first),
		cmocka_unit_test(a_unix_socket_does_as_well),
		cmocka_unit_test(opening_bytes_come_before_the_rest_of_a_parcel),
		cmocka_unit_test(targets_are_checked),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
