/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The connections of recorded processes: what each talks, and how far each direction has come, so
 * that what is missing shows as a gap of the right size. Bounded; the least recently used goes
 * first.
 */
#include "capture/event.h"

struct flows;

/* NULL when there is no memory. */
struct flows *flows_new(void);
void flows_free(struct flows *f);

/* ev is a DATA event whose flow is what its record said: completes its body (missing, flags) and
 * makes ev->flow the table's, valid until the next call. */
void flows_complete(struct flows *f, struct event *ev);
