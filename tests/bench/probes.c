/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command while there are empty programs at the entry and the return of each place, for
 * whoever passes there: what probes cost before they do anything.
 *
 *   probes FILE:OFFSET… -- COMMAND…
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "probes: %s\n", what);
	exit(1);
}

static int empty_program(void)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", code, 2, NULL);

	if (fd < 0)
		die("cannot load an empty program");
	return fd;
}

static void probe(int program, const char *file, uint64_t offset, uint64_t returns)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.uprobe_path = (uintptr_t)file,
		.probe_offset = offset,
		.config = returns, /* bit 0, as format/retprobe says */
	};
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int fd;

	if (!f || fscanf(f, "%u", &attr.type) != 1)
		die("the kernel has no uprobes");
	fclose(f);
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		die("cannot place a probe");
}

int main(int argc, char **argv)
{
	int i = 1, status, program = empty_program();
	pid_t pid;

	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		char *colon = strrchr(argv[i], ':');
		uint64_t offset = colon ? strtoull(colon + 1, NULL, 0) : 0;

		if (!offset)
			die("a place is FILE:OFFSET");
		*colon = '\0';
		probe(program, argv[i], offset, 0);
		probe(program, argv[i], offset, 1);
	}
	if (i + 1 >= argc)
		die("usage: probes FILE:OFFSET... -- COMMAND...");
	pid = fork();
	if (!pid) {
		execvp(argv[i + 1], argv + i + 1);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("cannot run the command");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
