/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Statements that programs send to PostgreSQL by way of libpq.
 *
 * Every statement goes through one of PQsendQuery(), PQsendQueryParams(), PQsendPrepare() and
 * PQsendQueryPrepared(): PQexec() and its kin call these. Every result comes out of PQgetResult(),
 * which says by NULL that a statement has no more of them; in pipeline mode statements wait for
 * theirs in order. So statements are a queue per connection, and a statement ends when
 * PQgetResult() returns the NULL behind its last result: before PQexec() returns, that is.
 *
 * There are no return probes. A program may leave libpq in the middle of a call for another stack:
 * where poll() is replaced by one that switches coroutines, say. A return probe would kill it then.
 * Instead the return instructions of PQgetResult() have probes (probes/elf/returns.h), and a call
 * is known again by its stack pointer: one stack has one call at a place, whichever thread runs it.
 */
#include "kern/libpq_conn.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct libpq_params);

/* Arguments that the macros of libbpf do not reach, at the entry of a function. */
#ifdef __TARGET_ARCH_x86
#define ARGUMENT_6(ctx) ((ctx)->r9)
#define ARGUMENT_7(ctx) USER_VALUE(__u64, PT_REGS_SP(ctx) + 8)
#else
#define ARGUMENT_6(ctx) (((const struct user_pt_regs *)(ctx))->regs[5])
#define ARGUMENT_7(ctx) (((const struct user_pt_regs *)(ctx))->regs[6])
#endif

/* ExecStatusType */
enum {
	PGRES_TUPLES_OK = 2,
	PGRES_COPY_OUT = 3,
	PGRES_COPY_IN = 4,
	PGRES_BAD_RESPONSE = 5,
	PGRES_FATAL_ERROR = 7,
	PGRES_COPY_BOTH = 8,
	PGRES_SINGLE_TUPLE = 9,
	PGRES_PIPELINE_SYNC = 10,
	PGRES_PIPELINE_ABORTED = 11,
	PGRES_TUPLES_CHUNK = 12
};

enum {
	TAG_SIZE = 64,
	ERROR_FIELDS = 16,
	FIELD_CODE = 8, /* in a field of an error, behind the pointer to the next */
	FIELD_TEXT = 9,
};

struct call_key {
	__u64 tgid, sp;
};

/* Connection of each PQgetResult() that runs. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, __u64);
} calls SEC(".maps");

/* ---- statements --------------------------------------------------------------------------- */

static __always_inline bool conn_pipelined(const struct libpq_params *p, __u64 object)
{
	return field32(object, p->pipeline) != 0;
}

/* The connection of a statement that is about to be sent; NULL = it will be refused. */
static __always_inline struct conn *conn_sends(const struct libpq_params *p, __u64 object)
{
	struct conn *c;

	if (!p || !object || field32(object, p->status) ||
	    !filter_pass(probe_number, current_task()))
		return NULL;
	c = conn_get(p, object);
	if (!c || conn_pipelined(p, object))
		return c;
	if (field32(object, p->status + ASYNC_AT))
		return NULL; /* another command is in progress */
	if (c->head != c->tail)
		conn_drop(object, false);
	return c;
}

static __noinline void statement_send(struct conn *c, struct query *q)
{
	q->system = QUERY_POSTGRES;
	q->side = QUERY_CLIENT;
	q->session = &c->session;
	q->name = c->name;
	q->id = conn_statement(c, c->tail);
	if (!conn_push(c, WAITS_STATEMENT))
		return;
	if (!query_begin(q))
		*conn_waiting(c, c->tail - 1) = WAITS_SILENT;
}

/* paramValues, paramLengths, paramFormats */
struct arrays {
	__u64 n, values, lengths, formats;
};

static __noinline void arrays_list(struct values *v, const struct arrays *a)
{
	for (__u32 i = 0; i < VALUES_MAX && i < a->n; i++) {
		__u64 address = USER_VALUE(__u64, a->values + 8ull * i), n = QUERY_UNTIL_NUL;

		if (a->formats && USER_VALUE(__u32, a->formats + 4ull * i))
			n = a->lengths ? USER_VALUE(__u32, a->lengths + 4ull * i) : 0;
		if (!values_add(v, address, n))
			return;
	}
	v->cut = a->n > VALUES_MAX;
}

static __always_inline void statement_values(struct query *q, const struct arrays *a)
{
	struct values *v;

	if (!a->values || !a->n || a->n > 65535)
		return;
	v = values_begin();
	if (!v)
		return;
	arrays_list(v, a);
	values_put(q, v);
}

/* int PQsendQuery(PGconn *, const char *query) */
SEC("uprobe")
int libpq_query(struct pt_regs *ctx)
{
	struct query q = {
		.command = QUERY_TEXT, .text = PT_REGS_PARM2(ctx), .text_n = QUERY_UNTIL_NUL};
	struct conn *c;

	own_stack(ctx);
	c = conn_sends(TARGET(ctx), PT_REGS_PARM1(ctx));
	if (!c || !q.text)
		return 0;
	query_name(c->name, sizeof(c->name), 0);
	statement_send(c, &q);
	return 0;
}

/* int PQsendQueryParams(PGconn *, const char *command, int nParams, const Oid *paramTypes,
 * const char *const *paramValues, const int *paramLengths, const int *paramFormats, int): Parse,
 * Bind and Execute */
SEC("uprobe")
int libpq_params(struct pt_regs *ctx)
{
	struct query q = {
		.command = QUERY_EXECUTE, .text = PT_REGS_PARM2(ctx), .text_n = QUERY_UNTIL_NUL};
	struct arrays a = {.n = (__u32)PT_REGS_PARM3(ctx),
			   .values = PT_REGS_PARM5(ctx),
			   .lengths = ARGUMENT_6(ctx),
			   .formats = ARGUMENT_7(ctx)};
	struct conn *c;

	own_stack(ctx);
	c = conn_sends(TARGET(ctx), PT_REGS_PARM1(ctx));
	if (!c || !q.text)
		return 0;
	query_name(c->name, sizeof(c->name), 0);
	statement_values(&q, &a);
	statement_send(c, &q);
	return 0;
}

/* int PQsendPrepare(PGconn *, const char *stmtName, const char *query, int, const Oid *) */
SEC("uprobe")
int libpq_prepare(struct pt_regs *ctx)
{
	struct query q = {
		.command = QUERY_PREPARE, .text = PT_REGS_PARM3(ctx), .text_n = QUERY_UNTIL_NUL};
	struct prepared_key key = {};
	struct conn *c;

	own_stack(ctx);
	c = conn_sends(TARGET(ctx), PT_REGS_PARM1(ctx));
	if (!c || !q.text)
		return 0;
	query_name(c->name, sizeof(c->name), PT_REGS_PARM2(ctx));
	key.owner = c->session.conn;
	key.name = prepared_hash(c->name);
	prepared_keep(&key, q.text, QUERY_UNTIL_NUL);
	statement_send(c, &q);
	return 0;
}

/* int PQsendQueryPrepared(PGconn *, const char *stmtName, int nParams,
 * const char *const *paramValues, const int *paramLengths, const int *paramFormats, int) */
SEC("uprobe")
int libpq_execute(struct pt_regs *ctx)
{
	struct query q = {.command = QUERY_EXECUTE};
	struct arrays a = {.n = (__u32)PT_REGS_PARM3(ctx),
			   .values = PT_REGS_PARM4(ctx),
			   .lengths = PT_REGS_PARM5(ctx),
			   .formats = ARGUMENT_6(ctx)};
	struct prepared_key key = {};
	struct conn *c;

	own_stack(ctx);
	c = conn_sends(TARGET(ctx), PT_REGS_PARM1(ctx));
	if (!c || !PT_REGS_PARM2(ctx))
		return 0;
	query_name(c->name, sizeof(c->name), PT_REGS_PARM2(ctx));
	key.owner = c->session.conn;
	key.name = prepared_hash(c->name);
	prepared_find(&q, &key);
	statement_values(&q, &a);
	statement_send(c, &q);
	return 0;
}

static __always_inline int pipeline_push(struct pt_regs *ctx, enum waiting what)
{
	struct libpq_params *p = TARGET(ctx);
	__u64 object = PT_REGS_PARM1(ctx);
	struct conn *c;

	own_stack(ctx);
	if (!p || !object || !conn_pipelined(p, object) ||
	    !filter_pass(probe_number, current_task()))
		return 0;
	c = conn_get(p, object);
	if (c)
		conn_push(c, what);
	return 0;
}

/* Requests that take a place in a pipeline: PQsendDescribePrepared() and the like, of PGconn. */
SEC("uprobe")
int libpq_other(struct pt_regs *ctx)
{
	return pipeline_push(ctx, WAITS_SILENT);
}

/* int PQpipelineSync(PGconn *), int PQsendPipelineSync(PGconn *) */
SEC("uprobe")
int libpq_sync(struct pt_regs *ctx)
{
	return pipeline_push(ctx, WAITS_SYNC);
}

/* ---- results ------------------------------------------------------------------------------ */

/* Rows as a command tag has them: "INSERT 0 5", "SELECT 3". */
static __noinline void conn_tag(struct conn *c, __u64 address)
{
	char tag[TAG_SIZE] = {};
	__u64 rows = 0;
	bool digits = false;

	bpf_probe_read_user_str(tag, sizeof(tag), (void *)address);
	for (int i = 0; i < TAG_SIZE && tag[i]; i++) {
		if (tag[i] == ' ') {
			rows = 0;
			digits = true;
		} else if (tag[i] >= '0' && tag[i] <= '9') {
			rows = rows * 10 + (tag[i] - '0');
		} else {
			digits = false;
		}
	}
	if (!digits)
		return;
	c->rows += rows;
	c->flags |= QUERY_END_ROWS;
}

static __noinline void conn_failed(struct conn *c, const struct libpq_params *p, __u64 result)
{
	struct query_result r = {.flags = QUERY_END_ERROR, .message_n = QUERY_UNTIL_NUL};
	__u64 field = field64(result, p->fields);

	for (int i = 0; i < ERROR_FIELDS && field; i++) {
		char code = user_byte((void *)(field + FIELD_CODE));

		if (code == 'C')
			bpf_probe_read_user_str(r.sqlstate, 6, (void *)(field + FIELD_TEXT));
		else if (code == 'M')
			r.message = field + FIELD_TEXT;
		field = USER_VALUE(__u64, field);
	}
	if (!r.message)
		r.message = field64(result, p->message);
	conn_end(c, &r);
}

static __noinline void conn_result(struct conn *c, const struct libpq_params *p, __u64 result,
				   __u32 status)
{
	if (c->head == c->tail)
		return;
	c->answered = 1;
	if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
	    status == PGRES_PIPELINE_ABORTED) {
		conn_failed(c, p, result);
		return;
	}
	if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
		return;
	if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE ||
	    status == PGRES_TUPLES_CHUNK) {
		c->sent += field32(result, p->tuples);
		c->flags |= QUERY_END_SENT;
	}
	if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_CHUNK)
		return;
	c->results++;
	conn_tag(c, result + p->command_status);
}

/* PGresult *PQgetResult(PGconn *) */
SEC("uprobe")
int libpq_result(struct pt_regs *ctx)
{
	struct call_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .sp = PT_REGS_SP(ctx)};
	__u64 object = PT_REGS_PARM1(ctx);
	struct conn *c = conn_find(object);

	own_stack(ctx);
	if (!c || c->head == c->tail || !filter_pass(probe_number, current_task()))
		return 0;
	if (bpf_map_update_elem(&calls, &key, &object, BPF_ANY))
		rec_lose(probe_number, LOST_MAP_FULL);
	return 0;
}

/* Where PQgetResult() returns, or a function that it has jumped on to. */
SEC("uprobe")
int libpq_result_end(struct pt_regs *ctx)
{
	struct call_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .sp = PT_REGS_SP(ctx)};
	__u64 result = PT_REGS_RC(ctx), *object = bpf_map_lookup_elem(&calls, &key);
	struct libpq_params *p = TARGET(ctx);
	struct conn *c;

	own_stack(ctx);
	if (!object || !p)
		return 0;
	c = conn_find(*object);
	if (c && !ctl_stopped()) {
		__u32 status = result ? field32(result, p->result_status) : 0;

		if (status == PGRES_PIPELINE_SYNC)
			conn_drop(*object, true);
		else if (result)
			conn_result(c, p, result, status);
		else if (c->head != c->tail &&
			 (c->answered || !field32(*object, p->status + ASYNC_AT)))
			conn_pop(c);
	}
	bpf_map_delete_elem(&calls, &key);
	return 0;
}

/* void PQfinish(PGconn *) */
SEC("uprobe")
int libpq_finish(struct pt_regs *ctx)
{
	__u64 object = PT_REGS_PARM1(ctx);
	struct conn_key key = conn_key(object);
	struct conn *c = conn_find(object);

	own_stack(ctx);
	if (!c)
		return 0;
	if (!ctl_stopped())
		conn_drop(object, false);
	bpf_map_delete_elem(&conns, &key);
	return 0;
}
