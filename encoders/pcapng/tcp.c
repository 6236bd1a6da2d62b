/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/tcp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/lru.h"
#include "encoders/pcapng/comment.h"
#include "encoders/pcapng/packet.h"

enum {
	FLOWS_MAX = 65536, /* as many as capture/flows.c follows */
	PROCESSES_MAX = 16384,
	ACK_EVERY = 256 * 1024,        /* the receiver acknowledges at least so often */
	PACKETS_FIXED = 8,             /* handshake, acknowledgement, closing */
	UNSEEN_MAX = 32 * 1024 * 1024, /* that packets are written for, of one event; more is a
					* gap in the sequence numbers */
};

struct process_entry {
	struct {
		uint64_t start_boot_ns;
		uint32_t pid;
		char comm[20];
	} key;
	uint32_t generation; /* of the file that its block was written to last */
	uint32_t number;     /* of that block */
};

struct pcapng_tcp_flow {
	struct pcapng_end end;
	uint64_t acked[SIDES]; /* stream offset up to which the other side has acknowledged */
	uint32_t isn[SIDES];   /* initial sequence number */
	uint32_t process;      /* number of its block in the file in which it is open */
	bool begun;            /* packets of it have been written, in whichever file */
};

struct pcapng_tcp {
	struct lru *flows, *processes;
	struct pcapng_ends ends;
	uint32_t processes_n; /* blocks in this file */
	uint64_t packets;
};

struct pcapng_tcp *pcapng_tcp_new(void)
{
	struct pcapng_tcp *t = calloc(1, sizeof(*t));

	_Static_assert(offsetof(struct pcapng_tcp_flow, end.flow) == 0, "it is the key");
	if (!t)
		return NULL;
	t->flows = lru_new(FLOWS_MAX, sizeof(struct pcapng_tcp_flow), sizeof(uint64_t));
	t->processes = lru_new(PROCESSES_MAX, sizeof(struct process_entry),
			       sizeof(((struct process_entry *)0)->key));
	if (t->flows && t->processes && !pcapng_ends_init(&t->ends, t->flows, FLOWS_MAX))
		return t;
	pcapng_tcp_free(t);
	return NULL;
}

void pcapng_tcp_free(struct pcapng_tcp *t)
{
	if (!t)
		return;
	pcapng_ends_done(&t->ends);
	lru_free(t->flows);
	lru_free(t->processes);
	free(t);
}

void pcapng_tcp_generation(struct pcapng_tcp *t)
{
	t->ends.generation++;
	t->processes_n = 0;
	t->packets = 0;
}

uint64_t pcapng_tcp_packets(const struct pcapng_tcp *t)
{
	return t->packets;
}

struct pcapng_tcp_flow *pcapng_tcp_find(struct pcapng_tcp *t, const struct event *ev,
					enum pcapng_content content)
{
	const struct flow *f = ev->flow;
	bool is_new;
	struct pcapng_tcp_flow *c = lru_put(t->flows, &f->id, &is_new);

	if (is_new) {
		uint64_t h = f->id * 0x9e3779b97f4a7c15;

		/* Wireshark takes an acknowledgement of 0 for none, and the first one is the
		 * initial sequence number plus one: that must not wrap. */
		c->isn[SIDE_LOCAL] = h >> 33;
		c->isn[SIDE_REMOTE] = h & INT32_MAX;
	}
	if (!c->end.listed && f->family)
		pcapng_ends_meet(&t->ends, &c->end, ev, content, c->begun);
	return c->end.duplicate ? NULL : c;
}

/* An event on its way into packets. */
struct writing {
	struct pcapng_tcp *t;
	struct pcapng_tcp_flow *c;
	const struct event *ev;
	uint8_t *p;
	uint32_t interface;
	enum side from;
	uint64_t at[SIDES]; /* stream offset that each side has come to, as packets are written */
};

/* Writes the block of the event's process, unless it is in this file. */
static void put_process(struct writing *w)
{
	const struct proc *proc = w->ev->proc;
	struct process_entry *e, key = {0};
	size_t n;

	w->c->process = PCAPNG_NO_PROCESS;
	if (!proc)
		return;
	n = proc->comm.n < sizeof(key.key.comm) ? proc->comm.n : sizeof(key.key.comm);
	key.key.start_boot_ns = proc->start_boot_ns;
	key.key.pid = proc->pid;
	if (n)
		memcpy(key.key.comm, proc->comm.p, n);
	e = lru_put(w->t->processes, &key.key, NULL);
	if (e->generation != w->t->ends.generation) {
		e->generation = w->t->ends.generation;
		e->number = w->t->processes_n++;
		w->p = pcapng_packet_process(w->p, proc->pid, proc->comm);
	}
	w->c->process = e->number;
}

/* ---- packets ------------------------------------------------------------------------------- */

static void put_packet(struct writing *w, enum side from, const struct ethernet_tcp *tcp,
		       struct bytes comment)
{
	struct ethernet_path *path = &w->c->end.path[from];
	struct pcapng_packet packet = {
		.unix_ns = w->ev->time_unix_ns,
		.interface = w->interface,
		.n = ethernet_size(path, tcp),
		.unseen = tcp->unseen,
		.direction = from == SIDE_LOCAL ? DIRECTION_TRANSMIT : DIRECTION_RECEIVE,
		.pid = w->ev->proc ? w->ev->proc->pid : 0,
		.tid = w->ev->tid,
		.process = w->c->process,
		.comment = comment,
	};
	uint8_t *frame = pcapng_packet_begin(w->p, &packet);

	ethernet_put(path, tcp, frame);
	w->p = pcapng_packet_end(w->p, &packet, frame);
	w->t->packets++;
}

/* The sequence number of a byte; that of the SYN stands before the first one's. */
static uint32_t seq_of(const struct pcapng_tcp_flow *c, enum side side, uint64_t offset)
{
	return c->isn[side] + 1 + (uint32_t)offset;
}

/* Everything but a SYN acknowledges all that the other side has sent. */
static void put_segment(struct writing *w, enum side from, uint8_t flags, uint64_t offset,
			struct bytes payload)
{
	struct pcapng_tcp_flow *c = w->c;
	struct ethernet_tcp tcp = {.seq = seq_of(c, from, offset),
				   .ack = seq_of(c, !from, w->at[!from]),
				   .flags = flags | ETHERNET_ACK,
				   .payload = payload};

	c->acked[!from] = w->at[!from];
	put_packet(w, from, &tcp, (struct bytes){0});
}

static void put_handshake(struct writing *w)
{
	struct pcapng_tcp_flow *c = w->c;
	enum side client = c->end.client, server = !client;
	const struct pcapng_comment about = {
		.client = client == SIDE_LOCAL,
		.made_up = c->end.made_up != 0,
		.continued = w->at[SIDE_LOCAL] || w->at[SIDE_REMOTE],
	};
	char text[PCAPNG_COMMENT_MAX];
	struct bytes comment = {text, pcapng_comment_syn(text, w->ev, &about)};
	struct ethernet_tcp syn = {.seq = seq_of(c, client, w->at[client]) - 1,
				   .flags = ETHERNET_SYN};
	struct ethernet_tcp reply = {.seq = seq_of(c, server, w->at[server]) - 1,
				     .ack = syn.seq + 1,
				     .flags = ETHERNET_SYN | ETHERNET_ACK};

	put_packet(w, client, &syn, comment);
	put_packet(w, server, &reply, (struct bytes){0});
	put_segment(w, client, 0, w->at[client], (struct bytes){0});
	c->acked[client] = w->at[client];
}

static void open_flow(struct writing *w)
{
	pcapng_ends_open(&w->t->ends, &w->c->end, w->ev);
	put_process(w);
	put_handshake(w);
	w->c->begun = true;
}

/* Bytes of the event that only their number is known of: packets of their length are written, which
 * end behind the head. */
static uint64_t unseen_of(const struct event *ev)
{
	return ev->data.unseen < UNSEEN_MAX ? ev->data.unseen : UNSEEN_MAX;
}

static void put_unseen(struct writing *w, uint64_t at)
{
	struct bytes comment = pcapng_comment_unseen;
	enum side from = w->from;

	for (uint64_t left = unseen_of(w->ev); left;) {
		size_t n = left < ETHERNET_PAYLOAD ? left : ETHERNET_PAYLOAD;
		struct ethernet_tcp tcp = {.seq = seq_of(w->c, from, at),
					   .ack = seq_of(w->c, !from, w->at[!from]),
					   .flags = ETHERNET_PSH | ETHERNET_ACK,
					   .unseen = n};

		put_packet(w, from, &tcp, comment);
		comment = (struct bytes){0};
		at += n;
		left -= n;
	}
}

static void put_payload(struct writing *w)
{
	const struct event_data *d = &w->ev->data;
	struct bytes left = event_data_fresh(d);
	uint64_t at = d->begin + d->missing;

	while (left.n) {
		size_t n = left.n < ETHERNET_PAYLOAD ? left.n : ETHERNET_PAYLOAD;

		put_segment(w, w->from, ETHERNET_PSH, at, (struct bytes){left.p, n});
		left = (struct bytes){left.p + n, left.n - n};
		at += n;
	}
	put_unseen(w, at);
}

/* The receiver acknowledges what has come, if that is much. */
static void put_acknowledgement(struct writing *w)
{
	uint64_t at = w->at[w->from], acked = w->c->acked[w->from];

	if (at > acked && at - acked > ACK_EVERY)
		put_segment(w, !w->from, 0, w->at[!w->from], (struct bytes){0});
}

static void put_closing(struct writing *w)
{
	uint64_t *at = w->at;

	put_segment(w, SIDE_LOCAL, ETHERNET_FIN, at[SIDE_LOCAL]++, (struct bytes){0});
	put_segment(w, SIDE_REMOTE, ETHERNET_FIN, at[SIDE_REMOTE]++, (struct bytes){0});
	put_segment(w, SIDE_LOCAL, 0, at[SIDE_LOCAL], (struct bytes){0});
}

bool pcapng_tcp_begun(const struct pcapng_tcp_flow *c)
{
	return c->begun;
}

size_t pcapng_tcp_room(const struct event *ev)
{
	size_t n = ev->data.payload.n;
	size_t packets = PACKETS_FIXED + (n + unseen_of(ev)) / ETHERNET_PAYLOAD;

	return packets * (PCAPNG_PACKET_ROOM + ETHERNET_HEAD + ETHERNET_OPTIONS) +
	       3 * PCAPNG_COMMENT_MAX + PCAPNG_PROCESS_ROOM + n;
}

uint8_t *pcapng_tcp_write(struct pcapng_tcp *t, struct pcapng_tcp_flow *c, const struct event *ev,
			  uint32_t interface, uint8_t *p)
{
	const struct event_data *d = &ev->data;
	struct writing w = {.t = t, .c = c, .ev = ev, .p = p, .interface = interface};
	bool shows = event_data_fresh(d).n || d->unseen;

	assert(!c->end.duplicate);
	w.from = d->direction == DIRECTION_TRANSMIT ? SIDE_LOCAL : SIDE_REMOTE;
	w.at[w.from] = d->begin;
	w.at[!w.from] = d->peer_end;
	if (shows && !pcapng_ends_is_open(&t->ends, &c->end))
		open_flow(&w);
	if (pcapng_ends_is_open(&t->ends, &c->end)) {
		put_payload(&w);
		w.at[w.from] = d->end;
		put_acknowledgement(&w);
		if (d->fin)
			put_closing(&w);
	}
	if (d->fin)
		pcapng_ends_close(&c->end, ev->time_boot_ns);
	return w.p;
}
