/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Ethernet frames with TCP over IPv4 or IPv6 that never were on a wire: lengths and checksums are
 * right, so that every reader takes them for real. What all frames of one direction share is made
 * once; a frame then costs a copy of it, a few numbers, and one pass over its payload that copies
 * and sums at the same time.
 */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	ETHERNET_HEAD = 14 + 40 + 20, /* Ethernet, IPv6, TCP */
	ETHERNET_OPTIONS = 8,         /* of a SYN */
	ETHERNET_PAYLOAD = 32 * 1024, /* most in one frame, and what a SYN says of it */
};

enum ethernet_flags {
	ETHERNET_FIN = 0x01,
	ETHERNET_SYN = 0x02,
	ETHERNET_PSH = 0x08,
	ETHERNET_ACK = 0x10
};

struct ethernet_end {
	uint8_t address[16]; /* network order, IPv4 in the first four bytes */
	uint16_t port;
	uint8_t mac; /* its MAC address is 02:00:00:00:00:<mac> */
};

/* One direction. */
struct ethernet_path {
	uint8_t head[ETHERNET_HEAD];
	uint8_t head_n;
	uint16_t id;  /* IPv4: of the next frame */
	uint32_t sum; /* of the pseudo header without its length */
};

struct ethernet_tcp {
	uint32_t seq, ack;
	uint8_t flags;        /* enum ethernet_flags; a SYN carries its options */
	struct bytes payload; /* at most ETHERNET_PAYLOAD */
	uint16_t unseen;      /* bytes behind it that are not there: lengths count them */
};

/* family: AF_INET or AF_INET6. */
void ethernet_path_init(struct ethernet_path *path, int family, const struct ethernet_end *from,
			const struct ethernet_end *to);
/* Without what is unseen. */
size_t ethernet_size(const struct ethernet_path *path, const struct ethernet_tcp *tcp);
/* Writes ethernet_size() bytes at p. */
void ethernet_put(struct ethernet_path *path, const struct ethernet_tcp *tcp, uint8_t *p);
