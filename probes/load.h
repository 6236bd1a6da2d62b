/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "capture/probe.h"

/*
 * Loads an opened object of a probe: every map that the core owns under the same name (ring, counters,
 * ctl, filters …) is shared with it, rodata `probe_number` and `max_payload` are set where they exist,
 * libbpf's log is captured and its telling line put into err. 0 or negative errno.
 */
int load_object(struct bpf_object *obj, const struct probe_env *env, struct err *err);

/* Installs the capture of libbpf's messages (once; quiet unless loading fails). Called by core_new(). */
void load_quiet_libbpf(void);
