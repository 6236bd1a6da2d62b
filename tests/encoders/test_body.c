/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "encoders/view/body.h"

static const char page[] = "<p>a page that says the same again and again, again and again</p>\n";

/* What `brotli` makes of page. */
static const unsigned char page_br[] = {0xa1, 0x08, 0x02, 0x00, 0x60, 0xa4, 0x4c, 0x5d, 0x9f, 0x1a,
					0x84, 0x27, 0x0c, 0x4e, 0xb1, 0xf8, 0x80, 0x43, 0x0e, 0xd8,
					0xfb, 0x5a, 0x5b, 0x84, 0x89, 0xe5, 0x31, 0x76, 0x65, 0xdb,
					0xb2, 0x94, 0xcc, 0xc7, 0x58, 0xa8, 0x72, 0x33, 0x06, 0xa5,
					0x58, 0x08, 0x0b, 0x27, 0xfa, 0x43, 0x1d};

static struct body_codings just(enum body_coding coding)
{
	return (struct body_codings){1, {coding}};
}

static struct bytes deflated(int window, const void *from, size_t n)
{
	static char out[1 << 20];
	z_stream z = {.next_in = (Bytef *)from,
		      .avail_in = (uInt)n,
		      .next_out = (Bytef *)out,
		      .avail_out = sizeof(out)};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (struct bytes){out, z.total_out};
}

static struct bytes zstd(const void *from, size_t n)
{
	static char out[1 << 20];
	size_t size = ZSTD_compress(out, sizeof(out), from, n, 3);

	assert_false(ZSTD_isError(size));
	return (struct bytes){out, size};
}

static const struct {
	const char *name;
	struct body_codings codings;
	int window; /* of zlib; 0 = another one */
} rows[] = {
	{"gzip", {1, {BODY_GZIP}}, 15 + 16},
	{"zlib", {1, {BODY_DEFLATE}}, 15},
	{"bare deflate", {1, {BODY_DEFLATE}}, -15},
	{"zlib that is called gzip", {1, {BODY_GZIP}}, 15},
	{"br", {1, {BODY_BR}}, 0},
	{"zstd", {1, {BODY_ZSTD}}, 0},
	{"nothing", {0}, 0},
};
enum {
	ROWS = sizeof(rows) / sizeof(rows[0])
};

static struct bytes coded(unsigned row)
{
	if (rows[row].window)
		return deflated(rows[row].window, page, sizeof(page) - 1);
	if (rows[row].codings.v[0] == BODY_BR)
		return (struct bytes){(const char *)page_br, sizeof(page_br)};
	if (rows[row].codings.v[0] == BODY_ZSTD)
		return zstd(page, sizeof(page) - 1);
	return BYTES(page);
}

static void decodes_all_codings(void **state)
{
	char out[200];
	size_t n;

	for (unsigned i = 0; i < ROWS; i++) {
		print_message("%s\n", rows[i].name);
		assert_int_equal(body_decode(rows[i].codings, coded(i), out, sizeof(out), &n),
				 BODY_WHOLE);
		assert_int_equal(n, sizeof(page) - 1);
		assert_memory_equal(out, page, n);
	}
}

/* What is there of a beginning is shown, and never more than there is room for. */
static void decodes_beginnings(void **state)
{
	char out[200];
	size_t n;

	for (unsigned i = 0; i < ROWS; i++) {
		struct bytes in = coded(i);

		assert_int_equal(body_decode(rows[i].codings, in, out, 20, &n), BODY_MORE);
		assert_int_equal(n, 20);
		assert_memory_equal(out, page, n);
		if (rows[i].codings.v[0] == BODY_ZSTD || !rows[i].codings.n)
			continue;
		in.n -= 4;
		assert_int_equal(body_decode(rows[i].codings, in, out, sizeof(out), &n), BODY_MORE);
		assert_in_range(n, 20, sizeof(page) - 1);
		assert_memory_equal(out, page, n);
		assert_int_equal(body_decode(rows[i].codings, in, out, 0, &n), BODY_MORE);
		assert_int_equal(n, 0);
	}
}

/* Coded more than once: the last coding comes off first, and a beginning yields a beginning. */
static void decodes_lists(void **state)
{
	static const struct body_codings codings = {3, {BODY_DEFLATE, BODY_ZSTD, BODY_GZIP}};
	static char text[100000], out[sizeof(text)];
	char once[200000], twice[200000];
	struct bytes in;
	size_t n;

	srandom(5);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = "abcdefgh"[random() % 8];
	in = deflated(15, text, sizeof(text));
	memcpy(once, in.p, in.n);
	in = zstd(once, in.n);
	memcpy(twice, in.p, in.n);
	in = deflated(31, twice, in.n);
	assert_int_equal(body_decode(codings, in, out, sizeof(out), &n), BODY_WHOLE);
	assert_int_equal(n, sizeof(out));
	assert_memory_equal(out, text, n);
	assert_int_equal(body_decode(codings, in, out, 500, &n), BODY_MORE);
	assert_int_equal(n, 500);
	assert_memory_equal(out, text, n);
	in = deflated(31, "no zstd", 7);
	assert_int_equal(body_decode(codings, in, out, sizeof(out), &n), BODY_DAMAGED);
	assert_int_equal(n, 0);
	assert_int_equal(body_decode(codings, BYTES("no gzip"), out, sizeof(out), &n),
			 BODY_DAMAGED);
	assert_int_equal(n, 0);
}

static void members_follow_each_other(void **state)
{
	char two[400], out[400];
	struct bytes in = deflated(31, page, sizeof(page) - 1);
	size_t n;

	memcpy(two, in.p, in.n);
	memcpy(two + in.n, in.p, in.n);
	assert_int_equal(
		body_decode(just(BODY_GZIP), (struct bytes){two, 2 * in.n}, out, sizeof(out), &n),
		BODY_WHOLE);
	assert_int_equal(n, 2 * (sizeof(page) - 1));
	assert_memory_equal(out + n / 2, page, n / 2);
	assert_int_equal(body_decode(just(BODY_GZIP), (struct bytes){two, 2 * in.n - 9}, out,
				     sizeof(out), &n),
			 BODY_MORE);
	assert_in_range(n, sizeof(page), 2 * (sizeof(page) - 1));
}

static void header_fields_name_codings(void **state)
{
	static const struct {
		const char *values[2];
		struct body_codings want;
	} table[] = {
		{{"gzip"}, {1, {BODY_GZIP}}},
		{{" X-GZip , identity,Br"}, {2, {BODY_GZIP, BODY_BR}}},
		{{"deflate", "zstd"}, {2, {BODY_DEFLATE, BODY_ZSTD}}},
		{{"identity", ""}, {0}},
		{{"gzip, rot13", "gzip"}, {1, {BODY_UNKNOWN}}},
		{{"gzip,gzip,gzip,gzip", "gzip"}, {1, {BODY_UNKNOWN}}},
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct body b = {0};

		for (unsigned k = 0; k < 2 && table[i].values[k]; k++)
			body_header(&b, BYTES("Content-Encoding"), bytes_of(table[i].values[k]));
		assert_memory_equal(&b.codings, &table[i].want, sizeof(b.codings));
	}
}

static void says_damaged(void **state)
{
	static const enum body_coding codings[] = {BODY_GZIP, BODY_DEFLATE, BODY_BR, BODY_ZSTD};
	char out[100];
	size_t n;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(body_decode(just(codings[i]), BYTES("\xff\xff\xff\xff no coding"),
					     out, sizeof(out), &n),
				 BODY_DAMAGED);
}

/* A little that unpacks to a lot, and what asks for a window of gigabytes. */
static void bombs_do_nothing(void **state)
{
	static char zeroes[64 << 20], out[4096];
	char window[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"; /* 2 GiB */
	size_t n;

	assert_int_equal(body_decode(just(BODY_GZIP), deflated(31, zeroes, sizeof(zeroes)), out,
				     sizeof(out), &n),
			 BODY_MORE);
	assert_int_equal(n, sizeof(out));
	assert_int_equal(
		body_decode(just(BODY_ZSTD), zstd(zeroes, sizeof(zeroes)), out, sizeof(out), &n),
		BODY_MORE);
	assert_int_equal(n, sizeof(out));
	assert_int_equal(body_decode(just(BODY_ZSTD), (struct bytes){window, sizeof(window) - 1},
				     out, sizeof(out), &n),
			 BODY_DAMAGED);
}

static void any_bytes_are_survived(void **state)
{
	char in[300], out[300];
	size_t n;

	srandom(4);
	for (unsigned round = 0; round < 20000; round++) {
		struct bytes b = coded(round % ROWS);

		b.n = b.n < sizeof(in) ? b.n : sizeof(in);
		memcpy(in, b.p, b.n);
		for (unsigned i = 0; i < 3; i++)
			in[random() % b.n] = (char)random();
		body_decode(rows[round % ROWS].codings, (struct bytes){in, b.n}, out,
			    random() % sizeof(out), &n);
		assert_true(n <= sizeof(out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_all_codings),
		cmocka_unit_test(decodes_beginnings),
		cmocka_unit_test(decodes_lists),
		cmocka_unit_test(members_follow_each_other),
		cmocka_unit_test(header_fields_name_codings),
		cmocka_unit_test(says_damaged),
		cmocka_unit_test(bombs_do_nothing),
		cmocka_unit_test(any_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
