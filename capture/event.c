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

const char *event_protocol_name(enum protocol protocol)
{
	static const char *const names[] = {
#define PROTOCOL(sym, name, port) name,
#include "capture/protocols.def"
#undef PROTOCOL
	};

	return (unsigned)protocol < PROTOCOLS ? names[protocol] : "unknown";
}

uint16_t event_protocol_port(enum protocol protocol)
{
	static const uint16_t ports[] = {
#define PROTOCOL(sym, name, port) port,
#include "capture/protocols.def"
#undef PROTOCOL
	};

	return (unsigned)protocol < PROTOCOLS ? ports[protocol] : ports[PROTOCOL_UNKNOWN];
}
