/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Statements of a connection from their beginning to their end, and those that they run: what
 * servers of MariaDB and of MySQL have in common.
 */
#include "kern/mysqld_conn.bpf.h"

/* enum enum_server_command */
enum {
	COM_QUIT = 1,
	COM_INIT_DB = 2,
	COM_QUERY = 3,
	COM_CHANGE_USER = 17,
	COM_STMT_PREPARE = 22,
	COM_STMT_EXECUTE = 23,
	COM_STMT_SEND_LONG_DATA = 24,
	COM_STMT_BULK_EXECUTE = 250
};

struct text {
	__u64 at, n;
};

static __noinline __u64 statement_begin(struct conn *c, const struct mysqld_params *p, __u64 thd,
					__u8 command, const struct text *text)
{
	struct query q = {
		.id = unique_id(),
		.text = text->at,
		.text_n = text->at ? text->n : 0,
		.system = QUERY_MYSQL,
		.side = QUERY_SERVER,
		.command = command,
		.flags = command == QUERY_STATEMENT ? 0 : c->begin_flags,
		.session = &c->session,
	};
	__u32 n = c->inner_n;

	if (command == QUERY_STATEMENT) {
		BARRIER(n);
		q.outer = n ? c->inner[(n - 1) & (INNER_MAX - 1)].id : c->id;
	} else if (command == QUERY_EXECUTE) {
		q.statement = c->statement;
		/* without the ones that were sent before, the others cannot be told apart */
		if (c->params_n && q.statement != c->long_data) {
			q.params = c->params;
			q.params_n = c->params_n;
			q.params_format = c->params_format;
		}
		if (q.statement == c->long_data)
			c->long_data = NO_STATEMENT;
	}
	query_name(c->session.database, sizeof(c->session.database),
		   p->db ? USER_VALUE(__u64, thd + p->db) : 0);
	return query_begin(&q) ? q.id : 0;
}

static __always_inline void statement_open(struct conn *c, const struct mysqld_params *p, __u64 thd,
					   struct text *text)
{
	c->state = STATE_OPEN;
	c->id = statement_begin(c, p, thd, c->command, text);
}

/* The status of the area of diagnostics (enum enum_diagnostics_status). MariaDB has two more of
 * results, of statements that were executed with many values at once, before the one of a failure.
 */
enum {
	DA_OK = 1,
	DA_EOF = 2,
	DA_OK_BULK = 3,
	DA_EOF_BULK = 4
};

/* Adds what the area of diagnostics says to a result. Returns its status. */
static __noinline __u32 result_read(struct query_result *r, const struct mysqld_params *p,
				    __u64 thd)
{
	__u64 da = USER_VALUE(__u64, thd + p->da);
	__u32 status = USER_VALUE(__u32, da + p->da_status);

	if (status == p->da_failed) {
		r->flags |= QUERY_END_ERROR;
		r->error = USER_VALUE(__u32, da + p->da_error);
		r->message = da + p->da_message;
		r->message_n = QUERY_UNTIL_NUL;
		bpf_probe_read_user(r->sqlstate, 6, (void *)(da + p->da_sqlstate));
		return status;
	}
	if (status < DA_OK || status > p->da_failed)
		return status;
	if (status == DA_OK || status == DA_OK_BULK) {
		r->rows += USER_VALUE(__u64, da + p->da_affected);
		r->flags |= QUERY_END_ROWS;
	}
	r->warnings += USER_VALUE(__u32, da + p->da_warnings);
	r->results++;
	return status;
}

static __always_inline __u64 sent_rows(const struct mysqld_params *p, __u64 thd)
{
	return p->sent_rows ? USER_VALUE(__u64, thd + p->sent_rows) : 0;
}

static __noinline void inner_end(struct conn *c, const struct mysqld_params *p, __u64 thd,
				 bool known)
{
	struct query_result r = {};
	__u64 sent = sent_rows(p, thd);
	__u32 n = c->inner_n - 1, status;
	struct inner *inner;

	c->inner_n = n;
	BARRIER(n);
	inner = &c->inner[n & (INNER_MAX - 1)];
	r.id = inner->id;
	if (known) {
		status = result_read(&r, p, thd);
		if (status == DA_EOF && p->sent_rows) {
			r.rows_sent = sent >= inner->sent ? sent - inner->sent : sent;
			r.flags |= QUERY_END_SENT;
		}
		if (status != p->da_failed)
			r.results = 1; /* of a trigger, nothing more is said */
	}
	if (r.id)
		query_end(&r);
}

/* Ends inner statements that do not run any more, as a call at that depth shows. known: the area
 * of diagnostics still is about them. */
static __always_inline void inner_pop(struct conn *c, const struct mysqld_params *p, __u64 thd,
				      __u64 sp, bool known)
{
	for (int i = 0; i < INNER_MAX; i++) {
		__u32 n = c->inner_n;

		BARRIER(n);
		if (!n || c->inner[(n - 1) & (INNER_MAX - 1)].sp > sp)
			return;
		inner_end(c, p, thd, known);
	}
}

static __always_inline __u8 command_of(__u32 cmd)
{
	switch (cmd) {
	case COM_QUERY:
		return QUERY_TEXT;
	case COM_STMT_PREPARE:
		return QUERY_PREPARE;
	case COM_STMT_EXECUTE:
	case COM_STMT_BULK_EXECUTE:
		return QUERY_EXECUTE;
	case COM_INIT_DB:
		return QUERY_DATABASE;
	case COM_CHANGE_USER:
		return QUERY_CHANGE_USER;
	default:
		return 0;
	}
}

static __always_inline void conn_start(struct conn *c, __u32 cmd)
{
	c->cmd = cmd;
	c->command = command_of(cmd);
	c->begin_flags = 0;
	c->sp = 0;
	c->id = 0;
	c->statement = 0;
	c->params_n = 0;
	c->rows = 0;
	c->sent = 0;
	c->counted = 0;
	c->results = 0;
	c->flags = 0;
	c->warnings = 0;
	c->inner_n = 0;
}

/* An open statement is left without an answer. */
static __always_inline void conn_abandon(struct conn *c, const struct mysqld_params *p, __u64 thd)
{
	struct query_result r = {.id = c->id};

	inner_pop(c, p, thd, ~0ull, false);
	if (c->state == STATE_OPEN && c->id)
		query_end(&r);
	c->state = STATE_IDLE;
}
/* A command comes. False when it is the one that runs already, called again to finish: only between
 * commands there is no text. */
static __always_inline bool conn_idle(struct conn *c, const struct mysqld_params *p, __u64 thd,
				      __u32 cmd)
{
	if (c->state == STATE_IDLE)
		return true;
	if (c->cmd == cmd && USER_VALUE(__u64, thd + p->query))
		return false;
	conn_abandon(c, p, thd);
	return true;
}

/* A command begins, with its text unless that is known later. */
static __always_inline void conn_begin(struct conn *c, const struct mysqld_params *p, __u64 thd,
				       struct text *text)
{
	/* the body of COM_CHANGE_USER has a password: it is never looked at */
	if (c->command == QUERY_EXECUTE || c->command == QUERY_CHANGE_USER)
		c->state = STATE_WAITS;
	else
		statement_open(c, p, thd, text);
}

/* Is it the innermost one, run again? That happens to an EXECUTE whose tables have changed. All
 * others have ended by now: see mysqld_executed(). */
static __always_inline bool inner_again(const struct conn *c, const struct mysqld_params *p,
					__u64 sp, const struct text *text)
{
	__u32 n = c->inner_n;
	const struct inner *inner;

	BARRIER(n);
	inner = &c->inner[(n - 1) & (INNER_MAX - 1)];
	return p->executed && n && inner->sp == sp && inner->text_n == text->n;
}

/* A statement begins that another one runs. */
static __noinline void inner_begin(struct conn *c, const struct mysqld_params *p, __u64 thd,
				   __u64 sp)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct query_result r = {};
	struct text text = {};
	__u32 n;

	bpf_probe_read_user(&text, sizeof(text), (void *)(thd + p->query));
	if (inner_again(c, p, sp, &text))
		return;
	inner_pop(c, p, thd, sp, false);
	r.id = statement_begin(c, p, thd, QUERY_STATEMENT, &text);
	n = c->inner_n;
	BARRIER(n);
	if (n >= INNER_MAX) {
		if (r.id)
			query_end(&r);
		return;
	}
	c->inner[n & (INNER_MAX - 1)] =
		(struct inner){.sp = sp, .id = r.id, .sent = sent_rows(p, thd), .text_n = text.n};
	c->inner_n = n + 1;
	bpf_map_update_elem(&threads, &thread, &thd, BPF_ANY);
}

/* A connection that was not known until now has come to the end of a statement: its last result. */
static __noinline struct conn *conn_late(const struct mysqld_params *p, __u64 thd)
{
	__u32 cmd = p->command ? USER_VALUE(__u32, thd + p->command) : 0;
	struct text text = {};
	struct conn *c;

	if (!command_of(cmd) || !thd_vio(p, thd) ||
	    USER_VALUE(__u32, thd + p->server_status) & SERVER_MORE_RESULTS_EXISTS)
		return NULL;
	c = conn_get(p, thd);
	if (!c)
		return NULL;
	conn_start(c, cmd);
	c->begin_flags = QUERY_F_LATE;
	bpf_probe_read_user(&text, sizeof(text), (void *)(thd + p->query));
	statement_open(c, p, thd, &text);
	return c;
}

/* An answer is sent: ends the statement, if it is its last one. sp: where the function runs that
 * sends it. */
static __noinline void statement_answered(const struct mysqld_params *p, __u64 thd, __u64 sp)
{
	struct conn *c = conn_find(thd);
	struct query_result r = {};
	struct text none = {};
	__u32 status;
	__u64 sent;

	if (!c)
		c = conn_late(p, thd);
	if (!c || c->state == STATE_IDLE)
		return;
	r.rows = c->rows;
	r.results = c->results;
	r.warnings = c->warnings;
	r.flags = c->flags;
	sent = sent_rows(p, thd);
	status = result_read(&r, p, thd);
	if (status == DA_EOF && p->sent_rows) {
		c->sent += sent >= c->counted ? sent - c->counted : sent;
		r.flags |= QUERY_END_SENT;
	}
	c->counted = p->sent_sums ? sent : 0;
	r.rows_sent = c->sent;
	/* what an EXECUTE has run ends as it does itself */
	inner_pop(c, p, thd, sp, true);
	/* one result of several: of a stored procedure, of a text with several statements */
	if ((c->sp && sp < c->sp) ||
	    (status != p->da_failed &&
	     USER_VALUE(__u32, thd + p->server_status) & SERVER_MORE_RESULTS_EXISTS)) {
		c->rows = r.rows;
		c->results = r.results;
		c->warnings = r.warnings;
		c->flags = r.flags;
		return;
	}
	if (c->command == QUERY_CHANGE_USER)
		session_who(c, p, thd);
	if (c->state == STATE_WAITS)
		statement_open(c, p, thd, &none);
	r.id = c->id;
	c->state = STATE_IDLE;
	if (r.id)
		query_end(&r);
}
