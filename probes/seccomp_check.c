/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/seccomp_check.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "probes/attach.h"

enum {
	PATIENCE_MS = 5000, /* for what takes a millisecond */
	URETPROBE = 335,    /* x86-64's; newer than the headers that we build with, like the next */
	UPROBE = 336
};

#ifdef __x86_64__
static const bool has_call = true;
#else
static const bool has_call = false;
#endif

/* ---- the function that is probed ---------------------------------------------------------- */

/* The segment of this program that the probed function is in. */
struct segment {
	uintptr_t lo, hi;
	uint64_t offset; /* of lo, in the file */
};

/* Tells where it returns to: when its return is probed, to the kernel's trampoline, which is
 * outside of this program. */
static __attribute__((noinline)) uintptr_t returns_to(void)
{
	return (uintptr_t)__builtin_return_address(0);
}

static int segment_find(struct dl_phdr_info *info, size_t size, void *arg)
{
	const uintptr_t address = (uintptr_t)returns_to;
	struct segment *s = arg;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		s->lo = info->dlpi_addr + p->p_vaddr;
		s->hi = s->lo + p->p_filesz;
		s->offset = p->p_offset;
		if (p->p_type == PT_LOAD && address >= s->lo && address < s->hi)
			return 1;
	}
	return -1; /* the first object is the program itself, and no other is of interest */
}

/* ---- the child ---------------------------------------------------------------------------- */

static void child_caught(int number)
{
	_exit(SECCOMP_CHECK_CAUGHT);
}

/* Sets a filter that forbids the system calls which the kernel makes a process do at probed places.
 * The filter raises a signal, where others kill: that would leave a core file and a line in the
 * audit log. */
static int child_forbid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, URETPROBE, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UPROBE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	const struct sigaction action = {.sa_handler = child_caught};

	if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

/* Waits until the function is probed, calls it, and tells by its exit status what happened. */
static _Noreturn void child_try_return(int go, const struct segment *s)
{
	int refused = child_forbid();
	uintptr_t to;
	char c;

	if (refused)
		_exit(refused == -EINVAL ? SECCOMP_CHECK_UNFILTERED : SECCOMP_CHECK_REFUSED);
	while (read(go, &c, 1) < 0 && errno == EINTR)
		;
	to = returns_to();
	_exit(to >= s->lo && to < s->hi ? SECCOMP_CHECK_UNPROBED : SECCOMP_CHECK_PASSED);
}

static pid_t child_start(const struct segment *s, int *ret_go)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		close(fds[1]); /* so that reading ends when the parent does */
		child_try_return(fds[0], s);
	}
	close(fds[0]);
	if (pid > 0)
		*ret_go = fds[1];
	else
		close(fds[1]);
	return pid < 0 ? -EAGAIN : pid;
}

/* ---- its parent --------------------------------------------------------------------------- */

/* Probes the return in the child, as any hook is attached: by a link of many hooks where the kernel
 * has such links, else by a perf event. */
static int return_probe_attach(pid_t pid, const struct segment *s)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = ATTACH_MULTI);
	const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
					{.code = BPF_JMP | BPF_EXIT}};
	const struct attach_place place = {
		.path = "/proc/self/exe",
		.offset = (uintptr_t)returns_to - s->lo + s->offset,
		.pid = pid,
		.ret = true,
	};
	CLEANUP_CLOSE int program =
		bpf_prog_load(BPF_PROG_TYPE_KPROBE, "seccomp_check", "GPL", code, 2, &opts);
	int fd = program < 0 ? program : attach_multi(program, &place);

	return fd < 0 ? attach_event(&place) : fd;
}

/* Detaching takes the kernel some time, for which nobody else needs to wait. */
static void *return_probe_close(void *fd)
{
	close((int)(intptr_t)fd);
	return NULL;
}

static int child_await(pid_t pid)
{
	CLEANUP_CLOSE int pidfd = pidfd_open(pid, 0);
	struct pollfd end = {pidfd, POLLIN, 0};
	int status = 0;

	if (pidfd < 0 || poll(&end, 1, PATIENCE_MS) <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int seccomp_check_judge(int wait_status, struct err *err)
{
	if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL)
		return errf(err, -ETIMEDOUT, "not known: the child that tried did not end");
	if (WIFSIGNALED(wait_status))
		return 1;
	switch (WEXITSTATUS(wait_status)) {
	case SECCOMP_CHECK_PASSED:
	case SECCOMP_CHECK_UNFILTERED:
		return 0;
	case SECCOMP_CHECK_CAUGHT:
		return 1;
	case SECCOMP_CHECK_REFUSED:
		return errf(err, -EACCES, "not known: no filter may be set here");
	default:
		return errf(err, -ENODATA, "not known: a probe on our own code does not work");
	}
}

int seccomp_check(struct err *err)
{
	CLEANUP_CLOSE int go = -1;
	struct segment s;
	pthread_t closer;
	int probe, status;
	pid_t pid;

	if (!has_call)
		return 0;
	if (dl_iterate_phdr(segment_find, &s) < 0)
		return errf(err, -ENOENT, "not known: our own code is not found");
	pid = child_start(&s, &go);
	if (pid < 0)
		return errf(err, pid, "not known: %s", strerror(-pid));
	probe = return_probe_attach(pid, &s);
	close(TAKE_FD(go));
	status = child_await(pid);
	if (probe < 0)
		return errf(err, probe, "not known: %s", strerror(-probe));
	if (!pthread_create(&closer, NULL, return_probe_close, (void *)(intptr_t)probe))
		pthread_detach(closer);
	else
		close(probe);
	return seccomp_check_judge(status, err);
}
