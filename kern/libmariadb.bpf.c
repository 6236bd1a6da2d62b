/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Statements that programs send to MariaDB and MySQL by way of MariaDB Connector/C.
 *
 * There are no return probes, for the non-blocking calls of this library (mysql_real_query_start())
 * run the others on a stack of their own and leave it in the middle of a call: a return probe would
 * kill the program. Instead return instructions have probes (probes/elf/returns.h), those of the
 * functions here and those of the one that most of them jump on to, which reads the answer. A call
 * is known again by its stack pointer: one stack has one call at a place, whichever thread runs it.
 *
 * A statement without rows ends when its answer was read, one with rows when mysql_store_result()
 * has brought them, or when the result of mysql_use_result() is freed, whose rows come one by one.
 */
#include "kern/libmariadb_values.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	SERVER_MORE_RESULTS_EXISTS = 8,
	/* bytes of stack between mysql_real_query() and a mysql_send_query() that it calls */
	WRAPPER_STACK = 1024
};

enum call_kind {
	CALL_ANSWER, /* when it returns, an answer was read */
	CALL_SENT,
	CALL_PLAIN, /* the answer has no rows and affects none */
	CALL_ROWS,  /* rows were read */
	CALL_USE,   /* rows will be read one by one */
	CALL_PREPARE
};

struct conn {
	__u64 process;  /* when it started */
	__u64 id;       /* of the statement that is open, 0 = none */
	__u64 text, sp; /* of its call */
	__u64 rows, sent;
	__u32 results, flags, warnings;
	__u32 awaits_rows; /* it has a result that was not fetched to its end yet */
	struct rec_session session;
};

struct conn_key {
	__u64 tgid, object;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct conn_key);
	__type(value, struct conn);
} conns SEC(".maps");

static const struct conn conn_none = {};

struct call_key {
	__u64 tgid, sp;
};

struct call {
	__u64 object, stmt; /* MYSQL, MYSQL_STMT */
	__u64 text, text_n; /* that is prepared */
	__u64 kind;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

/* ---- connections -------------------------------------------------------------------------- */

static __always_inline struct conn *conn_find(__u64 object)
{
	struct conn_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .object = object};
	struct conn *c = bpf_map_lookup_elem(&conns, &key);

	return c && c->process == current_task()->group_leader->start_boottime ? c : NULL;
}

/* The connection of that object, which may have been another's, or have been made anew. */
static __noinline struct conn *conn_get(__u64 object)
{
	struct conn_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .object = object};
	__u64 number = USER_VALUE(__u64, object + MYSQL_THREAD_ID);
	struct conn *c = conn_find(object);

	if (c && c->session.number == number)
		return c;
	bpf_map_update_elem(&conns, &key, &conn_none, BPF_ANY);
	c = bpf_map_lookup_elem(&conns, &key);
	if (!c) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return NULL;
	}
	c->process = current_task()->group_leader->start_boottime;
	c->session.conn = unique_id();
	c->session.number = number;
	if (!sockfd_flow(&c->session.flow, USER_VALUE(__u32, object + MYSQL_FD), REC_ROLE_CLIENT))
		__builtin_memset(&c->session.flow, 0, sizeof(c->session.flow));
	c->session.flow.role = REC_ROLE_CLIENT;
	return c;
}

/* Ends what is open. */
static __noinline void conn_end(struct conn *c, __u64 object, bool failed)
{
	struct query_result r = {
		.id = c->id,
		.rows = c->rows,
		.rows_sent = c->sent,
		.results = c->results,
		.warnings = c->warnings,
		.flags = c->flags,
	};

	c->id = 0;
	if (!r.id)
		return;
	if (failed) {
		r.flags |= QUERY_END_ERROR;
		r.error = USER_VALUE(__u32, object + MYSQL_ERRNO);
		r.message = object + MYSQL_ERROR;
		r.message_n = QUERY_UNTIL_NUL;
		bpf_probe_read_user_str(r.sqlstate, 6, (void *)(object + MYSQL_SQLSTATE));
	}
	query_end(&r);
}

/* ---- statements --------------------------------------------------------------------------- */

static __noinline void call_enter(__u64 sp, const struct call *call)
{
	struct call_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .sp = sp};

	if (bpf_map_update_elem(&calls, &key, call, BPF_ANY))
		rec_lose(probe_number, LOST_MAP_FULL);
}

/* The statement of a call begins; what was open before is over. user, db: 0 = those of the
 * connection. */
static __noinline void statement_begin(struct conn *c, struct query *q, __u64 user, __u64 db)
{
	q->system = QUERY_MYSQL;
	q->side = QUERY_CLIENT;
	q->session = &c->session;
	q->id = unique_id();
	query_name(c->session.user, sizeof(c->session.user), user);
	query_name(c->session.database, sizeof(c->session.database), db);
	c->rows = c->sent = 0;
	c->results = c->flags = c->warnings = c->awaits_rows = 0;
	c->id = query_begin(q) ? q->id : 0;
}

static __always_inline struct conn *conn_sends(__u64 object)
{
	struct conn *c;

	if (!object || !filter_pass(probe_number, current_task()))
		return NULL;
	c = conn_get(object);
	if (c && c->id)
		conn_end(c, object, false);
	return c;
}

static __always_inline int statement_text(struct pt_regs *ctx, __u8 command, __u64 n, __u64 kind)
{
	struct call call = {.object = PT_REGS_PARM1(ctx), .kind = kind};
	struct query q = {.command = command, .text = PT_REGS_PARM2(ctx), .text_n = n};
	__u64 sp = PT_REGS_SP(ctx);
	struct conn *c;

	own_stack(ctx);
	if (n == ~0ull)
		q.text_n = QUERY_UNTIL_NUL;
	if (kind == CALL_SENT) {
		/* versions whose mysql_real_query() calls mysql_send_query() */
		c = conn_find(call.object);
		if (c && c->id && c->text == q.text && sp < c->sp && c->sp - sp < WRAPPER_STACK)
			return 0;
	}
	if (!q.text)
		return 0;
	c = conn_sends(call.object);
	if (!c)
		return 0;
	statement_begin(c, &q, USER_VALUE(__u64, call.object + MYSQL_USER),
			USER_VALUE(__u64, call.object + MYSQL_DB));
	c->text = q.text;
	c->sp = sp;
	call_enter(sp, &call);
	return 0;
}

/* int mysql_real_query(MYSQL *, const char *, unsigned long) */
SEC("uprobe")
int libmariadb_query(struct pt_regs *ctx)
{
	return statement_text(ctx, QUERY_TEXT, PT_REGS_PARM3(ctx), CALL_ANSWER);
}

/* int mysql_send_query(MYSQL *, const char *, unsigned long) */
SEC("uprobe")
int libmariadb_send(struct pt_regs *ctx)
{
	return statement_text(ctx, QUERY_TEXT, PT_REGS_PARM3(ctx), CALL_SENT);
}

/* int mysql_select_db(MYSQL *, const char *) */
SEC("uprobe")
int libmariadb_database(struct pt_regs *ctx)
{
	return statement_text(ctx, QUERY_DATABASE, QUERY_UNTIL_NUL, CALL_PLAIN);
}

/* my_bool mysql_change_user(MYSQL *, const char *user, const char *passwd, const char *db): the
 * password is never looked at. */
SEC("uprobe")
int libmariadb_user(struct pt_regs *ctx)
{
	struct call call = {.object = PT_REGS_PARM1(ctx), .kind = CALL_PLAIN};
	struct query q = {.command = QUERY_CHANGE_USER};
	struct conn *c;

	own_stack(ctx);
	c = conn_sends(call.object);
	if (!c)
		return 0;
	statement_begin(c, &q, PT_REGS_PARM2(ctx), PT_REGS_PARM4(ctx));
	call_enter(PT_REGS_SP(ctx), &call);
	return 0;
}

/* int mysql_stmt_prepare(MYSQL_STMT *, const char *, unsigned long) */
SEC("uprobe")
int libmariadb_prepare(struct pt_regs *ctx)
{
	struct call call = {.stmt = PT_REGS_PARM1(ctx),
			    .text = PT_REGS_PARM2(ctx),
			    .text_n = PT_REGS_PARM3(ctx),
			    .kind = CALL_PREPARE};
	struct query q = {.command = QUERY_PREPARE, .text = call.text};
	struct conn *c;

	own_stack(ctx);
	call.object = USER_VALUE(__u64, call.stmt + STMT_MYSQL);
	if (call.text_n == ~0ull)
		call.text_n = QUERY_UNTIL_NUL;
	q.text_n = call.text_n;
	c = q.text ? conn_sends(call.object) : NULL;
	if (!c)
		return 0;
	statement_begin(c, &q, USER_VALUE(__u64, call.object + MYSQL_USER),
			USER_VALUE(__u64, call.object + MYSQL_DB));
	call_enter(PT_REGS_SP(ctx), &call);
	return 0;
}

/* int mysql_stmt_execute(MYSQL_STMT *) */
SEC("uprobe")
int libmariadb_execute(struct pt_regs *ctx)
{
	struct call call = {.stmt = PT_REGS_PARM1(ctx)};
	struct query q = {.command = QUERY_EXECUTE};
	struct prepared_key key = {};
	struct values *v;
	struct conn *c;

	own_stack(ctx);
	call.object = USER_VALUE(__u64, call.stmt + STMT_MYSQL);
	c = conn_sends(call.object);
	if (!c)
		return 0;
	q.statement = USER_VALUE(__u32, call.stmt + STMT_ID);
	key.owner = c->session.conn;
	key.name = q.statement;
	prepared_find(&q, &key);
	/* of many rows at once the values lie elsewhere */
	v = USER_VALUE(__u32, call.stmt + STMT_PARAM_COUNT) &&
			    !USER_VALUE(__u32, call.stmt + STMT_ARRAY_SIZE)
		    ? values_begin()
		    : NULL;
	if (v) {
		values_bound(v, call.stmt);
		values_put(&q, v);
	}
	statement_begin(c, &q, USER_VALUE(__u64, call.object + MYSQL_USER),
			USER_VALUE(__u64, call.object + MYSQL_DB));
	call_enter(PT_REGS_SP(ctx), &call);
	return 0;
}

/* ---- answers ------------------------------------------------------------------------------ */

static __always_inline int answer_enter(struct pt_regs *ctx, __u64 kind)
{
	struct call call = {.object = PT_REGS_PARM1(ctx), .kind = kind};
	struct conn *c = conn_find(call.object);

	own_stack(ctx);
	if (c && c->id && (kind == CALL_ANSWER || c->awaits_rows) &&
	    filter_pass(probe_number, current_task()))
		call_enter(PT_REGS_SP(ctx), &call);
	return 0;
}

/* my_bool mysql_read_query_result(MYSQL *), int mysql_next_result(MYSQL *) */
SEC("uprobe")
int libmariadb_answer(struct pt_regs *ctx)
{
	return answer_enter(ctx, CALL_ANSWER);
}

/* MYSQL_RES *mysql_store_result(MYSQL *) */
SEC("uprobe")
int libmariadb_store(struct pt_regs *ctx)
{
	return answer_enter(ctx, CALL_ROWS);
}

/* MYSQL_RES *mysql_use_result(MYSQL *) */
SEC("uprobe")
int libmariadb_use(struct pt_regs *ctx)
{
	return answer_enter(ctx, CALL_USE);
}

/* void mysql_close(MYSQL *) */
SEC("uprobe")
int libmariadb_over(struct pt_regs *ctx)
{
	__u64 object = PT_REGS_PARM1(ctx);
	struct conn *c = conn_find(object);

	own_stack(ctx);
	if (c && c->id && !ctl_stopped())
		conn_end(c, object, false);
	return 0;
}

/* Adds a result that the calling program has now. False when its rows are still to come. */
static __always_inline bool conn_answered(struct conn *c, const struct call *call)
{
	__u64 affected = USER_VALUE(__u64, call->object + MYSQL_AFFECTED_ROWS);

	c->warnings = USER_VALUE(__u32, call->object + MYSQL_WARNING_COUNT);
	if (call->kind == CALL_ROWS) {
		c->awaits_rows = 0;
		c->sent += affected;
		c->flags |= QUERY_END_SENT;
	} else if (call->kind == CALL_ANSWER) {
		/* a prepared statement's rows may be fetched one by one: it has ended */
		bool rows = call->stmt ? USER_VALUE(__u32, call->stmt + STMT_FIELD_COUNT)
				       : USER_VALUE(__u32, call->object + MYSQL_FIELD_COUNT);

		c->awaits_rows = rows && !call->stmt;
		if (c->awaits_rows)
			return false;
		if (!rows) {
			c->rows += affected;
			c->flags |= QUERY_END_ROWS;
		}
	}
	c->results++;
	return true;
}

/* Is another result of the same statement to come? */
static __always_inline bool call_more(const struct call *call)
{
	return call->kind != CALL_PLAIN && call->kind != CALL_PREPARE && !call->stmt &&
	       USER_VALUE(__u32, call->object + MYSQL_SERVER_STATUS) & SERVER_MORE_RESULTS_EXISTS;
}

static __always_inline void call_prepared(const struct conn *c, const struct call *call)
{
	struct prepared_key key = {.owner = c->session.conn};

	key.name = USER_VALUE(__u32, call->stmt + STMT_ID);
	prepared_keep(&key, call->text, call->text_n);
}

/* Where one of the functions returns, or the one that they have jumped on to. */
SEC("uprobe")
int libmariadb_return(struct pt_regs *ctx)
{
	struct call_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .sp = PT_REGS_SP(ctx)};
	struct call *call = bpf_map_lookup_elem(&calls, &key);
	struct conn *c;
	bool failed;

	own_stack(ctx);
	if (!call)
		return 0;
	c = conn_find(call->object);
	failed = USER_VALUE(__u32, call->object + MYSQL_ERRNO);
	if (c && c->id && !ctl_stopped()) {
		if (failed) {
			conn_end(c, call->object, true);
		} else if (call->kind == CALL_USE) {
			/* known again by the address of its result, where no stack is */
			call_enter(PT_REGS_RC(ctx), call);
		} else if (call->kind != CALL_SENT) {
			if (call->kind == CALL_PREPARE)
				call_prepared(c, call);
			if (conn_answered(c, call) && !call_more(call))
				conn_end(c, call->object, false);
		}
	}
	bpf_map_delete_elem(&calls, &key);
	return 0;
}

/* void mysql_free_result(MYSQL_RES *) */
SEC("uprobe")
int libmariadb_free(struct pt_regs *ctx)
{
	struct call_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .sp = PT_REGS_PARM1(ctx)};
	struct call *call = bpf_map_lookup_elem(&calls, &key);
	struct conn *c;

	own_stack(ctx);
	if (!call)
		return 0;
	c = conn_find(call->object);
	if (c && c->id && c->awaits_rows && !ctl_stopped()) {
		c->sent += USER_VALUE(__u64, key.sp + RES_ROW_COUNT);
		c->flags |= QUERY_END_SENT;
		c->results++;
		c->awaits_rows = 0;
		if (USER_VALUE(__u32, call->object + MYSQL_ERRNO))
			conn_end(c, call->object, true);
		else if (!call_more(call))
			conn_end(c, call->object, false);
	}
	bpf_map_delete_elem(&calls, &key);
	return 0;
}
