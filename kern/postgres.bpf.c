/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Statements that a PostgreSQL server runs for its clients. A backend is a process with one client.
 *
 * pgstat_report_activity() is called with the text when a Query, Parse, Bind or Execute message is
 * worked on, and without one when the backend is idle again. Which of them it is, the message
 * tells, which lies in a variable of PostgresMain(). That variable is found once for each backend:
 * it is in the same stack frame as the one that PG_exception_stack points to. So a prepared
 * execution costs four traps, and nothing is read while rows or the lines of a COPY pass.
 *
 * Bytes of a message are read only in those calls: a password never is in a message there.
 */
#include "kern/postgres_message.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- statements --------------------------------------------------------------------------- */

static __noinline void statement_begin(struct backend *b, __u64 application, __u64 text,
				       __u64 text_n, __u32 flags)
{
	struct query q = {
		.outer = b->command == QUERY_STATEMENT ? b->executed : 0,
		.text = text,
		.text_n = text_n,
		.system = QUERY_POSTGRES,
		.side = QUERY_SERVER,
		.command = b->command,
		.flags = flags,
		.session = &b->session,
		.name = b->name,
		.task = &b->task,
		.text_ours = b->command == QUERY_CALL || b->command == QUERY_STATEMENT,
	};

	if (q.command == QUERY_EXECUTE || q.command == QUERY_BIND) {
		if (b->name[0] || b->bound != BOUND_NOWHERE)
			q.params_format = QUERY_PARAMS_POSTGRES;
		if (!b->name[0] && b->bound == BOUND_HERE) {
			q.params = (__u64)b->bind;
			q.params_n = b->bind_n;
			q.params_ours = true;
		}
	}
	task_fill(&b->task, current_task());
	query_name(b->session.application, sizeof(b->session.application),
		   USER_VALUE(__u64, application));
	b->rows = 0;
	b->results = 0;
	b->id = query_begin(&q) ? q.id : 0;
	b->state = STATE_OPEN;
}

/* sqlstate: its eight bytes, 0 = no error. */
static __noinline void statement_end(struct backend *b, __u64 sqlstate, __u64 message)
{
	struct query_result r = {
		.id = b->id,
		.rows = b->rows,
		.results = b->results,
		.message = message,
		.message_n = QUERY_UNTIL_NUL,
		.task = &b->task,
		.flags = sqlstate ? QUERY_END_ERROR : 0,
	};

	b->state = STATE_IDLE;
	b->executed = b->command == QUERY_EXECUTE && !sqlstate ? b->id : 0;
	if (!r.id)
		return;
	b->id = 0;
	if (!sqlstate && !r.results && b->command == QUERY_EXECUTE && b->fetch) {
		r.rows = b->fetch; /* the portal has more: it gave as many as were asked for */
		r.flags |= QUERY_END_ROWS;
	}
	if (r.results)
		r.flags |= QUERY_END_ROWS;
	*(__u64 *)r.sqlstate = sqlstate;
	query_end(&r);
}

/* ---- values ------------------------------------------------------------------------------- */

enum {
	BIND_SMALL = 512,
	BIND_LARGE = QUERY_PARAMS_MAX + 4 * QUERY_TYPES_MAX,
	BIND_AS_IT_IS = ~0u
};

/*
 * fix: where in the message the server has put a NUL for a while. That can only be the first byte
 * of the length of the next value, or of the number of formats, and they begin with 0 unless the
 * length is -1.
 */
static __always_inline void bind_fill(struct rec_query_bind *rec, const struct backend *b,
				      const struct message *m, const __u64 room, __u32 fix)
{
	struct task_struct *task = current_task();
	__u64 types = 4ull * b->types_n, n = m->len;

	task_fill(&rec->task, task);
	rec->conn = b->session.conn;
	rec->total = m->len;
	rec->reserved = 0;
	__builtin_memcpy(rec->name, b->name, sizeof(rec->name));
	BARRIER(types);
	if (types > sizeof(b->types))
		types = sizeof(b->types);
	bpf_probe_read_kernel(rec->data, types, b->types);
	rec->types_n = types / 4;
	if (n > room - sizeof(b->types))
		n = room - sizeof(b->types);
	BARRIER(n);
	if (n > room - sizeof(b->types))
		n = room - sizeof(b->types);
	if (bpf_probe_read_user(rec->data + types, n, (void *)m->data)) {
		rec->rec.flags |= REC_F_FAULT;
		n = 0;
	}
	if (fix < n && (message_int32(m, fix) & 0xffffff) == 0xffffff) {
		__u64 at = types + fix;

		BARRIER(at);
		if (at < room)
			bpf_probe_read_kernel(rec->data + at, 1, &(char){-1});
	}
	rec->n = n;
	rec_submit(&rec->rec, sizeof(*rec) + types + n);
}

/* A message of text values that is short is kept for the statement that follows. */
static __always_inline bool bind_keep(struct backend *b, const struct message *m)
{
	__u32 n = m->len;

	if (b->name[0])
		return false;
	b->bound = BOUND_RECORD;
	BARRIER(n);
	if (n > sizeof(b->bind) || bpf_probe_read_user(b->bind, n, (void *)m->data))
		return false;
	b->bind_n = n;
	b->bound = BOUND_HERE;
	return true;
}

static __noinline void bind_emit(struct backend *b, const struct message *m, __u32 fix)
{
	struct rec_query_bind *rec;

	b->types_wanted = 0;
	if (!b->name[0])
		b->bound = BOUND_RECORD;
	if (m->len <= BIND_SMALL - sizeof(b->types)) {
		rec = rec_reserve(probe_number, REC_QUERY_BIND, sizeof(*rec) + BIND_SMALL);
		if (rec)
			bind_fill(rec, b, m, BIND_SMALL, fix);
	} else {
		rec = rec_reserve(probe_number, REC_QUERY_BIND, sizeof(*rec) + BIND_LARGE);
		if (rec)
			bind_fill(rec, b, m, BIND_LARGE, fix);
	}
}

/* How many values of a Bind come in binary form, as far as their types are kept: after the names
 * follow int16 n, n times int16 format, and the number of values. One format is for all. */
static __noinline __u32 bind_binary(struct backend *b, const struct message *m)
{
	__u64 at = m->data + m->cursor, head = USER_VALUE(__u64, at);
	__u32 formats = bpf_ntohs(head), n = 0;
	const __u16 *format = (void *)b->types; /* free now */

	if (formats == 0)
		return 0;
	if (formats == 1) {
		if ((__u16)(head >> 16) == bpf_htons(1))
			n = bpf_ntohs(head >> 32);
		return n < QUERY_TYPES_MAX ? n : QUERY_TYPES_MAX;
	}
	if (formats > QUERY_TYPES_MAX)
		formats = QUERY_TYPES_MAX;
	BARRIER(formats);
	__builtin_memset(b->types, 0, 2ul * QUERY_TYPES_MAX);
	bpf_probe_read_user(b->types, 2ul * (formats & 127), (void *)(at + 2));
	/* without a branch: verifiers before Linux 6.4 would follow both ways of each */
	for (int i = 0; i < QUERY_TYPES_MAX; i++) {
		__u32 other = format[i] ^ bpf_htons(1);

		BARRIER(other);
		n += (other - 1) >> 31;
	}
	return n;
}

/* ---- programs ----------------------------------------------------------------------------- */

static __noinline void backend_begin(struct backend *b, const struct postgres_params *p, __u64 text,
				     __u64 sp, __u32 flags)
{
	struct message m;
	__u32 name_n, fetch = 0;
	__u64 head;

	if (!b->message)
		message_find(b, b->bias + p->PG_exception_stack, sp);
	if (!b->message || !message_read(&m, b->message)) {
		rec_lose(probe_number, LOST_READ_FAULT);
		b->message = 0;
		return;
	}
	/* a simple query may only look as if it began with a name */
	head = text == m.data ? 0 : USER_VALUE(__u64, m.data);
	name_n = message_name(b, &m, head);
	if (name_n + sizeof(fetch) == m.len) /* as an Execute has it */
		fetch = name_n == 1 ? bpf_ntohl(head >> 8) : message_int32(&m, name_n);
	b->command = message_command(&m, name_n, fetch, text);
	if (b->command == QUERY_EXECUTE)
		b->fetch = fetch;
	if (b->command == QUERY_TEXT && b->name[0])
		__builtin_memset(b->name, 0, sizeof(b->name));
	if (b->command == QUERY_BIND || (b->command == QUERY_PREPARE && !b->name[0])) {
		b->state = STATE_TENTATIVE;
		b->text = text;
		b->len = m.len;
		if (b->command != QUERY_BIND || flags)
			return;
		b->types_n = 0;
		b->types_wanted = bind_binary(b, &m);
		if (b->types_wanted && !b->name[0])
			b->bound = BOUND_NOWHERE; /* so far */
		if (!b->types_wanted && !bind_keep(b, &m))
			bind_emit(b, &m, BIND_AS_IT_IS);
		return;
	}
	statement_begin(b, b->bias + p->application_name, text,
			text == m.data && m.len ? m.len - 1 : QUERY_UNTIL_NUL, flags);
}

/* void pgstat_report_activity(BackendState state, const char *cmd_str) */
SEC("uprobe")
int postgres_activity(struct pt_regs *ctx)
{
	struct postgres_params *p = TARGET(ctx);
	__u64 text = PT_REGS_PARM2(ctx);
	struct backend *b;
	bool new;

	own_stack(ctx);
	b = backend_get(ctx, p, p ? p->pgstat_report_activity : 0, &new);
	if (!b || !p)
		return 0;
	if (new)
		title_read(b, p);
	if (b->state == STATE_OPEN)
		statement_end(b, 0, 0);
	b->state = STATE_IDLE;
	if (text)
		backend_begin(b, p, text, PT_REGS_SP(ctx), 0);
	else
		b->executed = 0;
	return 0;
}

/* A backend that was not known until now, in a statement. */
static __always_inline void backend_late(struct pt_regs *ctx, struct backend *b,
					 const struct postgres_params *p)
{
	__u64 text = USER_VALUE(__u64, b->bias + p->debug_query_string);

	title_read(b, p);
	if (text)
		backend_begin(b, p, text, PT_REGS_SP(ctx), QUERY_F_LATE);
}

/* void EndCommand(const QueryCompletion *qc, CommandDest dest, bool force_undecorated_output) */
SEC("uprobe")
int postgres_end_command(struct pt_regs *ctx)
{
	struct postgres_params *p = TARGET(ctx);
	struct backend *b;
	bool new;

	own_stack(ctx);
	b = backend_get(ctx, p, p ? p->EndCommand : 0, &new);
	if (!b || !p)
		return 0;
	if (new)
		backend_late(ctx, b, p);
	if (b->state != STATE_OPEN)
		return 0;
	/* { CommandTag commandTag; uint64 nprocessed; } */
	b->rows += USER_VALUE(__u64, PT_REGS_PARM1(ctx) + 8);
	b->results++;
	if (b->command == QUERY_EXECUTE)
		statement_end(b, 0, 0);
	return 0;
}

/* void SaveCachedPlan(CachedPlanSource *plansource): what a Parse does last, having succeeded. */
SEC("uprobe")
int postgres_parsed(struct pt_regs *ctx)
{
	struct task_struct *task = current_task();
	struct backend *b;

	own_stack(ctx);
	if (!filter_pass(probe_number, task))
		return 0;
	b = bpf_task_storage_get(&backends, task, NULL, 0);
	if (!b || b->command != QUERY_PREPARE)
		return 0;
	if (b->state == STATE_OPEN)
		statement_end(b, 0, 0);
	b->state = STATE_IDLE;
	return 0;
}

/* void getTypeBinaryInputInfo(Oid type, Oid *typReceive, Oid *typIOParam) */
SEC("uprobe")
int postgres_binary_type(struct pt_regs *ctx)
{
	struct task_struct *task = current_task();
	struct message m;
	struct backend *b;
	__u32 n;

	own_stack(ctx);
	if (!filter_pass(probe_number, task))
		return 0;
	b = bpf_task_storage_get(&backends, task, NULL, 0);
	if (!b || !b->types_wanted || b->command != QUERY_BIND || b->state != STATE_TENTATIVE)
		return 0;
	/* what receives a value may ask for the types of its parts: not from the same place */
	if (!b->types_n)
		b->sp = PT_REGS_SP(ctx);
	if (b->sp != PT_REGS_SP(ctx))
		return 0;
	n = b->types_n;
	BARRIER(n);
	b->types[n & (QUERY_TYPES_MAX - 1)] = PT_REGS_PARM1(ctx);
	b->types_n = n + 1;
	if (b->types_n >= b->types_wanted && message_read(&m, b->message))
		bind_emit(b, &m, m.cursor);
	return 0;
}

/* void HandleFunctionRequest(StringInfo msgBuf): the message begins with the function's OID. */
SEC("uprobe")
int postgres_call(struct pt_regs *ctx)
{
	struct postgres_params *p = TARGET(ctx);
	struct backend *b;
	char text[32];
	__u32 oid;
	bool new;
	int n;

	own_stack(ctx);
	b = backend_get(ctx, p, p ? p->HandleFunctionRequest : 0, &new);
	if (!b || !p)
		return 0;
	if (new)
		title_read(b, p);
	__builtin_memset(b->name, 0, sizeof(b->name));
	b->command = QUERY_CALL;
	oid = bpf_ntohl(USER_VALUE(__u32, USER_VALUE(__u64, PT_REGS_PARM1(ctx))));
	n = BPF_SNPRINTF(text, sizeof(text), "function call OID %u", oid);
	statement_begin(b, b->bias + p->application_name, (__u64)text, n > 0 ? n - 1 : 0, 0);
	return 0;
}

/* void InitPostgres(const char *dbname, Oid, const char *username, …) */
SEC("uprobe")
int postgres_session(struct pt_regs *ctx)
{
	struct postgres_params *p = TARGET(ctx);
	struct backend *b;
	bool new;

	own_stack(ctx);
	b = backend_get(ctx, p, p ? p->InitPostgres : 0, &new);
	if (!b)
		return 0;
	query_name(b->session.database, sizeof(b->session.database), PT_REGS_PARM1(ctx));
	query_name(b->session.user, sizeof(b->session.user), PT_REGS_PARM3(ctx));
	return 0;
}

/* An error with no statement begun: in a message before its statement is looked up, or when a Sync,
 * which is empty, commits what the statements before it have done. A fatal one may come at any
 * time. */
static __always_inline void backend_stray(struct backend *b, const struct postgres_params *p,
					  bool fatal)
{
	static const char commit[6] = "COMMIT";
	struct message m;
	__u32 name_n;

	if (!b->message || !message_read(&m, b->message))
		return;
	name_n = message_name(b, &m, USER_VALUE(__u64, m.data));
	b->bound = BOUND_NOWHERE;
	if (!m.len && b->executed && !fatal) {
		b->command = QUERY_STATEMENT;
		statement_begin(b, b->bias + p->application_name, (__u64)commit, sizeof(commit), 0);
		return;
	}
	if (!m.cursor)
		return;
	if (m.cursor < m.len)
		b->command = QUERY_BIND;
	else if (name_n + sizeof(__u32) == m.len)
		b->command = QUERY_EXECUTE;
	else
		return;
	statement_begin(b, b->bias + p->application_name, 0, 0, 0);
}

/* The tentative one is recorded now, having failed; unless another message is worked on. */
static __always_inline void backend_failed(struct backend *b, const struct postgres_params *p)
{
	struct message m;

	if (!message_read(&m, b->message) || m.len != b->len)
		return;
	if (b->types_wanted)
		bind_emit(b, &m, m.cursor);
	statement_begin(b, b->bias + p->application_name, b->text, QUERY_UNTIL_NUL, 0);
}

/*
 * void pq_sendstring(StringInfo buf, const char *str): of an ErrorResponse, the message. Before it
 * the buffer ends with
 *	'V' severity 0 'C' sqlstate 0 'M'
 */
SEC("uprobe")
int postgres_error(struct pt_regs *ctx)
{
	struct postgres_params *p = TARGET(ctx);
	struct message m;
	struct backend *b;
	char end[16] = {};
	__u64 sqlstate = 0;
	bool new;

	own_stack(ctx);
	message_read(&m, PT_REGS_PARM1(ctx));
	if (m.cursor != 'E' || m.len < sizeof(end))
		return 0;
	bpf_probe_read_user(end, sizeof(end), (void *)(m.data + m.len - sizeof(end)));
	if (end[8] != 'C' || end[14] || end[15] != 'M')
		return 0;
	b = backend_get(ctx, p, p ? p->pq_sendstring : 0, &new);
	if (!b || !p)
		return 0;
	if (new)
		title_read(b, p);
	__builtin_memcpy(&sqlstate, end + 9, 6);
	if (b->state == STATE_TENTATIVE)
		backend_failed(b, p);
	else if (b->state == STATE_IDLE)
		backend_stray(b, p, end[2] != 'E');
	if (b->state == STATE_OPEN)
		statement_end(b, sqlstate, PT_REGS_PARM2(ctx));
	b->state = STATE_IDLE;
	return 0;
}
