/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/sql.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/base/chunk.h"
#include "capture/base/lru.h"
#include "encoders/pcapng/sql_wire.h"

enum {
	CONNECTIONS_MAX = 65536, /* as many as tcp.c follows: where one is forgotten here, its
				  * packets begin with a SYN again, too */
	BYTES_MAX = CHUNK_JUMBO, /* of all messages of a turn */
};

/* TLS plaintext of the same connection is a conversation of its own: it has other bytes. */
#define ID_APART 0x53514c0000000000ull

struct connection {
	uint64_t id;
	uint64_t sent[2]; /* bytes so far: by the client, by the server */
	uint32_t generation;
};

struct pcapng_sql {
	struct lru *connections;
	uint8_t *bytes;
	struct pcapng_sql_turn turn;
	struct flow flow;
	/* As they are when the turn has been written. */
	struct connection *connection;
	uint64_t sent[2];
	uint32_t generation;
};

struct pcapng_sql *pcapng_sql_new(void)
{
	struct pcapng_sql *s = calloc(1, sizeof(*s));
	void *bytes = mmap(NULL, BYTES_MAX, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (s && bytes != MAP_FAILED) {
		s->bytes = bytes;
		s->connections =
			lru_new(CONNECTIONS_MAX, sizeof(struct connection), sizeof(uint64_t));
	} else if (bytes != MAP_FAILED) {
		munmap(bytes, BYTES_MAX);
	}
	if (s && s->connections)
		return s;
	pcapng_sql_free(s);
	return NULL;
}

void pcapng_sql_free(struct pcapng_sql *s)
{
	if (!s)
		return;
	lru_free(s->connections);
	if (s->bytes)
		munmap(s->bytes, BYTES_MAX);
	free(s);
}

void pcapng_sql_generation(struct pcapng_sql *s)
{
	s->generation++;
}

/* A message as one of the bytes that its side sends: what a DATA event would say of it. */
static void turn_add(struct pcapng_sql *s, const struct event *ev, bool server,
		     struct bytes payload, uint64_t boot_ns)
{
	bool we_are_server = s->flow.role == FLOW_ROLE_SERVER;
	struct event *data = &s->turn.v[s->turn.n++];

	assert(s->turn.n <= PCAPNG_SQL_EVENTS);
	*data = (struct event){.kind = EVENT_DATA,
			       .probe = ev->probe,
			       .time_boot_ns = boot_ns,
			       .time_unix_ns = event_unix(ev, boot_ns),
			       .tid = ev->tid,
			       .cpu = ev->cpu,
			       .flow = &s->flow,
			       .proc = ev->proc,
			       .data = {.payload = payload,
					.call_total = payload.n,
					.stream_offset = s->sent[server],
					.begin = s->sent[server],
					.end = s->sent[server] + payload.n,
					.peer_end = s->sent[!server],
					.direction = server == we_are_server ? DIRECTION_TRANSMIT
									     : DIRECTION_RECEIVE,
					.library = ev->probe}};
	s->sent[server] += payload.n;
}

typedef void (*wire_fn)(struct sql_wire *w, const struct event_query *q);

static void turn_message(struct pcapng_sql *s, struct sql_wire *w, wire_fn fn, bool server,
			 const struct event *ev, uint64_t boot_ns)
{
	size_t begin = w->n;

	fn(w, &ev->query);
	if (!w->full)
		turn_add(s, ev, server, (struct bytes){(char *)w->p + begin, w->n - begin},
			 boot_ns);
}

static bool is_told(const struct event *ev)
{
	return !(ev->flags & EVENT_F_UNFINISHED) && !ev->query.outer &&
	       strcmp(ev->query.command, "statement") != 0;
}

/* The conversation that is written. Without a known connection, a session of a process is one. */
static struct flow flow_written(const struct event *ev, enum protocol protocol)
{
	const struct event_query *q = &ev->query;
	struct flow f = {0};

	if (ev->flow)
		f = *ev->flow;
	else
		f.id = (ev->proc ? (uint64_t)ev->proc->pid << 32 : 0) ^ q->session;
	f.id ^= ID_APART;
	f.role = strcmp(q->side, "client") ? FLOW_ROLE_SERVER : FLOW_ROLE_CLIENT;
	f.protocol = protocol;
	return f;
}

const struct pcapng_sql_turn *pcapng_sql_turn(struct pcapng_sql *s, const struct event *ev)
{
	const struct event_query *q = &ev->query;
	const struct sql_wire_protocol *protocol =
		strcmp(q->system, "mysql") ? &sql_wire_postgres : &sql_wire_mysql;
	struct sql_wire w = {.p = s->bytes, .room = BYTES_MAX};
	uint64_t began = q->start_boot_ns < ev->time_boot_ns ? q->start_boot_ns : ev->time_boot_ns;
	struct connection *c;

	if (!is_told(ev))
		return NULL;
	s->flow =
		flow_written(ev, protocol == &sql_wire_mysql ? PROTOCOL_MYSQL : PROTOCOL_POSTGRES);
	c = lru_put(s->connections, &s->flow.id, NULL);
	s->connection = c;
	memcpy(s->sent, c->sent, sizeof(s->sent));
	s->turn.n = 0;
	if (c->generation != s->generation) {
		turn_message(s, &w, protocol->first, protocol->server_first, ev, began);
		turn_message(s, &w, protocol->second, !protocol->server_first, ev, began);
		if (protocol->third)
			turn_message(s, &w, protocol->third, protocol->server_first, ev, began);
	}
	turn_message(s, &w, protocol->request, false, ev, began);
	turn_message(s, &w, protocol->answer, true, ev, ev->time_boot_ns);
	return w.full ? NULL : &s->turn;
}

void pcapng_sql_commit(struct pcapng_sql *s)
{
	memcpy(s->connection->sent, s->sent, sizeof(s->sent));
	s->connection->generation = s->generation;
}
