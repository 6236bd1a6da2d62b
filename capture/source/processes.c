/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/source/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/parse.h"
#include "capture/container.h"
#include "capture/procs.h"
#include "capture/source/clock.h"

enum {
	CMDLINE_MAX = 2048, /* what the process table keeps */
	FILE_MAX = 8192,
};

/* What is read once for all processes. */
struct proc_reader {
	char unified[256];   /* where the unified hierarchy is mounted, empty = nowhere */
	char file[FILE_MAX]; /* scratch */
	union {
		struct rec_proc rec;
		char bytes[sizeof(struct rec_proc) + 3 * PATH_MAX + CMDLINE_MAX];
	} out;
};

static void find_unified(char *ret, size_t size)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024], where[256], type[32];

	ret[0] = '\0';
	while (f && !ret[0] && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %255s %31s", where, type) == 2 && !strcmp(type, "cgroup2"))
			snprintf(ret, size, "%s", where);
}

static void reader_init(struct proc_reader *r)
{
	find_unified(r->unified, sizeof(r->unified));
}

/* The file's beginning, NUL-terminated; its length, or negative errno. */
static ssize_t read_at(int dir, const char *name, char *ret, size_t size)
{
	CLEANUP_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	while (n < size - 1 && got > 0) {
		got = read(fd, ret + n, size - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	ret[n] = '\0';
	return got < 0 ? -errno : (ssize_t)n;
}

#define SKIP4 " %*s %*s %*s %*s"

/* stat: "PID (COMM) S PPID …": comm may itself hold blanks and brackets, so the last one counts. */
static int read_stat(struct proc_reader *r, int dir, struct rec_task *task)
{
	const char *open, *close;
	unsigned long long ticks;
	unsigned ppid, cpu;
	size_t n;

	if (read_at(dir, "stat", r->file, sizeof(r->file)) <= 0)
		return -ESRCH;
	open = strchr(r->file, '(');
	close = strrchr(r->file, ')');
	if (!open || !close ||
	    sscanf(close,
		   ") %*c %u %*s" SKIP4 SKIP4 SKIP4 SKIP4 " %llu" SKIP4 SKIP4 SKIP4 SKIP4 " %u",
		   &ppid, &ticks, &cpu) != 3)
		return -EBADMSG;
	n = (size_t)(close - open - 1);
	memcpy(task->comm, open + 1, n < REC_COMM - 1 ? n : REC_COMM - 1);
	task->ppid = ppid;
	task->cpu = cpu;
	task->start = ticks * PROCS_TICK_NS;
	return 0;
}

/* The first number of a line of status, or the last one. */
static uint32_t status_number(const char *status, const char *key, bool last)
{
	const char *line = strstr(status, key), *p;
	unsigned number = 0;

	if (!line)
		return 0;
	p = line + strlen(key);
	if (last)
		for (const char *end = p + strcspn(p, "\n"); p < end; p++)
			if (isspace((unsigned char)*p))
				line = p;
	sscanf(last ? line : p, "%u", &number);
	return number;
}

static int read_status(struct proc_reader *r, int dir, struct rec_task *task)
{
	if (read_at(dir, "status", r->file, sizeof(r->file)) <= 0)
		return -ESRCH;
	task->uid = status_number(r->file, "\nUid:", false);
	task->gid = status_number(r->file, "\nGid:", false);
	task->ns_pid = status_number(r->file, "\nNSpid:", true);
	if (!task->ns_pid)
		task->ns_pid = task->pid;
	task->loginuid = UINT32_MAX;
	if (read_at(dir, "loginuid", r->file, sizeof(r->file)) > 0)
		sscanf(r->file, "%u", &task->loginuid);
	return 0;
}

/* The path in the unified hierarchy, or one in an old hierarchy if only that names a container. */
static struct bytes pick_cgroup(char *file, struct bytes *ret_unified)
{
	struct bytes old = {0};
	char *save = NULL;

	*ret_unified = old;
	for (char *line = strtok_r(file, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *path = strchr(line, ':');

		path = path ? strchr(path + 1, ':') : NULL;
		if (!path)
			continue;
		if (!strncmp(line, "0::", 3))
			*ret_unified = bytes_of(path + 1);
		else if (!old.n && container_id(bytes_of(path + 1)).n)
			old = bytes_of(path + 1);
	}
	return old.n && !container_id(*ret_unified).n ? old : *ret_unified;
}

static uint64_t cgroup_id(const struct proc_reader *r, struct bytes unified)
{
	char path[sizeof(r->unified) + PATH_MAX];
	struct stat st;

	if (!r->unified[0] || !unified.n)
		return 0;
	snprintf(path, sizeof(path), "%s%.*s", r->unified, (int)unified.n, unified.p);
	return stat(path, &st) ? 0 : st.st_ino;
}

static uint16_t put_link(int dir, const char *name, char **at)
{
	ssize_t n = readlinkat(dir, name, *at, PATH_MAX);

	*at += n > 0 ? n : 0;
	return (uint16_t)(n > 0 ? n : 0);
}

static uint16_t put_cgroup(struct proc_reader *r, int dir, char **at)
{
	struct bytes unified, path;

	if (read_at(dir, "cgroup", r->file, sizeof(r->file)) <= 0)
		return 0;
	path = pick_cgroup(r->file, &unified);
	r->out.rec.task.cgroup = cgroup_id(r, unified);
	if (path.n > PATH_MAX)
		path.n = PATH_MAX;
	if (path.n)
		memcpy(*at, path.p, path.n);
	*at += path.n;
	return (uint16_t)path.n;
}

static uint32_t put_cmdline(int dir, struct rec_proc *rec, char *at)
{
	char file[CMDLINE_MAX + 2];
	ssize_t n = read_at(dir, "cmdline", file, sizeof(file));

	if (n <= 0)
		return 0;
	if (n > CMDLINE_MAX) {
		n = CMDLINE_MAX;
		rec->rec.flags |= REC_F_TRUNCATED;
	}
	memcpy(at, file, (size_t)n);
	return (uint32_t)n;
}

/* -ESRCH when it is gone, or went meanwhile. */
static int read_process(struct proc_reader *r, uint32_t pid)
{
	struct rec_proc *rec = &r->out.rec;
	char *at = rec->data, path[32];
	CLEANUP_CLOSE int dir = -1;
	int ret;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -ESRCH;
	*rec = (struct rec_proc){
		.rec = {.kind = REC_PROC, .time = clock_boot_ns()},
		.task = {.pid = pid, .tid = pid},
	};
	ret = read_stat(r, dir, &rec->task);
	if (!ret)
		ret = read_status(r, dir, &rec->task);
	if (ret)
		return ret;
	rec->exe_len = put_link(dir, "exe", &at);
	rec->cwd_len = put_link(dir, "cwd", &at);
	rec->cgroup_len = put_cgroup(r, dir, &at);
	rec->cmdline_len = put_cmdline(dir, rec, at);
	rec->rec.len = (uint32_t)(at + rec->cmdline_len - r->out.bytes);
	return 0;
}

int processes_one(pid_t pid, source_fn fn, void *arg)
{
	CLEANUP_FREE struct proc_reader *r = malloc(sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	reader_init(r);
	ret = read_process(r, (uint32_t)pid);
	return ret < 0 ? ret : fn(&r->out.rec.rec, arg);
}

int processes_all(source_fn fn, void *arg)
{
	CLEANUP_FREE struct proc_reader *r = malloc(sizeof(*r));
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	uint32_t pid;
	int ret = 0;

	if (!r || !proc) {
		ret = r ? -errno : -ENOMEM;
		if (proc)
			closedir(proc);
		return ret;
	}
	reader_init(r);
	while (ret >= 0 && (entry = readdir(proc)))
		if (!parse_u32(entry->d_name, &pid) && !read_process(r, pid))
			ret = fn(&r->out.rec.rec, arg);
	closedir(proc);
	return ret < 0 ? ret : 0;
}
