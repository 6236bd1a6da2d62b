/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/crc32c.h"
#include "sinks/spool_inside.h"

enum {
	SCAN_WINDOW = 4096, /* so many heads of small records are read at once */
	NAME_TRIES = 16,
};

/* ---- reading ------------------------------------------------------------------------------- */

int spool_segment_fd(struct spool *s, struct spool_segment *g)
{
	struct place_file f;
	int r;

	if (g->fd >= 0)
		return g->fd;
	r = place_existing(&s->place, g->name, &f, NULL);
	if (r < 0)
		return r;
	g->fd = f.fd;
	return g->fd;
}

/* As many of the n bytes as there are. */
static ssize_t pread_some(int fd, uint8_t *p, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, p + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int spool_segment_pread(int fd, void *p, size_t n, uint64_t offset)
{
	ssize_t got = pread_some(fd, p, n, offset);

	if (got < 0)
		return (int)got;
	return (size_t)got == n ? 0 : -EIO;
}

int spool_segment_scan(int fd, uint64_t from, uint64_t to, struct spool_scan *scan)
{
	uint8_t window[SCAN_WINDOW];
	uint64_t window_at = from;
	ssize_t got = 0;

	scan->end = from;
	scan->torn.len = 0;
	while (scan->end + SPOOL_RECORD <= to) {
		uint64_t behind;
		struct chunk c;

		if (scan->end + SPOOL_RECORD > window_at + (uint64_t)got) {
			window_at = scan->end;
			got = pread_some(fd, window, sizeof(window), window_at);
			if (got < 0)
				return (int)got;
			if (got < SPOOL_RECORD)
				return -EIO;
		}
		if (!spool_record_read(window + (scan->end - window_at), &c))
			return 0;
		behind = scan->end + SPOOL_RECORD + c.len;
		if (behind > to) {
			scan->torn = c;
			return 0;
		}
		if (scan->record)
			scan->record(scan->arg, &c, behind);
		scan->end = behind;
	}
	return 0;
}

/* ---- the list ------------------------------------------------------------------------------ */

struct spool_segment *spool_segment_add(struct spool *s, const struct spool_head *head)
{
	struct spool_segment *g = calloc(1, sizeof(*g)), **at = &s->oldest;

	if (!g)
		return NULL;
	g->head = *head;
	g->fd = -1;
	g->end = g->done = spool_head_size(head);
	spool_head_name(head, g->name);
	if (s->newest && s->newest->head.number < head->number)
		at = &s->newest->next;
	while (*at && (*at)->head.number < head->number)
		at = &(*at)->next;
	g->next = *at;
	*at = g;
	if (!g->next)
		s->newest = g;
	return g;
}

void spool_segment_rest(struct spool *s, struct spool_segment *g)
{
	if (g == s->writing || g == s->reading)
		return;
	cleanup_closep(&g->fd);
	g->fd = -1;
}

static void segment_free_oldest(struct spool *s)
{
	struct spool_segment *g = s->oldest;

	s->oldest = g->next;
	if (!s->oldest)
		s->newest = NULL;
	if (s->writing == g)
		s->writing = NULL;
	if (s->reading == g) {
		s->reading = g->next;
		s->read_at = g->next ? spool_head_size(&g->next->head) : 0;
		s->peeked = false;
	}
	cleanup_closep(&g->fd);
	free(g);
}

void spool_segment_remove_oldest(struct spool *s)
{
	struct spool_segment *g = s->oldest;

	/* One that is gone already is as well; one that stays is found again, and given again. */
	(void)place_remove(&s->place, g->name);
	s->size -= g->end;
	segment_free_oldest(s);
}

void spool_segment_free_all(struct spool *s)
{
	while (s->oldest)
		segment_free_oldest(s);
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Writes all of it, or as much as there is room for, and says why no more. */
static int pwritev_all(int fd, struct iovec *iov, int n, uint64_t offset)
{
	while (n) {
		ssize_t done = pwritev(fd, iov, n, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		offset += (uint64_t)done;
		for (; n && (size_t)done >= iov->iov_len; iov++, n--)
			done -= (ssize_t)iov->iov_len;
		if (n) {
			iov->iov_base = (uint8_t *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* The record is in it. */
static void segment_count(struct spool *s, struct spool_segment *g, const struct chunk *c)
{
	struct loss events = spool_record_loss(c);

	loss_add(&g->whole, &events);
	g->waiting += c->records;
	g->bytes += c->len;
	s->stats.events += c->records;
	s->stats.bytes += c->len;
	s->unmeasured += SPOOL_RECORD + c->len;
}

int spool_segment_append(struct spool *s, const struct chunk *c)
{
	struct spool_segment *g = s->writing;
	uint8_t record[SPOOL_RECORD];
	struct iovec iov[] = {{.iov_base = record, .iov_len = sizeof(record)},
			      {.iov_base = c->p, .iov_len = c->len}};
	int r;

	spool_record_write(c, record);
	r = pwritev_all(g->fd, iov, 2, g->end);
	if (r < 0) {
		bool whole = ftruncate(g->fd, (off_t)g->end) == 0;

		if (!whole || (r != -ENOSPC && r != -EDQUOT))
			spool_segment_retire(s);
		return r;
	}
	g->end += SPOOL_RECORD + c->len;
	s->size += SPOOL_RECORD + c->len;
	segment_count(s, g, c);
	return 0;
}

/* A file of a name that was not there. */
static int segment_create(struct spool *s, struct spool_head *head, struct place_file *ret)
{
	char name[SPOOL_NAME];
	int r = -EEXIST;

	for (unsigned i = 0; r == -EEXIST && i < NAME_TRIES; i++) {
		head->number = s->next_number++;
		spool_head_name(head, name);
		r = place_create(&s->place, name, ret, NULL);
	}
	return r;
}

static int segment_write_first(struct spool *s, int fd, const struct spool_head *head,
			       const struct chunk *c)
{
	uint8_t first[SPOOL_HEAD], record[SPOOL_RECORD];
	struct iovec iov[] = {{.iov_base = first, .iov_len = sizeof(first)},
			      {.iov_base = s->opening, .iov_len = head->opening_n},
			      {.iov_base = record, .iov_len = sizeof(record)},
			      {.iov_base = c->p, .iov_len = c->len}};

	spool_head_write(head, first);
	spool_record_write(c, record);
	return pwritev_all(fd, iov, 4, 0);
}

int spool_segment_begin(struct spool *s, const struct chunk *c)
{
	struct spool_head head = {.stream = s->stream,
				  .first_seq = c->first_seq,
				  .opening_n = s->opening_n,
				  .opening_crc = crc32c(0, s->opening, s->opening_n)};
	struct place_file f = {.fd = -1};
	struct spool_segment *g;
	int r = segment_create(s, &head, &f);

	assert(!s->writing);
	if (r < 0)
		return r;
	r = segment_write_first(s, f.fd, &head, c);
	g = r < 0 ? NULL : spool_segment_add(s, &head);
	if (!g) {
		(void)place_remove(&s->place, f.name);
		place_file_close(&f);
		return r < 0 ? r : -ENOMEM;
	}
	g->fd = f.fd;
	g->end += SPOOL_RECORD + c->len;
	s->size += g->end;
	s->writing = g;
	s->folder_unsynced = true;
	if (!s->reading) {
		s->reading = g;
		s->read_at = spool_head_size(&head);
	}
	segment_count(s, g, c);
	return 0;
}

void spool_segment_retire(struct spool *s)
{
	struct spool_segment *g = s->writing;

	s->writing = NULL;
	if (g->done < g->end && s->env.sync != SPOOL_SYNC_NONE)
		spool_segment_sync(s, g);
	spool_segment_rest(s, g);
	spool_settle(s); /* if it is done already, it goes */
}

void spool_segment_sync(struct spool *s, struct spool_segment *g)
{
	int fd = g->synced < g->end ? spool_segment_fd(s, g) : -1;

	if (fd >= 0) {
		g->synced = g->end;
		if (fdatasync(fd) < 0) {
			s->stats.sync_failed++;
			if (g == s->writing)
				spool_segment_retire(s);
		}
	}
	if (s->folder_unsynced && place_sync(&s->place) == 0)
		s->folder_unsynced = false;
}
