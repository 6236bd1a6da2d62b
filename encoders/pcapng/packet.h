/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * pcapng blocks of packets: the enhanced packet block with the process it belongs to, and the block
 * that describes a process. Direction and process are told twice: Wireshark 4.6 shows what Darwin
 * writes, later ones what the specification has now.
 */
#include <stddef.h>
#include <stdint.h>

#include "encoders/pcapng/block.h"

#define PCAPNG_NO_PROCESS UINT32_MAX

struct pcapng_packet {
	uint64_t unix_ns;
	uint32_t interface;
	uint32_t n;               /* bytes of the frame that are written */
	uint32_t unseen;          /* and that it had more */
	enum direction direction; /* seen from the process */
	uint32_t pid, tid;        /* 0 = not known */
	uint32_t process;         /* number of its block in this section, or PCAPNG_NO_PROCESS */
	struct bytes comment;
};

enum {
	/* On top of n and of the comment, which may grow threefold when it is made UTF-8. */
	PCAPNG_PACKET_ROOM = PCAPNG_FRAME + 20 + 3 + 8 + 12 + 8 + 4 + 8,
};

/* What goes before the frame; returns where the caller writes its n bytes. */
uint8_t *pcapng_packet_begin(uint8_t *block, const struct pcapng_packet *packet);
/* What follows it; frame is what begin returned. */
uint8_t *pcapng_packet_end(uint8_t *block, const struct pcapng_packet *packet, uint8_t *frame);

enum {
	PCAPNG_PROCESS_NAME = 48,
	PCAPNG_PROCESS_ROOM = PCAPNG_FRAME + 4 + 8 + 3 * PCAPNG_PROCESS_NAME + 4,
};
/* comm is cut at PCAPNG_PROCESS_NAME bytes. */
uint8_t *pcapng_packet_process(uint8_t *block, uint32_t pid, struct bytes comm);
