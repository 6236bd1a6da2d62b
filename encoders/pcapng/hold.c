/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/hold.h"

#include <assert.h>
#include <string.h>

static void held_begin(struct pcapng_held *held, const struct event *ev)
{
	held->ev = *ev;
	held->ev.data.payload.n = 0;
	held->flow = *ev->flow;
	held->proc = (struct proc){0};
	if (!ev->proc)
		return;
	held->proc.pid = ev->proc->pid;
	held->proc.start_boot_ns = ev->proc->start_boot_ns;
	held->proc.comm.n =
		ev->proc->comm.n < sizeof(held->comm) ? ev->proc->comm.n : sizeof(held->comm);
	if (held->proc.comm.n)
		memcpy(held->comm, ev->proc->comm.p, held->proc.comm.n);
}

bool pcapng_hold_take(struct pcapng_hold *hold, const struct event *ev)
{
	const struct event_data *d = &ev->data;
	struct pcapng_held *held = pcapng_hold_find(hold, ev->flow->id);
	size_t n = held ? held->ev.data.payload.n : 0;

	if (ev->flow->protocol || d->fin || !d->payload.n || d->stream_offset != n ||
	    d->payload.n >= PCAPNG_HOLD_BYTES - n)
		return false;
	if (held && held->ev.data.direction != d->direction)
		return false;
	if (!held) {
		if (hold->n == PCAPNG_HOLD_MAX)
			return false;
		held = &hold->v[hold->n++];
		held_begin(held, ev);
	}
	memcpy(held->bytes + n, d->payload.p, d->payload.n);
	held->ev.data.payload.n = n + d->payload.n;
	held->ev.data.end = d->end;
	return true;
}

struct pcapng_held *pcapng_hold_find(struct pcapng_hold *hold, uint64_t flow)
{
	for (unsigned i = 0; i < hold->n; i++)
		if (hold->v[i].flow.id == flow)
			return &hold->v[i];
	return NULL;
}

const struct event *pcapng_hold_event(struct pcapng_held *held)
{
	held->ev.flow = &held->flow;
	held->proc.comm.p = held->comm;
	if (held->ev.proc)
		held->ev.proc = &held->proc;
	held->ev.data.payload.p = held->bytes;
	return &held->ev;
}

void pcapng_hold_drop(struct pcapng_hold *hold, struct pcapng_held *held)
{
	unsigned after = &hold->v[hold->n] - (held + 1);

	assert(held >= hold->v && held < &hold->v[hold->n]);
	hold->n--;
	memmove(held, held + 1, after * sizeof(*held));
}
