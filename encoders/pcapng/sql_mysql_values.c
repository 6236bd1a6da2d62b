/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of a prepared statement in the binary protocol of MySQL. Those that came in it are told as
 * they came, with their types; what Wireshark would stumble over, and values that are known as text
 * alone, are strings.
 */
#include <string.h>

#include "capture/sql_text.h"
#include "encoders/pcapng/sql_wire.h"
#include "encoders/write/statement.h"

enum {
	TYPE_TINY = 1,
	TYPE_SHORT = 2,
	TYPE_LONG = 3,
	TYPE_FLOAT = 4,
	TYPE_DOUBLE = 5,
	TYPE_NULL = 6,
	TYPE_TIMESTAMP = 7,
	TYPE_LONGLONG = 8,
	TYPE_INT24 = 9,
	TYPE_DATE = 10,
	TYPE_TIME = 11,
	TYPE_DATETIME = 12,
	TYPE_YEAR = 13,
	TYPE_VAR_STRING = 253,
	TYPE_UNSIGNED = 0x8000,                 /* added to a type */
	VALUE_MOST = QUERY_PARAMS_SCRATCH + 16, /* that one takes more than in the event */
	PACKET_MOST = 0xffffff - 64             /* Wireshark puts no packets together */
};

void sql_mysql_length(struct sql_wire *w, uint64_t v)
{
	if (v < 251) {
		sql_wire_le(w, v, 1);
	} else if (v < 1 << 16) {
		sql_wire_u8(w, 0xfc);
		sql_wire_le(w, v, 2);
	} else if (v < 1 << 24) {
		sql_wire_u8(w, 0xfd);
		sql_wire_le(w, v, 3);
	} else {
		sql_wire_u8(w, 0xfe);
		sql_wire_le(w, v, 8);
	}
}

bool sql_mysql_values_known(const struct event_query *q, unsigned *ret_n)
{
	bool whole = q->text_total <= q->text.n;
	unsigned places = whole ? sql_text_places(q->text) : 0, n = 0;
	struct query_params_reader r;
	struct query_value value;

	*ret_n = 0;
	if (whole && !places)
		return true;
	if (!statement_values(&r, q))
		return false;
	while (query_params_next(&r, &value) > 0)
		n++;
	*ret_n = n;
	return n && (!whole || n == places) && 2 * q->params.raw.n + n * VALUE_MOST < PACKET_MOST;
}

/* How the type that the client said is told; 0 = as a string. */
static unsigned value_type_shown(unsigned type, struct bytes raw)
{
	unsigned plain = type & 0xff, sign = type & TYPE_UNSIGNED;

	switch (plain) {
	case TYPE_TINY:
		return raw.n == 1 ? plain | sign : 0;
	case TYPE_SHORT:
	case TYPE_YEAR:
		return raw.n == 2 ? TYPE_SHORT | sign : 0;
	case TYPE_LONG:
	case TYPE_INT24:
		return raw.n == 4 ? TYPE_LONG | sign : 0;
	case TYPE_LONGLONG:
		return raw.n == 8 ? plain | sign : 0;
	case TYPE_FLOAT:
		return raw.n == 4 ? plain : 0;
	case TYPE_DOUBLE:
		return raw.n == 8 ? plain : 0;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_DATETIME: /* behind their length */
		return raw.n == 1 || raw.n == 5 || raw.n == 8 || raw.n == 12 ? plain : 0;
	case TYPE_TIME:
		return raw.n == 1 || raw.n == 9 || raw.n == 13 ? plain : 0;
	default:
		return 0;
	}
}

/* raw: the bytes of the value as they came, empty when it is known as text alone. Returns its
 * type. */
static unsigned value_put(struct sql_wire *w, unsigned type, struct bytes raw,
			  const struct query_value *value)
{
	unsigned shown = value_type_shown(type, raw);

	if (value->null)
		return TYPE_NULL;
	if (shown) {
		sql_wire_bytes(w, raw);
		return shown;
	}
	sql_mysql_length(w, sql_wire_text_size(value->text));
	sql_wire_text(w, value->text);
	return TYPE_VAR_STRING;
}

/* Of the value that is read next; 0 = it did not come in this protocol. */
static unsigned value_type_sent(const struct query_params_reader *r)
{
	const uint8_t *type = (const uint8_t *)r->types.p;

	return r->nulls.n && r->types.n >= 2 ? type[0] | (unsigned)type[1] << 8 : 0;
}

void sql_mysql_values(struct sql_wire *w, const struct event_query *q, unsigned n)
{
	struct query_params_reader r;
	struct query_value value;
	size_t nulls = w->n, types;

	for (unsigned i = 0; i < (n + 7) / 8; i++)
		sql_wire_u8(w, 0);
	sql_wire_u8(w, 1); /* types follow */
	types = w->n;
	for (unsigned i = 0; i < n; i++)
		sql_wire_le(w, 0, 2);
	if (!statement_values(&r, q))
		return;
	for (unsigned i = 0; i < n && !w->full; i++) {
		const char *from = r.rest.p;
		unsigned type = value_type_sent(&r);

		if (query_params_next(&r, &value) <= 0)
			return;
		type = value_put(w, type, (struct bytes){from, (size_t)(r.rest.p - from)}, &value);
		w->p[nulls + i / 8] |= (uint8_t)(value.null << i % 8);
		w->p[types + 2 * i] = type & 0xff;
		w->p[types + 2 * i + 1] = (uint8_t)(type >> 8);
	}
}
