/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The encoding that all protobuf messages have, for reading: bytes are foreign. */
#include <errno.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum pb_wire_type {
	PB_WIRE_VARINT = 0,
	PB_WIRE_FIXED64 = 1,
	PB_WIRE_BYTES = 2,
	PB_WIRE_FIXED32 = 5
};

struct pb_wire_field {
	uint32_t number;
	enum pb_wire_type type;
	uint64_t value;     /* of the types that are numbers */
	struct bytes bytes; /* of PB_WIRE_BYTES; lies in the message */
};

/* The varint at the beginning of in. -ENODATA: it goes on behind in; -EBADMSG: it is none. */
static inline int pb_wire_varint(struct bytes in, uint64_t *ret, size_t *ret_n)
{
	uint64_t v = 0;

	if (in.n && (uint8_t)in.p[0] < 0x80) { /* most of them */
		*ret = (uint8_t)in.p[0];
		*ret_n = 1;
		return 0;
	}
	for (size_t i = 0; i < in.n; i++) {
		uint8_t byte = (uint8_t)in.p[i];

		if (i == 9 && byte > 1)
			return -EBADMSG;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret = v;
			*ret_n = i + 1;
			return 0;
		}
	}
	return -ENODATA;
}

/* Takes the first field off a message, which is in. -ENODATA: there is none, or it is cut;
 * -EBADMSG. */
int pb_wire_next(struct bytes *in, struct pb_wire_field *ret);
