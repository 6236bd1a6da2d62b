/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/otlp_answer.h"

#define PROTOBUF "application/x-protobuf"

static struct otlp_judgement judged(long status, const char *type, struct bytes body)
{
	struct otlp_answer answer = {.status = status, .type = type, .body = body};
	struct otlp_judgement j;

	otlp_answer_judge(&answer, &j);
	return j;
}

static void the_table_is_exact(void **state)
{
	for (long status = 0; status < 700; status++) {
		struct otlp_judgement j = judged(status, NULL, (struct bytes){0});
		enum otlp_verdict want = OTLP_RETRY;

		if (status >= 200 && status < 300)
			want = OTLP_ACCEPTED;
		else if (status == 413)
			want = OTLP_TOO_LARGE;
		else if (status >= 400 && status < 600 && status != 429 && status != 502 &&
			 status != 503 && status != 504)
			want = OTLP_REFUSED;
		assert_int_equal(j.verdict, want);
		assert_int_equal(j.rejected, 0);
		assert_false(j.odd);
	}
}

static void partial_success_is_read(void **state)
{
	struct otlp_judgement j = judged(200, PROTOBUF, BYTES("\x0a\x0b\x08\x07\x12\x07too old"));

	assert_int_equal(j.verdict, OTLP_ACCEPTED);
	assert_int_equal(j.rejected, 7);
	assert_false(j.odd);
	assert_string_equal(j.text, "7 log records rejected: too old");
	j = judged(200, PROTOBUF, BYTES("\x0a\x05\x12\x03yes"));
	assert_int_equal(j.rejected, 0);
	assert_true(j.odd);
	assert_string_equal(j.text, "yes");
	/* a field of a later version does no harm */
	j = judged(200, PROTOBUF, BYTES("\x12\x01x\x0a\x06\x08\x02\x18\x01\x10\x05"));
	assert_int_equal(j.verdict, OTLP_ACCEPTED);
	assert_true(j.odd); /* the message is no text: the answer is none */
	j = judged(200, PROTOBUF, BYTES("\x12\x01x\x0a\x04\x08\x02\x18\x01"));
	assert_int_equal(j.rejected, 2);
	assert_false(j.odd);
}

static void success_with_garbage_is_success(void **state)
{
	static const struct bytes garbage[] = {
		BYTES("\xff\xff\xff"),
		BYTES("OK"),
		BYTES("\x0a\x05\x08"),
		BYTES("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* -1 rejected */
		BYTES("\x08\x01"),
	};

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct otlp_judgement j = judged(200, PROTOBUF, garbage[i]);

		assert_int_equal(j.verdict, OTLP_ACCEPTED);
		assert_int_equal(j.rejected, 0);
		assert_true(j.odd);
		assert_string_equal(j.text, "HTTP 200 with an answer that is none");
	}
}

static void an_answer_that_was_cut_is_not_believed(void **state)
{
	struct otlp_answer answer = {
		.status = 200, .type = PROTOBUF, .body = BYTES("\x0a\x02\x08\x07"), .cut = true};
	struct otlp_judgement j;

	otlp_answer_judge(&answer, &j);
	assert_int_equal(j.verdict, OTLP_ACCEPTED);
	assert_int_equal(j.rejected, 0);
	assert_true(j.odd);
}

static void pages_and_redirects_are_no_success(void **state)
{
	struct otlp_answer moved = {.status = 302, .location = "https://login.example/"};
	struct otlp_judgement j = judged(200, "text/html; charset=utf-8", BYTES("Welcome"));

	assert_int_equal(j.verdict, OTLP_RETRY);
	assert_non_null(strstr(j.text, "no collector"));
	assert_int_equal(judged(200, "TEXT/HTML", BYTES("")).verdict, OTLP_RETRY);
	assert_int_equal(judged(200, NULL, BYTES("<!DOCTYPE html>")).verdict, OTLP_RETRY);
	assert_int_equal(judged(200, PROTOBUF, BYTES("<HTML>")).verdict, OTLP_RETRY);
	otlp_answer_judge(&moved, &j);
	assert_int_equal(j.verdict, OTLP_RETRY);
	assert_string_equal(j.text, "HTTP 302, redirected to https://login.example/");
}

static void errors_say_why(void **state)
{
	struct otlp_judgement j;

	j = judged(400, PROTOBUF, BYTES("\x08\x03\x12\x08no field"));
	assert_string_equal(j.text, "HTTP 400: no field");
	assert_string_equal(judged(503, "text/plain", BYTES("busy\r\nmore")).text,
			    "HTTP 503: busy");
	assert_string_equal(judged(500, "text/html", BYTES("<b>no</b>")).text, "HTTP 500");
	/* nothing that a terminal would act upon */
	assert_string_equal(judged(500, "text/plain", BYTES("\x1b[2Jgone")).text, "HTTP 500");
	assert_string_equal(judged(400, PROTOBUF, BYTES("\x12\x03\xff\xfe\xfd")).text, "HTTP 400");
}

static void long_messages_are_cut(void **state)
{
	char body[1000];
	struct otlp_judgement j;

	memset(body, 'x', sizeof(body));
	j = judged(500, "text/plain", (struct bytes){body, sizeof(body)});
	assert_in_range(strlen(j.text), 100, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_exact),
		cmocka_unit_test(partial_success_is_read),
		cmocka_unit_test(success_with_garbage_is_success),
		cmocka_unit_test(an_answer_that_was_cut_is_not_believed),
		cmocka_unit_test(pages_and_redirects_are_no_success),
		cmocka_unit_test(errors_say_why),
		cmocka_unit_test(long_messages_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
