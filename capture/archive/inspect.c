/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "capture/base/seek_table.h"

enum {
	INPUT = 256 * 1024,
	OUTPUT = 128 * 1024,
	WINDOW_LOG = 27, /* 128 MiB: what plain `zstd -d` opens, too */
	MAGIC = 4,
	HEAD = 18,                                /* of a frame, at most */
	HEAD_CHECKSUM = 4,                        /* in the byte behind the magic */
	SKIPPABLE_MAX = 12 * SEEK_TABLE_MAX + 64, /* no larger one is kept in memory */
};

enum inspect_state {
	STATE_START, /* of the file: what is it? */
	STATE_PLAIN,
	STATE_BETWEEN, /* frames */
	STATE_INSIDE,
	STATE_DONE,
};

struct inspect {
	int fd;
	bool eof;
	bool end_due; /* the contents of a frame have been given, its end is still to be told */
	enum inspect_state state;
	size_t at, n;               /* of input: given so far, filled so far */
	uint64_t base;              /* offset in the file of input[0] */
	uint64_t raw;               /* contents given so far */
	struct inspect_frame frame; /* the one being read */
	unsigned long long says;    /* how large its contents are, where its head says that */
	uint8_t last[4];            /* the last bytes of it so far */
	ZSTD_DCtx *zstd;
	size_t wants;       /* as many bytes as it needs next: a block, or the head of a frame */
	uint8_t *skippable; /* of SKIPPABLE_MAX bytes at most */
	uint8_t input[INPUT], output[OUTPUT];
};

int inspect_new(int fd, struct inspect **ret, struct err *err)
{
	struct inspect *f = calloc(1, sizeof(*f));

	if (f)
		f->zstd = ZSTD_createDCtx();
	if (!f || !f->zstd) {
		free(f);
		return errf(err, -ENOMEM, "out of memory");
	}
	ZSTD_DCtx_setParameter(f->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
	f->fd = fd;
	*ret = f;
	return 0;
}

void inspect_free(struct inspect *f)
{
	if (!f)
		return;
	ZSTD_freeDCtx(f->zstd);
	free(f->skippable);
	free(f);
}

bool inspect_is_zstd(const struct inspect *f)
{
	return f->zstd && f->state != STATE_PLAIN && f->state != STATE_START;
}

uint64_t inspect_offset(const struct inspect *f)
{
	return f->frame.offset;
}

/* How far the file has been given. */
static uint64_t input_at(const struct inspect *f)
{
	return f->base + f->at;
}

static size_t input_left(const struct inspect *f)
{
	return f->n - f->at;
}

/* Sees to it that `want` bytes are there, unless the file ends before. */
static int input_fill(struct inspect *f, size_t want, struct err *err)
{
	if (input_left(f) >= want)
		return 0;
	memmove(f->input, f->input + f->at, input_left(f));
	f->base += f->at;
	f->n -= f->at;
	f->at = 0;
	while (f->n < want && !f->eof) {
		ssize_t r = read(f->fd, f->input + f->n, INPUT - f->n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return errf(err, -errno, "%s", strerror(errno));
		f->eof = r == 0;
		f->n += (size_t)r;
	}
	return 0;
}

static uint32_t input_u32(const struct inspect *f, size_t at)
{
	return bytes_get_le32(f->input + f->at + at);
}

static bool is_skippable(uint32_t magic)
{
	return (magic & 0xfffffff0u) == 0x184d2a50u;
}

/* Does the input begin as a frame does? Fewer bytes than a magic number may be what is left of one.
 */
static bool input_begins_frame(const struct inspect *f)
{
	static const uint8_t magic[MAGIC] = {0x28, 0xb5, 0x2f, 0xfd};
	static const uint8_t skippable[MAGIC] = {0x50, 0x2a, 0x4d, 0x18};
	const uint8_t *p = f->input + f->at;
	size_t n = input_left(f) < MAGIC ? input_left(f) : MAGIC;

	if (!n || !memcmp(p, magic, n))
		return n;
	/* One letter alone is no sign of compression. */
	return (p[0] & 0xf0) == skippable[0] && !memcmp(p + 1, skippable + 1, n - 1) &&
	       (n == MAGIC || f->state != STATE_START);
}

static void remember_last(struct inspect *f, const uint8_t *p, size_t n)
{
	size_t keep = n < sizeof(f->last) ? n : sizeof(f->last);

	memmove(f->last, f->last + keep, sizeof(f->last) - keep);
	memcpy(f->last + sizeof(f->last) - keep, p + n - keep, keep);
}

static int item_torn(struct inspect *f, struct inspect_item *ret)
{
	f->state = STATE_DONE;
	*ret = (struct inspect_item){.what = INSPECT_TORN, .offset = f->frame.offset};
	return 0;
}

static int plain_next(struct inspect *f, struct inspect_item *ret, struct err *err)
{
	int r = input_fill(f, 1, err);
	size_t n = input_left(f);

	if (r < 0)
		return r;
	if (!n) {
		*ret = (struct inspect_item){.what = INSPECT_FILE_END, .offset = f->base};
		return 0;
	}
	*ret = (struct inspect_item){.what = INSPECT_DATA,
				     .data = {(const char *)f->input + f->at, n},
				     .offset = input_at(f)};
	f->at += n;
	f->raw += n;
	return 0;
}

static int skippable_next(struct inspect *f, struct inspect_item *ret, struct err *err)
{
	int r = input_fill(f, SEEK_TABLE_HEAD, err);
	uint64_t size = 0;
	size_t n = 0;

	if (r < 0)
		return r;
	if (input_left(f) < SEEK_TABLE_HEAD)
		return item_torn(f, ret);
	size = SEEK_TABLE_HEAD + (uint64_t)input_u32(f, 4);
	if (size > SKIPPABLE_MAX)
		return errf(err, -EBADMSG,
			    "at byte %" PRIu64 ": a skippable frame of %" PRIu64
			    " bytes, which is no seek table",
			    f->frame.offset, size);
	free(f->skippable);
	f->skippable = malloc(size);
	if (!f->skippable)
		return errf(err, -ENOMEM, "out of memory");
	while (n < size) {
		size_t part;

		r = input_fill(f, 1, err);
		if (r < 0)
			return r;
		if (!input_left(f))
			return item_torn(f, ret);
		part = size - n < input_left(f) ? size - n : input_left(f);
		memcpy(f->skippable + n, f->input + f->at, part);
		f->at += part;
		n += part;
	}
	*ret = (struct inspect_item){.what = INSPECT_SKIPPABLE,
				     .data = {(const char *)f->skippable, size},
				     .offset = f->frame.offset};
	return 0;
}

static int frame_damaged(const struct inspect *f, const char *why, struct err *err)
{
	return errf(err, -EBADMSG,
		    "damaged in the frame at byte %" PRIu64 " (contents from byte %" PRIu64
		    " on): %s",
		    f->frame.offset, f->raw, why);
}

/* The library believes the head where the last block is empty. */
static int frame_ended(struct inspect *f, struct inspect_item *ret, struct err *err)
{
	if (f->frame.sized && f->says != f->raw - f->frame.raw_at)
		return frame_damaged(f, "its contents are not as large as its head says", err);
	f->frame.size = input_at(f) - f->frame.offset;
	f->frame.raw_size = f->raw - f->frame.raw_at;
	if (f->frame.checked)
		f->frame.checksum = bytes_get_le32(f->last);
	f->state = STATE_BETWEEN;
	f->end_due = false;
	*ret = (struct inspect_item){
		.what = INSPECT_END, .offset = f->frame.offset, .frame = f->frame};
	return 0;
}

/* Some contents, or the end of the frame. What was compressed together may be given in several
 * turns, and its end in one without any bytes. */
static int inside_next(struct inspect *f, struct inspect_item *ret, struct err *err)
{
	for (;;) {
		ZSTD_outBuffer out = {f->output, OUTPUT, 0};
		ZSTD_inBuffer in;
		bool ended;
		size_t left;
		int r = input_fill(f, 1, err);

		if (r < 0)
			return r;
		/* No more than one block at a time: an error in one takes with it what the same
		 * call made of those before. */
		in = (ZSTD_inBuffer){f->input + f->at, input_left(f), 0};
		if (in.size > f->wants)
			in.size = f->wants;
		left = ZSTD_decompressStream(f->zstd, &out, &in);
		if (ZSTD_isError(left))
			return frame_damaged(f, ZSTD_getErrorName(left), err);
		f->wants = left;
		remember_last(f, f->input + f->at, in.pos);
		f->at += in.pos;
		f->raw += out.pos;
		ended = left == 0;
		if (ended)
			f->state = STATE_BETWEEN;
		if (out.pos) {
			*ret = (struct inspect_item){.what = INSPECT_DATA,
						     .data = {(char *)f->output, out.pos},
						     .offset = f->frame.offset};
			f->end_due = ended;
			return 0;
		}
		if (ended)
			return frame_ended(f, ret, err);
		if (!in.pos && !input_left(f))
			return item_torn(f, ret);
	}
}

static int between_next(struct inspect *f, struct inspect_item *ret, struct err *err)
{
	int r;

	if (f->end_due)
		return frame_ended(f, ret, err);
	r = input_fill(f, HEAD, err);
	if (r < 0)
		return r;
	f->frame = (struct inspect_frame){.offset = input_at(f), .raw_at = f->raw};
	if (!input_left(f)) {
		f->state = STATE_DONE;
		*ret = (struct inspect_item){.what = INSPECT_FILE_END, .offset = f->frame.offset};
		return 0;
	}
	if (!input_begins_frame(f))
		return errf(err, -EBADMSG, "at byte %" PRIu64 ": no frame begins where one should",
			    f->frame.offset);
	if (input_left(f) <= MAGIC)
		return item_torn(f, ret);
	if (is_skippable(input_u32(f, 0)))
		return skippable_next(f, ret, err);
	f->frame.checked = f->input[f->at + MAGIC] & HEAD_CHECKSUM;
	f->says = ZSTD_getFrameContentSize(f->input + f->at, input_left(f));
	f->frame.sized = f->says < ZSTD_CONTENTSIZE_ERROR;
	f->state = STATE_INSIDE;
	f->wants = MAGIC + 1;
	ZSTD_DCtx_reset(f->zstd, ZSTD_reset_session_only);
	return inside_next(f, ret, err);
}

int inspect_next(struct inspect *f, struct inspect_item *ret, struct err *err)
{
	int r;

	if (f->state == STATE_START) {
		r = input_fill(f, MAGIC, err);
		if (r < 0)
			return r;
		f->state = input_begins_frame(f) ? STATE_BETWEEN : STATE_PLAIN;
	}
	switch (f->state) {
	case STATE_PLAIN:
		return plain_next(f, ret, err);
	case STATE_BETWEEN:
		return between_next(f, ret, err);
	case STATE_INSIDE:
		return inside_next(f, ret, err);
	case STATE_START:
	case STATE_DONE:
		break;
	}
	return errf(err, -EINVAL, "nothing more may be asked for");
}
