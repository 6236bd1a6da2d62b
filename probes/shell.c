/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/shell.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "probes/elf/file.h"

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

const struct opt_list *shell_paths(const void *cfg)
{
	return &((const struct shell_cfg *)cfg)->path;
}

bool shell_wants_scripts(const void *cfg)
{
	return cfg && ((const struct shell_cfg *)cfg)->commands == SHELL_SCRIPTS;
}

const char *shell_find_symbols(const struct elf_file *elf, const struct shell_symbol *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct elf_symbol symbol;

		if (elf_file_symbol(elf, v[i].name, &symbol))
			return v[i].name;
		*v[i].address = symbol.address;
	}
	return NULL;
}
