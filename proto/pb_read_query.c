/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "capture/query_params.h"
#include "proto/pb_read_inside.h"
#include "proto/pb_wire.h"

/* Values become a list in the arena: a length in front of each. */
static int read_value(struct pb_read *r, struct bytes in)
{
	uint32_t n = (uint32_t)in.n;
	char *at = r->rows.arena + r->rows.arena_n;

	if (r->values_n == QUERY_PARAMS_VALUES || n > UINT16_MAX)
		return -EBADMSG;
	if (sizeof(n) + n > PB_ROWS_ARENA - r->rows.arena_n)
		return -EBADMSG;
	memcpy(at, &n, sizeof(n));
	if (n)
		memcpy(at + sizeof(n), in.p, n);
	r->rows.arena_n += sizeof(n) + n;
	r->values_n++;
	return 0;
}

/* Which of the values are NULL: numbers that grow, so that the list is walked once. */
static int read_nulls(struct pb_read *r, struct bytes in)
{
	const uint32_t null = UINT32_MAX;
	char *at = r->rows.arena + r->args_at, *end = r->rows.arena + r->rows.arena_n;
	uint64_t want;
	unsigned i = 0;
	uint32_t n;
	size_t used;

	for (; in.n; in = (struct bytes){in.p + used, in.n - used}) {
		if (pb_wire_varint(in, &want, &used) || want < i)
			return -EBADMSG;
		for (; at < end; i++) {
			memcpy(&n, at, sizeof(n));
			if (i == want)
				break;
			at += sizeof(n) + n;
		}
		if (at >= end || n)
			return -EBADMSG;
		memcpy(at, &null, sizeof(null));
		at += sizeof(null);
		i++;
	}
	return 0;
}

#define AT(field) offsetof(struct pb_read, ev.query.field)

/* The values lie in the arena together, so nothing else goes there between them. */
static const struct pb_row value_rows[] = {
	[9] = {PB_ROW_CALL, 0, read_value},
	[26] = {PB_ROW_CALL, 0, read_nulls},
};

static const struct pb_row query_rows[] = {
	[1] = {PB_ROW_TEXT, AT(system)},
	[2] = {PB_ROW_BYTES, AT(text)},
	[3] = {PB_ROW_BYTES, AT(database)},
	[4] = {PB_ROW_BYTES, AT(user)},
	[5] = {PB_ROW_U64, AT(rows)},
	[6] = {PB_ROW_S32, AT(error)},
	[7] = {PB_ROW_BYTES, AT(message)},
	[8] = {PB_ROW_BYTES, AT(statement_name)},
	[10] = {PB_ROW_TEXT, AT(side)},
	[11] = {PB_ROW_BYTES, AT(sqlstate)},
	[12] = {PB_ROW_U32, AT(statement_id)},
	[13] = {PB_ROW_FIXED, AT(start_boot_ns)},
	[14] = {PB_ROW_U64, AT(rows_sent)},
	[15] = {PB_ROW_TEXT, AT(command)},
	[16] = {PB_ROW_U64, AT(id)},
	[17] = {PB_ROW_U64, AT(outer)},
	[18] = {PB_ROW_U64, AT(session)},
	[19] = {PB_ROW_BYTES, AT(client)},
	[20] = {PB_ROW_BYTES, AT(application)},
	[21] = {PB_ROW_BYTES, AT(fingerprint)},
	[22] = {PB_ROW_U64, AT(text_total)},
	[23] = {PB_ROW_U32, AT(results)},
	[24] = {PB_ROW_U32, AT(warnings)},
	[25] = {PB_ROW_BOOL, AT(params.cut)},
};

/* Numbers that may be absent, which is not the same as 0. */
static void read_presence(struct event_query *query, struct bytes in)
{
	struct pb_wire_field field;

	while (in.n && pb_wire_next(&in, &field) == 0) {
		query->has_rows |= field.number == 5;
		query->has_rows_sent |= field.number == 14;
	}
}

int pb_read_query(struct pb_read *r, struct bytes in)
{
	struct event_query *query = &r->ev.query;

	query->system = query->side = query->command = "";
	r->values_n = 0;
	if (pb_rows_fill(r, in, PB_ROWS(query_rows), r))
		return -EBADMSG;
	r->args_at = r->rows.arena_n;
	if (pb_rows_fill(r, in, PB_ROWS(value_rows), r))
		return -EBADMSG;
	read_presence(query, in);
	if (r->values_n) {
		query->params = query_params_list(
			(struct bytes){r->rows.arena + r->args_at, r->rows.arena_n - r->args_at},
			query->params.cut);
	}
	query->failed = query->error || query->sqlstate.n || query->message.n;
	if (query->text_total < query->text.n)
		query->text_total = query->text.n;
	return 0;
}
