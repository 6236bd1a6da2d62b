/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/talk.h"

#include <netinet/in.h>

static uint64_t clock_ns = 1732453680000000000;

struct talk talk_new(struct encoding *to, uint64_t id, enum protocol protocol)
{
	return (struct talk){
		.to = to,
		.now_ns = &clock_ns,
		.proc = {.pid = 1234, .start_boot_ns = 5, .comm = BYTES("curl")},
		.flow = {.id = id,
			 .cookie = id,
			 .netns = 1,
			 .family = AF_INET,
			 .ip_proto = IPPROTO_TCP,
			 .role = FLOW_ROLE_CLIENT,
			 .local_port = 40000,
			 .remote_port = 8443,
			 .local = {192, 0, 2, 1},
			 .remote = {192, 0, 2, 20},
			 .protocol = protocol},
	};
}

struct talk talk_mirror(const struct talk *t, uint64_t id)
{
	struct talk m = *t;

	m.proc = (struct proc){.pid = 4321, .start_boot_ns = 6, .comm = BYTES("nginx")};
	m.flow.id = m.flow.cookie = id;
	m.flow.role = FLOW_ROLE_SERVER;
	m.flow.local_port = t->flow.remote_port;
	m.flow.remote_port = t->flow.local_port;
	memcpy(m.flow.local, t->flow.remote, 16);
	memcpy(m.flow.remote, t->flow.local, 16);
	for (unsigned i = 0; i < 2; i++) {
		m.offset[i] = t->offset[!i];
		m.streams[i] = t->streams[!i];
	}
	return m;
}

void talk_renew(struct talk *t, uint64_t id)
{
	t->flow.id = t->flow.cookie = id;
	memset(t->offset, 0, sizeof(t->offset));
	memset(t->streams, 0, sizeof(t->streams));
}

static struct event event(struct talk *t, enum direction direction)
{
	*t->now_ns += 1000000;
	return (struct event){
		.kind = EVENT_DATA,
		.probe = "tls",
		.time_boot_ns = *t->now_ns / 2,
		.time_unix_ns = *t->now_ns,
		.tid = t->proc.pid + 1,
		.flow = &t->flow,
		.proc = &t->proc,
		.data = {.direction = direction, .library = "openssl"},
	};
}

int talk_adds(struct talk *t, struct event *ev)
{
	flows_place(t->streams, ev);
	return encoding_add(t->to, ev);
}

int talk_flagged(struct talk *t, enum direction direction, struct bytes payload, uint32_t flags)
{
	struct event ev = event(t, direction);
	uint64_t *offset = &t->offset[direction == DIRECTION_RECEIVE];

	ev.flags = flags;
	ev.data.payload = payload;
	ev.data.stream_offset = *offset += t->lost;
	ev.data.call_total = payload.n;
	*offset += payload.n;
	t->lost = 0;
	return talk_adds(t, &ev);
}

int talk_says(struct talk *t, enum direction direction, struct bytes payload)
{
	return talk_flagged(t, direction, payload, 0);
}

int talk_closes(struct talk *t)
{
	struct event ev = event(t, DIRECTION_TRANSMIT);

	ev.data.fin = true;
	return talk_adds(t, &ev);
}
