/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/procs.h"
#include "tests/support/records.h"

struct rig {
	struct procs *procs;
	struct records r;
};

static int take(const struct rec *rec, void *arg)
{
	struct rig *rig = arg;
	struct layout_proc proc;

	if (layout_proc(rec, &proc) == 0)
		procs_update(rig->procs, rec, &proc);
	return 0;
}

static struct rig rig_open(void)
{
	struct rig rig = {.procs = procs_new()};

	assert_non_null(rig.procs);
	return rig;
}

#define RIG(name)                                                                                  \
	struct rig name = rig_open();                                                              \
	records_start(&name.r, take, &name)

static const struct proc *find(struct rig *rig, struct rec_task task, bool want_known)
{
	bool known;
	const struct proc *p = procs_find(rig->procs, &task, 1000, &known);

	assert_int_equal(known, want_known);
	return p;
}

static void assert_text(struct bytes b, const char *want)
{
	assert_int_equal(b.n, strlen(want));
	assert_memory_equal(b.p, want, b.n);
}

static void test_an_unknown_process_is_made_of_its_task(void **state)
{
	RIG(rig);
	const struct proc *p = find(&rig, records_task(7, 1, 500, "who"), false);

	assert_text(p->comm, "who");
	assert_int_equal(p->start_unix_ns, 1500);
	assert_int_equal(p->exe.n, 0);
	assert_null(p->parent);
	procs_free(rig.procs);
}

static void test_a_child_is_its_parent_until_it_executes(void **state)
{
	RIG(rig);
	struct rec_task sh = records_task(10, 1, RECORDS_BOOT, "sh");
	struct rec_task child = records_task(11, 10, RECORDS_BOOT + 5, "sh");
	const struct proc *p;

	records_proc(&rig.r, sh, "/bin/sh", BYTES("sh"));
	records_fork(&rig.r, child);
	p = find(&rig, child, true);
	assert_text(p->exe, "/bin/sh");
	assert_text(p->parent->comm, "sh");
	assert_int_equal(p->parent->pid, 10);
	p->seen[0] = 1;
	snprintf(child.comm, sizeof(child.comm), "ls");
	records_exec(&rig.r, child, "/bin/ls", BYTES("ls"), 2);
	p = find(&rig, child, true);
	assert_text(p->exe, "/bin/ls");
	assert_text(p->comm, "ls");
	assert_int_equal(p->seen[0], 0);
	procs_free(rig.procs);
}

static void test_the_dead_keep_their_names_for_a_while(void **state)
{
	RIG(rig);
	struct rec_task task = records_task(10, 1, RECORDS_BOOT, "gone");

	records_exec(&rig.r, task, "/bin/gone", BYTES("gone"), 4);
	records_exit(&rig.r, task, 0);
	assert_text(find(&rig, task, true)->exe, "/bin/gone");
	for (uint32_t pid = 100; pid < 100 + 5000; pid++) {
		struct rec_task other = records_task(pid, 1, RECORDS_BOOT, "x");

		records_exec(&rig.r, other, "/bin/x", BYTES("x"), 1);
		records_exit(&rig.r, other, 0);
	}
	find(&rig, task, false);
	procs_free(rig.procs);
}

/* /proc counts in ticks of 10 ms, the kernel's records in nanoseconds. */
static void test_a_reused_pid_is_another_process(void **state)
{
	RIG(rig);
	struct rec_task old = records_task(10, 1, RECORDS_BOOT, "old");
	struct rec_task same = records_task(10, 1, RECORDS_BOOT + 9000000, "old");
	struct rec_task new = records_task(10, 1, RECORDS_BOOT + 90000000, "new");

	records_proc(&rig.r, old, "/bin/old", BYTES("old"));
	assert_text(find(&rig, same, true)->exe, "/bin/old");
	assert_int_equal(find(&rig, new, false)->exe.n, 0);
	procs_free(rig.procs);
}

static void test_the_kernels_record_beats_a_late_scan(void **state)
{
	RIG(rig);
	struct rec_task task = records_task(10, 1, RECORDS_BOOT, "new");

	records_exec(&rig.r, task, "/bin/new", BYTES("new"), 3);
	records_proc(&rig.r, task, "/bin/old", BYTES("old"));
	assert_text(find(&rig, task, true)->exe, "/bin/new");
	procs_free(rig.procs);
}

static void test_loops_of_parents_end(void **state)
{
	RIG(rig);
	unsigned n = 0;

	for (uint32_t pid = 1; pid <= 3; pid++)
		records_proc(&rig.r, records_task(pid, pid % 3 + 1, RECORDS_BOOT, "loop"), "/x",
			     BYTES("x"));
	for (const struct proc *p = find(&rig, records_task(1, 2, RECORDS_BOOT, "loop"), true); p;
	     p = p->parent)
		assert_true(n++ < PROC_ANCESTORS);
	procs_free(rig.procs);
}

static void test_long_texts_are_cut_not_overrun(void **state)
{
	RIG(rig);
	struct rec_task task = records_task(10, 1, RECORDS_BOOT, "0123456789abcdef");
	char big[5000];
	const struct proc *p;

	memset(big, 'x', sizeof(big));
	big[4000] = 0;
	records_exec(&rig.r, task, big, (struct bytes){big, 4000}, 4000);
	p = find(&rig, task, true);
	assert_true(p->exe.n > 500 && p->exe.n < 4000);
	assert_true(p->cmdline.n > 500 && p->cmdline.n < 4000);
	procs_free(rig.procs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_unknown_process_is_made_of_its_task),
		cmocka_unit_test(test_a_child_is_its_parent_until_it_executes),
		cmocka_unit_test(test_the_dead_keep_their_names_for_a_while),
		cmocka_unit_test(test_a_reused_pid_is_another_process),
		cmocka_unit_test(test_the_kernels_record_beats_a_late_scan),
		cmocka_unit_test(test_loops_of_parents_end),
		cmocka_unit_test(test_long_texts_are_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
