/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How large a message of pb_map.c becomes, as far as can be told before it is written. */
#include "capture/base/chunk.h"
#include "capture/event.h"
#include "proto/pb_write.h"

enum {
	PB_MAP_COUNTERS = 4096, /* most counters of a STATS */
	PB_MAP_TEXTS = 12,      /* most strings in a message, counters apart */
	PB_MAP_NUMBERS = 64,    /* most fields of other types than string and bytes */
	PB_MAP_BASE = PB_MAP_NUMBERS * PB_WRITE_FIELD + PB_MAP_TEXTS * PB_WRITE_TEXT,
	PB_MAP_COUNTER = 4 * PB_WRITE_FIELD + 2 * PB_WRITE_TEXT,
	PB_MAP_PARENT = 5 * PB_WRITE_FIELD,
	/* An argument grows to twice its size at most, when it is empty. */
	PB_MAP_MOST = 2 * (CHUNK_JUMBO + PB_WRITE_FIELD) + PB_MAP_BASE +
		      PB_MAP_COUNTERS * PB_MAP_COUNTER + PROC_ANCESTORS * PB_MAP_PARENT,
};

struct pb_map_size {
	size_t least, most; /* its size lies between them */
	size_t guess;
};

/* Of the event as pb_map_event() writes it, and of the ProcessInfo of its process. What is more
 * than CHUNK_JUMBO at least may be more than PB_MAP_MOST. */
struct pb_map_size pb_map_size(const struct event *ev);
struct pb_map_size pb_map_size_process(const struct event *ev);
void pb_map_size_add(struct pb_map_size *size, struct bytes text);
