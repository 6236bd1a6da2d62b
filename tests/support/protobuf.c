/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct bytes protobuf_take(struct bytes *rest)
{
	struct bytes message;
	unsigned shift = 0;
	size_t n = 0, at = 0;
	uint8_t c;

	do {
		assert_true(at < rest->n && shift < 35);
		c = rest->p[at++];
		n |= (size_t)(c & 0x7f) << shift;
		shift += 7;
	} while (c & 0x80);
	assert_true(at == 1 || c != 0); /* no byte more than the length needs */
	assert_true(n <= rest->n - at);
	message = (struct bytes){rest->p + at, n};
	*rest = (struct bytes){rest->p + at + n, rest->n - at - n};
	return message;
}

Penstock__V1__Event *protobuf_unpack(struct bytes message)
{
	Penstock__V1__Event *event =
		penstock__v1__event__unpack(NULL, message.n, (const uint8_t *)message.p);
	uint8_t *again;

	assert_non_null(event);
	assert_int_equal(event->base.n_unknown_fields, 0);
	assert_int_equal(penstock__v1__event__get_packed_size(event), message.n);
	again = malloc(message.n + 1);
	assert_non_null(again);
	assert_int_equal(penstock__v1__event__pack(event, again), message.n);
	assert_memory_equal(again, message.p, message.n);
	free(again);
	return event;
}
