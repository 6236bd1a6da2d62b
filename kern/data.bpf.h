/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Connections of TLS libraries, by the library's object, and the records of their bytes. How many
 * bytes a direction has moved is counted here, whatever becomes of the records.
 */
#include "kern/flow.bpf.h"
#include "kern/uprobe.bpf.h"

enum {
	CONNECTIONS_MAX = 65536,
	AHEAD_OVERHEAD = 128,     /* what TLS adds to a record, at most */
	AHEAD_SLACK = 128 * 1024, /* what it sends besides the call's bytes: a handshake, say */
};

struct connection_key {
	__u64 object;
	__u64 pid;
};

struct connection {
	__u64 conn;
	__u64 start;            /* of the process: an earlier one may have had the same number */
	__u64 offset[2];        /* bytes so far: received, transmitted */
	__u64 ahead;            /* bytes that a write which is under way has sent at least */
	__u64 recorded;         /* how many of those are recorded: see connection_ahead() */
	struct flow_state flow; /* exact: found by client_random */
	__u8 role;              /* enum rec_role, as far as the library told */
	__u8 late;              /* open before we were attached */
	__u8 tries;             /* to find the exact flow */
	__u8 reserved[5];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONNECTIONS_MAX);
	__type(key, struct connection_key);
	__type(value, struct connection);
} connections SEC(".maps");

static __always_inline struct connection_key connection_key(struct task_struct *task, __u64 object)
{
	return (struct connection_key){.object = object, .pid = task->tgid};
}

static __always_inline struct connection *connection_find(struct task_struct *task, __u64 object)
{
	struct connection_key key = connection_key(task, object);
	struct connection *c = bpf_map_lookup_elem(&connections, &key);

	return c && c->start == task->group_leader->start_boottime ? c : NULL;
}

static __always_inline struct connection *connection_new(struct task_struct *task, __u64 object,
							 __u8 role, bool late)
{
	struct connection_key key = connection_key(task, object);
	struct connection fresh = {.role = role, .late = late};

	fresh.conn = unique_id();
	fresh.start = task->group_leader->start_boottime;
	bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
	return bpf_map_lookup_elem(&connections, &key);
}

/* Were bytes of it seen? */
static __always_inline bool connection_used(const struct connection *c)
{
	return c->offset[0] || c->offset[1] || c->recorded;
}

/*
 * A large write is recorded while it goes on: all at once, its bytes could be more than the ring
 * holds. Called when the thread's socket has taken n bytes more, of a call with `size` bytes: so
 * many of the call's bytes have been sent at least, less what TLS adds. True when there are enough
 * of them to record some, up to *ret_to. A call that must be tried again goes on where it was.
 */
static __always_inline bool connection_ahead(struct connection *c, __u64 size, __u64 n,
					     __u64 *ret_to)
{
	if (n > AHEAD_OVERHEAD)
		c->ahead += n - AHEAD_OVERHEAD;
	if (c->ahead > size)
		c->ahead = size;
	if (c->ahead < c->recorded + 2 * AHEAD_SLACK)
		return false;
	*ret_to = c->ahead - AHEAD_SLACK;
	return true;
}

/* A write has returned, and n bytes more are transmitted. Returns how many of those are recorded
 * already. */
static __always_inline __u64 connection_return(struct connection *c, __u64 n)
{
	__u64 recorded = c->recorded < n ? c->recorded : n;

	c->ahead = 0;
	c->recorded -= recorded;
	c->offset[1] += n;
	return recorded;
}

/* ---- records ------------------------------------------------------------------------------ */

/* What is to be recorded of one call. No pointers of ours are in it, so that it can be handed to
 * functions that the verifier looks at alone. */
struct emission {
	__u64 conn, address;
	__u64 offset;      /* of the call in the stream */
	__u64 total;       /* bytes that it moved */
	__u64 begun, kept; /* where in it the recorded ones begin; how many they are */
	__u32 direction, flags, library;
	__u32 cut; /* a limit keeps some of the bytes from being recorded */
	struct rec_flow flow;
};

/* e->flow is still empty. */
static __always_inline void emission_connection(struct emission *e, const struct connection *c)
{
	const struct rec_flow *flow = flow_get(&c->flow);

	e->conn = c->conn;
	if (c->late)
		e->flags |= DATA_F_LATE;
	if (flow)
		e->flow = *flow;
	else
		e->flow.role = c->role;
}

static __always_inline void data_head(struct rec_data *data, const struct emission *e)
{
	task_fill(&data->task, bpf_get_current_task_btf());
	data->reserved = data->reserved2 = 0;
	data->conn = e->conn;
	data->call_total = e->total < ~0u ? e->total : ~0u;
	data->direction = e->direction;
	data->data_flags = e->flags;
	data->library = e->library;
	data->flow = e->flow;
}

static __always_inline void data_submit(struct rec_data *data, const struct emission *e, __u64 at,
					__u64 n, __u64 used)
{
	data_head(data, e);
	data->stream_offset = e->offset + e->begun + at;
	data->call_offset = e->begun + at;
	if (e->cut && at + n >= e->kept)
		data->rec.flags |= REC_F_TRUNCATED;
	if (bpf_probe_read_user(data->data, n, (void *)(e->address + e->begun + at))) {
		data->rec.flags |= REC_F_FAULT;
		n = 0;
	}
	data->n = n;
	rec_submit_data(&data->rec, sizeof(*data) + n, used);
}

/* A part of `n` bytes in a record with room for `size`. */
#define DATA_PART(e, at, n, size)                                                                  \
	({                                                                                         \
		__u64 used_ = ring_used();                                                         \
		struct rec_data *data_ =                                                           \
			rec_reserve_data(probe_number, REC_DATA, sizeof(*data_) + (size), used_);  \
		BARRIER(n);                                                                        \
		if (n > (size))                                                                    \
			n = (size);                                                                \
		if (data_) /* else counted; the offsets of the others show the gap */              \
			data_submit(data_, e, at, n, used_);                                       \
		0;                                                                                 \
	})

/* Records part number i. Not static, so that the verifier looks at it once and not for each turn of
 * a loop. */
__noinline int data_part(const struct emission *e, __u32 i)
{
	__u64 at = (__u64)i * REC_PART, n;

	if (!e)
		return 0;
	n = e->kept - at;
	/* What is reserved stays taken, used or not: the finer the steps, the more the ring holds.
	 */
	if (n <= 256)
		return DATA_PART(e, at, n, 256);
	if (n <= 768)
		return DATA_PART(e, at, n, 768);
	if (n <= 1536)
		return DATA_PART(e, at, n, 1536);
	if (n <= 3072)
		return DATA_PART(e, at, n, 3072);
	if (n <= 6144)
		return DATA_PART(e, at, n, 6144);
	if (n <= 10240)
		return DATA_PART(e, at, n, 10240);
	return DATA_PART(e, at, n, REC_PART);
}

static long data_step(__u32 i, void *arg)
{
	return data_part(arg, i);
}

/* A call of any size is recorded whole, as far as the ring takes it; where loops are short, it is
 * cut where texts are. */
static __always_inline void data_emit(struct emission *e, const struct connection *c)
{
	if (flow_is_self(&c->flow)) {
		rec_self(probe_number);
		return;
	}
	emission_connection(e, c);
	if (e->kept <= REC_PART) {
		data_part(e, 0);
		return;
	}
	if (!loop_native() && e->kept > REC_TEXT_MAX) {
		e->kept = REC_TEXT_MAX;
		e->cut = 1;
	}
	loop_run((e->kept + REC_PART - 1) / REC_PART, data_step, e);
}

/* Records the end of a connection, if any bytes of it were seen. */
static __always_inline void connection_end(const struct connection *c, __u32 library)
{
	struct emission e = {.flags = DATA_F_FIN, .direction = DATA_TRANSMIT, .library = library};
	struct rec_data *data;

	if (!connection_used(c) || flow_is_self(&c->flow) || ctl_stopped())
		return;
	data = rec_reserve(probe_number, REC_DATA, sizeof(*data));
	if (!data)
		return;
	emission_connection(&e, c);
	data_head(data, &e);
	data->stream_offset = c->offset[1] + c->recorded;
	data->call_offset = data->n = 0;
	rec_submit(&data->rec, sizeof(*data));
}
