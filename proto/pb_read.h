/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A message of proto/event.proto as struct event: what proto/pb_map.h does, the other way round.
 * Bytes are foreign. Nothing is allocated after pb_read_new(). Not thread-safe: one per user.
 */
#include "capture/base/bytes.h"
#include "capture/base/err.h"
#include "capture/event.h"

struct pb_read;

int pb_read_new(struct pb_read **ret, struct err *err);
void pb_read_free(struct pb_read *r);

enum {
	PB_READ_TEXT = 1023
};

/*
 * Reads one penstock.v1.Event without its length. *ret points into the message and into r: it is
 * valid until the next call. A description of a process is an event of kind EVENT_KINDS. Texts
 * that event.h has as C strings are cut at PB_READ_TEXT bytes.
 *   0; 1: it has nothing that struct event could hold (the end of a stream, a note)
 *   -EBADMSG: it is no such message; -EPROTO: a later version's, or of a kind that we do not have.
 */
int pb_read_event(struct pb_read *r, struct bytes message, const struct event **ret,
		  struct err *err);
