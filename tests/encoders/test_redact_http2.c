/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is masked in header blocks, wherever the bytes of a connection are cut into events, and what
 * is when not all of them were seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encoders/view/http2_frame.h"
#include "tests/support/dialogue.h"

enum {
	SOME = 4096
};

/* Bytes, and what is to become of them. */
struct pair {
	char text[SOME], want[SOME];
	size_t n;
};

static void pair_put(struct pair *p, struct bytes text, struct bytes want)
{
	assert_int_equal(text.n, want.n);
	assert_true(text.n <= SOME - p->n);
	memcpy(p->text + p->n, text.p, text.n);
	memcpy(p->want + p->n, want.p, want.n);
	p->n += text.n;
}

#define PUT(p, text)        pair_put(p, BYTES(text), BYTES(text))
#define MASK(p, text, want) pair_put(p, BYTES(text), BYTES(want))

static void pair_frame(struct pair *p, uint8_t type, uint8_t flags, const struct pair *payload,
		       size_t from, size_t to)
{
	const char head[HTTP2_FRAME_HEAD] = {
		0, (char)((to - from) >> 8), (char)(to - from), (char)type, (char)flags, 0, 0,
		0, type == 4 ? 0 : 1};

	pair_put(p, (struct bytes){head, sizeof(head)}, (struct bytes){head, sizeof(head)});
	pair_put(p, (struct bytes){payload->text + from, to - from},
		 (struct bytes){payload->want + from, to - from});
}

/* Every way to say a field, of secret names and of others; five entries of the dynamic table. */
static void block_of_all_kinds(struct pair *b)
{
	PUT(b, "\x82\x87\x84\x41\x01h"); /* :authority: h, kept */
	MASK(b,
	     "\x57\x03"
	     "abc",
	     "\x57\x03***");                             /* authorization, kept */
	MASK(b, "\x60\x82\x9d\x29", "\x60\x82\xf9\xf9"); /* cookie in Huffman code, kept */
	MASK(b, "\x1f\x08\x02xy", "\x1f\x08\x02**");     /* authorization, never kept */
	MASK(b, "\x0f\x28\x01s", "\x0f\x28\x01*");       /* set-cookie, not kept */
	MASK(b,
	     "\x40\x06"
	     "cookie\x01z",
	     "\x40\x06"
	     "cookie\x01*");
	MASK(b, "\x10\x84\x21\xcf\xd4\xc5\x01q", "\x10\x84\x21\xcf\xd4\xc5\x01*");
	PUT(b, "\x40\x03x-a\x01v");
	PUT(b, "\x7e\x01w"); /* x-a again, by its number */
	MASK(b,
	     "\x7f\x01\x02"
	     "cc",
	     "\x7f\x01\x02**"); /* cookie, by its number */
	MASK(b,
	     "\x0f\x31\x02"
	     "cc",
	     "\x0f\x31\x02"
	     "cc");                              /* x-a … 64 */
	PUT(b, "\xbe\x3f\xff\x1f\x00\x00\x01-"); /* an entry, a size, no name */
}

static void preface(struct pair *p)
{
	static const struct pair none;

	PUT(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	pair_frame(p, NGHTTP2_SETTINGS, 0, &none, 0, 0);
}

static void expect(const struct pair *p, enum protocol protocol)
{
	dialogue_expect(protocol, (struct bytes){p->text, p->n}, (struct bytes){p->want, p->n});
}

static void one_block(void **state)
{
	struct pair block = {0}, p = {0};

	block_of_all_kinds(&block);
	preface(&p);
	pair_frame(&p, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, &block, 0, block.n);
	pair_frame(&p, NGHTTP2_DATA, 0, &block, 0, 6);
	expect(&p, PROTOCOL_HTTP2);
	/* nobody has said what it is: the side that sends the preface says it itself */
	expect(&p, PROTOCOL_UNKNOWN);
}

/* Padding, a priority, a promise; the block goes on in other frames, cut at any place. */
static void blocks_in_parts(void **state)
{
	struct pair block = {0};

	block_of_all_kinds(&block);
	for (size_t cut = 0; cut <= block.n; cut += 7) {
		struct pair p = {0}, first = {0};

		preface(&p);
		PUT(&first, "\x03\x80\x00\x00\x05\x0a");
		pair_put(&first, (struct bytes){block.text, cut}, (struct bytes){block.want, cut});
		PUT(&first, "\x57\x01s");
		pair_frame(&p, NGHTTP2_HEADERS, NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY, &first,
			   0, first.n);
		pair_frame(&p, NGHTTP2_CONTINUATION, 0, &block, cut, cut);
		pair_frame(&p, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, &block, cut,
			   block.n);
		first.n = 0;
		PUT(&first, "\x00\x00\x00\x02");
		PUT(&first, "\x7f\x00\x02"
			    "ab"); /* x-a; then the cookie before it */
		MASK(&first,
		     "\x7f\x00\x02"
		     "ab",
		     "\x7f\x00\x02"
		     "**");
		pair_frame(&p, NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, &first, 0, first.n);
		expect(&p, PROTOCOL_HTTP2);
	}
}

/* ---- what was not seen --------------------------------------------------------------------- */

/* Says one header block in an event of its own; what comes out is what is wanted. */
static void says_block(struct dialogue *d, const struct pair *block, bool masked)
{
	struct pair p = {0};

	pair_frame(&p, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, block, 0, block->n);
	dialogue_says(d, p.text, p.n, 0);
	assert_memory_equal(p.text, p.want, p.n);
	assert_int_equal(!!(d->flags & EVENT_F_REDACTED), masked);
}

/* A name that is a number of the dynamic table may be any. */
static void unknown_names(struct pair *b)
{
	MASK(b, "\x7e\x01w", "\x7e\x01*");
	MASK(b, "\x0f\x30\x02vv", "\x0f\x30\x02**");
	PUT(b, "\x41\x01h\x40\x03x-a\x01v\x84");
	MASK(b, "\x57\x01s", "\x57\x01*");
}

static void connection_begun_before(void **state)
{
	struct dialogue d = dialogue_new(PROTOCOL_HTTP2);
	struct pair block = {0}, known = {0};

	d.late = true;
	unknown_names(&block);
	says_block(&d, &block, true);
	PUT(&known, "\x0f\x30\x02vv"); /* x-a is 63, behind an authorization */
	says_block(&d, &known, false);
	dialogue_done(&d);
}

static void bytes_are_missing(void **state)
{
	struct dialogue d = dialogue_new(PROTOCOL_HTTP2);
	struct pair p = {0}, block = {0}, after = {0};

	preface(&p);
	dialogue_says(&d, p.text, p.n, 0);
	PUT(&block, "\x40\x03x-a\x01v");
	says_block(&d, &block, false);
	d.offset += 100;
	unknown_names(&after);
	says_block(&d, &after, true);
	dialogue_done(&d);
}

/* Within a frame, nobody knows what the next byte is until the next frame. */
static void middle_is_missing(void **state)
{
	struct dialogue d = dialogue_new(PROTOCOL_HTTP2);
	struct pair p = {0}, block = {0}, next = {0}, rest = {0};

	preface(&p);
	MASK(&block,
	     "\x57\x40"
	     "secret",
	     "\x57\x40"
	     "******");
	pair_frame(&p, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, &block, 0, block.n);
	p.text[p.n - block.n - 7] = 66; /* the frame has 58 bytes more */
	dialogue_says(&d, p.text, p.n, 0);
	assert_memory_equal(p.text + p.n - 6, "******", 6);
	d.offset += 50;
	MASK(&rest, "password", "********");
	unknown_names(&next);
	pair_frame(&rest, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, &next, 0, next.n);
	dialogue_says(&d, rest.text, rest.n, 56);
	assert_memory_equal(rest.text, rest.want, rest.n);
	dialogue_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_block),
		cmocka_unit_test(blocks_in_parts),
		cmocka_unit_test(connection_begun_before),
		cmocka_unit_test(bytes_are_missing),
		cmocka_unit_test(middle_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
