/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Connections of libpq, each with the queue of its statements that wait for results.
 */
#include "kern/libpq.h"
#include "kern/statement.bpf.h"

enum {
	QUEUE_MAX = 1024, /* statements of a connection that wait; a power of two */
	ASYNC_AT = 4      /* behind `status` */
};

enum waiting {
	WAITS_STATEMENT,
	WAITS_SILENT, /* something that has a result, but is no statement or was not recorded */
	WAITS_SYNC
};

struct conn {
	__u64 process;    /* when it started */
	__u64 base;       /* ids of statements count from here */
	__u32 head, tail; /* numbers of statements: the first one that waits, the next one */
	__u64 rows, sent; /* of the first one, so far */
	__u32 results, flags;
	__u32 answered; /* it had a result */
	__u32 ended;    /* its end was said */
	__u32 fd;
	__u8 waiting[QUEUE_MAX];
	char name[64]; /* of the statement that is sent: too large for the stack */
	struct rec_session session;
};

struct conn_key {
	__u64 tgid, object;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct conn_key);
	__type(value, struct conn);
} conns SEC(".maps");

static const struct conn conn_none = {};

/* ---- connections -------------------------------------------------------------------------- */

static __always_inline __u32 field32(__u64 object, __s32 at)
{
	return at < 0 ? 0 : USER_VALUE(__u32, object + at);
}

static __always_inline __u64 field64(__u64 object, __s32 at)
{
	return at < 0 ? 0 : USER_VALUE(__u64, object + at);
}

static __always_inline struct conn_key conn_key(__u64 object)
{
	return (struct conn_key){.tgid = bpf_get_current_pid_tgid() >> 32, .object = object};
}

static __always_inline struct conn *conn_find(__u64 object)
{
	struct conn_key key = conn_key(object);
	struct conn *c = bpf_map_lookup_elem(&conns, &key);

	return c && c->process == current_task()->group_leader->start_boottime ? c : NULL;
}

/* The connection of that object, which may have been another's, or have been made anew. */
static __noinline struct conn *conn_get(const struct libpq_params *p, __u64 object)
{
	struct conn_key key = conn_key(object);
	__u32 backend = field32(object, p->backend_pid), fd = field32(object, p->socket);
	struct conn *c = conn_find(object);

	if (c && c->session.number == backend && c->fd == fd)
		return c;
	bpf_map_update_elem(&conns, &key, &conn_none, BPF_ANY);
	c = bpf_map_lookup_elem(&conns, &key);
	if (!c) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return NULL;
	}
	c->process = current_task()->group_leader->start_boottime;
	c->base = c->session.conn = unique_id();
	c->session.number = backend;
	c->fd = fd;
	query_name(c->session.user, sizeof(c->session.user), field64(object, p->user));
	query_name(c->session.database, sizeof(c->session.database), field64(object, p->database));
	if (!sockfd_flow(&c->session.flow, fd, REC_ROLE_CLIENT))
		__builtin_memset(&c->session.flow, 0, sizeof(c->session.flow));
	c->session.flow.role = REC_ROLE_CLIENT;
	return c;
}

/* Unique in the process: two connections do not begin at the same time, by far. */
static __always_inline __u64 conn_statement(const struct conn *c, __u32 n)
{
	return c->base + ((__u64)n << 40);
}

static __always_inline __u8 *conn_waiting(struct conn *c, __u32 n)
{
	BARRIER(n);
	return &c->waiting[n & (QUEUE_MAX - 1)];
}

/* Another one waits. */
static __always_inline bool conn_push(struct conn *c, enum waiting what)
{
	if (c->tail - c->head >= QUEUE_MAX) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return false;
	}
	*conn_waiting(c, c->tail) = what;
	c->tail++;
	return true;
}

/* Says the end of the first one: once. */
static __noinline void conn_end(struct conn *c, const struct query_result *error)
{
	struct query_result r = {};

	if (c->ended || *conn_waiting(c, c->head) != WAITS_STATEMENT)
		return;
	if (error)
		r = *error;
	r.id = conn_statement(c, c->head);
	r.rows = c->rows;
	r.rows_sent = c->sent;
	r.results = c->results;
	r.flags |= c->flags;
	c->ended = 1;
	query_end(&r);
}

/* The first one is over, whether or not it had an answer. */
static __always_inline void conn_pop(struct conn *c)
{
	conn_end(c, NULL);
	c->head++;
	c->rows = c->sent = 0;
	c->results = c->flags = c->answered = c->ended = 0;
}

/* The first one is over. Returns whether more wait, but for what is behind a point of
 * synchronisation if that is asked for. Not static, so that the verifier looks at it once and not
 * for each turn of a loop. */
__noinline int conn_drop_first(__u64 object, bool to_sync)
{
	struct conn *c = conn_find(object);
	bool sync;

	if (!c || c->head == c->tail)
		return 0;
	sync = *conn_waiting(c, c->head) == WAITS_SYNC;
	conn_pop(c);
	return c->head != c->tail && !(sync && to_sync);
}

struct drop {
	__u64 object;
	bool to_sync;
};

static long conn_drop_step(__u32 i, void *arg)
{
	struct drop *d = arg;

	return !conn_drop_first(d->object, d->to_sync);
}

/* Ends what waits, up to and with a point of synchronisation, or all. */
static __always_inline void conn_drop(__u64 object, bool to_sync)
{
	struct drop d = {.object = object, .to_sync = to_sync};

	loop_run(QUEUE_MAX, conn_drop_step, &d);
}
