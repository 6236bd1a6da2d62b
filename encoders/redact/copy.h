/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Texts that are looked at and, where something in them must not be seen, copied and masked. Most
 * events have nothing to mask and are never copied.
 */
#include <stddef.h>

#include "capture/base/bytes.h"

/* Memory for the copies that one event needs: reserved at start, touched as far as it is used. */
struct redact_arena {
	char *p;
	size_t used;
};

/* 0 or -ENOMEM. */
int redact_arena_init(struct redact_arena *a);
void redact_arena_done(struct redact_arena *a);
/* The copies of the event before are not needed any more. */
void redact_arena_reset(struct redact_arena *a);
/* n bytes for something new; NULL where there is no room. */
char *redact_arena_take(struct redact_arena *a, size_t n);

struct redact_copy {
	struct bytes in; /* as it came */
	char *out;       /* the masked copy; NULL while nothing has been masked */
	struct redact_arena *arena;
};

/* What there would be no room for is cut off the text: nothing of that size gets into an event. */
struct redact_copy redact_copy_of(struct redact_arena *a, struct bytes text);
/* Fills text[from, to) of the copy; from <= to <= in.n. */
void redact_copy_mask(struct redact_copy *c, size_t from, size_t to, char with);
/* The copy when there is one, else the text as it came. */
struct bytes redact_copy_result(const struct redact_copy *c);
