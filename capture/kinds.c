/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/kinds.h"

#include <stddef.h>

#include "capture/assemble_inside.h"

#define AT(field) offsetof(struct event, field)

const struct kind kinds[EVENT_KINDS] = {
	[EVENT_EXEC] = {.has_process = true,
			.grows = AT(exec.argv),
			.texts = {AT(exec.path), AT(exec.cwd)},
			.rule = &assemble_exec},
	[EVENT_EXIT] = {.has_process = true},
	[EVENT_LINE] = {.has_process = true,
			.grows = AT(line.text),
			.grows_too = AT(line.expanded),
			.texts = {AT(line.tty), AT(line.cwd)},
			.names = {AT(line.shell)},
			.times = {AT(line.start_boot_ns)},
			.rule = &assemble_line},
	[EVENT_DATA] = {.has_process = true,
			.may_have_flow = true,
			.grows = AT(data.payload),
			.names = {AT(data.library)}},
	[EVENT_QUERY] = {.has_process = true,
			 .may_have_flow = true,
			 .grows = AT(query.text),
			 .texts = {AT(query.user), AT(query.database), AT(query.client),
				   AT(query.application), AT(query.statement_name),
				   AT(query.params.raw), AT(query.params.types),
				   AT(query.fingerprint), AT(query.sqlstate), AT(query.message)},
			 .names = {AT(query.system), AT(query.side), AT(query.command)},
			 .times = {AT(query.start_boot_ns)},
			 .rule = &assemble_query},
	[EVENT_ATTACH] = {.texts = {AT(attach.hook), AT(attach.target), AT(attach.note)}},
	[EVENT_LOSS] = {.times = {AT(loss.first_boot_ns), AT(loss.last_boot_ns)}},
};

void kinds_times_read(struct event *ev)
{
	const struct kind *kind = &kinds[ev->kind];

	for (unsigned i = 0; i < KIND_TIMES && kind->times[i]; i++) {
		uint64_t *time = (uint64_t *)((char *)ev + kind->times[i]);

		*time = event_boot(ev, *time);
	}
}

size_t kinds_texts_size(const struct event *ev)
{
	const struct kind *kind = &kinds[ev->kind];
	size_t n = 0;

#define SIZE(offset) ((const struct bytes *)((const char *)ev + (offset)))->n
	for (unsigned i = 0; i < KIND_TEXTS && kind->texts[i]; i++)
		n += SIZE(kind->texts[i]);
	if (kind->grows)
		n += SIZE(kind->grows);
	if (kind->grows_too)
		n += SIZE(kind->grows_too);
#undef SIZE
	return n;
}
