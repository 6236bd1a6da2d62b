/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this machine offers: each row is found out by doing it, in the smallest way there is. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "probes/attach.h"
#include "probes/core/core.h"
#include "probes/core/filter.h"
#include "probes/load.h"
#include "probes/seccomp_check.h"

/* Returns 0 or a negative errno; fills the detail. */
typedef int (*feature_fn)(char *ret, size_t size);

static int feature_say(int status, char *ret, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int feature_say(int status, char *ret, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret, size, fmt, args);
	va_end(args);
	return status;
}

/* Without a detail of its own a failed attempt says why. */
static int feature_result(int fd, char *ret, size_t size)
{
	int code = errno;

	if (fd < 0)
		return feature_say(-code, ret, size, "%s", strerror(code));
	close(fd);
	return 0;
}

static int feature_read(const char *path, char *ret, size_t size)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");

	if (!f || !fgets(ret, (int)size, f))
		return -ENOENT;
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

static int feature_btf(char *ret, size_t size)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return feature_say(-errno, ret, size, "no type information: %s", strerror(errno));
	feature_say(0, ret, size, "%u types", btf__type_cnt(btf));
	btf__free(btf);
	return 0;
}

static int feature_ring(char *ret, size_t size)
{
	return feature_result(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "try_ring", 0, 0,
					     (uint32_t)getpagesize(), NULL),
			      ret, size);
}

static int feature_mmap(char *ret, size_t size)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	CLEANUP_CLOSE int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "try_mmap", 4, 8, 1, &opts);
	const size_t page = (size_t)getpagesize();
	void *p;

	if (fd < 0)
		return feature_result(fd, ret, size);
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return feature_result(-1, ret, size);
	munmap(p, page);
	return 0;
}

/* Loads `return 0` or, with helper, `helper(ctx); return 0` as a program of user-space hooks. */
static int feature_program(int helper, uint32_t attach)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = helper},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const size_t skip = helper ? 0 : 1;

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "try_program", "GPL", insns + skip, 3 - skip,
			     &opts);
}

static int feature_cookie(char *ret, size_t size)
{
	return feature_result(feature_program(BPF_FUNC_get_attach_cookie, 0), ret, size);
}

static int feature_loop(char *ret, size_t size)
{
	/* where nothing may be loaded, libbpf takes the refusal for a yes */
	int refused = feature_result(feature_program(0, 0), ret, size), there;

	if (refused)
		return refused;
	there = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL);
	if (there > 0)
		return 0;
	return feature_say(there ? there : -ENOTSUP, ret, size,
			   "TLS calls above 7 MiB are cut (Linux 5.17 has it)");
}

static int feature_tracepoint(char *ret, size_t size)
{
	int id = libbpf_find_vmlinux_btf_id("sched_process_exec", BPF_TRACE_RAW_TP);
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP,
		    .attach_btf_id = (uint32_t)id);
	CLEANUP_CLOSE int program = -1;

	if (id < 0)
		return feature_say(id, ret, size, "no tracepoint sched_process_exec in its BTF");
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "try_tracepoint", "GPL", insns, 2, &opts);
	if (program < 0)
		return feature_result(program, ret, size);
	return feature_result(bpf_raw_tracepoint_open(NULL, program), ret, size);
}

/* A file of ours, in memory, that no process executes: what is attached to it never runs. */
static int feature_file(char ret_path[32])
{
	int fd = memfd_create("penstock-try", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, getpagesize())) {
		close(fd);
		return -1;
	}
	snprintf(ret_path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static bool feature_multi_works(void)
{
	CLEANUP_CLOSE int program = feature_program(0, ATTACH_MULTI);
	char path[32];
	CLEANUP_CLOSE int file = feature_file(path);
	CLEANUP_CLOSE int link = attach_multi(program, &(struct attach_place){.path = path});

	return link >= 0;
}

/* A perf event needs more privileges than a link of many hooks does. */
static int feature_uprobe(char *ret, size_t size)
{
	char path[32];
	CLEANUP_CLOSE int file = feature_file(path);
	CLEANUP_CLOSE int event = attach_event(&(struct attach_place){.path = path});

	if (event >= 0)
		return 0;
	if (feature_multi_works())
		return feature_say(0, ret, size, "by uprobe_multi (one by one: %s)",
				   strerror(-event));
	return feature_say(event, ret, size, "%s", strerror(-event));
}

static int feature_multi(char *ret, size_t size)
{
	if (!feature_multi_works())
		return feature_say(-ENOTSUP, ret, size,
				   "hooks are attached one by one (Linux 6.6 has it)");
	return 0;
}

static int feature_seccomp(char *ret, size_t size)
{
	struct err err;
	int verdict = seccomp_check(&err);

	if (verdict < 0)
		return feature_say(verdict, ret, size, "%s", err.text);
	return feature_say(verdict ? -EPERM : 0, ret, size, "%s",
			   verdict ? "not safe: a process with a filter would die of them, and is "
				     "left out"
				   : "safe");
}

static int feature_caps(char *ret, size_t size)
{
	char caps[64];

	if (load_missing_caps(caps, sizeof(caps)))
		return feature_say(-EPERM, ret, size, "missing: %s", caps);
	return 0;
}

/* "none [integrity] confidentiality": the last of them forbids reading kernel memory. */
static int feature_lockdown(char *ret, size_t size)
{
	if (feature_read("/sys/kernel/security/lockdown", ret, size))
		return feature_say(0, ret, size, "none");
	return strstr(ret, "[confidentiality]") ? -EPERM : 0;
}

static int feature_paranoid(char *ret, size_t size)
{
	char level[16];

	if (feature_read("/proc/sys/kernel/perf_event_paranoid", level, sizeof(level)))
		return feature_say(-ENOENT, ret, size, "no perf events");
	return feature_say(0, ret, size, "%s: attaching hooks one by one needs %s", level,
			   !strcmp(level, "-1") ? "no more" : "root or CAP_SYS_ADMIN");
}

static int feature_cgroup(char *ret, size_t size)
{
	if (core_filter_cgroup_root(ret, size))
		return feature_say(-ENOENT, ret, size, "not mounted: no --cgroup, --container");
	return 0;
}

static int feature_loginuid(char *ret, size_t size)
{
	if (access("/proc/self/loginuid", R_OK))
		return feature_say(-ENOENT, ret, size, "no audit: the login user is not known");
	return 0;
}

static int feature_memlock(char *ret, size_t size)
{
	struct rlimit old, all = {RLIM_INFINITY, RLIM_INFINITY};

	if (getrlimit(RLIMIT_MEMLOCK, &old))
		return feature_result(-1, ret, size);
	if (old.rlim_cur == RLIM_INFINITY)
		return feature_say(0, ret, size, "unlimited");
	if (setrlimit(RLIMIT_MEMLOCK, &all))
		return feature_say(-EPERM, ret, size,
				   "%llu KiB, cannot be raised (matters before Linux 5.11)",
				   (unsigned long long)old.rlim_cur / 1024);
	setrlimit(RLIMIT_MEMLOCK, &old);
	return feature_say(0, ret, size, "can be raised");
}

static const struct feature_row {
	const char *name;
	feature_fn look;
	bool needed;
} feature_rows[] = {
	{"privileges (CAP_BPF, CAP_PERFMON)", feature_caps, true},
	{"lockdown", feature_lockdown, true},
	{"kernel type information (BTF)", feature_btf, true},
	{"ring buffer", feature_ring, true},
	{"maps shared with user space", feature_mmap, true},
	{"attach cookie", feature_cookie, true},
	{"process tracepoints (tp_btf)", feature_tracepoint, true},
	{"user-space hooks (uprobe)", feature_uprobe, true},
	{"many hooks in one link (uprobe_multi)", feature_multi, false},
	{"return probes under seccomp", feature_seccomp, false},
	{"long loops (bpf_loop)", feature_loop, false},
	{"perf_event_paranoid", feature_paranoid, false},
	{"unified cgroups", feature_cgroup, false},
	{"login user (audit)", feature_loginuid, false},
	{"locked memory", feature_memlock, false},
};

unsigned core_features(struct core_feature ret[CORE_FEATURES_MAX])
{
	enum {
		N = sizeof(feature_rows) / sizeof(feature_rows[0])
	};

	_Static_assert(N <= (int)CORE_FEATURES_MAX, "rows fit");
	load_quiet_libbpf();
	for (unsigned i = 0; i < N; i++) {
		const struct feature_row *row = &feature_rows[i];
		int status;

		ret[i] = (struct core_feature){.name = row->name};
		status = row->look(ret[i].detail, sizeof(ret[i].detail));
		ret[i].status = status < 0 && !row->needed ? 1 : status;
	}
	return N;
}
