/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Connections of penstock's own, by which it sends away what it records. Its process is never
 * recorded; yet when the other end is on this machine, what arrives there would be recorded, sent
 * to that end, arrive there, and so on for ever. So the other end of such a connection is not
 * recorded either. Whose process that is does not matter: its other connections are.
 */
#include "kern/sock.bpf.h"

enum {
	SELF_CONNS = 4096,
	LOOPBACK_NET = 127, /* first byte of 127.0.0.0/8 */
};

/* A connection as its other end sees it. */
struct self_conn {
	__u32 netns; /* of a loopback address, which each namespace has for itself; else 0 */
	__u16 local_port, remote_port;
	__u8 local[16], remote[16];
};

/* Sockets of penstock's own, each with its connection as soon as there is one. A socket that comes
 * out of a listening one inherits this. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct self_conn);
} self_socks SEC(".maps");

/* Those connections, while they are open. Each is looked up once, when the socket of its other end
 * is learned. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SELF_CONNS);
	__type(key, struct self_conn);
	__type(value, __u8);
} self_conns SEC(".maps");

/* Is it a socket of penstock's own? */
static __always_inline bool self_owns(struct sock *sk)
{
	return bpf_sk_storage_get(&self_socks, sk, NULL, 0);
}

static __always_inline bool self_loopback(const struct rec_flow *flow)
{
	const __u32 *v6 = (void *)flow->local;

	if (flow->family == FAMILY_INET)
		return flow->local[0] == LOOPBACK_NET;
	return !v6[0] && !v6[1] && !v6[2] && v6[3] == bpf_htonl(1);
}

/* Is this end of a connection the other end of one of penstock's own? */
static __always_inline bool self_other_end(const struct rec_flow *flow)
{
	struct self_conn conn = {.local_port = flow->local_port, .remote_port = flow->remote_port};

	if (self_loopback(flow))
		conn.netns = flow->netns;
	__builtin_memcpy(conn.local, flow->local, sizeof(conn.local));
	__builtin_memcpy(conn.remote, flow->remote, sizeof(conn.remote));
	return bpf_map_lookup_elem(&self_conns, &conn);
}

/* A socket of penstock's own has become connected. */
static __always_inline void self_connected(struct sock *sk, struct self_conn *conn)
{
	struct rec_flow flow;
	__u8 one = 1;

	sock_flow(&flow, sk, 0);
	conn->netns = self_loopback(&flow) ? flow.netns : 0;
	conn->local_port = flow.remote_port;
	conn->remote_port = flow.local_port;
	__builtin_memcpy(conn->local, flow.remote, sizeof(conn->local));
	__builtin_memcpy(conn->remote, flow.local, sizeof(conn->remote));
	bpf_map_update_elem(&self_conns, conn, &one, BPF_ANY);
}

/*
 * A socket enters a state. The process that calls connect(2) or listen(2) is the one that runs when
 * the state is TCP_SYN_SENT or TCP_LISTEN; in all others it may be anybody. A local port may be
 * chosen only after the first of them, and is given back before TCP_CLOSE.
 */
static __always_inline void self_sock_state(struct sock *sk, int state)
{
	struct self_conn *conn;

	if (state == SOCK_SYN_SENT || state == SOCK_LISTEN) {
		if (bpf_get_current_pid_tgid() >> 32 == recorder_pid)
			bpf_sk_storage_get(&self_socks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		return;
	}
	if (state != SOCK_ESTABLISHED && state != SOCK_CLOSE)
		return;
	conn = bpf_sk_storage_get(&self_socks, sk, NULL, 0);
	if (conn && state == SOCK_ESTABLISHED)
		self_connected(sk, conn);
	else if (conn)
		bpf_map_delete_elem(&self_conns, conn);
}
