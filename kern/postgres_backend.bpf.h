/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Backends of PostgreSQL: what is kept of each, and who it works for.
 */
#include "kern/postgres.h"
#include "kern/query.bpf.h"

TARGETS(struct postgres_params);

enum backend_kind {
	BACKEND_NEW,
	BACKEND_CLIENT, /* works for a client */
	BACKEND_OTHER   /* helps another one, keeps house, sends replication data */
};

enum backend_state {
	STATE_IDLE,
	STATE_OPEN,     /* its beginning is recorded, its end is to be */
	STATE_TENTATIVE /* a Bind, or a Parse without a name: recorded only if it fails */
};

/* Where the values of the portal without a name are. */
enum bound {
	BOUND_NOWHERE,
	BOUND_HERE,  /* short, and text all of them: they go into the record of the statement */
	BOUND_RECORD /* in a record of their own, as those of all other portals */
};

struct backend {
	__u64 bias;     /* of addresses in this process */
	__u64 message;  /* address of the message that is worked on, 0 = not found */
	__u64 id;       /* of the open statement, unless there was no room for its record */
	__u64 executed; /* the last Execute since the backend was idle, 0 = none */
	__u64 text;     /* of the tentative one */
	__u64 rows;
	__u64 sp; /* where exec_bind_message() asks for the types of values */
	__u32 results;
	__u32 fetch; /* rows that an Execute asks for, 0 = all */
	__u32 len;   /* of the message of the tentative one */
	__u8 kind, state, command, bound;
	__u32 types_wanted, types_n;
	__u32 types[QUERY_TYPES_MAX]; /* of the values in binary form, as far as they are known */
	__u32 bind_n;                 /* length of the message in bind[] */
	char bind[QUERY_VALUES];
	char name[64];
	struct rec_task task; /* as it was when the last statement began */
	struct rec_session session;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct backend);
} backends SEC(".maps");

/* ---- who it is ---------------------------------------------------------------------------- */

enum {
	TITLE_HEAD = 10,  /* "postgres: " */
	TITLE_TOKEN = 128 /* longest part of it that is looked at */
};

/* Length of a text up to `stop`, or to its end. Verified by itself, so that what follows is not
 * verified anew for each length. */
__noinline int text_until(__u64 address, char stop)
{
	int n;

	for (n = 0; n < TITLE_TOKEN; n++) {
		char c = user_byte((void *)(address + n));

		if (!c || c == stop)
			break;
	}
	return n;
}

static __always_inline void title_copy(char *dst, const __u32 size, __u64 address, __u32 n)
{
	BARRIER(n);
	if (n < size)
		bpf_probe_read_user(dst, n, (void *)address);
}

/*
 * Takes user and database from the title of the process, which is written over its arguments:
 * "postgres: [CLUSTER: ]USER DATABASE HOST …". HOST ends with a bracket; else there are blanks in
 * the names, and they are left unknown.
 */
static __noinline void title_read(struct backend *b, const struct postgres_params *p)
{
	struct task_struct *task = current_task();
	__u64 at = BPF_CORE_READ(task, mm, arg_start) + TITLE_HEAD, database, host;
	__u64 cluster = USER_VALUE(__u64, b->bias + p->cluster_name);
	int user_n, database_n, n;
	char last;

	if (p->cluster_name && cluster && user_byte((void *)cluster))
		at += text_until(cluster, 0) + 2;
	user_n = text_until(at, ' ');
	database = at + user_n + 1;
	database_n = text_until(database, ' ');
	host = database + database_n + 1;
	n = text_until(host, ' ');
	last = n > 0 ? user_byte((void *)(host + n - 1)) : 0;
	if (last != ']' && last != ')')
		return;
	title_copy(b->session.user, sizeof(b->session.user), at, user_n);
	title_copy(b->session.database, sizeof(b->session.database), database, database_n);
}

static __noinline void backend_enter(struct backend *b, const struct postgres_params *p)
{
	struct task_struct *task = current_task();
	__u64 port = USER_VALUE(__u64, b->bias + p->MyProcPort);
	static const char local[8] = "[local]";

	if (!port || USER_VALUE(__u8, b->bias + p->am_walsender)) {
		b->kind = BACKEND_OTHER;
		return;
	}
	b->kind = BACKEND_CLIENT;
	b->session.conn = unique_id();
	b->session.number = task_ns_pid(task->group_leader, task->tgid);
	if (!sockfd_flow(&b->session.flow, USER_VALUE(__u32, port), REC_ROLE_SERVER)) {
		b->session.flow.role = REC_ROLE_SERVER;
		__builtin_memcpy(b->session.client, local, sizeof(local));
	}
}

/* The backend that the current process is; NULL when it has no client, or is not to be recorded.
 * hook: address of the program's place as linked. */
static __always_inline struct backend *
backend_get(struct pt_regs *ctx, const struct postgres_params *p, __u64 hook, bool *ret_new)
{
	struct task_struct *task = current_task();
	struct backend *b;

	if (!p || !filter_pass(probe_number, task))
		return NULL;
	b = bpf_task_storage_get(&backends, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!b) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return NULL;
	}
	*ret_new = b->kind == BACKEND_NEW;
	if (*ret_new) {
		b->bias = PT_REGS_IP(ctx) - hook;
		backend_enter(b, p);
	}
	return b->kind == BACKEND_CLIENT ? b : NULL;
}
