/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/discovery/target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/parse.h"

/* "lo-hi r-xp offset maj:min ino   path"; false for what is not executable or no file. */
static bool mapping_parse(char *line, pid_t pid, struct target_mapping *ret)
{
	unsigned long long lo, hi, ino;
	unsigned major, minor;
	int path = 0;

	if (sscanf(line, "%llx-%llx %*2c%*[x]%*c %*x %x:%x %llu %n", &lo, &hi, &major, &minor, &ino,
		   &path) != 5 ||
	    !path || !ino || line[path] != '/')
		return false;
	line[path + (int)strcspn(line + path, "\n")] = '\0';
	*ret = (struct target_mapping){pid, lo, hi, major, minor, ino, 0, line + path};
	return true;
}

int target_scan_process(pid_t pid, target_fn fn, void *arg)
{
	CLEANUP_FCLOSE FILE *f = NULL;
	CLEANUP_FREE char *line = NULL;
	struct target_mapping mapping;
	char path[32];
	size_t size = 0;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	while (f && r >= 0 && getline(&line, &size, f) > 0)
		if (mapping_parse(line, pid, &mapping))
			r = fn(&mapping, arg);
	return r < 0 ? r : 0;
}

int target_scan(target_fn fn, void *arg)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	uint32_t pid;
	int r = 0;

	if (!proc)
		return -errno;
	while (r >= 0 && (entry = readdir(proc)))
		if (!parse_u32(entry->d_name, &pid))
			r = target_scan_process((pid_t)pid, fn, arg);
	closedir(proc);
	return r;
}

/* A thread that has gone has no filter. */
static bool thread_filtered(pid_t pid, const char *tid)
{
	CLEANUP_FCLOSE FILE *f = NULL;
	char path[64], line[256];
	int mode = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", pid, tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Seccomp: %d", &mode) == 1)
			break;
	return mode > 0;
}

int target_filtered(pid_t pid)
{
	bool filtered = false;
	struct dirent *entry;
	char path[32];
	uint32_t tid;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	while (!filtered && (entry = readdir(tasks)))
		filtered = !parse_u32(entry->d_name, &tid) && thread_filtered(pid, entry->d_name);
	closedir(tasks);
	return filtered;
}

/* Opens path if it is a regular file, and no device whose driver would take notice. */
static int file_open_regular(const char *path, struct stat *ret)
{
	int fd;

	if (stat(path, ret))
		return -errno;
	if (!S_ISREG(ret->st_mode))
		return -ENOEXEC;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, ret) && S_ISREG(ret->st_mode))
		return fd;
	close(fd);
	return -ENOEXEC;
}

/* By a path that may lead to another file by now. */
static int mapping_open_by_path(const struct target_mapping *m, const char *root)
{
	char path[PATH_MAX + 32];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s%s", root, m->path);
	fd = file_open_regular(path, &st);
	if (fd < 0 || st.st_ino == m->ino)
		return fd;
	close(fd);
	return -ENOENT;
}

int target_open(const struct target_mapping *m, struct err *err)
{
	char path[80];
	struct stat st;
	int fd, first;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", m->pid,
		 (unsigned long long)m->lo, (unsigned long long)m->hi);
	first = fd = file_open_regular(path, &st);
	if (fd == -ENOEXEC)
		return errf(err, fd, "'%s' is no regular file", m->path);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/root", m->pid);
		fd = mapping_open_by_path(m, path);
	}
	/* The process has gone, but its file may still be there for the next one. */
	if (fd < 0)
		fd = mapping_open_by_path(m, "");
	if (fd >= 0)
		return fd;
	return errf(err, first, "cannot open '%s' of process %d: %s", m->path, m->pid,
		    strerror(-first));
}
