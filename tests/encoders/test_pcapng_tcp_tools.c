/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plaintext as TCP, judged by programs that we did not write. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/events.h"
#include "tests/support/talk.h"

extern const struct encoder_ops encoder_pcapng;

#define OUT DIRECTION_TRANSMIT
#define IN  DIRECTION_RECEIVE

enum {
	PART = 16384
};

#define SAYS(t, direction, literal) assert_int_equal(talk_says(t, direction, BYTES(literal)), 0)

static void start(struct encoding *e)
{
	encoding_open(e, &encoder_pcapng, NULL, NULL);
	encoding_begin(e);
}

/* Ends e and leaves it in a file; no reader finds anything wrong in it. */
static const char *finish(struct encoding *e)
{
	const char *path;
	char *text;
	int status;

	encoding_end(e);
	path = encoding_file(e->p, e->n);
	encoding_close(e);
	text = encoding_run(&status,
			    "tshark -r %s -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y "
			    "'tcp.analysis.flags || tcp.checksum.status == 0 || "
			    "ip.checksum.status == 0 || _ws.malformed' 2>/dev/null",
			    path);
	assert_int_equal(status, 0);
	assert_string_equal(text, "");
	free(text);
	return path;
}

/* What tshark prints for a filter and -T fields options, NULL-terminated lines. */
static void assert_fields(const char *path, const char *filter, const char *fields,
			  const char *want)
{
	char *text = encoding_run(NULL, "tshark -r %s -Y '%s' -T fields %s 2>/dev/null", path,
				  filter, fields);

	assert_string_equal(text, want);
	free(text);
}

static void http1(struct encoding *e, struct bytes body)
{
	struct talk t = talk_new(e, 101, PROTOCOL_HTTP1);
	char head[128];

	SAYS(&t, OUT, "GET /big.bin?nonce HTTP/1.1\r\nHost: localhost\r\n\r\n");
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.n);
	assert_int_equal(talk_says(&t, IN, bytes_of(head)), 0);
	for (size_t i = 0; i < body.n; i += PART)
		talk_says(&t, IN,
			  (struct bytes){body.p + i, body.n - i < PART ? body.n - i : PART});
	SAYS(&t, OUT, "GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n");
	SAYS(&t, IN, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(talk_closes(&t), 0);
}

static void http1_is_followed_and_exported(void **state)
{
	struct bytes body = {NULL, 3000000};
	char *bytes = malloc(body.n), *text;
	uint64_t seed = 1;
	struct encoding e;
	const char *path;
	int status;

	if (!encoding_has("tshark"))
		skip();
	for (size_t i = 0; i < body.n; i++)
		bytes[i] = events_random(&seed);
	body.p = bytes;
	start(&e);
	http1(&e, body);
	path = finish(&e);
	assert_fields(path, "http.request", "-e http.request.uri -e frame.interface_name",
		      "/big.bin?nonce\ttls-plain\n/second\ttls-plain\n");
	assert_fields(path, "http.response", "-e http.response.code", "200\n404\n");
	assert_fields(path, "tcp.flags.syn == 1 && tcp.flags.ack == 0", "-e frame.comment",
		      "pid=1234 comm=curl orig=192.0.2.20:8443 protocol=http1 library=openssl\n");
	text = encoding_run(&status,
			    "d=$(mktemp -d) && tshark -q -r %s --export-objects http,$d "
			    ">/dev/null 2>&1; cat $d/big.bin*; rm -r $d",
			    path);
	assert_memory_equal(text, bytes, body.n);
	free(text);
	text = encoding_run(&status, "tshark -q -r %s -z follow,tcp,ascii,0 2>/dev/null | head -12",
			    path);
	assert_non_null(strstr(text, "Node 0: 192.0.2.1:40000\nNode 1: 192.0.2.20:80\n"));
	assert_non_null(strstr(text, "GET /big.bin?nonce HTTP/1.1"));
	free(text);
	free(bytes);
}

static void http2(struct encoding *e)
{
	struct talk t = talk_new(e, 102, PROTOCOL_HTTP2);

	t.flow.local_port = 40002;
	SAYS(&t, OUT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	SAYS(&t, OUT, "\0\0\0\4\0\0\0\0\0");
	SAYS(&t, IN, "\0\0\0\4\0\0\0\0\0");
	/* HEADERS of stream 1: GET, https, a path and an authority as literals */
	SAYS(&t, OUT, "\0\0\x19\1\5\0\0\0\1\x82\x87\x44\x0a/n.txt?two\x41\x09localhost");
	SAYS(&t, IN, "\0\0\1\1\5\0\0\0\1\x88");
	assert_int_equal(talk_closes(&t), 0);
}

/* The request for TLS is not in the plaintext: the login has number 1 or 2. */
static void mysql(struct encoding *e)
{
	struct talk t = talk_new(e, 103, PROTOCOL_MYSQL);

	t.flow.local_port = 40003;
	t.flow.remote_port = 3306;
	SAYS(&t, OUT,
	     "\x27\0\0\2\x85\xa2\x1a\0\0\0\0\1\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	     "alice\0\0");
	SAYS(&t, IN, "\7\0\0\3\0\0\0\2\0\0\0");
	SAYS(&t, OUT, "\x15\0\0\0\3SELECT 'nonce mysql'");
	SAYS(&t, IN, "\7\0\0\1\0\1\0\2\0\0\0");
	assert_int_equal(talk_closes(&t), 0);
}

static void postgres(struct encoding *e)
{
	struct talk t = talk_new(e, 104, PROTOCOL_POSTGRES);

	t.flow.local_port = 40004;
	t.flow.remote_port = 5432;
	SAYS(&t, OUT, "\0\0\0\x14\0\3\0\0user\0alice\0\0");
	SAYS(&t, IN, "R\0\0\0\x08\0\0\0\0Z\0\0\0\5I");
	SAYS(&t, OUT, "Q\0\0\0\x1cSELECT 'nonce postgres'\0");
	assert_int_equal(talk_closes(&t), 0);
}

static void smtp(struct encoding *e)
{
	struct talk t = talk_new(e, 105, PROTOCOL_SMTP);

	t.flow.local_port = 40005;
	SAYS(&t, IN, "220 mail.example ESMTP\r\n");
	SAYS(&t, OUT, "EHLO client.example\r\n");
	SAYS(&t, IN, "250 mail.example\r\n");
	SAYS(&t, OUT, "MAIL FROM:<nonce@client.example>\r\n");
	assert_int_equal(talk_closes(&t), 0);
}

static void ldap(struct encoding *e)
{
	struct talk t = talk_new(e, 106, PROTOCOL_LDAP);

	t.flow.local_port = 40006;
	/* bindRequest 1, version 3, name, simple authentication */
	SAYS(&t, OUT,
	     "\x30\x16\2\1\1\x60\x11\2\1\3\4\x08"
	     "cn=nonce\x80\2pw");
	SAYS(&t, IN, "\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0");
	assert_int_equal(talk_closes(&t), 0);
}

static void redis(struct encoding *e)
{
	struct talk t = talk_new(e, 107, PROTOCOL_REDIS);

	t.flow.local_port = 40007;
	SAYS(&t, OUT, "*2\r\n$3\r\nGET\r\n$5\r\nnonce\r\n");
	SAYS(&t, IN, "+OK\r\n");
	assert_int_equal(talk_closes(&t), 0);
}

static void websocket(struct encoding *e)
{
	struct talk t = talk_new(e, 108, PROTOCOL_HTTP1);

	t.flow.local_port = 40008;
	SAYS(&t, OUT,
	     "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
	     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	SAYS(&t, IN,
	     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	     "Connection: Upgrade\r\n"
	     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
	SAYS(&t, IN, "\x81\5nonce");
	assert_int_equal(talk_closes(&t), 0);
}

static void ip6(struct encoding *e)
{
	struct talk t = talk_new(e, 109, PROTOCOL_HTTP1);

	t.flow.family = AF_INET6;
	memcpy(t.flow.local, &in6addr_loopback, 16);
	memcpy(t.flow.remote, &in6addr_loopback, 16);
	SAYS(&t, OUT, "GET /six HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_int_equal(talk_closes(&t), 0);
}

static void each_protocol_is_dissected(void **state)
{
	static void (*const talks[])(struct encoding *) = {http2, mysql, postgres,  smtp,
							   ldap,  redis, websocket, ip6};
	struct encoding e;
	const char *path;

	if (!encoding_has("tshark"))
		skip();
	start(&e);
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		talks[i](&e);
	path = finish(&e);
	assert_fields(path,
		      "http2.headers.path || mysql.query || pgsql.query || smtp.req.command || "
		      "ldap.name || resp.bulk_string || websocket || "
		      "(ipv6.addr == ::1 && http.request)",
		      "-e http2.headers.path -e mysql.query -e pgsql.query "
		      "-e smtp.req.parameter -e ldap.name -e resp.bulk_string.value "
		      "-e websocket.opcode -e http.request.uri -E 'separator=|'",
		      "/n.txt?two|||||||\n"
		      "|SELECT 'nonce mysql'||||||\n"
		      "||SELECT 'nonce postgres'|||||\n"
		      "|||client.example||||\n"
		      "|||FROM:<nonce@client.example>||||\n"
		      "||||cn=nonce|||\n"
		      "|||||474554,6e6f6e6365||\n"
		      "||||||1|\n"
		      "|||||||/six\n");
}

static void others_read_it(void **state)
{
	static const struct {
		const char *tool, *before, *after;
	} commands[] = {{"tcpdump", "-nr", ""},
			{"capinfos", "", ""},
			{"editcap", "", "/dev/null"},
			{"mergecap", "-w /dev/null", ""}};
	char body[100] = "";
	struct encoding e;
	const char *path;

	start(&e);
	http1(&e, (struct bytes){body, sizeof(body)});
	ip6(&e);
	encoding_end(&e);
	path = encoding_file(e.p, e.n);
	encoding_close(&e);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int status;

		if (!encoding_has(commands[i].tool))
			continue;
		free(encoding_run(&status, "%s %s %s %s >/dev/null 2>&1", commands[i].tool,
				  commands[i].before, path, commands[i].after));
		if (status)
			fail_msg("%s: exit %d", commands[i].tool, status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http1_is_followed_and_exported),
		cmocka_unit_test(each_protocol_is_dissected),
		cmocka_unit_test(others_read_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
