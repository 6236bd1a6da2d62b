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

/* "openssl,tls": the name and what else it is called. */
static const char *join_names(const struct probe_ops *ops, char *ret, size_t size)
{
	size_t n = (size_t)snprintf(ret, size, "%s", ops->name);

	for (const char *const *a = ops->aliases; a && *a && n < size; a++)
		n += (size_t)snprintf(ret + n, size - n, ",%s", *a);
	return ret;
}

struct row {
	char names[64], kinds[256];
};

static struct row row_of(const struct probe_ops *ops)
{
	struct row row;

	join_names(ops, row.names, sizeof(row.names));
	join_kinds(ops->kinds, row.kinds, sizeof(row.kinds));
	return row;
}

static void column_widen(size_t *width, const char *text)
{
	if (strlen(text) > *width)
		*width = strlen(text);
}

static int probes_run(const struct cli_call *call, struct err *err)
{
	size_t name = strlen("PROBE"), kinds = strlen("KINDS"), needs = strlen("NEEDS");

	for (unsigned i = 0; i < probe_registry_n; i++) {
		struct row row = row_of(probe_registry[i].ops);

		column_widen(&name, row.names);
		column_widen(&kinds, row.kinds);
		column_widen(&needs, probe_registry[i].ops->needs);
	}
	printf("%-*s  %-*s  %-*s  %s\n", (int)name, "PROBE", (int)kinds, "KINDS", (int)needs,
	       "NEEDS", "WHAT IT RECORDS");
	for (unsigned i = 0; i < probe_registry_n; i++) {
		const struct probe_ops *ops = probe_registry[i].ops;
		struct row row = row_of(ops);

		printf("%-*s  %-*s  %-*s  %s\n", (int)name, row.names, (int)kinds, row.kinds,
		       (int)needs, ops->needs, ops->summary);
	}
	return CLI_OK;
}

const struct cli_command cmd_probes = {
	.name = "probes",
	.summary = "list the probes: what each records and needs",
	.run = probes_run,
};
