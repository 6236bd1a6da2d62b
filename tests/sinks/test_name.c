/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/name.h"

/* 2026-03-04T05:06:07Z */
static const struct name_values values = {
	.unix_ns = 1772600767999999999ull, .seq = 42, .host = "box", .pid = 77};

static void names_come_from_templates(void **state)
{
	static const char *const table[][2] = {
		{"plain.jsonl", "plain.jsonl"},
		{"100%%.txt", "100%.txt"},
		{"a-%Y%m%dT%H%M%S.jsonl.zst", "a-20260304T050607.jsonl.zst"},
		{"%F-%j-%y-%s.pb", "2026-03-04-063-26-1772600767.pb"},
		{"{host}-{pid}-{seq}.raw", "box-77-42.raw"},
		{"x{seq:06}.raw", "x000042.raw"},
		{"x{seq:1}", "x42"},
		{"a{b}c.{}", "a{b}c.{}"},
		{"{", "{"},
	};
	char got[NAME_MAX + 1];
	struct name name;
	struct err err;
	uint64_t seq;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strstr(table[i][0], "{b}")) { /* a word in braces was meant to be something */
			assert_int_equal(name_parse(table[i][0], "x", &name, &err), -EINVAL);
			continue;
		}
		assert_int_equal(name_parse(table[i][0], table[i][0], &name, &err), 0);
		assert_int_equal(name_expand(&name, &values, got), 0);
		assert_string_equal(got, table[i][1]);
		assert_true(name_match(&name, got, &seq));
		assert_int_equal(seq, name.counts ? 42 : 0);
		assert_int_equal(name_has_placeholder(table[i][0], strlen(table[i][0])),
				 name.varies);
	}
}

static void what_is_no_template_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{"a%Q.raw", "'%Q' is no placeholder"},
		{"50%", "a per cent sign is written %%"},
		{"{hostname}.raw", "there are {host}"},
		{"{seq:6x}.raw", "there are {host}"},
		{"{seq:99}.raw", "there are {host}"},
		{"a\nb.raw", "control character"},
		{"{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}"
		 "{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}{pid}"
		 "{pid}",
		 "too many"},
	};
	char text[300];
	struct name name;
	struct err err;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(name_parse(table[i].text, "x", &name, &err), -EINVAL);
		assert_non_null(strstr(err.text, table[i].why));
	}
	memset(text, 'a', sizeof(text));
	text[NAME_LONGEST + 1] = '\0';
	assert_int_equal(name_parse(text, "x", &name, &err), -ENAMETOOLONG);
}

/* What comes from outside cannot lead elsewhere. */
static void a_host_is_only_a_word(void **state)
{
	static const char *const table[][2] = {
		{"../../etc", "_._.._etc.raw"},
		{".hidden", "_hidden.raw"},
		{"", "_.raw"},
		{"a b\n%Y{seq}", "a_b__Y_seq_.raw"},
	};
	struct name_values v = values;
	char got[NAME_MAX + 1], host[1024];
	struct name name;
	uint64_t seq;

	assert_int_equal(name_parse("{host}.raw", "x", &name, NULL), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		v.host = table[i][0];
		assert_int_equal(name_expand(&name, &v, got), 0);
		assert_null(strchr(got, '/'));
		assert_int_not_equal(got[0], '.');
		assert_string_equal(got, table[i][1]);
		assert_true(name_match(&name, got, &seq));
	}
	memset(host, 'h', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	v.host = host;
	assert_int_equal(name_expand(&name, &v, got), 0);
	assert_int_equal(strlen(got), NAME_HOST - 1 + 4);
}

static void too_long_a_name_is_refused(void **state)
{
	char text[NAME_LONGEST + 1], got[NAME_MAX + 1];
	struct name name;

	memset(text, 'a', sizeof(text));
	memcpy(text + NAME_LONGEST - 6, "{host}", 7);
	assert_int_equal(name_parse(text, "x", &name, NULL), 0);
	assert_int_equal(name_expand(&name, &values, got), 0);
	memcpy(text + NAME_LONGEST - 12, "{host}{host}", 13);
	assert_int_equal(name_parse(text, "x", &name, NULL), 0);
	assert_int_equal(
		name_expand(&name, &(struct name_values){.host = "a-host-with-a-longer-name"}, got),
		-ENAMETOOLONG);
}

static void a_number_goes_before_the_endings(void **state)
{
	static const char *const table[][2] = {
		{"run.jsonl.zst", "run-000042.jsonl.zst"},
		{"run.pcapng", "run-000042.pcapng"},
		{"www.example.org.pcapng", "www.example.org-000042.pcapng"},
		{"www.example.org.jsonl.zst", "www.example.org-000042.jsonl.zst"},
		{"run", "run-000042"},
		{".hidden", ".hidden-000042"},
		{"x.zst", "x-000042.zst"},
		{".zst", ".zst-000042"},
	};
	char got[NAME_MAX + 1];
	struct name name;
	uint64_t seq;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(name_append_number(table[i][0], 42, got), 0);
		assert_string_equal(got, table[i][1]);
		assert_int_equal(name_appended_number(table[i][0], got), 42);
		assert_int_equal(name_appended_number(table[i][0], table[i][0]), 0);
		assert_int_equal(name_parse(table[i][0], "x", &name, NULL), 0);
		assert_int_equal(name_number(&name, "x", NULL), 0);
		assert_int_equal(name_expand(&name, &values, got), 0);
		assert_string_equal(got, table[i][1]);
		assert_true(name_match(&name, got, &seq));
		assert_int_equal(seq, 42);
	}
	assert_int_equal(name_appended_number("run.raw", "ran-000042.raw"), 0);
	assert_int_equal(name_appended_number("run.raw", "run-000042.pb"), 0);
	assert_int_equal(name_appended_number("run.raw", "run-42.raw"), 0);
}

static void strangers_do_not_match(void **state)
{
	static const struct {
		const char *template, *file;
		int number; /* -1 = no match */
	} table[] = {
		{"a-%Y%m%d.raw", "a-20260304.raw", 0},
		{"a-%Y%m%d.raw", "a-20260304-000007.raw", 7},
		{"a-%Y%m%d.raw", "a-2026030.raw", -1},
		{"a-%Y%m%d.raw", "a-2026030x.raw", -1},
		{"a-%Y%m%d.raw", "a-20260304.raw.idx", -1},
		{"a-%Y%m%d.raw", "../a-20260304.raw", -1},
		{"a-%Y%m%d.raw", "a-20260304-0007.raw", -1},
		{"a-{seq:06}.raw", "a-000123.raw", 123},
		{"a-{seq:06}.raw", "a-1234567.raw", 1234567},
		{"a-{seq:06}.raw", "a-123.raw", -1},
		{"a-{seq:06}.raw", "a-.raw", -1},
		{"a-{seq:06}.raw", "", -1},
		{"{host}-{seq}.raw", "my-9-host-12.raw", 12},
		{"{host}{host}{host}-{seq}",
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -1},
		{"{seq}", "18446744073709551616184467440737", -1},
	};
	struct name name;
	uint64_t seq;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool match;

		assert_int_equal(name_parse(table[i].template, "x", &name, NULL), 0);
		match = name_match(&name, table[i].file, &seq);
		assert_int_equal(match ? (int)seq : -1, table[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_from_templates),
		cmocka_unit_test(what_is_no_template_is_refused),
		cmocka_unit_test(a_host_is_only_a_word),
		cmocka_unit_test(too_long_a_name_is_refused),
		cmocka_unit_test(a_number_goes_before_the_endings),
		cmocka_unit_test(strangers_do_not_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
