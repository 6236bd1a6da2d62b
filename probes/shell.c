/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/shell.h"

#include <assert.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/load.h"

static const char *const shell_what[] = {
	[SHELL_TYPED] = "typed", [SHELL_SCRIPTS] = "scripts", NULL};

const struct opt shell_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct shell_cfg, path),
	 .arg = "FILE",
	 .help = "a shell that need not be running yet; others are still found by themselves"},
	{.name = "commands",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct shell_cfg, commands),
	 .arg = "WHICH",
	 .def = "typed",
	 .choices = shell_what,
	 .help = "what is recorded: what is typed, or also `-c` texts and files that are read"},
	OPT_END,
};

int shell_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "the kernel has no uprobes");
	return 0;
}

int shell_load(struct shell_ctx *shell, const char *name, const void *elf, size_t n,
	       const struct probe_env *env, struct err *err)
{
	int ret = load_open(name, elf, n, &shell->obj, err);

	return ret ? ret : load_object(shell->obj, env, err);
}

void shell_close(void *ctx)
{
	struct shell_ctx *shell = ctx;

	bpf_object__close(shell->obj);
	shell->obj = NULL;
}

struct bpf_object *shell_object(void *ctx)
{
	return ((struct shell_ctx *)ctx)->obj;
}

const struct opt_list *shell_paths(const void *cfg)
{
	return &((const struct shell_cfg *)cfg)->path;
}

/* The address of a symbol within the parameters; NULL when the programs do not ask for it. */
static uint64_t *params_address(const struct shell_kind *kind, uint64_t *params, const char *name)
{
	for (const struct shell_symbol *s = kind->symbols; s->name; s++)
		if (!strcmp(s->name, name))
			return &params[s->offset / sizeof(*params)];
	return NULL;
}

static int shell_missing(const struct shell_kind *kind, const struct elf_file *elf,
			 const char *name, struct err *err)
{
	return errf(err, -EOPNOTSUPP,
		    "%s: '%s' has no symbol '%s' of its own (is it in a library?)", kind->name,
		    elf_file_path(elf), name);
}

/* Plans the hooks, each where it is cheap. */
static int plan_hooks(struct probe_plan *plan, const struct shell_kind *kind, bool scripts,
		      const struct elf_file *elf, uint64_t *params, struct err *err)
{
	int ret = 0;

	for (uint16_t i = 0; kind->hooks[i].symbol && !ret; i++) {
		const char *name = kind->hooks[i].symbol;
		uint64_t *address = params_address(kind, params, name);
		char text[PLACE_TEXT];
		struct elf_symbol symbol;
		struct place place;

		if (i >= kind->typed && !scripts)
			break;
		if (kind->leaves_out && kind->leaves_out(elf, &kind->hooks[i]))
			continue;
		if (elf_file_symbol(elf, name, &symbol) || !symbol.function ||
		    place_find(elf, symbol.address, true, &place)) {
			if (!kind->hooks[i].optional)
				return shell_missing(kind, elf, name, err);
			continue;
		}
		if (address)
			*address = place.address;
		ret = probe_plan_add(plan, i, place.offset, place_text(&place, text), err);
	}
	return ret;
}

int shell_inspect(const struct shell_kind *kind, const void *cfg, const struct elf_file *elf,
		  struct probe_plan *plan, struct err *err)
{
	uint64_t params[PROBE_PARAMS_MAX / sizeof(uint64_t)] = {0};
	const struct shell_cfg *shell = cfg;
	bool scripts = shell && shell->commands == SHELL_SCRIPTS;
	size_t size = 0;
	int ret;

	for (unsigned i = 0; kind->symbols[i].name; i++) {
		const struct shell_symbol *s = &kind->symbols[i];
		struct elf_symbol symbol = {0};

		if (elf_file_symbol(elf, s->name, &symbol) && !s->optional)
			return i < kind->telling ? 0 : shell_missing(kind, elf, s->name, err);
		assert(s->offset + sizeof(*params) <= sizeof(params));
		params[s->offset / sizeof(*params)] = symbol.address;
		size = s->offset + sizeof(*params) > size ? s->offset + sizeof(*params) : size;
	}
	ret = plan_hooks(plan, kind, scripts, elf, params, err);
	probe_plan_set_params(plan, params, size);
	return ret;
}
