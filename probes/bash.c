/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands typed into interactive bash: each with its status, from any binary that has bash's own
 * reader. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "capture/layout.h"
#include "kern/bash.h"
#include "kern/bash.skel.h"
#include "probes/elf/file.h"
#include "probes/load.h"
#include "probes/shell.h"

struct bash_ctx {
	struct bpf_object *obj;
};

/* In the order in which they are attached: the return of a function comes before its entry, so that
 * no line is begun whose return is not seen. */
static const struct probe_hook bash_hooks[] = {
	{"readline", "bash_readline_ret", .ret = true},
	{"readline", "bash_readline"},
	{"pre_process_line", "bash_expand_ret", .ret = true, .optional = true},
	{"pre_process_line", "bash_expand", .optional = true},
	{"parse_and_execute", "bash_script", .optional = true}, /* when scripts are wanted */
	{NULL},
};

static int bash_initialize(void *ctx, const void *cfg, const struct probe_env *env, struct err *err)
{
	struct bash_ctx *bash = ctx;
	size_t n;
	const void *elf = bash_bpf__elf_bytes(&n);
	int ret = load_open("bash", elf, n, &bash->obj, err);

	return ret ? ret : load_object(bash->obj, env, err);
}

static void bash_close(void *ctx)
{
	struct bash_ctx *bash = ctx;

	bpf_object__close(bash->obj);
	bash->obj = NULL;
}

static struct bpf_object *bash_object(void *ctx)
{
	return ((struct bash_ctx *)ctx)->obj;
}

static int bash_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			struct err *err)
{
	struct bash_params params = {0};
	const struct shell_symbol wanted[] = {
		{"current_readline_prompt", (uint64_t *)&params.current_readline_prompt},
		{"last_command_exit_value", (uint64_t *)&params.last_command_exit_value},
		{"readline", (uint64_t *)&params.readline},
		{"current_command_line_count", (uint64_t *)&params.current_command_line_count},
	};
	const char *missing = shell_find_symbols(elf, wanted, sizeof(wanted) / sizeof(wanted[0]));
	struct elf_symbol symbol;
	int ret = 0;

	if (missing) {
		/* only bash has both variables; others that use readline() are no targets */
		if (!params.last_command_exit_value)
			return 0;
		return errf(err, -EOPNOTSUPP,
			    "bash: '%s' has no '%s' of its own (linked to a shared readline?)",
			    elf_file_path(elf), missing);
	}
	for (uint16_t i = 0; bash_hooks[i].symbol && !ret; i++) {
		if (!strcmp(bash_hooks[i].program, "bash_script") && !shell_wants_scripts(cfg))
			continue;
		if (elf_file_symbol(elf, bash_hooks[i].symbol, &symbol) || !symbol.function)
			continue;
		if (!strcmp(bash_hooks[i].symbol, "pre_process_line"))
			params.pre_process_line = symbol.address;
		ret = probe_plan_add(plan, i, symbol.offset, NULL, err);
	}
	probe_plan_set_params(plan, &params, sizeof(params));
	return ret;
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
	.ctx_size = sizeof(struct bash_ctx),
	.hooks = bash_hooks,
	.check = shell_check,
	.initialize = bash_initialize,
	.close = bash_close,
	.object = bash_object,
	.inspect = bash_inspect,
	.paths = shell_paths,
	.decode = bash_decode,
};
