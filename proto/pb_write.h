/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Protobuf's wire format, written in one pass: each function appends at p and returns the new end.
 * The caller has made sure of the room. A field with its default value is left out, lengths take
 * as few bytes as they can, and whoever writes fields in the order of their numbers gets the same
 * bytes as from protobuf-c.
 */
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "capture/base/bytes.h"

enum {
	PB_WRITE_TEXT = 3 * 256, /* most bytes of a field of type string */
	PB_WRITE_FIELD = 12,     /* tag and value of a number, tag and length of the rest */
};

enum pb_write_type {
	PB_WRITE_VARINT = 0,
	PB_WRITE_FIXED64 = 1,
	PB_WRITE_LENGTH = 2
};

static inline uint8_t *pb_write_varint(uint8_t *p, uint64_t v)
{
	while (v > 0x7f) {
		*p++ = v | 0x80;
		v >>= 7;
	}
	*p++ = v;
	return p;
}

static inline unsigned pb_write_width(uint64_t v)
{
	unsigned n = 1;

	for (; v > 0x7f; v >>= 7)
		n++;
	return n;
}

static inline uint8_t *pb_write_tag(uint8_t *p, unsigned field, enum pb_write_type type)
{
	return pb_write_varint(p, field << 3 | type);
}

/* bool, enumerations and unsigned numbers. */
static inline uint8_t *pb_write_number(uint8_t *p, unsigned field, uint64_t v)
{
	return v ? pb_write_varint(pb_write_tag(p, field, PB_WRITE_VARINT), v) : p;
}

/* sint32, also when it is 0: what may be absent is left out by the caller. */
static inline uint8_t *pb_write_signed(uint8_t *p, unsigned field, int32_t v)
{
	uint32_t zigzag = (uint32_t)v << 1 ^ (v < 0 ? UINT32_MAX : 0);

	return pb_write_varint(pb_write_tag(p, field, PB_WRITE_VARINT), zigzag);
}

static inline uint8_t *pb_write_fixed(uint8_t *p, unsigned field, uint64_t v)
{
	if (!v)
		return p;
	p = pb_write_tag(p, field, PB_WRITE_FIXED64);
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/* Most texts are short: two moves that overlap spare them a call. */
static inline uint8_t *pb_write_copy(uint8_t *p, const void *from, size_t n)
{
	const uint8_t *q = from;
	uint64_t v[4];

	if (n > 32) {
		memcpy(p, q, n);
	} else if (n >= 16) {
		memcpy(v, q, 16);
		memcpy(v + 2, q + n - 16, 16);
		memcpy(p, v, 16);
		memcpy(p + n - 16, v + 2, 16);
	} else if (n >= 8) {
		memcpy(v, q, 8);
		memcpy(v + 1, q + n - 8, 8);
		memcpy(p, v, 8);
		memcpy(p + n - 8, v + 1, 8);
	} else {
		for (size_t i = 0; i < n; i++)
			p[i] = q[i];
	}
	return p + n;
}

/* One of several, which may be empty. */
static inline uint8_t *pb_write_item(uint8_t *p, unsigned field, struct bytes v)
{
	p = pb_write_varint(pb_write_tag(p, field, PB_WRITE_LENGTH), v.n);
	return pb_write_copy(p, v.p, v.n);
}

static inline uint8_t *pb_write_bytes(uint8_t *p, unsigned field, struct bytes v)
{
	return v.n ? pb_write_item(p, field, v) : p;
}

/* A string: made UTF-8, as other parsers refuse the whole message otherwise, without NUL bytes, and
 * cut where it is longer than PB_WRITE_TEXT. Needs a byte more than it writes. */
uint8_t *pb_write_text(uint8_t *p, unsigned field, struct bytes text);

/* A message inside another, or one with its length in front of it. */
struct pb_write_message {
	uint8_t *body;
	unsigned width; /* bytes that were left for the length */
};

static inline uint8_t *pb_write_begin(uint8_t *p, size_t guess, struct pb_write_message *ret)
{
	ret->width = pb_write_width(guess);
	ret->body = p + ret->width;
	return ret->body;
}

static inline uint8_t *pb_write_end(uint8_t *p, const struct pb_write_message *m)
{
	size_t n = p - m->body;
	unsigned width = pb_write_width(n);
	uint8_t *start = m->body - m->width;

	if (__builtin_expect(width != m->width, 0)) /* a wrong guess moves what was written */
		memmove(start + width, m->body, n);
	return pb_write_varint(start, n) + n;
}
