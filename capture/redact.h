/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What one output may keep (`redact=`, `payload=`): a view of its events, see output_view_fn. What
 * is masked is masked by '*' or something else of exactly the same length, so that offsets, lengths
 * within protocols and sequence numbers stay as they are, and the event is flagged.
 *
 * The core only knows this contract: who fulfils it is encoders/redact/, since what is masked is
 * inside of HTTP, SQL and command lines. Every output has an object of its own. Reader's thread.
 */
#include "capture/base/err.h"
#include "capture/event.h"

#define REDACT_PAYLOAD_FULL UINT64_MAX

struct redact_config {
	bool secrets;         /* mask them, and all values of statements of databases */
	bool passwords;       /* mask those that statements set, if nothing else */
	uint64_t payload_max; /* bytes of each call that are kept; 0 = none */
};

struct redact;

/* All memory is reserved here. */
int redact_new(const struct redact_config *cfg, struct redact **ret, struct err *err);
void redact_free(struct redact *r);
/* An output_view_fn, with the object as arg. False where nothing of the event is kept. */
bool redact_view(struct event *ev, void *redact);
