/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The discovery thread: finds the ELF files that running programs execute (all of /proc at start,
 * then whatever is mapped later, by perf's MMAP2 records), asks each probe once per file whether it
 * is a target, and attaches. Files are opened through /proc/PID/map_files, so other mount
 * namespaces and deleted files are no obstacle. ELF scans and attaching take milliseconds to a
 * second: never on the reader.
 *
 * Limits: CPUs that come online later are not watched. A file with hooks in it stays in use until
 * it is deleted and nobody maps it, so its file system can only be unmounted lazily. A process that
 * is gone before it was looked at is found by its path in our own root, or not at all.
 */
#include "capture/event.h"
#include "capture/probe.h"
#include "probes/attacher.h"

struct discovery;

struct discovery_probe {
	const struct probe_ops *ops;
	uint16_t number;
	const void *cfg;
	void *ctx; /* initialized: ops->object(ctx) is loaded */
};

/* One hook that was attached, or could not be (report->status). Called on the discovery thread. */
typedef void (*discovery_report_fn)(const struct discovery_probe *probe,
				    const struct event_attach *report, void *arg);

struct discovery_config {
	const struct discovery_probe *probes; /* borrowed until discovery_stop() */
	unsigned n;
	discovery_report_fn report;
	void *arg;
	/* Return probes go to one process after the other, and to none with a seccomp filter. What
	 * a process does before it is found is missed then, not only the first time. */
	bool by_process;
};

/* Must it be so? Tries out when a probe has hooks on returns whether they are safe here
 * (probes/seccomp_check.h), and says so in a warning when they are not. */
bool discovery_by_process(const struct discovery_probe *probes, unsigned n);

/* Starts the thread and returns when everything that was there has been looked at and attached (so
 * `ready` can follow). A required hook of a named path (probe_ops.paths), or of a probe for which
 * every target found failed, is an error: nothing stays attached. A probe without any target now is
 * none: it is awaited. */
int discovery_start(const struct discovery_config *cfg, struct discovery **ret, struct err *err);
/* Detaches everything and ends the thread. NULL is fine. */
void discovery_stop(struct discovery *d);

/* For `penstock check --target PATH`: what ops would do with that file, without attaching. */
int discovery_inspect(const struct probe_ops *ops, const void *cfg, const char *path,
		      struct probe_plan *ret, struct err *err);
