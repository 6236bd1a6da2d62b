/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The attacher of this process (capture/attacher.h): uprobes through libbpf, in every process that
 * maps the file. Used by one thread at a time.
 */
#include "capture/attacher.h"
#include "capture/base/err.h"
#include "capture/probe.h"

struct attach_probe {
	uint16_t number;
	const struct probe_hook *hooks; /* borrowed, like the object, until attach_free() */
	struct bpf_object *object;      /* loaded */
};

/* -ENOENT with text when an object lacks a program that its hooks name. */
int attach_new(const struct attach_probe *probes, unsigned n, struct attacher **ret,
	       struct err *err);
/* Detaches everything. NULL is fine. */
void attach_free(struct attacher *a);
