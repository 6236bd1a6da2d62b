/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "capture/probe.h"

#define PROBE(name, number) extern const struct probe_ops probe_##name;
#include "probes/probes.def"
#undef PROBE

const struct probe_entry probe_registry[] = {
#define PROBE(name, number) {number, &probe_##name},
#include "probes/probes.def"
#undef PROBE
};
const unsigned probe_registry_n = sizeof(probe_registry) / sizeof(probe_registry[0]);

static bool probe_is_called(const struct probe_ops *ops, const char *name)
{
	if (!strcmp(ops->name, name))
		return true;
	for (const char *const *a = ops->aliases; a && *a; a++)
		if (!strcmp(*a, name))
			return true;
	return false;
}

const struct probe_ops *probe_by_name(const char *name)
{
	for (unsigned i = 0; i < probe_registry_n; i++)
		if (probe_is_called(probe_registry[i].ops, name))
			return probe_registry[i].ops;
	return NULL;
}

const struct probe_ops *probe_by_number(uint16_t number)
{
	for (unsigned i = 0; i < probe_registry_n; i++)
		if (probe_registry[i].number == number)
			return probe_registry[i].ops;
	return NULL;
}

uint16_t probe_number(const struct probe_ops *ops)
{
	for (unsigned i = 0; i < probe_registry_n; i++)
		if (probe_registry[i].ops == ops)
			return probe_registry[i].number;
	return 0;
}
