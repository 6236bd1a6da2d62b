/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/otlp/query.h"

#include <ctype.h>
#include <string.h>

#include "capture/base/utf8.h"
#include "encoders/write/put.h"
#include "encoders/write/statement.h"

enum {
	QUERY_FIXED = 4096,       /* names and numbers of all attributes but values */
	KEY_ROOM = 48,            /* "db.query.parameter.65535" */
	OPERATION_MOST = 32,      /* no keyword is longer */
	STATUS_ROOM = PUT_NUMBER, /* of an error's number as text */
	VALUE_ROOM = ATTRIBUTE_ROOM + KEY_ROOM
};

/* ---- size ---------------------------------------------------------------------------------- */

static size_t values_size(const struct event_query *q, size_t *texts)
{
	struct query_params_reader reader;
	struct query_value value;
	size_t most = 0;

	if (!statement_values(&reader, q))
		return 0;
	while (query_params_next(&reader, &value) > 0) {
		most += VALUE_ROOM;
		*texts += value.text.n;
	}
	return most;
}

size_t otlp_query_size(const struct event_query *q, size_t *texts)
{
	*texts = q->text.n + utf8_cut(q->text, OTLP_QUERY_TEXT).n + q->fingerprint.n +
		 q->statement_name.n + q->user.n + q->database.n + 2 * q->client.n +
		 q->application.n + 3 * q->sqlstate.n + q->message.n;
	return QUERY_FIXED + values_size(q, texts);
}

/* ---- attributes ---------------------------------------------------------------------------- */

/* The first word. Comments are not in the fingerprint. */
static struct bytes query_operation(const struct event_query *q)
{
	struct bytes text = q->fingerprint.n ? q->fingerprint : q->text;
	size_t n = 0;

	while (text.n && (isspace((unsigned char)*text.p) || *text.p == '('))
		text = (struct bytes){text.p + 1, text.n - 1};
	while (n < text.n && n < OPERATION_MOST && isalpha((unsigned char)text.p[n]))
		n++;
	return (struct bytes){text.p, n};
}

static void query_values(struct attributes *a, const struct event_query *q)
{
	struct query_params_reader reader;
	struct query_value value;
	char key[KEY_ROOM];
	uint64_t n = 0;

	if (!statement_values(&reader, q))
		return;
	while (query_params_next(&reader, &value) > 0) {
		uint8_t *end = PUT_LITERAL((uint8_t *)key, "db.query.parameter.");
		struct bytes name = {key, (size_t)(put_u64(end, n++) - (uint8_t *)key)};

		if (value.null)
			attribute_begin(a, name, 0);
		else
			attribute_value(a, name, value.text);
	}
	if (q->params.cut)
		attribute_true(a, BYTES("penstock.db.params_cut"));
}

/* By the conventions the number of MySQL, the SQLSTATE of others. */
static struct bytes query_status(const struct event_query *q, char text[STATUS_ROOM])
{
	if (!q->error)
		return q->sqlstate;
	return (struct bytes){text, (size_t)(put_u64((uint8_t *)text, q->error) - (uint8_t *)text)};
}

static void query_failure(struct attributes *a, const struct event_query *q)
{
	char text[STATUS_ROOM];
	struct bytes status = query_status(q, text);

	if (!q->failed)
		return;
	attribute_text(a, BYTES("db.response.status_code"), status);
	attribute_text(a, BYTES("error.type"), status.n ? status : BYTES("_OTHER"));
	if (q->error)
		attribute_text(a, BYTES("penstock.db.sqlstate"), q->sqlstate);
	attribute_text(a, BYTES("penstock.db.error"), q->message);
}

static void query_outcome(struct attributes *a, const struct event *ev)
{
	const struct event_query *q = &ev->query;

	if (q->has_rows_sent)
		attribute_count(a, BYTES("db.response.returned_rows"), q->rows_sent);
	if (q->has_rows)
		attribute_count(a, BYTES("penstock.db.rows"), q->rows);
	if (q->results)
		attribute_int(a, BYTES("penstock.db.results"), q->results);
	if (q->warnings)
		attribute_int(a, BYTES("penstock.db.warnings"), q->warnings);
	attribute_count(a, BYTES("penstock.db.start_unix_nano"), event_unix(ev, q->start_boot_ns));
	if (q->duration_ns)
		attribute_count(a, BYTES("penstock.db.duration_ns"), q->duration_ns);
	query_failure(a, q);
}

/* The address of the client is that of the connection where it is known. */
static void query_session(struct attributes *a, const struct event *ev)
{
	const struct event_query *q = &ev->query;
	bool known = ev->flow && ev->flow->family && ev->flow->role == FLOW_ROLE_SERVER;

	attribute_text(a, BYTES("db.namespace"), q->database);
	attribute_text(a, BYTES("penstock.db.user"), q->user);
	attribute_text(a, BYTES("penstock.db.client"), q->client);
	if (!known)
		attribute_text(a, BYTES("client.address"), q->client);
	attribute_text(a, BYTES("penstock.db.application"), q->application);
	if (q->session)
		attribute_count(a, BYTES("penstock.db.session"), q->session);
}

void otlp_query_attributes(struct attributes *a, const struct event *ev)
{
	const struct event_query *q = &ev->query;

	attribute_own(a, BYTES("db.system.name"), bytes_of(q->system));
	attribute_own(a, BYTES("penstock.db.side"), bytes_of(q->side));
	attribute_own(a, BYTES("penstock.db.command"), bytes_of(q->command));
	attribute_text(a, BYTES("db.query.text"), utf8_cut(q->text, OTLP_QUERY_TEXT));
	attribute_text(a, BYTES("db.operation.name"), query_operation(q));
	attribute_text(a, BYTES("penstock.db.query.fingerprint"), q->fingerprint);
	if (q->text_total > q->text.n)
		attribute_count(a, BYTES("penstock.db.query.total"), q->text_total);
	attribute_count(a, BYTES("penstock.db.query.id"), q->id);
	if (q->outer)
		attribute_count(a, BYTES("penstock.db.query.outer_id"), q->outer);
	attribute_text(a, BYTES("penstock.db.statement_name"), q->statement_name);
	if (q->statement_id)
		attribute_int(a, BYTES("penstock.db.statement_id"), q->statement_id);
	query_values(a, q);
	query_session(a, ev);
	query_outcome(a, ev);
}
