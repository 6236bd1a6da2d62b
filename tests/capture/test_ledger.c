/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/ledger.h"
#include "tests/support/records.h"
#include "tests/support/rig.h"

enum {
	OUTPUTS = 2
};

/* A ledger whose events go, as JSON, into two outputs. */
static struct desk {
	struct fake_sink sinks[OUTPUTS];
	struct output *outputs[OUTPUTS];
	struct normalise *normalise;
	struct ledger ledger;
	struct records records; /* COUNTERS, for the ledger */
} desk;

static int take_counters(const struct rec *rec, void *arg)
{
	return ledger_counters(&desk.ledger, rec, desk.normalise);
}

static int open_desk(void **state)
{
	desk = (struct desk){.ledger = {.probe_by_number = fake_probe_by_number}};
	for (unsigned i = 0; i < OUTPUTS; i++) {
		struct output_config cfg = fake_output_config(&desk.sinks[i]);

		cfg.encoder = encoder_by_name("jsonl");
		cfg.kinds = UINT32_MAX & ~(1u << EVENT_META);
		desk.outputs[i] = rig_start(cfg);
	}
	desk.normalise = normalise_new(desk.outputs, OUTPUTS);
	assert_non_null(desk.normalise);
	normalise_clock(desk.normalise, RECORDS_BOOT, RECORDS_UNIX);
	records_init(&desk.records, take_counters, NULL);
	desk.ledger.counters_ns = desk.ledger.loss_ns = RECORDS_BOOT;
	return 0;
}

static int close_desk(void **state)
{
	normalise_free(desk.normalise);
	for (unsigned i = 0; i < OUTPUTS; i++) {
		output_free(desk.outputs[i]);
		fake_sink_done(&desk.sinks[i]);
	}
	return 0;
}

static void tell_losses(uint64_t after_ns)
{
	ledger_losses(&desk.ledger, desk.normalise, desk.outputs, OUTPUTS, RECORDS_BOOT + after_ns);
}

/* An event that no chunk can hold, and of a kind that is not cut. */
static void lose_one(struct output *o)
{
	static char text[CHUNK_JUMBO + 1];
	struct event ev = {.kind = EVENT_ATTACH,
			   .probe = "core",
			   .time_boot_ns = RECORDS_BOOT,
			   .attach = {.hook = {text, sizeof(text)}}};

	output_event(o, &ev);
}

static void finish_outputs(void)
{
	for (unsigned i = 0; i < OUTPUTS; i++)
		rig_finish(desk.outputs[i]);
}

/* How often an output has said that; after finish_outputs(). */
static unsigned said(unsigned output, const char *what)
{
	const char *p = desk.sinks[output].p;
	unsigned n = 0;

	while (p && (p = strstr(p, what))) {
		p += strlen(what);
		n++;
	}
	return n;
}

static void assert_all_said(const char *what, unsigned times)
{
	for (unsigned i = 0; i < OUTPUTS; i++)
		assert_int_equal(said(i, what), times);
}

/* ---- accounts ------------------------------------------------------------------------------ */

static void every_record_read_is_accounted_for(void **state)
{
	struct ledger *l = &desk.ledger;

	assert_true(ledger_balanced(l, false));
	l->stats[STAT_READ] = 10;
	l->stats[STAT_DECODED] = 4;
	l->stats[STAT_MERGED] = 2;
	l->stats[STAT_SHORT] = l->stats[STAT_BAD] = 1;
	l->stats[STAT_UNKNOWN] = 1;
	assert_false(ledger_balanced(l, false));
	l->stats[STAT_ORPHAN] = 1;
	assert_true(ledger_balanced(l, false));
	l->stats[STAT_EVICTED] = 3; /* these were emitted all the same */
	assert_true(ledger_balanced(l, false));
	l->stats[STAT_DECODED]++;
	assert_false(ledger_balanced(l, false));
}

/* What the kernel side wanted to write was read or is known as lost: to be asked at the end only,
 * as the counters are older than the records before it. */
static void every_record_submitted_is_accounted_for(void **state)
{
	struct ledger *l = &desk.ledger;

	l->ring_read = 90;
	l->kernel[RECORDS_EXEC][KC_SUBMITTED] = 70;
	l->kernel[RECORDS_BASH][KC_SUBMITTED] = 30;
	l->kernel[RECORDS_EXEC][KC_NO_SPACE] = 6;
	l->kernel[RECORDS_BASH][KC_READ_FAULT] = 3;
	l->kernel[RECORDS_BASH][KC_FILTERED] = 1; /* were never to be written */
	assert_int_equal(ledger_kernel(l, KC_SUBMITTED), 100);
	assert_int_equal(ledger_kernel_lost(l), 9);
	assert_false(ledger_balanced(l, true));
	assert_true(ledger_balanced(l, false));
	l->kernel[0][KC_MAP_FULL] = 1;
	assert_true(ledger_balanced(l, true));
}

static void what_is_in_flight_is_not_accounted_for(void **state)
{
	struct output *o = desk.outputs[0];

	rig_send(o, "one");
	assert_true(ledger_output_balanced(o, false));
	assert_false(ledger_output_balanced(o, true)); /* in a chunk that is open */
	lose_one(o);
	output_tick(o, 2 * RECORDS_BOOT);
	rig_await(o, OSTAT_DONE, 1);
	assert_true(ledger_output_balanced(o, true));
}

/* ---- losses -------------------------------------------------------------------------------- */

static void losses_of_the_kernel_are_told_once(void **state)
{
	struct records *r = &desk.records;

	records_counter(r, RECORDS_EXEC, KC_NO_SPACE, 5);
	records_counter(r, RECORDS_EXEC, KC_NO_SPACE, 5);
	records_counter(r, RECORDS_EXEC, KC_NO_SPACE, 7);
	records_counter(r, RECORDS_EXEC, KC_FILTERED, 9);
	records_counter(r, RECORDS_EXEC, KC_SUBMITTED, 99);
	records_counter(r, PROBE_MAX - 1, KC_MISSED, 1);
	tell_losses(10000);
	assert_int_equal(r->result, 0);
	finish_outputs();
	assert_all_said("\"type\":\"loss\"", 3);
	assert_all_said("\"loss\":{\"count\":5,\"unit\":\"records\",\"probe\":\"exec\","
			"\"reason\":\"no_space\",\"first_unix_nano\":\"1700000000000000000\","
			"\"last_unix_nano\":\"1700000000000000000\"}",
			1);
	assert_all_said("\"loss\":{\"count\":2,\"unit\":\"records\",\"probe\":\"exec\","
			"\"reason\":\"no_space\",\"first_unix_nano\":\"1700000000000001000\","
			"\"last_unix_nano\":\"1700000000000002000\"}",
			1);
	assert_all_said("\"count\":1,\"unit\":\"records\",\"probe\":\"core\",\"reason\":\"missed\"",
			1);
}

/* Of a damaged record nothing is taken. */
static void damaged_counters_are_refused(void **state)
{
	struct {
		struct rec_counters head;
		struct rec_counter v[2];
	} rec = {.head = {.ring_size = 4096, .n = 2},
		 .v = {{.probe = RECORDS_EXEC, .counter = KC_NO_SPACE, .value = 5}}};
	struct rec *head = &rec.head.rec;

	head->len = sizeof(rec.head) - 8;
	assert_int_equal(take_counters(head, NULL), -EMSGSIZE);
	head->len = sizeof(rec.head) + sizeof(rec.v[0]);
	assert_int_equal(take_counters(head, NULL), -EBADMSG); /* says two, holds one */
	head->len = sizeof(rec);
	rec.v[1] = (struct rec_counter){.probe = PROBE_MAX, .value = 1};
	assert_int_equal(take_counters(head, NULL), -EBADMSG);
	rec.v[1] = (struct rec_counter){.counter = KC_MAX, .value = 1};
	assert_int_equal(take_counters(head, NULL), -EBADMSG);
	assert_int_equal(ledger_kernel_lost(&desk.ledger), 0);
	assert_int_equal(desk.ledger.ring_size, 0);
	rec.v[1].counter = KC_NO_SPACE;
	assert_int_equal(take_counters(head, NULL), 0);
	assert_int_equal(ledger_kernel_lost(&desk.ledger), 6);
}

/* At each tick what is new, summed up for each reason. */
static void losses_of_the_reader_are_told_once(void **state)
{
	desk.ledger.stats[STAT_ORPHAN] = 3;
	desk.ledger.stats[STAT_DECODED] = 50;
	tell_losses(1000);
	tell_losses(2000);
	desk.ledger.stats[STAT_ORPHAN] = 4;
	desk.ledger.stats[STAT_BAD] = 2;
	tell_losses(3000);
	tell_losses(4000);
	finish_outputs();
	assert_all_said("\"type\":\"loss\"", 3);
	assert_all_said("\"count\":3,\"unit\":\"records\",\"probe\":\"reader\","
			"\"reason\":\"orphan\",\"first_unix_nano\":\"1700000000000000000\","
			"\"last_unix_nano\":\"1700000000000001000\"",
			1);
	assert_all_said("\"count\":1,\"unit\":\"records\",\"probe\":\"reader\","
			"\"reason\":\"orphan\",\"first_unix_nano\":\"1700000000000002000\","
			"\"last_unix_nano\":\"1700000000000003000\"",
			1);
	assert_all_said("\"count\":2,\"unit\":\"records\",\"probe\":\"reader\",\"reason\":\"bad\"",
			1);
}

/* An output's losses concern nobody but who reads it. */
static void losses_of_an_output_are_told_by_itself(void **state)
{
	struct output *o = desk.outputs[0];

	lose_one(o);
	lose_one(o);
	rig_send(o, "not lost");
	tell_losses(1000);
	tell_losses(2000);
	lose_one(o);
	tell_losses(3000); /* not before the first report is known to be written */
	output_tick(o, 2 * RECORDS_BOOT);
	rig_await(o, OSTAT_DONE, 2);
	tell_losses(4000);
	tell_losses(5000);
	finish_outputs();
	assert_int_equal(said(0, "\"type\":\"loss\""), 2);
	assert_int_equal(said(0, "\"count\":2,\"unit\":\"events\",\"probe\":\"output\","
				 "\"reason\":\"too_big\""),
			 1);
	assert_int_equal(said(0, "\"first_seq\":1,\"last_seq\":2}"), 1);
	assert_int_equal(said(0, "\"count\":1,\"unit\":\"events\",\"probe\":\"output\","
				 "\"reason\":\"too_big\""),
			 1);
	assert_int_equal(said(0, "\"first_seq\":5,\"last_seq\":5}"), 1);
	assert_int_equal(said(1, "\"type\":\"loss\""), 0);
}

/* ---- statistics ---------------------------------------------------------------------------- */

/* All that was counted but what the speed of a sink decides. */
static void statistics_are_the_same_in_each_replay(void **state)
{
	struct ledger *l = &desk.ledger;

	l->ring_size = 65536;
	l->ring_high = 4096;
	l->kernel[RECORDS_EXEC][KC_SUBMITTED] = 7;
	l->stats[STAT_READ] = 12;
	rig_send(desk.outputs[0], "one");
	ledger_emit_stats(l, desk.normalise, desk.outputs[0], RECORDS_BOOT, false);
	ledger_emit_stats(l, desk.normalise, desk.outputs[0], RECORDS_BOOT, true);
	finish_outputs();
	assert_int_equal(said(0, "{\"value\":65536,\"group\":\"ring\",\"name\":\"size\"}"), 2);
	assert_int_equal(said(0, "{\"value\":4096,\"group\":\"ring\",\"name\":\"high\"}"), 2);
	assert_int_equal(said(0, "{\"value\":7,\"group\":\"exec\",\"name\":\"submitted\"}"), 2);
	assert_int_equal(said(0, "\"group\":\"exec\""), 2); /* of the kernel's none that is 0 */
	assert_int_equal(said(0, "{\"value\":12,\"group\":\"reader\",\"name\":\"read\"}"), 2);
	assert_int_equal(said(0, "\"group\":\"reader\""), 2 * STAT_MAX);
	assert_int_equal(said(0, "{\"value\":1,\"group\":\"output\",\"name\":\"offered\"}"), 1);
	assert_int_equal(said(0, "{\"value\":0,\"group\":\"output\",\"name\":\"too_big\"}"), 2);
	assert_int_equal(said(0, "\"name\":\"done\""), 0);
	assert_int_equal(said(0, "\"name\":\"in_flight\""), 0);
	assert_int_equal(said(0, "\"name\":\"bytes\""), 0);
	assert_int_equal(said(0, "\"final\":true"), 1);
	assert_int_equal(said(1, "\"stats\""), 0);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, open_desk, close_desk)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(every_record_read_is_accounted_for),
		DESK_TEST(every_record_submitted_is_accounted_for),
		DESK_TEST(what_is_in_flight_is_not_accounted_for),
		DESK_TEST(losses_of_the_kernel_are_told_once),
		DESK_TEST(damaged_counters_are_refused),
		DESK_TEST(losses_of_the_reader_are_told_once),
		DESK_TEST(losses_of_an_output_are_told_by_itself),
		DESK_TEST(statistics_are_the_same_in_each_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
