/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/sink.h"
#include "sinks/kafka_options.h"

static void an_address_is_brokers_and_a_topic(void **state)
{
	struct kafka_options_target t;
	struct err err = {""};
	char text[ADDRESS_TEXT];

	assert_int_equal(kafka_options_parse("one,two:19092,[::1]:1/a.b_c-D9", true, &t, &err), 0);
	assert_int_equal(t.brokers.n, 3);
	assert_string_equal(address_text(&t.brokers.v[0], text), "one:9092");
	assert_string_equal(address_text(&t.brokers.v[1], text), "two:19092");
	assert_string_equal(address_text(&t.brokers.v[2], text), "[::1]:1");
	assert_string_equal(t.topic, "a.b_c-D9");
	assert_true(t.tls);
}

static void refused(const char *target, const char *text)
{
	const struct kafka_options o = {.compress = 0};
	struct err err = {""};
	bool bare;

	assert_int_equal(kafka_options_check(&o, target, false, &bare, &err), -EINVAL);
	if (!strstr(err.text, text))
		fail_msg("'%s' is not in '%s'", text, err.text);
}

static void what_is_no_such_address_is_refused(void **state)
{
	char topic[300] = "host/", list[8192] = "";

	memset(topic + 5, 'x', 250);
	for (size_t i = 0; i < sizeof(list) - 1; i++)
		list[i] = 'h';
	refused("host", "names no topic");
	refused("host/", "names no topic");
	refused("/topic", "names no host");
	refused("host:99999/topic", "names no port");
	refused("host/..", "is no topic");
	refused("host/a/b", "is no topic");
	refused("host/a b", "is no topic");
	refused(topic, "is no topic");
	refused(list, "more brokers than there is room for");
}

static bool bare(const char *target, bool tls)
{
	const struct kafka_options o = {.compress = 0};
	struct err err = {""};
	bool ret = false;

	assert_int_equal(kafka_options_check(&o, target, tls, &ret, &err), 0);
	return ret;
}

static void what_leaves_this_machine_in_the_clear_is_bare(void **state)
{
	assert_false(bare("localhost/t", false));
	assert_false(bare("127.0.0.1:1,[::1]:2/t", false));
	assert_true(bare("127.0.0.1:1,broker/t", false));
	assert_false(bare("broker/t", true));
}

static void options_that_need_others_are_refused(void **state)
{
	struct kafka_options o = {.ca = "x"};
	const char *property = "nothing";
	struct err err = {""};
	bool ret;

	assert_int_equal(kafka_options_check(&o, "h/t", false, &ret, &err), -EINVAL);
	assert_non_null(strstr(err.text, "kafkas://"));
	assert_int_equal(kafka_options_check(&o, "h/t", true, &ret, &err), 0);
	o = (struct kafka_options){.key = "x"};
	assert_int_equal(kafka_options_check(&o, "h/t", true, &ret, &err), -EINVAL);
	assert_non_null(strstr(err.text, "without cert"));
	o = (struct kafka_options){.properties = {.v = &property, .n = 1}};
	assert_int_equal(kafka_options_check(&o, "h/t", true, &ret, &err), -EINVAL);
	assert_non_null(strstr(err.text, "NAME:VALUE"));
}

/* There are both schemes in every build, if only to say that there is nothing behind them. */
static void both_schemes_are_there(void **state)
{
	assert_non_null(sink_by_name("kafka"));
	assert_non_null(sink_by_name("kafkas"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_brokers_and_a_topic),
		cmocka_unit_test(what_is_no_such_address_is_refused),
		cmocka_unit_test(what_leaves_this_machine_in_the_clear_is_bare),
		cmocka_unit_test(options_that_need_others_are_refused),
		cmocka_unit_test(both_schemes_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
