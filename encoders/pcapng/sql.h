/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Statements of databases as conversations in their wire protocols, which never took place like
 * this, so that Wireshark dissects them (mysql.query, pgsql.query) and shows how long an answer
 * took. A statement becomes two DATA events, for encoders/pcapng/tcp.h: the request with the time
 * at which it began, and the answer. In front of the first of a connection in a file come a
 * greeting and a login, without which dissectors do not know where they are; they have names in
 * them, and never a password. Rows are not known and not told, but their number is.
 *
 * A statement is written when it has ended: its request stands at the time when it began, and so
 * behind what others ended in between. Within a conversation, and so for Wireshark, which counts
 * the time of an answer there, all is in order; reordercap puts the file as a whole in order.
 *
 * What is no request of a client (statements inside of others), and what has not ended, gives no
 * packets. State is bounded: a connection that was forgotten begins with a greeting again.
 */
#include "capture/event.h"

enum {
	PCAPNG_SQL_EVENTS = 7 /* of one statement: greeting, login, welcome, preparation and its
			       * answer, request, answer */
};

struct pcapng_sql;

/* What one statement adds; the events and their bytes are valid until the next call. */
struct pcapng_sql_turn {
	struct event v[PCAPNG_SQL_EVENTS];
	unsigned n;
};

/* The connection of a statement, apart from what else is told of it. Where none is known, a session
 * of a process is one. */
struct flow pcapng_sql_flow(const struct event *ev);
/* NULL when there is no memory. */
struct pcapng_sql *pcapng_sql_new(void);
void pcapng_sql_free(struct pcapng_sql *s);
/* A new file begins. */
void pcapng_sql_generation(struct pcapng_sql *s);
/* NULL = the event gives no packets. */
const struct pcapng_sql_turn *pcapng_sql_turn(struct pcapng_sql *s, const struct event *ev);
/* The events of the last turn have been written. */
void pcapng_sql_commit(struct pcapng_sql *s);
