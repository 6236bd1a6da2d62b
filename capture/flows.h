/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The connections of recorded processes: what each talks, and how far each direction has come, so
 * that what is missing shows as a gap of the right size. Bounded; the least recently used goes
 * first. The only place that counts where a stream stands: struct event_data says it to encoders.
 */
#include "capture/event.h"

struct flows;

/* NULL when there is no memory. */
struct flows *flows_new(void);
void flows_free(struct flows *f);

/* ev is a DATA event whose flow is what its record said: completes its body and flags, and makes
 * ev->flow the table's, valid until the next call. */
void flows_complete(struct flows *f, struct event *ev);

/* The same for an event that a recording tells again, of which some may be left out before it: what
 * is missing, whether that is a gap, what the connection talks and whether it was late are what the
 * event says. */
void flows_recorded(struct flows *f, struct event *ev);

/* ev is a QUERY event whose flow is what its record (or a recording) said: makes ev->flow the
 * table's, valid until the next call. */
void flows_session(struct flows *f, struct event *ev);

/* One direction of a connection; zeroed, nothing of it has been seen. */
struct flows_stream {
	uint64_t next; /* the first byte that no event had */
	uint64_t end;  /* the first byte that is not known to have been moved: past `next` by what
			* was cut off the last event */
};

/* The part of flows_complete() that says where the event's bytes stand: from `begin` on in struct
 * event_data, and EVENT_F_GAP. streams: what was sent, what was received. The event's bytes end
 * within 64 bits. */
void flows_place(struct flows_stream streams[2], struct event *ev);
