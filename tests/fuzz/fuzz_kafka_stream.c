/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the opening bytes of a stream: what is read of them is hexadecimal, and ends. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sinks/kafka_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_hex(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	assert(n < size && n % 2 == 0 && strspn(text, "0123456789abcdef") == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kafka_stream s;

	kafka_stream_describe((struct bytes){(const char *)data, size}, &s);
	assert_hex(s.id, sizeof(s.id));
	assert_hex(s.schema, sizeof(s.schema));
	return 0;
}
