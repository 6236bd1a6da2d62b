/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fstrm:// to one who acknowledges: late, falsely, never, and on connections that end. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/sender.h"

/* ---- acknowledgements ---------------------------------------------------------------------- */

static void acknowledgements_may_come_late_in_one_lump_and_in_pieces(void **state)
{
	uint8_t lump[20 * (4 + BATCH_ACK)];
	struct batch_ack ack = {.durable_seq = 0};
	struct sender r;
	size_t n = 0;

	sender_open(&r, 0);
	for (unsigned i = 0; i < 20; i++)
		sender_offer(&r, 10, 10);
	sender_sends_all(&r);
	memcpy(ack.stream_id, SENDER_ID, 16);
	for (unsigned i = 0; i < 20; i++) {
		size_t size;

		ack.durable_seq = i * 10 + 9; /* one parcel less than it seems */
		size = batch_ack_write(&ack, lump + n + 4);
		memcpy(lump + n, (uint8_t[4]){0, 0, 0, (uint8_t)size}, 4);
		n += 4 + size;
	}
	receiver_send(r.peer, lump, n - 3);
	sender_turns(&r, 3);
	assert_int_equal(r.done, 18);
	receiver_send(r.peer, lump + n - 3, 2);
	sender_turns(&r, 3);
	assert_int_equal(r.done, 18);
	receiver_send(r.peer, lump + n - 1, 1);
	sender_turns(&r, 3);
	assert_int_equal(r.done, 19);
	receiver_ack(r.peer, 200);
	sender_turns(&r, 3);
	assert_int_equal(r.done, 20);
	assert_int_equal(r.failures, 0);
	sender_close(&r);
}

static void an_acknowledgement_that_goes_back_is_passed_over(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	for (unsigned i = 0; i < 4; i++)
		sender_offer(&r, 10, 10);
	sender_sends_all(&r);
	receiver_ack(r.peer, 30);
	receiver_ack(r.peer, 0);
	receiver_ack(r.peer, 10);
	sender_turns(&r, 3);
	assert_int_equal(r.done, 3);
	assert_int_equal(r.failures, 0);
	receiver_ack(r.peer, 40);
	assert_true(sender_run(&r, false));
	sender_close(&r);
}

static void liars_are_not_believed(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	for (unsigned i = 0; i < 4; i++)
		sender_offer(&r, 10, 10);
	for (unsigned i = 0; i < 5; i++) {
		static const char garbage[] = "\x0a\x10nonsense";

		memset(r.peer->times, 0, sizeof(r.peer->times));
		sender_sends_all(&r);
		if (i == 0)
			receiver_ack(r.peer, 41);
		if (i == 1)
			receiver_ack(r.peer, UINT64_MAX);
		if (i == 2)
			receiver_send_frame(r.peer, garbage, sizeof(garbage));
		if (i == 3) {
			r.peer->stream_id[3] ^= 1;
			receiver_ack(r.peer, 40);
		}
		if (i == 4)
			receiver_send(r.peer, "\0\0\0\0\0\0\0\4\0\0\0\3", 12);
		sender_fails(&r, i == 2 ? -EBADMSG : -EPROTO,
			     i < 2    ? "acknowledges what it was never sent"
			     : i == 2 ? "no acknowledgement"
			     : i == 3 ? "a stream that it was never sent"
				      : "out of turn");
		assert_int_equal(r.done, 0);
	}
	r.peer->acks = true;
	assert_true(sender_run(&r, false));
	sender_reached(&r);
	sender_close(&r);
}

/* Before we have sent anything that counts it says that it has: only what was sent before may be
 * left out. */
static void who_has_what_nobody_sent(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	r.peer->acks = true;
	r.peer->durable = 1000;
	sender_turns(&r, 20);
	sender_offer(&r, 10, 10);
	sender_fails(&r, -EPROTO, "acknowledges what it was never sent");
	assert_int_equal(r.done, 0);
	sender_close(&r);
}

static void trouble_is_told_and_waited_for(void **state)
{
	struct batch_ack ack = {.status = 3,
				.durable_seq = 10,
				.retry_after_ms = UINT32_MAX,
				.message = BYTES("disk full")};
	uint8_t out[BATCH_ACK];
	struct sink_wait w;
	struct sender r;

	sender_open(&r, 0);
	sender_offer(&r, 10, 10);
	sender_offer(&r, 10, 10);
	sender_sends_all(&r);
	memcpy(ack.stream_id, SENDER_ID, 16);
	receiver_send_frame(r.peer, out, batch_ack_write(&ack, out));
	sender_fails(&r, -EREMOTEIO, "the receiver stops (3): disk full");
	assert_int_equal(r.done, 1);
	sender_turns(&r, 10);
	assert_int_equal(r.peer->connections, 1);
	sink_fstrm.wait(r.ctx, true, &w);
	assert_int_equal(w.fd, -1);
	assert_in_range(w.timeout_ms, 290000, 300000);
	r.talk->later_ms -= 300000;
	r.peer->acks = true;
	assert_true(sender_run(&r, false));
	assert_int_equal(r.peer->connections, 2);
	sender_close(&r);
}

static void who_acknowledges_nothing_for_half_a_minute_is_dead(void **state)
{
	struct sink_wait w;
	struct sender r;

	sender_open(&r, 0);
	for (unsigned i = 0; i < 100; i++)
		sender_offer(&r, 10, 10);
	r.peer->acks = false;
	sender_turns(&r, 100);
	assert_int_equal(r.head, SENDER_WINDOW);
	r.talk->described_ms -= 1000;
	sink_fstrm.wait(r.ctx, true, &w);
	assert_in_range(w.timeout_ms, 3000, 5000);
	assert_int_equal(w.events, POLLIN);
	r.talk->heard_ms -= 29000;
	sender_turns(&r, 3);
	assert_int_equal(r.failures, 0);
	r.talk->heard_ms -= 1000;
	r.talk->asked_ms -= 5000; /* its kernel has got something since: it may be slow */
	sender_turns(&r, 3);
	assert_int_equal(r.failures, 0);
	r.talk->heard_ms -= 30000;
	r.talk->asked_ms -= 5000;
	sender_fails(&r, -ETIMEDOUT, "acknowledged nothing for 30 s");
	r.peer->acks = true;
	assert_true(sender_run(&r, false));
	sender_reached(&r);
	sender_close(&r);
}

/* ---- connections that end ------------------------------------------------------------------ */

static void what_is_there_already_is_not_sent_again(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	for (unsigned i = 0; i < 40; i++)
		sender_offer(&r, 10, 10);
	sender_sends_all(&r);
	r.peer->durable = 255; /* half of the 26th, and no word of it has arrived */
	for (unsigned i = 256; i <= 400; i++)
		r.peer->times[i] = 0;
	receiver_hang_up(r.peer, true);
	r.peer->batches = 0;
	r.peer->acks = true;
	assert_true(sender_run(&r, false));
	assert_int_equal(r.failures, 1);
	assert_int_equal(r.peer->batches, 1 + 15);
	assert_int_equal(r.peer->again, 15);
	sender_reached(&r);
	for (unsigned i = 1; i <= 250; i++)
		assert_int_equal(r.peer->times[i], 1);
	sender_close(&r);
}

/* Who does not answer the description within a second gets everything again. */
static void an_answer_is_not_waited_for_for_ever(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	sender_offer(&r, 10, 10);
	sender_sends_all(&r);
	receiver_hang_up(r.peer, true);
	sender_turns(&r, 50);
	assert_int_equal(r.peer->batches, 3);
	r.talk->described_ms -= 1000;
	sender_turns(&r, 5);
	assert_int_equal(r.peer->batches, 4);
	assert_int_equal(r.peer->again, 1);
	receiver_ack(r.peer, 10);
	assert_true(sender_run(&r, false));
	sender_close(&r);
}

/* At random moments, in either way, with acknowledgements that come or do not. */
static void resets_at_any_moment_lose_nothing(void **state)
{
	struct sender r;

	srandom(7);
	for (unsigned round = 0; round < 12; round++) {
		unsigned resets = 0;

		sender_open(&r, (int)(round & 1));
		for (unsigned i = 0; i < 300; i++)
			sender_offer(&r, 1 + (unsigned)random() % 30,
				     random() % 20 ? (size_t)random() % 300
						   : (size_t)random() % 200000);
		for (unsigned i = 0; i < SENDER_STEPS && r.done < r.n; i++) {
			r.peer->acks = random() % 4;
			r.peer->deaf = random() % 8 == 0;
			if (sender_step(&r) == -EAGAIN && r.begun)
				r.talk->described_ms -= 100;
			receiver_step(r.peer);
			if (random() % 25 == 0 && resets++ < 40)
				receiver_hang_up(r.peer, random() % 2);
		}
		r.peer->acks = true;
		r.peer->deaf = false;
		if (r.begun) /* some of the last acknowledgements were never given */
			receiver_ack(r.peer, r.peer->durable);
		assert_true(sender_run(&r, false));
		assert_true(r.failures > 3);
		sender_reached(&r);
		sender_close(&r);
	}
}

static void somebody_who_leaves_while_nothing_is_to_be_sent_is_noticed(void **state)
{
	struct sink_wait w;
	struct sender r;

	sender_open(&r, 0);
	sender_offer(&r, 1, 1);
	assert_true(sender_run(&r, false));
	sink_fstrm.wait(r.ctx, false, &w);
	assert_int_equal(w.events, POLLIN);
	assert_int_equal(w.timeout_ms, -1);
	assert_int_equal(sink_fstrm.service(r.ctx), 0);
	receiver_hang_up(r.peer, false);
	assert_int_equal(poll(&(struct pollfd){.fd = w.fd, .events = w.events}, 1, 1000), 1);
	assert_int_equal(sink_fstrm.service(r.ctx), -ECONNRESET);
	assert_non_null(strstr(sink_fstrm.why(r.ctx), "closed the connection"));
	sender_close(&r);
}

/* The kernel's word counts up to the end, also that of a connection that has failed. */
static void events_that_arrived_before_a_reset_are_done(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	r.peer->accepts[0] = FSTRM_EVENT;
	for (unsigned i = 0; i < 10; i++)
		sender_offer(&r, 10, 10);
	while (r.head < 10)
		sender_turns(&r, 1);
	receiver_step(r.peer);
	sender_reached_once(&r);
	receiver_hang_up(r.peer, false);
	sender_turns(&r, 50);
	assert_int_equal(r.done, 10);
	sender_reached_once(&r);
	sender_close(&r);
}

static void a_receiver_that_stalls_gets_no_more_than_its_kernel_takes(void **state)
{
	struct sender r;

	sender_open(&r, 0);
	r.peer->accepts[0] = FSTRM_EVENT;
	sender_turns(&r, 20);
	r.peer->deaf = true;
	for (unsigned i = 0; i < 150; i++)
		sender_offer(&r, 1, 120000);
	sender_turns(&r, 300);
	assert_true(r.head < 150);
	assert_true(r.taken > 0 && r.talk->is_full);
	r.peer->deaf = false;
	assert_true(sender_run(&r, false));
	receiver_step(r.peer);
	sender_reached_once(&r);
	sender_close(&r);
}

/* What a spool has kept of an earlier run comes first, and each tells at its head whose it is. */
static void several_streams_follow_each_other(void **state)
{
	static const char other[] = "\x15\xa2\x06\x12\x0a\x10yyyyyyyyyyyyyyyy";
	struct sender r;

	sender_open(&r, 0);
	sender_offer(&r, 10, 10);
	sender_offer(&r, 10, 10);
	memmove(r.parcels[1].p + 22, r.parcels[1].p, r.parcels[1].n);
	memcpy(r.parcels[1].p, other, 22);
	r.parcels[1].n += 22;
	r.parcels[1].opening_n = 22;
	sender_offer(&r, 10, 10);
	sender_sends_all(&r);
	assert_memory_equal(r.peer->stream_id, "yyyyyyyyyyyyyyyy", 16);
	receiver_ack(r.peer, 30);
	sender_turns(&r, 3);
	assert_int_equal(r.done, 0); /* the first stream has not been answered */
	memcpy(r.peer->stream_id, SENDER_ID, 16);
	receiver_ack(r.peer, 10);
	sender_turns(&r, 3);
	assert_int_equal(r.done, 3);
	receiver_ack(r.peer, 11);
	sender_fails(&r, -EPROTO, "acknowledges what it was never sent");
	sender_close(&r);
}

/* Only those of which something is on its way must be known; of the others the latest ones are. */
static void more_streams_than_can_be_known(void **state)
{
	struct fstrm_acks *a = calloc(1, sizeof(*a));
	struct parcel p = {.records = 1, .first_seq = 7, .last_seq = 7};
	struct batch_ack ack = {.durable_seq = 7};
	const char *why = NULL;

	for (unsigned i = 0; i < 3 * FSTRM_ACKS_STREAMS; i++) {
		uint8_t id[16] = {(uint8_t)i};

		ack.stream_id[0] = (uint8_t)i;
		assert_int_equal(fstrm_acks_select(a, id), 0);
		p.number++;
		fstrm_acks_sent(a, &p);
		assert_int_equal(fstrm_acks_take(a, &ack, &why), 0);
		assert_int_equal(a->done, p.number);
	}
	ack.stream_id[0] = 2 * FSTRM_ACKS_STREAMS;
	assert_int_equal(fstrm_acks_take(a, &ack, &why), 0);
	ack.stream_id[0]--;
	assert_int_equal(fstrm_acks_take(a, &ack, &why), -EPROTO);
	for (unsigned i = 0; i < FSTRM_ACKS_STREAMS; i++) {
		uint8_t id[16] = {(uint8_t)i, 1};

		assert_int_equal(fstrm_acks_select(a, id), 0);
		p.number++;
		fstrm_acks_sent(a, &p);
	}
	assert_int_equal(fstrm_acks_select(a, (uint8_t[16]){200}), -EAGAIN);
	memcpy(ack.stream_id, (uint8_t[16]){0, 1}, 16);
	assert_int_equal(fstrm_acks_take(a, &ack, &why), 0);
	assert_int_equal(fstrm_acks_select(a, (uint8_t[16]){200}), 0);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledgements_may_come_late_in_one_lump_and_in_pieces),
		cmocka_unit_test(an_acknowledgement_that_goes_back_is_passed_over),
		cmocka_unit_test(liars_are_not_believed),
		cmocka_unit_test(who_has_what_nobody_sent),
		cmocka_unit_test(trouble_is_told_and_waited_for),
		cmocka_unit_test(who_acknowledges_nothing_for_half_a_minute_is_dead),
		cmocka_unit_test(what_is_there_already_is_not_sent_again),
		cmocka_unit_test(an_answer_is_not_waited_for_for_ever),
		cmocka_unit_test(resets_at_any_moment_lose_nothing),
		cmocka_unit_test(somebody_who_leaves_while_nothing_is_to_be_sent_is_noticed),
		cmocka_unit_test(events_that_arrived_before_a_reset_are_done),
		cmocka_unit_test(a_receiver_that_stalls_gets_no_more_than_its_kernel_takes),
		cmocka_unit_test(several_streams_follow_each_other),
		cmocka_unit_test(more_streams_than_can_be_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
