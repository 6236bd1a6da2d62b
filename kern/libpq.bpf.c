/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Statements that programs send to PostgreSQL servers by libpq.
 *
 * Whatever a program calls, a statement is sent by one of four exported functions, PQexec() among
 * those that call them. Its result is a PGresult, which does not tell of what connection it is. It
 * is that of the connection on which the thread called PQgetResult() last, which PQexec() and its
 * like do themselves; and it is looked at when the program does so first, by PQresultStatus() or
 * PQclear(). That is where a statement ends: when the program learns of its result.
 *
 * A text that is sent without values may be several statements with a result each. It ends when
 * the connection is idle; that is seen at the next call here of the same connection. All others
 * have one result, also in pipeline mode, where results come in the order of the statements.
 *
 * There is no probe on a return: programs switch stacks in callbacks of libpq (for notices and
 * events), and end threads in it.
 */
#include "kern/libpq.h"
#include "kern/client.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct libpq_params);

enum {
	CONNECTIONS = 4096,
	RESULTS = 16384,
	PIPELINE = 32, /* statements under way of one connection */
	FIELDS = 24,   /* of an error, which are looked at */
	ASYNC_IDLE = 0,
	/* ExecStatusType */
	RESULT_COMMAND = 1,
	RESULT_TUPLES = 2,
	RESULT_COPY_OUT = 3,
	RESULT_COPY_IN = 4,
	RESULT_NOTICE = 6,
	RESULT_ERROR = 7,
	RESULT_COPY_BOTH = 8,
	RESULT_SINGLE = 9,
	RESULT_SYNC = 10,
	RESULT_ABORTED = 11,
	RESULT_CHUNK = 12
};

struct connection {
	__u64 start; /* of the process: an earlier one may have had the same number */
	__u64 rows;  /* of the statement whose results come */
	__u32 results;
	__u32 fd;
	__u32 first, n;         /* of the statements under way */
	__u64 ids[PIPELINE];    /* 0 = there was no room for its record */
	__u8 several[PIPELINE]; /* it may have several results */
	__u64 piped;            /* they were sent in pipeline mode */
	struct rec_session session;
};

static const struct connection no_connection;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONNECTIONS);
	__type(key, struct object_key);
	__type(value, struct connection);
} connections SEC(".maps");

/* Results that were looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RESULTS);
	__type(key, struct object_key);
	__type(value, __u64); /* start of the process */
} results SEC(".maps");

static __always_inline bool connection_idle(const struct libpq_params *p, __u64 conn)
{
	return FIELD(__u32, conn, p->status + 4) == ASYNC_IDLE;
}

static __always_inline struct connection *connection_find(__u64 conn)
{
	struct object_key key = object_key(conn);
	struct connection *c = bpf_map_lookup_elem(&connections, &key);

	return c && c->start == process_start() ? c : NULL;
}

/* Whose it is, and where it leads. */
static __noinline void connection_learn(struct connection *c, const struct libpq_params *p,
					__u64 conn)
{
	c->start = process_start();
	c->fd = FIELD(__u32, conn, p->socket);
	c->session.conn = unique_id();
	c->session.number = FIELD(__u32, conn, p->backend_pid);
	if (!sockfd_flow(&c->session.flow, c->fd, REC_ROLE_CLIENT))
		c->session.flow.role = REC_ROLE_CLIENT;
	query_name(c->session.user, sizeof(c->session.user), FIELD(__u64, conn, p->user));
	query_name(c->session.database, sizeof(c->session.database),
		   FIELD(__u64, conn, p->database));
}

static __always_inline struct connection *connection_get(const struct libpq_params *p, __u64 conn)
{
	struct connection *c = connection_find(conn);
	struct object_key key = object_key(conn);

	if (c && c->session.number == FIELD(__u32, conn, p->backend_pid) &&
	    c->fd == FIELD(__u32, conn, p->socket))
		return c;
	bpf_map_update_elem(&connections, &key, &no_connection, BPF_ANY);
	c = bpf_map_lookup_elem(&connections, &key);
	if (c)
		connection_learn(c, p, conn);
	else
		rec_lose(probe_number, LOST_MAP_FULL);
	return c;
}

/* ---- ends --------------------------------------------------------------------------------- */

/* The number at the end of a command tag: "INSERT 0 3". */
static __noinline bool tag_rows(__u64 address, __u64 *ret)
{
	char tag[64] = {};
	bool digits = false;
	__u64 n = 0;

	bpf_probe_read_user_str(tag, sizeof(tag), (void *)address);
	for (int i = 0; i < (int)sizeof(tag) && tag[i]; i++) {
		digits = tag[i] >= '0' && tag[i] <= '9' && (digits || (i && tag[i - 1] == ' '));
		n = digits ? (tag[i - 1] == ' ' ? 0 : n * 10) + tag[i] - '0' : 0;
	}
	*ret = n;
	return digits;
}

/* What an ErrorResponse tells: struct { next; char code; char text[]; } for each of its fields. */
static __noinline void error_read(struct query_result *r, const struct libpq_params *p,
				  __u64 result)
{
	__u64 field = FIELD(__u64, result, p->fields);

	r->flags = QUERY_END_ERROR;
	r->message_n = QUERY_UNTIL_NUL;
	r->message = FIELD(__u64, result, p->message);
	for (int i = 0; i < FIELDS && field; i++) {
		char code = user_byte((void *)(field + 8));

		if (code == 'C')
			bpf_probe_read_user_str(r->sqlstate, 6, (void *)(field + 9));
		else if (code == 'M')
			r->message = field + 9;
		field = USER_VALUE(__u64, field);
	}
}

/* Ends the oldest statement under way. result: the one that tells of an error, else 0. */
static __noinline void statement_end(struct connection *c, const struct libpq_params *p,
				     __u64 result)
{
	struct query_result r = {.rows = c->rows, .results = c->results};

	r.id = c->ids[c->first % PIPELINE];
	if (result)
		error_read(&r, p, result);
	else if (c->results)
		r.flags = QUERY_END_ROWS;
	c->first++;
	c->n--;
	c->rows = 0;
	c->results = 0;
	if (r.id)
		query_end(&r);
}

/* A statement that may have several results has had all of them when the connection is idle. */
static __always_inline void connection_settle(struct connection *c, const struct libpq_params *p,
					      __u64 conn)
{
	if (c->n && c->results && connection_idle(p, conn))
		statement_end(c, p, 0);
}

/* The program looks at a result for the first time. */
static __noinline void result_seen(struct connection *c, const struct libpq_params *p, __u64 conn,
				   __u64 result)
{
	__u32 status = FIELD(__u32, result, p->result_status);
	__u64 rows = 0;

	switch (status) {
	case RESULT_COPY_OUT:
	case RESULT_COPY_IN:
	case RESULT_COPY_BOTH:
	case RESULT_NOTICE:
	case RESULT_SINGLE:
	case RESULT_SYNC:
	case RESULT_CHUNK:
		return; /* another one follows, or it is no statement's */
	case RESULT_ERROR:
	case RESULT_ABORTED:
		statement_end(c, p, result);
		return;
	}
	if (tag_rows(result + p->command_status, &rows))
		c->rows += rows;
	else if (status == RESULT_TUPLES)
		c->rows += FIELD(__u32, result, p->tuples);
	c->results++;
	if (!c->several[c->first % PIPELINE] || connection_idle(p, conn))
		statement_end(c, p, 0);
}

static __always_inline void result_look(struct pt_regs *ctx, bool clear)
{
	struct libpq_params *p = TARGET(ctx);
	__u64 result = PT_REGS_PARM1(ctx), start = process_start(), *conn, *known;
	struct task_struct *task = current_task();
	struct object_key key = object_key(result);
	struct connection *c;

	if (!p || !result || !filter_pass(probe_number, task))
		return;
	conn = bpf_task_storage_get(&threads, task, NULL, 0);
	c = conn ? connection_find(*conn) : NULL;
	known = bpf_map_lookup_elem(&results, &key);
	if (c && c->n) {
		if (!known || *known != start)
			result_seen(c, p, *conn, result);
		else
			connection_settle(c, p, *conn);
	}
	if (clear && known)
		bpf_map_delete_elem(&results, &key);
	else if (!clear && c && !known)
		bpf_map_update_elem(&results, &key, &start, BPF_ANY);
}

/* ExecStatusType PQresultStatus(const PGresult *res) */
SEC("uprobe")
int libpq_result(struct pt_regs *ctx)
{
	own_stack(ctx);
	result_look(ctx, false);
	return 0;
}

/* void PQclear(PGresult *res) */
SEC("uprobe")
int libpq_clear(struct pt_regs *ctx)
{
	own_stack(ctx);
	result_look(ctx, true);
	return 0;
}

/* PGresult *PQgetResult(PGconn *conn) */
SEC("uprobe")
int libpq_get_result(struct pt_regs *ctx)
{
	struct task_struct *task = current_task();
	struct libpq_params *p = TARGET(ctx);
	__u64 conn = PT_REGS_PARM1(ctx);
	struct connection *c;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, task))
		return 0;
	c = connection_find(conn);
	if (!c)
		return 0;
	thread_use(task, conn);
	connection_settle(c, p, conn);
	return 0;
}

/* void PQfinish(PGconn *conn): what has no result yet has no end. */
SEC("uprobe")
int libpq_finish(struct pt_regs *ctx)
{
	struct libpq_params *p = TARGET(ctx);
	__u64 conn = PT_REGS_PARM1(ctx);
	struct object_key key = object_key(conn);
	struct connection *c;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	c = connection_find(conn);
	if (!c)
		return 0;
	if (c->n && c->results)
		statement_end(c, p, 0);
	bpf_map_delete_elem(&connections, &key);
	return 0;
}

/* ---- beginnings --------------------------------------------------------------------------- */

static __always_inline int statement_begin(struct pt_regs *ctx, __u32 command, __u64 text,
					   __u64 name_at)
{
	struct task_struct *task = current_task();
	struct libpq_params *p = TARGET(ctx);
	__u64 conn = PT_REGS_PARM1(ctx);
	struct connection *c;
	char name[64];
	struct query q = {
		.id = unique_id(),
		.text = text,
		.text_n = text ? QUERY_UNTIL_NUL : 0,
		.system = QUERY_POSTGRES,
		.side = QUERY_CLIENT,
		.command = command,
		.name = name,
	};
	bool piped;
	__u32 at;

	if (!p || !conn || (!text && !name_at) || !filter_pass(probe_number, task))
		return 0;
	piped = FIELD(__u32, conn, p->pipeline);
	/* else libpq refuses it */
	if (FIELD(__u32, conn, p->status) || (!piped && !connection_idle(p, conn)))
		return 0;
	c = connection_get(p, conn);
	if (!c)
		return 0;
	thread_use(task, conn);
	connection_settle(c, p, conn);
	if (!piped || !c->piped)
		c->n = 0; /* no result of any of them will come */
	c->piped = piped;
	if (c->n >= PIPELINE) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return 0;
	}
	query_name(name, sizeof(name), name_at);
	q.session = &c->session;
	at = (c->first + c->n) % PIPELINE;
	c->ids[at] = query_begin(&q) ? q.id : 0;
	c->several[at] = command == QUERY_TEXT && !piped;
	c->n++;
	return 0;
}

/* int PQsendQuery(PGconn *conn, const char *query) */
SEC("uprobe")
int libpq_query(struct pt_regs *ctx)
{
	own_stack(ctx);
	return statement_begin(ctx, QUERY_TEXT, PT_REGS_PARM2(ctx), 0);
}

/* int PQsendQueryParams(PGconn *conn, const char *command, …): Parse, Bind and Execute */
SEC("uprobe")
int libpq_params(struct pt_regs *ctx)
{
	own_stack(ctx);
	return statement_begin(ctx, QUERY_EXECUTE, PT_REGS_PARM2(ctx), 0);
}

/* int PQsendPrepare(PGconn *conn, const char *stmtName, const char *query, …) */
SEC("uprobe")
int libpq_prepare(struct pt_regs *ctx)
{
	own_stack(ctx);
	return statement_begin(ctx, QUERY_PREPARE, PT_REGS_PARM3(ctx), PT_REGS_PARM2(ctx));
}

/* int PQsendQueryPrepared(PGconn *conn, const char *stmtName, …) */
SEC("uprobe")
int libpq_prepared(struct pt_regs *ctx)
{
	own_stack(ctx);
	return statement_begin(ctx, QUERY_EXECUTE, 0, PT_REGS_PARM2(ctx));
}
