/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/raw.h"

#include <errno.h>

#include "capture/archive/decoder.h"
#include "kern/events.h"

bool decoder_raw_begins(struct bytes head)
{
	return head.n >= RAW_MAGIC_SIZE && !memcmp(head.p, RAW_MAGIC, RAW_MAGIC_SIZE);
}

/* The magic is a record of its own. */
static ssize_t raw_extent(void *ctx, struct bytes in, size_t *ret_want)
{
	struct rec rec;

	*ret_want = sizeof(rec);
	if (decoder_raw_begins(in))
		return RAW_MAGIC_SIZE;
	if (in.n < sizeof(rec))
		return 0;
	memcpy(&rec, in.p, sizeof(rec));
	if (rec.len < sizeof(rec) || rec.len > REC_MAX)
		return -EBADMSG;
	*ret_want = raw_padded(rec.len);
	return *ret_want <= in.n ? (ssize_t)*ret_want : 0;
}

const struct decoder_ops decoder_raw = {.format = "raw", .extent = raw_extent};
