/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Messages of the protocols of databases, made of what a QUERY event says. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/event.h"

/* Bytes that are being written. What there is no room for is left out, and said. */
struct sql_wire {
	uint8_t *p;
	size_t n, room;
	bool full;
};

static inline void sql_wire_put(struct sql_wire *w, const void *from, size_t n)
{
	if (n > w->room - w->n) {
		w->full = true;
		return;
	}
	if (n)
		__builtin_memcpy(w->p + w->n, from, n);
	w->n += n;
}

static inline void sql_wire_bytes(struct sql_wire *w, struct bytes b)
{
	sql_wire_put(w, b.p, b.n);
}

static inline void sql_wire_u8(struct sql_wire *w, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	sql_wire_put(w, &byte, 1);
}

/* A number, its lowest byte first. */
static inline void sql_wire_le(struct sql_wire *w, uint64_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		sql_wire_u8(w, v & 0xff);
}

/* How long sql_wire_text() makes it. */
static inline size_t sql_wire_text_size(struct bytes b)
{
	size_t n = b.n;

	for (size_t i = 0; i < b.n; i++)
		n += !b.p[i];
	return n;
}

/* A text that has its length, or an end, elsewhere. Wireshark reads up to the first NUL and doubts
 * what is behind it: there is \0 instead, which means the same to MySQL. */
static inline void sql_wire_text(struct sql_wire *w, struct bytes b)
{
	const char *nul;

	while (b.n && (nul = __builtin_memchr(b.p, 0, b.n))) {
		size_t n = (size_t)(nul - b.p);

		sql_wire_put(w, b.p, n);
		sql_wire_put(w, "\\0", 2);
		b = (struct bytes){nul + 1, b.n - n - 1};
	}
	sql_wire_put(w, b.p, b.n);
}

/* A C string: a text of the event up to its first NUL, and one more. */
static inline void sql_wire_string(struct sql_wire *w, struct bytes b)
{
	const char *nul = b.n ? __builtin_memchr(b.p, 0, b.n) : NULL;

	sql_wire_put(w, b.p, nul ? (size_t)(nul - b.p) : b.n);
	sql_wire_u8(w, 0);
}

/* A statement that was prepared, of MySQL: it is executed by its number. */
struct sql_wire_statement {
	uint32_t number; /* 0 = there is none: an execution is told by its text */
	unsigned places; /* for values */
};

/* What each side says. The server speaks first in MySQL, the client in PostgreSQL. */
struct sql_wire_protocol {
	bool server_first;
	void (*first)(struct sql_wire *w, const struct event_query *q);
	void (*second)(struct sql_wire *w, const struct event_query *q);
	void (*third)(struct sql_wire *w, const struct event_query *q); /* NULL = two are enough */
	/* A preparation that succeeded, of what is executed. NULL = executions bring their text. */
	void (*prepare)(struct sql_wire *w, const struct event_query *q,
			const struct sql_wire_statement *st);
	void (*prepared)(struct sql_wire *w, const struct event_query *q,
			 const struct sql_wire_statement *st);
	void (*request)(struct sql_wire *w, const struct event_query *q,
			const struct sql_wire_statement *st);
	void (*answer)(struct sql_wire *w, const struct event_query *q,
		       const struct sql_wire_statement *st);
};

extern const struct sql_wire_protocol sql_wire_mysql, sql_wire_postgres;

/* Values of an execution in the binary protocol of MySQL. Can all be told? Then *ret_n is how many
 * there are. */
bool sql_mysql_values_known(const struct event_query *q, unsigned *ret_n);
/* The rest of COM_STMT_EXECUTE: which are NULL, types, values. */
void sql_mysql_values(struct sql_wire *w, const struct event_query *q, unsigned n);
/* A number before what it is the length of. */
void sql_mysql_length(struct sql_wire *w, uint64_t v);
