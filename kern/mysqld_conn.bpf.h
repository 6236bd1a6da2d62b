/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Connections of a MariaDB or MySQL server, by the server's object of each (THD), and whose they
 * are.
 */
#include "kern/mysqld.h"
#include "kern/query.bpf.h"

enum {
	INNER_MAX = 16, /* statements in each other that are kept; a power of two */
	SERVER_MORE_RESULTS_EXISTS = 8
};
enum {
	NO_STATEMENT = ~0u /* no prepared statement has this number */
};

enum conn_state {
	STATE_IDLE,
	STATE_WAITS, /* its text is not known yet */
	STATE_OPEN
};

struct inner {
	__u64 sp, id, sent;
	__u64 text_n;
};

struct conn {
	__u64 process;          /* when it started */
	__u64 id;               /* of the open statement; 0 = there was no room for its record */
	__u64 sp;               /* where it runs, 0 = it does not yet */
	__u64 params, params_n; /* values of a COM_STMT_EXECUTE */
	__u64 vio;              /* what its flow was found by */
	__u64 rows, sent;
	__u64 counted; /* rows sent, when the last answer was, or the statement began to run */
	__u32 results, flags, warnings;
	__u32 cmd;
	__u32 statement, params_format;
	__u32 long_data; /* the prepared statement that got values by other commands */
	__u8 state, command, begin_flags;
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

static __always_inline __u64 thd_vio(const struct mysqld_params *p, __u64 thd)
{
	return p->vio ? USER_VALUE(__u64, thd + p->vio) : 0;
}

static __noinline void session_flow(struct conn *c, __u64 vio)
{
	c->vio = vio;
	if (!vio || !sockfd_flow(&c->session.flow, USER_VALUE(__u32, vio), REC_ROLE_SERVER))
		__builtin_memset(&c->session.flow, 0, sizeof(c->session.flow));
	c->session.flow.role = REC_ROLE_SERVER;
}

/* A name that `at` has the address of, and `n_at`, if it is not 0, the length. */
static __always_inline void session_name(char *dst, const __u32 size, __u64 at, __u64 n_at)
{
	__u64 address = USER_VALUE(__u64, at), n = n_at ? USER_VALUE(__u64, n_at) + 1 : size;

	__builtin_memset(dst, 0, size);
	if (!n || n > size)
		n = size;
	BARRIER(n);
	if (address && n <= size)
		bpf_probe_read_user_str(dst, n, (void *)address);
}

#define SESSION_NAME(c, p, field, security, name)                                                  \
	session_name((c)->session.field, sizeof((c)->session.field), (security) + (p)->name,       \
		     (p)->name##_n ? (security) + (p)->name##_n : 0)

static __noinline void session_who(struct conn *c, const struct mysqld_params *p, __u64 thd)
{
	__u64 security = USER_VALUE(__u64, thd + p->security);

	SESSION_NAME(c, p, user, security, user);
	SESSION_NAME(c, p, client, security, ip);
	if (!c->session.client[0])
		SESSION_NAME(c, p, client, security, host);
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
	__u64 number = USER_VALUE(__u64, thd + p->thread_id), vio;
	struct conn *c = bpf_map_lookup_elem(&conns, &key);

	if (p->thread_id_size == sizeof(__u32))
		number = (__u32)number;
	if (c && c->process == process && c->session.number == number) {
		/* it has none while init_connect runs */
		if (!c->vio && (vio = thd_vio(p, thd)))
			session_flow(c, vio);
		return c;
	}
	bpf_map_update_elem(&conns, &key, &conn_none, BPF_ANY);
	c = bpf_map_lookup_elem(&conns, &key);
	if (!c) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return NULL;
	}
	c->process = process;
	c->long_data = NO_STATEMENT;
	c->session.conn = unique_id();
	c->session.number = number;
	session_flow(c, thd_vio(p, thd));
	session_who(c, p, thd);
	return c;
}
