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

static void test_a_start_in_ticks_is_rounded_down(void **state)
{
	static const struct {
		uint64_t a, b;
		bool same;
	} rows[] = {
		{70000000, 70000000, true},  {70000000, 79999999, true},
		{70000000, 80000000, false}, {70000000, 69999999, false},
		{75000000, 75000000, true},  {75000000, 75000001, false}, /* neither is in ticks */
		{79999999, 80000001, false}, {0, 5, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(procs_same_start(rows[i].a, rows[i].b), rows[i].same);
		assert_int_equal(procs_same_start(rows[i].b, rows[i].a), rows[i].same);
	}
}

/* Processes that start right after one another are not mixed up, though they share a pid. */
static void test_a_pid_may_be_reused_at_once(void **state)
{
	RIG(rig);
	struct rec_task old = records_task(10, 1, RECORDS_BOOT + 9000000, "old");
	struct rec_task new = records_task(10, 1, RECORDS_BOOT + 11000000, "new");

	records_exec(&rig.r, old, "/bin/old", BYTES("old"), 3);
	assert_int_equal(find(&rig, new, false)->exe.n, 0);
	records_proc(&rig.r, new, "/bin/new", BYTES("new"));
	assert_text(find(&rig, new, true)->exe, "/bin/new");
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

/* A damaged recording has anything: linking comes to an end, and as much can be read as may be. */
static void test_loops_of_parents_end(void **state)
{
	RIG(rig);
	unsigned n = 0;

	for (uint32_t pid = 1; pid <= 3; pid++)
		records_proc(&rig.r, records_task(pid, pid % 3 + 1, RECORDS_BOOT, "loop"), "/x",
			     BYTES("x"));
	for (const struct proc *p = find(&rig, records_task(1, 2, RECORDS_BOOT, "loop"), true);
	     p && n <= PROC_ANCESTORS; p = p->parent)
		assert_int_equal(p->pid, n++ % 3 + 1);
	procs_free(rig.procs);
}

static void assert_ancestors(struct rig *rig, struct rec_task task, const char *want)
{
	const struct proc *p = find(rig, task, true);
	char text[200];
	int n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < PROC_ANCESTORS && p->parent; i++) {
		p = p->parent;
		n += snprintf(text + n, sizeof(text) - n, "%u:%.*s ", p->pid, (int)p->comm.n,
			      p->comm.p);
	}
	assert_string_equal(text, want);
}

static void test_ancestors_are_those_of_now(void **state)
{
	RIG(rig);
	struct rec_task init = records_task(1, 0, RECORDS_BOOT, "init");
	struct rec_task sh = records_task(10, 1, RECORDS_BOOT + 1, "sh");
	struct rec_task child = records_task(11, 10, RECORDS_BOOT + 2, "child");
	struct rec_task later = records_task(10, 1, RECORDS_BOOT + 50000000, "later");

	records_proc(&rig.r, sh, "/bin/sh", BYTES("sh"));
	records_fork(&rig.r, child);
	assert_ancestors(&rig, child, "10:sh ");
	records_proc(&rig.r, init, "/sbin/init", BYTES("init")); /* it was not known */
	assert_ancestors(&rig, child, "10:sh 1:init ");
	snprintf(sh.comm, sizeof(sh.comm), "bash"); /* another name of the same process */
	find(&rig, sh, true);
	assert_ancestors(&rig, child, "10:bash 1:init ");
	records_exit(&rig.r, sh, 0);
	assert_ancestors(&rig, child, "10:bash 1:init ");
	records_exec(&rig.r, later, "/bin/later", BYTES("later"), 5); /* is nobody's parent */
	assert_ancestors(&rig, child, "");
	child.ppid = 1; /* has been taken over */
	assert_ancestors(&rig, child, "1:init ");
	procs_free(rig.procs);
}

/* Where a recording begins anew, everything is told again: what has not changed is the same image,
 * which outputs need not tell once more. */
static void test_what_is_told_again(void **state)
{
	RIG(rig);
	struct rec_task a = records_task(10, 1, RECORDS_BOOT + 1, "a");
	struct rec_task b = records_task(11, 1, RECORDS_BOOT + 2, "b");
	struct rec_task c = records_task(12, 1, RECORDS_BOOT + 3, "c");

	records_proc(&rig.r, a, "/bin/a", BYTES("a"));
	records_proc(&rig.r, b, "/bin/b", BYTES("b"));
	records_proc(&rig.r, c, "/bin/c", BYTES("c"));
	find(&rig, a, true)->seen[0] = 7;
	find(&rig, b, true)->seen[0] = 7;
	records_proc(&rig.r, b, "/bin/late", BYTES("b")); /* a scan that comes too late */
	assert_int_equal(find(&rig, b, true)->seen[0], 7);
	procs_renew(rig.procs);
	records_proc(&rig.r, a, "/bin/a", BYTES("a"));
	records_proc(&rig.r, b, "/bin/other", BYTES("b"));
	assert_int_equal(find(&rig, a, true)->seen[0], 7);
	assert_int_equal(find(&rig, b, true)->seen[0], 0);
	assert_true(bytes_eq(find(&rig, b, true)->exe, BYTES("/bin/other")));
	find(&rig, c, true); /* it has ended, so nobody told of it */
	procs_free(rig.procs);
}

/* A parent that changes its own parent changes what its children read. */
static void test_a_parent_is_taken_over(void **state)
{
	RIG(rig);
	struct rec_task init = records_task(1, 0, RECORDS_BOOT, "init");
	struct rec_task sh = records_task(9, 1, RECORDS_BOOT + 1, "sh");
	struct rec_task parent = records_task(10, 9, RECORDS_BOOT + 2, "parent");
	struct rec_task child = records_task(11, 10, RECORDS_BOOT + 3, "child");

	records_proc(&rig.r, init, "/sbin/init", BYTES("init"));
	records_proc(&rig.r, sh, "/bin/sh", BYTES("sh"));
	records_fork(&rig.r, parent);
	records_fork(&rig.r, child);
	assert_ancestors(&rig, child, "10:parent 9:sh 1:init ");
	parent.ppid = 1;
	find(&rig, parent, true);
	assert_ancestors(&rig, child, "10:parent 1:init ");
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
		cmocka_unit_test(test_ancestors_are_those_of_now),
		cmocka_unit_test(test_what_is_told_again),
		cmocka_unit_test(test_a_parent_is_taken_over),
		cmocka_unit_test(test_a_start_in_ticks_is_rounded_down),
		cmocka_unit_test(test_a_pid_may_be_reused_at_once),
		cmocka_unit_test(test_long_texts_are_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
