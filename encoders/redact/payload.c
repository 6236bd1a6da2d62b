/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/payload.h"

bool redact_payload_cut(struct event *ev, uint64_t max, struct flows_stream streams[2])
{
	struct event_data *d = &ev->data;
	struct flows_stream *s = &streams[d->direction == DIRECTION_RECEIVE];
	uint64_t room = max > d->call_offset ? max - d->call_offset : 0;

	if (!s->end) /* a part of a recording may begin anywhere */
		s->next = s->end = d->begin;
	if (d->payload.n && !room && d->call_offset && !d->fin)
		return false;
	if (d->payload.n && d->call_total > max && d->payload.n >= room) {
		d->payload.n = room;
		ev->flags |= EVENT_F_TRUNCATED;
	}
	ev->flags &= ~(uint32_t)EVENT_F_GAP;
	flows_place(streams, ev);
	return true;
}
