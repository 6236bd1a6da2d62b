/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The process table: what the core's records and /proc told, so that an event names its process
 * even when that has gone. Bounded; processes that ended are kept for a while and make room first.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/event.h"
#include "capture/layout.h"

/*
 * Identity of a process: its pid and when it started. Kernel programs give the start in
 * nanoseconds; /proc gives it in ticks of PROCS_TICK_NS, rounded down, which is what is known of
 * processes that were there before us.
 */
enum {
	PROCS_TICK_NS = 10000000, /* USER_HZ is 100 on every machine that we are built for */
};

/* Do these starts of one pid mean one process? Both may be in ticks or not. */
bool procs_same_start(uint64_t a_ns, uint64_t b_ns);

enum {
	/* Of proc.seen, behind those of the outputs: a number for whoever fills the table. It is 0
	 * for a new image, as they are. */
	PROCS_MARK = 16,
};

struct procs;

/* NULL when there is no memory. */
struct procs *procs_new(void);
void procs_free(struct procs *p);

/* Takes what a PROC, FORK, EXEC or EXIT record says. */
void procs_update(struct procs *p, const struct rec *rec, const struct layout_proc *proc);
void procs_cgroup(struct procs *p, uint64_t id, struct bytes path);

/*
 * The process of a task, with its ancestors linked; made from the task alone when it is not known
 * (*ret_known = false: it has no exe, no arguments). Never NULL. offset_ns is added to boot times
 * to get Unix times. Valid until the next procs_update().
 */
const struct proc *procs_find(struct procs *p, const struct rec_task *task, int64_t offset_ns,
			      bool *ret_known);

/* The process of that pid if it is known and started then (0 = whenever it did), without its
 * ancestors; NULL otherwise. */
const struct proc *procs_peek(const struct procs *p, uint32_t pid, uint64_t start_boot_ns);

/* Each process that is known and has not ended, without its ancestors, and each cgroup; stops at
 * what is negative, and returns that. What they are handed is valid for the call. */
typedef int (*procs_fn)(const struct proc *proc, void *arg);
int procs_each(const struct procs *p, procs_fn fn, void *arg);
typedef int (*procs_cgroup_fn)(uint64_t id, struct bytes path, void *arg);
int procs_each_cgroup(const struct procs *p, procs_cgroup_fn fn, void *arg);
/* The PROC records of what is known come again, and count once more: what they say otherwise has
 * changed unseen. Where they say the same, the image is still the same. */
void procs_renew(struct procs *p);
