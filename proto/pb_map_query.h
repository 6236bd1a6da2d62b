/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* SqlQuery in event.proto, written from the body of a QUERY event. */
#include "capture/event.h"
#include "proto/pb_map_size.h"

/* Appends field 19 of Event at p, where there is room for what pb_map_query_size() adds. */
uint8_t *pb_map_query(uint8_t *p, const struct event *ev);
void pb_map_query_size(struct pb_map_size *size, const struct event_query *query);
