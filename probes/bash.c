/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands typed into interactive bash: each with its status, from any binary that has bash's own
 * reader. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/bash.h"
#include "kern/bash.skel.h"
#include "probes/elf/file.h"
#include "probes/load.h"

struct bash_cfg {
	struct opt_list path;
};

struct bash_ctx {
	struct bpf_object *obj;
};

static const struct opt bash_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct bash_cfg, path),
	 .arg = "FILE",
	 .help = "a bash that need not be running yet; others are still found by themselves"},
	OPT_END,
};

/* In the order in which they are attached: the return of a function comes before its entry, so that
 * no line is begun whose return is not seen. */
static const struct probe_hook bash_hooks[] = {
	{"readline", "bash_readline_ret", .ret = true},
	{"readline", "bash_readline"},
	{"pre_process_line", "bash_expand_ret", .ret = true, .optional = true},
	{"pre_process_line", "bash_expand", .optional = true},
	{NULL},
};

static int bash_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "bash: the kernel has no uprobes");
	return 0;
}

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

static const struct opt_list *bash_paths(const void *cfg)
{
	return &((const struct bash_cfg *)cfg)->path;
}

/* Fills params; -ENOENT names the first symbol that is missing. */
static int bash_addresses(const struct elf_file *elf, struct bash_params *ret,
			  const char **ret_missing)
{
	const struct {
		const char *name;
		__u64 *address;
	} wanted[] = {
		{"current_readline_prompt", &ret->current_readline_prompt},
		{"last_command_exit_value", &ret->last_command_exit_value},
		{"readline", &ret->readline},
		{"current_command_line_count", &ret->current_command_line_count},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct elf_symbol symbol;

		if (elf_file_symbol(elf, wanted[i].name, &symbol)) {
			*ret_missing = wanted[i].name;
			return -ENOENT;
		}
		*wanted[i].address = symbol.address;
	}
	return 0;
}

static int bash_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			struct err *err)
{
	struct bash_params params = {0};
	const char *missing;
	struct elf_symbol symbol;
	int ret = 0;

	if (bash_addresses(elf, &params, &missing)) {
		/* only bash has both variables; others that use readline() are no targets */
		if (!params.last_command_exit_value)
			return 0;
		return errf(err, -EOPNOTSUPP,
			    "bash: '%s' has no '%s' of its own (linked to a shared readline?)",
			    elf_file_path(elf), missing);
	}
	for (uint16_t i = 0; bash_hooks[i].symbol && !ret; i++) {
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
	.options = bash_options,
	.cfg_size = sizeof(struct bash_cfg),
	.ctx_size = sizeof(struct bash_ctx),
	.hooks = bash_hooks,
	.check = bash_check,
	.initialize = bash_initialize,
	.close = bash_close,
	.object = bash_object,
	.inspect = bash_inspect,
	.paths = bash_paths,
	.decode = bash_decode,
};
