/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/records.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/stream.h"
#include "capture/encoder.h"

/* Cuts an ending off a name of n bytes. */
static size_t name_without(const char *name, size_t n, const char *ending)
{
	size_t m = strlen(ending);

	return n > m && !memcmp(name + n - m, ending, m) ? n - m : n;
}

const char *records_format(const char *path)
{
	size_t n = name_without(path, name_without(path, strlen(path), ".part"), ".zst");
	const struct encoder_ops *encoder;
	char name[NAME_MAX + 1];

	if (n >= sizeof(name)) {
		path += n - sizeof(name) + 1;
		n = sizeof(name) - 1;
	}
	memcpy(name, path, n);
	name[n] = '\0';
	encoder = encoder_by_file(name);
	return encoder ? encoder->name : NULL;
}

static size_t records_left(const struct records *r)
{
	return r->n - r->at;
}

static struct bytes records_rest(const struct records *r)
{
	return r->p ? (struct bytes){r->p + r->at, records_left(r)} : (struct bytes){0};
}

/* Appends bytes to what is there. */
static int records_append(struct records *r, struct bytes b, struct err *err)
{
	size_t cap = r->cap ? r->cap : 512 * 1024;
	char *p;

	if (r->at) {
		memmove(r->p, r->p + r->at, records_left(r));
		r->n -= r->at;
		r->at = 0;
	}
	while (cap < r->n + b.n)
		cap *= 2;
	if (cap > r->cap) {
		p = realloc(r->p, cap);
		if (!p)
			return errf(err, -ENOMEM, "out of memory");
		r->p = p;
		r->cap = cap;
	}
	memcpy(r->p + r->n, b.p, b.n);
	r->n += b.n;
	return 0;
}

/* Takes what comes next in the file: contents behind what is there; anything else waits. */
static int records_pull(struct records *r, struct err *err)
{
	int ret = r->failed;

	if (ret == 0)
		ret = inspect_next(r->in, &r->next, &r->failure);
	if (ret < 0) {
		r->failed = ret;
		return errf(err, ret, "%s", r->failure.text);
	}
	if (r->next.what == INSPECT_DATA)
		return records_append(r, r->next.data, err);
	r->pending = true;
	return 0;
}

static int decoder_open(struct records *r, struct err *err)
{
	int ret;

	r->ctx = calloc(1, r->ops->ctx_size + 1);
	if (!r->ctx)
		return errf(err, -ENOMEM, "out of memory");
	ret = r->ops->open ? r->ops->open(r->ctx, err) : 0;
	if (ret < 0) {
		free(r->ctx);
		r->ctx = NULL;
	}
	return ret;
}

static void decoder_close(struct records *r)
{
	if (r->ctx && r->ops->close)
		r->ops->close(r->ctx);
	free(r->ctx);
	r->ctx = NULL;
}

static int records_begin(struct records *r, const char *format, struct err *err)
{
	int ret = 0;

	while (ret == 0 && records_left(r) < DECODER_HEAD && !r->pending)
		ret = records_pull(r, err);
	if (!records_left(r) || (ret < 0 && !r->failed))
		return ret;
	/* What is damaged later is found later, and what comes before it is told first. */
	r->ops = decoder_by_beginning(records_rest(r));
	if (!r->ops && format)
		r->ops = decoder_by_format(format);
	if (!r->ops)
		return errf(err, -EBADMSG, "no recording of penstock");
	return decoder_open(r, err);
}

int records_open(struct records *r, int fd, const char *format, struct err *err)
{
	int ret = inspect_new(fd, &r->in, err);

	return ret < 0 ? ret : records_begin(r, format, err);
}

int records_restart(struct records *r, int fd, struct err *err)
{
	const struct decoder_ops *ops = r->ops;
	int ret;

	records_close(r);
	r->ops = ops;
	ret = inspect_new(fd, &r->in, err);
	return ret < 0 ? ret : decoder_open(r, err);
}

void records_close(struct records *r)
{
	decoder_close(r);
	free(r->p);
	inspect_free(r->in);
	*r = (struct records){0};
}

/* What waited, once no whole record is left before it. */
static int give_pending(struct records *r, struct records_item *ret, struct err *err)
{
	const struct inspect_item *next = &r->next;

	*ret = (struct records_item){
		.raw_at = r->raw_at, .offset = next->offset, .torn = records_left(r)};
	r->pending = false;
	switch (next->what) {
	case INSPECT_END:
		if (records_left(r))
			return errf(err, -EBADMSG,
				    "the frame at byte %" PRIu64 " ends in the middle of a record "
				    "(contents: byte %" PRIu64 ")",
				    next->offset, r->raw_at);
		ret->what = RECORDS_FRAME_END;
		ret->frame = next->frame;
		return 0;
	case INSPECT_SKIPPABLE:
		ret->what = RECORDS_SKIPPABLE;
		ret->record = next->data;
		return 0;
	case INSPECT_FILE_END:
		ret->what = records_left(r) ? RECORDS_TORN : RECORDS_END;
		return 0;
	case INSPECT_TORN:
		ret->what = RECORDS_TORN;
		return 0;
	case INSPECT_DATA:
		break;
	}
	assert(false);
	return 0;
}

int records_next(struct records *r, struct records_item *ret, struct err *err)
{
	r->at += r->give;
	r->raw_at += r->give;
	r->give = 0;
	for (;;) {
		struct bytes in = records_rest(r);
		size_t want = 0;
		ssize_t n = in.n ? r->ops->extent(r->ctx, in, &want) : 0;
		int e;

		if (n < 0)
			return errf(err, -EBADMSG,
				    "damaged at byte %" PRIu64 " of the contents: no record begins "
				    "where one should",
				    r->raw_at);
		if (n > 0) {
			r->give = (size_t)n;
			*ret = (struct records_item){.what = RECORDS_RECORD,
						     .record = {in.p, (size_t)n},
						     .raw_at = r->raw_at,
						     .offset = inspect_offset(r->in)};
			return 0;
		}
		if (r->pending)
			return give_pending(r, ret, err);
		if (in.n >= STREAM_WANT || want > STREAM_WANT)
			return errf(err, -EBADMSG,
				    "damaged at byte %" PRIu64
				    " of the contents: a record larger than any",
				    r->raw_at);
		e = records_pull(r, err);
		if (e < 0)
			return e;
	}
}
