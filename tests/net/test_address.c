/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "capture/net/address.h"

static void expect(const char *text, const char *port, const char *shown)
{
	struct address_list list;
	struct err err = {.text = ""};
	char all[1024] = "", one[ADDRESS_TEXT];

	assert_int_equal(address_parse(text, port, &list, &err), 0);
	for (unsigned i = 0; i < list.n; i++) {
		strncat(all, i ? "," : "", sizeof(all) - strlen(all) - 1);
		strncat(all, address_text(&list.v[i], one), sizeof(all) - strlen(all) - 1);
	}
	assert_string_equal(all, shown);
}

static void refuse(const char *text, const char *line)
{
	struct address_list list;
	struct err err = {.text = ""};

	assert_int_equal(address_parse(text, NULL, &list, &err), -EINVAL);
	assert_string_equal(err.text, line);
}

static void endpoints_are_read(void **state)
{
	expect("collector:4000", NULL, "collector:4000");
	expect("[::1]:4318,10.0.0.1:1,*:0", NULL, "[::1]:4318,10.0.0.1:1,*:0");
	expect("collector", "4318", "collector:4318");
	expect("[fe80::1]", "4318", "[fe80::1]:4318");
	expect("a,b:2,c", "9", "a:9,b:2,c:9");
	expect("a:65535", NULL, "a:65535");
}

static void others_are_refused_with_their_text(void **state)
{
	refuse("", "'' names no host");
	refuse(":1", "':1' names no host");
	refuse("[]:1", "'[]:1' names no host");
	refuse("a", "'a' names no port (host:port)");
	refuse("a:", "'a:' names no port (host:port)");
	refuse("a:65536", "'a:65536' names no port (host:port)");
	refuse("a:http", "'a:http' names no port (host:port)");
	refuse("a:-1", "'a:-1' names no port (host:port)");
	refuse("a:1,", "'' names no host");
	refuse("a:1,,b:1", "'' names no host");
	refuse("::1:4000", "'::1:4000': an IPv6 address stands in brackets");
}

static void a_host_is_as_long_as_a_name_may_be(void **state)
{
	char text[600];
	struct address_list list;

	memset(text, 'a', sizeof(text));
	memcpy(text + 255, ":1", 3);
	assert_int_equal(address_parse(text, NULL, &list, NULL), 0);
	assert_int_equal(strlen(list.v[0].host), 255);
	text[255] = 'a';
	memcpy(text + 256, ":1", 3);
	assert_int_equal(address_parse(text, NULL, &list, NULL), -EINVAL);
}

static void there_are_sixteen_at_most(void **state)
{
	char text[ADDRESS_MAX * 4 + 8] = "";
	struct address_list list;
	struct err err = {.text = ""};

	for (int i = 0; i < ADDRESS_MAX; i++)
		memcpy(text + strlen(text), i ? ",a:1" : "a:1", i ? 5 : 4);
	assert_int_equal(address_parse(text, NULL, &list, &err), 0);
	assert_int_equal(list.n, ADDRESS_MAX);
	memcpy(text + strlen(text), ",a:1", 5);
	assert_int_equal(address_parse(text, NULL, &list, &err), -EINVAL);
	assert_string_equal(err.text, "more than 16 endpoints");
}

static void a_path_fits_a_socket(void **state)
{
	char path[120], text[ADDRESS_TEXT];
	struct address_list list;

	assert_int_equal(address_parse_path("run/penstock", &list, NULL), 0);
	assert_string_equal(address_text(&list.v[0], text), "run/penstock");
	assert_int_equal(address_parse_path("", &list, NULL), -EINVAL);
	memset(path, 'p', sizeof(path));
	path[107] = 0;
	assert_int_equal(address_parse_path(path, &list, NULL), 0);
	path[107] = 'p';
	path[108] = 0;
	assert_int_equal(address_parse_path(path, &list, NULL), -EINVAL);
}

static bool is_local(const char *text)
{
	struct address_list list;

	assert_int_equal(address_parse(text, NULL, &list, NULL), 0);
	return address_is_local(&list.v[0]);
}

static void what_stays_on_this_machine_is_known(void **state)
{
	struct address path = {.path = "/run/x"};

	assert_true(address_is_local(&path));
	assert_true(is_local("127.0.0.1:1"));
	assert_true(is_local("127.255.0.9:1"));
	assert_true(is_local("[::1]:1"));
	assert_true(is_local("[::ffff:127.0.0.1]:1"));
	assert_true(is_local("LocalHost:1"));
	assert_false(is_local("128.0.0.1:1"));
	assert_false(is_local("[::2]:1"));
	assert_false(is_local("[::ffff:10.0.0.1]:1"));
	assert_false(is_local("localhost.example.org:1"));
	assert_false(is_local("127.0.0.1.example.org:1"));
	assert_false(is_local("*:1"));
	assert_false(is_local("0.0.0.0:1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_read),
		cmocka_unit_test(others_are_refused_with_their_text),
		cmocka_unit_test(a_host_is_as_long_as_a_name_may_be),
		cmocka_unit_test(there_are_sixteen_at_most),
		cmocka_unit_test(a_path_fits_a_socket),
		cmocka_unit_test(what_stays_on_this_machine_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
