/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_rows.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/pb_wire.h"

char *pb_rows_copy(struct pb_rows_room *room, struct bytes text)
{
	char *p = room->arena + room->arena_n;

	assert(text.n < PB_ROWS_ARENA - room->arena_n);
	if (text.n)
		memcpy(p, text.p, text.n);
	p[text.n] = '\0';
	room->arena_n += text.n + 1;
	return p;
}

static enum pb_wire_type row_wire(enum pb_row_type type)
{
	if (type == PB_ROW_FIXED)
		return PB_WIRE_FIXED64;
	return type < PB_ROW_FIXED ? PB_WIRE_VARINT : PB_WIRE_BYTES;
}

static void fill_number(const struct pb_row *row, uint64_t v, void *at)
{
	switch (row->type) {
	case PB_ROW_U64:
	case PB_ROW_FIXED:
		*(uint64_t *)at = v;
		break;
	case PB_ROW_U32:
		*(uint32_t *)at = (uint32_t)v;
		break;
	case PB_ROW_U16:
		*(uint16_t *)at = (uint16_t)v;
		break;
	case PB_ROW_U8:
		*(uint8_t *)at = (uint8_t)v;
		break;
	case PB_ROW_BOOL:
		*(bool *)at = v;
		break;
	case PB_ROW_S32:
		*(int32_t *)at = (int32_t)((uint32_t)v >> 1 ^ -((uint32_t)v & 1));
		break;
	default:
		assert(!"a row of a number");
	}
}

static int row_fill(struct pb_read *reader, const struct pb_row *row,
		    const struct pb_wire_field *field, void *to)
{
	struct bytes text = field->bytes;
	char *at = (char *)to + row->offset;

	if (field->type != row_wire(row->type))
		return -EBADMSG;
	switch (row->type) {
	case PB_ROW_BYTES:
		*(struct bytes *)at = text;
		return 0;
	case PB_ROW_TEXT:
		if (text.n > PB_ROWS_TEXT)
			text.n = PB_ROWS_TEXT;
		*(const char **)at = pb_rows_copy((struct pb_rows_room *)reader, text);
		return 0;
	case PB_ROW_CALL:
		return row->fn(reader, text);
	default:
		fill_number(row, field->value, at);
		return 0;
	}
}

int pb_rows_fill(struct pb_read *reader, struct bytes in, struct pb_rows rows, void *to)
{
	struct pb_wire_field field;
	int r = 0;

	while (in.n && r == 0) {
		r = pb_wire_next(&in, &field) ? -EBADMSG : 0;
		if (r == 0 && field.number < rows.n && rows.v[field.number].type)
			r = row_fill(reader, &rows.v[field.number], &field, to);
	}
	return r;
}
