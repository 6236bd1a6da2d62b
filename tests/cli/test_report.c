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
#include <unistd.h>

#include "capture/cli/report.h"
#include "tests/support/printed.h"
#include "tests/support/records.h"
#include "tests/support/rig.h"

/* A run into outputs that only pretend to be where their specs say. */
static struct {
	struct fake_sink sinks[2];
	struct outputs outputs;
	struct pipeline *pipeline;
	struct records records;
} run;

/* Names: "stdout", or files. */
static void start_run(const char *first, const char *second)
{
	const char *names[] = {first, second};
	struct pipeline_config cfg = {.probe_by_number = fake_probe_by_number,
				      .outputs = run.outputs.v};
	struct err err = {""};

	for (unsigned i = 0; i < 2 && names[i]; i++) {
		struct output_config out = fake_output_config(&run.sinks[i]);
		bool is_stdout = !strcmp(names[i], "stdout");

		out.label = names[i];
		out.kinds = UINT32_MAX & ~(1u << EVENT_META | 1u << EVENT_STATS);
		run.outputs.specs[i] = (struct output_spec){
			.label = is_stdout ? "-" : names[i],
			.sink = is_stdout ? sink_by_name("stdout") : sink_by_name("file")};
		assert_int_equal(output_new(&out, i, &run.outputs.v[i], &err), 0);
		run.outputs.n++;
	}
	cfg.outputs_n = run.outputs.n;
	assert_int_equal(pipeline_new(&cfg, &run.pipeline, &err), 0);
	outputs_begin(&run.outputs);
	records_start(&run.records, pipeline_record, run.pipeline);
}

static void start_program(uint32_t pid)
{
	struct rec_task task = records_task(pid, 1, RECORDS_BOOT, "true");

	records_exec(&run.records, task, "/bin/true", BYTES("true\0"), 5);
}

static void count_kernel(enum kcounter counter, uint64_t value)
{
	struct {
		struct rec_counters head;
		struct rec_counter v;
	} rec = {.head = {.rec = {.kind = REC_COUNTERS, .time = run.records.now},
			  .ring_size = 16 << 20,
			  .ring_high = 24700,
			  .n = 1},
		 .v = {.probe = RECORDS_EXEC, .counter = (uint16_t)counter, .value = value}};

	records_raw(&run.records, &rec, sizeof(rec));
}

/* Ends the run; what its report prints on stderr, and whether it says that all is well. */
static void expect(unsigned flags, bool whole, const char *want)
{
	struct pipeline_report report;
	bool answer;

	assert_int_equal(run.records.result, 0);
	pipeline_finish(run.pipeline);
	pipeline_report(run.pipeline, &report);
	printed_begin();
	answer = report_print(&report, &run.outputs, flags);
	printed_end();
	assert_string_equal(printed_err(), want);
	assert_string_equal(printed_out(), "");
	assert_int_equal(answer, whole);
}

/* The same while nobody reads standard output. */
static void expect_abandoned(unsigned flags, bool whole, const char *want)
{
	int saved = dup(STDOUT_FILENO), fds[2];
	struct pipeline_report report;

	assert_int_equal(pipe(fds), 0);
	pipeline_finish(run.pipeline);
	pipeline_report(run.pipeline, &report);
	printed_begin();
	dup2(fds[1], STDOUT_FILENO);
	close(fds[0]);
	close(fds[1]);
	whole = report_print(&report, &run.outputs, flags) == whole;
	dup2(saved, STDOUT_FILENO);
	printed_end();
	close(saved);
	assert_string_equal(printed_err(), want);
	assert_true(whole);
}

static int end_run(void **state)
{
	pipeline_free(run.pipeline);
	for (unsigned i = 0; i < run.outputs.n; i++)
		output_free(run.outputs.v[i]);
	for (unsigned i = 0; i < 2; i++)
		fake_sink_done(&run.sinks[i]);
	memset(&run, 0, sizeof(run));
	return 0;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void all_is_well(void **state)
{
	start_run("stdout", NULL);
	start_program(10);
	start_program(11);
	records_exit(&run.records, records_task(10, 1, RECORDS_BOOT, "true"), 0);
	count_kernel(KC_FILTERED, 3);
	records_bare(&run.records, REC_STOP);
	expect(0, true, "penstock: 2 exec, 1 exit; 3 filtered; ring at most 24.1K of 16.0M full\n");
}

static void nothing_happened(void **state)
{
	start_run("stdout", NULL);
	expect(0, true, "penstock: no events\n");
}

/* Only where there are several, or none that one could see, each output gets a line. */
static void each_output_has_a_line(void **state)
{
	start_run("a.jsonl", "stdout");
	start_program(10);
	expect(0, true,
	       "penstock: 1 exec\n"
	       "penstock: a.jsonl: 1 written, 35B\n"
	       "penstock: stdout: 1 written, 35B\n");
}

static void a_file_has_a_line(void **state)
{
	start_run("a.jsonl", NULL);
	expect(0, true, "penstock: no events\npenstock: a.jsonl: 0 written, 17B\n");
}

/* What somebody asks for while the run goes on: what has not reached the sink yet is told. */
static void a_run_that_goes_on(void **state)
{
	struct pipeline_report report;
	struct snapshot now;
	bool whole;

	start_run("a.jsonl", NULL);
	start_program(10);
	pipeline_report(run.pipeline, &report);
	snapshot_take(&now, &report, &run.outputs);
	printed_begin();
	whole = report_print_snapshot(&now, &run.outputs, REPORT_RUNNING);
	printed_end();
	assert_true(whole);
	assert_string_equal(printed_err(), "penstock: 1 exec\n"
					   "penstock: a.jsonl: 0 written, 0B, 1 on their way\n");
	expect(0, true, "penstock: 1 exec\npenstock: a.jsonl: 1 written, 35B\n");
}

static void what_is_well_is_not_told_to_the_quiet(void **state)
{
	start_run("a.jsonl", "b.jsonl");
	start_program(10);
	expect(REPORT_QUIET, true, "");
}

static void each_place_tells_its_losses(void **state)
{
	start_run("a.jsonl", "b.jsonl");
	run.sinks[1].fail = -ENOSPC;
	count_kernel(KC_NO_SPACE, 5);
	records_part(&run.records, REC_EXEC, 11, 77, 6, BYTES("ghi"), 0);
	expect(REPORT_QUIET, false,
	       "penstock: LOST: kernel: 5 records lost because the ring was full (no_space)\n"
	       "penstock: LOST: reader: 1 parts whose first record was lost (orphan)\n"
	       "penstock: LOST: b.jsonl: 2 events that the sink could not write (sink_error)\n"
	       "penstock: b.jsonl: No space left on device\n");
}

/* It may come at the end, when everything is written. */
static void an_error_alone_is_told(void **state)
{
	start_run("stdout", NULL);
	run.sinks[0].fail_end = -EACCES;
	start_program(10);
	expect(REPORT_QUIET, false, "penstock: stdout: Permission denied\n");
}

/* The recording has told it already, and this run lost nothing. */
static void losses_of_a_recording_are_not_ours(void **state)
{
	start_run("stdout", NULL);
	count_kernel(KC_NO_SPACE, 5);
	expect(REPORT_QUIET | REPORT_REPLAY, true, "");
}

static void counters_must_add_up(void **state)
{
	start_run("stdout", NULL);
	count_kernel(KC_SUBMITTED, 3); /* and read none */
	records_bare(&run.records, REC_STOP);
	expect(REPORT_QUIET, false, "penstock: LOST: the counters do not add up\n");
}

/* "penstock ... | head" is a normal end, whatever was not written any more. */
static void an_abandoned_stdout_is_a_normal_end(void **state)
{
	start_run("stdout", NULL);
	run.sinks[0].fail = -EPIPE;
	start_program(10);
	expect_abandoned(0, true,
			 "penstock: 1 exec\n"
			 "penstock: the reader of our standard output has closed the pipe\n");
}

static void the_quiet_hear_nothing_of_it(void **state)
{
	start_run("stdout", NULL);
	run.sinks[0].fail = -EPIPE;
	start_program(10);
	expect_abandoned(REPORT_QUIET, true, "");
}

/* With a second output that goes on it is a loss like any other. */
static void an_abandoned_stdout_among_others_is_a_loss(void **state)
{
	start_run("stdout", "b.jsonl");
	run.sinks[0].fail = -EPIPE;
	start_program(10);
	expect_abandoned(
		REPORT_QUIET, false,
		"penstock: LOST: stdout: 1 events that the sink could not write (sink_error)\n"
		"penstock: stdout: Broken pipe\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_is_well, end_run),
		cmocka_unit_test_teardown(nothing_happened, end_run),
		cmocka_unit_test_teardown(each_output_has_a_line, end_run),
		cmocka_unit_test_teardown(a_file_has_a_line, end_run),
		cmocka_unit_test_teardown(a_run_that_goes_on, end_run),
		cmocka_unit_test_teardown(what_is_well_is_not_told_to_the_quiet, end_run),
		cmocka_unit_test_teardown(each_place_tells_its_losses, end_run),
		cmocka_unit_test_teardown(an_error_alone_is_told, end_run),
		cmocka_unit_test_teardown(losses_of_a_recording_are_not_ours, end_run),
		cmocka_unit_test_teardown(counters_must_add_up, end_run),
		cmocka_unit_test_teardown(an_abandoned_stdout_is_a_normal_end, end_run),
		cmocka_unit_test_teardown(the_quiet_hear_nothing_of_it, end_run),
		cmocka_unit_test_teardown(an_abandoned_stdout_among_others_is_a_loss, end_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
