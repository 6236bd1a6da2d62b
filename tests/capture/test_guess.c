/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/guess.h"
#include "tests/support/events.h"

static enum protocol guess(enum flow_role role, uint16_t port, bool to_server, struct bytes b)
{
	struct flow flow = {.role = role};
	bool transmit = to_server == (role != FLOW_ROLE_SERVER);
	/* exactly as large, so that a sanitizer sees each byte too many */
	char *copy = malloc(b.n);
	enum protocol r;

	flow.local_port = flow.remote_port = 50000;
	*(role == FLOW_ROLE_SERVER ? &flow.local_port : &flow.remote_port) = port;
	if (b.n)
		memcpy(copy, b.p, b.n);
	r = guess_protocol(&flow, transmit ? DIRECTION_TRANSMIT : DIRECTION_RECEIVE,
			   (struct bytes){copy, b.n});
	free(copy);
	return r;
}

#define TO_SERVER true
#define TO_CLIENT false

/* What programs really send first, or may send next. */
static const struct {
	enum protocol protocol;
	bool to_server;
	struct bytes bytes;
} firsts[] = {
	{PROTOCOL_HTTP1, TO_SERVER, BYTES("GET /n.txt?x HTTP/1.1\r\nHost: a\r\n\r\n")},
	{PROTOCOL_HTTP1, TO_SERVER, BYTES("GET /a-long-path-whose-end-is-not-her")},
	{PROTOCOL_HTTP1, TO_SERVER, BYTES("POST http://a/ HTTP/1.0\r\n")},
	{PROTOCOL_HTTP1, TO_SERVER, BYTES("CONNECT a:443 HTTP/1.1\r\n\r\n")},
	{PROTOCOL_HTTP1, TO_SERVER, BYTES("MKCALENDAR /cal HTTP/1.1\r\n")},
	{PROTOCOL_HTTP1, TO_SERVER, BYTES("M-SEARCH * HTTP/1.1\r\n")},
	{PROTOCOL_HTTP1, TO_CLIENT, BYTES("HTTP/1.1 200 OK\r\n")},
	{PROTOCOL_HTTP2, TO_SERVER, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\4\0\0\0\0\0")},
	{PROTOCOL_HTTP2, TO_CLIENT, BYTES("\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80")},
	{PROTOCOL_HTTP2, TO_CLIENT, BYTES("\0\0\0\4\0\0\0\0\0")},
	/* mysql 8.0, mariadb 10.11 */
	{PROTOCOL_MYSQL, TO_SERVER,
	 BYTES("\x27\0\0\2\x85\xae\xff\x19\0\0\0\1\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	       "\0"
	       "alice\0\0")},
	{PROTOCOL_MYSQL, TO_SERVER,
	 BYTES("\x27\0\0\2\x85\xae\xff\x01\0\0\0\1\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x1d\0"
	       "\0\0"
	       "alice\0\0")},
	{PROTOCOL_MYSQL, TO_SERVER, BYTES("\xbc\0\0\2")}, /* mariadbd reads the head alone */
	{PROTOCOL_UNKNOWN, TO_SERVER, BYTES("\x1f\0\0\2")},
	{PROTOCOL_UNKNOWN, TO_SERVER, BYTES("\0\x10\0\2")},
	{PROTOCOL_MYSQL, TO_SERVER, BYTES("\x09\0\0\0\3SELECT 1")},
	{PROTOCOL_POSTGRES, TO_SERVER, BYTES("\0\0\0\x14\0\3\0\0user\0alice\0\0")},
	{PROTOCOL_POSTGRES, TO_SERVER, BYTES("\0\0\0\x14\0\3\0\2user\0alice\0\0")},
	{PROTOCOL_POSTGRES, TO_SERVER, BYTES("Q\0\0\0\x0dSELECT 1\0")},
	{PROTOCOL_POSTGRES, TO_SERVER,
	 BYTES("P\0\0\0\x10\0SELECT 1\0\0\0B\0\0\0\x0c\0\0\0\0\0\0\0\0S\0\0\0\4")},
	{PROTOCOL_POSTGRES, TO_CLIENT, BYTES("R\0\0\0\x08\0\0\0\0Z\0\0\0\5I")},
	{PROTOCOL_REDIS, TO_SERVER, BYTES("*1\r\n$4\r\nPING\r\n")},
	{PROTOCOL_REDIS, TO_SERVER, BYTES("*12\r\n$5\r\nHELLO\r\n")},
	{PROTOCOL_SMTP, TO_CLIENT, BYTES("220 mail.example ESMTP Postfix\r\n")},
	{PROTOCOL_SMTP, TO_CLIENT, BYTES("220-ftp.example ESMTP Exim 4.96\r\n")},
	{PROTOCOL_SMTP, TO_CLIENT, BYTES("220 mail.example ready\r\n")},
	{PROTOCOL_SMTP, TO_SERVER, BYTES("EHLO client.example\r\n")},
	{PROTOCOL_SMTP, TO_SERVER, BYTES("LHLO client.example\r\n")},
	{PROTOCOL_SMTP, TO_SERVER, BYTES("ehlo [127.0.1.1]\r\n")}, /* Python, after STARTTLS */
	{PROTOCOL_FTP, TO_CLIENT, BYTES("220 (vsFTPd 3.0.3)\r\n")},
	{PROTOCOL_FTP, TO_CLIENT, BYTES("220---------- Welcome to Pure-FTPd\r\n")},
	{PROTOCOL_FTP, TO_CLIENT, BYTES("331 Password required for alice\r\n")},
	{PROTOCOL_FTP, TO_SERVER, BYTES("PBSZ 0\r\n")},
	{PROTOCOL_IMAP, TO_CLIENT, BYTES("* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n")},
	{PROTOCOL_IMAP, TO_SERVER, BYTES("a001 CAPABILITY\r\n")},
	{PROTOCOL_IMAP, TO_SERVER, BYTES("1 LOGIN alice secret\r\n")},
	{PROTOCOL_IMAP, TO_SERVER, BYTES("a login alice secret\r\n")},
	{PROTOCOL_POP3, TO_CLIENT, BYTES("+OK Dovecot ready.\r\n")},
	{PROTOCOL_POP3, TO_SERVER, BYTES("CAPA\r\n")},
	{PROTOCOL_LDAP, TO_SERVER, BYTES("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0")},
	{PROTOCOL_LDAP, TO_SERVER, BYTES("\x30\x84\0\0\0\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0")},
	{PROTOCOL_LDAP, TO_CLIENT, BYTES("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0")},
	{PROTOCOL_MQTT, TO_SERVER, BYTES("\x10\x0c\0\4MQTT\4\2\0\x3c\0\0")},
	{PROTOCOL_MQTT, TO_SERVER, BYTES("\x10\x8c\1\0\4MQTT\5\2\0\x3c\0\0")},
	{PROTOCOL_MQTT, TO_SERVER, BYTES("\x10\x0e\0\6MQIsdp\3\2\0\x3c\0\0")},
	{PROTOCOL_AMQP, TO_SERVER, BYTES("AMQP\0\0\x09\1")},
	{PROTOCOL_AMQP, TO_SERVER, BYTES("AMQP\3\1\0\0")},
	{PROTOCOL_DNS, TO_SERVER,
	 BYTES("\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1")},
	{PROTOCOL_MONGODB, TO_SERVER,
	 BYTES("\x1f\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x0a\0\0\0\x10hi\0\1\0")},
	{PROTOCOL_XMPP, TO_SERVER,
	 BYTES("<?xml version='1.0'?><stream:stream xmlns='jabber:client'>")},
	{PROTOCOL_SIP, TO_SERVER, BYTES("REGISTER sip:example.com SIP/2.0\r\n")},
	{PROTOCOL_SIP, TO_CLIENT, BYTES("SIP/2.0 200 OK\r\n")},
};

enum {
	FIRSTS = sizeof(firsts) / sizeof(firsts[0]),
	SOME_PORT = 12345
};

static void real_first_bytes_are_known(void **state)
{
	static const enum flow_role roles[] = {FLOW_ROLE_CLIENT, FLOW_ROLE_SERVER,
					       FLOW_ROLE_UNKNOWN};

	for (size_t i = 0; i < FIRSTS; i++)
		for (size_t role = 0; role < 3; role++) {
			enum protocol p =
				guess(roles[role], SOME_PORT, firsts[i].to_server, firsts[i].bytes);

			if (p != firsts[i].protocol)
				fail_msg("row %zu, role %u: '%.20s' is %s, not %s", i, roles[role],
					 firsts[i].bytes.p, event_protocol_name(p),
					 event_protocol_name(firsts[i].protocol));
		}
}

static void others_stay_unknown(void **state)
{
	static const struct {
		bool to_server;
		struct bytes bytes;
	} rows[] = {
		{TO_SERVER, {NULL, 0}},
		{TO_SERVER, BYTES("G")},
		{TO_SERVER, BYTES("GET ")},
		{TO_SERVER, BYTES("hello\n")},
		{TO_SERVER, BYTES("GET the book\r\n")},
		{TO_SERVER, BYTES("DESCRIBE rtsp://a/b RTSP/1.0\r\n")},
		{TO_CLIENT, BYTES("GET /n.txt HTTP/1.1\r\n\r\n")},
		{TO_SERVER, BYTES("HTTP/1.1 200 OK\r\n")},
		{TO_SERVER, BYTES("+OK\r\n")},
		{TO_CLIENT, BYTES("+OK\r\n")},
		{TO_SERVER, BYTES("*a\r\n$4\r\n")},
		{TO_SERVER, BYTES("*1\r\n")},
		{TO_SERVER, BYTES("\0\0\0\4\0\0\0\0\0")},
		{TO_SERVER, BYTES("Q\0\0\0\xff"
				  "SELECT 1\0")},
		{TO_SERVER, BYTES("\x30\x0c\2\1\1\4\7\2\1\3\4\0\x80\0")},
		{TO_SERVER, BYTES("\x10\x0c\0\4MQT")},
		{TO_SERVER, BYTES("{\"json\": 1}\n")},
		{TO_SERVER, BYTES("\x16\3\1\2\0\1\0\1\xfc\3\3")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum protocol p =
			guess(FLOW_ROLE_CLIENT, SOME_PORT, rows[i].to_server, rows[i].bytes);

		if (p)
			fail_msg("row %zu is %s", i, event_protocol_name(p));
	}
}

/* The port decides only where the bytes do not. */
static void ports_come_second(void **state)
{
	struct bytes binary = BYTES("\xff\xfe\xfd\xfc"), http = BYTES("GET / HTTP/1.1\r\n");

	for (enum flow_role role = FLOW_ROLE_CLIENT; role <= FLOW_ROLE_SERVER; role++) {
		assert_int_equal(guess(role, 3306, TO_CLIENT, binary), PROTOCOL_MYSQL);
		assert_int_equal(guess(role, 636, TO_SERVER, binary), PROTOCOL_LDAP);
		assert_int_equal(guess(role, 443, TO_SERVER, binary), PROTOCOL_UNKNOWN);
		assert_int_equal(guess(role, 6379, TO_SERVER, http), PROTOCOL_HTTP1);
	}
	assert_int_equal(guess(FLOW_ROLE_CLIENT, 990, TO_CLIENT, BYTES("220 ready\r\n")),
			 PROTOCOL_FTP);
}

/* Each start of each sample, with one bit after the other turned, and random bytes: no read
 * outside, and random bytes are hardly ever taken for something. */
static void hostile_bytes(void **state)
{
	uint64_t seed = 5;
	unsigned taken = 0;
	char text[256];

	for (size_t i = 0; i < FIRSTS; i++)
		for (size_t n = 0; n <= firsts[i].bytes.n; n++) {
			memcpy(text, firsts[i].bytes.p, n);
			for (size_t bit = 0; bit < n * 8; bit += 3) {
				text[bit / 8] ^= 1 << bit % 8;
				guess(FLOW_ROLE_UNKNOWN, SOME_PORT, TO_SERVER,
				      (struct bytes){text, n});
				text[bit / 8] ^= 1 << bit % 8;
			}
		}
	for (unsigned i = 0; i < 100000; i++) {
		size_t n = 1 + events_random(&seed) % 64;

		for (size_t j = 0; j < n; j++)
			text[j] = events_random(&seed);
		taken += guess(FLOW_ROLE_UNKNOWN, SOME_PORT, i % 2, (struct bytes){text, n}) !=
			 PROTOCOL_UNKNOWN;
	}
	assert_true(taken < 10);
}

static void each_protocol_has_a_port(void **state)
{
	for (unsigned p = 0; p < PROTOCOLS; p++) {
		assert_true(event_protocol_port(p) > 0);
		assert_true(*event_protocol_name(p));
	}
	assert_int_equal(event_protocol_port(PROTOCOLS), 9);
	assert_string_equal(event_protocol_name(PROTOCOLS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_first_bytes_are_known), cmocka_unit_test(others_stay_unknown),
		cmocka_unit_test(ports_come_second),          cmocka_unit_test(hostile_bytes),
		cmocka_unit_test(each_protocol_has_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
