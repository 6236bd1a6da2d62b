/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/sql.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/base/chunk.h"
#include "capture/base/lru.h"
#include "capture/sql_text.h"
#include "encoders/pcapng/sql_wire.h"

enum {
	CONNECTIONS_MAX = 65536, /* as many as tcp.c follows: where one is forgotten here, its
				  * packets begin with a SYN again, too */
	STATEMENTS_MAX = 65536,  /* prepared ones, of all connections */
	BYTES_MAX = CHUNK_JUMBO, /* of all messages of a turn */
	HASHED_MOST = 4096,      /* of a text */
};

/* TLS plaintext of the same connection is a conversation of its own: it has other bytes. */
#define ID_APART 0x53514c0000000000ull

struct connection {
	uint64_t id;
	uint64_t sent[2]; /* bytes so far: by the client, by the server */
	uint32_t generation;
	uint32_t prepared; /* number of its latest statement */
};

/* Prepared, of MySQL. */
struct statement {
	struct {
		uint64_t connection, number;
	} key;
	uint64_t hash; /* of its text */
	uint32_t generation, places;
};

struct pcapng_sql {
	struct lru *connections, *statements;
	uint8_t *bytes;
	struct sql_wire wire;
	struct pcapng_sql_turn turn;
	struct flow flow;
	/* As they are when the turn has been written. */
	struct connection *connection;
	uint64_t sent[2];
	struct statement prepared; /* number 0: nothing was */
	uint32_t latest;           /* number of a statement */
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
		s->statements = lru_new(STATEMENTS_MAX, sizeof(struct statement),
					sizeof(((struct statement *)0)->key));
	} else if (bytes != MAP_FAILED) {
		munmap(bytes, BYTES_MAX);
	}
	if (s && s->connections && s->statements)
		return s;
	pcapng_sql_free(s);
	return NULL;
}

void pcapng_sql_free(struct pcapng_sql *s)
{
	if (!s)
		return;
	lru_free(s->connections);
	lru_free(s->statements);
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

/* What was written from `begin` on is a message. */
static void turn_message(struct pcapng_sql *s, size_t begin, bool server, const struct event *ev,
			 uint64_t boot_ns)
{
	const struct sql_wire *w = &s->wire;

	if (!w->full)
		turn_add(s, ev, server, (struct bytes){(char *)w->p + begin, w->n - begin},
			 boot_ns);
}

typedef void (*greet_fn)(struct sql_wire *w, const struct event_query *q);

static void turn_greet(struct pcapng_sql *s, greet_fn fn, bool server, const struct event *ev,
		       uint64_t boot_ns)
{
	size_t begin = s->wire.n;

	fn(&s->wire, &ev->query);
	turn_message(s, begin, server, ev, boot_ns);
}

typedef void (*say_fn)(struct sql_wire *w, const struct event_query *q,
		       const struct sql_wire_statement *st);

/* A request, or the answer to it. */
static void turn_say(struct pcapng_sql *s, say_fn fn, const struct sql_wire_statement *st,
		     bool server, const struct event *ev, uint64_t boot_ns)
{
	size_t begin = s->wire.n;

	fn(&s->wire, &ev->query, st);
	turn_message(s, begin, server, ev, boot_ns);
}

static bool is_told(const struct event *ev)
{
	return !(ev->flags & EVENT_F_UNFINISHED) && !ev->query.outer &&
	       strcmp(ev->query.command, "statement") != 0;
}

struct flow pcapng_sql_flow(const struct event *ev)
{
	const struct event_query *q = &ev->query;
	struct flow f = {0};

	if (ev->flow)
		f = *ev->flow;
	else
		f.id = (ev->proc ? (uint64_t)ev->proc->pid << 32 : 0) ^ q->session;
	f.role = strcmp(q->side, "client") ? FLOW_ROLE_SERVER : FLOW_ROLE_CLIENT;
	f.protocol = strcmp(q->system, "mysql") ? PROTOCOL_POSTGRES : PROTOCOL_MYSQL;
	f.id ^= ID_APART ^ (uint64_t)f.protocol << 48;
	return f;
}

/* ---- statements that are prepared ----------------------------------------------------------- */

static uint64_t text_hash(struct bytes text)
{
	uint64_t hash = 0xcbf29ce484222325 ^ text.n;
	size_t n = text.n < HASHED_MOST ? text.n : HASHED_MOST;

	for (size_t i = 0; i < n; i++) /* FNV-1a */
		hash = (hash ^ (uint8_t)text.p[i]) * 0x100000001b3;
	return hash;
}

static struct statement statement_of(const struct pcapng_sql *s, const struct event_query *q,
				     const struct sql_wire_statement *st)
{
	return (struct statement){.key = {.connection = s->flow.id, .number = st->number},
				  .hash = text_hash(q->text),
				  .generation = s->generation,
				  .places = st->places};
}

/* The number that a preparation gives is not told: it is mostly the next one. Where it was not, the
 * first execution tells that. */
static struct sql_wire_statement statement_prepared(struct pcapng_sql *s,
						    const struct event_query *q)
{
	bool whole = q->text_total <= q->text.n;
	struct sql_wire_statement st = {.number = s->connection->prepared + 1,
					.places = whole ? sql_text_places(q->text) : 0};

	if (q->statement_id)
		st.number = q->statement_id;
	s->latest = st.number;
	if (!q->failed)
		s->prepared = statement_of(s, q, &st);
	return st;
}

/* By its number, if its values are known; it has to have been prepared in this file then. */
static struct sql_wire_statement statement_executed(struct pcapng_sql *s,
						    const struct event_query *q)
{
	struct sql_wire_statement st = {.number = q->statement_id};
	struct statement want;
	const struct statement *had;

	s->latest = q->statement_id > s->latest ? q->statement_id : s->latest;
	if (!q->statement_id || !sql_mysql_values_known(q, &st.places))
		return (struct sql_wire_statement){0};
	want = statement_of(s, q, &st);
	had = lru_get(s->statements, &want.key);
	if (!had || had->hash != want.hash || had->generation != want.generation ||
	    had->places != want.places)
		s->prepared = want;
	return st;
}

static void turn_statement(struct pcapng_sql *s, const struct sql_wire_protocol *protocol,
			   const struct event *ev, uint64_t began)
{
	struct sql_wire_statement st = {0};
	bool executes = protocol->prepare && !strcmp(ev->query.command, "execute");

	s->prepared = (struct statement){0};
	s->latest = s->connection->prepared;
	if (executes)
		st = statement_executed(s, &ev->query);
	else if (protocol->prepare && !strcmp(ev->query.command, "prepare"))
		st = statement_prepared(s, &ev->query);
	if (executes && s->prepared.key.number) {
		turn_say(s, protocol->prepare, &st, false, ev, began);
		turn_say(s, protocol->prepared, &st, true, ev, began);
	}
	turn_say(s, protocol->request, &st, false, ev, began);
	turn_say(s, protocol->answer, &st, true, ev, ev->time_boot_ns);
}

/* -------------------------------------------------------------------------------------------- */

const struct pcapng_sql_turn *pcapng_sql_turn(struct pcapng_sql *s, const struct event *ev)
{
	const struct event_query *q = &ev->query;
	const struct sql_wire_protocol *protocol =
		strcmp(q->system, "mysql") ? &sql_wire_postgres : &sql_wire_mysql;
	uint64_t began = q->start_boot_ns < ev->time_boot_ns ? q->start_boot_ns : ev->time_boot_ns;
	struct connection *c;

	if (!is_told(ev))
		return NULL;
	s->flow = pcapng_sql_flow(ev);
	c = lru_put(s->connections, &s->flow.id, NULL);
	s->connection = c;
	memcpy(s->sent, c->sent, sizeof(s->sent));
	s->turn.n = 0;
	s->wire = (struct sql_wire){.p = s->bytes, .room = BYTES_MAX};
	if (c->generation != s->generation) {
		turn_greet(s, protocol->first, protocol->server_first, ev, began);
		turn_greet(s, protocol->second, !protocol->server_first, ev, began);
		if (protocol->third)
			turn_greet(s, protocol->third, protocol->server_first, ev, began);
	}
	turn_statement(s, protocol, ev, began);
	return s->wire.full ? NULL : &s->turn;
}

void pcapng_sql_commit(struct pcapng_sql *s)
{
	memcpy(s->connection->sent, s->sent, sizeof(s->sent));
	s->connection->generation = s->generation;
	s->connection->prepared = s->latest;
	if (s->prepared.key.number)
		*(struct statement *)lru_put(s->statements, &s->prepared.key, NULL) = s->prepared;
}
