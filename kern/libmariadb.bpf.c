/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Statements that programs send to MariaDB and MySQL servers by MariaDB Connector/C.
 *
 * There is no probe on a return, and there must be none: mysql_real_query_start() and its like run
 * mysql_real_query() on another stack, which is left and entered again while it waits.
 *
 * So a statement ends where the program asks for its outcome: at the entry of what it calls next
 * with the same connection or statement. Duration is until then. Of a statement without rows after
 * which the program calls nothing, it is until the next statement.
 *
 * Rows of a result that is stored are counted by then. Those of one that is read row by row are
 * counted when it is freed, which is its end.
 */
#include "kern/libmariadb.h"
#include "kern/client.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct libmariadb_params);

enum {
	CONNECTIONS = 4096
};

enum statement_state {
	STATE_IDLE,
	STATE_SENT,    /* its answer is not asked for: mysql_send_query() */
	STATE_RUNNING, /* its answer is there at the next call */
	STATE_ROWS     /* its rows are being read */
};

struct connection {
	__u64 start; /* of the process */
	__u64 id;    /* of the statement, 0 = there was no room for its record */
	__u64 stmt;  /* MYSQL_STMT that it is of, 0 = none */
	__u32 fd, state;
	struct rec_session session;
};

static const struct connection no_connection;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONNECTIONS);
	__type(key, struct object_key);
	__type(value, struct connection);
} connections SEC(".maps");

static __always_inline struct connection *connection_find(__u64 mysql)
{
	struct object_key key = object_key(mysql);
	struct connection *c = bpf_map_lookup_elem(&connections, &key);

	return c && c->start == process_start() ? c : NULL;
}

static __always_inline __u32 mysql_socket(__u64 mysql)
{
	__u64 pvio = USER_VALUE(__u64, mysql + MYSQL_PVIO);

	return pvio ? USER_VALUE(__u32, USER_VALUE(__u64, pvio)) : ~0u;
}

static __noinline void connection_learn(struct connection *c, __u64 mysql)
{
	c->start = process_start();
	c->fd = mysql_socket(mysql);
	c->session.conn = unique_id();
	c->session.number = USER_VALUE(__u32, mysql + MYSQL_THREAD_ID);
	if (!sockfd_flow(&c->session.flow, c->fd, REC_ROLE_CLIENT))
		c->session.flow.role = REC_ROLE_CLIENT;
}

static __always_inline struct connection *connection_get(__u64 mysql)
{
	struct connection *c = connection_find(mysql);
	struct object_key key = object_key(mysql);

	if (c && c->session.number == USER_VALUE(__u32, mysql + MYSQL_THREAD_ID) &&
	    c->fd == mysql_socket(mysql))
		return c;
	bpf_map_update_elem(&connections, &key, &no_connection, BPF_ANY);
	c = bpf_map_lookup_elem(&connections, &key);
	if (c)
		connection_learn(c, mysql);
	else
		rec_lose(probe_number, LOST_MAP_FULL);
	return c;
}

/* ---- ends --------------------------------------------------------------------------------- */

enum {
	ROWS_UNKNOWN = -1
};

static __noinline void statement_end(struct connection *c, __u64 mysql, __u64 rows)
{
	__u64 of = c->stmt ? c->stmt : mysql;
	struct query_result r = {
		.id = c->id,
		.results = 1,
		.warnings = USER_VALUE(__u32, mysql + MYSQL_WARNING_COUNT),
		.error = USER_VALUE(__u32, of + (c->stmt ? STMT_ERRNO : MYSQL_ERRNO)),
	};

	c->state = STATE_IDLE;
	c->id = 0;
	c->stmt = 0;
	if (!r.id)
		return;
	if (r.error) {
		r.results = 0;
		r.flags = QUERY_END_ERROR;
		r.message = of + (of == mysql ? MYSQL_ERROR : STMT_ERROR);
		r.message_n = QUERY_UNTIL_NUL;
		bpf_probe_read_user_str(
			r.sqlstate, 6,
			(void *)(of + (of == mysql ? MYSQL_SQLSTATE : STMT_SQLSTATE)));
	} else if (rows != (__u64)ROWS_UNKNOWN) {
		r.rows = rows;
		r.flags = QUERY_END_ROWS;
	}
	query_end(&r);
}

/* What is known of the rows of a statement that has run: none of them is read yet, unless they are
 * stored. */
static __always_inline __u64 statement_rows(const struct connection *c, __u64 mysql)
{
	if (c->stmt)
		return USER_VALUE(__u32, c->stmt + STMT_FIELD_COUNT)
			       ? (__u64)ROWS_UNKNOWN
			       : USER_VALUE(__u64, c->stmt + STMT_AFFECTED_ROWS);
	if (c->state != STATE_ROWS && USER_VALUE(__u32, mysql + MYSQL_FIELD_COUNT))
		return ROWS_UNKNOWN;
	return USER_VALUE(__u64, mysql + MYSQL_AFFECTED_ROWS);
}

/* The outcome is asked for, or something else is done with the connection. */
static __noinline void connection_asked(struct connection *c, __u64 mysql, bool last)
{
	if (c->state == STATE_IDLE ||
	    (c->state == STATE_SENT && !last && !USER_VALUE(__u32, mysql + MYSQL_ERRNO)))
		return;
	statement_end(c, mysql, statement_rows(c, mysql));
}

static __always_inline struct connection *connection_current(__u64 mysql)
{
	return filter_pass(probe_number, current_task()) ? connection_find(mysql) : NULL;
}

/* unsigned int mysql_errno(MYSQL *mysql) and others that ask */
SEC("uprobe")
int libmariadb_asked(struct pt_regs *ctx)
{
	__u64 mysql = PT_REGS_PARM1(ctx);
	struct connection *c;

	own_stack(ctx);
	c = connection_current(mysql);
	if (c)
		connection_asked(c, mysql, false);
	return 0;
}

/* unsigned int mysql_stmt_errno(MYSQL_STMT *stmt) and others that ask */
SEC("uprobe")
int libmariadb_stmt_asked(struct pt_regs *ctx)
{
	__u64 stmt = PT_REGS_PARM1(ctx), mysql = USER_VALUE(__u64, stmt + STMT_MYSQL);
	struct connection *c;

	own_stack(ctx);
	c = connection_current(mysql);
	if (c && c->stmt == stmt)
		connection_asked(c, mysql, false);
	return 0;
}

/* my_bool mysql_read_query_result(MYSQL *mysql): what mysql_send_query() has sent */
SEC("uprobe")
int libmariadb_read(struct pt_regs *ctx)
{
	struct connection *c;

	own_stack(ctx);
	c = connection_current(PT_REGS_PARM1(ctx));
	if (c && c->state == STATE_SENT)
		c->state = STATE_RUNNING;
	return 0;
}

/* MYSQL_RES *mysql_store_result(MYSQL *mysql), and mysql_use_result() */
SEC("uprobe")
int libmariadb_rows(struct pt_regs *ctx)
{
	__u64 mysql = PT_REGS_PARM1(ctx);
	struct connection *c;

	own_stack(ctx);
	c = connection_current(mysql);
	if (!c || c->state != STATE_RUNNING)
		return 0;
	if (c->stmt || !USER_VALUE(__u32, mysql + MYSQL_FIELD_COUNT)) {
		connection_asked(c, mysql, false);
		return 0;
	}
	c->state = STATE_ROWS;
	thread_use(current_task(), mysql);
	return 0;
}

static __always_inline void result_used(struct pt_regs *ctx, bool free)
{
	__u64 *mysql, result = PT_REGS_PARM1(ctx);
	struct task_struct *task = current_task();
	struct connection *c;

	if (!result || !filter_pass(probe_number, task))
		return;
	mysql = bpf_task_storage_get(&threads, task, NULL, 0);
	c = mysql ? connection_find(*mysql) : NULL;
	if (c && c->state == STATE_ROWS && (free || USER_VALUE(__u64, result + RES_DATA)))
		statement_end(c, *mysql, USER_VALUE(__u64, result + RES_ROW_COUNT));
}

/* unsigned int mysql_num_fields(MYSQL_RES *res) and others */
SEC("uprobe")
int libmariadb_result(struct pt_regs *ctx)
{
	own_stack(ctx);
	result_used(ctx, false);
	return 0;
}

/* void mysql_free_result(MYSQL_RES *result) */
SEC("uprobe")
int libmariadb_free(struct pt_regs *ctx)
{
	own_stack(ctx);
	result_used(ctx, true);
	return 0;
}

/* void mysql_close(MYSQL *mysql) */
SEC("uprobe")
int libmariadb_close(struct pt_regs *ctx)
{
	__u64 mysql = PT_REGS_PARM1(ctx);
	struct object_key key = object_key(mysql);
	struct connection *c;

	own_stack(ctx);
	c = connection_current(mysql);
	if (!c)
		return 0;
	connection_asked(c, mysql, true);
	bpf_map_delete_elem(&connections, &key);
	return 0;
}

/* ---- beginnings --------------------------------------------------------------------------- */

static __always_inline int statement_begin(__u64 mysql, __u64 stmt, __u32 command, __u64 text,
					   __u64 text_n)
{
	struct query q = {
		.id = unique_id(),
		.text = text,
		/* to the library, too, a length of -1 is that of strlen() */
		.text_n = text_n == ~0ull ? QUERY_UNTIL_NUL : text_n,
		.statement = command == QUERY_EXECUTE ? USER_VALUE(__u32, stmt + STMT_ID) : 0,
		.system = QUERY_MYSQL,
		.side = QUERY_CLIENT,
		.command = command,
	};
	struct connection *c;

	if (!mysql || !filter_pass(probe_number, current_task()))
		return 0;
	c = connection_find(mysql);
	if (c)
		connection_asked(c, mysql, true);
	c = connection_get(mysql);
	if (!c)
		return 0;
	query_name(c->session.user, sizeof(c->session.user), USER_VALUE(__u64, mysql + MYSQL_USER));
	query_name(c->session.database, sizeof(c->session.database),
		   USER_VALUE(__u64, mysql + MYSQL_DB));
	q.session = &c->session;
	c->id = query_begin(&q) ? q.id : 0;
	c->stmt = stmt;
	c->state = STATE_RUNNING;
	return 0;
}

/* int mysql_real_query(MYSQL *mysql, const char *q, unsigned long length) */
SEC("uprobe")
int libmariadb_query(struct pt_regs *ctx)
{
	own_stack(ctx);
	return statement_begin(PT_REGS_PARM1(ctx), 0, QUERY_TEXT, PT_REGS_PARM2(ctx),
			       PT_REGS_PARM3(ctx));
}

/* int mysql_send_query(MYSQL *mysql, const char *q, unsigned long length) */
SEC("uprobe")
int libmariadb_send(struct pt_regs *ctx)
{
	__u64 mysql = PT_REGS_PARM1(ctx);
	struct connection *c;

	own_stack(ctx);
	statement_begin(mysql, 0, QUERY_TEXT, PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx));
	c = connection_current(mysql);
	if (c && c->state == STATE_RUNNING)
		c->state = STATE_SENT;
	return 0;
}

/* int mysql_select_db(MYSQL *mysql, const char *db) */
SEC("uprobe")
int libmariadb_database(struct pt_regs *ctx)
{
	own_stack(ctx);
	return statement_begin(PT_REGS_PARM1(ctx), 0, QUERY_DATABASE, PT_REGS_PARM2(ctx), ~0ull);
}

/* int mysql_stmt_prepare(MYSQL_STMT *stmt, const char *query, unsigned long length) */
SEC("uprobe")
int libmariadb_prepare(struct pt_regs *ctx)
{
	__u64 stmt = PT_REGS_PARM1(ctx);

	own_stack(ctx);
	return statement_begin(USER_VALUE(__u64, stmt + STMT_MYSQL), stmt, QUERY_PREPARE,
			       PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx));
}

/* int mysql_stmt_execute(MYSQL_STMT *stmt) */
SEC("uprobe")
int libmariadb_execute(struct pt_regs *ctx)
{
	__u64 stmt = PT_REGS_PARM1(ctx);

	own_stack(ctx);
	return statement_begin(USER_VALUE(__u64, stmt + STMT_MYSQL), stmt, QUERY_EXECUTE, 0, 0);
}
