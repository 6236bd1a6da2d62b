/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/event.h"

static const char *const kind_names[] = {
#define EVENT_KIND(sym, name, help) name,
#include "capture/events.def"
#undef EVENT_KIND
};

const char *event_kind_name(enum event_kind kind)
{
	return (unsigned)kind < EVENT_KINDS ? kind_names[kind] : NULL;
}
