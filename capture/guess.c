/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/guess.h"

#include <ctype.h>
#include <strings.h>

enum {
	LINE_MAX_LOOKED = 4096,
	LOGIN_MAX = 4096
};

static bool bytes_start(struct bytes b, const char *with)
{
	size_t n = strlen(with);

	return b.n >= n && memcmp(b.p, with, n) == 0;
}

static bool bytes_start_with_one_of(struct bytes b, const char *const *words)
{
	for (; *words; words++)
		if (bytes_start(b, *words))
			return true;
	return false;
}

/* The same for protocols whose words may be written in either case: Python's smtplib says "ehlo".
 */
static bool bytes_say_one_of(struct bytes b, const char *const *words)
{
	for (; *words; words++)
		if (b.n >= strlen(*words) && !strncasecmp(b.p, *words, strlen(*words)))
			return true;
	return false;
}

static bool bytes_contain(struct bytes b, const char *what)
{
	return b.n && memmem(b.p, b.n, what, strlen(what));
}

/* The first line without its end; none when the end is not here. */
static struct bytes first_line(struct bytes b)
{
	const char *end = memchr(b.p, '\n', b.n < LINE_MAX_LOOKED ? b.n : LINE_MAX_LOOKED);

	if (!end)
		return (struct bytes){0};
	return (struct bytes){b.p, end - b.p - (end > b.p && end[-1] == '\r')};
}

static uint8_t byte_at(struct bytes b, size_t at)
{
	return (uint8_t)b.p[at];
}

/* Big-endian; bytes that are not there count as 0xff, so that no comparison holds by chance. */
static uint32_t big_endian(struct bytes b, size_t at, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | (at + i < b.n ? byte_at(b, at + i) : 0xff);
	return v;
}

static uint32_t little_endian(struct bytes b, size_t at, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = n; i-- > 0;)
		v = v << 8 | (at + i < b.n ? byte_at(b, at + i) : 0xff);
	return v;
}

static bool digits_before_crlf(struct bytes b, size_t at, size_t *ret_end)
{
	size_t i = at;

	while (i < b.n && i < at + 10 && isdigit(byte_at(b, i)))
		i++;
	if (i == at || i + 1 >= b.n || b.p[i] != '\r' || b.p[i + 1] != '\n')
		return false;
	*ret_end = i + 2;
	return true;
}

/* ---- HTTP ---------------------------------------------------------------------------------- */

/* A request line is known by its end, whatever the method, since RTSP and SIP share methods with
 * HTTP; one whose end is not here, by a common method. */
static bool is_http1_request(struct bytes b)
{
	static const char *const methods[] = {"GET /",     "POST /",    "PUT /",    "HEAD /",
					      "DELETE /",  "PATCH /",   "OPTIONS ", "CONNECT ",
					      "GET http:", "POST http", NULL};
	struct bytes line = first_line(b);

	if (!line.p)
		return bytes_start_with_one_of(b, methods);
	if (line.n < 14 || !isupper(byte_at(line, 0)))
		return false;
	return !memcmp(line.p + line.n - 9, " HTTP/1.", 8) && isdigit(byte_at(line, line.n - 1));
}

static bool is_http1_response(struct bytes b)
{
	return bytes_start(b, "HTTP/1.1 ") || bytes_start(b, "HTTP/1.0 ");
}

static bool is_http2_preface(struct bytes b)
{
	return bytes_start(b, "PRI * HTTP/2.0\r\n");
}

/* A server may send its SETTINGS first (RFC 9113, 3.4): stream 0, no flags, six bytes each. */
static bool is_http2_settings(struct bytes b)
{
	return b.n >= 9 && big_endian(b, 0, 3) % 6 == 0 && big_endian(b, 0, 3) <= 96 &&
	       big_endian(b, 3, 2) == 0x0400 && big_endian(b, 5, 4) == 0;
}

/* ---- databases ----------------------------------------------------------------------------- */

/*
 * Over TLS the first message is the login, number 2 after the request for TLS: capabilities with
 * CLIENT_SSL and CLIENT_PROTOCOL_41, and a filler of zeroes (MariaDB uses its last four). MariaDB's
 * server reads the head of a message for itself: length and number must do there.
 */
static bool is_mysql_login(struct bytes b)
{
	static const char zeroes[19];

	if (b.n < 4 || little_endian(b, 0, 3) < 32 || byte_at(b, 3) != 2)
		return false;
	if (b.n == 4)
		return little_endian(b, 0, 3) < LOGIN_MAX;
	return b.n >= 36 && (little_endian(b, 4, 4) & 0xa00) == 0xa00 &&
	       !memcmp(b.p + 13, zeroes, sizeof(zeroes));
}

/* COM_QUERY or COM_STMT_PREPARE, as they are seen on a connection that was open before. */
static bool is_mysql_query(struct bytes b)
{
	return b.n >= 8 && little_endian(b, 0, 3) + 4 == b.n && byte_at(b, 3) == 0 &&
	       (byte_at(b, 4) == 3 || byte_at(b, 4) == 22) && isprint(byte_at(b, 5));
}

static bool is_postgres_startup(struct bytes b)
{
	return b.n >= 8 && big_endian(b, 0, 4) == b.n && big_endian(b, 4, 2) == 3 &&
	       big_endian(b, 6, 2) < 16;
}

/* Whole messages of these types, and nothing else. */
static bool is_postgres(struct bytes b, const char *types)
{
	size_t at = 0;

	while (at < b.n && b.n - at >= 5 && byte_at(b, at) && strchr(types, b.p[at])) {
		uint32_t n = big_endian(b, at + 1, 4);

		if (n < 4 || n > b.n - at - 1)
			return false;
		at += 1 + n;
	}
	return b.n && at == b.n;
}

static bool is_postgres_client(struct bytes b)
{
	return is_postgres(b, "QPBDECSHFdcfp");
}

static bool is_postgres_server(struct bytes b)
{
	return is_postgres(b, "RSKZTDCEN123tnsIAGHW");
}

/* A command as an array of strings, as every client sends it (RESP). */
static bool is_redis(struct bytes b)
{
	size_t at;

	return b.n && b.p[0] == '*' && digits_before_crlf(b, 1, &at) && at < b.n &&
	       b.p[at] == '$' && digits_before_crlf(b, at + 1, &at);
}

/* OP_MSG, or the OP_QUERY that greets older servers. */
static bool is_mongodb(struct bytes b)
{
	uint32_t operation = little_endian(b, 12, 4);

	return b.n >= 21 && little_endian(b, 0, 4) >= 21 && little_endian(b, 0, 4) <= 48000000 &&
	       (operation == 2013 || operation == 2004) && (little_endian(b, 16, 4) & 0xff00) == 0;
}

/* ---- other binary protocols ---------------------------------------------------------------- */

/* LDAPMessage: SEQUENCE, messageID INTEGER, an operation with an application tag (RFC 4511). */
static bool is_ldap(struct bytes b)
{
	size_t at = 2, id;

	if (b.n < 7 || b.p[0] != 0x30)
		return false;
	if (byte_at(b, 1) & 0x80)
		at += byte_at(b, 1) & 0x7f;
	if (at > 6 || at + 2 >= b.n || b.p[at] != 2)
		return false;
	id = byte_at(b, at + 1);
	return id >= 1 && id <= 4 && at + 2 + id < b.n && (byte_at(b, at + 2 + id) & 0xc0) == 0x40;
}

/* CONNECT: a length of one to four bytes, then the protocol's name. */
static bool is_mqtt(struct bytes b)
{
	size_t at = 1;

	if (!b.n || b.p[0] != 0x10)
		return false;
	while (at < b.n && at < 4 && byte_at(b, at) & 0x80)
		at++;
	at++;
	return at + 8 <= b.n && ((big_endian(b, at, 2) == 4 && !memcmp(b.p + at + 2, "MQTT", 4)) ||
				 (big_endian(b, at, 2) == 6 && !memcmp(b.p + at + 2, "MQIsdp", 6)));
}

static bool is_amqp(struct bytes b)
{
	return b.n >= 8 && bytes_start(b, "AMQP") && byte_at(b, 4) <= 3;
}

/* One message with its length in front: one question, and nothing in the header that is reserved.
 */
static bool is_dns(struct bytes b)
{
	return b.n >= 14 && big_endian(b, 0, 2) + 2 == b.n && (big_endian(b, 4, 2) & 0x7840) == 0 &&
	       big_endian(b, 6, 2) == 1 && big_endian(b, 8, 2) < 256;
}

/* ---- protocols of lines -------------------------------------------------------------------- */

static bool is_smtp_greeting(struct bytes b)
{
	return bytes_start(b, "220") && bytes_contain(first_line(b), "SMTP");
}

static bool is_smtp_command(struct bytes b)
{
	static const char *const words[] = {"EHLO ", "HELO ", "LHLO ", "MAIL FROM:", NULL};

	return bytes_say_one_of(b, words);
}

/* After AUTH TLS the client says USER, as it may elsewhere; the answer is FTP's alone. */
static bool is_ftp_answer(struct bytes b)
{
	return bytes_start(b, "331 ") ||
	       (bytes_start(b, "220") && bytes_contain(first_line(b), "FTP"));
}

static bool is_ftp_command(struct bytes b)
{
	static const char *const words[] = {"PBSZ ", "PROT ", "AUTH TLS", "EPSV", "PASV", NULL};

	return bytes_say_one_of(b, words);
}

static bool is_imap_greeting(struct bytes b)
{
	static const char *const words[] = {"* OK", "* PREAUTH", "* BYE", "* CAPABILITY", NULL};

	return bytes_start_with_one_of(b, words);
}

/* A tag and one of the commands that come first. */
static bool is_imap_command(struct bytes b)
{
	static const char *const words[] = {" CAPABILITY\r", " LOGIN ", " AUTHENTICATE ", " ID ",
					    " ID\r",         " NOOP\r", " SELECT ",       NULL};
	size_t n = 0;

	while (n < b.n && n < 16 && isalnum(byte_at(b, n)))
		n++;
	return n && bytes_say_one_of((struct bytes){b.p + n, b.n - n}, words);
}

/* Redis says "+OK" too, but nothing after it, and not first. */
static bool is_pop3_greeting(struct bytes b)
{
	return bytes_start(b, "+OK ");
}

static bool is_pop3_command(struct bytes b)
{
	static const char *const words[] = {"CAPA\r", "APOP ", "UIDL", NULL};

	return bytes_say_one_of(b, words);
}

static bool is_xmpp(struct bytes b)
{
	return (bytes_start(b, "<?xml") || bytes_start(b, "<stream:stream")) &&
	       bytes_contain(b, "jabber:");
}

static bool is_sip(struct bytes b)
{
	return bytes_start(b, "SIP/2.0 ") || bytes_contain(first_line(b), " SIP/2.0");
}

/* ---- the decision -------------------------------------------------------------------------- */

enum towards {
	CLIENT = 1,
	SERVER = 2,
	EITHER = CLIENT | SERVER
};

typedef bool (*match_fn)(struct bytes b);

/* What a message says by itself: the first row that fits. The shorter a pattern, the later. */
static const struct {
	match_fn is;
	enum towards towards;
	enum protocol protocol;
} rows[] = {
	{is_http1_request, SERVER, PROTOCOL_HTTP1},
	{is_http1_response, CLIENT, PROTOCOL_HTTP1},
	{is_http2_preface, SERVER, PROTOCOL_HTTP2},
	{is_http2_settings, CLIENT, PROTOCOL_HTTP2},
	{is_mysql_login, SERVER, PROTOCOL_MYSQL},
	{is_postgres_startup, SERVER, PROTOCOL_POSTGRES},
	{is_redis, SERVER, PROTOCOL_REDIS},
	{is_mongodb, EITHER, PROTOCOL_MONGODB},
	{is_mqtt, SERVER, PROTOCOL_MQTT},
	{is_amqp, EITHER, PROTOCOL_AMQP},
	{is_smtp_command, SERVER, PROTOCOL_SMTP},
	{is_smtp_greeting, CLIENT, PROTOCOL_SMTP},
	{is_ftp_command, SERVER, PROTOCOL_FTP},
	{is_ftp_answer, CLIENT, PROTOCOL_FTP},
	{is_imap_command, SERVER, PROTOCOL_IMAP},
	{is_imap_greeting, CLIENT, PROTOCOL_IMAP},
	{is_pop3_command, SERVER, PROTOCOL_POP3},
	{is_pop3_greeting, CLIENT, PROTOCOL_POP3},
	{is_xmpp, EITHER, PROTOCOL_XMPP},
	{is_sip, EITHER, PROTOCOL_SIP},
	{is_dns, EITHER, PROTOCOL_DNS},
	{is_ldap, EITHER, PROTOCOL_LDAP},
	{is_mysql_query, SERVER, PROTOCOL_MYSQL},
	{is_postgres_client, SERVER, PROTOCOL_POSTGRES},
	{is_postgres_server, CLIENT, PROTOCOL_POSTGRES},
};

static enum protocol guess_by_port(uint16_t port)
{
	static const struct {
		uint16_t port;
		enum protocol protocol;
	} ports[] = {
		{21, PROTOCOL_FTP},        {25, PROTOCOL_SMTP},       {110, PROTOCOL_POP3},
		{143, PROTOCOL_IMAP},      {389, PROTOCOL_LDAP},      {465, PROTOCOL_SMTP},
		{587, PROTOCOL_SMTP},      {636, PROTOCOL_LDAP},      {853, PROTOCOL_DNS},
		{990, PROTOCOL_FTP},       {993, PROTOCOL_IMAP},      {995, PROTOCOL_POP3},
		{3269, PROTOCOL_LDAP},     {3306, PROTOCOL_MYSQL},    {5061, PROTOCOL_SIP},
		{5223, PROTOCOL_XMPP},     {5432, PROTOCOL_POSTGRES}, {5671, PROTOCOL_AMQP},
		{6379, PROTOCOL_REDIS},    {6380, PROTOCOL_REDIS},    {8883, PROTOCOL_MQTT},
		{27017, PROTOCOL_MONGODB},
	};

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i].port == port)
			return ports[i].protocol;
	return PROTOCOL_UNKNOWN;
}

static enum protocol guess_by_bytes(enum towards towards, struct bytes b)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].towards & towards && rows[i].is(b))
			return rows[i].protocol;
	return PROTOCOL_UNKNOWN;
}

enum protocol guess_protocol(const struct flow *flow, enum direction direction,
			     struct bytes payload)
{
	bool transmit = direction == DIRECTION_TRANSMIT, server = flow->role == FLOW_ROLE_SERVER;
	enum towards towards = transmit == server ? CLIENT : SERVER;
	enum protocol guess;

	if (!payload.n)
		return PROTOCOL_UNKNOWN;
	guess = guess_by_bytes(flow->role ? towards : EITHER, payload);
	if (!guess)
		guess = guess_by_port(server ? flow->local_port : flow->remote_port);
	/* Nothing else greets like this, but for FTP servers that do not say what they are. */
	if (!guess && towards == CLIENT &&
	    (bytes_start(payload, "220 ") || bytes_start(payload, "220-")))
		guess = PROTOCOL_SMTP;
	return guess;
}
