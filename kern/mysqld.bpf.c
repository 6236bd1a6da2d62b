/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Statements that a MariaDB server runs for its clients.
 *
 * dispatch_command() is called for each command of a client, Protocol::end_statement() for each
 * answer, with the outcome in the connection's area of diagnostics. Both get the connection's
 * structure, THD, which is what everything here is kept by: with a pool of threads another thread
 * may take a statement to its end, by calling dispatch_command() again.
 *
 * Statements that others run are told from them by the stack pointer: it is lower. There are no
 * return probes. A prepared execution and a simple query cost three traps.
 */
#include "kern/mysqld.h"
#include "kern/query.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct mysqld_params);

/* enum enum_server_command */
enum {
	COM_QUIT = 1,
	COM_INIT_DB = 2,
	COM_QUERY = 3,
	COM_CHANGE_USER = 17,
	COM_STMT_PREPARE = 22,
	COM_STMT_EXECUTE = 23,
	COM_STMT_BULK_EXECUTE = 250
};

/* enum enum_diagnostics_status; fields before it, in this order: affected rows (8 bytes), last
 * inserted id (8), warnings (4). */
enum {
	DA_OK = 1,
	DA_EOF = 2,
	DA_OK_BULK = 3,
	DA_EOF_BULK = 4,
	DA_ERROR = 5
};
enum {
	DA_AFFECTED = 20,
	DA_WARNINGS = 4
};

enum {
	INNER_MAX = 16,   /* statements in each other that are kept; a power of two */
	EXECUTE_HEAD = 9, /* of a COM_STMT_EXECUTE: id of the statement, flags, count */
	SERVER_MORE_RESULTS_EXISTS = 8
};

enum conn_state {
	STATE_IDLE,
	STATE_WAITS, /* its text is not known yet */
	STATE_OPEN
};

struct inner {
	__u64 sp, id, sent;
};

struct conn {
	__u64 process; /* when it started */
	__u64 id;      /* of the open statement; 0 = there was no room for its record */
	__u64 sp;      /* where it runs, 0 = it does not yet */
	__u64 packet, packet_n;
	__u64 rows, sent;
	__u32 results, flags, warnings;
	__u32 cmd;
	__u8 state, command;
	__u32 inner_n;
	struct inner inner[INNER_MAX];
	struct rec_session session;
};

struct conn_key {
	__u64 tgid, thd;
};

/* Connections that have gone are not taken out (one may go in many ways): the oldest make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct conn_key);
	__type(value, struct conn);
} conns SEC(".maps");

/* THD of the inner statement that a thread runs. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} threads SEC(".maps");

static const struct conn conn_none = {};

/* ---- whose it is -------------------------------------------------------------------------- */

static __noinline void session_enter(struct conn *c, const struct mysqld_params *p, __u64 thd,
				     __u64 number)
{
	__u64 vio = p->vio ? USER_VALUE(__u64, thd + p->vio) : 0;

	c->session.conn = unique_id();
	c->session.number = number;
	if (!vio || !sockfd_flow(&c->session.flow, USER_VALUE(__u32, vio), REC_ROLE_SERVER))
		__builtin_memset(&c->session.flow, 0, sizeof(c->session.flow));
	c->session.flow.role = REC_ROLE_SERVER;
}

static __noinline void session_who(struct conn *c, const struct mysqld_params *p, __u64 thd)
{
	__u64 security = USER_VALUE(__u64, thd + p->security), client;

	query_name(c->session.user, sizeof(c->session.user),
		   security ? USER_VALUE(__u64, security + p->user) : 0);
	client = security ? USER_VALUE(__u64, security + p->ip) : 0;
	if (security && !client)
		client = USER_VALUE(__u64, security + p->host);
	query_name(c->session.client, sizeof(c->session.client), client);
}

static __always_inline struct conn *conn_find(__u64 thd)
{
	struct conn_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .thd = thd};

	return bpf_map_lookup_elem(&conns, &key);
}

/* The connection of that THD, which may have been another's. */
static __noinline struct conn *conn_get(const struct mysqld_params *p, __u64 thd)
{
	struct conn_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .thd = thd};
	__u64 process = current_task()->group_leader->start_boottime;
	__u64 number = USER_VALUE(__u64, thd + p->thread_id);
	struct conn *c = bpf_map_lookup_elem(&conns, &key);

	if (c && c->process == process && c->session.number == number)
		return c;
	bpf_map_update_elem(&conns, &key, &conn_none, BPF_ANY);
	c = bpf_map_lookup_elem(&conns, &key);
	if (!c) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return NULL;
	}
	c->process = process;
	session_enter(c, p, thd, number);
	session_who(c, p, thd);
	return c;
}

/* ---- statements --------------------------------------------------------------------------- */

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
		.session = &c->session,
	};
	__u32 n = c->inner_n;

	if (command == QUERY_STATEMENT) {
		BARRIER(n);
		q.outer = n ? c->inner[(n - 1) & (INNER_MAX - 1)].id : c->id;
	} else if (command == QUERY_EXECUTE && c->packet_n >= 4) {
		q.statement = USER_VALUE(__u32, c->packet);
		if (c->cmd == COM_STMT_EXECUTE && c->packet_n > EXECUTE_HEAD) {
			q.params = c->packet + EXECUTE_HEAD;
			q.params_n = c->packet_n - EXECUTE_HEAD;
			q.params_format = QUERY_PARAMS_MYSQL;
		}
	}
	query_name(c->session.database, sizeof(c->session.database),
		   USER_VALUE(__u64, thd + p->db));
	return query_begin(&q) ? q.id : 0;
}

static __always_inline void statement_open(struct conn *c, const struct mysqld_params *p, __u64 thd,
					   struct text *text)
{
	c->state = STATE_OPEN;
	c->id = statement_begin(c, p, thd, c->command, text);
}

/* Adds what the area of diagnostics says to a result. Returns its status. */
static __noinline __u32 result_read(struct query_result *r, const struct mysqld_params *p,
				    __u64 thd)
{
	__u64 da = USER_VALUE(__u64, thd + p->da);
	__u32 status = USER_VALUE(__u32, da + p->da_status);

	if (status == DA_OK || status == DA_OK_BULK) {
		r->rows += USER_VALUE(__u64, da + p->da_status - DA_AFFECTED);
		r->flags |= QUERY_END_ROWS;
	}
	if (status >= DA_OK && status <= DA_EOF_BULK) {
		r->warnings += USER_VALUE(__u32, da + p->da_status - DA_WARNINGS);
		r->results++;
	}
	if (status == DA_ERROR) {
		r->flags |= QUERY_END_ERROR;
		r->error = USER_VALUE(__u32, da + p->da_error);
		r->message = da + p->da_message;
		r->message_n = QUERY_UNTIL_NUL;
		bpf_probe_read_user(r->sqlstate, 6, (void *)da);
	}
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

/* ---- programs ----------------------------------------------------------------------------- */

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

/* An open statement is left without an answer. */
static __always_inline void conn_abandon(struct conn *c, const struct mysqld_params *p, __u64 thd)
{
	struct query_result r = {.id = c->id};

	inner_pop(c, p, thd, ~0ull, false);
	if (c->state == STATE_OPEN && c->id)
		query_end(&r);
	c->state = STATE_IDLE;
}

/* dispatch_command(enum_server_command cmd, THD *thd, char *packet, uint len, …) */
SEC("uprobe")
int mysqld_dispatch(struct pt_regs *ctx)
{
	__u32 cmd = PT_REGS_PARM1(ctx);
	__u64 thd = PT_REGS_PARM2(ctx);
	struct text text = {.at = PT_REGS_PARM3(ctx), .n = (__u32)PT_REGS_PARM4(ctx)};
	struct mysqld_params *p = TARGET(ctx);
	__u8 command = command_of(cmd);
	struct conn *c;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	c = command ? conn_get(p, thd) : conn_find(thd);
	if (!c)
		return 0;
	if (c->state != STATE_IDLE) {
		/* called again to finish: only between commands there is no text */
		if (c->cmd == cmd && USER_VALUE(__u64, thd + p->query))
			return 0;
		conn_abandon(c, p, thd);
	}
	if (!command)
		return 0;
	c->cmd = cmd;
	c->command = command;
	c->sp = 0;
	c->id = 0;
	c->rows = 0;
	c->sent = 0;
	c->results = 0;
	c->flags = 0;
	c->warnings = 0;
	c->inner_n = 0;
	c->packet = text.at;
	c->packet_n = text.n;
	/* the body of COM_CHANGE_USER has a password: it is never looked at */
	if (command == QUERY_EXECUTE || command == QUERY_CHANGE_USER)
		c->state = STATE_WAITS;
	else
		statement_open(c, p, thd, &text);
	return 0;
}

/* int mysql_execute_command(THD *thd, …) */
SEC("uprobe")
int mysqld_execute(struct pt_regs *ctx)
{
	__u64 thd = PT_REGS_PARM1(ctx), sp = PT_REGS_SP(ctx), thread, id;
	struct mysqld_params *p = TARGET(ctx);
	struct text text = {};
	struct conn *c;
	__u32 n;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	c = conn_find(thd);
	if (!c || c->state == STATE_IDLE)
		return 0;
	if (c->sp && sp < c->sp) {
		inner_pop(c, p, thd, sp, false);
		bpf_probe_read_user(&text, sizeof(text), (void *)(thd + p->query));
		id = statement_begin(c, p, thd, QUERY_STATEMENT, &text);
		n = c->inner_n;
		BARRIER(n);
		if (n >= INNER_MAX) {
			struct query_result r = {.id = id};

			if (id)
				query_end(&r);
			return 0;
		}
		c->inner[n & (INNER_MAX - 1)] =
			(struct inner){.sp = sp, .id = id, .sent = sent_rows(p, thd)};
		c->inner_n = n + 1;
		thread = bpf_get_current_pid_tgid();
		bpf_map_update_elem(&threads, &thread, &thd, BPF_ANY);
		return 0;
	}
	inner_pop(c, p, thd, sp, false);
	c->sp = sp;
	if (c->state == STATE_WAITS) {
		bpf_probe_read_user(&text, sizeof(text), (void *)(thd + p->query));
		statement_open(c, p, thd, &text);
	}
	return 0;
}

/* In sp_instr_stmt::exec_core(), where mysql_execute_command() has returned: the statement of a
 * stored program has ended. */
SEC("uprobe")
int mysqld_executed(struct pt_regs *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid(), *thd, sp = PT_REGS_SP(ctx) - sizeof(__u64);
	struct mysqld_params *p = TARGET(ctx);
	struct conn *c;
	__u32 n;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	thd = bpf_map_lookup_elem(&threads, &thread);
	c = thd ? conn_find(*thd) : NULL;
	if (!c || c->state != STATE_OPEN)
		return 0;
	inner_pop(c, p, *thd, sp - 1, false); /* deeper ones */
	n = c->inner_n;
	BARRIER(n);
	if (n && c->inner[(n - 1) & (INNER_MAX - 1)].sp == sp)
		inner_end(c, p, *thd, true);
	return 0;
}

/* void Protocol::end_statement() */
SEC("uprobe")
int mysqld_end(struct pt_regs *ctx)
{
	__u64 sp = PT_REGS_SP(ctx), thd, sent;
	struct mysqld_params *p = TARGET(ctx);
	struct query_result r = {};
	struct text none = {};
	struct conn *c;
	__u32 status;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	thd = USER_VALUE(__u64, PT_REGS_PARM1(ctx) + p->protocol_thd);
	c = conn_find(thd);
	if (!c || c->state == STATE_IDLE)
		return 0;
	r.rows = c->rows;
	r.results = c->results;
	r.warnings = c->warnings;
	r.flags = c->flags;
	sent = sent_rows(p, thd);
	status = result_read(&r, p, thd);
	if (status == DA_EOF && p->sent_rows) {
		c->sent += sent;
		r.flags |= QUERY_END_SENT;
	}
	r.rows_sent = c->sent;
	/* what an EXECUTE has run ends as it does itself */
	inner_pop(c, p, thd, sp, true);
	/* one result of several: of a stored procedure, of a text with several statements */
	if ((c->sp && sp < c->sp) ||
	    (status != DA_ERROR &&
	     USER_VALUE(__u32, thd + p->server_status) & SERVER_MORE_RESULTS_EXISTS)) {
		c->rows = r.rows;
		c->results = r.results;
		c->warnings = r.warnings;
		c->flags = r.flags;
		return 0;
	}
	if (c->command == QUERY_CHANGE_USER)
		session_who(c, p, thd);
	if (c->state == STATE_WAITS)
		statement_open(c, p, thd, &none);
	r.id = c->id;
	c->state = STATE_IDLE;
	if (r.id)
		query_end(&r);
	return 0;
}
