/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a probe is. User space half: find targets, load the kernel half, name the places to attach,
 * decode its records. Life cycle:
 *
 *   check  (any time, no privileges needed to ask)
 *   initialize → start → stop → close      close() accepts a ctx that any of these left half-built
 *
 * decode() belongs to none of it: replay and the fuzzer call it without any of the above.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/assemble.h"
#include "capture/base/err.h"
#include "capture/base/opt.h"
#include "capture/event.h"

struct rec;
struct bpf_object;
struct elf_file; /* probes/elf/file.h */

/* A place in a target's code and the kernel program that goes there. */
struct probe_hook {
	const char *symbol;  /* "readline": how reports and plans call it */
	const char *program; /* its BPF program */
	bool ret;            /* on return */
	bool optional;       /* the target works without it; otherwise a failure is an error */
};

enum {
	PROBE_PLAN_MAX = 48,
	PROBE_PARAMS_MAX = 256
};

/* What a probe wants in one ELF file: filled by inspect(), by means of the functions below. */
struct probe_plan {
	unsigned n;
	struct {
		uint16_t hook;   /* index in probe_ops.hooks */
		uint64_t offset; /* file offset */
		char note[96];   /* for the report, may be empty */
	} v[PROBE_PLAN_MAX];
	/* Facts of this file for the kernel program: stored in the probe's map `targets` under the
	 * attach cookie of every hook of this plan. */
	uint8_t params[PROBE_PARAMS_MAX];
	size_t params_len;
};

/* Another place: hooks[hook] of the probe goes to `offset` in the file. note, for the report, may
 * be NULL. -E2BIG with text when the plan is full; then nothing is added. */
int probe_plan_add(struct probe_plan *plan, uint16_t hook, uint64_t offset, const char *note,
		   struct err *err);
/* The facts; n is at most PROBE_PARAMS_MAX. */
void probe_plan_set_params(struct probe_plan *plan, const void *params, size_t n);

/* What initialize() gets; borrowed until close(). */
struct probe_env {
	struct bpf_object *core; /* loaded: owner of the shared maps (probes/load.h uses it) */
	uint16_t number;         /* of this probe in probes.def */
	uint32_t max_payload;    /* bytes of one call or statement that are kept, 0 = all */
};

struct probe_ops {
	const char *name;
	const char *summary;        /* one line for help */
	const char *const *aliases; /* NULL-terminated, may be NULL */
	uint32_t kinds;             /* 1 << EVENT_… that it emits */
	const char *needs;          /* prose for `probes`: "bash with symbol readline" */
	const struct opt *options;  /* NULL = none */
	size_t cfg_size, ctx_size;
	const struct probe_hook *hooks; /* ends with symbol NULL; NULL = no user-space hooks */

	/* Can it run here? 0, or negative errno with the reason. */
	int (*check)(const void *cfg, struct err *err);
	/* Opens and loads the kernel half (NULL = the core's programs are all it needs). */
	int (*initialize)(void *ctx, const void *cfg, const struct probe_env *env, struct err *err);
	/* Attaches what is not attached through plans. NULL = nothing. */
	int (*start)(void *ctx, struct err *err);
	/* Detaches what start() attached. NULL = nothing. */
	void (*stop)(void *ctx);
	void (*close)(void *ctx);
	/* The loaded object whose programs hooks[] names; NULL when hooks is NULL. */
	struct bpf_object *(*object)(void *ctx);
	/* Is this ELF file a target, and where? plan is zeroed. 0 with nothing added to it: no
	 * target. Negative with text: it is one, but cannot be used. Called by the discovery
	 * thread, once per file; cfg is read only. */
	int (*inspect)(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
		       struct err *err);
	/* Paths that the user named as targets in cfg (inspected even if no process maps them; one
	 * that is no target is an error). NULL = none. */
	const struct opt_list *(*paths)(const void *cfg);
	/* How the file names of shared libraries begin that are worth a look though no process maps
	 * them yet ("libssl.so."): those that the loader knows. NULL = none. */
	const char *library;
	/* Where programs that are targets usually lie (patterns of glob(7), ends with NULL): worth
	 * a look though nobody runs them yet, so that their first moments are recorded, too. NULL =
	 * nowhere. */
	const char *const *programs;

	/* Pure: no allocation, clock, I/O or ctx. Takes a record of this probe, checks every length
	 * in it, fills ret and returns 0; -EMSGSIZE short, -EBADMSG contradictory, -ENOTSUP unknown
	 * kind. See assemble.h. */
	int (*decode)(const struct rec *rec, struct part *ret);
};

/* The registry: generated from probes/probes.def. */
struct probe_entry {
	uint16_t number; /* stored in recordings */
	const struct probe_ops *ops;
};
extern const struct probe_entry probe_registry[];
extern const unsigned probe_registry_n;
const struct probe_ops *probe_by_name(const char *name); /* or alias; NULL = none */
const struct probe_ops *probe_by_number(uint16_t number);
uint16_t probe_number(const struct probe_ops *ops);
