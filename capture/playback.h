/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the pipeline is for records, this is for events of a lossless recording (protobuf, pcapng
 * with events=custom, JSON): it hands them to outputs as they were, with processes and connections
 * that outlive the call, and with record time going on. It reads no clock.
 */
#include "capture/event.h"
#include "capture/output.h"

struct playback;

/* outputs: begun, none a tap. NULL when there is no memory. */
struct playback *playback_new(struct output **outputs, unsigned n);
void playback_free(struct playback *p);
/*
 * Takes an event, and changes it; what it says of process and connection is copied. The first META
 * opens the outputs; a repeated one of the same run is no event. An event of kind EVENT_KINDS
 * describes a process (ev->proc): its next event is one of that image.
 *   -EPROTO: no META came first; -EXDEV: the META of another run, which needs outputs of its own;
 *   -EBADMSG: it contradicts itself, or is larger than anything that is recorded; -ENOMEM.
 */
int playback_event(struct event *ev, void *playback);
/* Another playback has used the same outputs meanwhile: they go on with this one's run. -ENOMEM. */
int playback_resume(struct playback *p);
/* No event of this run will follow. Outputs stay open, for what another recording holds. */
void playback_end(struct playback *p);
/* The end: outputs are finished. */
void playback_finish(struct playback *p);
/* Events by kind that were taken. */
const uint64_t *playback_counts(const struct playback *p);
