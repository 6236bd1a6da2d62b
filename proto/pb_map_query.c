/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_map_query.h"

#include "capture/query_params.h"
#include "capture/sql_text.h"
#include "proto/pb_write.h"

enum {
	NULLS_MAX = QUERY_PARAMS_VALUES
};

/* Values, as text, and then which of them are NULL: those are empty among the others. */
static uint8_t *put_params(uint8_t *p, const struct event_query *query, uint16_t *nulls,
			   unsigned *ret_nulls)
{
	struct query_params_reader r;
	struct query_value value;
	uint16_t n = 0;

	*ret_nulls = 0;
	if (!query->params.format ||
	    query_params_begin(&r, &query->params, sql_text_places(query->text)))
		return p;
	while (n < NULLS_MAX && query_params_next(&r, &value) == 1) {
		p = pb_write_item(p, 9, value.null ? (struct bytes){0} : value.text);
		if (value.null)
			nulls[(*ret_nulls)++] = n;
		n++;
	}
	return p;
}

static uint8_t *put_nulls(uint8_t *p, const uint16_t *nulls, unsigned n)
{
	struct pb_write_message m;

	if (!n)
		return p;
	p = pb_write_begin(pb_write_tag(p, 26, PB_WRITE_LENGTH), n, &m);
	for (unsigned i = 0; i < n; i++)
		p = pb_write_varint(p, nulls[i]);
	return pb_write_end(p, &m);
}

/* What a command says of its rows, 0 too. */
static uint8_t *put_rows(uint8_t *p, unsigned field, bool known, uint64_t rows)
{
	return known ? pb_write_varint(pb_write_tag(p, field, PB_WRITE_VARINT), rows) : p;
}

uint8_t *pb_map_query(uint8_t *p, const struct event *ev)
{
	const struct event_query *query = &ev->query;
	size_t guess = 100 + query->text.n + query->fingerprint.n + query->params.raw.n;
	bool cut = query->text_total > query->text.n;
	uint16_t nulls[NULLS_MAX];
	struct pb_write_message m;
	unsigned nulls_n;

	p = pb_write_begin(pb_write_tag(p, 19, PB_WRITE_LENGTH), guess, &m);
	p = pb_write_text(p, 1, bytes_of(query->system));
	p = pb_write_bytes(p, 2, query->text);
	p = pb_write_bytes(p, 3, query->database);
	p = pb_write_bytes(p, 4, query->user);
	p = put_rows(p, 5, query->has_rows, query->rows);
	if (query->failed && query->error)
		p = pb_write_signed(p, 6, (int32_t)query->error);
	p = pb_write_bytes(p, 7, query->message);
	p = pb_write_bytes(p, 8, query->statement_name);
	p = put_params(p, query, nulls, &nulls_n);
	p = pb_write_text(p, 10, bytes_of(query->side));
	p = pb_write_text(p, 11, query->sqlstate);
	p = pb_write_number(p, 12, query->statement_id);
	p = pb_write_fixed(p, 13, event_unix(ev, query->start_boot_ns));
	p = put_rows(p, 14, query->has_rows_sent, query->rows_sent);
	p = pb_write_text(p, 15, bytes_of(query->command));
	p = pb_write_number(p, 16, query->id);
	p = pb_write_number(p, 17, query->outer);
	p = pb_write_number(p, 18, query->session);
	p = pb_write_bytes(p, 19, query->client);
	p = pb_write_bytes(p, 20, query->application);
	p = pb_write_bytes(p, 21, query->fingerprint);
	p = pb_write_number(p, 22, cut ? query->text_total : 0);
	p = pb_write_number(p, 23, query->results);
	p = pb_write_number(p, 24, query->warnings);
	p = pb_write_number(p, 25, query->params.cut);
	p = put_nulls(p, nulls, nulls_n);
	return pb_write_end(p, &m);
}

void pb_map_query_size(struct pb_map_size *size, const struct event_query *query)
{
	const struct bytes texts[] = {query->text,        query->database,       query->user,
				      query->message,     query->statement_name, query->client,
				      query->application, query->fingerprint};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		pb_map_size_add(size, texts[i]);
	/* A value of one byte may become several, a number of a few bytes many digits. */
	if (query->params.format)
		size->most += query->params.raw.n * 64 + (size_t)QUERY_PARAMS_VALUES * 8;
}
