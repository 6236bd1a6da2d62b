/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands typed into interactive zsh, each with its status. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "capture/layout.h"
#include "kern/zsh.h"
#include "kern/zsh.skel.h"
#include "probes/elf/file.h"
#include "probes/load.h"
#include "probes/shell.h"

struct zsh_ctx {
	struct bpf_object *obj;
};

/* The return comes before the entry, so that no line is begun whose return is not seen. */
static const struct probe_hook zsh_hooks[] = {
	{"zleentry", "zsh_read_ret", .ret = true},
	{"zleentry", "zsh_read"},
	{"preprompt", "zsh_prompt"},
	{"hend", "zsh_parsed"},
	/* only when scripts are wanted */
	{"execstring", "zsh_script", .optional = true},
	{"source", "zsh_source_ret", .ret = true, .optional = true},
	{"shingetline", "zsh_line_ret", .ret = true, .optional = true},
	{"loop", "zsh_loop", .optional = true},
	{NULL},
};

static int zsh_initialize(void *ctx, const void *cfg, const struct probe_env *env, struct err *err)
{
	struct zsh_ctx *zsh = ctx;
	size_t n;
	const void *elf = zsh_bpf__elf_bytes(&n);
	int ret = load_open("zsh", elf, n, &zsh->obj, err);

	return ret ? ret : load_object(zsh->obj, env, err);
}

static void zsh_close(void *ctx)
{
	struct zsh_ctx *zsh = ctx;

	bpf_object__close(zsh->obj);
	zsh->obj = NULL;
}

static struct bpf_object *zsh_object(void *ctx)
{
	return ((struct zsh_ctx *)ctx)->obj;
}

static int zsh_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
		       struct err *err)
{
	struct zsh_params params = {0};
	const struct shell_symbol wanted[] = {
		{"zleentry", (uint64_t *)&params.zleentry}, /* only zsh has that */
		{"preprompt", (uint64_t *)&params.preprompt},
		{"hend", (uint64_t *)&params.hend},
		{"lastval", (uint64_t *)&params.lastval},
		{"chline", (uint64_t *)&params.chline},
		{"hptr", (uint64_t *)&params.hptr},
		{"histdone", (uint64_t *)&params.histdone},
		{"loop", (uint64_t *)&params.loop},
		{"sourcelevel", (uint64_t *)&params.sourcelevel},
	};
	const char *missing = shell_find_symbols(elf, wanted, sizeof(wanted) / sizeof(wanted[0]));
	struct elf_symbol symbol;
	int ret = 0;

	if (!params.zleentry)
		return 0;
	if (missing)
		return errf(err, -EOPNOTSUPP, "zsh: '%s' has no symbol '%s'", elf_file_path(elf),
			    missing);
	for (uint16_t i = 0; zsh_hooks[i].symbol && !ret; i++) {
		if (zsh_hooks[i].optional && !shell_wants_scripts(cfg))
			continue;
		if (elf_file_symbol(elf, zsh_hooks[i].symbol, &symbol) || !symbol.function)
			continue;
		ret = probe_plan_add(plan, i, symbol.offset, NULL, err);
	}
	probe_plan_set_params(plan, &params, sizeof(params));
	return ret;
}

static const char *const zsh_programs[] = {"/usr/bin/zsh*", "/usr/local/bin/zsh*", NULL};

static int zsh_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "zsh", ret);
}

const struct probe_ops probe_zsh = {
	.name = "zsh",
	.summary = "commands typed into interactive zsh, with exit status and duration",
	.kinds = 1u << EVENT_LINE,
	.needs = "zsh 5.0 or later that exports its symbols (for its modules, every one does)",
	.options = shell_options,
	.cfg_size = sizeof(struct shell_cfg),
	.ctx_size = sizeof(struct zsh_ctx),
	.hooks = zsh_hooks,
	.check = shell_check,
	.initialize = zsh_initialize,
	.close = zsh_close,
	.object = zsh_object,
	.inspect = zsh_inspect,
	.paths = shell_paths,
	.programs = zsh_programs,
	.decode = zsh_decode,
};
