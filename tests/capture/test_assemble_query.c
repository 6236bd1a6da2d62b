/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/assemble.h"
#include "capture/layout.h"
#include "capture/query_params.h"
#include "kern/events.h"

enum {
	PID = 10
};

/* Records of statements on their way through decoding and assembly, and what came out. */
struct rig {
	struct assemble *a;
	char said[8192];
	size_t n;
	size_t longest;
};

static void rig_say(struct rig *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	r->n += (size_t)vsnprintf(r->said + r->n, sizeof(r->said) - r->n, fmt, args);
	va_end(args);
	assert_true(r->n < sizeof(r->said));
}

static void rig_say_values(struct rig *r, const struct event_query *q)
{
	struct query_params_reader reader;
	struct query_value value;

	if (!q->params.format)
		return;
	if (query_params_begin(&reader, &q->params, 2)) {
		rig_say(r, " (?)");
		return;
	}
	rig_say(r, " (");
	for (unsigned i = 0; query_params_next(&reader, &value) == 1; i++)
		rig_say(r, "%s%.*s", i ? "," : "", value.null ? 4 : (int)value.text.n,
			value.null ? "NULL" : value.text.p);
	rig_say(r, "%s)", q->params.cut ? "…" : "");
}

static void rig_take(struct event *ev, const struct rec_task *task, uint64_t time_ns, void *arg)
{
	struct event_query *q = &ev->query;
	struct rig *r = arg;

	assert_int_equal(ev->kind, EVENT_QUERY);
	if (q->text.n > r->longest)
		r->longest = q->text.n;
	rig_say(r, "%s@%llu %s@%s", q->command, (unsigned long long)time_ns,
		q->user.p ? "alice" : "-", q->database.n ? "shop" : "-");
	if (q->text.n < 100)
		rig_say(r, " '%.*s'", (int)q->text.n, q->text.p);
	rig_say_values(r, q);
	if (q->has_rows)
		rig_say(r, " rows=%llu", (unsigned long long)q->rows);
	if (q->failed)
		rig_say(r, " %u %.*s '%.*s'", q->error, (int)q->sqlstate.n, q->sqlstate.p,
			(int)q->message.n, q->message.p);
	if (q->duration_ns)
		rig_say(r, " %lluns", (unsigned long long)q->duration_ns);
	rig_say(r, "%s%s%s\n", ev->flags & EVENT_F_UNFINISHED ? " unfinished" : "",
		ev->flags & EVENT_F_GAP ? " gap" : "",
		ev->flags & EVENT_F_TRUNCATED ? " truncated" : "");
}

static int rig_open(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->a = assemble_new(rig_take, r);
	if (!r->a) {
		free(r);
		return -1;
	}
	*state = r;
	return 0;
}

static int rig_close(void **state)
{
	struct rig *r = *state;

	assemble_free(r->a);
	free(r);
	return 0;
}

static void rig_expect(struct rig *r, const char *want)
{
	assert_string_equal(r->said, want);
	r->said[r->n = 0] = 0;
}

static int rig_record(struct rig *r, struct rec *rec, size_t n, uint64_t time_ns)
{
	struct part part;
	int ret;

	rec->len = (uint32_t)n;
	rec->time = time_ns;
	ret = layout_decode(rec, "mysqld", &part);
	return ret ? ret : assemble_part(r->a, &part, time_ns);
}

/* A statement of a connection; the name of its portal may be NULL. */
struct statement {
	uint64_t id, conn, time_ns;
	uint8_t system, command, flags;
	uint32_t number, format;
	const char *name, *text;
	struct bytes values;
};

static int rig_begin(struct rig *r, const struct statement *s)
{
	union {
		struct rec_query query;
		char bytes[sizeof(struct rec_query) + 4096];
	} u = {.query = {.rec = {.kind = REC_QUERY, .flags = s->flags},
			 .task = {.pid = PID},
			 .id = s->id,
			 .statement = s->number,
			 .system = s->system ? s->system : QUERY_POSTGRES,
			 .side = QUERY_SERVER,
			 .command = s->command ? s->command : QUERY_TEXT,
			 .params_format = s->format,
			 .session = {.conn = s->conn, .user = "alice", .database = "shop"}}};
	size_t n = strlen(s->text);

	if (s->name)
		snprintf(u.query.name, sizeof(u.query.name), "%s", s->name);
	u.query.params_len = (uint32_t)s->values.n;
	u.query.text_len = (uint32_t)n;
	u.query.text_total = n;
	if (s->values.n)
		memcpy(u.query.data, s->values.p, s->values.n);
	memcpy(u.query.data + s->values.n, s->text, n);
	return rig_record(r, &u.query.rec, sizeof(u.query) + s->values.n + n, s->time_ns);
}

static int rig_end(struct rig *r, uint64_t id, uint64_t rows, const char *error, uint64_t time_ns)
{
	union {
		struct rec_query_end end;
		char bytes[sizeof(struct rec_query_end) + 256];
	} u = {.end = {.rec = {.kind = REC_QUERY_END},
		       .task = {.pid = PID},
		       .id = id,
		       .rows = rows,
		       .end_flags = error ? QUERY_END_ERROR : QUERY_END_ROWS,
		       .error = error ? 1146 : 0,
		       .sqlstate = ""}};
	size_t n = error ? strlen(error) : 0;

	if (error)
		memcpy(u.end.sqlstate, "42S02", 6);
	u.end.message_len = (uint32_t)n;
	memcpy(u.end.data, error ? error : "", n);
	return rig_record(r, &u.end.rec, sizeof(u.end) + n, time_ns);
}

static int rig_bind(struct rig *r, uint64_t conn, const char *name, struct bytes body,
		    uint32_t total)
{
	union {
		struct rec_query_bind bind;
		char bytes[sizeof(struct rec_query_bind) + 512];
	} u = {.bind = {.rec = {.kind = REC_QUERY_BIND},
			.task = {.pid = PID},
			.conn = conn,
			.n = (uint32_t)body.n,
			.total = total ? total : (uint32_t)body.n}};

	snprintf(u.bind.name, sizeof(u.bind.name), "%s", name);
	memcpy(u.bind.data, body.p, body.n);
	return rig_record(r, &u.bind.rec, sizeof(u.bind) + body.n, 1);
}

static void a_statement_and_its_result_are_one_event(void **state)
{
	struct rig *r = *state;

	rig_begin(r, &(struct statement){.id = 1, .conn = 7, .time_ns = 10, .text = "select 1"});
	rig_begin(r, &(struct statement){.id = 2, .conn = 8, .time_ns = 11, .text = "select x"});
	assert_int_equal(rig_end(r, 2, 0, "no x", 13), 1);
	assert_int_equal(rig_end(r, 1, 5, NULL, 15), 1);
	assert_int_equal(rig_end(r, 1, 5, NULL, 16), -ENOENT);
	rig_expect(r, "query@13 alice@shop 'select x' 1146 42S02 'no x' 2ns\n"
		      "query@15 alice@shop 'select 1' rows=5 5ns\n");
}

static void parts_are_joined_and_gaps_are_told(void **state)
{
	struct rig *r = *state;
	union {
		struct rec_part part;
		char bytes[sizeof(struct rec_part) + 8];
	} u = {.part = {.rec = {.kind = REC_QUERY, .flags = REC_F_PART},
			.id = 1,
			.pid = PID,
			.offset = 7,
			.n = 4}};

	memcpy(u.part.data, "2, 3", 4);
	for (unsigned i = 0; i < 2; i++) {
		rig_begin(r, &(struct statement){.id = 1,
						 .conn = 7,
						 .time_ns = 10,
						 .flags = REC_F_MORE,
						 .text = "select "});
		u.part.offset = 7 + i;
		assert_int_equal(rig_record(r, &u.part.rec, sizeof(u.part) + 4, 11), 1);
		rig_end(r, 1, 1, NULL, 12);
	}
	rig_expect(r, "query@12 alice@shop 'select 2, 3' rows=1 2ns\n"
		      "query@12 alice@shop 'select 2, 3' rows=1 2ns gap\n");
	rig_begin(r,
		  &(struct statement){
			  .id = 1, .conn = 7, .time_ns = 10, .flags = REC_F_MORE, .text = "sel"});
	rig_end(r, 1, 1, NULL, 12); /* the rest was lost */
	rig_expect(r, "query@12 alice@shop 'sel' rows=1 2ns gap\n");
}

/* portal "", statement "s1", no formats, two values: 17 and NULL, no formats of results */
static const char bound[] = "\0s1\0\0\0\0\2\0\0\0\00217\xff\xff\xff\xff\0\0";
static const char bound_p[] = "p\0s1\0\0\0\0\1\0\0\0\1x\0\0";

static void what_was_bound_belongs_to_the_portal(void **state)
{
	struct statement s = {.id = 1,
			      .conn = 7,
			      .time_ns = 10,
			      .command = QUERY_EXECUTE,
			      .format = QUERY_PARAMS_POSTGRES,
			      .text = "insert into t values($1,$2)"};
	struct rig *r = *state;

	assert_int_equal(rig_bind(r, 7, "", (struct bytes){bound, sizeof(bound) - 1}, 0), 1);
	assert_int_equal(rig_bind(r, 7, "p", (struct bytes){bound_p, sizeof(bound_p) - 1}, 0), 1);
	for (s.id = 1; s.id < 5; s.id++) {
		s.name = s.id == 2 ? "p" : "";
		s.conn = s.id == 3 ? 8 : 7;
		rig_begin(r, &s);
		rig_end(r, s.id, 1, NULL, 12);
	}
	rig_expect(r, "execute@12 alice@shop 'insert into t values($1,$2)' (17,NULL) rows=1 2ns\n"
		      "execute@12 alice@shop 'insert into t values($1,$2)' (x) rows=1 2ns\n"
		      "execute@12 alice@shop 'insert into t values($1,$2)' rows=1 2ns\n"
		      "execute@12 alice@shop 'insert into t values($1,$2)' (17,NULL) rows=1 2ns\n");
	rig_bind(r, 7, "", (struct bytes){bound_p, sizeof(bound_p) - 1}, 99999);
	s.conn = 7;
	s.name = "";
	rig_begin(r, &s);
	rig_end(r, s.id, 1, NULL, 12);
	rig_expect(r, "execute@12 alice@shop 'insert into t values($1,$2)' (x…) rows=1 2ns\n");
}

/* NULL bitmap, types follow, two of them (tiny, tiny), two values. */
static const char typed[] = "\0\1\1\0\1\0\5\6";
static const char untyped[] = "\0\0\7\x8";

static void types_are_those_of_the_execution_before(void **state)
{
	struct statement s = {.id = 1,
			      .conn = 7,
			      .time_ns = 10,
			      .system = QUERY_MYSQL,
			      .command = QUERY_EXECUTE,
			      .number = 3,
			      .format = QUERY_PARAMS_MYSQL,
			      .text = "select ?, ?",
			      .values = {untyped, sizeof(untyped) - 1}};
	struct rig *r = *state;

	rig_begin(r, &s);
	rig_end(r, s.id, 1, NULL, 12);
	rig_expect(r, "execute@12 alice@shop 'select ?, ?' (?) rows=1 2ns\n");
	s.values = (struct bytes){typed, sizeof(typed) - 1};
	rig_begin(r, &s);
	rig_end(r, s.id, 1, NULL, 12);
	s.values = (struct bytes){untyped, sizeof(untyped) - 1};
	rig_begin(r, &s);
	rig_end(r, s.id, 1, NULL, 12);
	rig_expect(r, "execute@12 alice@shop 'select ?, ?' (5,6) rows=1 2ns\n"
		      "execute@12 alice@shop 'select ?, ?' (7,8) rows=1 2ns\n");
	s.number = 4; /* another statement */
	rig_begin(r, &s);
	rig_end(r, s.id, 1, NULL, 12);
	rig_expect(r, "execute@12 alice@shop 'select ?, ?' (?) rows=1 2ns\n");
}

static void what_does_not_end_is_told_at_once(void **state)
{
	struct rig *r = *state;
	const uint64_t late = 10 + ASSEMBLE_PATIENCE_NS;

	rig_begin(r, &(struct statement){.id = 1, .conn = 7, .time_ns = 10, .text = "slow"});
	assemble_tick(r->a, late);
	rig_end(r, 1, 1, NULL, late + 5);
	rig_expect(r, "query@1000000010 alice@shop 'slow' unfinished\n"
		      "query@1000000015 alice@shop 'slow' rows=1 1000000005ns\n");
	rig_begin(r, &(struct statement){.id = 2, .conn = 7, .time_ns = 20, .text = "killed"});
	assemble_exit(r->a, PID, 0, 30);
	rig_expect(r, "query@30 alice@shop 'killed' unfinished\n");
}

static void what_contradicts_itself_is_refused(void **state)
{
	struct statement s = {.id = 1, .conn = 7, .time_ns = 10, .text = "select 1"};
	struct rig *r = *state;

	s.system = 9;
	assert_int_equal(rig_begin(r, &s), -EBADMSG);
	s.system = QUERY_MYSQL;
	s.command = QUERY_COMMAND_MAX;
	assert_int_equal(rig_begin(r, &s), -EBADMSG);
	s.command = 0;
	s.format = QUERY_PARAMS_MYSQL_NAMED + 1;
	assert_int_equal(rig_begin(r, &s), -EBADMSG);
	assert_int_equal(rig_bind(r, 7, "", BYTES("abc"), 2), -EBADMSG);
	rig_expect(r, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)
		TEST(a_statement_and_its_result_are_one_event),
		TEST(parts_are_joined_and_gaps_are_told),
		TEST(what_was_bound_belongs_to_the_portal),
		TEST(types_are_those_of_the_execution_before),
		TEST(what_does_not_end_is_told_at_once),
		TEST(what_contradicts_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
