/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands typed into interactive zsh, each with its status. */
#include <stddef.h>

#include "capture/layout.h"
#include "kern/zsh.h"
#include "kern/zsh.skel.h"
#include "probes/shell.h"

static const struct shell_symbol zsh_symbols[] = {
	{"zleentry", offsetof(struct zsh_params, zleentry)}, /* only zsh has that */
	{"preprompt", offsetof(struct zsh_params, preprompt)},
	{"hend", offsetof(struct zsh_params, hend)},
	{"loop", offsetof(struct zsh_params, loop)},
	{"lastval", offsetof(struct zsh_params, lastval)},
	{"chline", offsetof(struct zsh_params, chline)},
	{"hptr", offsetof(struct zsh_params, hptr)},
	{"histdone", offsetof(struct zsh_params, histdone)},
	{"sourcelevel", offsetof(struct zsh_params, sourcelevel)},
	{NULL},
};

/* The return comes before the entry, so that no line is begun whose return is not seen. */
static const struct probe_hook zsh_hooks[] = {
	{"zleentry", "zsh_read_ret", .ret = true},
	{"zleentry", "zsh_read"},
	{"preprompt", "zsh_prompt"},
	{"hend", "zsh_parsed"},
	/* for scripts */
	{"execstring", "zsh_script", .optional = true},
	{"source", "zsh_source_ret", .ret = true, .optional = true},
	{"shingetline", "zsh_line_ret", .ret = true, .optional = true},
	{"loop", "zsh_loop", .optional = true},
	{NULL},
};

static const struct shell_kind zsh_kind = {
	.name = "zsh",
	.symbols = zsh_symbols,
	.telling = 1,
	.hooks = zsh_hooks,
	.typed = 4,
};

static int zsh_initialize(void *ctx, const void *cfg, const struct probe_env *env, struct err *err)
{
	size_t n;
	const void *elf = zsh_bpf__elf_bytes(&n);

	return shell_load(ctx, "zsh", elf, n, env, err);
}

static int zsh_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
		       struct err *err)
{
	return shell_inspect(&zsh_kind, cfg, elf, plan, err);
}

static int zsh_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "zsh", ret);
}

static const char *const zsh_programs[] = {"/usr/bin/zsh*", "/usr/local/bin/zsh*", NULL};

const struct probe_ops probe_zsh = {
	.name = "zsh",
	.summary = "commands typed into interactive zsh, with exit status and duration",
	.kinds = 1u << EVENT_LINE,
	.needs = "zsh 5.0 or later that exports its symbols (for its modules, every one does)",
	.options = shell_options,
	.cfg_size = sizeof(struct shell_cfg),
	.ctx_size = sizeof(struct shell_ctx),
	.hooks = zsh_hooks,
	.check = shell_check,
	.initialize = zsh_initialize,
	.close = shell_close,
	.object = shell_object,
	.inspect = zsh_inspect,
	.paths = shell_paths,
	.programs = zsh_programs,
	.decode = zsh_decode,
};
