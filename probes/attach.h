/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The attacher of this process (probes/attacher.h): uprobes in every process that maps the file.
 * Through uprobe_multi links where the kernel has them (a millisecond to attach, and many detach at
 * once), else through perf events (which take turns, a tenth of a second each). Used by one thread
 * at a time.
 */
#include <linux/bpf.h>
#include <sys/types.h>

#include "capture/base/err.h"
#include "capture/probe.h"
#include "probes/attacher.h"

/* One hook, attached without an attacher: a descriptor, which detaches when it is closed, or
 * negative errno. attach_multi() takes a program that was loaded for such links; at the place of
 * attach_event() no program runs. */
struct attach_place {
	const char *path;
	uint64_t offset, cookie;
	pid_t pid; /* 0 = in every process */
	bool ret;
};

/* BPF_TRACE_UPROBE_MULTI: newer than the oldest kernel headers that we build with. */
#define ATTACH_MULTI ((enum bpf_attach_type)48)

int attach_multi(int program, const struct attach_place *place);
int attach_event(const struct attach_place *place);

struct attach_probe {
	uint16_t number;
	const struct probe_hook *hooks; /* borrowed, like the object, until attach_free() */
	struct bpf_object *object;      /* loaded */
};

/* To be called on an opened object before it is loaded: a program is made for one kind of link or
 * the other. One that was not prepared is attached through a perf event. */
void attach_prepare(struct bpf_object *object);

/* -ENOENT with text when an object lacks a program that its hooks name. */
int attach_new(const struct attach_probe *probes, unsigned n, struct attacher **ret,
	       struct err *err);
/* Detaches everything. NULL is fine. */
void attach_free(struct attacher *a);
