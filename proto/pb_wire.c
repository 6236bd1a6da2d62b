/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_wire.h"

/* The size of what follows a tag; *value: the number, or the length of the bytes, of which the
 * field's contents are the last. */
static int wire_value(struct bytes in, enum pb_wire_type type, uint64_t *value, size_t *ret_n)
{
	size_t n;
	int r;

	switch (type) {
	case PB_WIRE_VARINT:
		return pb_wire_varint(in, value, ret_n);
	case PB_WIRE_FIXED64:
	case PB_WIRE_FIXED32:
		n = type == PB_WIRE_FIXED64 ? 8 : 4;
		if (in.n < n)
			return -ENODATA;
		*value = n == 8 ? bytes_get_le64(in.p) : bytes_get_le32(in.p);
		*ret_n = n;
		return 0;
	case PB_WIRE_BYTES:
		r = pb_wire_varint(in, value, &n);
		if (r)
			return r;
		if (*value > in.n - n)
			return -ENODATA;
		*ret_n = n + *value;
		return 0;
	}
	return -EBADMSG; /* groups, which proto3 does not have */
}

int pb_wire_next(struct bytes *in, struct pb_wire_field *ret)
{
	struct bytes rest = *in;
	uint64_t tag;
	size_t n;
	int r = pb_wire_varint(rest, &tag, &n);

	if (r)
		return r;
	if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
		return -EBADMSG;
	rest = (struct bytes){rest.p + n, rest.n - n};
	ret->number = (uint32_t)(tag >> 3);
	ret->type = (enum pb_wire_type)(tag & 7);
	r = wire_value(rest, ret->type, &ret->value, &n);
	if (r)
		return r;
	ret->bytes = ret->type == PB_WIRE_BYTES
			     ? (struct bytes){rest.p + n - ret->value, ret->value}
			     : (struct bytes){0};
	*in = (struct bytes){rest.p + n, rest.n - n};
	return 0;
}
