/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a sink that fails is left alone, and when it is given up: see capture/medium.h. */
#include <errno.h>

#include "capture/base/elapsed.h"
#include "capture/medium.h"

enum {
	RETRY_MS = 100,             /* after a first failure; then twice as long each time */
	RETRY_DOUBLINGS = 5,        /* and so at most 3.2 s; */
	RETRY_STREAM_DOUBLINGS = 9, /* of one that streams at most 30 s, */
	RETRY_STREAM_MS = 30000,
	RETRY_LEAST_MS = 20, /* and at random, so that not all come at once */
	STREAM_FAILURES = 3, /* of a stream that the reader waits for, and nothing was ever sent */
	SPOOL_FAILURES = 4,  /* at the end, where nothing is lost by giving up: about a second */
	STREAM_PATIENCE_MS = 60000, /* of one that was */
	PATIENCE_MS = 5000,         /* at the end, for a sink that takes nothing */
};

/* A step of xorshift. */
static uint32_t medium_roll(struct medium *m)
{
	m->dice ^= m->dice << 13;
	m->dice ^= m->dice >> 17;
	m->dice ^= m->dice << 5;
	return m->dice;
}

int64_t medium_pause_ms(struct medium *m)
{
	unsigned failures = m->ending ? m->ending_failures : m->failures;
	unsigned most = medium_streams(m) ? RETRY_STREAM_DOUBLINGS : RETRY_DOUBLINGS;
	int64_t ms = RETRY_MS << (failures < most ? failures : most);

	if (!medium_streams(m))
		return ms;
	if (ms > RETRY_STREAM_MS)
		ms = RETRY_STREAM_MS;
	return RETRY_LEAST_MS + (int64_t)(medium_roll(m) % ms);
}

/* The same of one that streams: a peer that is away may come back. */
static bool stream_is_hopeless(const struct medium *m)
{
	int64_t now_ms = elapsed_ms();

	if (m->ending)
		return (m->released && m->ending_failures >= SPOOL_FAILURES) ||
		       now_ms >= medium_deadline_ms(m);
	/* Nobody waits for what is in a spool. */
	if (!m->awaited || m->patient || m->released || (!m->failures && !m->trouble))
		return false;
	if (!m->done_number && m->failures >= STREAM_FAILURES)
		return true;
	if (!m->done_number && m->trouble && m->trouble != -EAGAIN)
		return now_ms - m->moved_ms >= PATIENCE_MS;
	return now_ms - m->moved_ms >= STREAM_PATIENCE_MS;
}

bool medium_is_hopeless(const struct medium *m)
{
	if (medium_streams(m))
		return stream_is_hopeless(m);
	if (m->patient && !m->ending)
		return false;
	if (m->failures > 1)
		return m->ending || m->awaited;
	return m->ending && elapsed_ms() - m->moved_ms >= PATIENCE_MS;
}

int64_t medium_deadline_ms(const struct medium *m)
{
	if (!medium_streams(m))
		return m->moved_ms + PATIENCE_MS;
	return (m->awaited ? m->moved_ms : m->ending_ms) + m->drain_ms;
}
