/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a packet that leaves or enters a socket, into the kernel's reader of ClientHellos
 * (kern/hello.bpf.h, compiled for this machine): it notes what a second reader finds, which knows
 * offsets only, however much of the packet lies in one piece; and it never reads past that piece.
 */
#include "kern/hello.bpf.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the fuzzer chooses of a packet; its bytes follow. */
struct choice {
	uint8_t flags, protocol;
	uint16_t linear; /* bytes that lie in one piece */
};

enum {
	SERVER = 1,
	SOCKET = 2, /* one is known */
	LISTENS = 4,
	NO_TCP = 8, /* it is another kind of socket */
	LARGE = 16, /* zeroes follow, as many as offloading allows */
	SELF = 32,  /* the socket is penstock's own */
};

enum {
	COOKIE = 4711,
	NETNS = 12,
	LARGE_MORE = 180 * 1024,
	PIECE = 64 * 1024, /* of memory for what lies in one piece */
};

/* Fields of __sk_buff that are addresses have 32 bits. */
#define PIECE_AT ((void *)0x20000000)

static uint8_t *piece_end; /* what follows cannot be read */
static const uint8_t *packet;
static size_t packet_n;
static uint32_t all_n; /* with zeroes */

static struct net net = {.ns = {NETNS}};
static struct sock tcp_sock = {.__sk_common = {.skc_net = {&net}}};

/* The map, as large as is needed. */
static bool noted;
static struct hello_key noted_key;
static struct rec_flow noted_flow;
static uint64_t noted_flags;
static bool sock_is_self, noted_self;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- helpers, as the kernel has them ------------------------------------------------------- */

long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 n)
{
	size_t here;

	memset(to, 0, n);
	if (offset > INT_MAX || offset > all_n || n > all_n - offset)
		return -EFAULT;
	here = offset < packet_n ? packet_n - offset : 0;
	memcpy(to, packet + (here ? offset : 0), here < n ? here : n);
	return 0;
}

__u64 bpf_get_socket_cookie(void *skb)
{
	return COOKIE;
}

struct tcp_sock *bpf_skc_to_tcp_sock(void *sk)
{
	return ((struct bpf_sock *)sk)->protocol == PROTOCOL_TCP ? (struct tcp_sock *)&tcp_sock
								 : NULL;
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	must(map == &hellos && !(noted && noted_self));
	if (noted) {
		must(((const struct hello_key *)key)->role == HELLO_SELF);
		must(!memcmp(key, &noted_key, sizeof(noted_key.random)));
		noted_self = true;
		return 0;
	}
	memcpy(&noted_key, key, sizeof(noted_key));
	memcpy(&noted_flow, value, sizeof(noted_flow));
	noted_flags = flags;
	noted = true;
	return 0;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	must(map == &hellos);
	if (((const struct hello_key *)key)->role == HELLO_SELF)
		return noted_self ? &noted_flow : NULL;
	return noted && !memcmp(key, &noted_key, sizeof(noted_key)) ? &noted_flow : NULL;
}

void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags)
{
	must(map == &self_socks && sk == &tcp_sock && !flags);
	return sock_is_self ? sk : NULL;
}

long bpf_probe_read_user(void *to, __u32 n, const void *from)
{
	memcpy(to, from, n);
	return 0;
}

/* ---- the second reader --------------------------------------------------------------------- */

static unsigned byte(size_t at)
{
	must(at < all_n);
	return at < packet_n ? packet[at] : 0;
}

static void copy(uint8_t *to, size_t at, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = byte(at + i);
}

static void address(struct rec_flow *f, size_t source, unsigned n)
{
	copy(f->role == REC_ROLE_CLIENT ? f->local : f->remote, source, n);
	copy(f->role == REC_ROLE_CLIENT ? f->remote : f->local, source + n, n);
}

/* Where the TCP header lies, 0 = there is none. Lengths that headers give are believed: the kernel
 * has looked at them in whatever reaches a TCP socket. */
static size_t network(const struct choice *c, struct rec_flow *f)
{
	if (c->protocol % 3 == 0 && all_n >= 20) {
		f->family = 2;
		address(f, 12, 4);
		if (byte(9) != 6 || ((byte(6) & 0x1f) << 8 | byte(7)))
			return 0;
		return byte(0) % 16 * 4;
	}
	if (c->protocol % 3 == 1 && all_n >= 40) {
		f->family = 10;
		address(f, 8, 16);
		return byte(6) == 6 ? 40 : 0;
	}
	return 0;
}

static bool expected(const struct choice *c, struct hello_key *key, struct rec_flow *f)
{
	size_t tcp, tls;
	unsigned source, target;

	*f = (struct rec_flow){.role = c->flags & SERVER ? REC_ROLE_SERVER : REC_ROLE_CLIENT,
			       .protocol = 6};
	*key = (struct hello_key){.role = f->role};
	tcp = network(c, f);
	if (!tcp || all_n < 83 || tcp + 20 > all_n)
		return false;
	source = byte(tcp) << 8 | byte(tcp + 1);
	target = byte(tcp + 2) << 8 | byte(tcp + 3);
	f->local_port = c->flags & SERVER ? target : source;
	f->remote_port = c->flags & SERVER ? source : target;
	tls = tcp + byte(tcp + 12) / 16 * 4;
	if (tls + 43 > all_n || byte(tls) != 22 || byte(tls + 1) != 3 || byte(tls + 5) != 1 ||
	    byte(tls + 9) != 3)
		return false;
	copy((uint8_t *)key->random, tls + 11, 32);
	if (c->flags & SOCKET && !(c->flags & LISTENS))
		f->cookie = COOKIE;
	if (c->flags & SOCKET && !(c->flags & NO_TCP))
		f->netns = NETNS;
	return true;
}

/* ---- both ---------------------------------------------------------------------------------- */

static uint32_t low(const void *p)
{
	must((uintptr_t)p <= UINT32_MAX);
	return (uint32_t)(uintptr_t)p;
}

static void note(const struct choice *c, size_t linear)
{
	static const uint16_t protocols[] = {PROTOCOL_IPV4, PROTOCOL_IPV6, 0x0806};
	struct bpf_sock sk = {.state = c->flags & LISTENS ? SOCK_LISTEN : 1,
			      .protocol = c->flags & NO_TCP ? 17 : PROTOCOL_TCP};
	struct __sk_buff skb = {.len = all_n,
				.protocol = bpf_htons(protocols[c->protocol % 3]),
				.data = low(piece_end - linear),
				.data_end = low(piece_end)};

	if (c->flags & SOCKET)
		skb.sk = &sk;
	memcpy(piece_end - linear, packet, linear);
	noted = noted_self = false;
	sock_is_self = c->flags & SELF;
	hello_note(&skb, c->flags & SERVER ? REC_ROLE_SERVER : REC_ROLE_CLIENT);
}

static void compare(const struct choice *c, size_t linear)
{
	static const struct rec_flow seen;
	struct rec_flow flow;
	struct hello_key key;
	bool self = false, is = expected(c, &key, &flow);

	note(c, linear);
	must(noted == is);
	if (!is)
		return;
	must(!memcmp(&noted_key, &key, sizeof(key)));
	must(!memcmp(&noted_flow, &flow, sizeof(flow)));
	must(noted_flags == (c->flags & SERVER ? BPF_ANY : BPF_NOEXIST));
	must(noted_self == (flow.netns && c->flags & SELF));
	must(hello_find((uintptr_t)key.random, flow.role, &seen, &self) == &noted_flow);
	must(hello_find((uintptr_t)key.random, REC_ROLE_UNKNOWN, &seen, &self) == &noted_flow);
	must(!hello_find((uintptr_t)key.random,
			 c->flags & SERVER ? REC_ROLE_CLIENT : REC_ROLE_SERVER, &seen, &self));
	must(self == noted_self);
}

static void map_piece(void)
{
	uint8_t *p = mmap(PIECE_AT, PIECE + 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	must(p == PIECE_AT && !mprotect(p + PIECE, 4096, PROT_NONE));
	piece_end = p + PIECE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct choice c;
	size_t most;

	if (!piece_end)
		map_piece();
	if (n < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	packet = data + sizeof(c);
	packet_n = n - sizeof(c);
	all_n = packet_n + (c.flags & LARGE ? LARGE_MORE : 0);
	most = packet_n < PIECE ? packet_n : PIECE;
	compare(&c, most);
	compare(&c, 0);
	compare(&c, c.linear < most ? c.linear : most);
	return 0;
}
