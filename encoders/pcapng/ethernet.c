/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/ethernet.h"

#include <arpa/inet.h>
#include <string.h>

#include "encoders/write/put.h"

enum {
	ETHERNET = 14,
	IP4 = 20,
	IP6 = 40,
	TCP = 20,
	TTL = 64,
	/* Scaled by the SYN's option to 1 GiB, so that nothing here ever fills it. */
	WINDOW = 65535,
	WINDOW_SCALE = 14,
};

/* Where fields lie in their header. */
enum {
	IP4_LENGTH = 2,
	IP4_ID = 4,
	IP4_SUM = 10,
	IP4_FROM = 12,
	IP6_LENGTH = 4,
	IP6_FROM = 8,
	TCP_SEQ = 4,
	TCP_ACK = 8,
	TCP_SIZE = 12,
	TCP_FLAGS = 13,
	TCP_WINDOW = 14,
	TCP_SUM = 16,
};

static const uint8_t syn_options[ETHERNET_OPTIONS] = {
	2, 4, ETHERNET_PAYLOAD >> 8, ETHERNET_PAYLOAD & 0xff, /* maximum segment size */
	3, 3, WINDOW_SCALE,          1,                       /* window scale, no operation */
};

static void put_be16(uint8_t *p, uint16_t v)
{
	v = htons(v);
	memcpy(p, &v, sizeof(v));
}

static void put_be32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, sizeof(v));
}

/*
 * Copies n bytes and returns their sum for an Internet checksum (RFC 1071), not folded. A sum of
 * 32-bit words folds to the same as one of 16-bit words; their halves go into two vectors of 64-bit
 * lanes, where no carry can be lost.
 */
static uint64_t copy_sum(uint8_t *to, const void *from, size_t n)
{
	const uint8_t *p = from;
	uint64_t __attribute__((vector_size(16))) w, low = {0}, high = {0};

	for (; n >= sizeof(w); n -= sizeof(w), p += sizeof(w), to += sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		memcpy(to, &w, sizeof(w));
		low += w & UINT32_MAX;
		high += w >> 32;
	}
	if (n) {
		w = (typeof(w)){0};
		memcpy(&w, p, n);
		memcpy(to, &w, n);
		low += w & UINT32_MAX;
		high += w >> 32;
	}
	low += high;
	return low[0] + low[1];
}

static uint64_t sum_of(const void *p, size_t n)
{
	uint8_t unused[ETHERNET_HEAD];

	return copy_sum(unused, p, n);
}

static uint32_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* As the bytes lie in memory: in the byte order of the words that were summed. */
static void put_checksum(uint8_t *p, uint64_t sum)
{
	uint16_t v = ~sum_fold(sum);

	memcpy(p, &v, sizeof(v));
}

static uint8_t *put_ethernet(uint8_t *p, uint16_t type, uint8_t from, uint8_t to)
{
	const uint8_t head[ETHERNET] = {2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from};

	memcpy(p, head, sizeof(head));
	put_be16(p + 12, type);
	return p + ETHERNET;
}

static uint8_t *put_ip4(uint8_t *p, const struct ethernet_end *from, const struct ethernet_end *to)
{
	const uint8_t head[IP4_FROM] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, TTL, IPPROTO_TCP};

	p = put_mem(p, head, sizeof(head));
	p = put_mem(p, from->address, 4);
	return put_mem(p, to->address, 4);
}

static uint8_t *put_ip6(uint8_t *p, const struct ethernet_end *from, const struct ethernet_end *to)
{
	const uint8_t head[IP6_FROM] = {0x60, 0, 0, 0, 0, 0, IPPROTO_TCP, TTL};

	p = put_mem(p, head, sizeof(head));
	p = put_mem(p, from->address, 16);
	return put_mem(p, to->address, 16);
}

void ethernet_path_init(struct ethernet_path *path, int family, const struct ethernet_end *from,
			const struct ethernet_end *to)
{
	const uint8_t protocol[2] = {0, IPPROTO_TCP};
	bool is_ip6 = family == AF_INET6;
	size_t n = is_ip6 ? 16 : 4;
	uint8_t *p;

	*path = (struct ethernet_path){0};
	p = put_ethernet(path->head, is_ip6 ? 0x86dd : 0x0800, from->mac, to->mac);
	p = is_ip6 ? put_ip6(p, from, to) : put_ip4(p, from, to);
	put_be16(p, from->port);
	put_be16(p + 2, to->port);
	put_be16(p + TCP_WINDOW, WINDOW);
	path->head_n = p + TCP - path->head;
	path->sum = sum_fold(sum_of(from->address, n) + sum_of(to->address, n) +
			     sum_of(protocol, sizeof(protocol)));
}

static size_t options_size(const struct ethernet_tcp *tcp)
{
	return tcp->flags & ETHERNET_SYN ? ETHERNET_OPTIONS : 0;
}

size_t ethernet_size(const struct ethernet_path *path, const struct ethernet_tcp *tcp)
{
	return path->head_n + options_size(tcp) + tcp->payload.n;
}

static void finish_ip(struct ethernet_path *path, uint8_t *ip, uint16_t tcp_n)
{
	if (path->head_n == ETHERNET + IP6 + TCP) {
		put_be16(ip + IP6_LENGTH, tcp_n);
		return;
	}
	put_be16(ip + IP4_LENGTH, IP4 + tcp_n);
	put_be16(ip + IP4_ID, path->id++);
	put_checksum(ip + IP4_SUM, sum_of(ip, IP4));
}

void ethernet_put(struct ethernet_path *path, const struct ethernet_tcp *tcp, uint8_t *p)
{
	uint8_t *head = p + path->head_n - TCP;
	size_t head_n = TCP + options_size(tcp);
	uint16_t n = head_n + tcp->payload.n + tcp->unseen;
	uint64_t sum = path->sum + htons(n);

	memcpy(p, path->head, path->head_n);
	finish_ip(path, p + ETHERNET, n);
	put_be32(head + TCP_SEQ, tcp->seq);
	put_be32(head + TCP_ACK, tcp->ack);
	head[TCP_SIZE] = head_n / 4 << 4;
	head[TCP_FLAGS] = tcp->flags;
	memcpy(head + TCP, syn_options, head_n - TCP);
	sum += sum_of(head, head_n);
	sum += copy_sum(head + head_n, tcp->payload.p, tcp->payload.n);
	put_checksum(head + TCP_SUM, sum);
}
