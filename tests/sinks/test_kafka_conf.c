/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/kafka_stage.h"
#include "tests/support/temp.h"

static int refusal(const char *options, const char *text)
{
	struct kafka_stage s = {.target = "127.0.0.1:1/events"};
	int r = kafka_stage_open(&s, options);

	if (!strstr(s.err.text, text))
		fail_msg("'%s' is not in '%s'", text, s.err.text);
	kafka_stage_close(&s);
	return r;
}

static void what_librdkafka_does_not_take_is_said_at_once(void **state)
{
	char options[512];

	assert_int_equal(refusal("property=no.such.thing:1", "no.such.thing"), -EINVAL);
	assert_int_equal(refusal("property=retry.backoff.ms:never", "retry.backoff.ms"), -EINVAL);
	assert_int_equal(refusal("property=bootstrap.servers:x:1", "in the address"), -EINVAL);
	assert_int_equal(refusal("property=delivery.report.only.error:true", "not yours"), -EINVAL);
	assert_int_equal(refusal("property=security.protocol:ssl", "kafkas://"), -EINVAL);
	assert_int_equal(refusal("property=acks:1", "acks"), -EINVAL); /* not with idempotence */
	assert_int_equal(refusal("config=/nonexistent", "No such file"), -ENOENT);
	snprintf(options, sizeof(options), "config=%s",
		 temp_file("kafka.conf", "# comment\n\nlinger.ms = 7\nnonsense\n", 34));
	assert_int_equal(refusal(options, "line 4: no NAME=VALUE"), -EINVAL);
}

static void properties_come_from_a_file_too(void **state)
{
	char options[512];
	struct kafka_stage s;

	snprintf(options, sizeof(options), "compress=lz4,property=client.id:me,config=%s",
		 temp_file("kafka.conf", " linger.ms = 7 \r\n#x\n", 20));
	kafka_stage_up(&s, 1, 1, options);
	kafka_stage_deliver(&s, 3);
	kafka_stage_expect(&s, 3, false);
	kafka_stage_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_librdkafka_does_not_take_is_said_at_once),
		cmocka_unit_test(properties_come_from_a_file_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
