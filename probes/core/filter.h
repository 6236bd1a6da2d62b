/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The filters of the command line, as entries of the kernel's filter maps.
 */
#include "probes/core/core.h"

/* Do the values make sense here (numbers, names, living processes, existing cgroups)? Needs no
 * privileges. -EINVAL with text. */
int core_filter_check(const struct core_filters *filters, struct err *err);
/* Writes them into the maps of the loaded core, and which dimensions are in use into its `ctl`. */
int core_filter_apply(const struct core_filters *filters, const struct bpf_object *core,
		      struct err *err);
/* What existed before the core's programs were attached and could follow it themselves: descendants
 * of the trees' roots, containers that run already. */
int core_filter_complete(const struct core_filters *filters, const struct bpf_object *core,
			 struct err *err);
/* Mount point of the unified cgroup hierarchy; -ENOENT. */
int core_filter_cgroup_root(char *ret, size_t size);
