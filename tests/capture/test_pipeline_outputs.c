/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pipeline with several outputs, some of which do not work. */
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

#include "capture/pipeline.h"
#include "capture/raw.h"
#include "tests/support/records.h"
#include "tests/support/rig.h"

enum {
	OUTPUTS = 10
};

struct many {
	struct fake_sink first;  /* how the first sink behaves */
	struct fake_sink *sinks; /* outlive a test that failed, as delivery does */
	struct output *outputs[OUTPUTS];
	unsigned n;
	struct pipeline *p;
	struct records r;
	struct pipeline_report report;
};

/* As of an encoder whose user has asked for nothing. */
static const char no_options[64] = "";

static void many_open(struct many *m, unsigned n, const struct encoder_ops *encoder, bool started)
{
	struct pipeline_config cfg = {
		.probe_by_number = fake_probe_by_number, .outputs = m->outputs, .outputs_n = n};
	struct err err = {""};

	m->n = n;
	m->sinks = calloc(OUTPUTS, sizeof(*m->sinks));
	assert_non_null(m->sinks);
	m->sinks[0] = m->first;
	for (unsigned i = 0; i < n; i++) {
		struct output_config out = fake_output_config(&m->sinks[i]);

		out.encoder = encoder;
		out.encoder_cfg = no_options;
		out.kinds = UINT32_MAX & ~(1u << EVENT_META | 1u << EVENT_STATS);
		assert_int_equal(output_new(&out, i, &m->outputs[i], &err), 0);
	}
	assert_int_equal(pipeline_new(&cfg, &m->p, &err), 0);
	for (unsigned i = 0; i < n; i++)
		output_begin(m->outputs[i]);
	records_init(&m->r, pipeline_record, m->p);
	if (!started)
		return;
	records_run(&m->r);
	records_clock(&m->r);
}

static void many_finish(struct many *m)
{
	pipeline_finish(m->p);
	pipeline_report(m->p, &m->report);
	assert_true(m->report.balanced);
}

static void many_close(struct many *m)
{
	pipeline_free(m->p);
	for (unsigned i = 0; i < m->n; i++) {
		output_free(m->outputs[i]);
		fake_sink_done(&m->sinks[i]);
	}
	free(m->sinks);
}

static void many_tick(struct many *m)
{
	m->r.now += 100000000;
	records_bare(&m->r, REC_TICK);
}

/* Lines that begin with "shell". */
static unsigned shell_lines(const struct fake_sink *sink)
{
	const char *p = sink->p, *end = p + sink->n;
	unsigned n = 0;

	for (; p && p < end; p = memchr(p, '\n', (size_t)(end - p)), p = p ? p + 1 : NULL)
		n += end - p > 6 && !memcmp(p, "shell ", 6);
	return n;
}

/* One of ten outputs takes nothing: the other nine get everything, the reader never waits, and what
 * the one loses is neither more nor less than what it was offered. */
static void test_a_stuck_output_costs_the_others_nothing(void **state)
{
	struct many m = {.first = {.stuck = true}};
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");
	char text[4000];
	uint64_t lost;

	memset(text, 'x', sizeof(text));
	many_open(&m, OUTPUTS, &fake_encoder, true);
	for (unsigned i = 0; i < 12000; i++) {
		records_line(&m.r, bash, i, 0, (struct bytes){text, sizeof(text)}, 0);
		records_line_end(&m.r, bash, i, 0);
		if (i % 10 == 0)
			many_tick(&m);
		if (i % 100 == 0) /* they are fast, but this is faster */
			for (unsigned k = 1; k < OUTPUTS; k++)
				rig_await(m.outputs[k], OSTAT_DONE, i > 200 ? i - 200 : 0);
	}
	lost = rig_stat(m.outputs[0], OSTAT_QUEUE_FULL);
	assert_in_range(lost, 12000 - 9000, 12000 - 7000); /* 32 MiB are queued */
	many_finish(&m);
	for (unsigned k = 1; k < OUTPUTS; k++) {
		assert_int_equal(rig_stat(m.outputs[k], OSTAT_DONE), 12000);
		assert_int_equal(shell_lines(&m.sinks[k]), 12000);
	}
	/* at the end there was room: the report of the loss went in, and was lost as well */
	assert_int_equal(rig_stat(m.outputs[0], OSTAT_QUEUE_FULL), lost);
	assert_in_range(rig_stat(m.outputs[0], OSTAT_OFFERED), 12000, 12003);
	assert_int_equal(rig_stat(m.outputs[0], OSTAT_OFFERED),
			 lost + rig_stat(m.outputs[0], OSTAT_SINK_ERROR) +
				 rig_stat(m.outputs[0], OSTAT_SKIPPED));
	many_close(&m);
}

/* Nothing becomes an event before run and clock are known. */
static void test_without_a_clock_nothing_is_emitted(void **state)
{
	struct many m = {.n = 0};
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");
	struct rec_attach attach = {.rec = {.kind = REC_ATTACH}};

	many_open(&m, 1, encoder_by_name("pcapng"), false);
	records_run(&m.r);
	records_raw(&m.r, &attach, sizeof(attach));
	records_counter(&m.r, RECORDS_EXEC, KC_NO_SPACE, 5);
	records_line(&m.r, bash, 5, 0, BYTES("echo one"), 0);
	records_loss(&m.r, "queue_full", 3);
	many_tick(&m);
	many_finish(&m);
	assert_int_equal(m.report.stats[STAT_BAD], 4);
	assert_int_equal(m.sinks[0].n, 0);
	many_close(&m);
}

static void test_a_clock_alone_is_no_run(void **state)
{
	struct many m = {.n = 0};

	many_open(&m, 1, encoder_by_name("pcapng"), false);
	records_clock(&m.r);
	many_tick(&m);
	records_counter(&m.r, RECORDS_EXEC, KC_NO_SPACE, 5);
	assert_int_equal(m.r.result, -EPROTO);
	many_finish(&m);
	assert_int_equal(m.sinks[0].n, 0);
	many_close(&m);
}

/* What a recording says that it lacks is said in what is made of it. */
static void test_losses_of_a_recording(void **state)
{
	struct many m = {.n = 0};

	many_open(&m, 1, &fake_encoder, true);
	records_loss(&m.r, "queue_full", 3);
	records_loss(&m.r, "of another age", 4);
	many_finish(&m);
	assert_string_equal(m.sinks[0].p,
			    "generation 1\nloss 1 - queue_full\nloss 2 - unknown\nend\n");
	many_close(&m);
}

/* Feeds the bytes of a recording. */
static void replay(struct many *m, const char *p, size_t n)
{
	size_t at = RAW_MAGIC_SIZE;

	assert_memory_equal(p, RAW_MAGIC, RAW_MAGIC_SIZE);
	while (at < n) {
		_Alignas(8) static char rec[REC_MAX];
		const struct rec *head = (const void *)rec;
		uint32_t len;

		memcpy(&len, p + at, sizeof(len));
		assert_in_range(len, sizeof(struct rec), n - at);
		memcpy(rec, p + at, len);
		assert_int_equal(pipeline_record(head, m->p), 0);
		at += raw_padded(len);
	}
}

/* A raw recording that begins anew after a gap is one in itself: who plays it knows run, clock and
 * processes, and hears of the gap. */
static void test_a_raw_recording_after_a_gap(void **state)
{
	struct many m = {.first = {.fail = -EIO, .fail_after = 1, .fail_for = 1, .marks = true}};
	struct many again = {.n = 0};
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");
	const char *second;

	many_open(&m, 1, encoder_by_name("raw"), true);
	records_proc(&m.r, bash, "/bin/bash", BYTES("bash\0"));
	for (unsigned i = 0; i < 12; i++)
		many_tick(&m); /* the first chunk goes out */
	rig_await(m.outputs[0], OSTAT_DONE, 4);
	records_line(&m.r, bash, 5, 0, BYTES("echo lost"), 0);
	for (unsigned i = 0; i < 12; i++)
		many_tick(&m); /* the second one fails */
	rig_await(m.outputs[0], OSTAT_SINK_ERROR, 1);
	many_tick(&m);
	rig_await_good(m.outputs[0]);
	many_tick(&m);
	records_line(&m.r, bash, 6, 0, BYTES("echo kept"), 0);
	records_line_end(&m.r, bash, 6, 0);
	records_bare(&m.r, REC_STOP);
	many_finish(&m);

	second = memmem(m.sinks[0].p + 8, m.sinks[0].n - 8, "<medium>", 8);
	assert_non_null(second);
	second += 8;
	many_open(&again, 1, &fake_encoder, false);
	replay(&again, second, (size_t)(m.sinks[0].p + m.sinks[0].n - second));
	many_finish(&again);
	assert_string_equal(again.sinks[0].p, "generation 1\nloss 1 - sink_error\n"
					      "shell 2 bash echo kept\nend\n");
	assert_true(again.report.stopped);
	many_close(&m);
	many_close(&again);
}

/* The same run's description comes again where its recording goes on; another's has no place. */
static void test_a_run_within_a_run(void **state)
{
	struct many m = {.n = 0};
	struct rec_task bash = records_task(20, 1, RECORDS_BOOT, "bash");
	struct rec_run other = {.rec = {.kind = REC_RUN}, .version = REC_VERSION, .run_id = 99};
	char rec[sizeof(other) + 6] = {0};

	many_open(&m, 1, &fake_encoder, true);
	records_proc(&m.r, bash, "/bin/bash", BYTES("bash\0"));
	records_run(&m.r);
	records_clock(&m.r);
	assert_int_equal(m.r.result, 0);
	memcpy(rec, &other, sizeof(other));
	records_raw(&m.r, rec, sizeof(rec));
	many_finish(&m);
	assert_int_equal(m.report.stats[STAT_BAD], 1);
	many_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stuck_output_costs_the_others_nothing),
		cmocka_unit_test(test_without_a_clock_nothing_is_emitted),
		cmocka_unit_test(test_a_clock_alone_is_no_run),
		cmocka_unit_test(test_losses_of_a_recording),
		cmocka_unit_test(test_a_raw_recording_after_a_gap),
		cmocka_unit_test(test_a_run_within_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
