/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/frames.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"

/* RFC 8878, and zstd's contrib/seekable_format: all numbers are little endian. */
enum {
	FRAME_MAGIC_SIZE = 4,
	FRAME_HEADER_MAX = 18,
	SKIPPABLE_HEADER = 8,
	BLOCK_HEADER = 3,
	BLOCK_MAX = 128 * 1024,
	CHECKSUM = 4,
	TABLE_FOOTER = 9,
	WINDOW = 4096, /* of the file, read at once: headers may lie close together */
};
#define FRAME_MAGIC     0xfd2fb528u
#define SKIPPABLE_MAGIC 0x184d2a50u /* the last four bits may be any */
#define SKIPPABLE_MASK  0xfffffff0u
#define TABLE_SKIPPABLE 0x184d2a5eu
#define TABLE_MAGIC     0x8f92eab1u
#define TABLE_CHECKSUMS 0x80
#define TABLE_RESERVED  0x7c

struct frames {
	int fd;
	uint64_t size; /* of the file */
	struct stream_frame *v;
	size_t n, cap;
	uint64_t window_at;
	size_t window_n;
	uint8_t window[WINDOW];
	struct err *err;
};

static uint64_t get_le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* Reads n bytes at that offset; fewer only at the end of the file. */
static ssize_t file_read(int fd, uint8_t *to, size_t n, uint64_t offset)
{
	size_t done = 0;
	ssize_t r = 1;

	while (done < n && r != 0) {
		r = pread(fd, to + done, n - done, (off_t)(offset + done));
		if (r < 0 && errno != EINTR)
			return -errno;
		done += r > 0 ? (size_t)r : 0;
	}
	return (ssize_t)done;
}

/* The n bytes at that offset; NULL when the file ends before. What cannot be read ends it. */
static const uint8_t *frames_see(struct frames *f, uint64_t at, size_t n)
{
	ssize_t r;

	if (at > f->size || f->size - at < n)
		return NULL;
	if (at < f->window_at || at + n > f->window_at + f->window_n) {
		r = file_read(f->fd, f->window, WINDOW, at);
		f->window_at = at;
		f->window_n = r > 0 ? (size_t)r : 0;
		if (f->window_n < n)
			return NULL;
	}
	return f->window + (at - f->window_at);
}

static int frames_add(struct frames *f, const struct stream_frame *frame)
{
	struct stream_frame *more;
	size_t cap = f->cap ? 2 * f->cap : 64;

	if (f->n == f->cap) {
		more = reallocarray(f->v, cap, sizeof(*more));
		if (!more)
			return errf(f->err, -ENOMEM, "no memory for the list of frames");
		f->v = more;
		f->cap = cap;
	}
	f->v[f->n++] = *frame;
	return 0;
}

/* ---- by the seek table --------------------------------------------------------------------- */

struct table {
	uint64_t at; /* where its frame begins: all others lie before that */
	uint64_t entry_size;
	uint64_t n;
};

/* Does the file end with a seek table whose sizes are possible? */
static bool table_find(struct frames *f, struct table *ret)
{
	const uint8_t *p =
		f->size > TABLE_FOOTER ? frames_see(f, f->size - TABLE_FOOTER, TABLE_FOOTER) : NULL;
	uint64_t body;

	if (!p || get_le(p + 5, 4) != TABLE_MAGIC || p[4] & TABLE_RESERVED)
		return false;
	ret->n = get_le(p, 4);
	ret->entry_size = p[4] & TABLE_CHECKSUMS ? 12 : 8;
	body = ret->n * ret->entry_size + TABLE_FOOTER;
	if (body + SKIPPABLE_HEADER > f->size)
		return false;
	ret->at = f->size - body - SKIPPABLE_HEADER;
	p = frames_see(f, ret->at, SKIPPABLE_HEADER);
	return p && get_le(p, 4) == TABLE_SKIPPABLE && get_le(p + 4, 4) == body;
}

/* The frames that the n bytes of entries at p name, from offset *at on. 1: they cannot be right. */
static int table_take(struct frames *f, const struct table *t, const uint8_t *p, size_t n,
		      uint64_t *at)
{
	for (size_t i = 0; i < n; i += t->entry_size) {
		struct stream_frame frame = {
			.offset = *at, .size = get_le(p + i, 4), .raw_size = get_le(p + i + 4, 4)};
		const uint8_t *head = frames_see(f, *at, FRAME_MAGIC_SIZE);
		int r;

		if (!head || get_le(head, 4) != FRAME_MAGIC || frame.size > t->at - *at ||
		    frame.size < FRAME_MAGIC_SIZE)
			return 1;
		r = frames_add(f, &frame);
		if (r)
			return r;
		*at += frame.size;
	}
	return 0;
}

/* 0: done; 1: there is no table that fits the file. */
static int frames_by_table(struct frames *f)
{
	uint8_t entries[12 * 256];
	uint64_t at = 0, left, from;
	struct table t;
	int r = 0;

	if (!table_find(f, &t))
		return 1;
	left = t.n * t.entry_size;
	from = t.at + SKIPPABLE_HEADER;
	while (left && r == 0) {
		size_t want = sizeof(entries) / 24 * 24; /* a multiple of both sizes */
		size_t n = left < want ? left : want;

		if (file_read(f->fd, entries, n, from) != (ssize_t)n)
			return 1;
		r = table_take(f, &t, entries, n, &at);
		from += n;
		left -= n;
	}
	return r ? r : at != t.at;
}

/* ---- by the headers of blocks -------------------------------------------------------------- */

struct header {
	unsigned size;
	bool checksum;
	uint64_t raw_size;
};

/* Of a frame at that offset. 1: the file ends within it. */
static int header_read(struct frames *f, uint64_t at, struct header *ret)
{
	static const unsigned dictionary_sizes[] = {0, 1, 2, 4}, content_sizes[] = {0, 2, 4, 8};
	const uint8_t *p = frames_see(f, at + FRAME_MAGIC_SIZE, 1);
	unsigned descriptor, content, before;
	bool single;

	if (!p)
		return 1;
	descriptor = *p;
	single = descriptor >> 5 & 1;
	content = content_sizes[descriptor >> 6];
	if (single && !content)
		content = 1;
	before = FRAME_MAGIC_SIZE + 1 + !single + dictionary_sizes[descriptor & 3];
	if (descriptor & 8)
		return errf(f->err, -EBADMSG, "the frame at byte %" PRIu64 " is no frame of zstd",
			    at);
	p = frames_see(f, at, before + content);
	if (!p)
		return 1;
	*ret = (struct header){.size = before + content,
			       .checksum = descriptor & 4,
			       .raw_size = get_le(p + before, content) + (content == 2 ? 256 : 0)};
	return 0;
}

/* Finds the end of the frame's blocks, which begin at *at. 1: the file ends before. */
static int blocks_walk(struct frames *f, uint64_t *at)
{
	uint64_t header = 0;

	while (!(header & 1)) {
		const uint8_t *p = frames_see(f, *at, BLOCK_HEADER);
		unsigned type;

		if (!p)
			return 1;
		header = get_le(p, BLOCK_HEADER);
		type = header >> 1 & 3;
		if (type == 3 || header >> 3 > BLOCK_MAX)
			return errf(f->err, -EBADMSG, "damaged: no block of zstd at byte %" PRIu64,
				    *at);
		*at += BLOCK_HEADER + (type == 1 ? 1 : header >> 3);
		if (*at > f->size)
			return 1;
	}
	return 0;
}

/* Adds the frame at *at and moves on behind it. */
static int frame_walk(struct frames *f, uint64_t *at)
{
	struct stream_frame frame = {.offset = *at};
	struct header header = {0};
	uint64_t end = 0;
	int r = header_read(f, *at, &header);

	if (r == 0) {
		end = *at + header.size;
		r = blocks_walk(f, &end);
		end += r == 0 && header.checksum ? CHECKSUM : 0;
		frame.raw_size = r == 0 ? header.raw_size : 0;
	}
	if (r < 0)
		return r;
	if (r == 1 || end > f->size) /* what of it was flushed can be read */
		end = f->size;
	frame.size = end - *at;
	*at = end;
	return frames_add(f, &frame);
}

static int frames_by_walking(struct frames *f)
{
	uint64_t at = 0;
	int r = 0;

	while (r == 0 && at < f->size) {
		const uint8_t *p = frames_see(f, at, FRAME_MAGIC_SIZE);
		uint64_t magic = p ? get_le(p, FRAME_MAGIC_SIZE) : 0;

		if (!p)
			break; /* cut within the magic: nothing is there */
		if (magic == FRAME_MAGIC) {
			r = frame_walk(f, &at);
		} else if ((magic & SKIPPABLE_MASK) == SKIPPABLE_MAGIC) {
			p = frames_see(f, at, SKIPPABLE_HEADER);
			if (!p)
				break;
			at += SKIPPABLE_HEADER + get_le(p + 4, 4);
		} else {
			r = errf(f->err, -EBADMSG, "damaged: no frame of zstd at byte %" PRIu64,
				 at);
		}
	}
	return r;
}

int frames_find(int fd, uint64_t size, struct stream_frame **ret, size_t *ret_n, struct err *err)
{
	CLEANUP_FREE struct frames *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return errf(err, -ENOMEM, "out of memory");
	*f = (struct frames){.fd = fd, .size = size, .err = err};
	r = frames_by_table(f);
	if (r == 1) {
		f->n = 0;
		r = frames_by_walking(f);
	}
	if (r) {
		free(f->v);
		return r;
	}
	*ret = f->v;
	*ret_n = f->n;
	return 0;
}
