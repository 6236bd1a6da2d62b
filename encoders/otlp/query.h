/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A statement by OpenTelemetry's conventions for databases (db.*), with what these have no name for
 * under penstock.db.*. The statement itself is the body of the record; db.query.text has it as
 * well, up to OTLP_QUERY_TEXT bytes, as that is where readers look for it.
 */
#include "capture/event.h"
#include "encoders/otlp/attribute.h"

enum {
	OTLP_QUERY_TEXT = 64 * 1024,
};

/* More than otlp_query_attributes() takes; *texts: what of it is the event's texts. */
size_t otlp_query_size(const struct event_query *q, size_t *texts);
void otlp_query_attributes(struct attributes *a, const struct event *ev);
