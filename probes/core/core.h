/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The core's kernel half (kern/core.bpf.c): the ring, the counters, the filters, and the programs
 * that follow processes. Always loaded first; its maps are shared with every probe's object.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"

struct bpf_object;
struct core;

/* As given on the command line; a value that starts with `!` excludes. See kern/events.h for how
 * the dimensions combine. */
struct core_filters {
	struct opt_list pid, tree, uid, comm, cgroup, container;
	pid_t command; /* root of the tree of a COMMAND, 0 = none */
};

struct core_config {
	uint32_t ring_size;  /* bytes, power of two multiple of the page size */
	uint16_t exec_probe; /* number of probe exec when it is selected, else 0: stamped on FORK,
				EXEC, EXIT, and a reason to record whole argument blocks
				(else the first 16 KiB) */
	const struct core_filters *filters; /* copied; its lists are borrowed until core_free() */
};

/* Checks, loads, fills the filters, marks this process as `self`, and takes note of its connections
 * from here on: sinks are opened later. Attaches nothing that records.
 * -EINVAL a filter value makes no sense (exit status 2); -EPERM, -ENOSYS, -EOPNOTSUPP privilege or
 * kernel missing (3); the text says which. */
int core_new(const struct core_config *cfg, struct core **ret, struct err *err);
/* Attaches the process programs; from here on records flow. Then completes the trees of --tree with
 * the descendants that exist. */
int core_start(struct core *core, struct err *err);
/* Detaches them, and counts what the kernel left them out of (KC_MISSED): before the counters are
 * read for the last time. */
void core_stop(struct core *core);
void core_free(struct core *core);

struct bpf_object *core_object(struct core *core);
int core_ring_fd(const struct core *core);
int core_ctl_fd(const struct core *core);
int core_counters_fd(const struct core *core);
uint32_t core_ring_size(const struct core *core);

/* What this machine offers, one row each, for `penstock check`: feature by feature, tried, not
 * guessed from a version. status: 0 there, 1 missing but not needed, negative errno missing and
 * needed. */
struct core_feature {
	const char *name;
	int status;
	char detail[160];
};
enum {
	CORE_FEATURES_MAX = 24
};
unsigned core_features(struct core_feature ret[CORE_FEATURES_MAX]);
