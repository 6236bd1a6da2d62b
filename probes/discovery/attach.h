/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One probe on its way into files: its slots in the map `targets`, the hooks of a plan, and the
 * report of each.
 */
#include <sys/types.h>

#include "probes/attach.h"
#include "probes/discovery/discovery.h"

/* A probe of the configuration and where it stands. */
struct discovery_slots {
	const struct discovery_probe *probe; /* borrowed */
	int map_fd;                          /* `targets`, -1 = it has none */
	size_t value_size;
	uint8_t *value; /* scratch of that size */
	bool *used;     /* by slot: the cookie of hooks, and the key in the map */
	uint32_t n;
	unsigned found, attached; /* targets so far */
	int code;                 /* first failure, with its text */
	struct err err;
};

/* A probe in one file. */
struct discovery_hooks {
	uint32_t slot;
	unsigned n;      /* 0 = not attached */
	bool by_process; /* each process that maps the file has hooks of its own instead */
	int32_t links[PROBE_PLAN_MAX];
};

struct discovery_place {
	int fd;
	const char *path; /* as the process sees it */
	pid_t pid;        /* 0 = named by the user */
	bool only;        /* for that process alone */
};

/* slots->probe is set. slots is freed by discovery_slots_done() even if this fails. */
int discovery_slots_init(struct discovery_slots *slots, struct err *err);
void discovery_slots_done(struct discovery_slots *slots);

/* What the report is made for. */
struct discovery_reporter {
	struct attacher *attacher;
	discovery_report_fn fn;
	void *arg;
};

/* Attaches a plan with n > 0 and reports each hook. A required hook that fails takes the others
 * with it; its error is returned, and kept in slots if it is the first. -ESRCH without a word when
 * the only process that it is for has gone. */
int discovery_attach(const struct discovery_reporter *r, struct discovery_slots *slots,
		     const struct discovery_place *place, const struct probe_plan *plan,
		     struct discovery_hooks *ret);
/* A file that is a target but cannot be used: reported, and kept as a failure. */
void discovery_attach_refused(const struct discovery_reporter *r, struct discovery_slots *slots,
			      const struct discovery_place *place, int code, const struct err *err);
/* A process that this kernel would kill by what the plan attaches: reported, but no failure. */
void discovery_attach_spared(const struct discovery_reporter *r,
			     const struct discovery_probe *probe,
			     const struct discovery_place *place);
void discovery_detach(const struct discovery_reporter *r, struct discovery_slots *slots,
		      struct discovery_hooks *hooks);
