/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Discovery as on a kernel where return probes are not safe under seccomp. This kernel need not be
 * one: that filtered processes are left alone is seen by what is not seen of them.
 */
#include "tests/probes/fixture.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capture/source/clock.h"
#include "probes/attach.h"

static void forbid_unknown_calls(const char *path)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		/* uretprobe and what follows: 335 to 423 */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 335, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
}

/* Whether it is there already or comes later, a process with a filter stays as it is; others that
 * run the same file are attached. */
static void spares_filtered_processes(void **state)
{
	struct shell free = fixture_copy_and_start("by-process"), later;
	struct shell filtered = shell_start(free.path, forbid_unknown_calls);
	char whole[64];
	struct discovery *d;
	uint64_t before;

	shell_type(&filtered);
	d = fixture_start();
	assert_int_equal(fixture_report_in(free.path, free.pid).status, 0);
	assert_int_equal(fixture_report_in(free.path, filtered.pid).status, -EPERM);
	snprintf(whole, sizeof(whole), "process %d is under seccomp", filtered.pid);
	assert_non_null(strstr(fixture_report_in(free.path, filtered.pid).note, whole));
	fixture_assert_hooked(&free);
	later = shell_start(free.path, forbid_unknown_calls);
	assert_int_equal(fixture_report_in(free.path, later.pid).status, -EPERM);
	before = fixture_all_calls();
	shell_type(&later);
	shell_type(&filtered);
	assert_int_equal(fixture_all_calls(), before);
	assert_int_equal(fixture.n, 3);
	discovery_stop(d);
	shell_end(&later);
	shell_end(&filtered);
	shell_end(&free);
}

/* Places in the kernel's table come back from processes that have gone; what one maps by being
 * forked is found as well. */
static void follows_processes(void **state)
{
	struct shell s = fixture_copy_and_start("by-fork"), again;
	struct discovery *d;
	uint64_t until;
	unsigned n;

	/* Hooks that are perf events of one process are hit in what it forks as well, and would be
	 * counted twice; whatever kernel needs this has links. */
	if (bpf_program__expected_attach_type(fixture.bpf->progs.test_readline) != ATTACH_MULTI) {
		shell_end(&s);
		skip();
	}
	d = fixture_start();
	fixture_report_in(s.path, s.pid);
	for (unsigned i = 0; i < 2 * DISCOVERY_TEST_TARGETS; i++) {
		again = shell_start(s.path, NULL);
		assert_int_equal(fixture_report_in(s.path, again.pid).status, 0);
		shell_end(&again);
	}
	n = fixture_reports();
	/* What the terminal echoes of this is not what shell_type() waits for. */
	shell_send(&s, "w=do; eval \"(while read -e x; do echo d'o'ne; ${w}ne)\"\n");
	until = clock_boot_ns() + FIXTURE_PATIENCE_S * 1000000000ull;
	while (fixture_reports() == n && clock_boot_ns() < until)
		shell_type(&s);
	assert_int_equal(fixture_reports(), n + 1);
	assert_int_equal(fixture.reports[n].status, 0);
	assert_int_not_equal(fixture.reports[n].pid, s.pid);
	fixture_assert_hooked(&s);
	discovery_stop(d);
	shell_end(&s);
}

/* Nobody runs it: there is nothing to attach yet, and that is no error. */
static void awaits_processes_of_a_named_path(void **state)
{
	char path[PATH_MAX];
	const char *paths[] = {path};
	struct discovery *d;
	struct shell s;

	fixture_path(path, "named-by-process");
	fixture_copy_bash(path);
	fixture.cfg.paths = (struct opt_list){paths, 1};
	d = fixture_start();
	assert_int_equal(fixture_reports(), 0);
	s = shell_start(path, NULL);
	assert_int_equal(fixture_report_of(path).pid, s.pid);
	fixture_assert_hooked(&s);
	shell_end(&s);
	discovery_stop(d);
	fixture.cfg.paths.n = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spares_filtered_processes),
		cmocka_unit_test(follows_processes),
		cmocka_unit_test(awaits_processes_of_a_named_path),
	};

	fixture.by_process = true;
	return fixture_run("discovery_process", tests, sizeof(tests) / sizeof(tests[0]));
}
