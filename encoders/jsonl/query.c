/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/jsonl/query.h"

#include "encoders/write/json.h"
#include "encoders/write/statement.h"

/* Each value is a string or null. False: one of them is no UTF-8, and they must all be base64. */
static bool put_values(struct put *w, const struct event_query *q, bool encoded)
{
	struct query_params_reader reader;
	struct query_value value;
	bool any = false;

	if (!statement_values(&reader, q))
		return true;
	while (!w->full && query_params_next(&reader, &value) > 0) {
		if (any)
			JSON(w, ",");
		else if (encoded)
			JSON(w, ",\"params_base64\":[");
		else
			JSON(w, ",\"params\":[");
		any = true;
		if (value.null)
			JSON(w, "null");
		else if (!json_element(w, value.text, encoded))
			return false;
	}
	if (any)
		JSON(w, "]");
	return true;
}

static void put_params(struct put *w, const struct event_query *q)
{
	uint8_t *start = w->p;

	if (!put_values(w, q, false) && !w->full) {
		w->p = start;
		put_values(w, q, true);
	}
	if (q->params.cut)
		JSON(w, ",\"params_cut\":true");
}

/* A statement that failed says so by one of these three. */
static void put_failure(struct put *w, const struct event_query *q)
{
	if (!q->failed)
		return;
	if (q->error || (!q->sqlstate.n && !q->message.n))
		JSON_NUMBER(w, "error_code", q->error);
	JSON_STRING(w, "sqlstate", q->sqlstate);
	JSON_BYTES(w, "error", q->message);
}

static void put_outcome(struct put *w, const struct event_query *q)
{
	if (q->has_rows)
		JSON_NUMBER(w, "rows", q->rows);
	if (q->has_rows_sent)
		JSON_NUMBER(w, "rows_sent", q->rows_sent);
	put_failure(w, q);
	if (q->results)
		JSON_NUMBER(w, "results", q->results);
	if (q->warnings)
		JSON_NUMBER(w, "warnings", q->warnings);
}

static void put_session(struct put *w, const struct event_query *q)
{
	JSON_BYTES(w, "user", q->user);
	JSON_BYTES(w, "database", q->database);
	JSON_BYTES(w, "client", q->client);
	JSON_BYTES(w, "application", q->application);
	if (q->session)
		JSON_NUMBER(w, "session", q->session);
}

void jsonl_query(struct put *w, const struct event *ev)
{
	const struct event_query *q = &ev->query;

	if (q->duration_ns)
		JSON_NUMBER(w, "duration_ns", q->duration_ns);
	JSON(w, ",\"sql\":{");
	JSON_FIRST_DIGITS(w, "id", q->id);
	if (q->outer)
		JSON_DIGITS(w, "outer_id", q->outer);
	JSON_STRING(w, "db_system", bytes_of(q->system));
	JSON_STRING(w, "side", bytes_of(q->side));
	JSON_STRING(w, "command", bytes_of(q->command));
	JSON_BYTES(w, "query", q->text);
	if (q->text_total > q->text.n)
		JSON_NUMBER(w, "query_total", q->text_total);
	JSON_BYTES(w, "fingerprint", q->fingerprint);
	JSON_BYTES(w, "statement_name", q->statement_name);
	if (q->statement_id)
		JSON_NUMBER(w, "statement_id", q->statement_id);
	put_params(w, q);
	put_session(w, q);
	put_outcome(w, q);
	JSON_DIGITS(w, "start_unix_nano", event_unix(ev, q->start_boot_ns));
	JSON(w, "}");
}
