/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a conversation in HTTP/1, as people see it. */
#include "tests/support/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	transcript_fuzz(PROTOCOL_HTTP1, data, n);
	return 0;
}
