/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/ledger.h"
#include "capture/pipeline.h"
#include "tests/support/fakes.h"
#include "tests/support/records.h"

#define SECOND 1000000000ull

/* A pipeline with one output whose text is looked at in the end. */
struct rig {
	struct fake_sink sink;
	struct output *output;
	struct pipeline *p;
	struct records r;
	struct pipeline_report report;
};

static void rig_open(struct rig *rig, uint64_t stats_ns)
{
	struct output_config out;
	struct pipeline_config cfg = {.probe_by_number = fake_probe_by_number,
				      .outputs = &rig->output,
				      .outputs_n = 1,
				      .stats_ns = stats_ns};
	struct err err = {""};

	*rig = (struct rig){.output = NULL};
	out = fake_output_config(&rig->sink);
	out.kinds = UINT32_MAX & ~(1u << EVENT_META | 1u << EVENT_STATS);
	assert_int_equal(output_new(&out, 0, &rig->output, &err), 0);
	assert_int_equal(pipeline_new(&cfg, &rig->p, &err), 0);
	records_start(&rig->r, pipeline_record, rig->p);
	assert_int_equal(rig->r.result, 0);
	output_begin(rig->output);
}

static void rig_finish(struct rig *rig)
{
	pipeline_finish(rig->p);
	pipeline_report(rig->p, &rig->report);
}

static void rig_close(struct rig *rig)
{
	pipeline_free(rig->p);
	output_free(rig->output);
	fake_sink_done(&rig->sink);
}

/* Ends the run and compares everything that was written but preamble and epilogue. */
static void expect(struct rig *rig, const char *want)
{
	char all[4096];

	rig_finish(rig);
	snprintf(all, sizeof(all), "generation 1\n%send\n", want);
	assert_string_equal(rig->sink.p, all);
	assert_true(rig->report.balanced);
	assert_int_equal(rig->r.result, 0);
	rig_close(rig);
}

static void test_a_program_runs(void **state)
{
	static const char argv[] = "true\0-x";
	struct rig rig;
	struct rec_task sh = records_task(10, 1, RECORDS_BOOT - SECOND, "sh");
	struct rec_task task = records_task(11, 10, RECORDS_BOOT, "true");

	rig_open(&rig, 0);
	records_proc(&rig.r, sh, "/bin/sh", BYTES("sh\0"));
	records_fork(&rig.r, task);
	records_exec(&rig.r, task, "/bin/true", (struct bytes){argv, sizeof(argv)}, sizeof(argv));
	records_exit(&rig.r, task, 0);
	rig_finish(&rig);
	assert_int_equal(rig.report.events[EVENT_EXEC], 1);
	assert_int_equal(rig.report.events[EVENT_EXIT], 1);
	assert_memory_equal(rig.sink.p, "generation 1\nexec 1 true true\0-x\0\nend\n", 39);
	assert_true(rig.report.balanced);
	rig_close(&rig);
}

static void test_arguments_in_parts(void **state)
{
	struct rig rig;
	struct rec_task task = records_task(11, 10, RECORDS_BOOT, "long");
	uint64_t id;

	rig_open(&rig, 0);
	id = rig.r.now;
	records_exec(&rig.r, task, "/bin/long", BYTES("abc"), 9);
	records_part(&rig.r, REC_EXEC, 11, id, 3, BYTES("def"), REC_F_MORE);
	records_part(&rig.r, REC_EXEC, 11, id, 6, BYTES("ghi"), 0);
	expect(&rig, "exec 1 long abcdefghi\n");
}

static void test_a_lost_part_is_a_gap(void **state)
{
	struct rig rig;
	struct rec_task task = records_task(11, 10, RECORDS_BOOT, "long");
	uint64_t id;

	rig_open(&rig, 0);
	id = rig.r.now;
	records_exec(&rig.r, task, "/bin/long", BYTES("abc"), 9);
	records_part(&rig.r, REC_EXEC, 11, id, 6, BYTES("ghi"), 0);
	expect(&rig, "exec 1 long abcghi\n");
}

static void test_a_part_without_its_beginning_is_counted(void **state)
{
	struct rig rig;

	rig_open(&rig, 0);
	records_part(&rig.r, REC_EXEC, 11, 77, 6, BYTES("ghi"), 0);
	records_bare(&rig.r, REC_TICK);
	rig_finish(&rig);
	assert_int_equal(rig.report.stats[STAT_ORPHAN], 1);
	assert_true(rig.report.balanced);
	assert_non_null(strstr(rig.sink.p, "loss 1 - orphan\n"));
	rig_close(&rig);
}

static void test_a_typed_command(void **state)
{
	struct rig rig;
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");

	rig_open(&rig, 0);
	records_line(&rig.r, bash, 5, 0, BYTES("echo one"), 0);
	records_line_end(&rig.r, bash, 5, 0);
	expect(&rig, "shell 1 bash echo one\n");
}

static void test_lines_of_one_command_are_joined(void **state)
{
	struct rig rig;
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");

	rig_open(&rig, 0);
	records_line(&rig.r, bash, 5, 0, BYTES("for i in 1 2"), 0);
	records_line(&rig.r, bash, 5, LINE_F_CONTINUED, BYTES("do ec"), REC_F_MORE);
	records_part(&rig.r, REC_LINE, 20, 5, 5, BYTES("ho $i"), 0);
	records_line(&rig.r, bash, 5, LINE_F_CONTINUED, BYTES("done"), 0);
	records_line_end(&rig.r, bash, 5, 1);
	expect(&rig, "shell 1 bash for i in 1 2\ndo echo $i\ndone\n");
}

/* A command that runs for long is said after a second, and again when it has ended. */
static void test_long_commands_are_announced(void **state)
{
	struct rig rig;
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");

	rig_open(&rig, 0);
	records_line(&rig.r, bash, 5, 0, BYTES("sleep 9"), 0);
	rig.r.now += SECOND / 2;
	records_bare(&rig.r, REC_TICK);
	rig.r.now += SECOND;
	records_bare(&rig.r, REC_TICK);
	records_bare(&rig.r, REC_TICK);
	records_line(&rig.r, records_task(21, 1, RECORDS_BOOT, "bash"), 6, 0, BYTES("other"), 0);
	rig.r.now += SECOND;
	records_line_end(&rig.r, bash, 5, 0);
	expect(&rig, "shell 1 bash sleep 9\nshell 2 bash sleep 9\nshell 3 bash other\n");
}

static void test_exit_closes_the_command(void **state)
{
	struct rig rig;
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");

	rig_open(&rig, 0);
	records_line(&rig.r, bash, 5, 0, BYTES("exit 3"), 0);
	records_exit(&rig.r, bash, 3 << 8);
	rig_finish(&rig);
	assert_int_equal(rig.report.events[EVENT_LINE], 1);
	assert_non_null(strstr(rig.sink.p, "shell 1 bash exit 3\n"));
	rig_close(&rig);
}

static void test_many_open_commands_are_not_forgotten(void **state)
{
	struct rig rig;

	rig_open(&rig, 0);
	for (uint32_t pid = 100; pid < 1300; pid++)
		records_line(&rig.r, records_task(pid, 1, RECORDS_BOOT, "bash"), pid, 0, BYTES("x"),
			     0);
	rig_finish(&rig);
	assert_int_equal(rig.report.events[EVENT_LINE], 1200);
	assert_int_equal(rig.report.stats[STAT_EVICTED], 1200 - 1024);
	assert_true(rig.report.balanced);
	rig_close(&rig);
}

static void test_kernel_losses_are_said(void **state)
{
	struct rig rig;

	rig_open(&rig, 0);
	records_counter(&rig.r, RECORDS_EXEC, KC_NO_SPACE, 5);
	records_counter(&rig.r, RECORDS_EXEC, KC_NO_SPACE, 5);
	records_counter(&rig.r, RECORDS_EXEC, KC_NO_SPACE, 7);
	records_counter(&rig.r, RECORDS_EXEC, KC_FILTERED, 9);
	rig_finish(&rig);
	assert_string_equal(rig.sink.p,
			    "generation 1\nloss 1 - no_space\nloss 2 - no_space\nend\n");
	assert_int_equal(rig.report.kernel_lost, 7);
	assert_int_equal(rig.report.kernel[KC_FILTERED], 9);
	rig_close(&rig);
}

static void test_hostile_records_are_counted(void **state)
{
	struct rig rig;
	struct rec_line line = {.rec = {.kind = REC_LINE, .probe = RECORDS_BASH}};
	struct rec odd = {.kind = 200, .probe = 63};
	struct rec_exec exec = {.rec = {.kind = REC_EXEC, .probe = RECORDS_EXEC}};

	rig_open(&rig, 0);
	line.text_len = 100000;
	line.shell = LINE_BASH;
	records_raw(&rig.r, &line, sizeof(line));
	records_raw(&rig.r, &line, sizeof(line) - 8);
	records_raw(&rig.r, &odd, sizeof(odd));
	records_raw(&rig.r, &odd, 3);
	exec.exe_len = 1;
	records_raw(&rig.r, &exec, sizeof(exec));
	rig_finish(&rig);
	assert_int_equal(rig.report.stats[STAT_BAD], 2);
	assert_int_equal(rig.report.stats[STAT_SHORT], 2);
	assert_int_equal(rig.report.stats[STAT_UNKNOWN], 1);
	assert_true(rig.report.balanced);
	rig_close(&rig);
}

static void test_what_is_no_recording_is_refused(void **state)
{
	struct output *none = NULL;
	struct pipeline_config cfg = {.probe_by_number = fake_probe_by_number, .outputs = &none};
	struct rec rec = {.len = sizeof(rec), .kind = REC_STOP};
	struct rig rig = {.output = NULL};
	struct err err = {""};

	assert_int_equal(pipeline_new(&cfg, &rig.p, &err), 0);
	assert_int_equal(pipeline_record(&rec, rig.p), -EPROTO);
	assert_non_null(strstr(pipeline_error(rig.p), "does not begin"));
	pipeline_free(rig.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_program_runs),
		cmocka_unit_test(test_arguments_in_parts),
		cmocka_unit_test(test_a_lost_part_is_a_gap),
		cmocka_unit_test(test_a_part_without_its_beginning_is_counted),
		cmocka_unit_test(test_a_typed_command),
		cmocka_unit_test(test_lines_of_one_command_are_joined),
		cmocka_unit_test(test_long_commands_are_announced),
		cmocka_unit_test(test_exit_closes_the_command),
		cmocka_unit_test(test_many_open_commands_are_not_forgotten),
		cmocka_unit_test(test_kernel_losses_are_said),
		cmocka_unit_test(test_hostile_records_are_counted),
		cmocka_unit_test(test_what_is_no_recording_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
