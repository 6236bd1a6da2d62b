/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "capture/archive/message.h"
#include "capture/base/chunk.h"
#include "capture/net/batch.h"
#include "proto/pb_wire.h"

enum {
	IN_FIRST = 64 * 1024,
	IN_KEPT = 256 * 1024, /* of a client from whom nothing is left */
	READS = 16,           /* in a turn, so that others have theirs */
	HELLO_MS = 10000,     /* to say what it wants */
	SILENT_MS = 60000,    /* to say anything at all */
	STUCK_MS = 30000,     /* in the middle of a frame, or without reading what we say */
	SLOWEST = 4,          /* bytes a millisecond: a frame may take longer by that */
};

struct client *client_new(struct client_env *env, struct conn *conn, int64_t now_ms)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->env = env;
	c->conn = conn;
	c->shaken = !conn;
	c->began_ms = c->moved_ms = now_ms;
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->streams_n; i++)
		c->streams[i].feed->clients--;
	c->env->memory -= c->cap + c->raw_n;
	conn_close(c->conn);
	free(c->in);
	free(c->raw);
	free(c);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* Room for at least n bytes from `at` on. False: not now. */
static bool client_reserve(struct client *c, size_t n)
{
	size_t cap = c->cap ? c->cap : IN_FIRST;
	uint8_t *p;

	if (c->at) {
		memmove(c->in, c->in + c->at, c->end - c->at);
		c->end -= c->at;
		c->at = 0;
	}
	while (cap < n)
		cap += cap < IN_KEPT ? cap : IN_KEPT;
	if (cap == c->cap)
		return true;
	c->starved = c->env->memory + cap - c->cap > c->env->memory_max;
	if (c->starved)
		return false;
	p = realloc(c->in, cap);
	if (!p)
		return false;
	c->env->memory += cap - c->cap;
	c->in = p;
	c->cap = cap;
	return true;
}

static void client_relax(struct client *c)
{
	if (c->raw) {
		c->env->memory -= c->raw_n;
		free(c->raw);
		c->raw = NULL;
		c->raw_n = 0;
	}
	if (c->at < c->end)
		return;
	c->at = c->end = 0;
	if (c->cap > IN_KEPT || c->env->memory > c->env->memory_max / 2) {
		c->env->memory -= c->cap;
		free(c->in);
		c->in = NULL;
		c->cap = 0;
	}
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool client_say(struct client *c, const void *p, size_t n)
{
	if (c->out_n + n > sizeof(c->out))
		return false;
	memcpy(c->out + c->out_n, p, n);
	c->out_n += n;
	return true;
}

static bool stream_acknowledge(struct client *c, struct client_stream *s)
{
	struct batch_ack ack = {.durable_seq = feed_durable(s->feed),
				.received_seq = feed_received(s->feed)};
	uint8_t frame[4 + BATCH_ACK];
	size_t n;

	memcpy(ack.stream_id, s->feed->run.stream_id, sizeof(ack.stream_id));
	n = batch_ack_write(&ack, frame + 4);
	frame[0] = frame[1] = 0;
	frame[2] = (uint8_t)(n >> 8);
	frame[3] = (uint8_t)n;
	if (!client_say(c, frame, n + 4))
		return false;
	s->acked = ack.durable_seq;
	s->told = true;
	return true;
}

static bool stream_is_safe(const struct client_stream *s)
{
	return feed_durable(s->feed) >= s->received;
}

static void client_leave(struct client *c, unsigned i)
{
	c->streams[i].feed->clients--;
	c->streams[i] = c->streams[--c->streams_n];
}

/* A stream of which all is acknowledged, and that is not the present one, has ended. */
void client_acknowledge(struct client *c)
{
	for (unsigned i = 0; i < c->streams_n; i++) {
		struct client_stream *s = &c->streams[i];

		if (c->peer.batches && (!s->told || feed_durable(s->feed) > s->acked) &&
		    !stream_acknowledge(c, s))
			return;
		if (s->feed != c->feed && stream_is_safe(s))
			client_leave(c, i--);
	}
}

static void client_finish(struct client *c, int64_t now_ms)
{
	uint8_t frame[FSTRM_CONTROL_MAX];
	size_t n;

	for (unsigned i = 0; i < c->streams_n; i++) {
		if (stream_is_safe(&c->streams[i]))
			continue;
		feed_hurry(c->streams[i].feed, now_ms);
		return;
	}
	n = peer_finish(&c->peer, frame);
	if (client_say(c, frame, n))
		c->finished = true;
}

/* ---- events -------------------------------------------------------------------------------- */

static struct client_stream *client_stream(struct client *c, struct feed *feed)
{
	for (unsigned i = 0; i < c->streams_n; i++)
		if (c->streams[i].feed == feed)
			return &c->streams[i];
	return NULL;
}

/* The description of a run: from now on events are of that stream. -EAGAIN: not before others are
 * safe, or its stores have room. */
static int client_enter(struct client *c, const struct run *run, struct err *err)
{
	struct run known = *run;
	struct feed *feed;
	int r;

	if (c->has_batch_id)
		memcpy(known.stream_id, c->batch_id, sizeof(known.stream_id));
	if (c->feed && !memcmp(c->feed->run.stream_id, known.stream_id, 16))
		return 0;
	if (c->streams_n == CLIENT_STREAMS)
		client_acknowledge(c);
	if (c->streams_n == CLIENT_STREAMS)
		return -EAGAIN;
	r = feeds_take(c->env->feeds, &known, c->conn ? conn_peer_name(c->conn) : "", &feed, err);
	if (r < 0)
		return r;
	if (!client_stream(c, feed)) {
		c->streams[c->streams_n++] = (struct client_stream){.feed = feed};
		feed->clients++;
	}
	if (!feed_has_room(feed)) /* to begin a run takes some, too */
		return -EAGAIN;
	c->feed = feed;
	return 0;
}

static int client_event(struct client *c, struct bytes message, struct err *err)
{
	const struct event *ev;
	struct client_stream *s;
	struct err why = {""};
	int r = -EBADMSG;

	if (message.n <= CHUNK_JUMBO)
		r = pb_read_event(c->env->read, message, &ev, &why);
	if (r > 0 || r == -EPROTO) /* nothing that we could write */
		return 0;
	if (r < 0)
		return errf(err, r, "an event that is none: %s", why.text);
	if (ev->kind == EVENT_META && ev->run)
		r = client_enter(c, ev->run, err);
	if (r < 0)
		return r;
	if (!c->feed)
		return errf(err, -EPROTO, "events of a stream that it does not describe");
	r = feed_event(c->feed, ev, message.n);
	if (r < 0)
		return errf(err, r,
			    r == -ENOMEM ? "out of memory" : "an event that contradicts itself");
	s = client_stream(c, c->feed);
	assert(s);
	if (ev->kind != EVENT_KINDS && ev->seq > s->received)
		s->received = ev->seq;
	return 0;
}

/* A message without its length. */
static struct bytes message_body(struct bytes whole)
{
	uint64_t length = 0;
	size_t head = 0;

	pb_wire_varint(whole, &length, &head);
	return (struct bytes){whole.p + head, whole.n - head};
}

/* Takes what is left of the frame's events, as far as there is room for them. -EAGAIN: no more. */
static int client_take(struct client *c, struct err *err)
{
	size_t since = 0;
	int r = 0;

	if (c->one_event && c->events.n) {
		if (c->feed && !feed_has_room(c->feed))
			return -EAGAIN;
		r = client_event(c, c->events, err);
		if (r < 0)
			return r;
		c->events.n = 0;
	}
	while (c->events.n) {
		struct bytes message;
		size_t n, want;
		ssize_t whole;

		if (!since && c->feed && !feed_has_room(c->feed))
			return -EAGAIN;
		whole = message_extent(c->events, &want);
		if (whole <= 0)
			return errf(err, -EBADMSG, "a batch of events that are none");
		n = (size_t)whole;
		message = message_body((struct bytes){c->events.p, n});
		r = client_event(c, message, err);
		if (r < 0)
			return r;
		c->events = (struct bytes){c->events.p + n, c->events.n - n};
		since = since + n < IN_FIRST ? since + n : 0;
	}
	c->at += c->events_frame;
	c->events_frame = 0;
	client_relax(c);
	return 0;
}

/* ---- frames -------------------------------------------------------------------------------- */

static int client_batch(struct client *c, struct bytes frame, struct err *err)
{
	struct batch b;

	if (batch_parse(frame, &b) < 0)
		return errf(err, -EBADMSG, "a batch that is none, or was damaged on its way");
	if (b.codec == BATCH_ZSTD && b.raw_len) {
		size_t n;

		c->starved = c->env->memory + b.raw_len > c->env->memory_max;
		if (c->starved)
			return -EAGAIN;
		c->raw = malloc(b.raw_len);
		if (!c->raw)
			return -EAGAIN;
		c->raw_n = b.raw_len;
		c->env->memory += b.raw_len;
		n = ZSTD_decompressDCtx(c->env->zstd, c->raw, b.raw_len, b.data.p, b.data.n);
		if (ZSTD_isError(n) || n != b.raw_len)
			return errf(err, -EBADMSG, "a batch that cannot be decompressed");
		b.data = (struct bytes){(const char *)c->raw, n};
	}
	if (c->feed && memcmp(c->feed->run.stream_id, b.stream_id, sizeof(b.stream_id)) != 0)
		c->feed = NULL;
	memcpy(c->batch_id, b.stream_id, sizeof(b.stream_id));
	c->has_batch_id = true;
	c->events = b.data;
	c->one_event = false;
	return 0;
}

static int client_item(struct client *c, const struct peer_item *item, size_t n, struct err *err)
{
	int r = 0;

	c->events_frame = n;
	c->frame_ms = 0;
	switch (item->what) {
	case PEER_REPLY:
		if (!client_say(c, item->reply, item->reply_n))
			return errf(err, -EPROTO, "it does not read what it is told");
		break;
	case PEER_FRAME:
		if (c->peer.batches) {
			r = client_batch(c, item->data, err);
			break;
		}
		c->events = item->data;
		c->one_event = true;
		break;
	case PEER_STOP:
		c->stopping = true;
		break;
	case PEER_NOTHING:
		break;
	}
	if (r < 0)
		c->events_frame = 0;
	return r < 0 ? r : client_take(c, err);
}

/* Looks at what was read. 0: all of it, but for a frame that is not whole. */
static int client_look(struct client *c, int64_t now_ms, struct err *err)
{
	struct peer_item item;
	size_t n;
	int r = c->events_frame ? client_take(c, err) : 0;

	while (r == 0 && c->at < c->end) {
		struct bytes in = {(const char *)c->in + c->at, c->end - c->at};

		r = peer_next(&c->peer, in, &item, &n, err);
		if (r == -EAGAIN) { /* there is room for what has come, not for what is announced */
			c->frame_ms = c->frame_ms ? c->frame_ms : now_ms;
			return 0;
		}
		if (r == 0)
			r = client_item(c, &item, n, err);
	}
	if (c->feed)
		c->feed->used_ms = now_ms;
	return r;
}

int client_feed(struct client *c, struct bytes in, int64_t now_ms, struct err *err)
{
	int r = client_look(c, now_ms, err);

	if (r < 0)
		return r;
	if (!client_reserve(c, c->end - c->at + in.n))
		return c->starved ? -EAGAIN : errf(err, -ENOMEM, "out of memory");
	memcpy(c->in + c->end, in.p, in.n);
	c->end += in.n;
	return client_look(c, now_ms, err);
}

/* ---- the connection ------------------------------------------------------------------------ */

static bool client_reads(const struct client *c)
{
	return !c->ended && !c->stopping && !c->env->ending;
}

static int client_read(struct client *c, int64_t now_ms, struct err *err)
{
	int r = c->env->ending ? 0 : client_look(c, now_ms, err);

	for (unsigned i = 0; i < READS && r == 0 && client_reads(c); i++) {
		ssize_t n;

		if (c->end == c->cap && !client_reserve(c, c->end - c->at + 1))
			return -EAGAIN;
		n = conn_read(c->conn, c->in + c->end, c->cap - c->end);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return errf(err, (int)n, "%s", conn_why(c->conn));
		c->ended = n == 0;
		c->end += (size_t)n;
		c->moved_ms = now_ms;
		r = client_look(c, now_ms, err);
	}
	return r;
}

static int client_write(struct client *c, int64_t now_ms, struct err *err)
{
	while (c->out_n) {
		struct iovec v = {c->out, c->out_n};
		ssize_t n = conn_write(c->conn, &v, 1);

		if (n == -EAGAIN) {
			c->stuck_ms = c->stuck_ms ? c->stuck_ms : now_ms;
			return 0;
		}
		if (n < 0)
			return errf(err, (int)n, "%s", conn_why(c->conn));
		c->out_n -= (size_t)n;
		memmove(c->out, c->out + n, c->out_n);
		c->stuck_ms = 0;
	}
	return 0;
}

static int client_patience(const struct client *c, int64_t now_ms, struct err *err)
{
	bool silent = c->shaken && c->peer.state == PEER_NEW && !c->end;
	int64_t hello_ms = silent ? SILENT_MS : HELLO_MS;
	int64_t frame_ms = STUCK_MS + (int64_t)(c->end - c->at) / SLOWEST;

	if ((!c->shaken || peer_shakes_hands(&c->peer)) && now_ms - c->began_ms >= hello_ms)
		return errf(err, -ETIMEDOUT, "it did not say in time what it wants");
	if (!c->blocked && c->frame_ms && now_ms - c->frame_ms >= frame_ms)
		return errf(err, -ETIMEDOUT, "it stopped in the middle of a frame");
	if (c->starved && now_ms - c->moved_ms >= STUCK_MS)
		return errf(err, -ENOMEM, "there is no memory for what it sends, at present");
	if (c->stuck_ms && now_ms - c->stuck_ms >= STUCK_MS)
		return errf(err, -ETIMEDOUT, "it does not read what it is told");
	return 0;
}

static int client_shake(struct client *c, struct err *err)
{
	int r = c->shaken ? 0 : conn_handshake(c->conn);

	if (r == 0)
		c->shaken = true;
	return r < 0 && r != -EAGAIN ? errf(err, r, "%s", conn_why(c->conn)) : r;
}

int client_turn(struct client *c, int64_t now_ms, struct err *err)
{
	int r = client_shake(c, err);

	c->starved = false;
	if (r == 0)
		r = client_read(c, now_ms, err);
	if (c->blocked && r != -EAGAIN) { /* it was not its fault */
		c->moved_ms = now_ms;
		c->frame_ms = c->frame_ms ? now_ms : 0;
	}
	c->blocked = r == -EAGAIN && c->shaken;
	if (r < 0 && r != -EAGAIN)
		return r;
	client_acknowledge(c);
	if (c->stopping && !c->finished)
		client_finish(c, now_ms);
	r = c->shaken ? client_write(c, now_ms, err) : 0;
	if (r < 0)
		return r;
	if (!c->blocked && (c->ended || (c->finished && !c->out_n)))
		return -EPIPE;
	return client_patience(c, now_ms, err);
}

short client_events(const struct client *c)
{
	short want = 0;

	if (!c->shaken)
		return conn_events(c->conn, POLLIN);
	if (!c->blocked && client_reads(c))
		want |= POLLIN;
	if (c->out_n)
		want |= POLLOUT;
	return want ? conn_events(c->conn, want) : 0;
}
