/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/block.h"

#include <string.h>

#include "capture/base/utf8.h"
#include "encoders/write/put.h"

enum section_option {
	SECTION_HARDWARE = 2,
	SECTION_OS = 3,
	SECTION_APPLICATION = 4
};
enum interface_option {
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_TSRESOL = 9
};
enum statistics_option {
	STATISTICS_START = 2,
	STATISTICS_END = 3,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
	STATISTICS_DELIVERED = 8,
};
enum {
	BYTE_ORDER_MAGIC = 0x1a2b3c4d
};

uint8_t *pcapng_block_u32(uint8_t *p, uint32_t v)
{
	return put_mem(p, &v, sizeof(v));
}

static uint8_t *put_native64(uint8_t *p, uint64_t v)
{
	return put_mem(p, &v, sizeof(v));
}

static uint8_t *block_pad(uint8_t *p, size_t n)
{
	static const uint8_t zeroes[3];

	return put_mem(p, zeroes, -n & 3);
}

uint8_t *pcapng_block_begin(uint8_t *block, enum pcapng_type type)
{
	return pcapng_block_u32(block, type) + 4;
}

uint8_t *pcapng_block_end(uint8_t *block, uint8_t *p)
{
	uint32_t n;

	p = block_pad(p, p - block);
	n = p + 4 - block;
	pcapng_block_u32(block + 4, n);
	return pcapng_block_u32(p, n);
}

uint8_t *pcapng_block_option(uint8_t *p, uint16_t code, uint16_t n)
{
	uint16_t head[2] = {code, n};

	return put_mem(p, head, sizeof(head));
}

uint8_t *pcapng_block_text(uint8_t *p, uint16_t code, struct bytes text)
{
	char clean[PCAPNG_OPTION_MAX - 8];
	size_t n = utf8_copy(clean, sizeof(clean), text);

	if (!n)
		return p;
	p = put_mem(pcapng_block_option(p, code, n), clean, n);
	return block_pad(p, n);
}

static uint8_t *option_u64(uint8_t *p, uint16_t code, uint64_t v)
{
	return put_native64(pcapng_block_option(p, code, sizeof(v)), v);
}

uint8_t *pcapng_block_stamp(uint8_t *p, uint64_t unix_ns)
{
	return pcapng_block_u32(pcapng_block_u32(p, unix_ns >> 32), unix_ns);
}

static uint8_t *option_stamp(uint8_t *p, uint16_t code, uint64_t unix_ns)
{
	return pcapng_block_stamp(pcapng_block_option(p, code, sizeof(unix_ns)), unix_ns);
}

uint8_t *pcapng_block_section(uint8_t *block, const struct run *run)
{
	char application[64] = "penstock ";
	const uint16_t version[2] = {1, 0};
	uint8_t *p = pcapng_block_begin(block, PCAPNG_SECTION);

	utf8_copy(application + 9, sizeof(application) - 9, run->version);
	p = pcapng_block_u32(p, BYTE_ORDER_MAGIC);
	p = put_mem(p, version, sizeof(version));
	p = put_native64(p, UINT64_MAX); /* a stream: its length is not known */
	p = pcapng_block_text(p, PCAPNG_OPTION_COMMENT, run->cmdline);
	p = pcapng_block_text(p, SECTION_HARDWARE, run->arch);
	p = pcapng_block_text(p, SECTION_OS, run->os);
	p = pcapng_block_text(p, SECTION_APPLICATION, bytes_of(application));
	return pcapng_block_end(block, pcapng_block_option(p, PCAPNG_OPTION_END, 0));
}

uint8_t *pcapng_block_interface(uint8_t *block, struct bytes name, struct bytes description)
{
	const uint16_t link[2] = {PCAPNG_LINK_ETHERNET, 0};
	uint8_t *p = pcapng_block_begin(block, PCAPNG_INTERFACE);

	p = put_mem(p, link, sizeof(link));
	p = pcapng_block_u32(p, PCAPNG_SNAPLEN);
	p = pcapng_block_text(p, INTERFACE_NAME, name);
	p = pcapng_block_text(p, INTERFACE_DESCRIPTION, description);
	p = pcapng_block_option(p, INTERFACE_TSRESOL, 1);
	*p++ = 9;
	p = block_pad(p, 1);
	return pcapng_block_end(block, pcapng_block_option(p, PCAPNG_OPTION_END, 0));
}

uint8_t *pcapng_block_statistics(uint8_t *block, const struct pcapng_statistics *stats)
{
	uint8_t *p = pcapng_block_begin(block, PCAPNG_STATISTICS);

	p = pcapng_block_u32(p, stats->interface);
	p = pcapng_block_stamp(p, stats->last_ns);
	p = option_stamp(p, STATISTICS_START, stats->first_ns);
	p = option_stamp(p, STATISTICS_END, stats->last_ns);
	p = option_u64(p, STATISTICS_RECEIVED, stats->received);
	p = option_u64(p, STATISTICS_DROPPED, stats->dropped);
	p = option_u64(p, STATISTICS_DELIVERED, stats->delivered);
	return pcapng_block_end(block, pcapng_block_option(p, PCAPNG_OPTION_END, 0));
}

uint8_t *pcapng_block_custom(uint8_t *block, const void *data, size_t n)
{
	uint8_t *p = pcapng_block_begin(block, PCAPNG_CUSTOM);

	p = pcapng_block_u32(p, PENSTOCK_PEN);
	p = put_le32(p, n);
	return pcapng_block_end(block, put_mem(p, data, n));
}
