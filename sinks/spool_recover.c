/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs before this one have left. Whatever is whole is given out again, in its order; nothing
 * is written behind it. Everything here can be done again after a kill at any place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/crc32c.h"
#include "sinks/spool_inside.h"

#define SEGMENT_BEGINS "spool-"
#define SEGMENT_ENDS   ".seg"
#define ASIDE          ".bad"

struct recovery {
	struct spool *s;
	bool cursor_there;
	struct spool_cursor cursor;
	bool cursor_fits; /* it means that record of a segment that is there */
	char *note;
	size_t note_size;
	unsigned noted;
};

/* One that is being walked through. */
struct recovered {
	struct loss whole;      /* everything in it */
	uint64_t events, bytes; /* not done */
	uint64_t cursor;        /* offset up to which it is said to be done; 0 = nothing is */
	bool cursor_fits;       /* a record begins there */
};

/* The first few, and how many there are. */
static void recovery_note(struct recovery *r, const char *name, const char *what)
{
	size_t n = strlen(r->note);

	if (r->noted++ < 3)
		snprintf(r->note + n, r->note_size - n, "%s%s %s", n ? "; " : "", name, what);
	else if (r->noted == 4)
		snprintf(r->note + n, r->note_size - n, "; and others");
}

/* It stays for a human who wants to look, and is never read again. */
static void recovery_put_aside(struct recovery *r, const char *name)
{
	char aside[NAME_MAX + 1];
	int n = snprintf(aside, sizeof(aside), "%s" ASIDE, name);

	if (n > 0 && (size_t)n < sizeof(aside) && place_move(&r->s->place, name, aside) == 0)
		recovery_note(r, name, "is damaged: set aside (" ASIDE ")");
	else
		recovery_note(r, name, "is damaged: left alone");
}

/* ---- one segment --------------------------------------------------------------------------- */

static void recovered_record(void *arg, const struct chunk *head, uint64_t behind)
{
	struct recovered *x = arg;
	struct loss events = spool_record_loss(head);

	loss_add(&x->whole, &events);
	x->events += head->records;
	x->bytes += head->len;
	if (behind != x->cursor)
		return;
	x->cursor_fits = true;
	x->events = x->bytes = 0; /* these are done */
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !*p)
		p++, n--;
	return n == 0;
}

enum sight {
	SOUND,
	UNBORN, /* what a kill or a failure of power leaves of one that was just being begun */
	DAMAGED,
	UNREADABLE, /* today */
};

static enum sight opening_look(int fd, const struct spool_head *head)
{
	static const size_t piece_n = 4096;
	uint8_t piece[4096];
	uint32_t crc = 0;

	for (uint64_t at = 0; at < head->opening_n; at += piece_n) {
		size_t n = head->opening_n - at < piece_n ? head->opening_n - at : piece_n;

		if (spool_segment_pread(fd, piece, n, SPOOL_HEAD + at) < 0)
			return UNREADABLE;
		crc = crc32c(crc, piece, n);
	}
	return crc == head->opening_crc ? SOUND : DAMAGED;
}

/* Two of one number have not come about here. */
static bool recovery_has(const struct recovery *r, uint64_t number)
{
	const struct spool_segment *g = r->s->oldest;

	while (g && g->head.number < number)
		g = g->next;
	return g && g->head.number == number;
}

static enum sight segment_look(const char *name, int fd, uint64_t *ret_size, struct spool_head *ret)
{
	char own_name[SPOOL_NAME];
	uint8_t begin[SPOOL_HEAD];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return UNREADABLE;
	*ret_size = (uint64_t)st.st_size;
	if (*ret_size < SPOOL_HEAD)
		return UNBORN;
	if (spool_segment_pread(fd, begin, sizeof(begin), 0) < 0)
		return UNREADABLE;
	if (is_zero(begin, sizeof(begin)))
		return UNBORN;
	if (!spool_head_read(begin, ret))
		return DAMAGED;
	spool_head_name(ret, own_name);
	if (strcmp(name, own_name) != 0)
		return DAMAGED;
	if (*ret_size < spool_head_size(ret))
		return UNBORN;
	return opening_look(fd, ret);
}

/* Cuts off what is not whole. Where that fails it is found again. */
static void segment_cut(struct spool *s, const struct spool_segment *g,
			const struct spool_scan *scan)
{
	struct loss torn = spool_record_loss(&scan->torn);
	int r = ftruncate(g->fd, (off_t)scan->end);

	(void)r;
	s->stats.torn++;
	if (scan->torn.len)
		loss_add(&s->torn, &torn);
}

static struct spool_segment *recovery_add(struct recovery *r, const struct spool_head *head,
					  const struct recovered *x, uint64_t end)
{
	struct spool *s = r->s;
	struct spool_segment *g = spool_segment_add(s, head);

	if (!g)
		return NULL;
	if (x->cursor_fits) {
		r->cursor_fits = true;
		g->done = x->cursor;
	}
	g->earlier = true;
	g->end = end;
	g->whole = x->whole;
	g->waiting = x->events;
	g->bytes = x->bytes;
	s->size += end;
	s->stats.events += x->events;
	s->stats.bytes += x->bytes;
	return g;
}

static int recovery_take_in(struct recovery *r, const char *name, const struct spool_head *head,
			    int *fd, uint64_t size)
{
	bool meant = r->cursor_there && r->cursor.number == head->number &&
		     r->cursor.stream == head->stream;
	struct recovered x = {.cursor = meant ? r->cursor.offset : 0,
			      .cursor_fits = meant && r->cursor.offset == spool_head_size(head)};
	struct spool_scan scan = {.record = recovered_record, .arg = &x};
	struct spool_segment *g;

	if (spool_segment_scan(*fd, spool_head_size(head), size, &scan) < 0) {
		recovery_note(r, name, "cannot be read: left alone");
		return 0;
	}
	g = recovery_add(r, head, &x, scan.end);
	if (!g)
		return -ENOMEM;
	g->fd = TAKE_FD(*fd);
	if (scan.end < size)
		segment_cut(r->s, g, &scan);
	if (r->s->env.sync != SPOOL_SYNC_NONE) /* who was killed had no time for it */
		spool_segment_sync(r->s, g);
	spool_segment_rest(r->s, g);
	return 0;
}

static int recovery_segment(struct recovery *r, const char *name)
{
	struct spool *s = r->s;
	struct place_file f = {.fd = -1};
	struct spool_head head;
	uint64_t size = 0;
	int code = place_existing(&s->place, name, &f, NULL);
	CLEANUP_CLOSE int fd = code < 0 ? -1 : f.fd;

	if (code < 0) {
		recovery_note(r, name, "is not one that we wrote: left alone");
		return 0;
	}
	switch (segment_look(name, fd, &size, &head)) {
	case SOUND:
		if (recovery_has(r, head.number)) {
			recovery_put_aside(r, name);
			return 0;
		}
		return recovery_take_in(r, name, &head, &fd, size);
	case UNBORN:
		s->stats.torn += size > 0;
		(void)place_remove(&s->place, name);
		return 0;
	case DAMAGED:
		recovery_put_aside(r, name);
		return 0;
	default:
		recovery_note(r, name, "cannot be read: left alone");
		return 0;
	}
}

/* ---- all of them --------------------------------------------------------------------------- */

static bool is_segment(const char *name)
{
	size_t n = strlen(name), ends = strlen(SEGMENT_ENDS);

	return !strncmp(name, SEGMENT_BEGINS, strlen(SEGMENT_BEGINS)) && n > ends &&
	       !strcmp(name + n - ends, SEGMENT_ENDS);
}

/* No file that is there, or that the cursor could mean, has a number like the next one. */
static void recovery_number(struct spool *s, uint64_t number)
{
	if (number >= s->next_number && number < SPOOL_NUMBERS)
		s->next_number = number + 1;
}

static int recovery_segments(struct recovery *r, struct err *err)
{
	struct spool *s = r->s;
	DIR *dir = place_entries(&s->place);
	const struct dirent *e;
	int code = 0;

	if (!dir)
		return errf(err, -errno, "spool '%s': %s", s->env.folder, strerror(errno));
	while (code == 0 && (e = readdir(dir)))
		if (is_segment(e->d_name)) {
			recovery_number(s, strtoull(e->d_name + strlen(SEGMENT_BEGINS), NULL, 10));
			code = recovery_segment(r, e->d_name);
		}
	closedir(dir);
	return code < 0 ? errf(err, code, "spool '%s': %s", s->env.folder, strerror(-code)) : 0;
}

int spool_recover(struct spool *s, char *note, size_t note_size, struct err *err)
{
	struct recovery r = {.s = s, .note = note, .note_size = note_size};
	int code;

	note[0] = '\0';
	place_put_forget(&s->place, SPOOL_CURSOR_NAME);
	r.cursor_there = spool_cursor_load(s, &r.cursor);
	s->next_number = 1;
	if (r.cursor_there)
		recovery_number(s, r.cursor.number);
	code = recovery_segments(&r, err);
	if (code < 0)
		return code;
	/* The file system may have forgotten that they were removed. */
	while (r.cursor_fits && s->oldest->head.number < r.cursor.number) {
		s->stats.events -= s->oldest->waiting;
		s->stats.bytes -= s->oldest->bytes;
		spool_segment_remove_oldest(s);
	}
	s->reading = s->oldest;
	s->read_at = s->oldest ? s->oldest->done : 0;
	spool_settle(s);
	return 0;
}
