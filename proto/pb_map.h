/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * struct event as a message of proto/event.proto, written by hand: the bytes are those of
 * protobuf-c. Nothing is allocated after pb_map_new(). Not thread-safe: one map per user.
 */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/err.h"
#include "capture/event.h"

struct pb_map;

/* What the StreamInfo of a META says of the stream that it stands in. */
struct pb_stream {
	struct bytes id;            /* 16 bytes */
	struct bytes descriptor;    /* FileDescriptorSet */
	struct bytes schema_sha256; /* of that set */
	uint32_t schema_minor;
};

int pb_map_new(struct pb_map **ret, struct err *err);
void pb_map_free(struct pb_map *m);
/* For the METAs from now on; what it points at is borrowed. At first, all is zero. */
void pb_map_stream(struct pb_map *m, const struct pb_stream *stream);

/* Writes ev as one penstock.v1.Event with its length as a varint in front, into dst of room bytes.
 * -ENOBUFS: the room is too small; -EMSGSIZE: larger than any chunk. dst is untouched on failure.
 */
int pb_map_event(struct pb_map *m, const struct event *ev, uint8_t *dst, size_t room,
		 size_t *ret_n);
/* The same for an Event with the ProcessInfo of ev->proc, which is not NULL; without argv when ev
 * is the EXEC that tells it. */
int pb_map_process(struct pb_map *m, const struct event *ev, uint8_t *dst, size_t room,
		   size_t *ret_n);
