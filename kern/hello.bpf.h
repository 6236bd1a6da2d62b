/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * The TCP socket behind a TLS connection. The exact join is by the client_random of its
 * ClientHello: seen here in the packets that leave and enter sockets, and known to the library's
 * object. It also tells the other end of a connection of penstock's own where addresses do not,
 * because somebody on the way puts others into their place.
 */
#include "kern/self.bpf.h"

struct hello_key {
	__u64 random[4];
	__u64 role; /* enum rec_role: both ends may be here; or HELLO_SELF */
};

enum {
	HELLO_SELF = 255 /* a socket of penstock's own has sent it, or received it */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct hello_key);
	__type(value, struct rec_flow);
} hellos SEC(".maps");

struct ip4_head {
	__u8 length, tos;
	__u16 total, id, fragment;
	__u8 ttl, protocol;
	__u16 check;
	__u32 source, target;
};

struct ip6_head {
	__u32 label;
	__u16 length;
	__u8 next, hops;
	__u8 source[16], target[16];
};

struct tcp_head {
	__u16 source, target;
	__u32 seq, ack;
	__u8 offset, flags;
	__u16 window, check, urgent;
};

struct hello_head {
	__u8 type, version[2], length[2];                    /* of the record */
	__u8 message, message_length[3], message_version[2]; /* of the handshake */
	__u8 random[32];
};

enum {
	PROTOCOL_IPV4 = 0x0800, /* of the packet */
	PROTOCOL_IPV6 = 0x86dd,
	TLS_HANDSHAKE = 22,
	TLS_CLIENT_HELLO = 1,
	HELLO_LEAST = sizeof(struct ip4_head) + sizeof(struct tcp_head) + sizeof(struct hello_head),
	FRAGMENT_OFFSET = 0x1fff,
};

/*
 * Could this packet begin with a ClientHello? A quick look, which says no to nearly all packets. It
 * says yes where the headers do not lie in one piece: that needs a closer look.
 */
static __always_inline bool hello_likely(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u8 head[6]; /* of struct hello_head, up to the message's type */
	struct tcp_head *tcp = data + sizeof(struct ip6_head);
	struct ip4_head *v4 = data;
	__u32 at = sizeof(struct ip6_head);

	if (skb->protocol == bpf_htons(PROTOCOL_IPV4)) {
		if (data + sizeof(*v4) > end)
			return true;
		at = (v4->length & 15) * 4;
		tcp = data + at;
	}
	if ((void *)(tcp + 1) > end)
		return true;
	at += (tcp->offset >> 4) * 4;
	return !bpf_skb_load_bytes(skb, at, head, sizeof(head)) && head[0] == TLS_HANDSHAKE &&
	       head[1] == 3 && head[5] == TLS_CLIENT_HELLO;
}

static __always_inline void hello_ends(struct rec_flow *flow, const void *source,
				       const void *target, const __u32 size)
{
	bool out = flow->role == REC_ROLE_CLIENT;

	__builtin_memcpy(flow->local, out ? source : target, size);
	__builtin_memcpy(flow->remote, out ? target : source, size);
}

/* Fills the addresses. Returns where the TCP header lies, 0 = there is none. */
static __always_inline __u32 hello_ip(struct __sk_buff *skb, struct rec_flow *flow)
{
	union {
		struct ip4_head v4;
		struct ip6_head v6;
	} ip;

	if (skb->protocol == bpf_htons(PROTOCOL_IPV4)) {
		if (bpf_skb_load_bytes(skb, 0, &ip.v4, sizeof(ip.v4)) ||
		    ip.v4.protocol != PROTOCOL_TCP || ip.v4.fragment & bpf_htons(FRAGMENT_OFFSET))
			return 0;
		flow->family = FAMILY_INET;
		hello_ends(flow, &ip.v4.source, &ip.v4.target, sizeof(ip.v4.source));
		return (ip.v4.length & 15) * 4;
	}
	if (skb->protocol != bpf_htons(PROTOCOL_IPV6) ||
	    bpf_skb_load_bytes(skb, 0, &ip.v6, sizeof(ip.v6)) || ip.v6.next != PROTOCOL_TCP)
		return 0;
	flow->family = FAMILY_INET6;
	hello_ends(flow, ip.v6.source, ip.v6.target, sizeof(ip.v6.source));
	return sizeof(ip.v6);
}

/* Fills the ports, and *ret with what the segment carries; false unless that is a ClientHello. */
static __always_inline bool hello_tcp(struct __sk_buff *skb, __u32 at, struct rec_flow *flow,
				      struct hello_head *ret)
{
	bool out = flow->role == REC_ROLE_CLIENT;
	struct tcp_head tcp;

	if (bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)))
		return false;
	flow->protocol = PROTOCOL_TCP;
	flow->local_port = bpf_ntohs(out ? tcp.source : tcp.target);
	flow->remote_port = bpf_ntohs(out ? tcp.target : tcp.source);
	return !bpf_skb_load_bytes(skb, at + (tcp.offset >> 4) * 4, ret, sizeof(*ret)) &&
	       ret->type == TLS_HANDSHAKE && ret->version[0] == 3 &&
	       ret->message == TLS_CLIENT_HELLO && ret->message_version[0] == 3;
}

/* Fills the cookie and the namespace of the socket. The segment that completes a connection may
 * carry the hello already. It still belongs to the listening socket then, whose cookie is not that
 * of the connection. Returns whether the socket is one of penstock's own. */
static __always_inline bool hello_owner(struct __sk_buff *skb, struct rec_flow *flow)
{
	struct bpf_sock *sk = skb->sk;
	struct sock *full;

	if (!sk)
		return false;
	if (sk->state != SOCK_LISTEN)
		flow->cookie = bpf_get_socket_cookie(skb);
	full = (struct sock *)bpf_skc_to_tcp_sock(sk);
	if (!full)
		return false;
	flow->netns = full->__sk_common.skc_net.net->ns.inum;
	return self_owns(full);
}

/*
 * Notes a ClientHello that leaves (role client) or enters (server) a socket. Where a relay on this
 * host passes it on, the client is the first socket that it left, and the server the last one that
 * it entered.
 */
static __always_inline void hello_note(struct __sk_buff *skb, __u8 role)
{
	struct rec_flow flow = {.role = role};
	struct hello_key key = {.role = role};
	struct hello_head hello;
	bool self;
	__u32 at;

	if (MUTATED || skb->len < HELLO_LEAST || !hello_likely(skb))
		return;
	at = hello_ip(skb, &flow);
	if (!at || !hello_tcp(skb, at, &flow, &hello))
		return;
	self = hello_owner(skb, &flow);
	__builtin_memcpy(key.random, hello.random, sizeof(key.random));
	bpf_map_update_elem(&hellos, &key, &flow, role == REC_ROLE_CLIENT ? BPF_NOEXIST : BPF_ANY);
	key.role = HELLO_SELF;
	if (self)
		bpf_map_update_elem(&hellos, &key, &flow, BPF_ANY);
}

/*
 * The flow of the connection whose client_random lies at `address` in the process; NULL = not
 * known. role says which end is meant, as far as that is known. When it is not, and both ends are
 * on this machine, `seen` decides: a socket that the thread used meanwhile. *ret_self: one of its
 * two ends is penstock's own.
 */
static __always_inline struct rec_flow *hello_find(__u64 address, __u8 role,
						   const struct rec_flow *seen, bool *ret_self)
{
	struct rec_flow *client = NULL, *server = NULL;
	struct hello_key key = {};

	if (bpf_probe_read_user(key.random, sizeof(key.random), (void *)address))
		return NULL;
	key.role = HELLO_SELF;
	*ret_self = bpf_map_lookup_elem(&hellos, &key);
	key.role = REC_ROLE_CLIENT;
	if (role != REC_ROLE_SERVER)
		client = bpf_map_lookup_elem(&hellos, &key);
	key.role = REC_ROLE_SERVER;
	if (role != REC_ROLE_CLIENT)
		server = bpf_map_lookup_elem(&hellos, &key);
	if (!client || !server)
		return client ? client : server;
	if (seen->cookie && seen->cookie == client->cookie)
		return client;
	return seen->cookie && seen->cookie == server->cookie ? server : NULL;
}
