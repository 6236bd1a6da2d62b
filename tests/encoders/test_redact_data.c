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

#define LOGIN_HEAD(n)                                                                              \
	n "\0\0\2\x05\xa2\x3e\0\0\0\0\1\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void mysql(void **state)
{
	static const char text[] =
		LOGIN_HEAD("\x32") "bob\0\5abcdedb\0plug\0"
				   "\x3\0\0\4pw\0"
				   "\x2b\0\0\0\3SELECT 'it''s', \"b\\\"c\", `d'`, t1 -- don't\n"
				   "\x1a\0\0\0\x16"
				   "UPDATE t SET x=12.5 /*'*/"
				   "\x0e\0\0\0\x17\1\0\0\0\0\1\0\0\0pppp"
				   "\5\0\0\0\2test";
	static const char want[] =
		LOGIN_HEAD("\x32") "bob\0\5*****db\0plug\0"
				   "\x3\0\0\4***"
				   "\x2b\0\0\0\3SELECT '**''*', \"****\", `d'`, t1 -- don't\n"
				   "\x1a\0\0\0\x16"
				   "UPDATE t SET x=**** /*'*/"
				   "\x0e\0\0\0\x17\1\0\0\0\0\1\0\0\0****"
				   "\5\0\0\0\2test";

	dialogue_expect(PROTOCOL_MYSQL, BYTES(text), BYTES(want));
}

static void postgres(void **state)
{
	static const char text[] =
		"\0\0\0\x16\0\3\0\0user\0bob\0db\0\0\0"
		"p\0\0\0\7pw\0"
		"Q\0\0\0\x34SELECT 'a\\', \"b'\", E'c\\'d', $1, 42, $x$e$x$, f2\0"
		"P\0\0\0\x1as1\0SELECT 7 -- it's\0\0\0"
		"B\0\0\0\x1bp\0s\0\0\1\0\1\0\2\0\0\0\3abc\xff\xff\xff\xff\0\0"
		"d\0\0\0\7row"
		"X\0\0\0\4";
	static const char want[] = "\0\0\0\x16\0\3\0\0user\0bob\0db\0\0\0"
				   "p\0\0\0\7***"
				   "Q\0\0\0\x34SELECT '**', \"b'\", E'****', $1, **, $x$*$x$, f2\0"
				   "P\0\0\0\x1as1\0SELECT * -- it's\0\0\0"
				   "B\0\0\0\x1bp\0s\0\0\1\0\1\0\2\0\0\0\3***\xff\xff\xff\xff\0\0"
				   "d\0\0\0\7***"
				   "X\0\0\0\4";

	dialogue_expect(PROTOCOL_POSTGRES, BYTES(text), BYTES(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http1_heads),
		cmocka_unit_test(other_text_stays),
		cmocka_unit_test(mysql),
		cmocka_unit_test(postgres),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
