/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Header blocks of one direction of an HTTP/2 connection (RFC 7541): the values of Authorization,
 * Proxy-Authorization, Cookie and Set-Cookie are masked where they stand, with as many asterisks as
 * they had bytes. Byte after byte, so that it does not matter where a block is cut.
 *
 * Nothing is decoded. A value follows a name, and a name is there to be read, plain or Huffman
 * coded, or it is the number of one that was. The dynamic table is counted from its newest entry:
 * of each entry it is enough to know whether its name is one of the four. When an old entry leaves
 * the table need not be known, since no block can name it from then on; so neither the sizes of
 * entries nor SETTINGS matter.
 */
#include <stdbool.h>
#include <stdint.h>

#include "encoders/redact/copy.h"

enum {
	REDACT_HPACK_NAME = 20,      /* longer than any of the four */
	REDACT_HPACK_ENTRIES = 1024, /* that are remembered: older ones count as secret */
};

struct redact_hpack {
	uint8_t state, after; /* what is being read, and what comes after a number */
	uint8_t shift;        /* of the next byte of a number */
	bool keeps;           /* the field goes into the table */
	bool secret, huffman; /* the value is one to mask; it, or the name, is Huffman coded */
	uint8_t name_n;
	char name[REDACT_HPACK_NAME];
	uint32_t left;  /* the number that is being read; bytes left of a name or value */
	uint32_t next;  /* number of the next entry; goes round */
	uint16_t known; /* the newest entries of which it is known whether they are secret */
	uint64_t secrets[REDACT_HPACK_ENTRIES / 64]; /* are they? By number */
};

/* text[from, to) comes next in the block. False when it is none: nobody knows what follows. */
bool redact_hpack_feed(struct redact_hpack *h, struct redact_copy *c, size_t from, size_t to);
/* The block ends. False when it cannot end here. */
bool redact_hpack_end(struct redact_hpack *h);
/* Something of the connection was not seen: what the table has is not known any more. */
void redact_hpack_forget(struct redact_hpack *h);
