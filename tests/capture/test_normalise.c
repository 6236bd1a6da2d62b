/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/normalise.h"
#include "tests/support/fakes.h"
#include "tests/support/records.h"

enum {
	SEEN_MAX = 8
};

/* An output whose encoder keeps the events as it sees them. */
struct seen {
	struct event ev[SEEN_MAX];
	struct proc proc[SEEN_MAX];
	struct flow flow[SEEN_MAX];
	unsigned n;
	struct fake_sink sink;
	struct output *output;
};

static int seen_open(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err)
{
	*(const void **)ctx = cfg;
	return 0;
}

static int seen_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct seen *seen = *(struct seen **)ctx;

	assert_true(seen->n < SEEN_MAX);
	seen->ev[seen->n] = *ev;
	if (ev->proc)
		seen->proc[seen->n] = *ev->proc;
	if (ev->flow)
		seen->flow[seen->n] = *ev->flow;
	seen->n++;
	return 0;
}

static int seen_tap(void *ctx, const void *rec, size_t len, struct out *out)
{
	return 0;
}

static void seen_close(void *ctx)
{
}

static const struct encoder_ops seen_encoder = {.name = "seen",
						.ctx_size = sizeof(void *),
						.open = seen_open,
						.encode = seen_encode,
						.close = seen_close};
static const struct encoder_ops seen_tap_encoder = {.name = "tap",
						    .flags = ENCODER_TAP,
						    .ctx_size = sizeof(void *),
						    .open = seen_open,
						    .encode = seen_encode,
						    .tap = seen_tap,
						    .close = seen_close};

static const struct run run = {.start_boot_ns = 1};

static void seen_start(struct seen *seen, unsigned index, const struct encoder_ops *encoder)
{
	struct output_config cfg = fake_output_config(&seen->sink);
	struct err err;

	cfg.encoder = encoder;
	cfg.encoder_cfg = seen;
	cfg.kinds &= ~(1u << EVENT_META);
	assert_int_equal(output_new(&cfg, index, &seen->output, &err), 0);
	output_begin(seen->output);
	if (!output_is_tap(seen->output))
		assert_int_equal(output_run(seen->output, &run), 0);
}

static void seen_done(struct seen *seen)
{
	output_finish(seen->output);
	output_free(seen->output);
	fake_sink_done(&seen->sink);
}

/* Two outputs, of which the second is a tap: it gets records, never events. */
struct rig {
	struct seen seen, tap;
	struct output *outputs[2];
	struct normalise *n;
	struct records r;
	int result; /* of the last record */
};

static int rig_record(const struct rec *rec, void *arg)
{
	struct rig *rig = arg;

	rig->result = normalise_context(rig->n, rec);
	return 0;
}

static int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	seen_start(&rig->seen, 0, &seen_encoder);
	seen_start(&rig->tap, 1, &seen_tap_encoder);
	rig->outputs[0] = rig->seen.output;
	rig->outputs[1] = rig->tap.output;
	rig->n = normalise_new(rig->outputs, 2);
	assert_non_null(rig->n);
	normalise_clock(rig->n, 1000, 5000);
	records_init(&rig->r, rig_record, rig);
	*state = rig;
	return 0;
}

static int rig_teardown(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig->tap.n, 0);
	seen_done(&rig->seen);
	seen_done(&rig->tap);
	normalise_free(rig->n);
	free(rig);
	return 0;
}

/* What outputs see of an event that happened at `time`. */
static const struct event *emit(struct rig *rig, struct event ev, const struct rec_task *task,
				uint64_t time)
{
	normalise_emit(&ev, task, time, rig->n);
	return &rig->seen.ev[rig->seen.n - 1];
}

static void times_of_an_event_are_on_the_boot_clock(void **state)
{
	struct event line = {.kind = EVENT_LINE, .line = {.start_boot_ns = 1100}};
	const struct event *ev = emit(*state, line, NULL, 2000);

	assert_int_equal(ev->time_boot_ns, 2000);
	assert_int_equal(ev->time_unix_ns, 6000);
	assert_int_equal(ev->line.start_boot_ns, 1100);
	assert_int_equal(event_unix(ev, ev->line.start_boot_ns), 5100);
	assert_int_equal(event_boot(ev, 5100), 1100);
}

/* The clock is set while we record: what happens later has the new time, also of its process. */
static void times_follow_the_clock(void **state)
{
	struct rig *rig = *state;
	struct event exit = {.kind = EVENT_EXIT};
	struct rec_task task = records_task(10, 1, 1500, "x");

	assert_int_equal(emit(rig, exit, &task, 2000)->time_unix_ns, 6000);
	assert_int_equal(rig->seen.proc[0].start_unix_ns, 5500);
	normalise_clock(rig->n, 3000, 2500); /* set back, before the machine's start */
	assert_int_equal(emit(rig, exit, &task, 3100)->time_unix_ns, 2600);
	assert_int_equal(rig->seen.proc[1].start_unix_ns, 1000);
	assert_int_equal(normalise_unix(rig->n, 3000), 2500);
	normalise_clock(rig->n, 4000, 1000000);
	assert_int_equal(emit(rig, exit, &task, 4001)->time_unix_ns, 1000001);
	assert_int_equal(rig->seen.ev[0].time_unix_ns, 6000);
}

static void an_unknown_process_is_flagged(void **state)
{
	struct rig *rig = *state;
	struct rec_task task = records_task(10, 1, 1500, "who");
	struct event exit = {.kind = EVENT_EXIT, .flags = EVENT_F_FAULT};
	const struct event *ev = emit(rig, exit, NULL, 2000);

	assert_null(ev->proc);
	assert_int_equal(ev->flags, EVENT_F_FAULT);
	ev = emit(rig, exit, &task, 2000);
	assert_int_equal(ev->flags, EVENT_F_FAULT | EVENT_F_NO_PROCESS);
	assert_int_equal(rig->seen.proc[1].pid, 10);
	assert_int_equal(rig->seen.proc[1].exe.n, 0);
	records_exec(&rig->r, task, "/bin/who", BYTES("who"), 3);
	assert_int_equal(rig->result, 0);
	ev = emit(rig, exit, &task, 2000);
	assert_int_equal(ev->flags, EVENT_F_FAULT);
	assert_true(bytes_eq(rig->seen.proc[2].exe, BYTES("/bin/who")));
	normalise_renew(rig->n);
	assert_int_equal(emit(rig, exit, &task, 2000)->flags, EVENT_F_FAULT);
	records_proc(&rig->r, task, "/bin/other", BYTES("who"));
	emit(rig, exit, &task, 2000);
	assert_true(bytes_eq(rig->seen.proc[4].exe, BYTES("/bin/other")));
}

static void events_are_counted_by_kind(void **state)
{
	struct rig *rig = *state;
	static const uint64_t want[EVENT_KINDS] = {
		[EVENT_LINE] = 1, [EVENT_EXIT] = 2, [EVENT_STATS] = 2, [EVENT_LOSS] = 1};
	const uint64_t *counts = normalise_counts(rig->n);
	struct event stats = {.kind = EVENT_STATS}, loss = {.kind = EVENT_LOSS};

	emit(rig, (struct event){.kind = EVENT_LINE}, NULL, 2000);
	emit(rig, (struct event){.kind = EVENT_EXIT}, NULL, 2000);
	emit(rig, (struct event){.kind = EVENT_EXIT}, NULL, 2000);
	normalise_emit_to(rig->n, rig->seen.output, &stats, 2000);
	normalise_emit_to(rig->n, rig->tap.output, &stats, 2000);
	normalise_complete(rig->n, &loss, 2000);
	assert_int_equal(rig->seen.n, 4);
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++)
		assert_int_equal(counts[kind], want[kind]);
}

/* Where its stream stands, and what earlier events said of the connection. */
static void data_is_completed(void **state)
{
	struct rig *rig = *state;
	struct flow flow = {
		.id = 7, .family = AF_INET, .role = FLOW_ROLE_CLIENT, .remote_port = 443};
	struct event data = {.kind = EVENT_DATA,
			     .flow = &flow,
			     .data = {.payload = BYTES("GET / HTTP/1.1\r\n\r\n"),
				      .direction = DIRECTION_TRANSMIT}};
	const struct event *ev = emit(rig, data, NULL, 2000);

	assert_int_equal(ev->data.end, 18);
	assert_int_equal(rig->seen.flow[0].protocol, PROTOCOL_HTTP1);
	flow = (struct flow){.id = 7};
	data.data.payload = BYTES("more");
	data.data.stream_offset = 20;
	ev = emit(rig, data, NULL, 2000);
	assert_int_equal(ev->data.missing, 2);
	assert_int_equal(ev->flags, EVENT_F_GAP);
	assert_int_equal(rig->seen.flow[1].remote_port, 443);
	assert_int_equal(rig->seen.flow[1].role, FLOW_ROLE_CLIENT);
	assert_int_equal(rig->seen.flow[1].protocol, PROTOCOL_HTTP1);
}

static void context_is_checked(void **state)
{
	static const char path[] = "/user.slice";
	union {
		struct rec_cgroup cgroup;
		char bytes[sizeof(struct rec_cgroup) + sizeof(path)];
	} u = {.cgroup = {.rec = {.kind = REC_CGROUP}, .id = 5, .path_len = sizeof(path) - 1}};
	const size_t whole = sizeof(struct rec_cgroup) + sizeof(path) - 1;
	struct rec_task task = records_task(10, 1, 1500, "x");
	struct rec_exit exit = {.rec = {.kind = REC_EXIT}};
	struct rig *rig = *state;

	memcpy(u.cgroup.data, path, sizeof(path));
	records_raw(&rig->r, &u, sizeof(struct rec_cgroup) - 8);
	assert_int_equal(rig->result, -EMSGSIZE);
	records_raw(&rig->r, &u, whole - 1);
	assert_int_equal(rig->result, -EBADMSG);
	records_raw(&rig->r, &exit, sizeof(exit) - 8);
	assert_int_equal(rig->result, -EMSGSIZE);
	task.cgroup = 5;
	emit(rig, (struct event){.kind = EVENT_EXIT}, &task, 2000);
	assert_int_equal(rig->seen.proc[0].cgroup.n, 0);
	records_raw(&rig->r, &u, whole);
	assert_int_equal(rig->result, 0);
	task.pid = 11;
	emit(rig, (struct event){.kind = EVENT_EXIT}, &task, 2000);
	assert_true(bytes_eq(rig->seen.proc[1].cgroup, BYTES("/user.slice")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(times_of_an_event_are_on_the_boot_clock, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(times_follow_the_clock, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(an_unknown_process_is_flagged, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(events_are_counted_by_kind, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(data_is_completed, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(context_is_checked, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
