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

/* The same passwords in a part of a command line, which may be a statement: that of `mysql -e`, or
 * of `psql -c`. */
void redact_query_words(struct redact_copy *c, size_t from, size_t to);
/* True when something was masked. */
bool redact_query_passwords(struct redact_arena *arena, struct event_query *q);
bool redact_query_constants(struct redact_arena *arena, struct event_query *q);
