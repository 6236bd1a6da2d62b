/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time of an SSL_write and an SSL_read of the same bytes, both ends in this process.
 *
 *   tls_calls BYTES [PAIRS-PER-SECOND SECONDS]
 *
 * Prints nanoseconds per pair; or keeps that rate for that time, and prints how many pairs there
 * were. Certificate and key are made here.
 */
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PAIRS = 20000,
	BYTES_MAX = 16384
};

static void die(const char *what)
{
	fprintf(stderr, "tls_calls: %s\n", what);
	exit(1);
}

static void certify(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	if (!X509_sign(cert, key, EVP_sha256()) || SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1)
		die("no certificate");
}

static void connect_ends(SSL *ends[2])
{
	int fds[2], done = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		die("no sockets");
	for (int i = 0; i < 2; i++) {
		SSL_CTX *ctx = SSL_CTX_new(i ? TLS_server_method() : TLS_client_method());

		if (i)
			certify(ctx);
		ends[i] = SSL_new(ctx);
		SSL_set_fd(ends[i], fds[i]);
	}
	SSL_set_connect_state(ends[0]);
	SSL_set_accept_state(ends[1]);
	while (done != 3)
		for (int i = 0; i < 2; i++)
			done |= (SSL_do_handshake(ends[i]) == 1) << i;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void call_pair(SSL *ends[2], int n)
{
	static char out[BYTES_MAX], in[BYTES_MAX];

	if (SSL_write(ends[0], out, n) != n || SSL_read(ends[1], in, n) != n)
		die("a call failed");
}

/* Every millisecond what is due. */
static void keep_rate(SSL *ends[2], int n, double rate, double seconds)
{
	double start = now_ns(), done = 0, passed;
	struct timespec pause = {.tv_nsec = 1000000};

	do {
		passed = (now_ns() - start) / 1e9;
		if (passed > seconds)
			passed = seconds;
		for (; done < rate * passed; done++)
			call_pair(ends, n);
		nanosleep(&pause, NULL);
	} while (passed < seconds);
	printf("%.0f\n", done);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
	double start;
	SSL *ends[2];

	if (n < 1 || n > BYTES_MAX || argc == 3)
		die("usage: tls_calls BYTES [PAIRS-PER-SECOND SECONDS]");
	connect_ends(ends);
	if (argc > 3) {
		keep_rate(ends, n, strtod(argv[2], NULL), strtod(argv[3], NULL));
		return 0;
	}
	start = now_ns();
	for (int i = 0; i < PAIRS; i++)
		call_pair(ends, n);
	printf("%.0f\n", (now_ns() - start) / PAIRS);
	return 0;
}
