/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the probes of shells have in common: their options, and how their files are searched. */
#include <stdbool.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"
#include "capture/probe.h"

struct shell_cfg {
	struct opt_list path;
	int commands; /* enum shell_commands */
};

enum shell_commands {
	SHELL_TYPED,
	SHELL_SCRIPTS
};

extern const struct opt shell_options[];

/* A symbol whose address the programs need, and where it goes: a __u64 of their parameters. Where
 * one of the hooks is attached to it, the address is that of the hook. */
struct shell_symbol {
	const char *name;
	size_t offset;
	bool optional;
};

/* A shell, as it is found in its binary. */
struct shell_kind {
	const char *name;
	const struct shell_symbol *symbols; /* up to one without a name */
	unsigned telling;                   /* a file that lacks one of the first is not it */
	const struct probe_hook *hooks;
	unsigned typed; /* so many of the hooks are for what is typed, the others for scripts */
	/* May be NULL: is that hook not needed in that file? */
	bool (*leaves_out)(const struct elf_file *elf, const struct probe_hook *hook);
};

struct shell_ctx {
	struct bpf_object *obj;
};

/* What probe_ops.initialize and .inspect consist of; the object's bytes are the skeleton's. */
int shell_load(struct shell_ctx *shell, const char *name, const void *elf, size_t n,
	       const struct probe_env *env, struct err *err);
int shell_inspect(const struct shell_kind *kind, const void *cfg, const struct elf_file *elf,
		  struct probe_plan *plan, struct err *err);

/* probe_ops.check, .close, .object and .paths; ctx is a struct shell_ctx. */
int shell_check(const void *cfg, struct err *err);
void shell_close(void *ctx);
struct bpf_object *shell_object(void *ctx);
const struct opt_list *shell_paths(const void *cfg);
