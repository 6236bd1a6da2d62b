/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Builds the records that stand for the machine's state: who records (RUN), the clocks (CLOCK), the
 * processes that were there before us (PROC), a hook that was attached (ATTACH). The only place,
 * with source_live.c, that reads clocks, /proc and random numbers.
 *
 * Identity of a process: pid and start time. Kernel programs give the start in nanoseconds; /proc
 * gives it in clock ticks of CONTEXT_TICK_NS, rounded down, and a PROC record carries that. The two
 * name the same process when the pids are equal and start / CONTEXT_TICK_NS is.
 */
#include <stdint.h>
#include <sys/types.h>

#include "capture/event.h"
#include "capture/source.h"
#include "kern/events.h"

enum {
	CONTEXT_TICK_NS = 10000000,
};

uint64_t context_boot_ns(void);
/* Reads both clocks as close together as it can (best of several tries). */
void context_clock(struct rec_clock *ret);

/* What a machine is called in recordings: a fixed text encrypted with the 128-bit machine id as the
 * key (Speck128/128). Equal on every run, and leads back to the machine id only by breaking the
 * cipher or by guessing the id. A machine without an id is all zeroes. */
void context_host_id(const uint8_t machine_id[16], uint8_t ret[16]);

/* Hands one RUN record to fn. probes: bit n = probe number n; argv: the command line of this run.
 */
int context_run(const uint64_t probes[4], char *const argv[], source_fn fn, void *arg);
/* Hands a PROC record to fn for every process of /proc, kernel threads included (threads are not
 * processes); those that vanish meanwhile are left out. The cgroup is that of the unified
 * hierarchy, unless only a path of the old ones names a container; its id is the unified one's.
 * Returns what fn returned when that is negative. */
int context_processes(source_fn fn, void *arg);
/* The same for one process: -ESRCH when it is gone. */
int context_process(pid_t pid, source_fn fn, void *arg);
int context_attach(uint16_t probe, const struct event_attach *report, source_fn fn, void *arg);

/* Container id and pod uid in a cgroup path (docker, containerd, cri-o, podman, cgroupfs and
 * systemd drivers), pointing into path; none when there is none. Pure. The systemd driver writes
 * the `-` of a pod uid as `_`. */
struct bytes context_container(struct bytes cgroup_path);
struct bytes context_pod(struct bytes cgroup_path);
