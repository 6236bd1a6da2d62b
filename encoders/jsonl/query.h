/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A statement of a database as the object `sql`. */
#include "capture/event.h"
#include "encoders/write/put.h"

/* Writes `duration_ns`, which is a field of the event, and `sql`. */
void jsonl_query(struct put *w, const struct event *ev);
