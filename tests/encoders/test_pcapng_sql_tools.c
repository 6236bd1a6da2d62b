/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements as conversations, judged by Wireshark's dissectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kern/events.h"
#include "tests/support/events.h"
#include "tests/support/packets.h"

extern const struct encoder_ops encoder_pcapng;

enum {
	STATEMENTS = 4000,
	TEXT_MOST = 70000,
	PACKETS = 8 * STATEMENTS,
	PLACES = 4
};

static void start(struct encoding *e)
{
	encoding_open(e, &encoder_pcapng, "streams=on", NULL);
	encoding_begin(e);
}

static const char *finish(struct encoding *e)
{
	const char *path;

	encoding_end(e);
	path = encoding_file(e->p, e->n);
	encoding_close(e);
	return path;
}

static void assert_fields(const char *path, const char *filter, const char *fields,
			  const char *want)
{
	char *text =
		encoding_run(NULL, "tshark -r %s -Y '%s' -T fields -E separator=, %s 2>/dev/null",
			     path, filter, fields);

	assert_string_equal(text, want);
	free(text);
}

/* NULL, types as in the protocol (0x8000: unsigned), values. */
static const char typed[] = "\x02\x01"
			    "\x01\x00\x03\x00\x02\x80\x08\x80\x04\x00\x05\x00\x0c\x00\x0b\x00"
			    "\xff"
			    "\xfe\xff"
			    "\xff\xff\xff\xff\xff\xff\xff\xff"
			    "\x00\x00\xc0\x3f"
			    "\x00\x00\x00\x00\x00\x00\x04\xc0"
			    "\x07\xe8\x07\x02\x1d\x0c\x22\x38"
			    "\x08\x01\x02\x00\x00\x00\x03\x04\x05";

static void values_have_their_types(void **state)
{
	struct event ev = events_statement("mysql", BYTES("call p(?,?,?,?,?,?,?,?)"));
	struct encoding e;
	const char *path;

	if (!encoding_has("tshark"))
		skip();
	ev.query.command = "execute";
	ev.query.statement_id = 9;
	ev.query.params = (struct query_params){.raw = {typed, sizeof(typed) - 1},
						.format = QUERY_PARAMS_MYSQL};
	start(&e);
	assert_int_equal(encoding_add(&e, &ev), 0);
	path = finish(&e);
	assert_fields(
		path, "mysql.command == 23",
		"-e mysql.stmt_id -e mysql.exec.field.tiny -e mysql.exec.field.unsigned_short "
		"-e mysql.exec.field.unsigned_longlong -e mysql.exec.field.float "
		"-e mysql.exec.field.double -e mysql.exec.field.year -e mysql.exec.field.hour "
		"-e mysql.exec.field.time.days -e mysql.payload",
		"9,-1,65534,18446744073709551615,1.5,-2.5,2024,12,3,2,\n");
}

static struct bytes text_random(uint64_t *seed, char *to, size_t most)
{
	static const char of[] = "\0?'\"`\\;%\n\xff\xc3\xe2 select-1#/*";
	size_t n = events_random(seed) % most;

	for (size_t i = 0; i < n; i++)
		to[i] = of[events_random(seed) % (sizeof(of) - 1)];
	return (struct bytes){to, n};
}

/* The body of an execution of that many places; the values themselves may be anything. */
static struct bytes body_random(uint64_t *seed, char *to, unsigned places)
{
	static const uint8_t types[] = {1,  2,  3,  4,  5,   6,   7,   8,   9,   10,
					11, 12, 13, 16, 245, 246, 249, 252, 253, 255};
	size_t n = 0, values = events_random(seed) % 100;

	to[n++] = (char)(events_random(seed) % 16);
	to[n++] = 1;
	for (unsigned i = 0; i < places; i++) {
		to[n++] = (char)types[events_random(seed) % sizeof(types)];
		to[n++] = (char)(events_random(seed) % 2 << 7);
	}
	for (size_t i = 0; i < values; i++)
		to[n++] = (char)(events_random(seed) % 3 ? events_random(seed) % 13
							 : events_random(seed));
	return (struct bytes){to, n};
}

static void params_random(uint64_t *seed, struct event_query *q, char *text, char *body)
{
	unsigned places = events_random(seed) % (PLACES + 1);

	memcpy(text, "?,?,?,?", 2 * PLACES - 1);
	q->text = (struct bytes){text, places ? 2 * places - 1 : 0};
	q->text_total = q->text.n;
	q->params.format = events_random(seed) % 4;
	q->params.raw = body_random(seed, body, places);
}

static struct event event_random(uint64_t *seed, char *text, char *body)
{
	static const char *const commands[] = {"query", "prepare",  "bind",        "execute",
					       "call",  "database", "change_user", "execute"};
	bool rarely = events_random(seed) % 100 == 0;
	struct event ev =
		events_statement("mysql", text_random(seed, text, rarely ? TEXT_MOST : 300));
	struct event_query *q = &ev.query;

	q->command = commands[events_random(seed) % 8];
	if (events_random(seed) % 2)
		params_random(seed, q, text, body);
	if (events_random(seed) % 2)
		q->system = "postgresql";
	q->user = q->database = q->application = q->statement_name = q->fingerprint = q->message =
		q->text;
	q->sqlstate = (struct bytes){q->text.p, q->text.n < 6 ? q->text.n : 6};
	q->failed = events_random(seed) % 3 == 0;
	q->error = events_random(seed);
	q->rows = (uint64_t)events_random(seed) << events_random(seed) % 32;
	q->has_rows = events_random(seed) % 2;
	q->has_rows_sent = events_random(seed) % 2;
	q->warnings = events_random(seed);
	q->session = events_random(seed);
	q->statement_id = events_random(seed) % 4;
	return ev;
}

/* Whatever a statement, its values and its error are: nothing that is written is malformed, or
 * doubted. */
static void nothing_is_malformed(void **state)
{
	static char text[TEXT_MOST], body[256];
	static struct packet packets[PACKETS];
	struct encoding e;
	const char *path;
	uint64_t seed = 11;

	if (!encoding_has("tshark"))
		skip();
	start(&e);
	for (unsigned i = 0; i < STATEMENTS; i++) {
		struct event ev = event_random(&seed, text, body);
		struct flow flow = *ev.flow;

		flow.id = events_random(&seed) % 32;
		flow.remote_port = (uint16_t)(30000 + flow.id);
		flow.role = FLOW_ROLE_SERVER;
		ev.flow = &flow;
		assert_int_equal(encoding_add(&e, &ev), 0);
	}
	assert_in_range(packets_of(&e, packets, PACKETS), 2 * STATEMENTS, PACKETS);
	path = finish(&e);
	assert_fields(
		path,
		"tcp && (_ws.malformed || tcp.analysis.flags || _ws.expert.severity >= 6291456)",
		"-e frame.number -e mysql.command -e _ws.expert.message", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_their_types),
		cmocka_unit_test(nothing_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
