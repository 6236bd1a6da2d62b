/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/guess.h"

#include <stdlib.h>

static bool starts(struct bytes b, const char *with)
{
	size_t n = strlen(with);

	return b.n >= n && memcmp(b.p, with, n) == 0;
}

static uint32_t be(struct bytes b, size_t at, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | (uint8_t)b.p[at + i];
	return v;
}

static bool is_http1(struct bytes b)
{
	static const char *const words[] = {"GET ",    "POST ",    "PUT ",      "HEAD ",
					    "DELETE ", "OPTIONS ", "PATCH ",    "CONNECT ",
					    "TRACE ",  "HTTP/1.",  "PROPFIND ", "REPORT "};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (starts(b, words[i]))
			return true;
	return false;
}

/* The client's preface, or a server that sends its SETTINGS first (RFC 9113, 3.4). */
static bool is_http2(struct bytes b)
{
	return starts(b, "PRI * HTTP/2.0\r\n") ||
	       (b.n >= 9 && be(b, 0, 3) % 6 == 0 && be(b, 0, 3) <= 96 && b.p[3] == 4 &&
		b.p[4] == 0 && be(b, 5, 4) == 0);
}

/* Over TLS the first message is the login, with sequence number 2 after the request for TLS. */
static bool is_mysql(struct bytes b)
{
	return b.n >= 36 && (uint8_t)b.p[0] + ((size_t)(uint8_t)b.p[1] << 8) + 4 == b.n &&
	       b.p[2] == 0 && b.p[3] == 2;
}

static bool is_postgres(struct bytes b)
{
	return b.n >= 8 && be(b, 0, 4) == b.n && be(b, 4, 4) == 196608;
}

/* A command as an array of strings, as every client sends it (RESP). */
static bool is_redis(struct bytes b)
{
	const char *eol = b.n > 4 && b.p[0] == '*' ? memchr(b.p, '\r', b.n < 8 ? b.n : 8) : NULL;

	return eol && eol + 2 < b.p + b.n && eol[1] == '\n' && eol[2] == '$';
}

/* LDAPMessage: SEQUENCE, messageID INTEGER, then an operation with an application tag (RFC 4511).
 */
static bool is_ldap(struct bytes b)
{
	size_t at = 2, id;

	if (b.n < 7 || b.p[0] != 0x30)
		return false;
	if ((uint8_t)b.p[1] & 0x80)
		at += (uint8_t)b.p[1] & 0x7f;
	if (at > 6 || at + 2 >= b.n || b.p[at] != 2)
		return false;
	id = (uint8_t)b.p[at + 1];
	return id >= 1 && id <= 4 && at + 2 + id < b.n &&
	       ((uint8_t)b.p[at + 2 + id] & 0xc0) == 0x40;
}

static bool is_mqtt(struct bytes b)
{
	return b.n >= 10 && b.p[0] == 0x10 &&
	       (memcmp(b.p + 2, "\0\4MQTT", 6) == 0 || memcmp(b.p + 3, "\0\4MQTT", 6) == 0);
}

static bool port_is(const struct flow *f, uint16_t a, uint16_t b)
{
	uint16_t port = f->role == FLOW_ROLE_SERVER ? f->local_port : f->remote_port;

	return port == a || port == b;
}

/* Greetings of line protocols look alike: the words in them, or else the port, decide. */
static enum protocol guess_lines(const struct flow *f, struct bytes b)
{
	if (starts(b, "EHLO ") || starts(b, "HELO ") || starts(b, "LHLO ") ||
	    starts(b, "MAIL FROM:"))
		return PROTOCOL_SMTP;
	if (starts(b, "220 ") || starts(b, "220-")) {
		if (memmem(b.p, b.n, "SMTP", 4))
			return PROTOCOL_SMTP;
		return port_is(f, 21, 990) ? PROTOCOL_FTP : PROTOCOL_UNKNOWN;
	}
	if (starts(b, "* OK") || starts(b, "* PREAUTH"))
		return PROTOCOL_IMAP;
	if (starts(b, "+OK") && !port_is(f, 6379, 6380))
		return PROTOCOL_POP3;
	return PROTOCOL_UNKNOWN;
}

static enum protocol guess_by_port(const struct flow *f)
{
	static const struct {
		uint16_t port;
		enum protocol protocol;
	} rows[] = {{465, PROTOCOL_SMTP},   {587, PROTOCOL_SMTP},      {993, PROTOCOL_IMAP},
		    {995, PROTOCOL_POP3},   {990, PROTOCOL_FTP},       {636, PROTOCOL_LDAP},
		    {853, PROTOCOL_DNS},    {8883, PROTOCOL_MQTT},     {5671, PROTOCOL_AMQP},
		    {3306, PROTOCOL_MYSQL}, {5432, PROTOCOL_POSTGRES}, {6379, PROTOCOL_REDIS},
		    {6380, PROTOCOL_REDIS}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (port_is(f, rows[i].port, 0))
			return rows[i].protocol;
	return PROTOCOL_UNKNOWN;
}

enum protocol guess_protocol(const struct flow *flow, enum direction direction, struct bytes b)
{
	bool to_server = (direction == DIRECTION_TRANSMIT) == (flow->role != FLOW_ROLE_SERVER);
	enum protocol lines;

	if (is_http1(b))
		return PROTOCOL_HTTP1;
	if (is_http2(b))
		return PROTOCOL_HTTP2;
	if (starts(b, "AMQP"))
		return PROTOCOL_AMQP;
	if (to_server && is_postgres(b))
		return PROTOCOL_POSTGRES;
	if (to_server && is_mysql(b))
		return PROTOCOL_MYSQL;
	if (to_server && is_redis(b))
		return PROTOCOL_REDIS;
	if (is_mqtt(b))
		return PROTOCOL_MQTT;
	if (is_ldap(b))
		return PROTOCOL_LDAP;
	lines = guess_lines(flow, b);
	return lines ? lines : guess_by_port(flow);
}
