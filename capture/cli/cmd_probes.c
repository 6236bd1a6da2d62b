/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "capture/cli/commands.h"

static const char *join_kinds(uint32_t kinds, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned k = 0; k < EVENT_KINDS && n < size; k++)
		if (kinds & 1u << k)
			n += (size_t)snprintf(ret + n, size - n, "%s%s", n ? "," : "",
					      event_kind_name(k));
	return ret;
}

static int run(const struct cli_call *call, struct err *err)
{
	size_t name = strlen("PROBE"), kinds = strlen("KINDS"), needs = strlen("NEEDS");
	char text[256];

	for (unsigned i = 0; i < probe_registry_n; i++) {
		const struct probe_ops *ops = probe_registry[i].ops;
		size_t n = strlen(ops->name),
		       k = strlen(join_kinds(ops->kinds, text, sizeof(text)));
		size_t w = strlen(ops->needs ? ops->needs : "-");

		name = n > name ? n : name;
		kinds = k > kinds ? k : kinds;
		needs = w > needs ? w : needs;
	}
	printf("%-*s  %-*s  %-*s  %s\n", (int)name, "PROBE", (int)kinds, "KINDS", (int)needs,
	       "NEEDS", "WHAT IT RECORDS");
	for (unsigned i = 0; i < probe_registry_n; i++) {
		const struct probe_ops *ops = probe_registry[i].ops;

		printf("%-*s  %-*s  %-*s  %s\n", (int)name, ops->name, (int)kinds,
		       join_kinds(ops->kinds, text, sizeof(text)), (int)needs,
		       ops->needs ? ops->needs : "-", ops->summary);
	}
	return CLI_OK;
}

const struct cli_command cmd_probes = {
	.name = "probes",
	.summary = "list the probes: what each records and needs",
	.run = run,
};
