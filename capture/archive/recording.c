/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/recording.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct decoder_call {
	decoder_fn fn;
	void *arg;
	struct err *err;
};

static int recording_begin(struct recording *r, struct err *err)
{
	struct bytes head;
	int ret = stream_peek(r->stream, DECODER_HEAD, &head, err);

	if (ret) /* it may be damaged soon: what comes before that is what counts */
		ret = stream_peek(r->stream, 0, &head, err);
	if (ret)
		return ret;
	r->decoder = decoder_by_beginning(head);
	if (!r->decoder)
		return errf(err, -EBADMSG, "%s: no recording of penstock", stream_name(r->stream));
	if (r->decoder->ctx_size)
		r->ctx = calloc(1, r->decoder->ctx_size);
	if (r->decoder->ctx_size && !r->ctx)
		return errf(err, -ENOMEM, "%s: out of memory", stream_name(r->stream));
	return r->decoder->open ? r->decoder->open(r->ctx, err) : 0;
}

int recording_open_stream(struct recording *r, struct stream *stream, struct err *err)
{
	int ret;

	*r = (struct recording){.stream = stream};
	ret = recording_begin(r, err);
	if (ret)
		recording_close(r);
	return ret;
}

int recording_open(struct recording *r, const char *path, struct err *err)
{
	struct stream *stream;
	int ret;

	*r = (struct recording){0};
	ret = stream_open(path, &stream, err);
	return ret ? ret : recording_open_stream(r, stream, err);
}

void recording_close(struct recording *r)
{
	if (r->ctx && r->decoder->close)
		r->decoder->close(r->ctx);
	free(r->ctx);
	stream_close(r->stream);
	*r = (struct recording){0};
}

static int recording_damaged(const struct recording *r, const char *why, struct err *err)
{
	char text[sizeof(err->text)];

	strncpy(text, why, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return errf(err, -EBADMSG, "%s: damaged at byte %" PRIu64 " of its contents: %s",
		    stream_name(r->stream), stream_at(r->stream), text);
}

/* Why one record could not be decoded, or why fn wants no more. */
static int recording_failed(const struct recording *r, int code, const struct err *why,
			    struct err *err)
{
	if (!why->text[0])
		return code;
	if (code == -EBADMSG)
		return recording_damaged(r, why->text, err);
	return errf(err, code, "%s: %s", stream_name(r->stream), why->text);
}

static bool recording_skips(const struct recording *r, struct bytes rec)
{
	return r->likes && r->decoder->describes && !r->likes(rec, r->likes_arg) &&
	       !r->decoder->describes(rec);
}

/* Decodes the records that lie whole in `in`, and takes them off the stream. *ret_want: how
 * much must be there for one more. */
static int recording_decode(struct recording *r, struct bytes in, unsigned *budget,
			    const struct decoder_call *call, size_t *ret_want)
{
	ssize_t n = 1;

	while (*budget && in.n && n > 0) {
		struct err why = {""};
		int ret;

		n = r->decoder->extent(r->ctx, in, ret_want);
		if (n < 0)
			return recording_damaged(r, "no record where one should begin", call->err);
		if (n == 0)
			break;
		ret = recording_skips(r, (struct bytes){in.p, (size_t)n})
			      ? 0
			      : r->decoder->decode(r->ctx, (struct bytes){in.p, (size_t)n},
						   call->fn, call->arg, &why);
		if (ret < 0)
			return recording_failed(r, ret, &why, call->err);
		stream_take(r->stream, (size_t)n);
		in = (struct bytes){in.p + n, in.n - (size_t)n};
		--*budget;
	}
	if (n > 0) /* nothing is known of the next one */
		*ret_want = 0;
	else if (*ret_want <= in.n)
		*ret_want = in.n + 1;
	return 0;
}

int recording_read(struct recording *r, unsigned budget, decoder_fn fn, void *arg, struct err *err)
{
	const struct decoder_call call = {fn, arg, err};
	size_t want = 0;

	assert(r->decoder->decode);
	while (budget) {
		struct bytes in;
		int ret = stream_peek(r->stream, want, &in, err);

		if (ret)
			return ret;
		if (in.n < want || !in.n) {
			r->torn = in.n;
			return SOURCE_END;
		}
		ret = recording_decode(r, in, &budget, &call, &want);
		if (ret)
			return ret;
	}
	return SOURCE_MORE;
}
