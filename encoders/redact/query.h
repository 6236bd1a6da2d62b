/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Statements of databases. Passwords that they set are masked, and in the message of an error,
 * which quotes what it is about, all that it quotes. Or, when secrets are not to be seen at all,
 * everything that is no name and no keyword: constants, values, numbers and what is quoted in
 * messages.
 */
#include "capture/event.h"
#include "encoders/redact/copy.h"

/* True when something was masked. */
bool redact_query_passwords(struct redact_arena *arena, struct event_query *q);
bool redact_query_constants(struct redact_arena *arena, struct event_query *q);
