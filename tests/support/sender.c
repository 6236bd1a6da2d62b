/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/sender.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pb_write.h"

#define OPENING "\x15\xa2\x06\x12\x0a\x10" SENDER_ID

static void sender_done(void *arg, uint64_t number)
{
	struct sender *r = arg;

	assert_true(number >= r->done && number <= r->head + 1);
	r->done = number;
}

void sender_open_at(struct sender *r, int codec)
{
	memset(r, 0, sizeof(*r));
	r->peer = malloc(sizeof(*r->peer));
	receiver_open(r->peer);
	r->peer->accepts[0] = FSTRM_BATCH;
	r->peer->acks = true;
	r->ctx = calloc(1, sink_fstrm.ctx_size);
	r->talk = r->ctx;
	r->codec = codec;
	r->env = (struct sink_env){.target = r->peer->target, .done = sender_done, .done_arg = r};
}

void sender_open(struct sender *r, int codec)
{
	sender_open_at(r, codec);
	assert_int_equal(sink_fstrm.open(r->ctx, &r->codec, &r->env, &r->err), 0);
}

void sender_close(struct sender *r)
{
	sink_fstrm.close(r->ctx);
	receiver_close(r->peer);
	for (unsigned i = 0; i < r->n; i++)
		free(r->parcels[i].p);
	free(r->ctx);
	free(r->peer);
}

void sender_offer(struct sender *r, unsigned events, size_t size)
{
	uint8_t *p = malloc(events * (size + 32) + 1);

	assert_true(r->n < SENDER_PARCELS);
	r->parcels[r->n].p = p;
	r->parcels[r->n].first_seq = r->seq + 1;
	r->parcels[r->n].records = events;
	while (events--) {
		uint64_t seq = ++r->seq;
		size_t body = 1 + pb_write_width(seq) + 1 + pb_write_width(size) + size;

		p = pb_write_number(pb_write_varint(p, body), 2, seq);
		p = pb_write_varint(pb_write_tag(p, 9, PB_WRITE_LENGTH), size);
		memset(p, (int)seq, size);
		p += size;
	}
	r->parcels[r->n].n = (size_t)(p - r->parcels[r->n].p);
	r->n++;
}

static struct parcel sender_parcel(const struct sender *r, unsigned i)
{
	if (!r->opened)
		return (struct parcel){.p = (const uint8_t *)OPENING,
				       .n = sizeof(OPENING) - 1,
				       .opening_n = sizeof(OPENING) - 1};
	return (struct parcel){
		.p = r->parcels[i].p,
		.n = r->parcels[i].n,
		.number = i + 1,
		.records = r->parcels[i].records,
		.first_seq = r->parcels[i].first_seq,
		.last_seq = r->parcels[i].first_seq + r->parcels[i].records - 1,
		.opening_n = r->parcels[i].opening_n,
		.again = i < r->sent,
	};
}

static int sender_write(struct sender *r)
{
	struct parcel p = sender_parcel(r, r->head);
	size_t before = r->taken;
	int ret = sink_fstrm.write(r->ctx, &p, &r->taken);

	assert_true(r->taken >= before && r->taken <= p.n);
	assert_true(ret || r->taken == p.n);
	if (ret == -EAGAIN)
		return ret;
	if (r->opened && r->sent <= r->head)
		r->sent = r->head + 1;
	r->taken = 0;
	if (ret == 0 && r->opened)
		r->head++;
	r->opened = true;
	return ret;
}

static int sender_step_once(struct sender *r)
{
	if (!r->begun)
		return sink_fstrm.begin(r->ctx, &(struct sink_medium){0});
	if (!r->opened || (r->head < r->n && r->head - r->done < SENDER_WINDOW))
		return sender_write(r);
	return sink_fstrm.sync(r->ctx);
}

int sender_step(struct sender *r)
{
	int ret = sender_step_once(r);

	if (ret == 0)
		r->begun = true;
	if (ret == 0 || ret == -EAGAIN)
		return ret;
	r->failure = ret;
	r->failures++;
	snprintf(r->why, sizeof(r->why), "%s", sink_fstrm.why(r->ctx));
	r->begun = r->opened = false;
	r->taken = 0;
	r->head = (unsigned)r->done;
	return ret;
}

static void sender_poll(struct sender *r)
{
	struct sink_wait w;
	struct pollfd p;

	sink_fstrm.wait(r->ctx, true, &w);
	p = (struct pollfd){.fd = w.fd, .events = w.events};
	poll(&p, 1, w.timeout_ms < 0 || w.timeout_ms > 2 ? 2 : w.timeout_ms);
}

bool sender_run(struct sender *r, bool until_failure)
{
	unsigned failures = r->failures;

	for (unsigned i = 0; i < SENDER_STEPS; i++) {
		int ret = sender_step(r);

		receiver_step(r->peer);
		if (until_failure ? r->failures > failures : ret == 0 && r->done == r->n)
			return true;
		if (ret == -EAGAIN)
			sender_poll(r);
	}
	return false;
}

void sender_turns(struct sender *r, unsigned n)
{
	while (n--) {
		if (sender_step(r) == -EAGAIN)
			sender_poll(r);
		receiver_step(r->peer);
	}
}

void sender_reached(const struct sender *r)
{
	for (uint64_t seq = 1; seq <= r->seq; seq++)
		assert_true(r->peer->times[seq] > 0);
}

void sender_reached_once(const struct sender *r)
{
	for (uint64_t seq = 1; seq <= r->seq; seq++)
		assert_int_equal(r->peer->times[seq], 1);
}

void sender_fails(struct sender *r, int failure, const char *text)
{
	assert_true(sender_run(r, true));
	assert_int_equal(r->failure, failure);
	if (!strstr(r->why, text) || !strstr(r->why, r->peer->target))
		fail_msg("'%s' does not say '%s'", r->why, text);
}

void sender_sends_all(struct sender *r)
{
	r->peer->acks = false;
	for (unsigned i = 0; i < 100 + r->n && r->head < r->n; i++) {
		sender_turns(r, 1);
		r->talk->described_ms -= 1000; /* it is not asked first what it has */
	}
	receiver_step(r->peer);
	assert_int_equal(r->head, r->n);
	assert_int_equal(r->done, 0);
	sender_reached_once(r);
}
