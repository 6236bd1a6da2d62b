/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as lines of JSON: what is taken for an event can be written again, and the line that
 * comes of it is read back as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/decoder.h"
#include "capture/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct writer {
	const struct encoder_ops *ops;
	void *ctx;
	struct out out;
};

static struct writer json, pb;
static void *outer, *inner; /* decoders */

static void *zeroed(size_t n)
{
	void *p = calloc(1, n + 1);

	if (!p)
		abort();
	return p;
}

static void writer_open(struct writer *w, const char *format)
{
	static const struct encoder_env env;

	w->ops = encoder_by_name(format);
	w->ctx = zeroed(w->ops->ctx_size);
	w->out.tail = chunk_map_new(1, CHUNK_JUMBO);
	if (!w->out.tail || w->ops->open(w->ctx, NULL, &env, NULL))
		abort();
}

static void writer_put(struct writer *w, const struct event *ev)
{
	chunk_reset(w->out.tail);
	if (w->ops->encode(w->ctx, ev, &w->out))
		abort();
}

static int write_json(struct event *ev, void *arg)
{
	writer_put(&json, ev);
	return 0;
}

static int write_twice(struct event *ev, void *arg)
{
	const struct chunk *c = json.out.tail;
	char *first;
	size_t n;

	writer_put(&pb, ev);
	writer_put(&json, ev);
	n = c->len;
	first = zeroed(n);
	memcpy(first, c->p, n);
	if (decoder_jsonl.decode(inner, (struct bytes){first, n}, write_json, NULL, NULL))
		abort();
	if (c->len != n || memcmp(first, c->p, n) != 0)
		abort();
	free(first);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes rest = {(const char *)data, n};
	size_t want;
	ssize_t r;

	if (!outer) {
		writer_open(&json, "jsonl");
		writer_open(&pb, "pb");
		outer = zeroed(decoder_jsonl.ctx_size);
		inner = zeroed(decoder_jsonl.ctx_size);
	}
	while ((r = decoder_jsonl.extent(outer, rest, &want)) > 0) {
		struct err err;

		if ((size_t)r > rest.n)
			abort();
		decoder_jsonl.decode(outer, (struct bytes){rest.p, (size_t)r}, write_twice, NULL,
				     &err);
		rest = (struct bytes){rest.p + r, rest.n - (size_t)r};
	}
	return 0;
}
