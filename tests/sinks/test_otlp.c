/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sink alone, driven as delivery does, against a collector that answers by a script. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/base/elapsed.h"
#include "capture/encoder.h"
#include "tests/support/events.h"
#include "tests/support/otlp_rig.h"

/* Every request was right, nothing came twice unless an answer was lost, and both sides have the
 * same account of what was refused. */
static void assert_exact(struct otlp_rig *rig, struct otlp_rig_sum sum)
{
	assert_int_equal(sum.bad, 0);
	assert_int_equal(sum.twice, 0);
	assert_int_equal(sum.rejected, rig->refused);
}

static void everything_arrives_once(void **state)
{
	static const char *const scripts[] = {
		"ok",
		"none*3",
		"garbage*2,huge",
		"note",
		"later,ok,later",
		"502*2,504,later",
		"reset,ok,reset",
		"drop*2",
		"cut,drop",
		"html,moved",
		"wait=0.4,ok*3,wait=0.2,ok",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct otlp_rig rig;
		struct otlp_rig_sum sum;

		sum = otlp_rig_run(&rig, scripts[i], i % 2 ? "compress=none" : "", 20000);
		assert_exact(&rig, sum);
		assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
		assert_int_equal(rig.refused, 0);
	}
}

/* Of three requests that are final errors, and one of which a part is rejected. */
static void what_is_refused_is_counted(void **state)
{
	static const char *const errors[] = {"400=bad field", "404", "500", "501",
					     "403=who are you"};
	struct otlp_rig rig;
	struct otlp_rig_sum sum;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		char text[512];

		sum = otlp_rig_run_and_say(&rig, errors[i], text, sizeof(text));
		assert_exact(&rig, sum);
		assert_true(rig.refused >= OTLP_RIG_EVENTS);
		assert_int_equal(sum.accepted + rig.refused, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
		assert_non_null(strstr(text, "HTTP "));
		if (strchr(errors[i], '='))
			assert_non_null(strstr(text, strchr(errors[i], '=') + 1));
	}
}

static void what_is_rejected_in_part_is_counted_and_not_sent_again(void **state)
{
	char text[512];
	struct otlp_rig rig;
	struct otlp_rig_sum sum = otlp_rig_run_and_say(&rig, "ok,partial=7", text, sizeof(text));

	assert_exact(&rig, sum);
	assert_int_equal(rig.refused, 7);
	assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
	assert_non_null(strstr(text, "7 log records rejected: too old"));
	sum = otlp_rig_run_and_say(&rig, "note", text, sizeof(text));
	assert_exact(&rig, sum);
	assert_int_equal(rig.refused, 0);
	assert_non_null(strstr(text, "mind the gap"));
}

/* It is sent in smaller pieces, as long as there are any; a parcel alone is refused. */
static void what_is_too_large_is_sent_in_pieces(void **state)
{
	struct otlp_rig rig;
	struct otlp_rig_sum sum = otlp_rig_run(&rig, "413", "inflight=1", 20000);

	assert_exact(&rig, sum);
	assert_int_equal(rig.refused, 0);
	assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
	sum = otlp_rig_run(&rig, "413*1000", "inflight=1", 20000);
	assert_int_equal(sum.bad, 0);
	assert_int_equal(rig.refused, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
	assert_int_equal(sum.accepted, 0);
}

/* As long as it asks for, by both ways to say that. */
static void a_collector_is_left_alone_as_long_as_it_asks(void **state)
{
	static const char *const scripts[] = {"later=1", "date=2"}; /* dates have no fractions */

	for (unsigned i = 0; i < 2; i++) {
		int64_t start_ms = elapsed_ms();
		struct otlp_rig rig;
		struct otlp_rig_sum sum = otlp_rig_run(&rig, scripts[i], "inflight=1", 100);

		assert_exact(&rig, sum);
		assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
		assert_int_equal(sum.requests, 2);
		assert_in_range(elapsed_ms() - start_ms, 1000, 10000);
	}
}

/* A request without an answer, or with one that does not end, is sent again. */
static void answers_that_do_not_come_are_not_awaited_for_ever(void **state)
{
	static const char *const scripts[] = {"stall", "slow"};

	for (unsigned i = 0; i < 2; i++) {
		struct otlp_rig rig;
		struct otlp_rig_sum sum = otlp_rig_run(&rig, scripts[i], "timeout=1s", 100);

		assert_exact(&rig, sum);
		assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
	}
}

/* 40 parcels of 100 KB are two requests; one at a time, and not one for each parcel. */
static void parcels_that_wait_share_a_request(void **state)
{
	struct otlp_rig rig;
	struct otlp_rig_sum sum = otlp_rig_run(&rig, "ok", "inflight=1", 20000);

	assert_exact(&rig, sum);
	assert_in_range(sum.requests, 2, 3);
}

/* What is larger than a request should be goes all the same, alone. */
static void one_large_event_goes_alone(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	size_t n = 5 << 20;
	struct encoding e;
	struct otlp_rig rig;
	struct otlp_rig_sum sum;
	char *text = malloc(n);

	assert_non_null(text);
	for (unsigned i = 0; i < 2; i++) {
		memset(text, 'x', n);
		ev.line.text = (struct bytes){text, n};
		encoding_open(&e, encoder_by_name("otlp"), NULL, NULL);
		assert_int_equal(encoding_add(&e, &ev), 0);
		otlp_rig_open(&rig, "ok", i ? "compress=none" : "", 100);
		otlp_rig_put_opening(&rig);
		rig.parcels[3].p = e.p;
		rig.parcels[3].n = e.n;
		rig.parcels[3].records = 1;
		for (unsigned k = 0; k < OTLP_RIG_PARCELS; k++)
			otlp_rig_put(&rig, &rig.parcels[k]);
		otlp_rig_sync(&rig);
		sum = otlp_rig_close(&rig);
		assert_int_equal(sum.bad, 0);
		assert_int_equal(sum.accepted,
				 (OTLP_RIG_PARCELS - 1) *
					 OTLP_RIG_EVENTS); /* its number is a taken one */
		encoding_close(&e);
	}
	free(text);
}

/* Nobody listens at first: it says so, and goes on when somebody does. */
static void a_collector_that_comes_later_gets_everything(void **state)
{
	char port[64], script[128];
	struct sink_wait wait = {0};
	struct otlp_rig rig;
	struct otlp_rig_sum sum;

	otlp_rig_open(&rig, "ok", "", 100);
	kill(rig.pid, SIGKILL);
	waitpid(rig.pid, NULL, 0);
	fclose(rig.server);
	otlp_rig_put_all(&rig);
	for (int i = 0; i < 10 && !rig.ops->why(rig.ctx); i++)
		otlp_rig_await(&rig, true);
	assert_non_null(strstr(rig.ops->why(rig.ctx), "Connection refused"));
	assert_non_null(strstr(rig.ops->why(rig.ctx), rig.target));
	assert_int_equal(rig.ops->trouble(rig.ctx), -ECONNABORTED);
	rig.ops->wait(rig.ctx, true, &wait);
	assert_true(wait.timeout_ms >= 0 && wait.timeout_ms <= 30000);
	snprintf(port, sizeof(port), "%s", strchr(rig.target, ':') + 1);
	snprintf(script, sizeof(script), "ok' '%s", port);
	otlp_rig_start(&rig, script);
	otlp_rig_sync(&rig);
	assert_non_null(strstr(rig.ops->state(rig.ctx), "0 requests"));
	assert_int_equal(rig.ops->trouble(rig.ctx), 0);
	sum = otlp_rig_close(&rig);
	assert_exact(&rig, sum);
	assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
}

/* A medium that begins anew forgets what was under way: all of it comes again. */
static void what_was_under_way_can_be_taken_back(void **state)
{
	struct otlp_rig rig;
	struct otlp_rig_sum sum;

	otlp_rig_open(&rig, "drop", "", 100);
	otlp_rig_put_all(&rig);
	assert_int_equal(rig.ops->sync(rig.ctx), -EAGAIN);
	assert_int_equal(rig.ops->begin(rig.ctx, &(struct sink_medium){0}), 0);
	assert_int_equal(rig.done, 0);
	otlp_rig_put_all(&rig);
	otlp_rig_sync(&rig);
	sum = otlp_rig_close(&rig);
	assert_int_equal(sum.bad, 0);
	assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
}

/* Records of different runs are never in one request. */
static void each_request_has_one_resource(void **state)
{
	static const uint8_t other[] = {0x0a, 0x00};
	struct parcel opening = {.p = other, .n = 2, .opening_n = 2};
	struct otlp_rig rig;
	struct otlp_rig_sum sum;

	otlp_rig_open(&rig, "ok", "", 100);
	otlp_rig_put_opening(&rig);
	for (unsigned i = 0; i < 20; i++)
		otlp_rig_put(&rig, &rig.parcels[i]);
	otlp_rig_put(&rig, &opening);
	for (unsigned i = 20; i < OTLP_RIG_PARCELS; i++)
		otlp_rig_put(&rig, &rig.parcels[i]);
	otlp_rig_sync(&rig);
	sum = otlp_rig_close(&rig);
	assert_int_equal(sum.bad, 1); /* a resource that says nothing */
	assert_int_equal(sum.accepted, 20 * OTLP_RIG_EVENTS);
	assert_int_equal(rig.refused, 20 * OTLP_RIG_EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_once),
		cmocka_unit_test(what_is_refused_is_counted),
		cmocka_unit_test(what_is_rejected_in_part_is_counted_and_not_sent_again),
		cmocka_unit_test(what_is_too_large_is_sent_in_pieces),
		cmocka_unit_test(a_collector_is_left_alone_as_long_as_it_asks),
		cmocka_unit_test(answers_that_do_not_come_are_not_awaited_for_ever),
		cmocka_unit_test(parcels_that_wait_share_a_request),
		cmocka_unit_test(one_large_event_goes_alone),
		cmocka_unit_test(a_collector_that_comes_later_gets_everything),
		cmocka_unit_test(what_was_under_way_can_be_taken_back),
		cmocka_unit_test(each_request_has_one_resource),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
