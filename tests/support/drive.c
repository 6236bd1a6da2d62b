/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/base/cleanup.h"
#include "capture/base/elapsed.h"

enum {
	PATIENCE_MS = 2000
};

static void drive_heard_done(void *arg, uint64_t number)
{
	struct drive *d = arg;

	assert_true(number >= d->done);
	d->done = number;
}

static void drive_heard_refused(void *arg, uint64_t number, uint32_t events)
{
	((struct drive *)arg)->refused += events;
}

static void drive_heard_refresh(void *arg)
{
	((struct drive *)arg)->refreshed++;
}

void drive_open(struct drive *d, const char *sink, const char *target, const char *format,
		const char *keys)
{
	static const struct opt none[] = {OPT_END};
	CLEANUP_FREE char *text = strdup(keys ? keys : "");
	const struct opt *rows;
	struct err err = {""};
	bool bare;

	*d = (struct drive){.ops = sink_by_name(sink)};
	assert_non_null(d->ops);
	rows = d->ops->options ? d->ops->options : none;
	d->ctx = calloc(1, d->ops->ctx_size);
	d->cfg = calloc(1, d->ops->cfg_size + 1);
	assert_true(d->ctx && d->cfg && text);
	assert_int_equal(opt_defaults(rows, d->cfg, &err), 0);
	if (*text)
		assert_int_equal(opt_set_pairs(rows, d->cfg, text, "-w", &err), 0);
	d->env = (struct sink_env){.target = target,
				   .uid = (uid_t)-1,
				   .gid = (gid_t)-1,
				   .format = format,
				   .context = !strcmp(format, "pcapng"),
				   .done = drive_heard_done,
				   .refused = drive_heard_refused,
				   .refresh = drive_heard_refresh,
				   .done_arg = d};
	assert_int_equal(d->ops->check(d->cfg, target, &bare, &err), 0);
	if (d->ops->open(d->ctx, d->cfg, &d->env, &err) == 0)
		return;
	drive_close(d);
	fail_msg("%s", err.text);
}

void drive_close(struct drive *d)
{
	d->ops->close(d->ctx);
	free(d->ctx);
	free(d->cfg);
}

/* What the sink asks for before the next attempt. */
static void drive_wait(struct drive *d)
{
	struct sink_wait wait = {.fd = -1, .timeout_ms = 10};
	struct pollfd p;

	if (d->ops->wait)
		d->ops->wait(d->ctx, true, &wait);
	p = (struct pollfd){.fd = wait.fd, .events = wait.events};
	if (wait.timeout_ms < 0 || wait.timeout_ms > 100)
		wait.timeout_ms = 100;
	poll(&p, 1, wait.timeout_ms);
}

int drive_begin(struct drive *d)
{
	const struct sink_medium medium = {0};
	int64_t until = elapsed_ms() + PATIENCE_MS;
	int r = -EAGAIN;

	if (!d->ops->begin)
		return 0;
	while ((r = d->ops->begin(d->ctx, &medium)) == -EAGAIN && elapsed_ms() < until)
		drive_wait(d);
	return r;
}

int drive_try(struct drive *d, uint64_t number, struct bytes b, size_t opening_n, size_t *done)
{
	const struct parcel parcel = {.p = (const uint8_t *)b.p,
				      .n = b.n,
				      .number = number,
				      .records = 1,
				      .opening_n = opening_n};
	int r = d->ops->write(d->ctx, &parcel, done);

	assert_true(*done <= b.n && (r || *done == b.n));
	if (r == 0 && !d->ops->sync && number)
		d->done = number;
	return r;
}

int drive_put(struct drive *d, uint64_t number, const void *p, size_t n, size_t opening_n)
{
	int64_t until = elapsed_ms() + PATIENCE_MS;
	size_t done = 0;
	int r;

	while ((r = drive_try(d, number, (struct bytes){p, n}, opening_n, &done)) == -EAGAIN &&
	       elapsed_ms() < until)
		drive_wait(d);
	return r;
}

int drive_sync(struct drive *d)
{
	int64_t until = elapsed_ms() + PATIENCE_MS;
	int r;

	while ((r = d->ops->sync(d->ctx)) == -EAGAIN && elapsed_ms() < until)
		drive_wait(d);
	return r;
}

int drive_service(struct drive *d, int timeout_ms)
{
	struct sink_wait wait = {.fd = -1, .timeout_ms = -1};
	struct pollfd p;

	d->ops->wait(d->ctx, false, &wait);
	p = (struct pollfd){.fd = wait.fd, .events = wait.events};
	return poll(&p, 1, timeout_ms) > 0 ? d->ops->service(d->ctx) : -ETIME;
}

static int socket_new(int rcvbuf)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	return fd;
}

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr = {htonl(INADDR_LOOPBACK)},
				    .sin_port = htons((uint16_t)port)};
}

unsigned drive_free_port(void)
{
	struct sockaddr_in sin = loopback(0);
	socklen_t n = sizeof(sin);
	int fd = socket_new(0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

int drive_listen(unsigned port, int rcvbuf)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket_new(rcvbuf);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

int drive_connect(unsigned port, int rcvbuf)
{
	struct sockaddr_in sin = loopback(port);
	int fd = socket_new(rcvbuf);

	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

size_t drive_read(int fd, uint8_t *p, size_t cap, bool *ret_over)
{
	size_t n = 0;

	*ret_over = false;
	while (n < cap) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		ssize_t r;

		if (poll(&poll_fd, 1, 50) == 0)
			return n;
		r = recv(fd, p + n, cap - n, 0);
		*ret_over = r <= 0;
		if (r <= 0)
			return n;
		n += (size_t)r;
	}
	return n;
}

size_t drive_message(uint8_t *p, size_t n, uint8_t value)
{
	size_t at = 0, v = n;

	for (; v >= 0x80; v >>= 7)
		p[at++] = (uint8_t)(v | 0x80);
	p[at++] = (uint8_t)v;
	memset(p + at, value, n);
	return at + n;
}

size_t drive_frame(uint8_t *p, size_t n, uint8_t value)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> (24 - 8 * i));
	memset(p + 4, value, n);
	return 4 + n;
}
