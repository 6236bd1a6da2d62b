/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Discovery for real: copies of bash in a folder of the test, a probe that wants their readline(),
 * and lines typed into them. Needs root and eBPF.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "capture/context.h"
#include "probes/attach.h"
#include "probes/discovery.h"
#include "probes/elf_file.h"
#include "probes/load.h"
#include "tests/probes/discovery_test.h"
#include "tests/probes/discovery_test.skel.h"
#include "tests/support/shell.h"

enum {
	REPORTS_MAX = 64,
	PATIENCE_S = 20
};

/* ---- the probe under discovery ------------------------------------------------------------ */

struct config {
	const char *tag; /* only files whose path has this are targets */
	uint64_t shift;  /* added to the offset, so that attaching fails */
	struct opt_list paths;
};

static int want_readline(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			 struct err *err)
{
	const struct config *c = cfg;
	struct elf_symbol readline;

	if (!strstr(elf_file_path(elf), c->tag) || elf_file_symbol(elf, "readline", &readline))
		return 0;
	plan->n = 1;
	plan->v[0].offset = readline.offset + c->shift;
	plan->params_len = sizeof(readline.address);
	memcpy(plan->params, &readline.address, sizeof(readline.address));
	snprintf(plan->v[0].note, sizeof(plan->v[0].note), "a copy");
	return 0;
}

static struct bpf_object *object_of(void *ctx)
{
	return ((struct discovery_test *)ctx)->obj;
}

static const struct opt_list *paths_of(const void *cfg)
{
	return &((const struct config *)cfg)->paths;
}

static const struct probe_hook hooks[] = {
	{.symbol = "readline", .program = "test_readline", .ret = true},
	{.symbol = NULL},
};

static const struct probe_ops probe_fake = {
	.name = "fake",
	.needs = "a copy of bash",
	.hooks = hooks,
	.object = object_of,
	.inspect = want_readline,
	.paths = paths_of,
};

/* ---- the test's state --------------------------------------------------------------------- */

struct seen_report {
	char hook[64], target[PATH_MAX], note[96];
	uint64_t time_ns;
	uint32_t pid;
	int status;
};

static struct {
	char dir[64];
	struct discovery_test *bpf;
	struct config cfg;
	struct discovery_probe probe;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct seen_report reports[REPORTS_MAX];
	unsigned n;
} t = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void on_report(const struct discovery_probe *probe, const struct event_attach *what,
		      void *arg)
{
	struct seen_report *r;

	pthread_mutex_lock(&t.lock);
	assert_true(t.n < REPORTS_MAX);
	r = &t.reports[t.n++];
	snprintf(r->hook, sizeof(r->hook), "%.*s", (int)what->hook.n, what->hook.p);
	snprintf(r->target, sizeof(r->target), "%.*s", (int)what->target.n, what->target.p);
	snprintf(r->note, sizeof(r->note), "%.*s", (int)what->note.n, what->note.p);
	r->time_ns = context_boot_ns();
	r->pid = what->pid;
	r->status = what->status;
	pthread_cond_broadcast(&t.more);
	pthread_mutex_unlock(&t.lock);
}

static const struct seen_report *find_report(const char *target)
{
	for (unsigned i = 0; i < t.n; i++)
		if (!strcmp(t.reports[i].target, target))
			return &t.reports[i];
	return NULL;
}

/* Waits for the report on a target. */
static struct seen_report report_of(const char *target)
{
	const struct seen_report *r;
	struct seen_report copy;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&t.lock);
	while (!(r = find_report(target)))
		if (pthread_cond_timedwait(&t.more, &t.lock, &until))
			break;
	assert_non_null(r);
	copy = *r;
	pthread_mutex_unlock(&t.lock);
	return copy;
}

static uint64_t calls(uint32_t cookie)
{
	struct discovery_test_hits hit;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(t.bpf->maps.hits), &cookie, &hit), 0);
	return hit.calls;
}

static uint64_t all_calls(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DISCOVERY_TEST_TARGETS; i++)
		sum += calls(i);
	return sum;
}

/* ---- shells ------------------------------------------------------------------------------- */

static void path_in(char *ret, const char *name)
{
	snprintf(ret, PATH_MAX, "%s/%s", t.dir, name);
}

static void copy_bash(const char *path)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "cp /bin/bash '%s'", path);
	assert_int_equal(system(command), 0);
}

static struct shell copy_and_start(const char *name)
{
	char path[PATH_MAX];
	struct shell s;

	path_in(path, name);
	copy_bash(path);
	s = shell_start(path, NULL);
	shell_type(&s);
	return s;
}

/* ---- tests -------------------------------------------------------------------------------- */

static struct discovery *start(void)
{
	const struct discovery_config cfg = {&t.probe, 1, on_report, NULL};
	struct discovery *d = NULL;
	struct err err = {""};

	t.n = 0;
	if (discovery_start(&cfg, &d, &err))
		fail_msg("discovery_start: %s", err.text);
	return d;
}

static int start_fails(struct err *err)
{
	const struct discovery_config cfg = {&t.probe, 1, on_report, NULL};
	struct discovery *d = NULL;
	int r;

	t.n = 0;
	r = discovery_start(&cfg, &d, err);
	assert_true(r < 0);
	assert_null(d);
	return r;
}

/* A line typed into s is seen by the hook. The one before it ends the call of readline() that may
 * have been under way when the hook came. */
static void assert_hooked(const struct shell *s)
{
	uint64_t before;

	shell_type(s);
	before = all_calls();
	shell_type(s);
	assert_int_equal(all_calls(), before + 1);
}

static void finds_what_runs(void **state)
{
	struct shell s = copy_and_start("running");
	struct discovery *d = start();
	struct seen_report r = report_of(s.path);
	struct discovery_test_hits hit;
	uint64_t before;
	uint32_t slot = 0;

	assert_string_equal(r.hook, "uretprobe readline");
	assert_string_equal(r.note, "a copy");
	assert_int_equal(r.status, 0);
	assert_int_equal(r.pid, s.pid);
	assert_hooked(&s);
	bpf_map_lookup_elem(bpf_map__fd(t.bpf->maps.hits), &slot, &hit);
	assert_true(hit.param > 4096);

	discovery_stop(d);
	before = all_calls();
	shell_type(&s);
	assert_int_equal(all_calls(), before);
	shell_end(&s);
}

static void finds_what_starts_later(void **state)
{
	struct discovery *d = start();
	struct shell s = copy_and_start("later"), again;
	struct seen_report r = report_of(s.path);

	assert_int_equal(r.status, 0);
	print_message("attached %.1f ms after the fork\n", (double)(r.time_ns - s.start_ns) / 1e6);
	assert_hooked(&s);
	again = shell_start(s.path, NULL);
	shell_type(&again);
	assert_hooked(&again);
	assert_int_equal(t.n, 1);
	shell_end(&again);
	shell_end(&s);
	discovery_stop(d);
}

/* What kernels without uprobe_multi get. */
static void works_through_perf_events(void **state)
{
	struct discovery_test *prepared = t.bpf;

	t.bpf = t.probe.ctx = discovery_test__open_and_load();
	assert_non_null(t.bpf);
	finds_what_starts_later(state);
	discovery_test__destroy(t.bpf);
	t.bpf = t.probe.ctx = prepared;
}

static void finds_a_deleted_file(void **state)
{
	struct shell s = copy_and_start("deleted");
	char target[PATH_MAX + 16];
	struct discovery *d;

	unlink(s.path);
	d = start();
	snprintf(target, sizeof(target), "%s (deleted)", s.path);
	assert_int_equal(report_of(target).status, 0);
	assert_hooked(&s);
	shell_end(&s);
	discovery_stop(d);
}

static void move_to_a_namespace(const char *path)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("test", t.dir, "tmpfs", 0, NULL))
		_exit(1);
	copy_bash(path);
}

/* The file is in a tmpfs that only the shell's own namespace has. */
static void finds_in_another_mount_namespace(void **state)
{
	struct discovery *d = start();
	char path[PATH_MAX];
	struct shell s;

	path_in(path, "elsewhere");
	s = shell_start(path, move_to_a_namespace);
	assert_int_equal(report_of(path).status, 0);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_hooked(&s);
	shell_end(&s);
	discovery_stop(d);
}

/* More upgrades than the kernel's table has places: those of files that are gone are used again. */
static void lets_go_of_upgraded_files(void **state)
{
	struct discovery *d = start();
	struct shell s;
	char name[32];

	for (unsigned i = 0; i < 2 * DISCOVERY_TEST_TARGETS; i++) {
		snprintf(name, sizeof(name), "version%u", i);
		s = copy_and_start(name);
		assert_int_equal(report_of(s.path).status, 0);
		assert_hooked(&s);
		unlink(s.path);
		shell_end(&s);
	}
	discovery_stop(d);
}

static unsigned reports(void)
{
	unsigned n;

	pthread_mutex_lock(&t.lock);
	n = t.n;
	pthread_mutex_unlock(&t.lock);
	return n;
}

/* The same inode with other contents: the old hooks go, the new file gets its own. That it is
 * another one is noticed when it is started the next time, but not within a second of the last. */
static void notices_an_overwritten_file(void **state)
{
	uint64_t until = context_boot_ns() + PATIENCE_S * 1000000000ull;
	struct discovery *d = start();
	struct shell s = copy_and_start("overwritten");
	char command[3 * PATH_MAX];

	report_of(s.path);
	shell_end(&s);
	snprintf(command, sizeof(command), "cat /bin/bash >'%s' && echo x >>'%s'", s.path, s.path);
	assert_int_equal(system(command), 0);
	for (;;) {
		s = shell_start(s.path, NULL);
		shell_type(&s);
		if (reports() > 1)
			break;
		assert_true(context_boot_ns() < until);
		shell_end(&s);
	}
	assert_int_equal(reports(), 2);
	assert_hooked(&s);
	shell_end(&s);
	discovery_stop(d);
}

static void names_what_is_wrong_with_a_path(void **state)
{
	const char *paths[] = {"/nonexistent/bash"};
	struct err err;

	t.cfg.paths = (struct opt_list){paths, 1};
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
	t.cfg.paths.n = 0;
}

static void attaches_to_a_named_path_that_nobody_runs(void **state)
{
	char path[PATH_MAX];
	const char *paths[] = {path};
	struct discovery *d;
	struct shell s;

	path_in(path, "named");
	copy_bash(path);
	t.cfg.paths = (struct opt_list){paths, 1};
	d = start();
	assert_int_equal(report_of(path).status, 0);
	assert_int_equal(report_of(path).pid, 0);
	s = shell_start(path, NULL);
	assert_hooked(&s);
	assert_int_equal(t.n, 1);
	shell_end(&s);
	discovery_stop(d);
	t.cfg.paths.n = 0;
}

static void says_when_no_target_can_be_attached(void **state)
{
	struct shell s = copy_and_start("refused");
	struct err err;

	t.cfg.shift = 1ull << 40;
	assert_int_equal(start_fails(&err), -EINVAL);
	assert_non_null(strstr(err.text, "fake: cannot attach to readline in '"));
	assert_non_null(strstr(err.text, s.path));
	assert_int_equal(t.reports[0].status, -EINVAL);
	t.cfg.shift = 0;
	shell_end(&s);
}

static void inspects_without_attaching(void **state)
{
	const struct config any = {.tag = ""};
	struct probe_plan plan = {0};
	struct err err;

	assert_int_equal(discovery_inspect(&probe_fake, &any, "/bin/bash", &plan, &err), 0);
	assert_int_equal(plan.n, 1);
	assert_int_equal(discovery_inspect(&probe_fake, &any, "/bin/true", &plan, &err), 0);
	assert_int_equal(plan.n, 0);
	assert_int_equal(discovery_inspect(&probe_fake, &any, "/etc/passwd", &plan, &err),
			 -ENOEXEC);
}

/* Why the test cannot run here; NULL = it can. */
static const char *set_up(void)
{
	load_quiet_libbpf();
	if (geteuid())
		return "needs root";
	t.bpf = discovery_test__open();
	if (!t.bpf)
		return "no memory";
	attach_prepare(t.bpf->obj);
	if (discovery_test__load(t.bpf))
		return "no eBPF here";
	snprintf(t.dir, sizeof(t.dir), "/tmp/penstock-discovery-XXXXXX");
	if (!mkdtemp(t.dir))
		return "no temporary folder";
	t.cfg.tag = t.dir;
	t.probe = (struct discovery_probe){&probe_fake, 7, &t.cfg, t.bpf};
	return NULL;
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
	const char *why = set_up();
	char command[128];
	int failed;

	if (why)
		return printf("skipped: %s\n", why), 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf '%s'", t.dir);
	if (system(command))
		failed++;
	discovery_test__destroy(t.bpf);
	return failed;
}
