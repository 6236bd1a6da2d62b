/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * pcapng blocks that carry no event, in host byte order (the section header tells readers which).
 * Each function appends one block at p and returns the new end; the caller has made sure of the
 * room that the constant beside it names.
 */
#include <stddef.h>
#include <stdint.h>

#include "capture/event.h"

enum pcapng_type {
	PCAPNG_SECTION = 0x0a0d0d0a,
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATISTICS = 5,
	PCAPNG_PACKET = 6,
	PCAPNG_JOURNAL = 9,
	PCAPNG_CUSTOM = 0x0bad,
	PCAPNG_PROCESS = (int)0x80000001, /* Darwin's: read by Wireshark 4.6, ignored by others */
};

enum {
	PCAPNG_SNAPLEN = 262144,  /* the same for every interface: libpcap refuses anything else */
	PCAPNG_LINK_ETHERNET = 1, /* likewise */
	PCAPNG_OPTION_MAX = 4096, /* longer texts of the section header are cut */
	PCAPNG_FRAME = 12 + 3,    /* type, both lengths, padding */
};

enum pcapng_option {
	PCAPNG_OPTION_END = 0,
	PCAPNG_OPTION_COMMENT = 1
};

/* Type and length; the body follows at what is returned. */
uint8_t *pcapng_block_begin(uint8_t *block, enum pcapng_type type);
/* Pads a block whose body ends at p and fills in its lengths. */
uint8_t *pcapng_block_end(uint8_t *block, uint8_t *p);
uint8_t *pcapng_block_u32(uint8_t *p, uint32_t v);
/* Times are two words, the high one first in either byte order. */
uint8_t *pcapng_block_stamp(uint8_t *p, uint64_t unix_ns);
/* The head of an option whose n bytes, padded to a multiple of four, the caller writes. */
uint8_t *pcapng_block_option(uint8_t *p, uint16_t code, uint16_t n);
/* A text option: made UTF-8 and cut at PCAPNG_OPTION_MAX - 8 bytes; left out when it is empty. */
uint8_t *pcapng_block_text(uint8_t *p, uint16_t code, struct bytes text);

enum {
	PCAPNG_SECTION_ROOM = 4 * PCAPNG_OPTION_MAX
};
uint8_t *pcapng_block_section(uint8_t *p, const struct run *run);

enum {
	PCAPNG_INTERFACE_ROOM = 512
};
/* Ethernet, nanoseconds. Texts of at most 200 bytes. */
uint8_t *pcapng_block_interface(uint8_t *p, struct bytes name, struct bytes description);

struct pcapng_statistics {
	uint32_t interface;
	uint64_t first_ns, last_ns; /* Unix time */
	uint64_t received, dropped, delivered;
};
enum {
	PCAPNG_STATISTICS_ROOM = 96
};
uint8_t *pcapng_block_statistics(uint8_t *p, const struct pcapng_statistics *stats);

/* PENSTOCK_PEN, a little-endian u32 with n, data. The length is inside because readers hand on the
 * body with its padding. Size on top of n: */
enum {
	PCAPNG_CUSTOM_ROOM = PCAPNG_FRAME + 8
};
uint8_t *pcapng_block_custom(uint8_t *p, const void *data, size_t n);
