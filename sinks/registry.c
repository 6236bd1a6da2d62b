/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "capture/sink.h"

#define SINK(name) extern const struct sink_ops sink_##name;
#include "sinks/sinks.def"
#undef SINK

const struct sink_ops *const sink_registry[] = {
#define SINK(name) &sink_##name,
#include "sinks/sinks.def"
#undef SINK
	NULL};

const struct sink_ops *sink_by_name(const char *name)
{
	for (const struct sink_ops *const *s = sink_registry; *s; s++)
		if (!strcmp((*s)->name, name))
			return *s;
	return NULL;
}
