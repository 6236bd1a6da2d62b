/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/decoder.h"

#include <errno.h>

#include "capture/base/chunk.h"

static const struct decoder_ops *const decoders[] = {&decoder_jsonl, &decoder_pb, &decoder_pcapng,
						     &decoder_raw, &decoder_text};

const struct decoder_ops *decoder_by_beginning(struct bytes head)
{
	if (decoder_raw_begins(head))
		return &decoder_raw;
	if (decoder_pcapng_begins(head))
		return &decoder_pcapng;
	if (decoder_pb_begins(head))
		return &decoder_pb;
	return head.n && head.p[0] == '{' ? &decoder_jsonl : NULL;
}

const struct decoder_ops *decoder_by_format(const char *format)
{
	for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++)
		if (!strcmp(decoders[i]->format, format))
			return decoders[i];
	return NULL;
}

/* ---- readable lines ------------------------------------------------------------------------ */

static ssize_t text_extent(void *ctx, struct bytes in, size_t *ret_want)
{
	const char *end = in.n ? memchr(in.p, '\n', in.n) : NULL;

	*ret_want = 0;
	if (end)
		return end + 1 - in.p;
	return in.n < CHUNK_JUMBO ? 0 : -EBADMSG; /* nothing that we write is longer */
}

const struct decoder_ops decoder_text = {.format = "text", .extent = text_extent};
