/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "capture/base/cleanup.h"

enum {
	INPUT = 128 * 1024,    /* of the file, read at once */
	CONTENTS = 256 * 1024, /* held as long as nobody wants more at once */
	WINDOW_LOG = 27,
	FRAME_HEADER_MIN = 5,
};

struct stream {
	int fd;
	bool owned; /* the descriptor: standard input is not */
	char name[256];
	ZSTD_DCtx *zstd; /* NULL: the file is not compressed */
	/* Of the file. */
	uint64_t left; /* bytes that may still be read */
	uint64_t read; /* offset of what comes behind the input */
	bool file_end;
	ZSTD_inBuffer in;
	/* The contents: what lies from `at` on has not been taken. */
	char *out;
	size_t at, n, cap;
	uint64_t taken;
	/* Where the decompressor stands. */
	uint64_t frame_offset;
	bool frame_open;   /* within a frame */
	bool frame_full;   /* it has more to give of the input that it has taken */
	size_t frame_next; /* of its next input: no more than a block */
	bool end;
	int failed; /* the first error, which stays */
	struct err failure;
	char input[INPUT];
};

/* ---- the file ------------------------------------------------------------------------------ */

static int stream_fail(struct stream *s, int code, const char *why)
{
	s->failed = errf(&s->failure, code, "%s: %s", s->name, why);
	return s->failed;
}

static int stream_damaged(struct stream *s, const char *why)
{
	s->failed = errf(&s->failure, -EBADMSG,
			 "%s: damaged: %s, in the frame at byte %" PRIu64 " of the file", s->name,
			 why, s->frame_offset);
	return s->failed;
}

/* Up to n bytes: what is there, for the writer of a pipe is waited for no longer than for its next
 * bytes. Negative: it cannot be read. */
static ssize_t file_read(struct stream *s, void *to, size_t n)
{
	ssize_t r;

	if (n > s->left)
		n = s->left;
	do
		r = n ? read(s->fd, to, n) : 0;
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return stream_fail(s, -errno, strerror(errno));
	s->file_end = r == 0;
	s->read += (uint64_t)r;
	s->left -= (uint64_t)r;
	return r;
}

/* Reads input behind what is there; the buffer is empty, or has room. */
static int input_fill(struct stream *s)
{
	ssize_t r;

	if (s->in.pos == s->in.size)
		s->in.pos = s->in.size = 0;
	r = file_read(s, s->input + s->in.size, INPUT - s->in.size);
	if (r < 0)
		return (int)r;
	s->in.size += (size_t)r;
	return 0;
}

/* ---- contents ------------------------------------------------------------------------------ */

/* Room for want bytes from `at` on, and for more behind them. */
static int contents_room(struct stream *s, size_t want)
{
	size_t cap = s->cap;
	char *out;

	if (s->cap - s->at > want)
		return 0;
	if (s->n > s->at)
		memmove(s->out, s->out + s->at, s->n - s->at);
	s->n -= s->at;
	s->at = 0;
	while (cap <= want)
		cap *= 2;
	if (cap == s->cap)
		return 0;
	out = realloc(s->out, cap);
	if (!out)
		return stream_fail(s, -ENOMEM, "out of memory");
	s->out = out;
	s->cap = cap;
	return 0;
}

/* What was read to see whether the file is compressed comes first. */
static int plain_fill(struct stream *s)
{
	size_t n = s->in.size - s->in.pos;
	ssize_t r;

	if (n > s->cap - s->n)
		n = s->cap - s->n;
	if (n) {
		memcpy(s->out + s->n, s->input + s->in.pos, n);
		s->in.pos += n;
		s->n += n;
		return 0;
	}
	r = file_read(s, s->out + s->n, s->cap - s->n);
	if (r < 0)
		return (int)r;
	s->n += (size_t)r;
	s->end = s->file_end;
	return 0;
}

/* One step: some more of the contents, or some of the input taken. It ends with each block, for
 * what a step had done before it meets damage is lost, and so with each frame. */
static int zstd_fill(struct stream *s)
{
	ZSTD_outBuffer out = {s->out, s->cap, s->n};
	ZSTD_inBuffer in;
	size_t r;

	if (!s->frame_full && s->in.pos == s->in.size) {
		if (!s->file_end && input_fill(s) < 0)
			return s->failed;
		if (s->in.pos == s->in.size) {
			s->end = s->file_end;
			return 0;
		}
	}
	if (!s->frame_open) {
		s->frame_offset = s->read - (s->in.size - s->in.pos);
		s->frame_next = FRAME_HEADER_MIN;
	}
	in = s->in;
	if (in.size - in.pos > s->frame_next)
		in.size = in.pos + s->frame_next;
	r = ZSTD_decompressStream(s->zstd, &out, &in);
	s->n = out.pos;
	s->in.pos = in.pos;
	if (ZSTD_isError(r))
		return stream_damaged(s, ZSTD_getErrorName(r));
	s->frame_next = r;
	s->frame_open = r != 0;
	s->frame_full = r != 0 && out.pos == out.size;
	return 0;
}

int stream_peek(struct stream *s, size_t want, struct bytes *ret, struct err *err)
{
	size_t least = want ? want : 1;
	int r;

	assert(want <= STREAM_WANT);
	if (!s->failed && s->n - s->at < least && contents_room(s, least) == 0)
		while (!s->failed && !s->end && s->n - s->at < least) {
			r = s->zstd ? zstd_fill(s) : plain_fill(s);
			assert(r == s->failed);
		}
	if (s->failed && s->n - s->at < least)
		return errf(err, s->failed, "%s", s->failure.text);
	*ret = (struct bytes){s->out + s->at, s->n - s->at};
	return 0;
}

void stream_take(struct stream *s, size_t n)
{
	assert(n <= s->n - s->at);
	s->at += n;
	s->taken += n;
	if (s->at == s->n)
		s->at = s->n = 0;
}

/* ---- what it is ---------------------------------------------------------------------------- */

/* A file may begin with a frame to be skipped. */
static bool looks_like_zstd(const char *input, size_t n)
{
	return n >= 4 && (!memcmp(input, "\x28\xb5\x2f\xfd", 4) ||
			  ((input[0] & 0xf0) == 0x50 && !memcmp(input + 1, "\x2a\x4d\x18", 3)));
}

static int stream_begin(struct stream *s)
{
	size_t r;

	s->in.src = s->input;
	while (s->in.size < 4 && !s->file_end)
		if (input_fill(s) < 0)
			return s->failed;
	if (looks_like_zstd(s->input, s->in.size)) {
		s->zstd = ZSTD_createDCtx();
		if (!s->zstd)
			return stream_fail(s, -ENOMEM, "out of memory");
		r = ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
		assert(!ZSTD_isError(r));
	}
	return 0;
}

/* owned: the descriptor is closed with the stream, and now when that fails. */
static int stream_new(int fd, bool owned, const char *name, struct stream **ret, struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (s)
		s->out = malloc(CONTENTS);
	if (!s || !s->out) {
		free(s);
		if (owned)
			close(fd);
		return errf(err, -ENOMEM, "%s: out of memory", name);
	}
	s->fd = fd;
	s->owned = owned;
	s->cap = CONTENTS;
	s->left = UINT64_MAX;
	strncpy(s->name, name, sizeof(s->name) - 1);
	r = stream_begin(s);
	if (r) {
		errf(err, r, "%s", s->failure.text);
		stream_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int stream_open_fd(int fd, const char *name, struct stream **ret, struct err *err)
{
	return stream_new(fd, true, name, ret, err);
}

int stream_open(const char *path, struct stream **ret, struct err *err)
{
	int fd;

	if (!strcmp(path, "-"))
		return stream_new(STDIN_FILENO, false, "standard input", ret, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errf(err, -errno, "%s: %s", path, strerror(errno));
	return stream_new(fd, true, path, ret, err);
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	ZSTD_freeDCtx(s->zstd);
	if (s->owned)
		close(s->fd);
	free(s->out);
	free(s);
}

const char *stream_name(const struct stream *s)
{
	return s->name;
}

bool stream_is_zstd(const struct stream *s)
{
	return s->zstd;
}

bool stream_torn(const struct stream *s)
{
	return s->end && s->frame_open;
}

uint64_t stream_at(const struct stream *s)
{
	return s->taken;
}

uint64_t stream_frame_offset(const struct stream *s)
{
	return s->frame_offset;
}

/* ---- frames -------------------------------------------------------------------------------- */

int stream_seek(struct stream *s, uint64_t offset, uint64_t size, struct err *err)
{
	struct stat st;

	if (!s->owned || fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return errf(err, -ESPIPE, "%s: can only be read from its beginning", s->name);
	if (offset > INT64_MAX || lseek(s->fd, (off_t)offset, SEEK_SET) < 0)
		return errf(err, -EINVAL, "%s: has no byte %" PRIu64, s->name, offset);
	if (s->zstd)
		ZSTD_DCtx_reset(s->zstd, ZSTD_reset_session_only);
	s->left = size;
	s->read = s->frame_offset = offset;
	s->in.pos = s->in.size = 0;
	s->at = s->n = 0;
	s->taken = 0;
	s->file_end = s->end = s->frame_open = s->frame_full = false;
	s->failed = 0;
	return 0;
}
