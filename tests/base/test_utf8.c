/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/base/utf8.h"
#include "tests/support/events.h"

static void knows_utf8(void **state)
{
	static const struct {
		const char *text;
		bool valid, printable;
	} rows[] = {
		{"", true, true},
		{"plain text, longer than a word", true, true},
		{"tab\tis fine", true, true},
		{"line\nfeed", true, false},
		{"\x7f", true, false},
		{"\xc2\x80", true, false}, /* C1 */
		{"\xc2\xa0\xc3\xa9", true, true},
		{"\xe2\x82\xac", true, true},
		{"\xf0\x9f\x98\x80", true, true},
		{"\xf4\x8f\xbf\xbf", true, true}, /* U+10FFFF */
		{"\xf4\x90\x80\x80", false, false},
		{"\xc0\xaf", false, false}, /* overlong */
		{"\xe0\x9f\xbf", false, false},
		{"\xf0\x8f\xbf\xbf", false, false},
		{"\xed\xa0\x80", false, false}, /* surrogate */
		{"\xed\x9f\xbf\xee\x80\x80", true, true},
		{"\x80", false, false},
		{"\xff", false, false},
		{"\xe2\x82", false, false}, /* cut */
		{"\xe2\x28\xa1", false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes text = bytes_of(rows[i].text);

		assert_int_equal(utf8_valid(text), rows[i].valid);
		assert_int_equal(utf8_printable(text), rows[i].printable);
	}
	assert_false(utf8_printable((struct bytes){"a\0b", 3}));
}

/* One odd byte at every place of texts of every length, against the plain definition. */
static void plain_sees_every_byte(void **state)
{
	char *text = malloc(40); /* on the heap: ASan sees a read beyond it */

	free(text);
	for (size_t n = 0; n < 40; n++) {
		text = malloc(n ? n : 1);
		memset(text, 'x', n);
		assert_true(utf8_plain(text, n));
		for (size_t at = 0; at < n; at++) {
			for (unsigned c = 0; c < 256; c++) {
				text[at] = c;
				assert_int_equal(utf8_plain(text, n), c >= 0x20 && c < 0x7f);
			}
			text[at] = 'x';
		}
		free(text);
	}
}

static void cuts_between_characters(void **state)
{
	struct bytes euro = BYTES("ab\xe2\x82\xac");
	struct bytes junk = BYTES("\x80\x80\x80\x80\x80\x80");

	assert_int_equal(utf8_cut(euro, 5).n, 5);
	assert_int_equal(utf8_cut(euro, 4).n, 2);
	assert_int_equal(utf8_cut(euro, 3).n, 2);
	assert_int_equal(utf8_cut(euro, 2).n, 2);
	assert_int_equal(utf8_cut(euro, 0).n, 0);
	assert_int_equal(utf8_cut(junk, 5).n, 5);
}

static void copies_what_parsers_accept(void **state)
{
	uint64_t seed = 1;
	char out[64];

	assert_int_equal(utf8_copy(out, sizeof(out), BYTES("a\xff\0z")), 8);
	assert_string_equal(out, "a\xef\xbf\xbd\xef\xbf\xbdz");
	assert_int_equal(utf8_copy(out, 5, BYTES("ab\xe2\x82\xac")), 2);
	assert_string_equal(out, "ab");
	assert_int_equal(utf8_copy(out, 1, BYTES("abc")), 0);
	assert_string_equal(out, "");
	for (unsigned i = 0; i < 20000; i++) {
		char in[24];
		size_t n = events_random(&seed) % sizeof(in), got;

		for (size_t j = 0; j < n; j++)
			in[j] = events_random(&seed);
		got = utf8_copy(out, 1 + events_random(&seed) % (sizeof(out) - 1),
				(struct bytes){in, n});
		assert_int_equal(strlen(out), got);
		assert_true(utf8_valid(bytes_of(out)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_utf8),
		cmocka_unit_test(plain_sees_every_byte),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(copies_what_parsers_accept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
