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

/* A symbol and where its address goes. */
struct shell_symbol {
	const char *name;
	uint64_t *address;
};

/* probe_ops.check and .paths. */
int shell_check(const void *cfg, struct err *err);
const struct opt_list *shell_paths(const void *cfg);

/* Are texts wanted that nobody typed? cfg may be NULL. */
bool shell_wants_scripts(const void *cfg);
/* The first of n symbols that the file lacks; NULL = it has them all, and their addresses are set.
 */
const char *shell_find_symbols(const struct elf_file *elf, const struct shell_symbol *v,
			       unsigned n);
