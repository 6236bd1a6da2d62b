/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "capture/probe.h"

/*
 * Opens an object from the bytes that its skeleton embeds (<name>_bpf__elf_bytes()). 0 or negative
 * errno; the caller closes it with bpf_object__close().
 */
int load_open(const char *name, const void *elf, size_t n, struct bpf_object **ret,
	      struct err *err);

/* Sets the constant `name` of an opened object; one that the object does not have is left out (0).
 */
int load_rodata(struct bpf_object *obj, const char *name, uint64_t value, struct err *err);

/*
 * Loads an opened object of a probe: every map that the core owns under the same name (ring,
 * counters, ctl, filters …) is shared with it, the constants `probe_number`, `max_payload`,
 * `recorder_pid` and `ring_size` are set where they exist, libbpf's log is captured and its telling
 * line put into err. 0 or negative errno, -EOPNOTSUPP when the kernel refuses it. env->core NULL:
 * the object is the core's.
 */
int load_object(struct bpf_object *obj, const struct probe_env *env, struct err *err);

/* Attaches every program loaded of an object that says itself where it belongs (tracepoints),
 * except those that are not to be attached automatically. The
 * links go to ret_links, at most max; *ret_n of them are the caller's even when it fails. One that
 * comes by way of perf is left out where that cannot be had (no tracefs, perf_event_paranoid). */
struct bpf_link;
int load_attach(struct bpf_object *obj, struct bpf_link **ret_links, unsigned max, unsigned *ret_n,
		struct err *err);

/* Installs the capture of libbpf's messages (once; quiet unless loading fails). Called by
 * core_new(). */
void load_quiet_libbpf(void);

/* The names of those capabilities that loading needs and this process has not ("CAP_BPF,
 * CAP_PERFMON"), in ret; returns how many. */
unsigned load_missing_caps(char *ret, size_t size);
