/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#include "proto/pb_wire.h"

void receiver_open(struct receiver *r)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(r->listen_fd >= 0);
	assert_int_equal(bind(r->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(r->listen_fd, 8), 0);
	assert_int_equal(getsockname(r->listen_fd, (struct sockaddr *)&a, &n), 0);
	snprintf(r->target, sizeof(r->target), "127.0.0.1:%u", ntohs(a.sin_port));
}

void receiver_hang_up(struct receiver *r, bool reset)
{
	const struct linger none = {.l_onoff = 1};

	if (r->fd < 0)
		return;
	if (reset)
		setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(r->fd);
	r->fd = -1;
	r->in_n = 0;
}

void receiver_close(struct receiver *r)
{
	receiver_hang_up(r, false);
	close(r->listen_fd);
}

void receiver_send(struct receiver *r, const void *p, size_t n)
{
	if (r->fd >= 0 && n) /* who has left already gets nothing */
		assert_true(send(r->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n || errno == EPIPE ||
			    errno == ECONNRESET);
}

void receiver_send_frame(struct receiver *r, const void *p, size_t n)
{
	uint8_t head[4] = {n >> 24, n >> 16, n >> 8, n};

	receiver_send(r, head, sizeof(head));
	receiver_send(r, p, n);
}

static void receiver_send_control(struct receiver *r, enum fstrm_type type)
{
	uint8_t out[FSTRM_CONTROL_MAX];
	unsigned n = 0;

	while (type == FSTRM_ACCEPT && n < 3 && r->accepts[n])
		n++;
	receiver_send(r, out, fstrm_control(type, r->accepts, n, out));
}

void receiver_ack(struct receiver *r, uint64_t durable)
{
	struct batch_ack ack = {.durable_seq = durable, .received_seq = durable};
	uint8_t out[BATCH_ACK];

	memcpy(ack.stream_id, r->stream_id, 16);
	receiver_send_frame(r, out, batch_ack_write(&ack, out));
}

/* An event's number is its field 2. */
static void receiver_take_event(struct receiver *r, struct bytes event)
{
	struct pb_wire_field f;

	while (pb_wire_next(&event, &f) == 0) {
		if (f.number != 2)
			continue;
		assert_true(f.value < RECEIVER_SEQS);
		r->times[f.value]++;
		if (f.value > r->durable)
			r->durable = f.value;
	}
}

static unsigned receiver_take_events(struct receiver *r, struct bytes events)
{
	unsigned counted = 0;

	while (events.n) {
		uint64_t size = 0;
		size_t n = 0;

		assert_int_equal(pb_wire_varint(events, &size, &n), 0);
		assert_true(size <= events.n - n);
		receiver_take_event(r, (struct bytes){events.p + n, size});
		events = (struct bytes){events.p + n + size, events.n - n - size};
		counted++;
	}
	return counted;
}

static void receiver_take_batch(struct receiver *r, struct bytes data)
{
	struct batch b;
	char *raw;

	assert_int_equal(batch_parse(data, &b), 0);
	memcpy(r->stream_id, b.stream_id, 16);
	r->batches++;
	r->again += b.replayed;
	r->describing += !b.count;
	r->compressed += b.codec == BATCH_ZSTD;
	raw = malloc(b.raw_len + 1);
	if (b.codec == BATCH_ZSTD) {
		assert_int_equal(ZSTD_decompress(raw, b.raw_len, b.data.p, b.data.n), b.raw_len);
		b.data = (struct bytes){raw, b.raw_len};
	}
	assert_true(receiver_take_events(r, b.data) >= b.count);
	free(raw);
	if (r->acks)
		receiver_ack(r, r->durable);
}

static void receiver_take_frame(struct receiver *r, const struct fstrm_frame *f)
{
	switch (f->type) {
	case FSTRM_READY:
		assert_int_equal(f->types_n, 2);
		assert_true(bytes_eq(f->types[0], bytes_of(FSTRM_BATCH)));
		assert_true(bytes_eq(f->types[1], bytes_of(FSTRM_EVENT)));
		if (r->vanishes)
			receiver_hang_up(r, false);
		else if (r->instead.p)
			receiver_send(r, r->instead.p, r->instead.n);
		else if (!r->silent)
			receiver_send_control(r, FSTRM_ACCEPT);
		break;
	case FSTRM_START:
		assert_int_equal(f->types_n, 1);
		snprintf(r->started, sizeof(r->started), "%.*s", (int)f->types[0].n, f->types[0].p);
		break;
	case FSTRM_STOP:
		r->stops++;
		if (!r->no_finish)
			receiver_send_control(r, FSTRM_FINISH);
		break;
	case FSTRM_DATA:
		r->frames++;
		r->bytes += f->data.n;
		if (!strcmp(r->started, FSTRM_BATCH))
			receiver_take_batch(r, f->data);
		else
			receiver_take_event(r, f->data);
		break;
	default:
		fail_msg("a sender says %d", f->type);
	}
}

/* Whatever is whole. */
static void receiver_parse(struct receiver *r)
{
	size_t at = 0, n;
	struct fstrm_frame f;

	while (r->fd >= 0 &&
	       fstrm_parse((struct bytes){(char *)r->in + at, r->in_n - at}, &f, &n) == 0) {
		receiver_take_frame(r, &f);
		at += n;
	}
	if (r->fd < 0)
		return;
	memmove(r->in, r->in + at, r->in_n - at);
	r->in_n -= at;
}

void receiver_step(struct receiver *r)
{
	ssize_t n = 1;

	if (r->fd < 0) {
		r->fd = accept4(r->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		r->connections += r->fd >= 0;
		if (r->fd >= 0)
			setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	}
	while (r->fd >= 0 && !r->deaf && n > 0) {
		n = recv(r->fd, r->in + r->in_n, sizeof(r->in) - r->in_n, 0);
		if (n <= 0)
			break;
		r->in_n += (size_t)n;
		receiver_parse(r);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN))
		receiver_hang_up(r, false);
}
