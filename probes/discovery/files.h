/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the discovery thread knows of files: those it has looked at, so that each is inspected once,
 * and those it is attached to. One thread.
 *
 * A file is known by device, inode, size and time of modification. On overlayfs every mount has a
 * device of its own over the same inode, and a probe sits on the inode below: there, the same inode
 * number, size and build id mean the same file, and it is attached once.
 *
 * With discovery_config.by_process a file that wants return probes has no hooks itself, but each
 * process that maps it does: one entry more for each, let go of when the process is gone.
 */
#include "probes/discovery/discovery.h"
#include "probes/discovery/target.h"

struct discovery_files;

/* cfg is borrowed. */
int discovery_files_new(const struct discovery_config *cfg, struct discovery_files **ret,
			struct err *err);
/* Detaches everything. NULL is fine. */
void discovery_files_free(struct discovery_files *f);

/* A path that the user named for probe number `index` of the configuration. Negative with text when
 * it cannot be opened, is no target, or could not be attached. */
int discovery_files_named(struct discovery_files *f, unsigned index, const char *path,
			  struct err *err);
/* A file is mapped: inspects it if it is new and attaches what probes want in it. True when hooks
 * were attached. */
bool discovery_files_mapped(struct discovery_files *f, const struct target_mapping *mapping);
/* Looks at every mapping of every process, then lets go of files that were deleted and that no
 * process maps any more, and of processes that have gone. */
int discovery_files_scan(struct discovery_files *f, struct err *err);
/* Is there a probe for which every target so far failed? Its first error then. */
int discovery_files_verdict(const struct discovery_files *f, struct err *err);
