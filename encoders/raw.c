/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "capture/encoder.h"
#include "capture/raw.h"

/* The raw recording: records as they came, for `penstock replay`. */

static int raw_preamble(void *ctx, const struct run *run, struct out *out)
{
	chunk_put(out->tail, RAW_MAGIC, RAW_MAGIC_SIZE);
	return 0;
}

static int raw_tap(void *ctx, const void *rec, size_t len, struct out *out)
{
	static const char zeroes[RAW_ALIGN];
	size_t padded = raw_padded(len);

	if (chunk_room(out->tail) < padded)
		return -ENOBUFS;
	chunk_put(out->tail, rec, len);
	chunk_put(out->tail, zeroes, padded - len);
	return 0;
}

const struct encoder_ops encoder_raw = {
	.name = "raw",
	.extension = "raw",
	.content_type = "application/x-penstock-raw",
	.summary = "raw recording, to be replayed into any other format",
	.flags = ENCODER_BINARY | ENCODER_TAP | ENCODER_SECRETS | ENCODER_CONTEXT,
	.preamble = raw_preamble,
	.tap = raw_tap,
};
