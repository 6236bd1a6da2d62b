/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/event.h"

#include "capture/base/utf8.h"
#include "capture/kinds.h"

enum {
	SHORTEST_CUT = 64 * 1024 /* what is shorter is not what makes an event too large */
};

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

/* The texts that come in parts: nothing else of an event is large. */
static struct bytes *event_longest_text(struct event *ev)
{
	const struct kind *kind = &kinds[ev->kind];
	struct bytes *text, *other;

	if (!kind->rule) /* bytes of a stream are never more than a record has */
		return NULL;
	text = kind_text(ev, kind->grows);
	if (!kind->grows_too)
		return text;
	other = kind_text(ev, kind->grows_too);
	return other->n > text->n ? other : text;
}

bool event_shorten(struct event *ev)
{
	struct bytes *text = event_longest_text(ev);

	if (!text || text->n < SHORTEST_CUT)
		return false;
	*text = utf8_cut(*text, text->n / 2);
	ev->flags |= EVENT_F_TRUNCATED;
	return true;
}
