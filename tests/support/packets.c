/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/packets.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define NEED(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "packet: not so: %s\n", #condition);                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

enum {
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BLOCK_SECTION = 0x0a0d0d0a
};

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static uint32_t be(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* Byte by byte as RFC 1071 has it; 0xffff when the checksum inside is right. */
static uint32_t sum(uint32_t start, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		start += i % 2 ? p[i] : p[i] << 8;
		start = (start & 0xffff) + (start >> 16);
	}
	return start;
}

static void read_tcp(struct packet *packet, const uint8_t *p, size_t n, uint32_t pseudo)
{
	size_t head = (p[12] >> 4) * 4;

	NEED(head >= 20 && head <= n);
	NEED(sum(pseudo, p, n) == 0xffff);
	packet->from_port = be(p, 2);
	packet->to_port = be(p + 2, 2);
	packet->seq = be(p + 4, 4);
	packet->ack = be(p + 8, 4);
	packet->flags = p[13];
	packet->payload = (struct bytes){(const char *)p + head, n - head};
}

static void read_frame(struct packet *packet, const uint8_t *p, size_t n)
{
	bool ip6 = be(p + 12, 2) == 0x86dd;
	size_t ip = ip6 ? 40 : 20, address = ip6 ? 16 : 4, at = ip6 ? 8 : 12;

	NEED(n >= 14 + ip + 20);
	p += 14;
	n -= 14;
	NEED(p[0] == (ip6 ? 0x60 : 0x45) && p[ip6 ? 6 : 9] == 6);
	NEED(n + packet->unseen == (ip6 ? be(p + 4, 2) + 40 : be(p + 2, 2)));
	NEED(ip6 || sum(0, p, 20) == 0xffff);
	memcpy(packet->from, p + at, address);
	memcpy(packet->to, p + at + address, address);
	read_tcp(packet, p + ip, n - ip, sum(6 + (n + packet->unseen - ip), p + at, 2 * address));
}

static void read_options(struct packet *packet, const uint8_t *p, const uint8_t *end)
{
	uint16_t head[2] = {1};

	while (head[0]) {
		NEED(end - p >= 4);
		memcpy(head, p, 4);
		p += 4;
		NEED((size_t)(end - p) >= padded(head[1]));
		if (head[0] == 1)
			packet->comment = (struct bytes){(const char *)p, head[1]};
		if (head[0] == 2)
			packet->direction = u32(p);
		if (head[0] == 8) {
			packet->pid = u32(p);
			packet->tid = u32(p + 4);
		}
		if (head[0] == 0x8001)
			packet->process = u32(p);
		p += padded(head[1]);
	}
	NEED(p == end);
}

static void read_packet(struct packet *packet, const uint8_t *p, size_t n, uint32_t interfaces)
{
	uint32_t caught = u32(p + 12), whole = u32(p + 16);

	*packet = (struct packet){.interface = u32(p),
				  .unseen = whole - caught,
				  .unix_ns = (uint64_t)u32(p + 4) << 32 | u32(p + 8)};
	NEED(packet->interface < interfaces);
	NEED(caught <= whole && whole <= 262144 && caught <= n - 20);
	read_frame(packet, p + 20, caught);
	read_options(packet, p + 20 + padded(caught), p + n);
}

unsigned packets_read(const void *from, size_t n, struct packet *ret, unsigned max)
{
	const uint8_t *p = from, *end = p + n;
	uint32_t interfaces = 0;
	unsigned found = 0;

	while (p < end) {
		uint32_t type = u32(p), size = u32(p + 4);
		struct packet packet;

		NEED(end - p >= 12 && size >= 12 && size % 4 == 0 && size <= end - p);
		NEED(u32(p + size - 4) == size);
		if (type == BLOCK_SECTION)
			interfaces = 0;
		interfaces += type == BLOCK_INTERFACE;
		if (type == BLOCK_PACKET) {
			read_packet(&packet, p + 8, size - 12, interfaces);
			if (found < max)
				ret[found] = packet;
			found++;
		}
		p += size;
	}
	return found;
}

unsigned packets_of(struct encoding *e, struct packet *ret, unsigned max)
{
	encoding_ship(e);
	return packets_read(e->p, e->n, ret, max);
}

bool packets_comment_has(const struct packet *p, const char *text)
{
	return p->comment.n && memmem(p->comment.p, p->comment.n, text, strlen(text));
}
