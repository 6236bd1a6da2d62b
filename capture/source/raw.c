/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/source/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/layout.h"
#include "kern/events.h"

enum {
	BUFFER = 1024 * 1024
};
_Static_assert(BUFFER >= 2 * REC_MAX, "a record fits whole, whatever lies before it");

struct source_raw {
	int fd;
	bool end; /* of the file */
	atomic_bool stopped;
	size_t at, n; /* of the buffer: read so far, filled so far */
	uint64_t torn;
	char path[256];
	_Alignas(RAW_ALIGN) char buffer[BUFFER];
};

/* Moves what is left to the front and reads what there is behind it: a pipe's writer is not waited
 * for any longer than for its next bytes. */
static int raw_fill(struct source_raw *s)
{
	ssize_t r;

	memmove(s->buffer, s->buffer + s->at, s->n - s->at);
	s->n -= s->at;
	s->at = 0;
	do
		r = read(s->fd, s->buffer + s->n, BUFFER - s->n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	s->end = r == 0;
	s->n += (size_t)r;
	return 0;
}

/* The next record, if it lies whole in the buffer. -EBADMSG: what is there is no record. */
static int raw_next(struct source_raw *s, const struct rec **ret)
{
	const struct rec *rec = (const void *)(s->buffer + s->at);
	size_t left = s->n - s->at;

	*ret = NULL;
	if (left >= RAW_MAGIC_SIZE && !memcmp(rec, RAW_MAGIC, RAW_MAGIC_SIZE)) {
		s->at += RAW_MAGIC_SIZE; /* the recorder began anew after a gap */
		return raw_next(s, ret);
	}
	if (left < sizeof(*rec))
		return 0;
	if (rec->len < sizeof(*rec) || rec->len > REC_MAX)
		return -EBADMSG;
	if (raw_padded(rec->len) <= left)
		*ret = rec;
	return 0;
}

static int raw_read(void *ctx, unsigned budget, source_fn fn, void *arg, struct err *err)
{
	struct source_raw *s = ctx;

	while (budget) {
		const struct rec *rec;
		int r = raw_next(s, &rec);

		if (!r && !rec && !s->end) {
			r = raw_fill(s);
			if (r)
				return errf(err, r, "%s: %s", s->path, strerror(-r));
			continue;
		}
		if (r)
			return errf(err, r, "%s: damaged: no record where one should begin",
				    s->path);
		if (!rec || atomic_load(&s->stopped)) {
			s->torn = rec ? 0 : s->n - s->at;
			return SOURCE_END;
		}
		s->at += raw_padded(rec->len);
		r = fn(rec, arg);
		if (r < 0)
			return r;
		budget--;
	}
	return SOURCE_MORE;
}

static void raw_stop(void *ctx)
{
	struct source_raw *s = ctx;

	atomic_store(&s->stopped, true);
}

static void raw_close(void *ctx)
{
	struct source_raw *s = ctx;

	if (s->fd > STDIN_FILENO)
		close(s->fd);
	free(s);
}

static const struct source_ops source_raw_ops = {
	.name = "raw",
	.read = raw_read,
	.stop = raw_stop,
	.close = raw_close,
};

/* The magic holds "\r\n", so that a transfer in text mode, which changes it, is noticed. */
static int raw_check_magic(struct source_raw *s, struct err *err)
{
	int r = 0;

	while (!r && !s->end && s->n < RAW_MAGIC_SIZE)
		r = raw_fill(s);
	if (r)
		return errf(err, r, "%s: %s", s->path, strerror(-r));
	if (s->n < RAW_MAGIC_SIZE || memcmp(s->buffer, RAW_MAGIC, RAW_MAGIC_SIZE))
		return errf(err, -EBADMSG, "%s: no raw recording of penstock", s->path);
	s->at = RAW_MAGIC_SIZE;
	return 0;
}

int source_raw_open(const char *path, struct source *ret, struct err *err)
{
	CLEANUP_FREE struct source_raw *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return errf(err, -ENOMEM, "%s: out of memory", path);
	strncpy(s->path, path, sizeof(s->path) - 1);
	s->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (s->fd < 0)
		return errf(err, -errno, "%s: %s", path, strerror(errno));
	r = raw_check_magic(s, err);
	if (r) {
		if (s->fd != STDIN_FILENO)
			close(s->fd);
		return r;
	}
	*ret = (struct source){&source_raw_ops, TAKE_PTR(s)};
	return 0;
}

uint64_t source_raw_torn(const struct source *source)
{
	const struct source_raw *s = source->ctx;

	return s->torn;
}
