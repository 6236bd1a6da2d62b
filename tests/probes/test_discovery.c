/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Discovery for real: see fixture.h. */
#include "tests/probes/fixture.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "capture/source/clock.h"
#include "tests/support/temp.h"

static int start_fails(struct err *err)
{
	struct discovery *d = NULL;
	int r = fixture_try(&d, err);

	assert_true(r < 0);
	assert_null(d);
	return r;
}

static void finds_what_runs(void **state)
{
	struct shell s = fixture_copy_and_start("running");
	struct discovery *d = fixture_start();
	struct fixture_report r = fixture_report_of(s.path);
	struct discovery_test_hits hit;
	uint64_t before;
	uint32_t slot = 0;

	assert_string_equal(r.hook, "uretprobe readline");
	assert_string_equal(r.note, "a copy");
	assert_int_equal(r.status, 0);
	assert_int_equal(r.pid, s.pid);
	fixture_assert_hooked(&s);
	bpf_map_lookup_elem(bpf_map__fd(fixture.bpf->maps.hits), &slot, &hit);
	assert_true(hit.param > 4096);

	discovery_stop(d);
	before = fixture_all_calls();
	shell_type(&s);
	assert_int_equal(fixture_all_calls(), before);
	shell_end(&s);
}

static void finds_what_starts_later(void **state)
{
	struct discovery *d = fixture_start();
	struct shell s = fixture_copy_and_start("later"), again;
	struct fixture_report r = fixture_report_of(s.path);

	assert_int_equal(r.status, 0);
	print_message("attached %.1f ms after the fork\n", (double)(r.time_ns - s.start_ns) / 1e6);
	fixture_assert_hooked(&s);
	again = shell_start(s.path, NULL);
	shell_type(&again);
	fixture_assert_hooked(&again);
	assert_int_equal(fixture.n, 1);
	shell_end(&again);
	shell_end(&s);
	discovery_stop(d);
}

/* What kernels without uprobe_multi get. */
static void works_through_perf_events(void **state)
{
	struct discovery_test *prepared = fixture.bpf;

	fixture.bpf = fixture.probe.ctx = discovery_test__open_and_load();
	assert_non_null(fixture.bpf);
	finds_what_starts_later(state);
	discovery_test__destroy(fixture.bpf);
	fixture.bpf = fixture.probe.ctx = prepared;
}

static void finds_a_deleted_file(void **state)
{
	struct shell s = fixture_copy_and_start("deleted");
	char target[PATH_MAX + 16];
	struct discovery *d;

	unlink(s.path);
	d = fixture_start();
	snprintf(target, sizeof(target), "%s (deleted)", s.path);
	assert_int_equal(fixture_report_of(target).status, 0);
	fixture_assert_hooked(&s);
	shell_end(&s);
	discovery_stop(d);
}

static void move_to_a_namespace(const char *path)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("test", temp_folder(), "tmpfs", 0, NULL))
		_exit(1);
	fixture_copy_bash(path);
}

/* The file is in a tmpfs that only the shell's own namespace has. */
static void finds_in_another_mount_namespace(void **state)
{
	struct discovery *d = fixture_start();
	char path[PATH_MAX];
	struct shell s;

	fixture_path(path, "elsewhere");
	s = shell_start(path, move_to_a_namespace);
	assert_int_equal(fixture_report_of(path).status, 0);
	assert_int_not_equal(access(path, F_OK), 0);
	fixture_assert_hooked(&s);
	shell_end(&s);
	discovery_stop(d);
}

/* More upgrades than the kernel's table has places: those of files that are gone are used again. */
static void lets_go_of_upgraded_files(void **state)
{
	struct discovery *d = fixture_start();
	struct shell s;
	char name[32];

	for (unsigned i = 0; i < 2 * DISCOVERY_TEST_TARGETS; i++) {
		snprintf(name, sizeof(name), "version%u", i);
		s = fixture_copy_and_start(name);
		assert_int_equal(fixture_report_of(s.path).status, 0);
		fixture_assert_hooked(&s);
		unlink(s.path);
		shell_end(&s);
	}
	discovery_stop(d);
}

/* The same inode with other contents: the old hooks go, the new file gets its own. That it is
 * another one is noticed when it is started the next time, but not within a second of the last. */
static void notices_an_overwritten_file(void **state)
{
	uint64_t until = clock_boot_ns() + FIXTURE_PATIENCE_S * 1000000000ull;
	struct discovery *d = fixture_start();
	struct shell s = fixture_copy_and_start("overwritten");
	char command[3 * PATH_MAX];

	fixture_report_of(s.path);
	shell_end(&s);
	snprintf(command, sizeof(command), "cat /bin/bash >'%s' && echo x >>'%s'", s.path, s.path);
	assert_int_equal(system(command), 0);
	for (;;) {
		s = shell_start(s.path, NULL);
		shell_type(&s);
		if (fixture_reports() > 1)
			break;
		assert_true(clock_boot_ns() < until);
		shell_end(&s);
	}
	assert_int_equal(fixture_reports(), 2);
	fixture_assert_hooked(&s);
	shell_end(&s);
	discovery_stop(d);
}

static void names_what_is_wrong_with_a_path(void **state)
{
	const char *paths[] = {"/nonexistent/bash"};
	struct err err;

	fixture.cfg.paths = (struct opt_list){paths, 1};
	assert_int_equal(start_fails(&err), -ENOENT);
	assert_non_null(strstr(err.text, "'/nonexistent/bash': No such file"));
	paths[0] = "/bin/true";
	assert_int_equal(start_fails(&err), -ENOEXEC);
	assert_non_null(strstr(err.text, "'/bin/true' is no target (needs a copy of bash)"));
	paths[0] = "/etc/passwd";
	assert_int_equal(start_fails(&err), -ENOEXEC);
	assert_non_null(strstr(err.text, "'/etc/passwd' is no ELF file"));
	paths[0] = "/etc";
	assert_int_equal(start_fails(&err), -ENOEXEC);
	assert_non_null(strstr(err.text, "'/etc' is no regular file"));
	fixture.cfg.paths.n = 0;
}

static void attaches_to_a_named_path_that_nobody_runs(void **state)
{
	char path[PATH_MAX];
	const char *paths[] = {path};
	struct discovery *d;
	struct shell s;

	fixture_path(path, "named");
	fixture_copy_bash(path);
	fixture.cfg.paths = (struct opt_list){paths, 1};
	d = fixture_start();
	assert_int_equal(fixture_report_of(path).status, 0);
	assert_int_equal(fixture_report_of(path).pid, 0);
	s = shell_start(path, NULL);
	fixture_assert_hooked(&s);
	assert_int_equal(fixture.n, 1);
	shell_end(&s);
	discovery_stop(d);
	fixture.cfg.paths.n = 0;
}

static void says_when_no_target_can_be_attached(void **state)
{
	struct shell s = fixture_copy_and_start("refused");
	struct err err;

	fixture.cfg.shift = 1ull << 40;
	assert_int_equal(start_fails(&err), -EINVAL);
	assert_non_null(strstr(err.text, "fake: cannot attach to readline in '"));
	assert_non_null(strstr(err.text, s.path));
	assert_int_equal(fixture.reports[0].status, -EINVAL);
	fixture.cfg.shift = 0;
	shell_end(&s);
}

static void inspects_without_attaching(void **state)
{
	const struct fixture_cfg any = {.tag = ""};
	struct probe_plan plan = {0};
	struct err err;

	assert_int_equal(discovery_inspect(&fixture_probe, &any, "/bin/bash", &plan, &err), 0);
	assert_int_equal(plan.n, 1);
	assert_int_equal(discovery_inspect(&fixture_probe, &any, "/bin/true", &plan, &err), 0);
	assert_int_equal(plan.n, 0);
	assert_int_equal(discovery_inspect(&fixture_probe, &any, "/etc/passwd", &plan, &err),
			 -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_runs),
		cmocka_unit_test(finds_what_starts_later),
		cmocka_unit_test(works_through_perf_events),
		cmocka_unit_test(finds_a_deleted_file),
		cmocka_unit_test(finds_in_another_mount_namespace),
		cmocka_unit_test(lets_go_of_upgraded_files),
		cmocka_unit_test(notices_an_overwritten_file),
		cmocka_unit_test(names_what_is_wrong_with_a_path),
		cmocka_unit_test(attaches_to_a_named_path_that_nobody_runs),
		cmocka_unit_test(says_when_no_target_can_be_attached),
		cmocka_unit_test(inspects_without_attaching),
	};

	return fixture_run("discovery", tests, sizeof(tests) / sizeof(tests[0]));
}
