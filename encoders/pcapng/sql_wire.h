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

/* A C string: a text of the event up to its first NUL, and one more. */
static inline void sql_wire_string(struct sql_wire *w, struct bytes b)
{
	const char *nul = b.n ? __builtin_memchr(b.p, 0, b.n) : NULL;

	sql_wire_put(w, b.p, nul ? (size_t)(nul - b.p) : b.n);
	sql_wire_u8(w, 0);
}

/* What each side says. The server speaks first in MySQL, the client in PostgreSQL. */
struct sql_wire_protocol {
	bool server_first;
	void (*first)(struct sql_wire *w, const struct event_query *q);
	void (*second)(struct sql_wire *w, const struct event_query *q);
	void (*third)(struct sql_wire *w, const struct event_query *q); /* NULL = two are enough */
	void (*request)(struct sql_wire *w, const struct event_query *q);
	void (*answer)(struct sql_wire *w, const struct event_query *q);
};

extern const struct sql_wire_protocol sql_wire_mysql, sql_wire_postgres;
