/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fstrm:// with a receiver in the same thread, which does what a test wants. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/sender.h"

/* ---- the handshake ------------------------------------------------------------------------- */

static void batches_are_preferred_and_done_when_acknowledged(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	r.peer->accepts[1] = FSTRM_EVENT;
	for (unsigned i = 0; i < 100; i++)
		sender_offer(&r, 20, 100);
	assert_true(sender_run(&r, false));
	assert_string_equal(r.peer->started, FSTRM_BATCH);
	assert_int_equal(r.peer->batches, 101);
	assert_int_equal(r.peer->describing, 1);
	assert_int_equal(r.peer->again, 0);
	assert_memory_equal(r.peer->stream_id, SENDER_ID, 16);
	sender_reached_once(&r);
	assert_int_equal(r.failures, 0);
	assert_int_equal(sink_fstrm.end(r.ctx), 0);
	receiver_step(r.peer);
	assert_int_equal(r.peer->stops, 1);
	sender_close(&r);
}

static void others_get_events_and_the_kernel_says_when_they_are_there(void **state)
{
	static const char *const names[] = {FSTRM_EVENT, NULL};
	struct sender r;

	for (unsigned i = 0; i < 2; i++) { /* who names none takes anything */
		sender_open(&r, 0);
		r.peer->accepts[0] = names[i];
		sender_offer(&r, 1000, 10);
		sender_offer(&r, 1, 300000);
		sender_offer(&r, 1, 0);
		assert_true(sender_run(&r, false));
		assert_string_equal(r.peer->started, FSTRM_EVENT);
		receiver_step(r.peer);
		sender_reached_once(&r);
		assert_int_equal(r.peer->frames, 1 + 1002);
		sender_close(&r);
	}
}

static void a_receiver_of_something_else_is_named(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	r.peer->accepts[0] = "protobuf:dnstap.Dnstap";
	sender_fails(&r, -ENOPROTOOPT,
		     "takes 'protobuf:dnstap.Dnstap', not 'protobuf:penstock.v1.Event'");
	r.peer->accepts[0] = "\x1b[2J";
	sender_fails(&r, -ENOPROTOOPT, "takes 'something else'");
	r.peer->vanishes = true;
	sender_fails(&r, -ECONNRESET, "closed the connection instead of accepting");
	r.peer->vanishes = false;
	r.peer->accepts[0] = FSTRM_BATCH;
	sender_offer(&r, 1, 1);
	assert_true(sender_run(&r, false)); /* as soon as it takes it */
	sender_close(&r);
}

static void what_comes_instead_of_acceptance(void **state)
{
	static const struct {
		struct bytes sent;
		int failure;
		const char *text;
	} cases[] = {
		{BYTES("\0\0\0\0\0\0\0\4\0\0\0\x09"), -EPROTO, "unknown control frame"},
		{BYTES("\0\0\0\0\0\0\0\4\0\0\0\5"), -EPROTO, "does not accept"},
		{BYTES("\0\0\0\1x"), -EPROTO, "does not accept"},
		{BYTES("\0\0\0\0\0\0\0\0"), -EBADMSG, "no Frame Stream"},
		{BYTES("\0\0\0\0\xff\xff\xff\xff"), -EMSGSIZE, "too large"},
		{BYTES("\xff\xff\xff\xff"), -EMSGSIZE, "too large"},
		{BYTES("\0\0\x10\0"), -EMSGSIZE, "too large"}, /* 4096 and its length */
		{BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), -EMSGSIZE, "too large"},
	};
	struct sender r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sender_open(&r, 0);
		r.peer->instead = cases[i].sent;
		sender_fails(&r, cases[i].failure, cases[i].text);
		sender_close(&r);
	}
}

static void who_never_accepts_has_five_seconds(void **state)
{
	struct sink_wait w;
	struct sender r;

	sender_open(&r, 0);
	r.peer->silent = true;
	sender_turns(&r, 20);
	assert_int_equal(r.failures, 0);
	assert_int_equal(r.talk->link.state, FSTRM_LINK_ACCEPT);
	sink_fstrm.wait(r.ctx, true, &w);
	assert_in_range(w.timeout_ms, 3000, 5000);
	assert_int_equal(w.events, POLLIN);
	r.talk->link.deadline_ms -= 5000;
	sender_fails(&r, -ETIMEDOUT, "no end of the handshake");
	sender_close(&r);
}

/* The first one takes something else, then nothing: the second one has its turn. */
static void endpoints_that_are_of_no_use_come_last(void **state)
{
	struct receiver *first = malloc(sizeof(*first));
	char target[160];
	struct sender r;

	receiver_open(first);
	first->accepts[0] = "protobuf:dnstap.Dnstap";
	sender_open_at(&r, 0);
	snprintf(target, sizeof(target), "%s,%s", first->target, r.peer->target);
	r.env.target = target;
	assert_int_equal(sink_fstrm.open(r.ctx, &r.codec, &r.env, &r.err), 0);
	sender_offer(&r, 10, 10);
	for (unsigned i = 0; i < 500 && r.done < 1; i++) {
		sender_turns(&r, 1);
		receiver_step(first);
	}
	assert_int_equal(r.done, 1);
	assert_int_equal(first->connections, 1);
	assert_int_equal(r.peer->connections, 1);
	assert_int_equal(r.failures, 1);
	assert_non_null(strstr(sink_fstrm.state(r.ctx), r.peer->target));
	receiver_close(first);
	free(first);
	sender_close(&r);
}

static void nobody_is_there(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	close(r.peer->listen_fd);
	r.peer->listen_fd = -1;
	sender_fails(&r, -ECONNREFUSED, "Connection refused");
	sender_close(&r);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void batches_are_compressed_where_that_makes_them_smaller(void **state)
{
	struct sender r;
	uint8_t *p;

	sender_open(&r, 1);
	sender_offer(&r, 100, 1000);
	sender_offer(&r, 1, 500);
	p = r.parcels[1].p;
	for (size_t i = r.parcels[1].n - 500; i < r.parcels[1].n; i++)
		p[i] = (uint8_t)random(); /* and this is not */
	sender_offer(&r, 1, 7000000);
	assert_true(sender_run(&r, false));
	sender_reached_once(&r);
	assert_int_equal(r.peer->batches, 4);
	assert_int_equal(r.peer->compressed, 2);
	assert_in_range(r.peer->bytes, 1000, 40000);
	sender_close(&r);
}

static void events_of_no_stream_are_not_sent(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	sender_offer(&r, 1, 1);
	while (!r.begun)
		sender_turns(&r, 1);
	r.opened = true;
	sender_fails(&r, -EBADMSG, "of which stream");
	sender_close(&r);
}

static void the_end_waits_a_moment_and_no_longer(void **state)
{
	struct sender r;

	for (unsigned i = 0; i < 2; i++) {
		sender_open(&r, 0);
		sender_offer(&r, 1, 1);
		assert_true(sender_run(&r, false));
		r.peer->no_finish = i;
		assert_int_equal(sink_fstrm.end(r.ctx), 0);
		assert_int_equal(r.talk->link.state, FSTRM_LINK_AWAY);
		receiver_step(r.peer);
		assert_int_equal(r.peer->stops, 1);
		assert_int_equal(r.peer->fd, -1);
		sender_close(&r);
	}
}

static void targets_are_looked_at(void **state)
{
	bool bare = false;
	struct sender r;

	sender_open_at(&r, 0);
	assert_int_equal(sink_fstrm.check(&r.codec, "127.0.0.1:1,[::1]:2", &bare, &r.err), 0);
	assert_false(bare);
	assert_int_equal(sink_fstrm.check(&r.codec, "127.0.0.1:1,192.0.2.1:2", &bare, &r.err), 0);
	assert_true(bare);
	assert_int_equal(sink_fstrm.check(&r.codec, "192.0.2.1", &bare, &r.err), -EINVAL);
	sender_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_are_preferred_and_done_when_acknowledged),
		cmocka_unit_test(others_get_events_and_the_kernel_says_when_they_are_there),
		cmocka_unit_test(a_receiver_of_something_else_is_named),
		cmocka_unit_test(what_comes_instead_of_acceptance),
		cmocka_unit_test(who_never_accepts_has_five_seconds),
		cmocka_unit_test(endpoints_that_are_of_no_use_come_last),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(batches_are_compressed_where_that_makes_them_smaller),
		cmocka_unit_test(events_of_no_stream_are_not_sent),
		cmocka_unit_test(the_end_waits_a_moment_and_no_longer),
		cmocka_unit_test(targets_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
