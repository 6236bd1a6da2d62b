/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a TLS library moved, told by its callers and by a recording: the two must be equal.
 *
 *   tls_totals run CERTIFICATE KEY   connections between both ends in this process, with every way
 *                                    to read and write; prints for each end and direction
 *                                    `port direction bytes hash`, as the calls returned them
 *   tls_totals read FILE.raw         prints the same from the DATA records of a recording
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kern/events.h"

#ifdef OPENSSL_IS_BORINGSSL /* has one call for each thing, and none for early data */
#define SSL_write_ex(ssl, p, size, n)        as_ex(SSL_write(ssl, p, (int)(size)), n)
#define SSL_read_ex(ssl, p, size, n)         as_ex(SSL_read(ssl, p, (int)(size)), n)
#define SSL_peek_ex(ssl, p, size, n)         as_ex(SSL_peek(ssl, p, (int)(size)), n)
#define SSL_write_early_data                 SSL_write_ex
#define SSL_read_early_data(ssl, p, size, n) (*(n) = 0, SSL_READ_EARLY_DATA_FINISH)
#define SSL_CTX_set_max_early_data(ctx, n)   ((void)(ctx))
enum {
	SSL_READ_EARLY_DATA_ERROR,
	SSL_READ_EARLY_DATA_FINISH
};

static int as_ex(int ret, size_t *n)
{
	*n = ret > 0 ? (size_t)ret : 0;
	return ret > 0 ? 1 : ret;
}
#endif

enum {
	TRANSMIT,
	RECEIVE,
	DIRECTIONS,
	ENDS = 2,
	CHUNK_MAX = 400000,
	EARLY = 5000,
	SMALL_BUFFER = 4096,
};

static const char *const direction_names[DIRECTIONS] = {"transmit", "receive"};

static void die(const char *what)
{
	fprintf(stderr, "tls_totals: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

struct stream {
	uint64_t bytes, hash;
	bool flawed;
};

static void stream_add(struct stream *s, const uint8_t *p, size_t n)
{
	if (!s->bytes)
		s->hash = 0xcbf29ce484222325;
	s->bytes += n;
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ p[i]) * 0x100000001b3;
}

static void stream_print(unsigned port, int direction, const struct stream *s)
{
	if (s->bytes)
		printf("%u %s %llu %016llx\n", port, direction_names[direction],
		       (unsigned long long)s->bytes, (unsigned long long)s->hash);
}

/* ---- run ---------------------------------------------------------------------------------- */

struct end {
	SSL *ssl;
	int fd;
	bool server, early, ready;
	size_t want;                /* bytes to be sent in all */
	size_t chunk;               /* of the write that is under way; a retry must repeat it */
	unsigned turns[DIRECTIONS]; /* choose among the ways to do a thing */
	struct stream streams[DIRECTIONS];
};

struct plan {
	int version;
	bool partial, early;
	size_t want[ENDS];
};

static unsigned retries, peeks;
static SSL_CTX *contexts[ENDS];
static SSL_SESSION *session;
static uint8_t source[CHUNK_MAX], target[CHUNK_MAX];

/* Something to be tried again is no error. */
static void check_retry(struct end *e, int ret)
{
	int why = SSL_get_error(e->ssl, ret);

	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		die(e->server ? "the server's call failed" : "the client's call failed");
	retries++;
}

static size_t next_chunk(const struct end *e)
{
	static const size_t sizes[] = {1, 100, 1024, 16384, 16385, 60000, CHUNK_MAX, 4000};
	size_t left = e->want - e->streams[TRANSMIT].bytes, n = sizes[e->turns[TRANSMIT] % 8];

	return n < left ? n : left;
}

static bool send_some(struct end *e)
{
	const uint8_t *p = source + e->turns[TRANSMIT] % 7;
	size_t n = 0;
	int ret;

	if (!e->chunk)
		e->chunk = next_chunk(e);
	if (!e->chunk)
		return false;
	if (e->chunk > sizeof(source) - 7)
		e->chunk = sizeof(source) - 7;
	if (e->turns[TRANSMIT] % 2) {
		ret = SSL_write_ex(e->ssl, p, e->chunk, &n);
	} else {
		ret = SSL_write(e->ssl, p, (int)e->chunk);
		n = ret > 0 ? (size_t)ret : 0;
	}
	if (ret <= 0) {
		check_retry(e, ret);
		return false;
	}
	stream_add(&e->streams[TRANSMIT], p, n);
	e->chunk = 0;
	e->turns[TRANSMIT]++;
	return true;
}

static bool receive_some(struct end *e)
{
	static const size_t sizes[] = {7, 1000, 16384, CHUNK_MAX};
	size_t wanted = sizes[e->turns[RECEIVE]++ % 4], n = 0;
	int ret;

	if (e->turns[RECEIVE] % 3 == 0 && SSL_peek(e->ssl, target, (int)wanted) > 0)
		peeks++;
	if (e->turns[RECEIVE] % 5 == 0 && SSL_peek_ex(e->ssl, target, wanted, &n) > 0)
		peeks++;
	if (e->turns[RECEIVE] % 2) {
		ret = SSL_read_ex(e->ssl, target, wanted, &n);
	} else {
		ret = SSL_read(e->ssl, target, (int)wanted);
		n = ret > 0 ? (size_t)ret : 0;
	}
	if (ret <= 0) {
		check_retry(e, ret);
		return false;
	}
	stream_add(&e->streams[RECEIVE], target, n);
	return true;
}

/* True when there is no more early data to be awaited. */
static bool early_some(struct end *e)
{
	size_t n = 0;
	int ret;

	if (!e->server) {
		ret = SSL_write_early_data(e->ssl, source, EARLY, &n);
		if (ret == 1)
			stream_add(&e->streams[TRANSMIT], source, n);
		else
			check_retry(e, ret);
		return ret == 1;
	}
	ret = SSL_read_early_data(e->ssl, target, 1500, &n);
	if (ret == SSL_READ_EARLY_DATA_ERROR)
		check_retry(e, 0);
	else
		stream_add(&e->streams[RECEIVE], target, n);
	return ret == SSL_READ_EARLY_DATA_FINISH;
}

static bool step(struct end *e)
{
	bool moved = false;
	int ret;

	if (e->early) {
		e->early = !early_some(e);
		return true;
	}
	if (!e->ready) {
		ret = e->server ? SSL_accept(e->ssl) : SSL_connect(e->ssl);
		if (ret <= 0)
			check_retry(e, ret);
		e->ready = ret > 0;
		return true;
	}
	moved = send_some(e);
	return receive_some(e) || moved;
}

static void connect_ends(struct end ends[ENDS])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = SMALL_BUFFER;
	socklen_t n = sizeof(a);

	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(listener, (void *)&a, n) || listen(listener, 1) ||
	    getsockname(listener, (void *)&a, &n))
		die("no port on the loopback");
	ends[0].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(ends[0].fd, (void *)&a, n))
		die("cannot connect");
	ends[1].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	for (int i = 0; i < ENDS; i++) {
		setsockopt(ends[i].fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		fcntl(ends[i].fd, F_SETFL, O_NONBLOCK);
	}
}

static void begin(struct end *e, const struct plan *plan)
{
	e->ssl = SSL_new(contexts[e->server]);
	if (!e->ssl || !SSL_set_fd(e->ssl, e->fd))
		die("no SSL object");
	SSL_set_min_proto_version(e->ssl, plan->version);
	SSL_set_max_proto_version(e->ssl, plan->version);
	if (plan->partial)
		SSL_set_mode(e->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	/* a handshake that is asked for by its own call does not need it */
	if (!plan->partial && e->server)
		SSL_set_accept_state(e->ssl);
	else if (!plan->partial)
		SSL_set_connect_state(e->ssl);
	e->early = plan->early;
	if (plan->early && !e->server && !SSL_set_session(e->ssl, session))
		die("the session cannot be resumed");
}

static unsigned port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	return getsockname(fd, (void *)&a, &n) ? 0 : ntohs(a.sin_port);
}

static bool unfinished(const struct end ends[ENDS])
{
	for (int i = 0; i < ENDS; i++)
		if (!ends[i].ready || ends[i].streams[TRANSMIT].bytes < ends[i].want ||
		    ends[i].streams[RECEIVE].bytes < ends[!i].streams[TRANSMIT].bytes)
			return true;
	return false;
}

static void connection(const struct plan *plan)
{
	struct end ends[ENDS] = {{.server = false}, {.server = true}};

	connect_ends(ends);
	for (int i = 0; i < ENDS; i++) {
		ends[i].want = plan->want[i];
		begin(&ends[i], plan);
	}
	while (unfinished(ends))
		for (int i = 0; i < ENDS; i++)
			step(&ends[i]);
	SSL_SESSION_free(session);
	session = SSL_get1_session(ends[0].ssl);
	for (int i = 0; i < ENDS; i++) {
		for (int d = 0; d < DIRECTIONS; d++)
			stream_print(port_of(ends[i].fd), d, &ends[i].streams[d]);
		SSL_shutdown(ends[i].ssl); /* else the session is no good */
		SSL_free(ends[i].ssl);
	}
	close(ends[0].fd);
	close(ends[1].fd);
}

static int run(const char *certificate, const char *key)
{
	static const struct plan plans[] = {
		{TLS1_2_VERSION, false, false, {900300, 900300}},
		{TLS1_2_VERSION, true, false, {900300, 1}},
		{TLS1_3_VERSION, false, false, {3, 2000000}},
		{TLS1_3_VERSION, true, false, {900300, 900300}},
		{TLS1_3_VERSION, false, true, {20000, 20000}},
	};

	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (uint8_t)(i * 2654435761u >> 13);
	for (int i = 0; i < ENDS; i++)
		contexts[i] = SSL_CTX_new(i ? TLS_server_method() : TLS_client_method());
	if (SSL_CTX_use_certificate_file(contexts[1], certificate, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(contexts[1], key, SSL_FILETYPE_PEM) != 1)
		die("no certificate");
	SSL_CTX_set_max_early_data(contexts[1], 1 << 20);
	SSL_CTX_set_session_cache_mode(contexts[0], SSL_SESS_CACHE_CLIENT);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		connection(&plans[i]);
	fprintf(stderr, "%u retries, %u peeks\n", retries, peeks);
	return retries && peeks ? 0 : 1;
}

/* ---- read --------------------------------------------------------------------------------- */

enum {
	CONNECTIONS = 64
};

struct seen {
	uint64_t conn;
	unsigned port;
	struct stream streams[DIRECTIONS];
};

static struct seen *seen_of(struct seen *table, const struct rec_data *data)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		if (!table[i].conn)
			table[i] = (struct seen){data->conn, data->flow.local_port, {{0}}};
		if (table[i].conn == data->conn)
			return &table[i];
	}
	die("too many connections");
	return NULL;
}

static void see(struct seen *table, const struct rec *rec)
{
	const struct rec_data *data = (const void *)rec;
	struct stream *s;

	if (rec->kind != REC_DATA || data->data_flags & DATA_F_FIN)
		return;
	s = &seen_of(table, data)->streams[data->direction == DATA_RECEIVE];
	if (!s->flawed && (data->stream_offset != s->bytes || data->data_flags || rec->flags)) {
		s->flawed = true;
		printf("%u: a record at %llu with flags %#x %#x, after %llu bytes\n",
		       data->flow.local_port, (unsigned long long)data->stream_offset, rec->flags,
		       data->data_flags, (unsigned long long)s->bytes);
	}
	stream_add(s, (const uint8_t *)data->data, data->n);
}

static int read_file(const char *path)
{
	static struct seen table[CONNECTIONS];
	static _Alignas(8) char buffer[REC_MAX];
	struct rec *rec = (void *)buffer;
	FILE *f = fopen(path, "rb");

	if (!f || fread(buffer, 16, 1, f) != 1)
		die("no recording");
	while (fread(rec, sizeof(*rec), 1, f) == 1) {
		size_t n = (rec->len + 7) / 8 * 8 - sizeof(*rec);

		if (rec->len < sizeof(*rec) || rec->len > REC_MAX ||
		    (n && fread(rec + 1, n, 1, f) != 1))
			die("a torn recording");
		see(table, rec);
	}
	for (unsigned i = 0; i < CONNECTIONS; i++)
		for (int d = 0; d < DIRECTIONS; d++)
			stream_print(table[i].port, d, &table[i].streams[d]);
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "run"))
		return run(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "read"))
		return read_file(argv[2]);
	fprintf(stderr, "usage: tls_totals run CERTIFICATE KEY | read FILE.raw\n");
	return 2;
}
