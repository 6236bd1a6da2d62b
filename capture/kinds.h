/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What each kind of event is, for code that handles events without a case for every kind: where its
 * texts, names and times are, and how its records join. A new kind is a layout (kern/events.h), a
 * row here, a rule of its own if it comes in parts (assemble_<kind>.c), its message in event.proto,
 * and the encoders' switches, which the compiler names.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/event.h"

struct assemble_rule; /* capture/assemble_inside.h */

enum {
	KIND_TEXTS = 10,
	KIND_NAMES = 3,
	KIND_TIMES = 2
};

/* Offsets are those in struct event; 0 ends a list. */
struct kind {
	bool has_process; /* an event of it without a process is damaged */
	bool may_have_flow;
	uint16_t grows; /* the text that comes in parts, and may be large */
	uint16_t grows_too;
	uint16_t texts[KIND_TEXTS];       /* the others: of bounded size */
	uint16_t names[KIND_NAMES];       /* const char *, that stay as long as the output */
	uint16_t times[KIND_TIMES];       /* on the boot clock: a recording has the time of day */
	const struct assemble_rule *rule; /* NULL = each record is an event of its own */
};

extern const struct kind kinds[EVENT_KINDS];

static inline struct bytes *kind_text(struct event *ev, uint16_t offset)
{
	return (struct bytes *)((char *)ev + offset);
}

static inline const char **kind_name(struct event *ev, uint16_t offset)
{
	return (const char **)((char *)ev + offset);
}

/* Its times have been read from a recording, and are the time of day: makes them those of the boot
 * clock. */
void kinds_times_read(struct event *ev);

/* The bytes of all its texts together. */
size_t kinds_texts_size(const struct event *ev);
