/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Which files do running programs execute? Executable file mappings of /proc/PID/maps, and how to
 * open the mapped file itself, whatever the process's mount namespace says and even when it was
 * deleted.
 */
#include <stdint.h>
#include <sys/types.h>

#include "capture/base/err.h"

/* One executable mapping of a file. dev and ino are as in /proc/PID/maps and in perf's MMAP2
 * records: on overlayfs and btrfs that is not what stat() says. */
struct target_mapping {
	pid_t pid;
	uint64_t lo, hi; /* address range; hi 0 = not known to be one mapping still */
	uint32_t major, minor;
	uint64_t ino;
	uint64_t generation; /* of the inode, 0 = not known */
	const char *path;    /* in the process's own root; borrowed for the call */
};

/* 0, or negative to stop. */
typedef int (*target_fn)(const struct target_mapping *mapping, void *arg);

/* Every executable file mapping of every process, or of one. Processes that vanish meanwhile are
 * passed over. Returns what fn returned when that is negative. */
int target_scan(target_fn fn, void *arg);
int target_scan_process(pid_t pid, target_fn fn, void *arg);

/* Has any thread of a process a seccomp filter (or the strict mode)? 1, 0; -ENOENT when the process
 * has gone. */
int target_filtered(pid_t pid);

/* Opens the mapped file for reading. Returns the descriptor; negative errno with text. -ENOENT when
 * the process or the mapping has gone and the path leads to no such file in our own root either. */
int target_open(const struct target_mapping *mapping, struct err *err);
