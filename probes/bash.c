/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands typed into interactive bash: each with its status, from any binary that has bash's own
 * reader. */
#include <stddef.h>
#include <string.h>

#include "capture/layout.h"
#include "kern/bash.h"
#include "kern/bash.skel.h"
#include "probes/elf/place.h"
#include "probes/shell.h"

static const struct shell_symbol bash_symbols[] = {
	/* only bash has both; others that use readline() are no targets */
	{"current_readline_prompt", offsetof(struct bash_params, current_readline_prompt)},
	{"last_command_exit_value", offsetof(struct bash_params, last_command_exit_value)},
	{"readline", offsetof(struct bash_params, readline)},
	{"readline_internal_teardown", offsetof(struct bash_params, readline_internal_teardown),
	 .optional = true},
	{"history_expand", offsetof(struct bash_params, history_expand), .optional = true},
	{"rl_line_buffer", offsetof(struct bash_params, rl_line_buffer)},
	{"executing_builtin", offsetof(struct bash_params, executing_builtin)},
	{"parse_and_execute", offsetof(struct bash_params, parse_and_execute)},
	{"current_command_line_count", offsetof(struct bash_params, current_command_line_count)},
	{"sourcelevel", offsetof(struct bash_params, sourcelevel)},
	{NULL},
};

/* In the order in which they are attached: the return of a function comes before its entry, so that
 * nothing is begun whose return is not seen. */
static const struct probe_hook bash_hooks[] = {
	{"readline_internal_teardown", "bash_line", .optional = true}, /* one of them: */
	{"readline", "bash_readline_ret", .ret = true},                /* bash_leaves_out() */
	{"readline", "bash_readline"},
	{"history_expand", "bash_expand_ret", .ret = true, .optional = true},
	{"history_expand", "bash_expand", .optional = true},
	/* for scripts */
	{"source_file", "bash_source_ret", .ret = true},
	{"maybe_execute_file", "bash_startup_ret", .ret = true},
	{"source_file", "bash_source"},
	{"parse_and_execute", "bash_script"},
	{NULL},
};

/* Of the two places where a line is read, the end of readline() is the better one: it is no return,
 * and a shell need not have been seen before. But a compiler may have left it without a caller. */
static bool bash_leaves_out(const struct elf_file *elf, const struct probe_hook *hook)
{
	struct elf_symbol readline, end;
	bool called = !elf_file_symbol(elf, "readline", &readline) &&
		      !elf_file_symbol(elf, "readline_internal_teardown", &end) &&
		      place_calls(elf, &readline, end.address);

	return !strcmp(hook->program, called ? "bash_readline_ret" : "bash_line");
}

static const struct shell_kind bash_kind = {
	.name = "bash",
	.symbols = bash_symbols,
	.telling = 2,
	.hooks = bash_hooks,
	.typed = 5,
	.leaves_out = bash_leaves_out,
};

static int bash_initialize(void *ctx, const void *cfg, const struct probe_env *env, struct err *err)
{
	size_t n;
	const void *elf = bash_bpf__elf_bytes(&n);

	return shell_load(ctx, "bash", elf, n, env, err);
}

static int bash_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			struct err *err)
{
	return shell_inspect(&bash_kind, cfg, elf, plan, err);
}

static int bash_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "bash", ret);
}

const struct probe_ops probe_bash = {
	.name = "bash",
	.summary = "commands typed into interactive bash, with exit status and duration",
	.kinds = 1u << EVENT_LINE,
	.needs = "bash with its own readline (Debian, Ubuntu, Fedora, RHEL)",
	.options = shell_options,
	.cfg_size = sizeof(struct shell_cfg),
	.ctx_size = sizeof(struct shell_ctx),
	.hooks = bash_hooks,
	.check = shell_check,
	.initialize = bash_initialize,
	.close = shell_close,
	.object = shell_object,
	.inspect = bash_inspect,
	.paths = shell_paths,
	.decode = bash_decode,
};
