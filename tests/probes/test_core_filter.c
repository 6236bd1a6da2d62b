/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters on their way from the command line into the kernel's tables. What needs eBPF is skipped
 * without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kern/events.h"
#include "probes/core/core.h"
#include "probes/core/filter.h"

enum {
	RING = 64 * 1024
};

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- without the kernel ------------------------------------------------------------------- */

static void filters_are_checked(void **state)
{
	static const struct {
		const char *option, *value;
		const char *text; /* in the complaint; NULL = accepted */
	} cases[] = {
		{"pid", "1", NULL},
		{"pid", "!1", NULL},
		{"pid", "4194999", "no process"},
		{"pid", "abc", "'abc'"},
		{"pid", "0", "'0'"},
		{"tree", "-1", "'-1'"},
		{"uid", "0", NULL},
		{"uid", "!root", NULL},
		{"uid", "no such user", "no such user"},
		{"comm", "fifteen_bytes_x", NULL},
		{"comm", "sixteen_bytes_xx", "1 to 15"},
		{"comm", "", "1 to 15"},
		{"comm", "!", "1 to 15"},
		{"cgroup", "12345", NULL},
		{"cgroup", "/no/such/cgroup", "cgroup"},
		{"container", "0123ab", NULL},
		{"container", "!ABCDEF", NULL},
		{"container", "0123a", "hex digits"},
		{"container", "0123xyz", "hex digits"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *value = cases[i].value, *name = cases[i].option;
		struct opt_list one = {&value, 1};
		struct core_filters filters = {0};
		struct err err = {""};
		int ret;

		*(!strcmp(name, "pid")      ? &filters.pid
		  : !strcmp(name, "tree")   ? &filters.tree
		  : !strcmp(name, "uid")    ? &filters.uid
		  : !strcmp(name, "comm")   ? &filters.comm
		  : !strcmp(name, "cgroup") ? &filters.cgroup
					    : &filters.container) = one;
		ret = core_filter_check(&filters, &err);
		assert_int_equal(ret, cases[i].text ? -EINVAL : 0);
		if (ret && (!strstr(err.text, cases[i].text) || !strstr(err.text, name)))
			fail_msg("--%s=%s: %s", name, value, err.text);
	}
}

/* What the kernel compares new cgroups with has few places. */
static void containers_are_few_and_whole(void **state)
{
	const char *many[FILTER_CONTAINER_MAX + 1], *long_id = CONTAINER "0";
	struct core_filters filters = {.container = {many, FILTER_CONTAINER_MAX}};
	struct err err = {""};

	for (unsigned i = 0; i <= FILTER_CONTAINER_MAX; i++)
		many[i] = CONTAINER;
	assert_int_equal(core_filter_check(&filters, &err), 0);
	filters.container.n++;
	assert_int_equal(core_filter_check(&filters, &err), -EINVAL);
	assert_string_equal(err.text, "--container: at most 8 at a time");
	filters.container = (struct opt_list){&long_id, 1};
	assert_int_equal(core_filter_check(&filters, &err), -EINVAL);
}

/* ---- with it ------------------------------------------------------------------------------ */

static struct core *core_or_skip(const struct core_filters *filters)
{
	struct core_config cfg = {RING, 0, filters};
	struct err err = {""};
	struct core *core;
	int ret = core_new(&cfg, &core, &err);

	if (ret == -EPERM || ret == -EOPNOTSUPP) {
		print_message("SKIP: %s\n", err.text);
		skip();
	}
	if (ret)
		fail_msg("%s", err.text);
	return core;
}

/* The bits of an entry of one of the core's tables, 0 = there is none. */
static uint32_t bits_of(struct core *core, const char *map, const void *key)
{
	uint32_t bits = 0;

	bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(core_object(core), map), key, &bits);
	return bits;
}

static struct ctl ctl_of(struct core *core)
{
	const uint32_t zero = 0;
	struct ctl ctl;

	assert_int_equal(bpf_map_lookup_elem(core_ctl_fd(core), &zero, &ctl), 0);
	return ctl;
}

static void values_reach_the_tables(void **state)
{
	const char *pids[] = {"1", "!1"}, *uids[] = {"!65534"}, *comms[] = {"bash"},
		   *containers[] = {"!ABCDEF"};
	struct core_filters filters = {.pid = {pids, 2},
				       .uid = {uids, 1},
				       .comm = {comms, 1},
				       .container = {containers, 1}};
	struct core *core = core_or_skip(&filters);
	const uint32_t pid = 1, other = 2, uid = 65534;
	const char comm[REC_COMM] = "bash", longer[REC_COMM] = "bashful";
	struct ctl ctl = ctl_of(core);

	assert_int_equal(bits_of(core, "pids", &pid), FILTER_INCLUDE | FILTER_EXCLUDE);
	assert_int_equal(bits_of(core, "pids", &other), 0);
	assert_int_equal(bits_of(core, "uids", &uid), FILTER_EXCLUDE);
	assert_int_equal(bits_of(core, "comms", comm), FILTER_INCLUDE);
	assert_int_equal(bits_of(core, "comms", longer), 0);
	assert_int_equal(ctl.filter[FILTER_PROCESS], FILTER_INCLUDE | FILTER_EXCLUDE);
	assert_int_equal(ctl.filter[FILTER_UID], FILTER_EXCLUDE);
	assert_int_equal(ctl.filter[FILTER_COMM], FILTER_INCLUDE);
	assert_int_equal(ctl.filter[FILTER_CGROUP], FILTER_EXCLUDE);
	assert_int_equal(ctl.containers, 1);
	assert_int_equal(ctl.container[0].len, 6);
	assert_memory_equal(ctl.container[0].id, "abcdef", 6);
	core_free(core);
}

static void without_filters_nothing_is_active(void **state)
{
	struct core_filters filters = {0};
	struct core *core = core_or_skip(&filters);
	struct ctl ctl = ctl_of(core), zero = {0};

	assert_memory_equal(&ctl, &zero, sizeof(ctl));
	core_free(core);
}

/* A child with a child, both of which live until `go` is closed; *ret is the grandchild. */
static pid_t family(int go[2], uint32_t *ret)
{
	int tell[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(tell), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		uint32_t child = (uint32_t)fork();

		close(go[1]);
		if (child && write(tell[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		while (read(go[0], &c, 1) > 0)
			;
		_exit(0);
	}
	assert_int_equal(read(tell[0], ret, sizeof(*ret)), sizeof(*ret));
	close(tell[0]);
	close(tell[1]);
	close(go[0]);
	return pid;
}

/* Descendants that were there before us belong to a tree, and to no other. */
static void trees_are_completed(void **state)
{
	struct core_filters filters = {0};
	char text[16];
	const char *trees[] = {text, "!1"};
	uint32_t grandchild, self = (uint32_t)getpid();
	struct err err = {""};
	struct core *core;
	int go[2];
	pid_t pid = family(go, &grandchild);

	snprintf(text, sizeof(text), "%d", pid);
	filters.tree = (struct opt_list){trees, 2};
	core = core_or_skip(&filters);
	assert_int_equal(bits_of(core, "tree", &pid), FILTER_INCLUDE);
	assert_int_equal(bits_of(core, "tree", &grandchild), 0);
	assert_int_equal(core_filter_complete(&filters, core_object(core), &err), 0);
	assert_true(bits_of(core, "tree", &grandchild) & FILTER_INCLUDE);
	assert_false(bits_of(core, "tree", &self) & FILTER_INCLUDE);
	core_free(core);
	close(go[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_are_checked),
		cmocka_unit_test(containers_are_few_and_whole),
		cmocka_unit_test(values_reach_the_tables),
		cmocka_unit_test(without_filters_nothing_is_active),
		cmocka_unit_test(trees_are_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
