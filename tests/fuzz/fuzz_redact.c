/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a conversation in some protocol, masked: no length changes, no byte of what came in,
 * and what comes out differs from it in asterisks only. The first byte says what it talks. */
#include <stdlib.h>

#include "encoders/redact/stream.h"
#include "tests/support/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool good)
{
	if (!good)
		abort();
}

static void event_mask(struct redact_stream *s, struct redact_arena *arena, const struct event *ev)
{
	struct bytes text = ev->data.payload, out;
	char *copy = malloc(text.n ? text.n : 1); /* a sanitizer sees each byte too many */
	struct event own = *ev;
	struct redact_copy c;

	must(copy);
	if (text.n)
		memcpy(copy, text.p, text.n);
	own.data.payload.p = copy;
	redact_arena_reset(arena);
	c = redact_copy_of(arena, own.data.payload);
	redact_stream_feed(s, &own, &c);
	out = redact_copy_result(&c);
	must(out.n == text.n && arena->used == (c.out ? text.n : 0));
	for (size_t i = 0; i < text.n; i++) {
		must(copy[i] == text.p[i]);
		must(out.p[i] == text.p[i] || out.p[i] == '*' || out.p[i] == (char)0xf9);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum protocol protocols[] = {PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2,
						  PROTOCOL_MYSQL, PROTOCOL_POSTGRES};
	static struct redact_arena arena;
	struct redact_stream streams[2][2] = {0};
	struct transcript t;
	struct event ev;

	must(arena.p || !redact_arena_init(&arena));
	if (!n)
		return 0;
	transcript_begin(&t, protocols[data[0] % 5], (struct bytes){(const char *)data + 1, n - 1});
	while (transcript_next(&t, &ev))
		event_mask(&streams[ev.flow->id == 2][ev.data.direction == DIRECTION_RECEIVE],
			   &arena, &ev);
	return 0;
}
