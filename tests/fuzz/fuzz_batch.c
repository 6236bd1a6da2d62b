/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a Batch, as an Ack, and as the events of a batch. What is read and written again is
 * read as the same. */
#include <stdlib.h>
#include <string.h>

#include "capture/base/utf8.h"
#include "capture/net/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fuzz_whole(struct bytes in)
{
	struct batch b, again;
	uint8_t *p;
	size_t n;

	if (batch_parse(in, &b))
		return;
	if (b.data.n && (b.data.p < in.p || b.data.n > (size_t)(in.p + in.n - b.data.p)))
		abort();
	p = malloc(BATCH_HEAD + b.data.n);
	if (!p)
		abort();
	n = batch_head(&b, p);
	if (b.data.n)
		memcpy(p + n, b.data.p, b.data.n);
	if (batch_parse((struct bytes){(const char *)p, n + b.data.n}, &again) ||
	    !bytes_eq(b.data, again.data) || b.first_seq != again.first_seq ||
	    b.count != again.count || memcmp(b.stream_id, again.stream_id, 16) != 0)
		abort();
	free(p);
}

static void fuzz_ack(struct bytes in)
{
	struct batch_ack a, again;
	uint8_t p[BATCH_ACK];
	size_t n;

	if (batch_ack_parse(in, &a))
		return;
	if (a.message.n > 255 || !utf8_valid(a.message))
		abort();
	n = batch_ack_write(&a, p);
	if (batch_ack_parse((struct bytes){(const char *)p, n}, &again) ||
	    a.durable_seq != again.durable_seq || a.status != again.status ||
	    memcmp(a.stream_id, again.stream_id, 16) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes in = {(const char *)data, n};
	uint8_t id[16];

	fuzz_whole(in);
	fuzz_ack(in);
	batch_stream_id(in, id);
	return 0;
}
