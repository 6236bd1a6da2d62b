/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/raw.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "capture/archive/decoder.h"
#include "kern/events.h"

struct raw_source {
	struct stream *stream;
	atomic_bool stopped;
	uint64_t torn;
};

bool decoder_raw_begins(struct bytes head)
{
	return head.n >= RAW_MAGIC_SIZE && !memcmp(head.p, RAW_MAGIC, RAW_MAGIC_SIZE);
}

/* The magic is a record of its own. */
static ssize_t raw_extent(void *ctx, struct bytes in, size_t *ret_want)
{
	struct rec rec;

	*ret_want = sizeof(rec);
	if (decoder_raw_begins(in))
		return RAW_MAGIC_SIZE;
	if (in.n < sizeof(rec))
		return 0;
	memcpy(&rec, in.p, sizeof(rec));
	if (rec.len < sizeof(rec) || rec.len > REC_MAX)
		return -EBADMSG;
	*ret_want = raw_padded(rec.len);
	return *ret_want <= in.n ? (ssize_t)*ret_want : 0;
}

const struct decoder_ops decoder_raw = {.format = "raw", .extent = raw_extent};

/* ---- as a source --------------------------------------------------------------------------- */

/* Sees the next record, with what follows it. *ret_n: its size, 0 = the stream ends before its end.
 */
static int record_see(struct raw_source *s, struct bytes *ret, size_t *ret_n, struct err *err)
{
	size_t want = 0;
	ssize_t n = 0;
	int r;

	do {
		r = stream_peek(s->stream, want, ret, err);
		if (r)
			return r;
		if (ret->n < want)
			break;
		n = ret->n ? raw_extent(NULL, *ret, &want) : 0;
	} while (n == 0 && ret->n);
	if (n < 0)
		return errf(err, -EBADMSG, "%s: damaged: no record where one should begin",
			    stream_name(s->stream));
	*ret_n = (size_t)n;
	return 0;
}

static int raw_read(void *ctx, unsigned budget, source_fn fn, void *arg, struct err *err)
{
	struct raw_source *s = ctx;
	struct bytes seen = {0};
	size_t n = 0;
	int r;

	while (budget && !atomic_load(&s->stopped)) {
		r = record_see(s, &seen, &n, err);
		if (r)
			return r;
		if (!n) {
			s->torn = seen.n;
			return SOURCE_END;
		}
		/* The magic comes again where the recorder began anew. */
		r = decoder_raw_begins(seen) ? 0 : fn((const struct rec *)seen.p, arg);
		if (r < 0)
			return r;
		stream_take(s->stream, n);
		budget--;
	}
	return budget ? SOURCE_END : SOURCE_MORE;
}

static void raw_stop(void *ctx)
{
	struct raw_source *s = ctx;

	atomic_store(&s->stopped, true);
}

static void raw_close(void *ctx)
{
	struct raw_source *s = ctx;

	stream_close(s->stream);
	free(s);
}

static const struct source_ops raw_source_ops = {
	.name = "raw",
	.read = raw_read,
	.stop = raw_stop,
	.close = raw_close,
};

/* The magic holds "\r\n", so that a transfer in text mode, which changes it, is noticed. */
int raw_source_open(struct stream *stream, struct source *ret, struct err *err)
{
	struct raw_source *s;
	struct bytes head;
	int r = stream_peek(stream, RAW_MAGIC_SIZE, &head, err);

	if (r)
		return r;
	if (!decoder_raw_begins(head))
		return errf(err, -EBADMSG, "%s: no raw recording of penstock", stream_name(stream));
	s = calloc(1, sizeof(*s));
	if (!s)
		return errf(err, -ENOMEM, "%s: out of memory", stream_name(stream));
	s->stream = stream;
	*ret = (struct source){&raw_source_ops, s};
	return 0;
}

bool raw_source_torn(const struct source *source, uint64_t *ret)
{
	const struct raw_source *s = source->ctx;

	*ret = s->torn;
	return s->torn || stream_torn(s->stream);
}
