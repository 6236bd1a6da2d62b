/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A statement of a database: its text may come in several records, its result comes in another, and
 * its values may have come before it (PostgreSQL's Bind), or be of types that only an earlier
 * execution of the same prepared statement named (MySQL). */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/assemble_inside.h"
#include "capture/base/lru.h"
#include "capture/query_params.h"
#include "capture/sql_text.h"

enum {
	PORTALS_MAX = 1024,    /* bound, of all connections */
	STATEMENTS_MAX = 4096, /* prepared ones whose types are known */
	TYPES_SIZE = 4 * QUERY_TYPES_MAX
};

struct portal_key {
	uint64_t conn, name; /* hash of it */
};

/* What was bound to a portal last. */
struct portal {
	struct portal_key key;
	struct textbuf raw;
	char types[TYPES_SIZE];
	uint16_t types_n;
	bool cut;
};

struct statement_key {
	uint64_t conn, number;
};

struct statement {
	struct statement_key key;
	char types[TYPES_SIZE];
	uint16_t types_n;
};

struct assemble_queries {
	struct lru *portals, *statements;
	struct textbuf_pool *texts;
	char fingerprint[SQL_FINGERPRINT_MAX]; /* of the event that is being emitted */
};

static void portal_evicted(void *entry, void *arg)
{
	struct assemble_queries *q = arg;
	struct portal *p = entry;

	textbuf_done(q->texts, &p->raw);
}

struct assemble_queries *assemble_query_new(void)
{
	struct assemble_queries *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->portals = lru_new(PORTALS_MAX, sizeof(struct portal), sizeof(struct portal_key));
	q->statements =
		lru_new(STATEMENTS_MAX, sizeof(struct statement), sizeof(struct statement_key));
	q->texts = textbuf_pool_new(PORTALS_MAX, 1, 2 * TEXTBUF_SMALL);
	if (!q->portals || !q->statements || !q->texts) {
		assemble_query_free(q);
		return NULL;
	}
	lru_on_evict(q->portals, portal_evicted, q);
	return q;
}

void assemble_query_free(struct assemble_queries *q)
{
	if (!q)
		return;
	lru_free(q->portals);
	lru_free(q->statements);
	textbuf_pool_free(q->texts);
	free(q);
}

static struct portal_key portal_key(uint64_t conn, struct bytes name)
{
	struct portal_key key = {.conn = conn, .name = 0xcbf29ce484222325};

	for (size_t i = 0; i < name.n; i++) /* FNV-1a */
		key.name = (key.name ^ (uint8_t)name.p[i]) * 0x100000001b3;
	return key;
}

static uint16_t types_keep(char *dst, struct bytes types)
{
	size_t n = types.n < TYPES_SIZE ? types.n : TYPES_SIZE;

	if (n)
		memcpy(dst, types.p, n);
	return (uint16_t)n;
}

/* Values for a later statement. */
static int query_context(struct assemble *a, const struct part *part)
{
	struct assemble_queries *q = assemble_queries(a);
	const struct event_query *bind = &part->ev.query;
	struct portal_key key = portal_key(part->id, bind->statement_name);
	struct portal *p = lru_put(q->portals, &key, NULL);

	textbuf_done(q->texts, &p->raw);
	textbuf_append(q->texts, &p->raw, bind->params.raw);
	p->cut = bind->params.cut;
	p->types_n = types_keep(p->types, bind->params.types);
	return 1;
}

static void query_begin(struct assemble *a, struct item *it, const struct part *part)
{
	struct assemble_queries *q = assemble_queries(a);
	struct query_params *params = &it->ev.query.params;
	struct portal_key key;
	struct portal *p;

	if (params->format == QUERY_PARAMS_POSTGRES && !params->raw.n && it->ev.flow) {
		key = portal_key(it->ev.flow->id, it->ev.query.statement_name);
		p = lru_get(q->portals, &key);
		if (p) {
			params->raw = item_bytes(&p->raw);
			params->types = (struct bytes){p->types, p->types_n};
			params->cut = p->cut;
		} else {
			params->format = QUERY_PARAMS_NONE;
		}
	}
	textbuf_append(assemble_texts(a), &it->more, params->raw);
	params->raw = (struct bytes){0}; /* what is large is not kept beside the small ones */
}

static void query_end(struct item *it, const struct part *part)
{
	const struct event_query *end = &part->ev.query;
	struct event_query *query = &it->ev.query;

	query->rows = end->rows;
	query->has_rows = end->has_rows;
	query->rows_sent = end->rows_sent;
	query->has_rows_sent = end->has_rows_sent;
	query->failed = end->failed;
	query->error = end->error;
	query->results = end->results;
	query->warnings = end->warnings;
	query->sqlstate = end->sqlstate;
	query->message = end->message;
}

/* Types are sent with the first execution, and later only when they have changed. */
static void query_types(struct assemble_queries *q, struct event *ev)
{
	struct event_query *query = &ev->query;
	struct statement_key key = {.conn = ev->flow ? ev->flow->id : 0,
				    .number = query->statement_id};
	unsigned expected = sql_text_places(query->text);
	struct bytes types = query_params_mysql_types(&query->params, expected);
	struct statement *s;

	if (types.n) {
		s = lru_put(q->statements, &key, NULL);
		s->types_n = types_keep(s->types, types);
		return;
	}
	s = lru_get(q->statements, &key);
	if (s)
		query->params.types = (struct bytes){s->types, s->types_n};
}

/* PostgreSQL's Execute names a portal. Who reads wants to know what was prepared for it. */
static void query_name(struct event_query *query)
{
	struct bytes name = query_params_postgres_statement(query->params.raw);

	if (name.n)
		query->statement_name = name;
}

static void query_emit(struct assemble *a, struct item *it, struct event *ev, uint64_t time_ns)
{
	struct assemble_queries *q = assemble_queries(a);
	struct event_query *query = &ev->query;
	bool mysql = !strcmp(query->system, "mysql");

	query->text = item_bytes(&it->text);
	if (query->text_total < query->text.n)
		query->text_total = query->text.n;
	query->params.raw = item_bytes(&it->more);
	if (query->params.format == QUERY_PARAMS_MYSQL ||
	    query->params.format == QUERY_PARAMS_MYSQL_NAMED)
		query_types(q, ev);
	else if (query->params.format == QUERY_PARAMS_POSTGRES)
		query_name(query);
	query->fingerprint = (struct bytes){
		q->fingerprint, sql_text_fingerprint(query->text, mysql ? SQL_MYSQL : SQL_POSTGRES,
						     q->fingerprint)};
	query->start_boot_ns = it->begun_ns;
	if (!(ev->flags & EVENT_F_UNFINISHED) && time_ns > it->begun_ns)
		query->duration_ns = time_ns - it->begun_ns;
}

const struct assemble_rule assemble_query = {
	.begin = query_begin,
	.end = query_end,
	.emit = query_emit,
	.context = query_context,
};
