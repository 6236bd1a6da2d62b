/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The attributes of an event that say which process and which connection it is about. */
#include "capture/event.h"
#include "encoders/otlp/attribute.h"
#include "encoders/write/put.h"

struct about_times {
	uint64_t second; /* of the last process, UINT64_MAX at first */
	uint8_t date[PUT_DATE];
};

/* ev->proc is not NULL. What is long, and the same in all events of a process, comes with the first
 * of them only. */
void about_process(struct attributes *a, const struct event *ev, struct about_times *times);
void about_flow(struct attributes *a, const struct flow *flow);
