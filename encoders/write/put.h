/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Writing by hand what printf would write: each function appends at p and returns the new end. The
 * caller has made sure of the room: PUT_NUMBER for a number, else as said. struct put is for
 * formats whose size is not known beforehand: room is asked for piece by piece, and once it is not
 * there the rest of the record is refused as well.
 */
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "capture/base/bytes.h"
#include "capture/base/chunk.h"
#include "capture/event.h"

enum {
	PUT_NUMBER = 24, /* digits of any 64-bit number, sign and point */
	PUT_DATE = 19,   /* 2024-11-24T13:08:00 */
	PUT_FLAGS = 128, /* all flags with separators and quotes */
	PUT_SIGNAL = 32,
	PUT_ADDRESS = 46,
};

extern const char put_pairs[201]; /* "00" to "99" */

#define PUT_LITERAL(p, text) put_mem(p, text, sizeof(text) - 1)

static inline uint8_t *put_mem(uint8_t *p, const void *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

static inline uint8_t *put_bytes(uint8_t *p, struct bytes text)
{
	return text.n ? put_mem(p, text.p, text.n) : p;
}

/* v in exactly n digits, zeroes in front. */
static inline uint8_t *put_digits(uint8_t *p, uint64_t v, unsigned n)
{
	unsigned i = n;

	for (; i >= 2; v /= 100)
		memcpy(p + (i -= 2), put_pairs + v % 100 * 2, 2);
	if (i)
		p[0] = '0' + v % 10;
	return p + n;
}

static inline unsigned put_width(uint64_t v)
{
	unsigned n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

static inline uint8_t *put_u64(uint8_t *p, uint64_t v)
{
	if (v < 10) {
		*p = '0' + v;
		return p + 1;
	}
	return put_digits(p, v, put_width(v));
}

static inline uint8_t *put_i64(uint8_t *p, int64_t v)
{
	if (v < 0)
		*p++ = '-';
	return put_u64(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* Nanoseconds as seconds: 12.000345678 */
static inline uint8_t *put_seconds(uint8_t *p, uint64_t ns)
{
	p = put_u64(p, ns / 1000000000);
	*p++ = '.';
	return put_digits(p, ns % 1000000000, 9);
}

static inline uint8_t *put_le64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	return put_mem(p, &v, sizeof(v));
}

static inline uint8_t *put_le32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	return put_mem(p, &v, sizeof(v));
}

/* Lower-case, 2 n digits. */
uint8_t *put_hex(uint8_t *p, const void *from, size_t n);
/* UTC, PUT_DATE bytes. */
uint8_t *put_date(uint8_t *p, uint64_t unix_s);
/* Names joined with commas, each in quotes if asked. At most PUT_FLAGS bytes. */
uint8_t *put_flags(uint8_t *p, uint32_t flags, bool quoted);
/* "SIGKILL", "signal 40". At most PUT_SIGNAL bytes. */
uint8_t *put_signal(uint8_t *p, unsigned number);
/* An address of that family in text, nothing when it is neither IPv4 nor IPv6. At most PUT_ADDRESS
 * bytes. */
uint8_t *put_address(uint8_t *p, int family, const uint8_t address[16]);
/* The NUL-terminated arguments of an argument block with blanks between them: text.n bytes at most.
 */
uint8_t *put_joined(uint8_t *p, struct bytes args);

struct put {
	uint8_t *p, *end;
	bool full;
};

static inline struct put put_begin(const struct chunk *c)
{
	return (struct put){c->p + c->len, c->p + c->cap, false};
}

static inline bool put_room(struct put *w, size_t n)
{
	if (__builtin_expect((size_t)(w->end - w->p) >= n, 1))
		return true;
	w->full = true;
	w->end = w->p;
	return false;
}

/* Keeps the record, or returns what encode() must for one that has no room. */
int put_end(const struct put *w, const struct event *ev, struct chunk *c);
/* -EMSGSIZE when ev cannot fit any chunk (c is an empty jumbo chunk, or its texts alone are too
 * large), else -ENOBUFS. */
int put_no_room(const struct event *ev, const struct chunk *c);
