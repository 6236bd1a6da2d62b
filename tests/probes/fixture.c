/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/probes/fixture.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/source/clock.h"
#include "probes/attach.h"
#include "probes/elf/file.h"
#include "probes/load.h"
#include "tests/support/temp.h"

struct fixture fixture = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

/* ---- the probe under discovery ------------------------------------------------------------ */

static int want_readline(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			 struct err *err)
{
	const struct fixture_cfg *c = cfg;
	struct elf_symbol readline;

	if (!strstr(elf_file_path(elf), c->tag) || elf_file_symbol(elf, "readline", &readline))
		return 0;
	probe_plan_set_params(plan, &readline.address, sizeof(readline.address));
	return probe_plan_add(plan, 0, readline.offset + c->shift, "a copy", err);
}

static struct bpf_object *object_of(void *ctx)
{
	return ((struct discovery_test *)ctx)->obj;
}

static const struct opt_list *paths_of(const void *cfg)
{
	return &((const struct fixture_cfg *)cfg)->paths;
}

static const struct probe_hook hooks[] = {
	{.symbol = "readline", .program = "test_readline", .ret = true},
	{.symbol = NULL},
};

const struct probe_ops fixture_probe = {
	.name = "fake",
	.needs = "a copy of bash",
	.hooks = hooks,
	.object = object_of,
	.inspect = want_readline,
	.paths = paths_of,
};

/* ---- reports ------------------------------------------------------------------------------ */

static void on_report(const struct discovery_probe *probe, const struct event_attach *what,
		      void *arg)
{
	struct fixture_report *r;

	pthread_mutex_lock(&fixture.lock);
	assert_true(fixture.n < FIXTURE_REPORTS);
	r = &fixture.reports[fixture.n++];
	snprintf(r->hook, sizeof(r->hook), "%.*s", (int)what->hook.n, what->hook.p);
	snprintf(r->target, sizeof(r->target), "%.*s", (int)what->target.n, what->target.p);
	snprintf(r->note, sizeof(r->note), "%.*s", (int)what->note.n, what->note.p);
	r->time_ns = clock_boot_ns();
	r->pid = what->pid;
	r->status = what->status;
	pthread_cond_broadcast(&fixture.more);
	pthread_mutex_unlock(&fixture.lock);
}

static const struct fixture_report *find_report(const char *target, pid_t pid)
{
	for (unsigned i = 0; i < fixture.n; i++)
		if (!strcmp(fixture.reports[i].target, target) &&
		    (!pid || fixture.reports[i].pid == (uint32_t)pid))
			return &fixture.reports[i];
	return NULL;
}

struct fixture_report fixture_report_in(const char *target, pid_t pid)
{
	const struct fixture_report *r;
	struct fixture_report copy = {.pid = 0};
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FIXTURE_PATIENCE_S;
	pthread_mutex_lock(&fixture.lock);
	while (!(r = find_report(target, pid)))
		if (pthread_cond_timedwait(&fixture.more, &fixture.lock, &until))
			break;
	if (r)
		copy = *r;
	pthread_mutex_unlock(&fixture.lock); /* a failure leaves by longjmp */
	if (!r)
		fail_msg("no report on %s", target);
	return copy;
}

struct fixture_report fixture_report_of(const char *target)
{
	return fixture_report_in(target, 0);
}

unsigned fixture_reports(void)
{
	unsigned n;

	pthread_mutex_lock(&fixture.lock);
	n = fixture.n;
	pthread_mutex_unlock(&fixture.lock);
	return n;
}

static uint64_t calls(uint32_t cookie)
{
	struct discovery_test_hits hit;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(fixture.bpf->maps.hits), &cookie, &hit),
			 0);
	return hit.calls;
}

uint64_t fixture_all_calls(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DISCOVERY_TEST_TARGETS; i++)
		sum += calls(i);
	return sum;
}

/* ---- shells ------------------------------------------------------------------------------- */

void fixture_path(char *ret, const char *name)
{
	temp_path(ret, name);
}

void fixture_copy_bash(const char *path)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "cp /bin/bash '%s'", path);
	assert_int_equal(system(command), 0);
}

struct shell fixture_copy_and_start(const char *name)
{
	char path[PATH_MAX];
	struct shell s;

	fixture_path(path, name);
	fixture_copy_bash(path);
	s = shell_start(path, NULL);
	shell_type(&s);
	return s;
}

/* The line before it ends the call of readline() that may
 * have been under way when the hook came. */
void fixture_assert_hooked(const struct shell *s)
{
	uint64_t before;

	shell_type(s);
	before = fixture_all_calls();
	shell_type(s);
	assert_int_equal(fixture_all_calls(), before + 1);
}

/* ---- discovery ---------------------------------------------------------------------------- */

int fixture_try(struct discovery **ret, struct err *err)
{
	const struct discovery_config cfg = {&fixture.probe, 1, on_report, NULL,
					     fixture.by_process};

	fixture.n = 0;
	return discovery_start(&cfg, ret, err);
}

struct discovery *fixture_start(void)
{
	struct discovery *d = NULL;
	struct err err = {""};

	if (fixture_try(&d, &err))
		fail_msg("discovery_start: %s", err.text);
	return d;
}

/* Why the test cannot run here; NULL = it can. */
static const char *set_up(void)
{
	load_quiet_libbpf();
	if (geteuid())
		return "needs root";
	fixture.bpf = discovery_test__open();
	if (!fixture.bpf)
		return "no memory";
	attach_prepare(fixture.bpf->obj);
	if (discovery_test__load(fixture.bpf))
		return "no eBPF here";
	fixture.cfg.tag = temp_folder();
	fixture.probe = (struct discovery_probe){&fixture_probe, 7, &fixture.cfg, fixture.bpf};
	return NULL;
}

int fixture_run(const char *name, const struct CMUnitTest *tests, size_t n)
{
	const char *why = set_up();
	int failed;

	if (why)
		return printf("skipped: %s\n", why), 77;
	failed = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	discovery_test__destroy(fixture.bpf);
	return failed;
}
