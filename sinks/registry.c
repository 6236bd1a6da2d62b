/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "capture/filter.h"
#include "capture/sink.h"

#define FILTER(name) extern const struct filter_ops filter_##name;
#include "sinks/filters.def"
#undef FILTER

const struct filter_ops *const filter_registry[] = {
#define FILTER(name) &filter_##name,
#include "sinks/filters.def"
#undef FILTER
	NULL};

const struct filter_ops *filter_by_file(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (const struct filter_ops *const *f = filter_registry; dot && *f; f++)
		if (!strcmp((*f)->extension, dot + 1))
			return *f;
	return NULL;
}

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
