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
	FRAME_HEAD = 14 + 40 + 20, /* Ethernet, IPv6, TCP */
	FRAME_OPTIONS = 8,         /* of a SYN */
	FRAME_PAYLOAD = 32 * 1024, /* most in one frame, and what a SYN says of it */
};

enum frame_flags {
	FRAME_FIN = 0x01,
	FRAME_SYN = 0x02,
	FRAME_PSH = 0x08,
	FRAME_ACK = 0x10
};

struct frame_end {
	uint8_t address[16]; /* network order, IPv4 in the first four bytes */
	uint16_t port;
	uint8_t mac; /* its MAC address is 02:00:00:00:00:<mac> */
};

/* One direction. */
struct frame_path {
	uint8_t head[FRAME_HEAD];
	uint8_t head_n;
	uint16_t id;  /* IPv4: of the next frame */
	uint32_t sum; /* of the pseudo header without its length */
};

struct frame_tcp {
	uint32_t seq, ack;
	uint8_t flags;        /* enum frame_flags; a SYN carries its options */
	struct bytes payload; /* at most FRAME_PAYLOAD */
	uint16_t unseen;      /* bytes behind it that are not there: lengths count them */
};

/* family: AF_INET or AF_INET6. */
void frame_path_init(struct frame_path *path, int family, const struct frame_end *from,
		     const struct frame_end *to);
/* Without what is unseen. */
size_t frame_size(const struct frame_path *path, const struct frame_tcp *tcp);
/* Writes frame_size() bytes at p. */
void frame_put(struct frame_path *path, const struct frame_tcp *tcp, uint8_t *p);
