/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* payload=: what is kept of the bytes that a program sent or received. */
#include "capture/flows.h"

/*
 * Cuts the event to what a recording with --max-payload=max would have: the first `max` bytes of
 * each call, flagged as truncated; where the stream stands is told anew from `streams`, which are
 * the flow's (struct flows_stream). False when that recording would not have the event at all.
 */
bool redact_payload_cut(struct event *ev, uint64_t max, struct flows_stream streams[2]);
