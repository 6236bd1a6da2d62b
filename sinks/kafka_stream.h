/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Which stream it is that opening bytes begin. Pure. They may come out of a spool: bytes are
 * foreign. */
#include "capture/base/bytes.h"

/* The stream that follows, as opening bytes have it; "" = they do not say. */
struct kafka_stream {
	char id[33];     /* hexadecimal */
	char schema[65]; /* SHA-256 of it */
};

/* Reads the StreamInfo that is one of the first of these varint-delimited Events. */
void kafka_stream_describe(struct bytes opening, struct kafka_stream *ret);
