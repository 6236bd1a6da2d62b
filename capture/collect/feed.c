/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/feed.h"

static void feed_count(struct feed *f, const struct event *ev)
{
	f->events++;
	if (ev->kind == EVENT_LOSS) {
		f->losses++;
		if (ev->loss.first_seq)
			f->told += ev->loss.count;
	}
	if (!ev->seq)
		return;
	if (!f->first)
		f->first = ev->seq;
	else if (ev->seq > f->received + 1)
		f->missing += ev->seq - f->received - 1;
	f->received = ev->seq;
}

int feed_event(struct feed *f, const struct event *ev, size_t bytes)
{
	bool taken = false, any = false;

	for (unsigned i = 0; i < f->links_n; i++) {
		int r = depot_event(f->links[i], ev, bytes, &taken);

		if (r < 0)
			return r;
		any |= taken;
	}
	if (any)
		feed_count(f, ev);
	else if (ev->kind != EVENT_META && ev->kind != EVENT_KINDS)
		f->duplicates++;
	return 0;
}

bool feed_has_room(const struct feed *f)
{
	bool room = true;

	for (unsigned i = 0; i < f->links_n; i++)
		room = room && depot_has_room(f->links[i]->depot);
	return room;
}

void feed_hurry(const struct feed *f, int64_t now_ms)
{
	for (unsigned i = 0; i < f->links_n; i++)
		depot_mark(f->links[i]->depot, now_ms, true);
}

uint64_t feed_received(const struct feed *f)
{
	uint64_t seq = UINT64_MAX;

	for (unsigned i = 0; i < f->links_n; i++)
		if (f->links[i]->received < seq)
			seq = f->links[i]->received;
	return seq;
}

uint64_t feed_durable(const struct feed *f)
{
	uint64_t seq = UINT64_MAX;

	for (unsigned i = 0; i < f->links_n; i++)
		if (f->links[i]->durable < seq)
			seq = f->links[i]->durable;
	return seq;
}

uint64_t feed_missing(const struct feed *f)
{
	return f->missing > f->told ? f->missing - f->told : 0;
}
