/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statements of 32 sessions with MariaDB and 32 with PostgreSQL, by their number:
 *   n % 10 == 3   fails
 *   n % 10 == 5   is run by another one, that of n - 1
 *   n % 10 == 7   prepared, with values (of PostgreSQL, with a Bind before it)
 *   n % 100 == 8  of 40,000 bytes, in parts
 *   n % 100 == 9  never ends
 * Each has its number in it.
 */
#include <stdio.h>
#include <string.h>

#include "tests/replay/make_raw.h"

enum {
	SESSIONS = 64,
	LONG_TEXT = 40000
};

static struct rec_session session_of(uint32_t number, int postgres)
{
	struct rec_session s = {.conn = 5000 + number, .number = 100 + number};

	snprintf(s.user, sizeof(s.user), "user%u", number % 4);
	snprintf(s.database, sizeof(s.database), "shop");
	snprintf(s.client, sizeof(s.client), "198.51.100.7");
	if (postgres)
		snprintf(s.application, sizeof(s.application), "till");
	s.flow = (struct rec_flow){.cookie = s.conn,
				   .netns = 1,
				   .family = 2, /* AF_INET */
				   .protocol = 6,
				   .role = REC_ROLE_SERVER,
				   .local_port = postgres ? 5432 : 3306,
				   .remote_port = (uint16_t)(20000 + number),
				   .local = {192, 0, 2, 1},
				   .remote = {198, 51, 100, 7}};
	return s;
}

static uint32_t text_of(char *to, size_t room, uint64_t n, int postgres)
{
	static const char *const forms[] = {
		"select * from t where i = %llu",
		"insert into t values(%llu, 'x'), (8, 'y')",
		"select a.i,\n       b.s\n  from t a\n  join u b on b.i = a.i\n where a.i = %llu",
		"select * from nosuch where i = %llu",
		"call p(%llu)",
		"select concat('inner-', %llu)",
		"update t set s = 'it''s' where i = %llu",
		"select * from t where i = ? and s <> ? /* %llu */",
		"select %llu, 'long'",
		"select sleep(%llu)",
	};
	const char *form = n % 10 == 7 && postgres
				   ? "select * from t where i = $1 and s <> $2 /* %llu */"
				   : forms[n % 10];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return (uint32_t)snprintf(to, room, form, (unsigned long long)n);
#pragma GCC diagnostic pop
}

/* The rest of a text. */
static void put_rest(const struct rec_query *q, uint32_t from)
{
	_Alignas(struct rec_part) static char buf[sizeof(struct rec_part) + REC_PART];
	struct rec_part *part = (struct rec_part *)buf;

	for (uint32_t n; from < LONG_TEXT; from += n) {
		n = LONG_TEXT - from < REC_PART ? LONG_TEXT - from : REC_PART;
		part->rec =
			(struct rec){.kind = REC_QUERY,
				     .probe = q->rec.probe,
				     .flags = REC_F_PART | (from + n < LONG_TEXT ? REC_F_MORE : 0),
				     .time = q->rec.time};
		part->id = q->id;
		part->pid = q->task.pid;
		part->offset = from;
		part->n = n;
		memset(part->data, '-', n);
		make_raw_put(&part->rec, sizeof(*part) + n);
	}
}

/* 17 and NULL, or 17 and 'x'. */
static uint32_t mysql_values(char *to, uint64_t n)
{
	static const char null[] = {2, 1, 3, 0, (char)253, 0, 17, 0, 0, 0};
	static const char text[] = {0, 1, 3, 0, (char)253, 0, 17, 0, 0, 0, 1, 'x'};

	memcpy(to, n % 20 == 7 ? null : text, n % 20 == 7 ? sizeof(null) : sizeof(text));
	return n % 20 == 7 ? sizeof(null) : sizeof(text);
}

static void put_bind(const struct rec_query *q, uint64_t n)
{
	static const char null[] = "\0s\0"
				   "\0\0\0\2"
				   "\0\0\0\2"
				   "17"
				   "\377\377\377\377"
				   "\0\0";
	static const char text[] = "\0s\0"
				   "\0\0\0\2"
				   "\0\0\0\2"
				   "17"
				   "\0\0\0\1"
				   "x"
				   "\0\0";
	_Alignas(struct rec_query_bind) char buf[sizeof(struct rec_query_bind) + 64] = "";
	struct rec_query_bind *bind = (struct rec_query_bind *)buf;

	bind->rec =
		(struct rec){.kind = REC_QUERY_BIND, .probe = q->rec.probe, .time = q->rec.time};
	bind->task = q->task;
	bind->conn = q->session.conn;
	bind->n = bind->total = (n % 20 == 7 ? sizeof(null) : sizeof(text)) - 1;
	memcpy(bind->data, n % 20 == 7 ? null : text, bind->n);
	make_raw_put(&bind->rec, sizeof(*bind) + bind->n);
}

static void put_end(const struct rec_query *q, uint64_t n, uint64_t now, int postgres)
{
	static const char message[] = "there is no such table";
	_Alignas(struct rec_query_end) char buf[sizeof(struct rec_query_end) + 64] = "";
	struct rec_query_end *end = (struct rec_query_end *)buf;

	end->rec = (struct rec){.kind = REC_QUERY_END, .probe = q->rec.probe, .time = now};
	end->task = q->task;
	end->id = q->id;
	end->results = 1;
	if (n % 10 == 3) {
		end->end_flags = QUERY_END_ERROR;
		end->error = postgres ? 0 : 1146;
		memcpy(end->sqlstate, postgres ? "42P01" : "42S02", 5);
		end->message_len = sizeof(message) - 1;
		memcpy(end->data, message, end->message_len);
	} else {
		end->end_flags = QUERY_END_ROWS | QUERY_END_SENT;
		end->rows = n % 10 == 1 ? 2 : 0;
		end->rows_sent = n % 10 == 1 ? 0 : n % 5;
	}
	make_raw_put(&end->rec, sizeof(*end) + end->message_len);
}

void make_raw_sql(uint64_t n, uint64_t now)
{
	_Alignas(struct rec_query) static char buf[sizeof(struct rec_query) + 2048];
	struct rec_query *q = (struct rec_query *)buf;
	uint32_t session = (uint32_t)(n / 10 % SESSIONS), values = 0;
	int postgres = session % 2;

	memset(q, 0, sizeof(*q));
	q->rec = (struct rec){.kind = REC_QUERY, .probe = MAKE_RAW_SQL, .time = now};
	q->task = make_raw_server(4 + session % 16);
	q->id = 1000 + n;
	q->outer = n % 10 == 5 ? q->id - 1 : 0;
	q->system = postgres ? QUERY_POSTGRES : QUERY_MYSQL;
	q->side = QUERY_SERVER;
	q->command = n % 10 == 7 ? QUERY_EXECUTE : n % 10 == 5 ? QUERY_STATEMENT : QUERY_TEXT;
	q->session = session_of(session, postgres);
	if (n % 10 == 7 && postgres) {
		q->params_format = QUERY_PARAMS_POSTGRES;
		put_bind(q, n);
	} else if (n % 10 == 7) {
		q->params_format = QUERY_PARAMS_MYSQL;
		q->statement = 1;
		values = q->params_len = mysql_values(q->data, n);
	}
	q->text_len = text_of(q->data + values, 1024, n, postgres);
	q->text_total = n % 100 == 8 ? LONG_TEXT : q->text_len;
	q->rec.flags |= n % 100 == 8 ? REC_F_MORE : 0;
	make_raw_put(&q->rec, sizeof(*q) + values + q->text_len);
	if (n % 100 == 8)
		put_rest(q, q->text_len);
	if (n % 100 != 9)
		put_end(q, n, now + 1000 * (1 + n % 7), postgres);
}
