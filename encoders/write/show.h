/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Text for people. What targets typed or sent is shown, never passed on: control characters, bad
 * UTF-8 and what turns the direction of text become escapes (\n, \x9b), so that no recorded byte
 * can move the cursor of whoever looks. What has no room is left out: see struct put.
 */
#include "encoders/write/put.h"

#define SHOW_DIM   "\033[2m"
#define SHOW_BOLD  "\033[1m"
#define SHOW_RED   "\033[31m"
#define SHOW_PLAIN "\033[0m"

/* Our own words, as they are. */
#define SHOW(w, text) show_mem(w, text, sizeof(text) - 1)
static inline void show_mem(struct put *w, const char *text, size_t n)
{
	if (put_room(w, n))
		w->p = put_mem(w->p, text, n);
}

static inline void show_number(struct put *w, uint64_t v)
{
	if (put_room(w, PUT_NUMBER))
		w->p = put_u64(w->p, v);
}

static inline void show_blanks(struct put *w, unsigned n)
{
	if (!put_room(w, n))
		return;
	memset(w->p, ' ', n);
	w->p += n;
}

/* Does this character do nothing but show itself? */
static inline bool show_harmless(const char *text, unsigned len)
{
	const uint8_t *p = (const uint8_t *)text;

	if (len == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (len == 2)
		return p[0] != 0xc2 || p[1] >= 0xa0;
	if (len != 3 || p[0] != 0xe2)
		return true;
	if (p[1] == 0x80) /* marks, separators and overrides of direction */
		return !((p[2] >= 0x8e && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae));
	return p[1] != 0x81 || p[2] < 0xa6 || p[2] > 0xa9;
}

/* Writes the first character of text, which is not empty, and returns its length. */
unsigned show_char(struct put *w, struct bytes text);
void show_bytes(struct put *w, struct bytes text);
/* 842 us, 12.3 ms, 1.2 s, 1:02:03 */
void show_duration(struct put *w, uint64_t ns);
