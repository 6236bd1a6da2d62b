/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what follows the handshake of a WebSocket connection, as people see it. The first
 * byte says what was agreed on. */
#include <stdlib.h>

#include "tests/support/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const agreements[] = {
	"",
	"Sec-WebSocket-Extensions: permessage-deflate\r\n",
	"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
	"client_no_context_takeover\r\n",
	"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9; "
	"client_max_window_bits=9\r\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct transcript_file f = {0};

	if (!n)
		return 0;
	TRANSCRIPT_SEND(&f, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
	TRANSCRIPT_RECV(&f, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n");
	transcript_say(&f, TRANSCRIPT_RECEIVE, 0, bytes_of(agreements[data[0] % 4]));
	TRANSCRIPT_RECV(&f, "\r\n");
	f.p = realloc(f.p, f.n + n - 1);
	if (!f.p)
		abort();
	memcpy(f.p + f.n, data + 1, n - 1);
	transcript_fuzz(PROTOCOL_HTTP1, (uint8_t *)f.p, f.n + n - 1);
	transcript_done(&f);
	return 0;
}
