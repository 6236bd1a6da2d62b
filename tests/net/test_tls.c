/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is trusted, and what is said of those who are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/base/bytes.h"
#include "tests/support/certs.h"
#include "tests/support/ends.h"
#include "tests/support/temp.h"

enum {
	DAY = 24 * 3600
};

static int make_certificates(void **state)
{
	static const struct {
		const char *name;
		struct cert_plan plan;
	} all[] = {
		{"root", {.cn = "the root", .authority = true}},
		{"stranger", {.cn = "another root", .authority = true}},
		{"oldroot", {.cn = "old root", .authority = true, .from = -DAY, .to = -60}},
		{"server", {.cn = "s", .san = "DNS:localhost,IP:127.0.0.1", .issuer = "root"}},
		{"named", {.cn = "named.test", .issuer = "root"}},
		{"wild", {.cn = "w", .san = "DNS:*.wild.test", .issuer = "root"}},
		{"other", {.cn = "o", .san = "DNS:other.test", .issuer = "root"}},
		{"expired",
		 {.cn = "e", .san = "DNS:localhost", .issuer = "root", .from = -DAY, .to = -60}},
		{"early",
		 {.cn = "e", .san = "DNS:localhost", .issuer = "root", .from = DAY, .to = 2 * DAY}},
		{"selfsigned", {.cn = "localhost", .san = "DNS:localhost"}},
		{"foreign", {.cn = "f", .san = "DNS:localhost", .issuer = "stranger"}},
		{"ofold", {.cn = "f", .san = "DNS:localhost", .issuer = "oldroot"}},
		{"web1", {.cn = "x", .san = "DNS:web1.test,DNS:web1", .issuer = "root"}},
		{"web2", {.cn = "web2.test", .issuer = "root"}},
		{"evil", {.cn = "web1.test", .san = "DNS:evil.test", .issuer = "root"}},
		{"spaced", {.cn = "web1.test web2", .issuer = "root"}},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		certs_make(all[i].name, &all[i].plan);
	return 0;
}

/* Paths of the certificates of these names; they live as long as the test. */
struct paths {
	char ca[PATH_MAX], cert[PATH_MAX], key[PATH_MAX];
};

static struct tls_cfg cfg_of(struct paths *p, const char *ca, const char *cert)
{
	char name[64];

	if (ca) {
		snprintf(name, sizeof(name), "%s.pem", ca);
		temp_path(p->ca, name);
	}
	if (cert) {
		snprintf(name, sizeof(name), "%s.pem", cert);
		temp_path(p->cert, name);
		snprintf(name, sizeof(name), "%s.key", cert);
		temp_path(p->key, name);
	}
	return (struct tls_cfg){.ca = ca ? p->ca : NULL,
				.cert = cert ? p->cert : NULL,
				.key = cert ? p->key : NULL};
}

static struct tls *client_of(const char *ca, const char *cert, const char *servername)
{
	struct paths p;
	struct tls_cfg cfg = cfg_of(&p, ca, cert);
	struct tls *t = NULL;

	cfg.servername = servername;
	assert_int_equal(tls_client_new(&cfg, &t, NULL), 0);
	return t;
}

static struct tls *server_of(const char *ca, const char *cert, const char *allow)
{
	struct paths p;
	struct tls_cfg cfg = cfg_of(&p, ca, cert);
	struct tls *t = NULL;

	cfg.allow = allow;
	assert_int_equal(tls_server_new(&cfg, &t, NULL), 0);
	return t;
}

/* What stands behind "host:port: ". */
static const char *line_of(const struct conn *c)
{
	const char *line = strstr(conn_why(c), ": ");

	return line ? line + 2 : "";
}

struct meeting {
	const char *host;                      /* that the client dials */
	const char *ca, *cert, *servername;    /* the client's */
	const char *own, *server_ca, *allow;   /* the server's */
	int client, server;                    /* what each of them says in the end */
	const char *client_line, *server_line; /* and why */
	const char *client_name;               /* of the client, as the server sees it */
};

/* A client that is refused with TLS 1.3 hears of it when it reads. */
static void meet(const struct meeting *m)
{
	struct tls *client = client_of(m->ca, m->cert, m->servername);
	struct tls *server = server_of(m->server_ca, m->own, m->allow);
	struct ends e;
	int a, b;

	ends_open(&e, client, server, m->host);
	tls_free(client); /* connections hold what they need of these */
	tls_free(server);
	ends_handshake(&e, &a, &b);
	if (a == 0 && b < 0)
		a = (int)ends_drain(e.client);
	assert_string_equal(line_of(e.client), m->client_line ? m->client_line : "");
	assert_string_equal(line_of(e.server), m->server_line ? m->server_line : "");
	assert_int_equal(a, m->client);
	assert_int_equal(b, m->server);
	assert_string_equal(conn_peer_name(e.server), m->client_name ? m->client_name : "");
	if (a == 0) {
		char got[5];

		ends_write(e.client, "hello", 5);
		assert_int_equal(ends_read(e.server, got, 5), 5);
	}
	ends_close(&e);
}

static void meet_all(const struct meeting *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		meet(&all[i]);
}

#define MEET(...)                                                                                  \
	do {                                                                                       \
		static const struct meeting all_[] = {__VA_ARGS__};                                \
		meet_all(all_, sizeof(all_) / sizeof(all_[0]));                                    \
	} while (0)

static void the_right_name_is_trusted(void **state)
{
	MEET({.host = "localhost", .ca = "root", .own = "server"},
	     {.host = "LOCALHOST.", .ca = "root", .own = "server"},
	     {.host = "127.0.0.1", .ca = "root", .own = "server"},
	     {.host = "10.1.2.3", .ca = "root", .servername = "localhost", .own = "server"},
	     {.host = "named.test", .ca = "root", .own = "named"},
	     {.host = "a.wild.test", .ca = "root", .own = "wild"},
	     {.host = "localhost", .ca = "selfsigned", .own = "selfsigned"},
	     {.host = "localhost", .ca = "server", .own = "server"});
}

static void a_wrong_name_is_refused(void **state)
{
	MEET({.host = "localhost",
	      .ca = "root",
	      .own = "other",
	      .client = -EACCES,
	      .client_line = "its certificate is for other.test, not for localhost",
	      .server = -EACCES,
	      .server_line = "it does not accept our certificate"},
	     {.host = "127.0.0.2",
	      .ca = "root",
	      .own = "server",
	      .client = -EACCES,
	      .client_line = "its certificate is for localhost, not for 127.0.0.2",
	      .server = -EACCES,
	      .server_line = "it does not accept our certificate"},
	     {.host = "localhost",
	      .ca = "root",
	      .servername = "named.test",
	      .own = "server",
	      .client = -EACCES,
	      .client_line = "its certificate is for localhost, not for named.test",
	      .server = -EACCES,
	      .server_line = "it does not accept our certificate"},
	     {.host = "x.y.wild.test",
	      .ca = "root",
	      .own = "wild",
	      .client = -EACCES,
	      .client_line = "its certificate is for *.wild.test, not for x.y.wild.test",
	      .server = -EACCES,
	      .server_line = "it does not accept our certificate"});
}

static void what_is_not_valid_is_refused(void **state)
{
	MEET({.host = "localhost",
	      .ca = "root",
	      .own = "expired",
	      .client = -EACCES,
	      .client_line = "its certificate has expired",
	      .server = -EACCES,
	      .server_line = "it says that our certificate has expired or is not yet valid"},
	     {.host = "localhost",
	      .ca = "root",
	      .own = "early",
	      .client = -EACCES,
	      .client_line = "its certificate is not yet valid",
	      .server = -EACCES,
	      .server_line = "it does not accept our certificate"},
	     {.host = "localhost",
	      .ca = "root",
	      .own = "selfsigned",
	      .client = -EACCES,
	      .client_line = "its certificate is self-signed, and not one that is trusted",
	      .server = -EACCES,
	      .server_line = "it does not trust the authority of our certificate"},
	     {.host = "localhost",
	      .ca = "root",
	      .own = "foreign",
	      .client = -EACCES,
	      .client_line = "its certificate is of an authority that is not trusted",
	      .server = -EACCES,
	      .server_line = "it does not trust the authority of our certificate"},
	     {.host = "localhost",
	      .ca = "oldroot",
	      .own = "ofold",
	      .client = -EACCES,
	      .client_line = "the certificate of its authority has expired",
	      .server = -EACCES,
	      .server_line = "it says that our certificate has expired or is not yet valid"});
}

static void without_ca_the_systems_authorities_are_trusted_and_not_ours(void **state)
{
	MEET({.host = "localhost",
	      .own = "server",
	      .client = -EACCES,
	      .client_line = "its certificate is of an authority that is not trusted",
	      .server = -EACCES,
	      .server_line = "it does not trust the authority of our certificate"});
}

static void clients_show_who_they_are(void **state)
{
	MEET({.host = "localhost",
	      .ca = "root",
	      .cert = "web1",
	      .own = "server",
	      .server_ca = "root",
	      .client_name = "web1.test"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "web2",
	      .own = "server",
	      .server_ca = "root",
	      .client_name = "web2.test"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "web1",
	      .own = "server",
	      .server_ca = "root",
	      .allow = "a.test+web1.test",
	      .client_name = "web1.test"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "web1",
	      .own = "server",
	      .server_ca = "root",
	      .allow = "WEB1",
	      .client_name = "web1.test"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "web2",
	      .own = "server",
	      .server_ca = "root",
	      .allow = "web1.test:web2.test",
	      .client_name = "web2.test"});
}

static void clients_that_are_not_wanted_are_told(void **state)
{
	MEET({.host = "localhost",
	      .ca = "root",
	      .own = "server",
	      .server_ca = "root",
	      .client = -EACCES,
	      .client_line = "it wants a certificate of ours (cert=)",
	      .server = -EACCES,
	      .server_line = "it shows no certificate"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "web2",
	      .own = "server",
	      .server_ca = "root",
	      .allow = "web1.test+web",
	      .client = -EACCES,
	      .client_line = "it does not accept our certificate",
	      .server = -EACCES,
	      .server_line = "its name, 'web2.test', is not one that is allowed"},
	     /* A DNS name makes the CN void. */
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "evil",
	      .own = "server",
	      .server_ca = "root",
	      .allow = "web1.test",
	      .client = -EACCES,
	      .client_line = "it does not accept our certificate",
	      .server = -EACCES,
	      .server_line = "its name, 'evil.test', is not one that is allowed"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "spaced",
	      .own = "server",
	      .server_ca = "root",
	      .allow = "web1.test",
	      .client = -EACCES,
	      .client_line = "it does not accept our certificate",
	      .server = -EACCES,
	      .server_line = "its name, '', is not one that is allowed"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "foreign",
	      .own = "server",
	      .server_ca = "root",
	      .client = -EACCES,
	      .client_line = "it does not trust the authority of our certificate",
	      .server = -EACCES,
	      .server_line = "its certificate is of an authority that is not trusted"},
	     {.host = "localhost",
	      .ca = "root",
	      .cert = "expired",
	      .own = "server",
	      .server_ca = "root",
	      .client = -EACCES,
	      .client_line = "it says that our certificate has expired or is not yet valid",
	      .server = -EACCES,
	      .server_line = "its certificate has expired"});
}

/* A client of OpenSSL's own, so that it can be told to be old. */
static void meet_raw(int most, const char *level, const char *cert, int server_code,
		     const char *server_line)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct tls *server = server_of(cert ? "root" : NULL, "server", NULL);
	struct conn *c;
	SSL *ssl;
	int a, b, r = -EAGAIN;

	SSL_CTX_set_min_proto_version(ctx, most);
	SSL_CTX_set_max_proto_version(ctx, most);
	SSL_CTX_set_cipher_list(ctx, level);
	ssl = SSL_new(ctx);
	ends_sockets(&a, &b);
	assert_int_equal(conn_new(b, server, NULL, &c), 0);
	SSL_set_fd(ssl, a);
	while (r == -EAGAIN) {
		SSL_connect(ssl);
		r = conn_handshake(c);
	}
	assert_string_equal(line_of(c), server_line);
	assert_int_equal(r, server_code);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(a);
	conn_close(c);
	tls_free(server);
}

static void an_old_client_is_refused(void **state)
{
	meet_raw(TLS1_1_VERSION, "DEFAULT@SECLEVEL=0", NULL, -EPROTO,
		 "it does not speak TLS 1.2 or later");
	meet_raw(TLS1_2_VERSION, "DEFAULT", NULL, 0, "");
	meet_raw(TLS1_2_VERSION, "DEFAULT", "root", -EACCES, "it shows no certificate");
	meet_raw(TLS1_2_VERSION, "DHE-RSA-AES128-SHA", NULL, -EPROTO,
		 "its TLS and ours have nothing in common");
}

/* A server of OpenSSL's own. */
static void be_served(int most, bool asks, int code, const char *line)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct tls *client = client_of("root", NULL, NULL);
	struct conn *c;
	SSL *ssl;
	int a, b, r = -EAGAIN;
	char path[PATH_MAX];

	temp_path(path, "server.pem");
	assert_int_equal(SSL_CTX_use_certificate_file(ctx, path, SSL_FILETYPE_PEM), 1);
	temp_path(path, "server.key");
	assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), 1);
	SSL_CTX_set_min_proto_version(ctx, most);
	SSL_CTX_set_max_proto_version(ctx, most);
	SSL_CTX_set_security_level(ctx, 0);
	if (asks)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	ssl = SSL_new(ctx);
	ends_sockets(&a, &b);
	assert_int_equal(conn_new(a, client, "localhost", &c), 0);
	SSL_set_fd(ssl, b);
	while (r == -EAGAIN) {
		r = conn_handshake(c);
		SSL_accept(ssl);
	}
	assert_string_equal(line_of(c), line);
	assert_int_equal(r, code);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(b);
	conn_close(c);
	tls_free(client);
}

static void an_old_server_is_refused(void **state)
{
	be_served(TLS1_1_VERSION, false, -EPROTO, "it does not speak TLS 1.2 or later");
	be_served(TLS1_2_VERSION, false, 0, "");
	be_served(TLS1_2_VERSION, true, -EACCES, "it wants a certificate of ours (cert=)");
}

/* One end has TLS, the other one says that and leaves the line open. */
static int hear(bool we_serve, const char *said, size_t n, char ret_line[512])
{
	struct tls *client = client_of("root", NULL, NULL);
	struct tls *server = server_of(NULL, "server", NULL);
	struct ends e;
	struct conn *us, *them;
	int r;

	ends_open(&e, we_serve ? NULL : client, we_serve ? server : NULL, "localhost");
	us = we_serve ? e.server : e.client;
	them = we_serve ? e.client : e.server;
	if (n)
		ends_write(them, said, n);
	else
		conn_shutdown(them);
	while ((r = conn_handshake(us)) == -EAGAIN)
		assert_true(ends_wait(us, POLLIN));
	snprintf(ret_line, 512, "%s", line_of(us));
	ends_close(&e);
	tls_free(client);
	tls_free(server);
	return r;
}

static void who_speaks_no_tls_is_told_apart(void **state)
{
	static const struct bytes said[] = {
		BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"),
		BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		BYTES("\0\0\0\0\0\0\0\x22\0\0\0\x04\0\0\0\x01\0\0\0\x16protobuf:penstock.v1"),
		BYTES("SSH-2.0-OpenSSH_9.2\r\n"),
		BYTES("{\"type\":\"info\"}\n{\"type\":\"tls\"}\n"),
	};
	char line[512];

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		for (int we_serve = 0; we_serve < 2; we_serve++) {
			assert_int_equal(hear(we_serve, said[i].p, said[i].n, line), -EPROTO);
			assert_string_equal(line, "it does not speak TLS");
		}
	assert_int_equal(hear(false, NULL, 0, line), -ECONNRESET);
	assert_string_equal(line, "it hung up during the handshake");
	assert_int_equal(hear(true, NULL, 0, line), -ECONNRESET);
	assert_string_equal(line, "it hung up during the handshake");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_name_is_trusted),
		cmocka_unit_test(a_wrong_name_is_refused),
		cmocka_unit_test(what_is_not_valid_is_refused),
		cmocka_unit_test(without_ca_the_systems_authorities_are_trusted_and_not_ours),
		cmocka_unit_test(clients_show_who_they_are),
		cmocka_unit_test(clients_that_are_not_wanted_are_told),
		cmocka_unit_test(an_old_client_is_refused),
		cmocka_unit_test(an_old_server_is_refused),
		cmocka_unit_test(who_speaks_no_tls_is_told_apart),
	};

	return cmocka_run_group_tests(tests, make_certificates, NULL);
}
