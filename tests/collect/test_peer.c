/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "capture/collect/peer.h"

static const char *const event[] = {FSTRM_EVENT}, *const batch[] = {FSTRM_BATCH},
			 *const both[] = {FSTRM_EVENT, FSTRM_BATCH},
			 *const other[] = {"protobuf:dnstap.Dnstap"};

static struct peer_item item;
static size_t taken;
static struct err err;

static int next(struct peer *p, const void *bytes, size_t n)
{
	return peer_next(p, (struct bytes){bytes, n}, &item, &taken, &err);
}

/* A control frame of that type. */
static int control(struct peer *p, enum fstrm_type type, const char *const *types, unsigned n)
{
	uint8_t frame[FSTRM_CONTROL_MAX];
	size_t size = fstrm_control(type, types, n, frame);
	int r = next(p, frame, size);

	if (r == 0)
		assert_int_equal(taken, size);
	return r;
}

/* What it was answered: a control frame of that type with that content type. */
static void expect_reply(enum fstrm_type type, const char *content)
{
	struct fstrm_frame f;
	size_t n;

	assert_int_equal(item.what, PEER_REPLY);
	assert_int_equal(fstrm_parse((struct bytes){(char *)item.reply, item.reply_n}, &f, &n), 0);
	assert_int_equal(n, item.reply_n);
	assert_int_equal(f.type, type);
	assert_int_equal(f.types_n, 1);
	assert_true(bytes_eq(f.types[0], bytes_of(content)));
}

static void plain_messages(void **state)
{
	static const char in[] = "\0\0\0\3abc\0\0\0\1d";
	struct peer p = {PEER_NEW};

	for (size_t n = 0; n < 7; n++)
		assert_int_equal(next(&p, in, n), -EAGAIN);
	assert_int_equal(taken, 7);
	assert_int_equal(next(&p, in, sizeof(in) - 1), 0);
	assert_int_equal(item.what, PEER_FRAME);
	assert_true(bytes_eq(item.data, BYTES("abc")));
	assert_int_equal(taken, 7);
	assert_false(p.framed || peer_shakes_hands(&p));
	assert_int_equal(next(&p, in + 7, 5), 0);
	assert_true(bytes_eq(item.data, BYTES("d")));
}

static void plain_nonsense(void **state)
{
	struct peer p = {PEER_NEW};

	assert_int_equal(next(&p, "GET / HTTP/1.1\r\n", 16), -EMSGSIZE);
	assert_string_equal(err.text, "a message of 1195725856 bytes");
	p = (struct peer){PEER_NEW};
	assert_int_equal(next(&p, "\0\0\0\1x", 5), 0);
	assert_int_equal(next(&p, "\0\0\0\0\0\0\0\4\0\0\0\3", 12),
			 -EBADMSG); /* too late for that */
	p = (struct peer){PEER_NEW};
	assert_int_equal(next(&p, "\1\x41\0\1", 4), -EMSGSIZE); /* a byte more than there may be */
	p = (struct peer){PEER_NEW};
	assert_int_equal(next(&p, "\1\x41\0\0", 4), -EAGAIN);
	assert_int_equal(taken, 4 + FSTRM_FRAME_MAX);
}

static void a_whole_stream(void **state)
{
	static const char data[] = "\0\0\0\5hello";
	uint8_t frame[FSTRM_CONTROL_MAX];
	struct peer p = {PEER_NEW};

	assert_int_equal(control(&p, FSTRM_READY, both, 2), 0);
	expect_reply(FSTRM_ACCEPT, FSTRM_BATCH);
	assert_true(peer_shakes_hands(&p));
	assert_int_equal(control(&p, FSTRM_START, batch, 1), 0);
	assert_int_equal(item.what, PEER_NOTHING);
	assert_true(p.batches && !p.one_way && !peer_shakes_hands(&p));
	assert_int_equal(next(&p, data, 9), 0);
	assert_int_equal(item.what, PEER_FRAME);
	assert_true(bytes_eq(item.data, BYTES("hello")));
	assert_int_equal(control(&p, FSTRM_STOP, NULL, 0), 0);
	assert_int_equal(item.what, PEER_STOP);
	assert_int_equal(peer_finish(&p, frame), fstrm_control(FSTRM_FINISH, NULL, 0, frame));
	assert_int_equal(next(&p, data, 9), -EPROTO); /* behind the end */
}

static void other_types(void **state)
{
	uint8_t frame[FSTRM_CONTROL_MAX];
	struct peer p = {PEER_NEW};

	assert_int_equal(control(&p, FSTRM_READY, event, 1), 0);
	expect_reply(FSTRM_ACCEPT, FSTRM_EVENT);
	assert_int_equal(control(&p, FSTRM_START, event, 1), 0);
	assert_false(p.batches);
	p = (struct peer){PEER_NEW};
	assert_int_equal(control(&p, FSTRM_READY, other, 1), -EPROTO);
	assert_non_null(strstr(err.text, FSTRM_BATCH));
	p = (struct peer){PEER_NEW}; /* a file, or somebody who does not listen */
	assert_int_equal(control(&p, FSTRM_START, event, 1), 0);
	assert_int_equal(peer_finish(&p, frame), 0);
	p = (struct peer){PEER_NEW};
	assert_int_equal(control(&p, FSTRM_START, batch, 1), -EPROTO);
}

static void out_of_turn(void **state)
{
	static const enum fstrm_type types[] = {FSTRM_ACCEPT, FSTRM_STOP, FSTRM_FINISH};
	static const char data[] = "\0\0\0\1x";
	struct peer p;

	for (unsigned i = 0; i < 3; i++) {
		p = (struct peer){PEER_NEW};
		assert_int_equal(control(&p, types[i], NULL, 0), -EPROTO);
	}
	p = (struct peer){PEER_NEW};
	assert_int_equal(control(&p, FSTRM_READY, both, 2), 0);
	assert_int_equal(control(&p, FSTRM_READY, both, 2), -EPROTO);
	assert_int_equal(next(&p, data, 5), -EPROTO);
	assert_string_equal(err.text, "data out of turn");
	assert_int_equal(next(&p, "\0\0\0\0\0\0\0\4\0\0\0\x17", 12), -EPROTO);
	assert_int_equal(next(&p, "\0\0\0\0\0\0\2\1", 8), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_messages), cmocka_unit_test(plain_nonsense),
		cmocka_unit_test(a_whole_stream), cmocka_unit_test(other_types),
		cmocka_unit_test(out_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
