/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What a TCP socket tells about its connection.
 */
#include "kern/common.bpf.h"

#include <bpf/bpf_endian.h>

enum {
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	PROTOCOL_TCP = 6,
	PROTOCOL_MPTCP = 262,
};

/* As the kernel and TCP have them. */
enum sock_state {
	SOCK_ESTABLISHED = 1,
	SOCK_SYN_SENT = 2,
	SOCK_CLOSE = 7,
	SOCK_LISTEN = 10,
};

static __always_inline void sock_mapped(struct rec_flow *flow)
{
	const __u32 *local = (void *)flow->local, *remote = (void *)flow->remote;
	__u32 local4 = local[3], remote4 = remote[3];

	if (remote[0] || remote[1] || remote[2] != bpf_htonl(0xffff))
		return;
	flow->family = FAMILY_INET;
	__builtin_memset(flow->local, 0, sizeof(flow->local));
	__builtin_memset(flow->remote, 0, sizeof(flow->remote));
	*(__u32 *)flow->local = local4;
	*(__u32 *)flow->remote = remote4;
}

/* Fills everything but the role. The family is 0 if the socket is not one of TCP. */
static __always_inline void sock_flow(struct rec_flow *ret, struct sock *sk, __u64 cookie)
{
	__u16 family = sk->__sk_common.skc_family, protocol = sk->sk_protocol;

	__builtin_memset(ret, 0, sizeof(*ret));
	if ((family != FAMILY_INET && family != FAMILY_INET6) ||
	    (protocol != PROTOCOL_TCP && protocol != PROTOCOL_MPTCP))
		return;
	ret->cookie = cookie;
	ret->netns = sk->__sk_common.skc_net.net->ns.inum;
	ret->family = family;
	ret->protocol = PROTOCOL_TCP;
	ret->local_port = sk->__sk_common.skc_num;
	ret->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	if (family == FAMILY_INET) {
		*(__u32 *)ret->local = sk->__sk_common.skc_rcv_saddr;
		*(__u32 *)ret->remote = sk->__sk_common.skc_daddr;
		return;
	}
	BPF_CORE_READ_INTO(&ret->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
	BPF_CORE_READ_INTO(&ret->remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	sock_mapped(ret);
}
