/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/container.h"
#include "capture/procs.h"
#include "capture/source/clock.h"
#include "capture/source/context.h"
#include "capture/source/processes.h"

#define ID          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID         "0c3a5f7e-1b2d-4c6f-8a90-abcdefabcdef"
#define UID_SYSTEMD "0c3a5f7e_1b2d_4c6f_8a90_abcdefabcdef"

/* ---- container and pod -------------------------------------------------------------------- */

static const struct {
	const char *path, *container, *pod;
} paths[] = {
	{"/docker/" ID, ID, ""},
	{"/system.slice/docker-" ID ".scope", ID, ""},
	{"/docker/" ID "/init.scope", ID, ""},
	{"/machine.slice/libpod-" ID ".scope", ID, ""},
	{"/machine.slice/libpod-" ID ".scope/container", ID, ""},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", ID, ""},
	{"/machine.slice/libpod-conmon-" ID ".scope", "", ""},
	{"/kubepods/burstable/pod" UID "/" ID, ID, UID},
	{"/kubepods/pod" UID "/" ID, ID, UID},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SYSTEMD
	 ".slice/cri-containerd-" ID ".scope",
	 ID, UID_SYSTEMD},
	{"/kubepods.slice/kubepods-pod" UID_SYSTEMD ".slice/crio-" ID ".scope", ID, UID_SYSTEMD},
	{"/kubepods.slice/kubepods-pod" UID_SYSTEMD ".slice/crio-conmon-" ID ".scope", "",
	 UID_SYSTEMD},
	{"/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/" ID, ID,
	 "0123456789abcdef0123456789abcdef"},
	{"/system.slice/containerd.service/kubepods-burstable-pod" UID_SYSTEMD
	 ".slice:cri-containerd:" ID,
	 ID, UID_SYSTEMD},
	/* the innermost of containers in containers */
	{"/docker/" ID "/docker/f"
	 "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	 "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ""},
	{"/", "", ""},
	{"", "", ""},
	{"/system.slice/ssh.service", "", ""},
	{"/user.slice/user-0.slice/session-3.scope", "", ""},
	{"/docker/" ID "0", "", ""},
	{"/docker/x" ID, "", ""},
	{"/docker/0123456789abcdef", "", ""},
	{"/kubepods/pod", "", ""},
	{"/podcast.service", "", ""},
};

static void assert_text(struct bytes got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	if (got.n)
		assert_memory_equal(got.p, want, got.n);
}

static void finds_containers_and_pods(void **state)
{
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		/* On the heap and without a NUL: a read past the end is found. */
		size_t n = strlen(paths[i].path);
		char *copy = malloc(n ? n : 1);
		struct bytes path = {copy, n};

		memcpy(copy, paths[i].path, n);
		assert_text(container_id(path), paths[i].container);
		assert_text(container_pod(path), paths[i].pod);
		free(copy);
	}
}

/* ---- records ------------------------------------------------------------------------------ */

struct kept {
	union {
		struct rec rec;
		struct rec_run run;
		struct rec_proc proc;
		struct rec_attach attach;
		char bytes[64 * 1024];
	};
	unsigned n;
	uint32_t want_pid; /* PROC: keep this one only */
	unsigned of_pid, kernel_threads;
};

static int keep(const struct rec *rec, void *arg)
{
	struct kept *k = arg;
	const struct rec_proc *proc = (const void *)rec;

	assert_true(rec->len >= sizeof(*rec) && rec->len <= sizeof(k->bytes));
	k->n++;
	if (rec->kind == REC_PROC) {
		k->kernel_threads += proc->task.ppid == 2 && !proc->exe_len;
		assert_int_equal(rec->len, sizeof(*proc) + proc->exe_len + proc->cwd_len +
						   proc->cgroup_len + proc->cmdline_len);
		if (k->want_pid && k->want_pid != proc->task.pid)
			return 0;
		k->of_pid++;
	}
	memcpy(k->bytes, rec, rec->len);
	return 0;
}

static void describes_the_run(void **state)
{
	char *argv[] = {"penstock", "record", "it's", "", "-wx=1", NULL};
	const uint64_t probes[4] = {6};
	static const uint8_t none[16];
	struct kept k = {.n = 0};
	const char *texts[6], *p = k.run.data;
	uint64_t first_id;

	assert_int_equal(context_run(probes, argv, keep, &k), 0);
	assert_int_equal(k.n, 1);
	assert_int_equal(k.rec.kind, REC_RUN);
	assert_int_equal(k.run.version, REC_VERSION);
	assert_int_equal(k.run.pid, getpid());
	assert_int_equal(k.run.probes[0], 6);
	assert_memory_not_equal(k.run.boot_id, none, 16);
	for (unsigned i = 0; i < 6; i++, p += strlen(p) + 1) {
		assert_true(p < k.bytes + k.rec.len);
		texts[i] = p;
		assert_true(strlen(p) > 0);
	}
	assert_ptr_equal(p, k.bytes + k.rec.len);
	assert_string_equal(texts[4], PENSTOCK_VERSION);
	assert_string_equal(texts[5], "penstock record 'it'\\''s' '' -wx=1");
	first_id = k.run.run_id;
	assert_int_equal(context_run(probes, argv, keep, &k), 0);
	assert_int_not_equal(k.run.run_id, first_id);
}

/* A command line that never ends is cut, and the record stays whole. */
static void cuts_a_long_command_line(void **state)
{
	char *arg = malloc(100000);
	char *argv[] = {arg, arg, NULL};
	const uint64_t probes[4] = {0};
	struct kept k = {.n = 0};

	memset(arg, '\'', 99999);
	arg[99999] = '\0';
	assert_int_equal(context_run(probes, argv, keep, &k), 0);
	assert_true(k.rec.len < 8192);
	assert_int_equal(k.bytes[k.rec.len - 1], '\0');
	assert_int_equal(strlen(k.bytes + k.rec.len - 1000), 999);
	free(arg);
}

static void hides_the_machine_id(void **state)
{
	uint8_t id[16] = {1}, other[16] = {2}, a[16], b[16];
	static const uint8_t none[16];

	context_host_id(id, a);
	context_host_id(id, b);
	assert_memory_equal(a, b, 16);
	assert_memory_not_equal(a, id, 16);
	context_host_id(other, b);
	assert_memory_not_equal(a, b, 16);
	context_host_id(none, a);
	assert_memory_equal(a, none, 16);
}

static void reads_the_clocks_together(void **state)
{
	struct rec_clock clock;
	struct timespec real;
	uint64_t before = clock_boot_ns(), after;

	clock_read(&clock);
	after = clock_boot_ns();
	clock_gettime(CLOCK_REALTIME, &real);
	assert_int_equal(clock.rec.kind, REC_CLOCK);
	assert_int_equal(clock.rec.len, sizeof(clock));
	assert_in_range(clock.rec.time, before, after);
	assert_in_range(clock.unix_ns, 1, (uint64_t)real.tv_sec * 1000000000 + real.tv_nsec);
	assert_int_equal(clock.reserved, 0);
}

/* ---- processes ---------------------------------------------------------------------------- */

static void finds_itself(void **state)
{
	struct kept k = {.n = 0};
	struct rec_task *task = &k.proc.task;
	char exe[PATH_MAX], cwd[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));

	prctl(PR_SET_NAME, "a) S (b", 0, 0, 0);
	assert_int_equal(processes_one(getpid(), keep, &k), 0);
	assert_int_equal(task->pid, getpid());
	assert_int_equal(task->tid, getpid());
	assert_int_equal(task->ppid, getppid());
	assert_int_equal(task->uid, getuid());
	assert_int_equal(task->gid, getgid());
	assert_true(task->ns_pid > 0);
	assert_string_equal(task->comm, "a) S (b");
	assert_true(task->start > 0 && task->start < clock_boot_ns());
	assert_int_equal(task->start % PROCS_TICK_NS, 0);
	assert_int_equal(k.proc.exe_len, n);
	assert_memory_equal(k.proc.data, exe, n);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(k.proc.cwd_len, strlen(cwd));
	assert_memory_equal(k.proc.data + n, cwd, strlen(cwd));
	assert_true(k.proc.cgroup_len > 0);
	assert_true(k.proc.cmdline_len > 0);
	assert_int_equal(k.bytes[k.rec.len - 1], '\0');
}

/* The start of a child lies between two looks at the clock, rounded down to a tick. */
static void knows_when_a_process_started(void **state)
{
	uint64_t before = clock_boot_ns(), after;
	struct kept k = {.n = 0};
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	after = clock_boot_ns();
	assert_int_equal(processes_one(child, keep, &k), 0);
	assert_int_equal(k.proc.task.ppid, getpid());
	assert_in_range(k.proc.task.start / PROCS_TICK_NS, before / PROCS_TICK_NS,
			after / PROCS_TICK_NS);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(processes_one(child, keep, &k), -ESRCH);
}

static void walks_all_processes(void **state)
{
	struct kept k = {.want_pid = (uint32_t)getpid()};

	assert_int_equal(processes_all(keep, &k), 0);
	assert_int_equal(k.of_pid, 1);
	assert_true(k.n > 1);
	if (!access("/proc/2/stat", F_OK) && access("/proc/2/exe", R_OK))
		assert_true(k.kernel_threads > 0);
}

static int refuse(const struct rec *rec, void *arg)
{
	++*(unsigned *)arg;
	return -ENOSPC;
}

static void stops_when_told(void **state)
{
	unsigned calls = 0;

	assert_int_equal(processes_all(refuse, &calls), -ENOSPC);
	assert_int_equal(calls, 1);
}

static void cuts_a_long_command(void **state)
{
	struct kept k = {.n = 0};
	char arg[5000];
	int ready[2];
	pid_t child;

	memset(arg, 'x', sizeof(arg) - 1);
	arg[sizeof(arg) - 1] = '\0';
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], 1);
		execle("/bin/sh", "sh", "-c", "echo; kill -STOP $$", arg, NULL, (char *[]){NULL});
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], arg, 1), 1);
	assert_int_equal(processes_one(child, keep, &k), 0);
	assert_int_equal(k.proc.cmdline_len, 2048);
	assert_true(k.rec.flags & REC_F_TRUNCATED);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
}

static void makes_attach_records(void **state)
{
	const struct event_attach report = {
		.hook = BYTES("uretprobe readline"),
		.target = BYTES("/bin/bash"),
		.note = BYTES("5.2"),
		.offset = 0x1234,
		.pid = 77,
		.status = -EPERM,
	};
	struct kept k = {.n = 0};

	assert_int_equal(context_attach(2, &report, keep, &k), 0);
	assert_int_equal(k.rec.kind, REC_ATTACH);
	assert_int_equal(k.rec.probe, 2);
	assert_int_equal(k.attach.offset, 0x1234);
	assert_int_equal(k.attach.pid, 77);
	assert_int_equal(k.attach.status, -EPERM);
	assert_int_equal(k.attach.hook_len, 18);
	assert_int_equal(k.attach.target_len, 9);
	assert_int_equal(k.attach.note_len, 3);
	assert_int_equal(k.rec.len, sizeof(k.attach) + 18 + 9 + 3);
	assert_memory_equal(k.attach.data, "uretprobe readline/bin/bash5.2", 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_containers_and_pods),
		cmocka_unit_test(describes_the_run),
		cmocka_unit_test(cuts_a_long_command_line),
		cmocka_unit_test(hides_the_machine_id),
		cmocka_unit_test(reads_the_clocks_together),
		cmocka_unit_test(finds_itself),
		cmocka_unit_test(knows_when_a_process_started),
		cmocka_unit_test(walks_all_processes),
		cmocka_unit_test(stops_when_told),
		cmocka_unit_test(cuts_a_long_command),
		cmocka_unit_test(makes_attach_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
