/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/journal_query.h"

#include <sys/socket.h>

#include "capture/base/utf8.h"
#include "encoders/pcapng/journal.h"
#include "encoders/pcapng/journal_field.h"
#include "encoders/write/statement.h"

enum {
	VALUES_MOST = 256,
	VALUES_TEXT = 32 * 1024, /* of all together */
	VALUE_FIXED = 48,        /* name and end of a field */
	ERROR_FIXED = 64,        /* "ERROR 1146 (42S02): prepare " */
	FLOW_ROOM = 4 * 64,
	QUERY_FIXED = 1536, /* names and numbers of all other fields */
};

static uint8_t *put_error(uint8_t *p, const struct event_query *q)
{
	p = PUT_LITERAL(p, "ERROR ");
	if (q->error)
		p = put_u64(p, q->error);
	if (q->error && q->sqlstate.n)
		p = PUT_LITERAL(p, " (");
	p = put_bytes(p, utf8_cut(q->sqlstate, 8));
	if (q->error && q->sqlstate.n)
		*p++ = ')';
	p = put_bytes(PUT_LITERAL(p, ": "), utf8_cut(q->message, PCAPNG_JOURNAL_NAME));
	return PUT_LITERAL(p, ": ");
}

/* MESSAGE is the statement, so that what one sees and searches is one thing; after its error. */
static uint8_t *message_field(uint8_t *p, const struct event_query *q)
{
	uint8_t *value = OPEN(p, "MESSAGE");

	p = q->failed ? put_error(value, q) : value;
	p = put_bytes(p, statement_word(q));
	p = put_bytes(p, utf8_cut(q->text, PCAPNG_JOURNAL_TEXT));
	return journal_field_close(value, p);
}

/* PENSTOCK_QUERY_PARAM_1=5; of those that are NULL, PENSTOCK_QUERY_PARAM_1_NULL=1. */
static uint8_t *value_field(uint8_t *p, unsigned number, const struct query_value *value,
			    size_t *left)
{
	struct bytes text = utf8_cut(value->text, *left);
	uint8_t *start;

	p = put_u64(PUT_LITERAL(p, "PENSTOCK_QUERY_PARAM_"), number);
	if (value->null)
		return PUT_LITERAL(p, "_NULL=1\n");
	*p++ = '=';
	start = p;
	*left -= text.n;
	return journal_field_close(start, put_bytes(start, text));
}

static uint8_t *values_fields(uint8_t *p, const struct event_query *q)
{
	struct query_params_reader reader;
	struct query_value value;
	size_t left = VALUES_TEXT;
	bool cut = q->params.cut;
	unsigned n = 0;

	if (!statement_values(&reader, q))
		return p;
	while (query_params_next(&reader, &value) > 0) {
		cut |= value.text_cut || value.text.n > left || n == VALUES_MOST;
		if (n == VALUES_MOST)
			break;
		p = value_field(p, ++n, &value, &left);
	}
	return cut ? NUMBER(p, "PENSTOCK_QUERY_PARAMS_CUT", 1) : p;
}

/* 127.0.0.1:3306, [::1]:5432 */
static uint8_t *flow_end_field(uint8_t *p, const struct flow *flow, bool local)
{
	bool v6 = flow->family == AF_INET6;

	if (v6)
		*p++ = '[';
	p = put_address(p, flow->family, local ? flow->local : flow->remote);
	if (v6)
		*p++ = ']';
	*p++ = ':';
	return journal_field_end(put_u64(p, local ? flow->local_port : flow->remote_port));
}

static uint8_t *flow_fields(uint8_t *p, const struct flow *flow)
{
	uint64_t id = htobe64(flow->id);

	p = journal_field_end(put_hex(OPEN(p, "PENSTOCK_CONN_ID"), &id, sizeof(id)));
	if (!flow->family)
		return p;
	p = flow_end_field(OPEN(p, "PENSTOCK_LOCAL"), flow, true);
	return flow_end_field(OPEN(p, "PENSTOCK_REMOTE"), flow, false);
}

static uint8_t *session_fields(uint8_t *p, const struct event_query *q)
{
	p = TEXT(p, "PENSTOCK_QUERY_USER", q->user, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_QUERY_DATABASE", q->database, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_QUERY_CLIENT", q->client, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_QUERY_APPLICATION", q->application, PCAPNG_JOURNAL_NAME);
	return q->session ? NUMBER(p, "PENSTOCK_QUERY_SESSION", q->session) : p;
}

static uint8_t *outcome_fields(uint8_t *p, const struct event *ev)
{
	const struct event_query *q = &ev->query;

	p = NUMBER(p, "PENSTOCK_START", event_unix(ev, q->start_boot_ns));
	if (!(ev->flags & EVENT_F_UNFINISHED))
		p = journal_field_end(put_seconds(OPEN(p, "PENSTOCK_DURATION"), q->duration_ns));
	if (q->has_rows)
		p = NUMBER(p, "PENSTOCK_QUERY_ROWS", q->rows);
	if (q->has_rows_sent)
		p = NUMBER(p, "PENSTOCK_QUERY_ROWS_SENT", q->rows_sent);
	if (q->results)
		p = NUMBER(p, "PENSTOCK_QUERY_RESULTS", q->results);
	if (q->warnings)
		p = NUMBER(p, "PENSTOCK_QUERY_WARNINGS", q->warnings);
	if (!q->failed)
		return p;
	if (q->error)
		p = NUMBER(p, "PENSTOCK_QUERY_ERROR_CODE", q->error);
	p = TEXT(p, "PENSTOCK_QUERY_SQLSTATE", q->sqlstate, PCAPNG_JOURNAL_NAME);
	return TEXT(p, "PENSTOCK_QUERY_ERROR", q->message, PCAPNG_JOURNAL_NAME);
}

uint8_t *journal_query_fields(uint8_t *p, const struct event *ev)
{
	const struct event_query *q = &ev->query;

	p = message_field(p, q);
	p = TEXT(p, "PENSTOCK_QUERY_SYSTEM", bytes_of(q->system), 64);
	p = TEXT(p, "PENSTOCK_QUERY_SIDE", bytes_of(q->side), 64);
	p = TEXT(p, "PENSTOCK_QUERY_COMMAND", bytes_of(q->command), 64);
	p = NUMBER(p, "PENSTOCK_QUERY_ID", q->id);
	if (q->outer)
		p = NUMBER(p, "PENSTOCK_QUERY_OUTER_ID", q->outer);
	if (q->text_total > q->text.n)
		p = NUMBER(p, "PENSTOCK_QUERY_TOTAL", q->text_total);
	p = TEXT(p, "PENSTOCK_QUERY_FINGERPRINT", q->fingerprint, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_QUERY_STATEMENT_NAME", q->statement_name, PCAPNG_JOURNAL_NAME);
	if (q->statement_id)
		p = NUMBER(p, "PENSTOCK_QUERY_STATEMENT_ID", q->statement_id);
	p = values_fields(p, q);
	p = session_fields(p, q);
	p = outcome_fields(p, ev);
	return ev->flow ? flow_fields(p, ev->flow) : p;
}

bool journal_query_room(size_t *room, const struct event *ev)
{
	const struct event_query *q = &ev->query;
	bool cut = journal_field_room(room, q->text, PCAPNG_JOURNAL_TEXT);

	cut |= journal_field_room(room, q->fingerprint, PCAPNG_JOURNAL_NAME);
	cut |= journal_field_room(room, q->statement_name, PCAPNG_JOURNAL_NAME);
	cut |= journal_field_room(room, q->user, PCAPNG_JOURNAL_NAME);
	cut |= journal_field_room(room, q->database, PCAPNG_JOURNAL_NAME);
	cut |= journal_field_room(room, q->client, PCAPNG_JOURNAL_NAME);
	cut |= journal_field_room(room, q->application, PCAPNG_JOURNAL_NAME);
	cut |= journal_field_room(room, q->sqlstate, PCAPNG_JOURNAL_NAME);
	cut |= journal_field_room(room, q->message, PCAPNG_JOURNAL_NAME); /* field */
	cut |= journal_field_room(room, q->message, PCAPNG_JOURNAL_NAME); /* MESSAGE */
	*room += QUERY_FIXED + ERROR_FIXED + FLOW_ROOM;
	if (q->params.format)
		*room += VALUES_MOST * VALUE_FIXED + VALUES_TEXT;
	return cut;
}
