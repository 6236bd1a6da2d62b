/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of a stream, that does as little as there can be done; and the least that a sender
 * of the same bytes would do.
 *
 *   stream_peer read ADDRESS plain|event|batch
 *   stream_peer write ADDRESS FILE.pb EVENTS
 *
 * `read` prints where it listens, takes one connection, throws away what comes, and prints how many
 * bytes that was: with no handshake at all, as Frame Streams of events, or as batches, each of
 * which is acknowledged at once. `write` sends the events of the file, each with its length as a
 * u32 in front, so many in one writev(), and prints nanoseconds of CPU per event.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "capture/net/batch.h"
#include "capture/net/dial.h"
#include "capture/net/fstrm.h"
#include "capture/net/listener.h"
#include "proto/pb_wire.h"

enum {
	ROOM = FSTRM_FRAME_MAX + 512,
	EVENTS_MAX = 512, /* in one call: two pieces each, of 1024 */
};

static void peer_die(const char *what)
{
	fprintf(stderr, "stream_peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void peer_wait(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	poll(&p, 1, -1);
}

static void peer_address(const char *text, struct address *ret)
{
	struct address_list list;
	struct err err;
	int r = *text == '/' ? address_parse_path(text, &list, &err)
			     : address_parse(text, NULL, &list, &err);

	if (r < 0)
		peer_die(err.text);
	*ret = list.v[0];
}

/* Sends all of it; changes v. */
static void peer_send(int fd, struct iovec *v, int n)
{
	while (n) {
		ssize_t sent = writev(fd, v, n);

		if (sent < 0 && errno != EAGAIN)
			peer_die("write");
		if (sent < 0)
			peer_wait(fd, POLLOUT);
		while (n && sent > 0) {
			size_t piece = (size_t)sent < v->iov_len ? (size_t)sent : v->iov_len;

			v->iov_base = (char *)v->iov_base + piece;
			v->iov_len -= piece;
			sent -= (ssize_t)piece;
			if (!v->iov_len)
				v++, n--;
		}
		while (n && !v->iov_len)
			v++, n--;
	}
}

/* ---- reading ------------------------------------------------------------------------------- */

static void peer_control(int fd, enum fstrm_type type, const char *content)
{
	uint8_t frame[FSTRM_CONTROL_MAX];
	struct iovec v = {frame, fstrm_control(type, &content, content != NULL, frame)};

	peer_send(fd, &v, 1);
}

static void peer_acknowledge(int fd, struct bytes data)
{
	struct batch_ack ack = {.status = 0};
	uint8_t frame[4 + BATCH_ACK] = {0};
	struct iovec v = {frame, 4};
	struct batch b;

	if (batch_parse(data, &b) < 0)
		peer_die("a batch that is none");
	if (!b.count)
		return;
	memcpy(ack.stream_id, b.stream_id, sizeof(ack.stream_id));
	ack.durable_seq = ack.received_seq = b.first_seq + b.count - 1;
	v.iov_len += batch_ack_write(&ack, frame + 4);
	frame[2] = (uint8_t)((v.iov_len - 4) >> 8);
	frame[3] = (uint8_t)(v.iov_len - 4);
	peer_send(fd, &v, 1);
}

/* Looks at what is whole of n bytes; how many that is. */
static size_t peer_frames(int fd, const char *in, size_t n, const char *content)
{
	struct fstrm_frame f;
	size_t at = 0, size;

	while (fstrm_parse((struct bytes){in + at, n - at}, &f, &size) == 0) {
		at += size;
		if (f.type == FSTRM_READY)
			peer_control(fd, FSTRM_ACCEPT, content);
		else if (f.type == FSTRM_STOP)
			peer_control(fd, FSTRM_FINISH, NULL);
		else if (f.type == FSTRM_DATA && !strcmp(content, FSTRM_BATCH))
			peer_acknowledge(fd, f.data);
	}
	return at;
}

static void peer_read(const char *where, const char *how)
{
	static char in[ROOM];
	char text[ADDRESS_TEXT];
	struct listener l = {.n = 0};
	struct address a;
	struct err err;
	size_t n = 0, all = 0;
	int fd;

	peer_address(where, &a);
	if (listener_open(&a, (uid_t)-1, (gid_t)-1, &l, &err) < 0)
		peer_die(err.text);
	printf("%s\n", listener_text(&l, text));
	fflush(stdout);
	peer_wait(l.fd[0], POLLIN);
	fd = listener_accept(l.fd[0]);
	listener_close(&l);
	for (;;) {
		ssize_t got = read(fd, in + n, n + 262144 < ROOM ? 262144 : ROOM - n);
		size_t taken;

		if (got < 0 && errno == EAGAIN) {
			peer_wait(fd, POLLIN);
			continue;
		}
		if (got <= 0)
			break;
		all += (size_t)got;
		if (!strcmp(how, "plain"))
			continue;
		n += (size_t)got;
		taken = peer_frames(fd, in, n, strcmp(how, "batch") ? FSTRM_EVENT : FSTRM_BATCH);
		memmove(in, in + taken, n -= taken);
	}
	printf("%zu\n", all);
}

/* ---- writing ------------------------------------------------------------------------------- */

static struct bytes peer_load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t n = 0;
	char *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		peer_die(path);
	p = malloc((size_t)st.st_size + 1);
	while (p && n < (size_t)st.st_size) {
		ssize_t got = read(fd, p + n, (size_t)st.st_size - n);

		if (got <= 0)
			peer_die(path);
		n += (size_t)got;
	}
	close(fd);
	return (struct bytes){p, n};
}

static int peer_connect(const char *where)
{
	struct address_list list = {.n = 1};
	struct dial *dial;
	int fd;

	peer_address(where, &list.v[0]);
	dial = dial_new(&list);
	while ((fd = dial_step(dial)) == -EAGAIN) {
		struct pollfd p;
		int ms = -1;

		dial_wait(dial, &p.fd, &p.events, &ms);
		poll(&p, 1, ms);
	}
	if (fd < 0)
		peer_die(dial_why(dial));
	dial_free(dial);
	return fd;
}

static double peer_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

static void peer_write(const char *where, const char *path, unsigned each)
{
	static uint8_t heads[EVENTS_MAX][4];
	struct iovec v[2 * EVENTS_MAX];
	struct bytes in = peer_load(path);
	int fd = peer_connect(where);
	unsigned n = 0;
	size_t events = 0;
	double start;

	if (each < 1 || each > EVENTS_MAX)
		peer_die("EVENTS");
	start = peer_cpu();
	while (in.n) {
		uint64_t size;
		size_t head;

		if (pb_wire_varint(in, &size, &head) || size > in.n - head)
			peer_die("no events");
		for (int i = 0; i < 4; i++)
			heads[n][i] = (uint8_t)(size >> (24 - 8 * i));
		v[2 * n] = (struct iovec){heads[n], 4};
		v[2 * n + 1] = (struct iovec){(char *)in.p + head, size};
		in = (struct bytes){in.p + head + size, in.n - head - size};
		events++;
		if (++n == each || !in.n) {
			peer_send(fd, v, (int)(2 * n));
			n = 0;
		}
	}
	printf("%.1f\n", (peer_cpu() - start) / (double)events);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "read"))
		peer_read(argv[2], argv[3]);
	else if (argc == 5 && !strcmp(argv[1], "write"))
		peer_write(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
	else
		return 2;
	return 0;
}
