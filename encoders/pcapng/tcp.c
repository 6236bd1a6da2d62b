/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/tcp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/lru.h"
#include "encoders/pcapng/comment.h"
#include "encoders/pcapng/frame.h"
#include "encoders/pcapng/packet.h"

enum {
	FLOWS_MAX = 65536,          /* as many as capture/flows.c follows */
	TUPLES_MAX = 3 * FLOWS_MAX, /* each is listed in every space */
	PROCESSES_MAX = 16384,
	ACK_EVERY = 256 * 1024,        /* the receiver acknowledges at least so often */
	PACKETS_FIXED = 8,             /* handshake, acknowledgement, closing */
	UNSEEN_MAX = 32 * 1024 * 1024, /* of one call; more is a gap */
};
#define PEER_LATE_NS 10000000000ull

/* The two ends, and the directions: 0 is sent by the process. */
enum side {
	LOCAL,
	REMOTE,
	SIDES
};

/* In which sense a tuple is unique. */
enum space {
	SPACE_NETNS,  /* real addresses in one network namespace */
	SPACE_ANY,    /* real addresses in whichever namespace they were seen last */
	SPACE_WRITTEN /* as written, from client to server */
};

/* 44 bytes without padding: compared as memory. */
struct tuple {
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint32_t netns;
	uint8_t family, space, zero[2];
};

struct tuple_entry {
	struct tuple key;
	uint64_t id; /* of the conversation */
};

struct process_entry {
	struct {
		uint64_t start_boot_ns;
		uint32_t pid;
		char comm[20];
	} key;
	uint32_t epoch, number;
};

struct pcapng_tcp_flow {
	uint64_t id, cookie;
	uint64_t next[SIDES];  /* stream offset that each side has reached */
	uint64_t acked[SIDES]; /* how much of it the other side has acknowledged */
	uint64_t closed_ns;    /* 0 = not closed */
	uint32_t isn[SIDES];
	uint32_t epoch;   /* in which it is open; 0 = not open */
	uint32_t made_up; /* number of its made-up addresses, 0 = real ones */
	uint32_t process; /* number of its block in this epoch */
	enum flow_role role;
	enum side client;
	bool listed;    /* its other end can be recognised */
	bool paired;    /* and has been */
	bool duplicate; /* it is the other end of another conversation */
	struct frame_path path[SIDES];
};

struct pcapng_tcp {
	struct lru *flows, *tuples, *processes;
	uint32_t interface, epoch;
	uint32_t processes_n; /* blocks in this epoch */
	uint32_t made_up;
	uint64_t packets;
};

struct pcapng_tcp *pcapng_tcp_new(void)
{
	struct pcapng_tcp *t = calloc(1, sizeof(*t));

	_Static_assert(sizeof(struct tuple) == 44, "a key has no padding");
	if (!t)
		return NULL;
	t->flows = lru_new(FLOWS_MAX, sizeof(struct pcapng_tcp_flow), sizeof(uint64_t));
	t->tuples = lru_new(TUPLES_MAX, sizeof(struct tuple_entry), sizeof(struct tuple));
	t->processes = lru_new(PROCESSES_MAX, sizeof(struct process_entry),
			       sizeof(((struct process_entry *)0)->key));
	if (t->flows && t->tuples && t->processes)
		return t;
	pcapng_tcp_free(t);
	return NULL;
}

void pcapng_tcp_free(struct pcapng_tcp *t)
{
	if (!t)
		return;
	lru_free(t->flows);
	lru_free(t->tuples);
	lru_free(t->processes);
	free(t);
}

void pcapng_tcp_generation(struct pcapng_tcp *t, uint32_t interface)
{
	t->interface = interface;
	t->epoch++;
	t->processes_n = 0;
	t->packets = 0;
}

uint64_t pcapng_tcp_packets(const struct pcapng_tcp *t)
{
	return t->packets;
}

/* ---- which end of a connection is written -------------------------------------------------- */

static void copy_address(uint8_t to[16], const uint8_t from[16], uint8_t family)
{
	memcpy(to, from, family == AF_INET6 ? 16 : 4);
}

static bool is_loopback(const struct flow *f)
{
	static const uint8_t one[16] = {[15] = 1};

	return f->family == AF_INET6 ? !memcmp(f->local, one, 16) : f->local[0] == 127;
}

/* The tuple of f seen from `from`. */
static struct tuple real_tuple(const struct flow *f, enum side from, enum space space)
{
	struct tuple k = {.family = f->family,
			  .space = space,
			  .netns = space == SPACE_NETNS ? f->netns : 0,
			  .from_port = from == LOCAL ? f->local_port : f->remote_port,
			  .to_port = from == LOCAL ? f->remote_port : f->local_port};

	copy_address(from == LOCAL ? k.from : k.to, f->local, f->family);
	copy_address(from == LOCAL ? k.to : k.from, f->remote, f->family);
	return k;
}

static bool is_other_end(const struct pcapng_tcp_flow *owner, const struct pcapng_tcp_flow *c,
			 uint64_t now_ns)
{
	return owner != c && !owner->duplicate && !owner->paired &&
	       !(owner->cookie && owner->cookie == c->cookie) &&
	       !(owner->role && owner->role == c->role) &&
	       !(owner->closed_ns && now_ns > owner->closed_ns + PEER_LATE_NS);
}

static bool join(struct pcapng_tcp *t, const struct pcapng_tcp_flow *c, const struct flow *f,
		 uint64_t now_ns)
{
	enum space last = is_loopback(f) ? SPACE_NETNS : SPACE_ANY;

	for (enum space space = SPACE_NETNS; space <= last; space++) {
		struct tuple k = real_tuple(f, REMOTE, space);
		const struct tuple_entry *e = lru_peek(t->tuples, &k);
		struct pcapng_tcp_flow *owner = e ? lru_peek(t->flows, &e->id) : NULL;

		if (owner && is_other_end(owner, c, now_ns)) {
			owner->paired = true;
			return true;
		}
	}
	return false;
}

static void list(struct pcapng_tcp *t, const struct pcapng_tcp_flow *c, const struct flow *f)
{
	for (enum space space = SPACE_NETNS; space <= SPACE_ANY; space++) {
		struct tuple k = real_tuple(f, LOCAL, space);
		struct tuple_entry *e = lru_put(t->tuples, &k, NULL);

		e->id = c->id;
	}
}

struct pcapng_tcp_flow *pcapng_tcp_find(struct pcapng_tcp *t, const struct event *ev)
{
	const struct flow *f = ev->flow;
	bool is_new;
	struct pcapng_tcp_flow *c = lru_put(t->flows, &f->id, &is_new);

	if (is_new) {
		uint64_t h = f->id * 0x9e3779b97f4a7c15;

		/* Never so high that adding one wraps: an acknowledgement of 0 is none. */
		c->isn[LOCAL] = h >> 33;
		c->isn[REMOTE] = h & INT32_MAX;
	}
	if (!c->listed && f->family) {
		c->listed = true;
		c->cookie = f->cookie;
		c->role = f->role;
		/* Once begun it goes on, even if its addresses became known only now. */
		c->duplicate = !c->epoch && join(t, c, f, ev->time_boot_ns);
		if (!c->duplicate)
			list(t, c, f);
	}
	return c->duplicate ? NULL : c;
}

/* ---- as what it is written ----------------------------------------------------------------- */

/* An event on its way into packets. */
struct writing {
	struct pcapng_tcp *t;
	struct pcapng_tcp_flow *c;
	const struct event *ev;
	uint8_t *p;
};

static enum side client_of(const struct flow *f, enum direction first)
{
	if (f->role)
		return f->role == FLOW_ROLE_CLIENT ? LOCAL : REMOTE;
	if (f->family && f->local_port != f->remote_port)
		return f->local_port > f->remote_port ? LOCAL : REMOTE;
	return first == DIRECTION_TRANSMIT ? LOCAL : REMOTE;
}

/* Has another conversation that is open in this file these ends? If not, c has them now. */
static bool is_taken(struct pcapng_tcp *t, const struct pcapng_tcp_flow *c, uint8_t family,
		     const struct frame_end end[SIDES])
{
	const struct frame_end *client = &end[c->client], *server = &end[!c->client];
	struct tuple k = {.family = family,
			  .space = SPACE_WRITTEN,
			  .from_port = client->port,
			  .to_port = server->port};
	const struct pcapng_tcp_flow *other;
	struct tuple_entry *e;
	bool is_new;

	copy_address(k.from, client->address, family);
	copy_address(k.to, server->address, family);
	e = lru_put(t->tuples, &k, &is_new);
	other = is_new || e->id == c->id ? NULL : lru_peek(t->flows, &e->id);
	if (other && other->epoch == t->epoch)
		return true;
	e->id = c->id;
	return false;
}

static void make_up(const struct pcapng_tcp_flow *c, uint8_t family, struct frame_end end[SIDES])
{
	uint32_t number = htonl(c->made_up);

	for (enum side side = LOCAL; side < SIDES; side++) {
		uint8_t *a = end[side].address, server = side != c->client;

		if (family == AF_INET6) {
			memcpy(a, (uint8_t[12]){0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, server}, 12);
			memcpy(a + 12, &number, 4);
		} else {
			memcpy(a, (uint8_t[4]){198, 18 + server, c->made_up >> 8, c->made_up}, 4);
		}
	}
	if (!end[c->client].port) /* not known; 65536 conversations share one */
		end[c->client].port = 49152 + (c->made_up >> 16) % 16384;
}

static void set_paths(struct writing *w)
{
	const struct flow *f = w->ev->flow;
	struct pcapng_tcp_flow *c = w->c;
	uint8_t family = f->family ? f->family : AF_INET;
	struct frame_end end[SIDES] = {
		[LOCAL] = {.port = f->local_port}, [REMOTE] = {.port = f->remote_port}};

	c->client = client_of(f, w->ev->data.direction);
	copy_address(end[LOCAL].address, f->local, family);
	copy_address(end[REMOTE].address, f->remote, family);
	end[c->client].mac = 1;
	end[!c->client].mac = 2;
	end[!c->client].port = event_protocol_port(f->protocol);
	if (!c->made_up && (!f->family || is_taken(w->t, c, family, end)))
		c->made_up = ++w->t->made_up;
	if (c->made_up)
		make_up(c, family, end);
	frame_path_init(&c->path[LOCAL], family, &end[LOCAL], &end[REMOTE]);
	frame_path_init(&c->path[REMOTE], family, &end[REMOTE], &end[LOCAL]);
}

static void set_process(struct writing *w)
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
	if (e->epoch != w->t->epoch) {
		e->epoch = w->t->epoch;
		e->number = w->t->processes_n++;
		w->p = pcapng_packet_process(w->p, proc->pid, proc->comm);
	}
	w->c->process = e->number;
}

/* ---- packets ------------------------------------------------------------------------------- */

static void put(struct writing *w, enum side from, const struct frame_tcp *tcp,
		struct bytes comment)
{
	struct frame_path *path = &w->c->path[from];
	struct pcapng_packet packet = {
		.unix_ns = w->ev->time_unix_ns,
		.interface = w->t->interface,
		.n = frame_size(path, tcp),
		.unseen = tcp->unseen,
		.direction = from == LOCAL ? DIRECTION_TRANSMIT : DIRECTION_RECEIVE,
		.pid = w->ev->proc ? w->ev->proc->pid : 0,
		.tid = w->ev->tid,
		.process = w->c->process,
		.comment = comment,
	};
	uint8_t *frame = pcapng_packet_begin(w->p, &packet);

	frame_put(path, tcp, frame);
	w->p = pcapng_packet_end(w->p, &packet, frame);
	w->t->packets++;
}

/* The sequence number of a byte; that of the SYN stands before the first one's. */
static uint32_t seq_of(const struct pcapng_tcp_flow *c, enum side side, uint64_t offset)
{
	return c->isn[side] + 1 + (uint32_t)offset;
}

/* Everything but a SYN acknowledges all that the other side has sent. */
static void segment(struct writing *w, enum side from, uint8_t flags, uint64_t offset,
		    struct bytes payload)
{
	struct pcapng_tcp_flow *c = w->c;
	struct frame_tcp tcp = {.seq = seq_of(c, from, offset),
				.ack = seq_of(c, !from, c->next[!from]),
				.flags = flags | FRAME_ACK,
				.payload = payload};

	c->acked[!from] = c->next[!from];
	put(w, from, &tcp, (struct bytes){0});
}

static void handshake(struct writing *w)
{
	struct pcapng_tcp_flow *c = w->c;
	enum side client = c->client, server = !client;
	const struct pcapng_comment about = {
		.client = client == LOCAL,
		.made_up = c->made_up != 0,
		.continued = c->next[LOCAL] || c->next[REMOTE],
	};
	char text[PCAPNG_COMMENT_MAX];
	struct bytes comment = {text, pcapng_comment_syn(text, w->ev, &about)};
	struct frame_tcp syn = {.seq = seq_of(c, client, c->next[client]) - 1, .flags = FRAME_SYN};
	struct frame_tcp reply = {.seq = seq_of(c, server, c->next[server]) - 1,
				  .ack = syn.seq + 1,
				  .flags = FRAME_SYN | FRAME_ACK};

	put(w, client, &syn, comment);
	put(w, server, &reply, (struct bytes){0});
	segment(w, client, 0, c->next[client], (struct bytes){0});
	c->acked[client] = c->next[client];
}

static void open_flow(struct writing *w, enum side from)
{
	const struct event_data *d = &w->ev->data;
	struct pcapng_tcp_flow *c = w->c;
	uint64_t start = d->stream_offset - d->missing;

	/* It was forgotten here but not in capture/flows.c: only what is missing is a gap. */
	if (d->missing <= d->stream_offset && start > c->next[from])
		c->next[from] = start;
	set_paths(w);
	set_process(w);
	c->epoch = w->t->epoch;
	handshake(w);
}

/* Where the stream is after this event: bytes that were moved but not recorded count. */
static uint64_t end_of(const struct event *ev)
{
	const struct event_data *d = &ev->data;
	bool cut = ev->flags & EVENT_F_TRUNCATED || !d->payload.n;
	uint64_t moved = d->call_total > d->call_offset ? d->call_total - d->call_offset : 0;

	return d->stream_offset + (cut && moved > d->payload.n ? moved : d->payload.n);
}

/* What of an event is told by packets that have no more than a head. */
static uint64_t unseen_of(const struct event *ev)
{
	uint64_t n = ev->flags & EVENT_F_UNSEEN ? ev->data.call_total : 0;

	return n < UNSEEN_MAX ? n : UNSEEN_MAX;
}

static void send_unseen(struct writing *w, enum side from)
{
	struct bytes comment = pcapng_comment_unseen;
	uint64_t at = w->ev->data.stream_offset;

	/* counted down: an offset that a recording tells may be the last there is */
	for (uint64_t left = unseen_of(w->ev); left;) {
		size_t n = left < FRAME_PAYLOAD ? left : FRAME_PAYLOAD;
		struct frame_tcp tcp = {.seq = seq_of(w->c, from, at),
					.ack = seq_of(w->c, !from, w->c->next[!from]),
					.flags = FRAME_PSH | FRAME_ACK,
					.unseen = n};

		put(w, from, &tcp, comment);
		comment = (struct bytes){0};
		at += n;
		left -= n;
	}
}

static void send_payload(struct writing *w, enum side from)
{
	struct pcapng_tcp_flow *c = w->c;
	struct bytes left = w->ev->data.payload;
	uint64_t offset = w->ev->data.stream_offset;

	while (left.n) {
		size_t n = left.n < FRAME_PAYLOAD ? left.n : FRAME_PAYLOAD;

		segment(w, from, FRAME_PSH, offset, (struct bytes){left.p, n});
		left = (struct bytes){left.p + n, left.n - n};
		offset += n;
	}
	send_unseen(w, from);
	if (end_of(w->ev) > c->next[from])
		c->next[from] = end_of(w->ev);
	if (c->epoch == w->t->epoch && c->next[from] - c->acked[from] > ACK_EVERY)
		segment(w, !from, 0, c->next[!from], (struct bytes){0});
}

static void close_flow(struct writing *w)
{
	struct pcapng_tcp_flow *c = w->c;

	if (c->epoch == w->t->epoch) {
		segment(w, LOCAL, FRAME_FIN, c->next[LOCAL]++, (struct bytes){0});
		segment(w, REMOTE, FRAME_FIN, c->next[REMOTE]++, (struct bytes){0});
		segment(w, LOCAL, 0, c->next[LOCAL], (struct bytes){0});
	}
	c->epoch = 0;
	c->closed_ns = w->ev->time_boot_ns;
}

bool pcapng_tcp_begun(const struct pcapng_tcp_flow *c)
{
	return c->epoch || c->next[LOCAL] || c->next[REMOTE];
}

size_t pcapng_tcp_room(const struct event *ev)
{
	size_t n = ev->data.payload.n;
	size_t packets = PACKETS_FIXED + (n + unseen_of(ev)) / FRAME_PAYLOAD;

	return packets * (PCAPNG_PACKET_ROOM + FRAME_HEAD + FRAME_OPTIONS) +
	       3 * PCAPNG_COMMENT_MAX + PCAPNG_PROCESS_ROOM + n;
}

uint8_t *pcapng_tcp_write(struct pcapng_tcp *t, struct pcapng_tcp_flow *c, const struct event *ev,
			  uint8_t *p)
{
	struct writing w = {t, c, ev, p};
	enum side from = ev->data.direction == DIRECTION_TRANSMIT ? LOCAL : REMOTE;

	if ((ev->data.payload.n || unseen_of(ev)) && c->epoch != t->epoch)
		open_flow(&w, from);
	send_payload(&w, from);
	if (ev->data.fin)
		close_flow(&w);
	return w.p;
}
