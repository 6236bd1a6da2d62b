/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "capture/base/crc32c.h"
#include "sinks/spool_inside.h"

/* ---- what was given ------------------------------------------------------------------------ */

static struct spool_given *given_oldest(struct spool *s)
{
	return &s->given[s->given_first % SPOOL_GIVEN];
}

static void given_take_oldest(struct spool *s)
{
	s->given_first++;
	s->given_n--;
}

static void given_add(struct spool *s, const struct spool_given *g)
{
	assert(s->given_n < SPOOL_GIVEN);
	s->given[(s->given_first + s->given_n++) % SPOOL_GIVEN] = *g;
}

/* Is its segment still there? Nothing before it is, then. */
static bool given_is_kept(const struct spool *s, const struct spool_given *g)
{
	return s->oldest && s->oldest->head.number == g->number;
}

/* It is done, or as good as. */
static void given_settle_oldest(struct spool *s)
{
	struct spool_given *g = given_oldest(s);

	assert(!s->oldest || s->oldest->head.number >= g->number);
	if (!g->passed) {
		s->stats.events -= g->loss.count;
		s->stats.bytes -= g->bytes;
	}
	if (given_is_kept(s, g)) {
		s->cursor_bytes += g->end - s->oldest->done;
		s->cursor_due |= g->end != s->oldest->done;
		s->oldest->done = g->end;
	}
	given_take_oldest(s);
}

void spool_settle(struct spool *s)
{
	for (;;) {
		const struct spool_segment *g = s->oldest;

		if (g && g != s->writing && g->done >= g->end)
			spool_segment_remove_oldest(s);
		else if (s->given_n && given_oldest(s)->passed)
			given_settle_oldest(s);
		else
			return;
	}
}

void spool_done(void *ctx)
{
	struct spool *s = ctx;

	assert(s->given_n);
	given_settle_oldest(s);
	spool_settle(s);
	spool_cursor_tick(s, false);
}

/* ---- what is lost -------------------------------------------------------------------------- */

static void spool_lose(struct spool *s, const struct loss *loss, uint64_t bytes, bool earlier)
{
	s->stats.events -= loss->count;
	s->stats.bytes -= bytes;
	if (loss->count)
		s->env.lost(s->env.arg, loss, earlier);
}

static void loss_of_record(void *arg, const struct chunk *head, uint64_t behind)
{
	struct loss one = spool_record_loss(head);

	loss_add(arg, &one);
}

/* All that is in a segment from there on and was not given out. What it says of itself counts,
 * unless that is no more what was put into it. */
static struct loss segment_rest(struct spool *s, struct spool_segment *g, uint64_t from)
{
	struct loss rest = {0};
	struct spool_scan scan = {.record = loss_of_record, .arg = &rest};
	int fd = spool_segment_fd(s, g);

	if (fd < 0 || spool_segment_scan(fd, from, g->end, &scan) < 0 || rest.count != g->waiting) {
		rest = g->whole;
		rest.count = g->waiting;
	}
	return rest;
}

static void segment_lose_rest(struct spool *s, struct spool_segment *g, uint64_t from)
{
	struct loss rest = segment_rest(s, g, from);
	uint64_t bytes = g->bytes;

	g->waiting = g->bytes = 0;
	spool_lose(s, &rest, bytes, g->earlier);
}

void spool_drop_oldest(struct spool *s)
{
	struct spool_segment *g = s->oldest;

	if (s->reading == g)
		segment_lose_rest(s, g, s->read_at);
	spool_segment_remove_oldest(s);
	spool_settle(s);
}

void spool_lose_given(struct spool *s)
{
	for (; s->given_n && !given_is_kept(s, given_oldest(s)); given_take_oldest(s))
		if (!given_oldest(s)->passed)
			spool_lose(s, &given_oldest(s)->loss, given_oldest(s)->bytes,
				   given_oldest(s)->earlier);
}

static void given_restore(struct spool *s, const struct spool_given *given)
{
	struct spool_segment *g = s->oldest;

	while (g && g->head.number < given->number)
		g = g->next;
	if (!g || g->head.number != given->number) {
		spool_lose(s, &given->loss, given->bytes, given->earlier);
		return;
	}
	g->waiting += given->loss.count;
	g->bytes += given->bytes;
}

void spool_rewind(void *ctx)
{
	struct spool *s = ctx;

	for (; s->given_n; given_take_oldest(s))
		if (!given_oldest(s)->passed)
			given_restore(s, given_oldest(s));
	s->reading = s->oldest;
	s->read_at = s->oldest ? s->oldest->done : 0;
	s->told = s->peeked = false;
	spool_settle(s);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* The next record is no more what was put. */
static void reading_pass_record(struct spool *s)
{
	struct spool_segment *g = s->reading;
	struct loss loss = spool_record_loss(&s->peek);
	uint64_t end = s->read_at + SPOOL_RECORD + s->peek.len;

	given_add(s, &(struct spool_given){.number = g->head.number, .end = end, .passed = true});
	s->read_at = end;
	s->peeked = false;
	if (end > g->passed_to) { /* else it is counted already */
		g->passed_to = end;
		g->waiting -= loss.count;
		g->bytes -= s->peek.len;
		spool_lose(s, &loss, s->peek.len, g->earlier);
	}
	spool_settle(s);
}

/* Nobody knows where the next record begins, or what it means. */
static void reading_pass_segment(struct spool *s)
{
	struct spool_segment *g = s->reading;
	uint64_t from = s->read_at;

	given_add(s,
		  &(struct spool_given){.number = g->head.number, .end = g->end, .passed = true});
	s->read_at = g->end;
	s->peeked = false;
	segment_lose_rest(s, g, from);
	if (g == s->writing)
		spool_segment_retire(s);
	else
		spool_settle(s);
}

/* Is there room for something in the list of what was given, and does something lie where the next
 * one is read? */
static bool reading_finds(struct spool *s)
{
	struct spool_segment *g = s->reading;

	while (g && s->read_at >= g->end && g->next) {
		s->reading = g->next;
		s->read_at = spool_head_size(&g->next->head);
		spool_segment_rest(s, g);
		g = s->reading;
	}
	return g && s->read_at < g->end && s->given_n < SPOOL_GIVEN;
}

/* The head of the next record. False: it is damaged. */
static bool reading_peek_record(struct spool *s)
{
	struct spool_segment *g = s->reading;
	int fd = spool_segment_fd(s, g);

	return fd >= 0 && spool_segment_pread(fd, s->peek_record, SPOOL_RECORD, s->read_at) == 0 &&
	       spool_record_read(s->peek_record, &s->peek) &&
	       s->read_at + SPOOL_RECORD + s->peek.len <= g->end && s->peek.records <= g->waiting &&
	       s->peek.len <= g->bytes;
}

static bool spool_peek(struct spool *s)
{
	while (!s->peeked && reading_finds(s)) {
		const struct spool_head *head = &s->reading->head;

		s->peek_opening = head->opening_n && (!s->told || s->told_stream != head->stream);
		if (s->peek_opening)
			s->peek = (struct chunk){.len = head->opening_n,
						 .opening_n = head->opening_n,
						 .opens = true,
						 .opens_run = true};
		s->peeked = s->peek_opening || reading_peek_record(s);
		if (!s->peeked)
			reading_pass_segment(s);
	}
	return s->peeked;
}

size_t spool_next_size(void *ctx)
{
	struct spool *s = ctx;

	return spool_peek(s) ? s->peek.len : 0;
}

/* As it was put, into a chunk that keeps its memory. */
static void chunk_become(struct chunk *into, const struct spool *s)
{
	const struct chunk memory = *into;
	bool earlier = s->reading->earlier;

	*into = s->peek;
	into->p = memory.p;
	into->cap = memory.cap;
	into->keys = memory.keys;
	into->next = memory.next;
	into->again = earlier;
	if (earlier)
		into->reports = 0;
}

static int reading_give_opening(struct spool *s, struct chunk *into)
{
	const struct spool_head *head = &s->reading->head;
	int fd = spool_segment_fd(s, s->reading);

	if (fd < 0 || spool_segment_pread(fd, into->p, head->opening_n, SPOOL_HEAD) < 0 ||
	    crc32c(0, into->p, head->opening_n) != head->opening_crc) {
		reading_pass_segment(s);
		return -EBADMSG;
	}
	chunk_become(into, s);
	s->told = true;
	s->told_stream = head->stream;
	s->peeked = false;
	given_add(s, &(struct spool_given){.number = head->number, .end = s->read_at});
	return 0;
}

static int reading_give_record(struct spool *s, struct chunk *into)
{
	struct spool_segment *g = s->reading;
	size_t n = s->peek.len;
	int fd = spool_segment_fd(s, g);

	if (fd < 0 || spool_segment_pread(fd, into->p, n, s->read_at + SPOOL_RECORD) < 0 ||
	    !spool_record_fits(s->peek_record, into->p, n)) {
		reading_pass_record(s);
		return -EBADMSG;
	}
	chunk_become(into, s);
	into->again |= s->read_at < g->given_to;
	s->read_at += SPOOL_RECORD + n;
	if (g->given_to < s->read_at)
		g->given_to = s->read_at;
	s->peeked = false;
	g->waiting -= s->peek.records;
	g->bytes -= n;
	given_add(s, &(struct spool_given){.number = g->head.number,
					   .end = s->read_at,
					   .earlier = g->earlier,
					   .bytes = n,
					   .loss = spool_record_loss(&s->peek)});
	return 0;
}

int spool_next(void *ctx, struct chunk *into)
{
	struct spool *s = ctx;

	if (!spool_peek(s))
		return -EAGAIN;
	if (into->cap < s->peek.len)
		return -EMSGSIZE;
	return s->peek_opening ? reading_give_opening(s, into) : reading_give_record(s, into);
}
