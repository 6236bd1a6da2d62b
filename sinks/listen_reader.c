/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/listen_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/base/elapsed.h"

enum {
	HEAR_READS = 4
};

void listen_reader_await(struct listen_reader *r)
{
	r->state = READER_AWAITS;
	r->moved_ms = elapsed_ms();
}

int listen_reader_begin(struct listen_reader *r, const uint8_t *opening, size_t n, uint64_t at)
{
	r->opening = n ? malloc(n) : NULL;
	if (n && !r->opening)
		return -ENOMEM;
	if (n)
		memcpy(r->opening, opening, n);
	r->opening_n = n;
	r->opening_sent = 0;
	r->at = at;
	r->state = READER_READS;
	r->moved_ms = elapsed_ms();
	return 0;
}

bool listen_reader_lags(const struct listen_reader *r, const struct backlog *b)
{
	return r->state == READER_READS && (r->opening || r->at != b->end);
}

/* So many bytes of what it was offered are gone. */
static void reader_advance(struct listen_reader *r, size_t n)
{
	size_t opening = r->opening_n - r->opening_sent;

	r->moved_ms = elapsed_ms();
	if (!r->opening) {
		r->at += n;
		return;
	}
	r->opening_sent += n < opening ? n : opening;
	if (n < opening)
		return;
	r->at += n - opening;
	free(r->opening);
	r->opening = NULL;
}

int listen_reader_push(struct listen_reader *r, const struct backlog *b)
{
	while (listen_reader_lags(r, b)) {
		struct iovec v[3];
		unsigned n = 0;
		ssize_t sent;

		if (r->opening)
			v[n++] = (struct iovec){r->opening + r->opening_sent,
						r->opening_n - r->opening_sent};
		n += backlog_get(b, r->at, v + n);
		sent = conn_write(r->conn, v, n);
		if (sent < 0)
			return sent == -EAGAIN ? 0 : (int)sent;
		reader_advance(r, (size_t)sent);
	}
	return 0;
}

/* Who has only ended what it sends (netcat behind a pipe) reads on. */
int listen_reader_hear(struct listen_reader *r)
{
	char buffer[4096];

	for (unsigned i = 0; i < HEAR_READS && !r->half; i++) {
		ssize_t n = conn_read(r->conn, buffer, sizeof(buffer));

		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		r->half = n == 0;
	}
	return 0;
}

void listen_reader_end(struct listen_reader *r, bool cut)
{
	const struct linger at_once = {.l_onoff = 1};

	if (cut)
		(void)setsockopt(conn_fd(r->conn), SOL_SOCKET, SO_LINGER, &at_once,
				 sizeof(at_once));
	else if (r->state != READER_GREETS)
		conn_shutdown(r->conn);
	conn_close(r->conn);
	free(r->opening);
	*r = (struct listen_reader){.state = READER_NONE};
}
