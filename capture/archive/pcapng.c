/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "capture/archive/decoder.h"
#include "capture/archive/stream.h"

/* pcapng: events lie in the custom blocks of ours, all of them with events=custom. */

enum {
	BLOCK_SECTION = 0x0a0d0d0a, /* reads the same in either order of bytes */
	BLOCK_FRAME = 12,           /* type, and the length at both ends */
	ORDER_AT = 8,               /* in a section header */
};
#define ORDER_MAGIC 0x1a2b3c4du

struct pcapng_decoder {
	bool swapped; /* the section is that of a machine with the other order of bytes */
};

static uint32_t get_u32(const struct pcapng_decoder *d, const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return d->swapped ? __builtin_bswap32(v) : v;
}

static bool block_is_section(struct bytes in)
{
	uint32_t type;

	memcpy(&type, in.p, sizeof(type));
	return type == BLOCK_SECTION;
}

/* Each section says which order it has. */
static int section_order(struct pcapng_decoder *d, struct bytes in)
{
	uint32_t magic;

	memcpy(&magic, in.p + ORDER_AT, sizeof(magic));
	if (magic != ORDER_MAGIC && magic != __builtin_bswap32(ORDER_MAGIC))
		return -EBADMSG;
	d->swapped = magic != ORDER_MAGIC;
	return 0;
}

static ssize_t pcapng_extent(void *ctx, struct bytes in, size_t *ret_want)
{
	struct pcapng_decoder *d = ctx;
	uint32_t n;

	*ret_want = BLOCK_FRAME;
	if (in.n < BLOCK_FRAME)
		return 0;
	if (block_is_section(in) && section_order(d, in))
		return -EBADMSG;
	n = get_u32(d, in.p + 4);
	if (n < BLOCK_FRAME || n % 4 || n > STREAM_WANT)
		return -EBADMSG;
	*ret_want = n;
	if (n > in.n)
		return 0;
	return get_u32(d, in.p + n - 4) == n ? (ssize_t)n : -EBADMSG;
}

bool decoder_pcapng_begins(struct bytes head)
{
	struct pcapng_decoder d;

	return head.n >= BLOCK_FRAME && block_is_section(head) && section_order(&d, head) == 0;
}

const struct decoder_ops decoder_pcapng = {
	.format = "pcapng", .ctx_size = sizeof(struct pcapng_decoder), .extent = pcapng_extent};
