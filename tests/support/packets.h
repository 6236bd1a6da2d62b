/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A reader of the packets in a pcapng file that has nothing in common with the writer. It aborts
 * where the file is not well-formed or a checksum is wrong, so that the fuzzer can use it too.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "tests/support/encoding.h"

struct packet {
	uint32_t interface, direction, pid, tid, process;
	uint64_t unix_ns;
	struct bytes comment;
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint32_t seq, ack;
	uint8_t flags;
	uint32_t unseen;      /* bytes behind the payload that only lengths tell of */
	struct bytes payload; /* points into the file */
};

/* The packets of n bytes of whole blocks; the first max of them go to ret. Returns how many there
 * are. */
unsigned packets_read(const void *p, size_t n, struct packet *ret, unsigned max);
/* The same of everything that the encoding has written so far, which is shipped first. */
unsigned packets_of(struct encoding *e, struct packet *ret, unsigned max);
bool packets_comment_has(const struct packet *p, const char *text);
