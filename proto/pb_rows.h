/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Structs filled from protobuf messages by tables: one row for each field that is wanted, at the
 * index that is its number. What no row wants is passed over. Bytes are foreign. */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/chunk.h"

enum pb_row_type {
	PB_ROW_NONE,
	PB_ROW_U64,   /* varint */
	PB_ROW_U32,   /* varint */
	PB_ROW_U16,   /* varint */
	PB_ROW_U8,    /* varint */
	PB_ROW_BOOL,  /* varint */
	PB_ROW_S32,   /* varint of sint32 */
	PB_ROW_FIXED, /* fixed64 */
	PB_ROW_BYTES, /* a struct bytes that points into the message */
	PB_ROW_TEXT,  /* a C string, a copy, cut at PB_ROWS_TEXT bytes */
	PB_ROW_CALL,  /* what a function makes of the bytes */
};

/* The memory for copies. It begins whatever functions of rows are called with. */
struct pb_rows_room {
	char *arena; /* PB_ROWS_ARENA bytes */
	size_t arena_n;
};

enum {
	PB_ROWS_TEXT = 1023,
	/* A copy takes a byte more than the text, which has two more in its message: so there is
	 * room for all copies of a message of that size. */
	PB_ROWS_ARENA = CHUNK_JUMBO,
};

struct pb_read;

struct pb_row {
	enum pb_row_type type;
	size_t offset;                                      /* in what is filled */
	int (*fn)(struct pb_read *reader, struct bytes in); /* of PB_ROW_CALL */
};

struct pb_rows {
	const struct pb_row *v;
	unsigned n;
};

#define PB_ROWS(table) ((struct pb_rows){(table), sizeof(table) / sizeof((table)[0])})

/* Copies text into the arena and ends it with a NUL. */
char *pb_rows_copy(struct pb_rows_room *room, struct bytes text);
/* Fills what lies at `to` with the fields of a message, which is no larger than the arena along
 * with the others of which copies are there. reader begins with a struct pb_rows_room. 0, -EBADMSG,
 * or what a function returned. */
int pb_rows_fill(struct pb_read *reader, struct bytes in, struct pb_rows rows, void *to);
