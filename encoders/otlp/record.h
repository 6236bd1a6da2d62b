/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * An event as a LogRecord: attributes by OpenTelemetry's semantic conventions, what they have no
 * name for under penstock.*, payload and typed text as the body. Nothing that struct event says is
 * left out.
 */
#include "capture/event.h"
#include "encoders/otlp/about.h"

struct record_size {
	size_t texts; /* of the event: the record is larger */
	size_t most;  /* the record is not larger */
};

struct record_size record_size(const struct event *ev);
/* Appends the record as an entry of ScopeLogs.log_records; there is room for size->most. */
uint8_t *record_put(uint8_t *p, const struct event *ev, const struct record_size *size,
		    struct about_times *times);
