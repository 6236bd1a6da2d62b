/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is masked in the bytes of a connection, wherever they are cut into events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/redact.h"
#include "tests/support/dialogue.h"

static void http1_heads(void **state)
{
	static const struct {
		const char *text, *want; /* NULL = the same */
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic abc\r\nAccept: x\r\n\r\n",
		 "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: *********\r\nAccept: x\r\n\r\n"},
		{"GET / HTTP/1.1\nproxy-AUTHORIZATION:x y z\nCookie:\t a=b\n\n",
		 "GET / HTTP/1.1\nproxy-AUTHORIZATION:*****\nCookie:\t ***\n\n"},
		{"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: c\r\n\r\nbody",
		 "HTTP/1.1 200 OK\r\nSet-Cookie: ***********\r\nset-cookie: *\r\n\r\nbody"},
		/* continued lines, and a value that is empty at first */
		{"GET / HTTP/1.1\r\nCookie: a\r\n  b\r\n\tc\r\nX: y\r\n\r\n",
		 "GET / HTTP/1.1\r\nCookie: *\r\n  *\r\n\t*\r\nX: y\r\n\r\n"},
		{"GET / HTTP/1.1\r\nCookie:\r\n a\r\nX: y\r\n\r\n",
		 "GET / HTTP/1.1\r\nCookie:\r\n *\r\nX: y\r\n\r\n"},
		{"GET / HTTP/1.1\r\nCookie : a\r\n\r\n", "GET / HTTP/1.1\r\nCookie : *\r\n\r\n"},
		/* names that only look like it */
		{"GET / HTTP/1.1\r\nX-Cookie: a\r\nCookies: b\r\nWWW-Authenticate: Basic\r\n\r\n",
		 NULL},
		/* pipelined, behind a body */
		{"POST / HTTP/1.1\r\nContent-Length: 2\r\nCookie: a\r\n\r\nokGET / HTTP/1.1\r\n"
		 "Cookie: b\r\n\r\n",
		 "POST / HTTP/1.1\r\nContent-Length: 2\r\nCookie: *\r\n\r\nokGET / HTTP/1.1\r\n"
		 "Cookie: *\r\n\r\n"},
		/* chunks, trailers */
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab\r\n\r\n0\r\n"
		 "Set-Cookie: x\r\n\r\n",
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab\r\n\r\n0\r\n"
		 "Set-Cookie: *\r\n\r\n"},
		/* URLs */
		{"GET http://u:pw@h/a:b@c HTTP/1.1\r\nReferer: https://u:pw@h/\r\n\r\n",
		 "GET http://u:**@h/a:b@c HTTP/1.1\r\nReferer: https://u:**@h/\r\n\r\n"},
		{"HTTP/1.1 302 Found\r\nLocation: https://user:@h/\r\nX: http://u:p@h\r\n\r\n",
		 NULL},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		dialogue_expect(PROTOCOL_HTTP1, bytes_of(rows[i].text),
				bytes_of(rows[i].want ? rows[i].want : rows[i].text));
}

static void other_text_stays(void **state)
{
	static const char text[] = "EHLO x\r\nMAIL FROM:<a@b>\r\n{\"cookie\": 1}\r\n";

	dialogue_expect(PROTOCOL_UNKNOWN, BYTES(text), BYTES(text));
}

/* ---- databases ----------------------------------------------------------------------------- */

/* A conversation, and what is to come out of it. */
struct both {
	char text[1024], want[1024];
	size_t n;
};

static void add(struct both *b, struct bytes text, struct bytes want)
{
	assert_int_equal(text.n, want.n);
	assert_true(text.n <= sizeof(b->text) - b->n);
	memcpy(b->text + b->n, text.p, text.n);
	memcpy(b->want + b->n, want.p, want.n);
	b->n += text.n;
}

static void expect(const struct both *b, enum protocol protocol)
{
	dialogue_expect(protocol, (struct bytes){b->text, b->n}, (struct bytes){b->want, b->n});
}

static void packet(struct both *b, char number, struct bytes text, struct bytes want)
{
	const char head[4] = {(char)text.n, (char)(text.n >> 8), 0, number};

	add(b, (struct bytes){head, 4}, (struct bytes){head, 4});
	add(b, text, want);
}

#define PACKET(b, number, text, want) packet(b, number, BYTES(text), BYTES(want))
#define ZEROES                        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define LOGIN(capabilities)           capabilities "\xa2\x3e\0\0\0\0\1\x21" ZEROES "bob\0\5"

static void mysql(void **state)
{
	struct both b = {.n = 0};

	PACKET(&b, 2, LOGIN("\5") "abcdedb\0plug", LOGIN("\5") "*****db\0plug");
	PACKET(&b, 4, "pw\0", "***");
	PACKET(&b, 0, "\3SELECT 'it''s', \"b\\\"c\", `d'`, t1 -- don't\n",
	       "\3SELECT '**''*', \"****\", `d'`, t1 -- don't\n");
	PACKET(&b, 0,
	       "\x16"
	       "UPDATE t SET x=12.5 /*'*/*'y' # '\n, '1'",
	       "\x16"
	       "UPDATE t SET x=**** /*'*/*'*' # '\n, '*'");
	PACKET(&b, 0, "\3SET /*!40101 PASSWORD='x' */ y--'z'",
	       "\3SET /*!***** PASSWORD='*' */ y--'*'");
	PACKET(&b, 0, "\x17\1\0\0\0\0\1\0\0\0pppp", "\x17\1\0\0\0\0\1\0\0\0****");
	PACKET(&b, 0, "\x18\1\0\0\0\0\1ppp", "\x18\1\0\0\0\0\1***");
	PACKET(&b, 0,
	       "\x11"
	       "bob\0pw",
	       "\x11******");
	PACKET(&b, 0, "\2test", "\2test");
	PACKET(&b, 0, "\x0e", "\x0e");
	expect(&b, PROTOCOL_MYSQL);
}

static void mysql_that_is_compressed(void **state)
{
	struct both b = {.n = 0};

	PACKET(&b, 2, LOGIN("\x25") "abcde", LOGIN("\x25") "*****");
	PACKET(&b, 0, "\3abc", "****");
	expect(&b, PROTOCOL_MYSQL);
}

static void message(struct both *b, char type, struct bytes text, struct bytes want)
{
	const char head[5] = {type, 0, 0, 0, (char)(text.n + 4)};
	const struct bytes shown = {head + !type, 5 - !type};

	add(b, shown, shown);
	add(b, text, want);
}

#define MESSAGE(b, type, text, want) message(b, type, BYTES(text), BYTES(want))

static void postgres(void **state)
{
	struct both b = {.n = 0};

	MESSAGE(&b, 0, "\0\3\0\0user\0bob\0\0", "\0\3\0\0user\0bob\0\0");
	MESSAGE(&b, 'p', "pw\0", "***");
	MESSAGE(&b, 'Q', "SELECT 'a\\', \"b'\", E'c\\'d', $1, 42, $x$e$x$, $$f'$$, f2\0",
		"SELECT '**', \"b'\", E'****', $1, **, $x$*$x$, $$**$$, f2\0");
	MESSAGE(&b, 'Q', "/* ' /* */ ' */ SELECT 'a' -- '\n, U&'b'\0",
		"/* ' /* */ ' */ SELECT '*' -- '\n, U&'*'\0");
	MESSAGE(&b, 'P', "s1\0SELECT 7, '8\0\0\0", "s1\0SELECT *, '*\0\0\0");
	MESSAGE(&b, 'P', "\0INSERT 'x'\0\0\1\0\0\0\x17", "\0INSERT '*'\0\0\1\0\0\0\x17");
	MESSAGE(&b, 'B', "p\0s\0\0\1\0\1\0\3\0\0\0\3abc\xff\xff\xff\xff\0\0\0\1x\0\0",
		"p\0s\0\0\1\0\1\0\3\0\0\0\3***\xff\xff\xff\xff\0\0\0\1*\0\0");
	MESSAGE(&b, 'B', "\0\0\0\0\0\0\0\1\0\1", "\0\0\0\0\0\0\0\1\0\1");
	MESSAGE(&b, 'F', "\0\0\0\1xyz", "\0\0\0\1***");
	MESSAGE(&b, 'd', "row", "***");
	MESSAGE(&b, 'S', "", "");
	MESSAGE(&b, 'Q', "SELECT '1'\0", "SELECT '*'\0");
	expect(&b, PROTOCOL_POSTGRES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http1_heads), cmocka_unit_test(other_text_stays),
		cmocka_unit_test(mysql),       cmocka_unit_test(mysql_that_is_compressed),
		cmocka_unit_test(postgres),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
