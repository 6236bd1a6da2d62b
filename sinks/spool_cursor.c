/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/elapsed.h"
#include "sinks/spool_inside.h"

enum {
	CURSOR_BYTES = 4 * 1024 * 1024, /* written when so much is done, */
	CURSOR_LEAST_MS = 100,          /* but not more often than that; */
	CURSOR_MS = 1000,               /* and after that time, if anything is */
};

static void cursor_write(struct spool *s)
{
	const struct spool_segment *g = s->oldest;
	uint8_t bytes[SPOOL_CURSOR];

	s->cursor_due = false;
	s->cursor_bytes = 0;
	/* A segment of which nothing is done needs none: those before it are gone. */
	if (!g || g->done == spool_head_size(&g->head))
		return;
	spool_cursor_write(&(struct spool_cursor){.number = g->head.number,
						  .stream = g->head.stream,
						  .offset = g->done},
			   bytes);
	if (place_put(&s->place, SPOOL_CURSOR_NAME, bytes, sizeof(bytes), NULL) < 0)
		return; /* then more comes again than has to */
	s->cursor_there = true;
	if (s->env.sync != SPOOL_SYNC_NONE)
		(void)place_sync(&s->place);
}

void spool_cursor_tick(struct spool *s, bool now)
{
	int64_t now_ms;

	if (!s->cursor_due)
		return;
	now_ms = elapsed_ms();
	if (!now && now_ms - s->cursor_ms < CURSOR_MS &&
	    (s->cursor_bytes < CURSOR_BYTES || now_ms - s->cursor_ms < CURSOR_LEAST_MS))
		return;
	cursor_write(s);
	s->cursor_ms = elapsed_ms();
}

bool spool_cursor_load(struct spool *s, struct spool_cursor *ret)
{
	CLEANUP_CLOSE int fd = openat(s->place.folder, SPOOL_CURSOR_NAME,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint8_t bytes[SPOOL_CURSOR];
	struct stat st;

	s->cursor_there = fd >= 0;
	return fd >= 0 && fstat(fd, &st) == 0 && place_is_ours(&s->place, &st) &&
	       spool_segment_pread(fd, bytes, sizeof(bytes), 0) == 0 &&
	       spool_cursor_read(bytes, ret);
}

void spool_cursor_remove(struct spool *s)
{
	place_put_forget(&s->place, SPOOL_CURSOR_NAME);
	if (s->cursor_there && place_remove(&s->place, SPOOL_CURSOR_NAME) == 0)
		(void)place_sync(
			&s->place); /* the next segment may have the number that it means */
	s->cursor_there = false;
}
