/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "capture/playback.h"
#include "tests/support/events.h"
#include "tests/support/rig.h"

enum {
	SEEN_MAX = 16,
	TEXT = 128
};

/* What an encoder saw of an event, copied. */
struct seen_event {
	struct event ev;
	struct flow flow;
	struct proc proc;
	char exe[TEXT], cwd[TEXT], cmdline[TEXT], parents[TEXT];
};

static struct {
	struct seen_event v[SEEN_MAX];
	unsigned n;
	struct fake_sink sink;
	struct output *output;
	struct playback *playback;
} seen;

static void copy_text(char to[TEXT], struct bytes text)
{
	assert_true(text.n < TEXT);
	if (text.n)
		memcpy(to, text.p, text.n);
	to[text.n] = '\0';
}

static void copy_process(struct seen_event *to, const struct proc *proc)
{
	int n = 0;

	to->proc = *proc;
	copy_text(to->exe, proc->exe);
	copy_text(to->cwd, proc->cwd);
	copy_text(to->cmdline, proc->cmdline);
	to->parents[0] = '\0';
	for (proc = proc->parent; proc; proc = proc->parent)
		n += snprintf(to->parents + n, TEXT - n, "%.*s ", (int)proc->comm.n, proc->comm.p);
}

static int seen_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct seen_event *to = &seen.v[seen.n];

	assert_true(seen.n++ < SEEN_MAX);
	to->ev = *ev;
	if (ev->proc)
		copy_process(to, ev->proc);
	if (ev->flow)
		to->flow = *ev->flow;
	chunk_put(out->tail, "x", 1);
	return 0;
}

static const struct encoder_ops seen_encoder = {.name = "seen", .encode = seen_encode};

static int setup(void **state)
{
	struct output_config cfg;
	struct err err;

	memset(&seen, 0, sizeof(seen));
	cfg = fake_output_config(&seen.sink);
	cfg.encoder = &seen_encoder;
	cfg.flush_ns = 1000000000;
	if (output_new(&cfg, 0, &seen.output, &err))
		return -1;
	output_begin(seen.output);
	seen.playback = playback_new(&seen.output, 1);
	return seen.playback ? 0 : -1;
}

static int teardown(void **state)
{
	playback_finish(seen.playback);
	playback_free(seen.playback);
	output_free(seen.output);
	fake_sink_done(&seen.sink);
	return 0;
}

/* Plays an event; what it points to is gone afterwards. */
static int play(struct event ev)
{
	static char comm[16], exe[TEXT];
	struct proc proc;
	int r;

	if (ev.proc) {
		proc = *ev.proc;
		ev.proc = &proc;
		copy_text(exe, proc.exe);
		proc.exe.p = exe;
		memcpy(comm, proc.comm.p, proc.comm.n);
		proc.comm.p = comm;
	}
	r = playback_event(&ev, seen.playback);
	memset(comm, '?', sizeof(comm));
	memset(exe, '?', sizeof(exe));
	return r;
}

static void begin(void)
{
	assert_int_equal(play(events_of(EVENT_META)), 0);
	assert_int_equal(seen.n, 1);
}

static const struct proc init = {.pid = 1, .comm = BYTES("init"), .exe = BYTES("/sbin/init")};
static const struct proc sshd = {.pid = 812,
				 .comm = BYTES("sshd"),
				 .exe = BYTES("/usr/sbin/sshd"),
				 .start_boot_ns = 5000000,
				 .parent = &init};

/* What an event says of the process with every event, and what its description says. */
static struct proc inline_of(uint32_t pid)
{
	return (struct proc){.pid = pid,
			     .ppid = 812,
			     .comm = BYTES("bash"),
			     .exe = BYTES("/usr/bin/bash"),
			     .start_boot_ns = pid * 1000000ull,
			     .start_unix_ns = pid * 1000000ull + 77,
			     .cgroup_id = 9};
}

static struct proc whole_of(uint32_t pid)
{
	struct proc proc = inline_of(pid);

	proc.cwd = BYTES("/home");
	proc.cmdline = BYTES("bash\0-i\0");
	proc.cgroup = BYTES("/user.slice");
	proc.parent = &sshd;
	return proc;
}

static void describe(const struct proc *proc)
{
	struct event ev = {.kind = EVENT_KINDS, .probe = "core", .proc = proc};
	unsigned before = seen.n;

	assert_int_equal(play(ev), 0);
	assert_int_equal(seen.n, before); /* no event */
}

/* The event as it was seen. */
static const struct seen_event *play_of(enum event_kind kind, const struct proc *proc)
{
	struct event ev = events_of(kind);

	ev.proc = proc;
	assert_int_equal(play(ev), 0);
	return &seen.v[seen.n - 1];
}

static const struct seen_event *play_line(uint32_t pid)
{
	struct proc proc = inline_of(pid);

	return play_of(EVENT_LINE, &proc);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void a_run_comes_first_and_is_told_once(void **state)
{
	struct event line = events_of(EVENT_LINE), meta = events_of(EVENT_META);
	struct run other = *meta.run;

	assert_int_equal(play(line), -EPROTO);
	begin();
	assert_int_equal(seen.v[0].ev.kind, EVENT_META);
	assert_int_equal(play(meta), 0);
	assert_int_equal(seen.n, 1);
	other.run_id++;
	meta.run = &other;
	assert_int_equal(play(meta), -EXDEV);
	assert_int_equal(play(line), 0);
	assert_int_equal(playback_counts(seen.playback)[EVENT_META], 1);
	assert_int_equal(playback_counts(seen.playback)[EVENT_LINE], 1);
}

/* ---- processes ------------------------------------------------------------------------------ */

static void a_process_is_what_was_told_of_it(void **state)
{
	struct proc proc = whole_of(3000);
	const struct seen_event *e;

	begin();
	describe(&proc);
	e = play_line(3000);
	assert_string_equal(e->exe, "/usr/bin/bash");
	assert_string_equal(e->cwd, "/home");
	assert_memory_equal(e->cmdline, "bash\0-i", 8);
	assert_string_equal(e->parents, "sshd init ");
	assert_int_equal(e->proc.start_unix_ns, proc.start_unix_ns);
	assert_true(e->ev.proc_first);
	e = play_line(3000);
	assert_string_equal(e->cwd, "/home");
	assert_false(e->ev.proc_first);
	assert_int_equal(e->ev.seq, 3); /* the run was the first */
	e = play_line(3001);            /* nobody described that one */
	assert_string_equal(e->exe, "/usr/bin/bash");
	assert_string_equal(e->cwd, "");
	assert_true(e->ev.proc_first);
}

static void what_is_described_again_is_a_new_image(void **state)
{
	struct proc proc = whole_of(3000);

	begin();
	describe(&proc);
	assert_true(play_line(3000)->ev.proc_first);
	describe(&proc);
	assert_true(play_line(3000)->ev.proc_first);
}

static void in_a_later_frame_it_is_a_repetition(void **state)
{
	struct proc proc = whole_of(3000);

	begin();
	describe(&proc);
	play_line(3000);
	assert_int_equal(play(events_of(EVENT_META)), 0);
	describe(&proc);
	assert_false(play_line(3000)->ev.proc_first);
	assert_int_equal(play(events_of(EVENT_META)), 0);
	proc.cwd = BYTES("/elsewhere");
	describe(&proc);
	assert_true(play_line(3000)->ev.proc_first);
	assert_string_equal(seen.v[seen.n - 1].cwd, "/elsewhere");
}

static void a_program_that_is_executed_is_a_new_image(void **state)
{
	struct proc proc = whole_of(3000);
	const struct seen_event *e;

	begin();
	describe(&proc);
	play_line(3000);
	proc = inline_of(3000);
	proc.exe = BYTES("/usr/bin/ls");
	e = play_of(EVENT_EXEC, &proc);
	assert_true(e->ev.proc_first);
	assert_string_equal(e->exe, "/usr/bin/ls");
	assert_memory_equal(e->cmdline, "ls\0-l\0it's here", 16);
	assert_string_equal(e->cwd, "/home/alice"); /* as the event says */
	assert_string_equal(e->parents, "sshd init ");
	e = play_of(EVENT_EXIT, &proc);
	assert_false(e->ev.proc_first);
	assert_memory_equal(e->cmdline, "ls\0-l\0it's here", 16);
}

static void a_pid_may_be_used_again(void **state)
{
	struct proc proc = whole_of(3000), next = inline_of(3000);

	begin();
	describe(&proc);
	play_line(3000);
	next.start_boot_ns += 60000000000;
	assert_string_equal(play_of(EVENT_LINE, &next)->cwd, "");
	assert_true(seen.v[seen.n - 1].ev.proc_first);
}

/* ---- connections ---------------------------------------------------------------------------- */

static const struct seen_event *play_data(uint64_t offset, uint64_t missing, enum direction way)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = *ev.flow;

	flow.protocol = PROTOCOL_REDIS; /* whatever its bytes look like */
	ev.flow = &flow;
	ev.data.stream_offset = offset;
	ev.data.missing = missing;
	ev.data.direction = way;
	ev.flags = missing ? EVENT_F_GAP : 0;
	ev.data.begin = ev.data.end = ev.data.peer_end = ev.data.repeated = 12345;
	assert_int_equal(play(ev), 0);
	return &seen.v[seen.n - 1];
}

static void a_stream_stands_where_it_stood(void **state)
{
	const struct seen_event *e;
	size_t n = events_of(EVENT_DATA).data.payload.n;

	begin();
	e = play_data(0, 0, DIRECTION_TRANSMIT);
	assert_int_equal(e->ev.data.begin, 0);
	assert_int_equal(e->ev.data.repeated, 0);
	assert_int_equal(e->flow.protocol, PROTOCOL_REDIS);
	e = play_data(n + 100, 100, DIRECTION_TRANSMIT);
	assert_int_equal(e->ev.data.begin, n);
	assert_int_equal(e->ev.data.missing, 100);
	assert_int_equal(e->ev.flags, EVENT_F_GAP);
	e = play_data(0, 0, DIRECTION_RECEIVE);
	assert_int_equal(e->ev.data.begin, 0);
	assert_int_equal(e->ev.data.peer_end, 2 * n + 100);
}

/* Events that were left out (a search) are no gap: they were there once. */
static void what_is_left_out_is_not_missing(void **state)
{
	const struct seen_event *e;

	begin();
	e = play_data(5000, 0, DIRECTION_TRANSMIT);
	assert_int_equal(e->ev.data.begin, 5000);
	assert_int_equal(e->ev.data.missing, 0);
	assert_int_equal(e->ev.flags, 0);
	e = play_data(9000, 300, DIRECTION_TRANSMIT);
	assert_int_equal(e->ev.data.begin, 8700);
	assert_int_equal(e->ev.data.missing, 300);
	e = play_data(8990, 0, DIRECTION_TRANSMIT);
	assert_true(e->ev.data.repeated > 0);
	assert_true(e->ev.data.repeated <= e->ev.data.payload.n);
}

/* ---- events --------------------------------------------------------------------------------- */

static void losses_and_statistics_are_passed_on(void **state)
{
	struct event loss = events_of(EVENT_LOSS), stats = events_of(EVENT_STATS);

	begin();
	loss.proc = stats.proc = NULL;
	assert_int_equal(play(loss), 0);
	assert_int_equal(play(stats), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.v[1].ev.loss.first_boot_ns, loss.loss.first_boot_ns);
	assert_int_equal(seen.v[1].ev.loss.count, 12);
	assert_int_equal(seen.v[2].ev.stats.n, stats.stats.n);
	assert_int_equal(seen.v[2].ev.time_unix_ns, stats.time_unix_ns);
}

static void record_time_goes_on(void **state)
{
	struct event ev = events_of(EVENT_LINE);

	begin();
	assert_int_equal(play(ev), 0);
	assert_true(rig_stat(seen.output, OSTAT_DONE) < 2); /* the META may be out already */
	ev.time_boot_ns += 1500000000;
	ev.time_unix_ns += 1500000000;
	assert_int_equal(play(ev), 0);
	rig_await(seen.output, OSTAT_DONE, 2); /* shipped, as a second has passed */
	ev.time_boot_ns = UINT64_MAX - 5;      /* no loop of a hundred years */
	assert_int_equal(play(ev), 0);
	ev.time_boot_ns = 0;
	assert_int_equal(play(ev), 0);
	assert_int_equal(seen.n, 5);
}

static void what_contradicts_itself_is_refused(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = *ev.flow;

	begin();
	ev.flow = NULL;
	assert_int_equal(play(ev), -EBADMSG);
	ev.flow = &flow;
	ev.data.direction = DIRECTION_NONE;
	assert_int_equal(play(ev), -EBADMSG);
	ev.data.direction = DIRECTION_RECEIVE;
	ev.data.stream_offset = UINT64_MAX - 1;
	assert_int_equal(play(ev), -EBADMSG);
	ev.data.stream_offset = 0;
	flow.family = AF_UNIX;
	assert_int_equal(play(ev), -EBADMSG);
	flow.family = AF_INET6;
	assert_int_equal(play(ev), 0);
	ev.data.payload.n = 1 << 20;
	assert_int_equal(play(ev), -EBADMSG);
	for (unsigned k = 0; k <= EVENT_KINDS; k++) {
		bool alone = k == EVENT_ATTACH || k == EVENT_LOSS || k == EVENT_STATS;

		ev = events_of(k < EVENT_KINDS ? (enum event_kind)k : EVENT_EXIT);
		ev.kind = (enum event_kind)k;
		ev.proc = NULL;
		if (k != EVENT_META)
			assert_int_equal(play(ev), alone ? 0 : -EBADMSG);
	}
	ev = events_of(EVENT_STATS);
	ev.stats.n = 1000000;
	assert_int_equal(play(ev), -EBADMSG);
	ev = events_of(EVENT_META);
	ev.run = NULL;
	assert_int_equal(play(ev), -EBADMSG);
	assert_int_equal(seen.n, 5);
}

int main(void)
{
#define PLAYED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		PLAYED(a_run_comes_first_and_is_told_once),
		PLAYED(a_process_is_what_was_told_of_it),
		PLAYED(what_is_described_again_is_a_new_image),
		PLAYED(in_a_later_frame_it_is_a_repetition),
		PLAYED(a_program_that_is_executed_is_a_new_image),
		PLAYED(a_pid_may_be_used_again),
		PLAYED(a_stream_stands_where_it_stood),
		PLAYED(what_is_left_out_is_not_missing),
		PLAYED(losses_and_statistics_are_passed_on),
		PLAYED(record_time_goes_on),
		PLAYED(what_contradicts_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
