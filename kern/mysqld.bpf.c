/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Statements that a MariaDB or MySQL server runs for its clients.
 *
 * dispatch_command() is called for each command of a client, Protocol::end_statement() (MariaDB) or
 * THD::send_statement_status() (MySQL) for each answer, with the outcome in the connection's area
 * of diagnostics. All get the connection's structure, THD, which is what everything here is kept
 * by: with a pool of threads another thread may take a statement to its end, by calling
 * dispatch_command() again.
 *
 * Statements that others run are told from them by the stack pointer: it is lower. There are no
 * return probes. A simple query costs three traps, a prepared execution as many (MariaDB) or four.
 */
#include "kern/mysqld_statement.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct mysqld_params);

/* ---- what comes, of MariaDB --------------------------------------------------------------- */

enum {
	EXECUTE_HEAD = 9 /* of a COM_STMT_EXECUTE: id of the statement, flags, count */
};

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
	if (cmd == COM_STMT_SEND_LONG_DATA)
		c->long_data = USER_VALUE(__u32, text.at);
	if (!conn_idle(c, p, thd, cmd) || !command)
		return 0;
	conn_start(c, cmd);
	if (command == QUERY_EXECUTE && text.n >= sizeof(__u32))
		c->statement = USER_VALUE(__u32, text.at);
	if (cmd == COM_STMT_EXECUTE && text.n > EXECUTE_HEAD) {
		c->params = text.at + EXECUTE_HEAD;
		c->params_n = text.n - EXECUTE_HEAD;
		c->params_format = QUERY_PARAMS_MYSQL;
	}
	conn_begin(c, p, thd, &text);
	return 0;
}

/* ---- what comes, of MySQL ----------------------------------------------------------------- */

enum {
	CLIENT_QUERY_ATTRIBUTES = 1 << 27 /* of the flags that client and server agree on */
};

/* Values as they came: the server's own list of them has no types of those that came before. The
 * packet is that command's only if it is the classic protocol's and begins with its number. */
static __noinline void conn_values(struct conn *c, const struct mysqld_params *p, __u64 thd)
{
	__u64 protocol = p->protocol ? USER_VALUE(__u64, thd + p->protocol) : 0, packet, n;

	if (!protocol || USER_VALUE(__u64, protocol + p->protocol_thd) != thd)
		return;
	packet = USER_VALUE(__u64, protocol + p->packet);
	n = USER_VALUE(__u64, protocol + p->packet_n);
	if (n <= EXECUTE_HEAD || USER_VALUE(__u32, packet) != c->statement)
		return;
	c->params = packet + EXECUTE_HEAD;
	c->params_n = n - EXECUTE_HEAD;
	c->params_format = USER_VALUE(__u32, protocol + p->capabilities) & CLIENT_QUERY_ATTRIBUTES
				   ? QUERY_PARAMS_MYSQL_NAMED
				   : QUERY_PARAMS_MYSQL;
}

/* dispatch_command(THD *thd, const COM_DATA *com_data, enum_server_command cmd) */
SEC("uprobe")
int mysqld_command(struct pt_regs *ctx)
{
	__u64 thd = PT_REGS_PARM1(ctx), data = PT_REGS_PARM2(ctx);
	__u32 cmd = PT_REGS_PARM3(ctx);
	struct mysqld_params *p = TARGET(ctx);
	__u8 command = command_of(cmd);
	struct text text = {};
	struct conn *c;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	c = command ? conn_get(p, thd) : conn_find(thd);
	if (!c)
		return 0;
	if (cmd == COM_STMT_SEND_LONG_DATA)
		c->long_data = USER_VALUE(__u32, data);
	if (!conn_idle(c, p, thd, cmd) || !command)
		return 0;
	conn_start(c, cmd);
	if (command == QUERY_EXECUTE) {
		c->statement = USER_VALUE(__u32, data);
		conn_values(c, p, thd);
	} else if (command != QUERY_CHANGE_USER) {
		/* the text, and its length, which has 32 bits in some of the structures */
		bpf_probe_read_user(&text, sizeof(text), (void *)data);
		text.n = (__u32)text.n;
	}
	conn_begin(c, p, thd, &text);
	return 0;
}

/* mysqld_stmt_execute(THD *thd, Prepared_statement *statement, …): what THD has for its text later
 * may have the values filled in, for the server's logs. */
SEC("uprobe")
int mysqld_prepared(struct pt_regs *ctx)
{
	__u64 thd = PT_REGS_PARM1(ctx), statement = PT_REGS_PARM2(ctx);
	struct mysqld_params *p = TARGET(ctx);
	struct text text = {};
	struct conn *c;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	c = conn_find(thd);
	if (!c || c->state != STATE_WAITS || c->command != QUERY_EXECUTE)
		return 0;
	bpf_probe_read_user(&text, sizeof(text), (void *)(statement + p->statement));
	statement_open(c, p, thd, &text);
	return 0;
}

/* ---- what is run -------------------------------------------------------------------------- */

/* int mysql_execute_command(THD *thd, …) */
SEC("uprobe")
int mysqld_execute(struct pt_regs *ctx)
{
	__u64 thd = PT_REGS_PARM1(ctx), sp = PT_REGS_SP(ctx);
	struct mysqld_params *p = TARGET(ctx);
	struct text text = {};
	struct conn *c;

	own_stack(ctx);
	if (!p || !filter_pass(probe_number, current_task()))
		return 0;
	c = conn_find(thd);
	if (!c || c->state == STATE_IDLE)
		return 0;
	if (c->sp && sp < c->sp) {
		inner_begin(c, p, thd, sp);
		return 0;
	}
	inner_pop(c, p, thd, sp, false);
	c->sp = sp;
	c->counted = 0; /* the server begins to count again, too */
	if (c->state == STATE_WAITS && c->command == QUERY_EXECUTE) {
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
	inner_pop(c, p, *thd, sp - 1, true); /* what an EXECUTE has run ends as it does */
	n = c->inner_n;
	BARRIER(n);
	if (n && c->inner[(n - 1) & (INNER_MAX - 1)].sp == sp)
		inner_end(c, p, *thd, true);
	return 0;
}

/* ---- what is answered --------------------------------------------------------------------- */

/* void Protocol::end_statement(), of MariaDB */
SEC("uprobe")
int mysqld_end(struct pt_regs *ctx)
{
	__u64 protocol = PT_REGS_PARM1(ctx);
	struct mysqld_params *p = TARGET(ctx);

	own_stack(ctx);
	if (p && filter_pass(probe_number, current_task()))
		statement_answered(p, USER_VALUE(__u64, protocol + p->protocol_thd),
				   PT_REGS_SP(ctx));
	return 0;
}

/* void THD::send_statement_status(), of MySQL */
SEC("uprobe")
int mysqld_status(struct pt_regs *ctx)
{
	__u64 thd = PT_REGS_PARM1(ctx);
	struct mysqld_params *p = TARGET(ctx);

	own_stack(ctx);
	if (p && filter_pass(probe_number, current_task()))
		statement_answered(p, thd, PT_REGS_SP(ctx));
	return 0;
}
