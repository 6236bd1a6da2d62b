/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements of databases as log records, by the names that OpenTelemetry has for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/encoding.h"
#include "tests/support/events.h"
#include "tests/support/otlp_record.h"

static void failure_is_told(void **state)
{
	struct event ev = events_of(EVENT_QUERY);
	char *text = otlp_record_of(&ev);

	otlp_record_says(text, "severity_number: 17 severity_text: \"ERROR\"");
	otlp_record_says(text, "event_name: \"penstock.sql\"");
	otlp_record_says(
		text, "body { string_value: \"insert into t values(?, ?, ?, \\'x\\'\\'y\\')\" }");
	TEXT("db.system.name", "mysql");
	TEXT("db.namespace", "shop");
	TEXT("db.query.text", "insert into t values(?, ?, ?, \\'x\\'\\'y\\')");
	TEXT("db.operation.name", "insert");
	TEXT("db.response.status_code", "1062");
	TEXT("error.type", "1062");
	INT("db.response.returned_rows", "0");
	TEXT("db.query.parameter.0", "17");
	otlp_record_says(text, "attributes { key: \"db.query.parameter.1\" value { } }");
	TEXT("db.query.parameter.2", "");
	TEXT("client.address", "192.0.2.1");
	INT("client.port", "40001");
	TEXT("penstock.db.query.fingerprint", "insert into t values(?+)");
	INT("penstock.db.query.total", "80");
	INT("penstock.db.query.id", "6");
	TEXT("penstock.db.side", "server");
	TEXT("penstock.db.command", "execute");
	TEXT("penstock.db.user", "alice");
	TEXT("penstock.db.client", "192.0.2.1");
	TEXT("penstock.db.application", "till");
	TEXT("penstock.db.sqlstate", "23000");
	TEXT("penstock.db.error", "Duplicate entry \\'17\\' for key \\'PRIMARY\\'");
	INT("penstock.db.session", "42");
	INT("penstock.db.statement_id", "3");
	INT("penstock.db.rows", "0");
	INT("penstock.db.warnings", "1");
	INT("penstock.db.start_unix_nano", "1732453680120456789");
	INT("penstock.db.duration_ns", "3000000");
	free(text);
}

/* PostgreSQL has codes of five characters, a client no address of itself. */
static void others_are_told(void **state)
{
	struct event ev = events_of(EVENT_QUERY);
	char *text;

	ev.flow = NULL;
	ev.query = (struct event_query){.system = "postgresql",
					.side = "client",
					.command = "query",
					.id = UINT64_MAX,
					.outer = 5,
					.client = BYTES("10.0.0.7"),
					.text = BYTES(" (SELECT 1)\xff"),
					.text_total = 12,
					.failed = true,
					.sqlstate = BYTES("42P01")};
	text = otlp_record_of(&ev);
	otlp_record_says(text, "body { bytes_value: \" (SELECT 1)\\377\" }");
	TEXT("db.operation.name", "SELECT");
	TEXT("db.response.status_code", "42P01");
	TEXT("error.type", "42P01");
	TEXT("client.address", "10.0.0.7");
	TEXT("penstock.db.query.id", "18446744073709551615");
	INT("penstock.db.query.outer_id", "5");
	otlp_record_silent(text, "db.response.returned_rows");
	otlp_record_silent(text, "penstock.db.rows");
	otlp_record_silent(text, "penstock.db.sqlstate");
	otlp_record_silent(text, "db.query.parameter");
	free(text);
	ev.query.sqlstate.n = 0;
	text = otlp_record_of(&ev);
	TEXT("error.type", "_OTHER");
	otlp_record_silent(text, "status_code");
	free(text);
	ev.query.failed = false;
	text = otlp_record_of(&ev);
	otlp_record_says(text, "severity_number: 9 severity_text: \"INFO\"");
	otlp_record_silent(text, "error.type");
	free(text);
}

/* Many values, and one text that is large: the room that was asked for is enough. */
static void much_of_everything(void **state)
{
	const struct encoder_ops *ops = encoder_by_name("otlp");
	struct event ev = events_of(EVENT_QUERY);
	size_t n = 1024 * 1024;
	char *text = malloc(n), values[4 * 3000];
	struct encoding e;

	assert_non_null(text);
	memset(text, 'q', n);
	memset(values, 0xff, sizeof(values));
	ev.query.params.raw = (struct bytes){values, sizeof(values)};
	ev.query.text = ev.query.message = (struct bytes){text, n};
	ev.query.text_total = n;
	encoding_open(&e, ops, NULL, NULL);
	assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_ship(&e);
	assert_true(e.n > 2 * n + 64 * 1024 && e.n < 3 * n);
	free(otlp_record_decoded("ScopeLogs", e.p, e.n));
	encoding_close(&e);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failure_is_told),
		cmocka_unit_test(others_are_told),
		cmocka_unit_test(much_of_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
