/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Attributes as OpenTelemetry's logs have them: a key, and a value that says its own type. Sizes
 * are known before anything is written, so that nothing is moved afterwards. Each function appends
 * one attribute; the caller has made sure of ATTRIBUTE_ROOM and the length of key and text.
 */
#include "proto/pb_write.h"

enum {
	ATTRIBUTE_ROOM = 48, /* of one attribute: all but its key and its text */
};

/* Fields of AnyValue. */
enum attribute_type {
	ATTRIBUTE_STRING = 1,
	ATTRIBUTE_BOOL = 2,
	ATTRIBUTE_INT = 3,
	ATTRIBUTE_ARRAY = 5,
	ATTRIBUTE_KVLIST = 6,
	ATTRIBUTE_BYTES = 7,
};

struct attributes {
	uint8_t *p;     /* the end of what is written */
	unsigned field; /* of the message that has them */
};

/* Text that is UTF-8 is a string, as others refuse the whole request otherwise; the rest goes as
 * bytes. Nothing of it is changed or cut. */
enum attribute_type attribute_type_of(struct bytes text);

/* The size of an AnyValue with n bytes of text in it. */
static inline size_t attribute_text_size(size_t n)
{
	return 1 + pb_write_width(n) + n;
}

/* All but the value, of which there are value_n bytes; with 0 it is null. */
static inline void attribute_begin(struct attributes *a, struct bytes key, size_t value_n)
{
	size_t n = 2 + key.n + 1 + pb_write_width(value_n) + value_n;
	uint8_t *p = pb_write_varint(pb_write_tag(a->p, a->field, PB_WRITE_LENGTH), n);

	p = pb_write_item(p, 1, key);
	a->p = pb_write_varint(pb_write_tag(p, 2, PB_WRITE_LENGTH), value_n);
}

static inline void attribute_int(struct attributes *a, struct bytes key, int64_t v)
{
	attribute_begin(a, key, 1 + pb_write_width((uint64_t)v));
	a->p = pb_write_tag(a->p, ATTRIBUTE_INT, PB_WRITE_VARINT);
	a->p = pb_write_varint(a->p, (uint64_t)v);
}

static inline void attribute_true(struct attributes *a, struct bytes key)
{
	attribute_begin(a, key, 2);
	a->p = pb_write_varint(pb_write_tag(a->p, ATTRIBUTE_BOOL, PB_WRITE_VARINT), 1);
}

/* One of ours, which is UTF-8; none when it is empty. */
static inline void attribute_own(struct attributes *a, struct bytes key, struct bytes text)
{
	if (!text.n)
		return;
	attribute_begin(a, key, attribute_text_size(text.n));
	a->p = pb_write_item(a->p, ATTRIBUTE_STRING, text);
}

/* Any text, also an empty one. */
static inline void attribute_value(struct attributes *a, struct bytes key, struct bytes text)
{
	attribute_begin(a, key, attribute_text_size(text.n));
	a->p = pb_write_item(a->p, attribute_type_of(text), text);
}

/* Any text; none when it is empty. */
static inline void attribute_text(struct attributes *a, struct bytes key, struct bytes text)
{
	if (text.n)
		attribute_value(a, key, text);
}

/* Numbers that need 64 bits without a sign: as digits where int64 ends. */
void attribute_count(struct attributes *a, struct bytes key, uint64_t v);
/* n bytes (at most 16) as lower-case hex. */
void attribute_hex(struct attributes *a, struct bytes key, const void *from, size_t n);
/* The NUL-terminated texts of a block, as an array; none when it is empty. */
void attribute_texts(struct attributes *a, struct bytes key, struct bytes block);
/* What its elements take. */
size_t attribute_texts_size(struct bytes block);
