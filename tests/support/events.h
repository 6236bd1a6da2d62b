/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Sample events: plausible, constant, with every field of their kind set. Texts are static. */
#include "capture/event.h"

extern const struct run events_run;

/* One event of that kind at 2024-11-24T13:08:00.123456789Z, seq 7, of a bash below sshd below init.
 */
struct event events_of(enum event_kind kind);
/* The same with text in place of every text that a target can choose (comm, exe, command,
 * arguments, cwd …). *proc is the process that the event then points to. */
struct event events_hostile(enum event_kind kind, struct bytes text, struct proc *proc);
/* A statement that a server was asked for, and that succeeded, without values. */
struct event events_statement(const char *system, struct bytes text);

/* Random bytes that are the same in every run: *seed is any number but 0. */
static inline uint32_t events_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 16;
}
