/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/fstrm_acks.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void fstrm_acks_restart(struct fstrm_acks *a)
{
	a->first = a->n = 0;
	a->bytes.durable_seq = 0;
	for (unsigned i = 0; i < FSTRM_ACKS_STREAMS; i++) {
		a->streams[i].described = a->streams[i].answered = false;
		a->streams[i].durable_seq = 0;
	}
}

static struct fstrm_acks_stream *acks_find(struct fstrm_acks *a, const uint8_t id[16])
{
	for (unsigned i = 0; i < FSTRM_ACKS_STREAMS; i++)
		if (a->streams[i].turn && !memcmp(a->streams[i].id, id, 16))
			return &a->streams[i];
	return NULL;
}

static bool stream_is_under_way(const struct fstrm_acks *a, const struct fstrm_acks_stream *stream)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->ring[(a->first + i) % FSTRM_ACKS_WINDOW].stream == stream)
			return true;
	return false;
}

/* The one that was left longest ago, and of which nothing is on its way. */
static struct fstrm_acks_stream *acks_spare(struct fstrm_acks *a)
{
	struct fstrm_acks_stream *oldest = NULL;

	for (unsigned i = 0; i < FSTRM_ACKS_STREAMS; i++) {
		struct fstrm_acks_stream *stream = &a->streams[i];

		if (!stream_is_under_way(a, stream) && (!oldest || stream->turn < oldest->turn))
			oldest = stream;
	}
	return oldest;
}

int fstrm_acks_select(struct fstrm_acks *a, const uint8_t id[16])
{
	struct fstrm_acks_stream *stream = acks_find(a, id);

	if (!stream) {
		stream = acks_spare(a);
		if (!stream)
			return -EAGAIN;
		*stream = (struct fstrm_acks_stream){.turn = 0};
		memcpy(stream->id, id, 16);
	}
	stream->turn = ++a->turn;
	a->current = stream;
	return 0;
}

int fstrm_acks_covers(const struct fstrm_acks *a, const struct parcel *p, bool *ret)
{
	const struct fstrm_acks_stream *stream = a->current;

	*ret = false;
	if (!p->records || stream->durable_seq < p->first_seq)
		return 0;
	if (!p->again)
		return stream->durable_seq > stream->sent_seq ? -EPROTO : 0;
	*ret = p->last_seq <= stream->durable_seq;
	return 0;
}

/* Whatever is done at the head of the ring. */
static void acks_settle(struct fstrm_acks *a)
{
	while (a->n && a->ring[a->first].stream->durable_seq >= a->ring[a->first].need) {
		a->done = a->ring[a->first].number;
		a->first = (a->first + 1) % FSTRM_ACKS_WINDOW;
		a->n--;
	}
}

static void acks_add(struct fstrm_acks *a, const struct fstrm_acks_stream *stream, uint64_t number,
		     uint64_t need)
{
	unsigned at = (a->first + a->n) % FSTRM_ACKS_WINDOW;

	assert(a->n < FSTRM_ACKS_WINDOW);
	a->ring[at].number = number;
	a->ring[at].need = need;
	a->ring[at].stream = stream;
	a->n++;
	acks_settle(a);
}

void fstrm_acks_sent(struct fstrm_acks *a, const struct parcel *p)
{
	struct fstrm_acks_stream *stream = a->current;

	if (p->records && !stream->decided) {
		stream->decided = true;
		stream->foreign = p->again;
	}
	if (p->records && p->last_seq > stream->sent_seq)
		stream->sent_seq = p->last_seq;
	stream->described = true;
	if (p->number)
		acks_add(a, stream, p->number, p->records ? p->last_seq : 0);
}

/* Only what begins a connection may tell of what others have sent before us. */
static bool stream_may_surprise(const struct fstrm_acks_stream *stream)
{
	return !stream->answered && (!stream->decided || stream->foreign);
}

int fstrm_acks_take(struct fstrm_acks *a, const struct batch_ack *ack, const char **ret_why)
{
	struct fstrm_acks_stream *stream = acks_find(a, ack->stream_id);

	if (!stream) {
		*ret_why = "acknowledges a stream that it was never sent";
		return -EPROTO;
	}
	if (ack->durable_seq > stream->sent_seq && ack->durable_seq > stream->durable_seq &&
	    !stream_may_surprise(stream)) {
		*ret_why = "acknowledges what it was never sent";
		return -EPROTO;
	}
	stream->answered = true;
	if (ack->durable_seq > stream->durable_seq)
		stream->durable_seq = ack->durable_seq;
	acks_settle(a);
	return 0;
}

void fstrm_acks_sent_bytes(struct fstrm_acks *a, uint64_t number, uint64_t end)
{
	if (number)
		acks_add(a, &a->bytes, number, end);
}

void fstrm_acks_take_bytes(struct fstrm_acks *a, uint64_t bytes)
{
	a->bytes.durable_seq = bytes;
	acks_settle(a);
}
