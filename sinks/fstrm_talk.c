/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/fstrm_talk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "capture/base/elapsed.h"
#include "capture/base/utf8.h"

enum {
	TALK_POLL_MS = 10,      /* how often we ask what the peer's kernel has, where that is all */
	TALK_ASK_MS = 5000,     /* and where they acknowledge */
	TALK_ANSWER_MS = 1000,  /* for the first acknowledgement, before all is sent again */
	TALK_LATER_MS = 300000, /* the longest that a receiver may ask us to stay away */
};

/* ---- what they say ------------------------------------------------------------------------- */

/* Tells what is done, as far as it is known. */
static void talk_report(struct fstrm_talk *t)
{
	if (!t->link.batch)
		fstrm_acks_take_bytes(&t->acks, t->link.acked);
	if (t->acks.done > t->reported) {
		t->reported = t->acks.done;
		t->done(t->done_arg, t->reported);
	}
}

/* The connection is gone: what is known to have arrived still counts. */
static int talk_over(struct fstrm_talk *t, int r)
{
	talk_report(t);
	t->started = false;
	return r;
}

static int talk_fail(struct fstrm_talk *t, int r, const char *text)
{
	return talk_over(t, fstrm_link_fail(&t->link, r, text));
}

/* They have trouble, and may have said when to come again. */
static int talk_trouble(struct fstrm_talk *t, const struct batch_ack *ack)
{
	int64_t later_ms =
		ack->retry_after_ms < TALK_LATER_MS ? ack->retry_after_ms : TALK_LATER_MS;
	struct bytes text = utf8_printable(ack->message) ? ack->message : BYTES("");
	char why[320];

	t->later_ms = later_ms ? elapsed_ms() + later_ms : 0;
	snprintf(why, sizeof(why), "the receiver stops (%u)%s%.*s", ack->status, text.n ? ": " : "",
		 (int)text.n, text.n ? text.p : "");
	return talk_fail(t, -EREMOTEIO, why);
}

static int talk_take_ack(struct fstrm_talk *t, struct bytes data)
{
	struct batch_ack ack;
	const char *why;
	int r = batch_ack_parse(data, &ack);

	if (r < 0)
		return talk_fail(t, r, "sent what is no acknowledgement");
	r = fstrm_acks_take(&t->acks, &ack, &why);
	if (r < 0)
		return talk_fail(t, r, why);
	t->heard_ms = elapsed_ms();
	talk_report(t);
	return ack.status ? talk_trouble(t, &ack) : 0;
}

/* Takes whatever has come. -EAGAIN: that was all. */
static int talk_listen(struct fstrm_talk *t)
{
	for (;;) {
		struct fstrm_frame f;
		int r = fstrm_link_read(&t->link, &f);

		if (r < 0)
			return r == -EAGAIN ? r : talk_over(t, r);
		if (f.type == FSTRM_FINISH)
			return talk_fail(t, -ECONNRESET, "has ended the stream");
		if (f.type != FSTRM_DATA)
			return talk_fail(t, -EPROTO, "sent a control frame out of turn");
		if (!t->link.batch)
			return talk_fail(t, -EPROTO, "sent data, which it does not have");
		r = talk_take_ack(t, f.data);
		if (r < 0)
			return r;
	}
}

/* Asks what the peer's kernel has got: a slow network is no dead receiver. */
static void talk_ask(struct fstrm_talk *t, int64_t now_ms)
{
	uint64_t before = t->link.acked;

	if (t->link.batch && now_ms - t->asked_ms < TALK_ASK_MS)
		return;
	fstrm_link_ask(&t->link);
	t->asked_ms = now_ms;
	if (t->link.acked > before)
		t->heard_ms = now_ms;
	talk_report(t);
}

int fstrm_talk_look(struct fstrm_talk *t)
{
	int r = talk_listen(t);
	int64_t now_ms;

	if (r != -EAGAIN || !t->acks.n)
		return r;
	now_ms = elapsed_ms();
	talk_ask(t, now_ms);
	if (!t->acks.n || now_ms - t->heard_ms < FSTRM_TALK_DEAD_MS)
		return r;
	return talk_fail(t, -ETIMEDOUT,
			 t->link.batch ? "has acknowledged nothing for 30 s"
				       : "has taken nothing for 30 s");
}

/* ---- sending ------------------------------------------------------------------------------- */

int fstrm_talk_begin(struct fstrm_talk *t)
{
	int r;

	if (t->later_ms && elapsed_ms() < t->later_ms)
		return -EAGAIN;
	t->later_ms = 0;
	r = fstrm_link_step(&t->link);
	if (r < 0)
		return r;
	fstrm_acks_restart(&t->acks);
	t->started = t->is_full = false;
	t->heard_ms = elapsed_ms();
	return 0;
}

/* Makes it smaller, where that is wanted and works. */
static void talk_compress(struct fstrm_talk *t, struct batch *b)
{
	size_t n;

	if (!t->packed || b->data.n < 2)
		return;
	n = ZSTD_compress2(t->zstd, t->packed, b->data.n - 1, b->data.p, b->data.n);
	if (ZSTD_isError(n))
		return;
	b->codec = BATCH_ZSTD;
	b->data = (struct bytes){(const char *)t->packed, n};
}

/* Which stream is it of? It says so at its head, or the one before did. */
static int talk_find_stream(struct fstrm_talk *t, struct bytes events, const struct parcel *p)
{
	uint8_t id[16];

	if ((p->opening_n || !t->acks.current) && batch_stream_id(events, id))
		return fstrm_acks_select(&t->acks, id);
	if (!t->acks.current)
		return talk_fail(t, -EBADMSG, "cannot be told of which stream these events are");
	return 0;
}

/* Will they tell soon what they have of this stream? */
static bool talk_awaits_answer(const struct fstrm_talk *t)
{
	const struct fstrm_acks_stream *stream = t->acks.current;

	return stream && stream->described && !stream->answered &&
	       elapsed_ms() - t->described_ms < TALK_ANSWER_MS;
}

/* Makes a frame of the parcel. 1: it is there already. -EAGAIN: what they have is not known yet. */
static int talk_start(struct fstrm_talk *t, const struct parcel *p)
{
	struct bytes events = {(const char *)p->p, p->n};
	struct batch b = {.first_seq = p->records ? p->first_seq : 0,
			  .count = p->records,
			  .replayed = p->again,
			  .raw_len = (uint32_t)p->n,
			  .data = events};
	bool covered;
	size_t n;
	int r = talk_find_stream(t, events, p);

	if (r < 0)
		return r;
	if (fstrm_acks_covers(&t->acks, p, &covered) < 0)
		return talk_fail(t, -EPROTO, "acknowledges what it was never sent");
	if (covered)
		return 1;
	if (p->again && talk_awaits_answer(t))
		return -EAGAIN;
	talk_compress(t, &b);
	memcpy(b.stream_id, t->acks.current->id, sizeof(b.stream_id));
	n = batch_head(&b, t->head + FSTRM_TALK_LENGTH);
	t->head_n = FSTRM_TALK_LENGTH + n;
	t->data = b.data;
	for (int i = 0; i < FSTRM_TALK_LENGTH; i++)
		t->head[i] = (uint8_t)((n + t->data.n) >> (24 - 8 * i));
	t->sent = 0;
	t->started = true;
	return 0;
}

/* The whole parcel has been sent as a batch, or need not be sent. */
static void talk_took_batch(struct fstrm_talk *t, const struct parcel *p)
{
	if (!t->acks.n)
		t->heard_ms = elapsed_ms();
	if (!t->acks.current->described)
		t->described_ms = elapsed_ms();
	t->started = false;
	fstrm_acks_sent(&t->acks, p);
	talk_report(t);
}

static int talk_write_batch(struct fstrm_talk *t, const struct parcel *p, size_t *done)
{
	int r = t->started ? 0 : talk_start(t, p);
	size_t whole = t->head_n + t->data.n;

	if (r < 0)
		return r;
	while (r == 0 && t->sent < whole) {
		size_t head = t->sent < t->head_n ? t->head_n - t->sent : 0;
		size_t data = t->sent - (t->head_n - head);
		struct iovec v[] = {{t->head + t->head_n - head, head},
				    {(char *)t->data.p + data, t->data.n - data}};
		ssize_t n = head ? fstrm_link_write(&t->link, v, t->data.n ? 2 : 1)
				 : fstrm_link_write(&t->link, v + 1, 1);

		if (n == -EAGAIN)
			t->is_full = true;
		if (n < 0)
			return n == -EAGAIN ? (int)n : talk_over(t, (int)n);
		t->sent += (size_t)n;
		*done = p->n * t->sent / whole;
	}
	talk_took_batch(t, p);
	*done = p->n;
	return 0;
}

static int talk_write_events(struct fstrm_talk *t, const struct parcel *p, size_t *done)
{
	struct bytes events = {(const char *)p->p, p->n}, next;

	if (!t->started)
		frames_reset(&t->frames);
	t->started = true;
	for (;;) {
		struct iovec v;
		ssize_t n;

		if (frames_next(&t->frames, events, &next) < 0)
			return talk_fail(t, -EBADMSG, "these are no events");
		if (!next.n)
			break;
		v = (struct iovec){(char *)next.p, next.n};
		n = fstrm_link_write(&t->link, &v, 1);
		if (n == -EAGAIN)
			t->is_full = true;
		if (n < 0)
			return n == -EAGAIN ? (int)n : talk_over(t, (int)n);
		frames_sent(&t->frames, (size_t)n);
		if (frames_taken(&t->frames) > *done)
			*done = frames_taken(&t->frames);
	}
	t->started = false;
	if (!t->acks.n)
		t->heard_ms = elapsed_ms();
	fstrm_acks_sent_bytes(&t->acks, p->number, t->link.written);
	*done = p->n;
	return 0;
}

int fstrm_talk_write(struct fstrm_talk *t, const struct parcel *p, size_t *done)
{
	int r = fstrm_talk_look(t);

	if (r != -EAGAIN)
		return r;
	t->is_full = false;
	if (!t->started && t->acks.n == FSTRM_ACKS_WINDOW)
		return r;
	return t->link.batch ? talk_write_batch(t, p, done) : talk_write_events(t, p, done);
}

/* ---- waiting and ending -------------------------------------------------------------------- */

/* The time until then, where that is sooner. */
static void wait_until(struct sink_wait *ret, int64_t then_ms)
{
	int64_t left_ms = then_ms - elapsed_ms();

	if (left_ms < 0)
		left_ms = 0;
	if (ret->timeout_ms < 0 || left_ms < ret->timeout_ms)
		ret->timeout_ms = (int)left_ms;
}

void fstrm_talk_wait(const struct fstrm_talk *t, bool blocked, struct sink_wait *ret)
{
	bool full = blocked && t->is_full;

	*ret = (struct sink_wait){.fd = -1, .timeout_ms = -1};
	if (t->later_ms) {
		wait_until(ret, t->later_ms);
		return;
	}
	fstrm_link_wait(&t->link, (short)(POLLIN | (full ? POLLOUT : 0)), ret);
	if (t->link.state != FSTRM_LINK_OPEN || !blocked)
		return;
	if (t->acks.n)
		wait_until(ret,
			   elapsed_ms() + (t->link.batch || full ? TALK_ASK_MS : TALK_POLL_MS));
	if (talk_awaits_answer(t))
		wait_until(ret, t->described_ms + TALK_ANSWER_MS);
}

void fstrm_talk_end(struct fstrm_talk *t)
{
	if (t->started)
		fstrm_link_drop(&t->link);
	fstrm_link_stop(&t->link);
	t->started = false;
}
