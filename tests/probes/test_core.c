/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/layout.h"
#include "probes/core/core.h"
#include "probes/core/filter.h"

enum {
	RING = 4 * 1024 * 1024,
	LONG_ARG = 100000,
	LONG_ARGS = 3,
	MANY = 300,
	FEW = 10,
	PID_BEYOND = 1 << 23, /* above any that the kernel gives */
};

/* ---- without the kernel ------------------------------------------------------------------- */

static void features_are_named(void **state)
{
	struct core_feature features[CORE_FEATURES_MAX];
	unsigned n = core_features(features);

	assert_in_range(n, 10, CORE_FEATURES_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert_true(features[i].name[0]);
		assert_true(features[i].status <= 1);
		if (features[i].status) /* what is missing is explained */
			assert_true(features[i].detail[0]);
	}
}

/* ---- with it ------------------------------------------------------------------------------ */

struct seen {
	pid_t pid; /* records of this process are looked at, 0 = of any */
	unsigned forks, execs, exits, others;
	size_t args_total, args_got;
	bool args_wrong, args_ended;
	uint32_t code;
	char exe[64];
};

static void see_args(struct seen *seen, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++, seen->args_got++)
		seen->args_wrong |=
			seen->args_got >= sizeof("true") &&
			(seen->args_got - sizeof("true")) % (LONG_ARG + 1) != LONG_ARG &&
			p[i] != 'x';
}

static int see(void *arg, void *data, size_t size)
{
	const struct rec *rec = data;
	const struct rec_task *task;
	struct seen *seen = arg;
	struct part part;

	assert_true(layout_valid(data, size));
	if (rec->kind == REC_CGROUP)
		return 0;
	if (rec->flags & REC_F_PART) {
		assert_int_equal(layout_decode(rec, "exec", &part), 0);
		if ((pid_t)part.pid != seen->pid)
			return 0;
		assert_int_equal(part.offset, seen->args_got);
		see_args(seen, part.text.p, part.text.n);
		seen->args_ended = part.last;
		return 0;
	}
	task = layout_task(rec);
	if (seen->pid && (pid_t)task->pid != seen->pid) {
		seen->others++;
		return 0;
	}
	seen->forks += rec->kind == REC_FORK;
	if (rec->kind == REC_EXIT) {
		seen->exits++;
		seen->code = ((const struct rec_exit *)rec)->code;
	}
	if (rec->kind == REC_EXEC) {
		seen->execs++;
		assert_int_equal(layout_decode(rec, "exec", &part), 0);
		snprintf(seen->exe, sizeof(seen->exe), "%.*s", (int)part.ev.exec.path.n,
			 part.ev.exec.path.p);
		seen->args_total = part.ev.exec.argv_total;
		see_args(seen, part.text.p, part.text.n);
	}
	return 0;
}

static struct core *core_or_skip(const struct core_filters *filters)
{
	struct core_config cfg = {RING, 1, filters};
	struct err err = {""};
	struct core *core;
	int ret = core_new(&cfg, &core, &err);

	if (!ret) {
		ret = core_start(core, &err);
		if (ret)
			core_free(core);
	}
	if (ret == -EPERM || ret == -EOPNOTSUPP) {
		print_message("SKIP: %s\n", err.text);
		skip();
	}
	if (ret)
		fail_msg("%s", err.text);
	return core;
}

/* A child that waits until `go` is closed, so that a filter can name it first. */
static pid_t child(int go[2], char *const argv[])
{
	pid_t pid;
	char c;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1) == 0)
			execv("/bin/sh", argv);
		_exit(99);
	}
	close(go[0]);
	return pid;
}

static void drain(struct core *core, struct seen *seen)
{
	struct ring_buffer *ring = ring_buffer__new(core_ring_fd(core), see, seen, NULL);

	core_stop(core);
	assert_non_null(ring);
	assert_true(ring_buffer__consume(ring) >= 0);
	ring_buffer__free(ring);
}

static void tree_of_a_command(void **state)
{
	char *const argv[] = {"sh", "-c", "(exit 5); sh -c 'exit 6'; exit 7", NULL};
	struct core_filters filters = {0};
	struct seen seen = {0};
	struct core *core;
	int go[2];

	filters.command = child(go, argv);
	core = core_or_skip(&filters);
	close(go[1]);
	assert_int_equal(waitpid(filters.command, NULL, 0), filters.command);
	drain(core, &seen);
	core_free(core);
	/* the command itself, its subshell, and the sh that this runs; and nothing else of this
	 * machine */
	assert_int_equal(seen.forks, 2);
	assert_int_equal(seen.execs, 2);
	assert_int_equal(seen.exits, 3);
	assert_int_equal(seen.code, 7 << 8);
}

static void whole_arguments(void **state)
{
	char *argv[LONG_ARGS + 2] = {"true"}, *text = malloc(LONG_ARG + 1);
	struct core_filters filters = {.command = getpid()};
	struct seen seen = {0};
	struct core *core = core_or_skip(&filters);

	memset(text, 'x', LONG_ARG);
	text[LONG_ARG] = '\0';
	for (int i = 1; i <= LONG_ARGS; i++)
		argv[i] = text;
	seen.pid = fork();
	if (!seen.pid) {
		execv("/bin/true", argv);
		_exit(99);
	}
	assert_int_equal(waitpid(seen.pid, NULL, 0), seen.pid);
	drain(core, &seen);
	core_free(core);
	free(text);
	assert_int_equal(seen.execs, 1);
	assert_int_equal(seen.args_total, sizeof("true") + LONG_ARGS * (LONG_ARG + 1));
	assert_int_equal(seen.args_got, seen.args_total);
	assert_true(seen.args_ended);
	assert_false(seen.args_wrong);
	assert_non_null(strstr(seen.exe, "/bin/true"));
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

/* Threads that die together report one exit. */
static void one_exit_per_process(void **state)
{
	struct core_filters filters = {.command = getpid()};
	struct seen seen = {0};
	struct core *core = core_or_skip(&filters);

	seen.pid = fork();
	if (!seen.pid) {
		pthread_t thread;

		for (int i = 0; i < 30; i++)
			pthread_create(&thread, NULL, wait_for_ever, NULL);
		_exit(8);
	}
	assert_int_equal(waitpid(seen.pid, NULL, 0), seen.pid);
	drain(core, &seen);
	core_free(core);
	assert_int_equal(seen.exits, 1);
	assert_int_equal(seen.code, 8 << 8);
}

static uint64_t counted(const struct core *core, uint16_t probe, enum kcounter counter)
{
	const uint32_t key = probe * KC_MAX + counter;
	int cpus = libbpf_num_possible_cpus();
	uint64_t *v = calloc((size_t)cpus, sizeof(*v)), sum = 0;

	assert_int_equal(bpf_map_lookup_elem(core_counters_fd(core), &key, v), 0);
	for (int i = 0; i < cpus; i++)
		sum += v[i];
	free(v);
	return sum;
}

/* A ring that is too small loses records, and says how many. */
static void loss_is_counted(void **state)
{
	struct core_filters filters = {.command = getpid()};
	struct core_config cfg = {(uint32_t)getpagesize(), 1, &filters};
	struct seen seen = {0};
	struct core *core = core_or_skip(&filters); /* decides whether this can run */
	struct err err = {""};

	core_free(core);
	assert_int_equal(core_new(&cfg, &core, &err), 0);
	assert_int_equal(core_start(core, &err), 0);
	for (int i = 0; i < MANY; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	drain(core, &seen);
	assert_true(counted(core, 1, KC_NO_SPACE) > 0);
	assert_int_equal(counted(core, 1, KC_SUBMITTED),
			 counted(core, 1, KC_NO_SPACE) + seen.forks + seen.execs + seen.exits);
	core_free(core);
}

static void start_and_await_a_child(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A child that finds no place in the tree is lost, and the account still balances. */
static void full_table_is_a_loss(void **state)
{
	struct core_filters filters = {.command = getpid()};
	struct core *core = core_or_skip(&filters);
	int tree = bpf_object__find_map_fd_by_name(core_object(core), "tree");
	const uint32_t bits = FILTER_INCLUDE;
	struct seen seen = {0};

	for (uint32_t pid = PID_BEYOND; !bpf_map_update_elem(tree, &pid, &bits, BPF_ANY); pid++)
		;
	assert_int_equal(errno, E2BIG);
	start_and_await_a_child();
	drain(core, &seen);
	assert_int_equal(counted(core, 1, KC_MAP_FULL), 1);
	assert_int_equal(counted(core, 1, KC_SUBMITTED),
			 counted(core, 1, KC_MAP_FULL) + seen.forks + seen.execs + seen.exits);
	core_free(core);
}

/* Hooks go one by one after the stop; what comes by meanwhile is nobody's any more. */
static void nothing_is_counted_after_the_stop(void **state)
{
	struct core_filters filters = {.command = getpid()};
	struct core *core = core_or_skip(&filters);
	const uint32_t zero = 0;
	struct seen seen = {0};
	uint64_t filtered;
	struct ctl ctl;

	assert_int_equal(bpf_map_lookup_elem(core_ctl_fd(core), &zero, &ctl), 0);
	ctl.stopped = 1;
	assert_int_equal(bpf_map_update_elem(core_ctl_fd(core), &zero, &ctl, BPF_ANY), 0);
	filtered = counted(core, 1, KC_FILTERED);
	for (int i = 0; i < FEW; i++)
		start_and_await_a_child();
	assert_int_equal(counted(core, 1, KC_FILTERED), filtered);
	drain(core, &seen);
	assert_int_equal(seen.forks + seen.execs + seen.exits, 0);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_named),
		cmocka_unit_test(tree_of_a_command),
		cmocka_unit_test(whole_arguments),
		cmocka_unit_test(one_exit_per_process),
		cmocka_unit_test(loss_is_counted),
		cmocka_unit_test(full_table_is_a_loss),
		cmocka_unit_test(nothing_is_counted_after_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
