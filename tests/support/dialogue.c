/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/dialogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct dialogue dialogue_new(enum protocol protocol)
{
	const struct redact_config cfg = {.secrets = true, .payload_max = REDACT_PAYLOAD_FULL};
	struct dialogue d = {.flow = {.id = 1, .role = FLOW_ROLE_CLIENT, .protocol = protocol},
			     .direction = DIRECTION_TRANSMIT};

	assert_int_equal(redact_new(&cfg, &d.redact, NULL), 0);
	return d;
}

void dialogue_done(struct dialogue *d)
{
	redact_free(d->redact);
}

void dialogue_says(struct dialogue *d, char *p, size_t n, uint64_t call_offset)
{
	char *copy = malloc(n + 1); /* a sanitizer sees each byte too many */
	struct event ev = {.kind = EVENT_DATA,
			   .flow = &d->flow,
			   .data = {.payload = {copy, n},
				    .stream_offset = d->offset,
				    .call_offset = call_offset,
				    .call_total = call_offset + n,
				    .late = d->late,
				    .direction = d->direction}};

	assert_non_null(copy);
	memcpy(copy, p, n);
	d->offset += n;
	flows_place(d->streams, &ev);
	assert_true(redact_view(&ev, d->redact));
	assert_int_equal(ev.data.payload.n, n);
	assert_memory_equal(copy, p, n);
	memcpy(p, ev.data.payload.p, n);
	d->flags = ev.flags;
	assert_int_equal(!!(ev.flags & EVENT_F_REDACTED), ev.data.payload.p != copy);
	free(copy);
}

static void expect_in_pieces(enum protocol protocol, struct bytes text, struct bytes want,
			     size_t first, size_t piece, bool calls)
{
	struct dialogue d = dialogue_new(protocol);
	char *p = malloc(text.n + 1);
	size_t n;

	assert_non_null(p);
	memcpy(p, text.p, text.n);
	for (size_t at = 0; at < text.n; at += n) {
		n = at ? piece : first;
		n = n < text.n - at ? n : text.n - at;
		dialogue_says(&d, p + at, n, calls ? 0 : at);
	}
	dialogue_done(&d);
	if (memcmp(p, want.p, want.n) != 0) {
		print_message("cut at %zu, pieces of %zu, calls %d:\n", first, piece, calls);
		fwrite(p, 1, text.n, stdout);
	}
	assert_memory_equal(p, want.p, want.n);
	free(p);
}

void dialogue_expect(enum protocol protocol, struct bytes text, struct bytes want)
{
	assert_int_equal(text.n, want.n);
	for (unsigned calls = 0; calls < 2; calls++) {
		for (size_t cut = 1; cut <= text.n; cut++)
			expect_in_pieces(protocol, text, want, cut, text.n, calls);
		for (size_t piece = 1; piece < 8; piece++)
			expect_in_pieces(protocol, text, want, piece, piece, calls);
	}
}
