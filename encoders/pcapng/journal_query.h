/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the row of a statement says of it, besides time and process. */
#include "capture/event.h"

/* Appends the fields; there is room for what journal_query_room() has added. */
uint8_t *journal_query_fields(uint8_t *p, const struct event *ev);
/* True when something will be cut. */
bool journal_query_room(size_t *room, const struct event *ev);
