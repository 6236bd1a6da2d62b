/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What recorded text is allowed to be: anything. These tell what of it is UTF-8 (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF). Pure; n may be 0 except in utf8_char().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	UTF8_REPLACEMENT = 3
}; /* bytes of U+FFFD: the growth of utf8_copy() per bad byte */

/* Length of the character at p, of which n > 0 bytes are readable; 0 = none starts here. */
unsigned utf8_char(const char *p, size_t n);
bool utf8_valid(struct bytes text);
/* Valid, and without control characters (C0 but the tab, DEL, C1): fit for one line anywhere. */
bool utf8_printable(struct bytes text);
/* The longest start of text that has at most max bytes and ends between characters. */
struct bytes utf8_cut(struct bytes text, size_t max);
/* Copies text, each bad byte as U+FFFD and NUL as well, ends it with a NUL, and cuts it between
 * characters where room (> 0) ends. Returns the length without the NUL. */
size_t utf8_copy(char *dst, size_t room, struct bytes text);

/* Eight bytes of text at once: nonzero when one of them is below limit (at most 0x80), is c, or is
 * not ASCII. */
#define UTF8_WORD(byte) (0x0101010101010101ull * (byte))

static inline uint64_t utf8_word(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint64_t utf8_word_below(uint64_t w, uint8_t limit)
{
	return (w - UTF8_WORD(limit)) & ~w & UTF8_WORD(0x80);
}

static inline uint64_t utf8_word_has(uint64_t w, uint8_t c)
{
	return utf8_word_below(w ^ UTF8_WORD(c), 1);
}

static inline uint64_t utf8_word_high(uint64_t w)
{
	return w & UTF8_WORD(0x80);
}

/* Eight bytes at once: is each of them printable ASCII? */
static inline bool utf8_word_plain(uint64_t w)
{
	return !(utf8_word_high(w) | utf8_word_below(w, 0x20) | utf8_word_has(w, 0x7f));
}

/* Is all of it printable ASCII? A hot path: texts of any length without a loop over their rest. */
static inline bool utf8_plain(const char *p, size_t n)
{
	signed char v __attribute__((vector_size(16))), ok __attribute__((vector_size(16)));
	uint32_t low, high;
	uint64_t halves[2];

	if (n < 4) /* the same byte twice does no harm */
		return !n || utf8_word_plain(UTF8_WORD(' ') ^ (uint8_t)(p[0] ^ ' ') ^
					     (uint64_t)(uint8_t)(p[n / 2] ^ ' ') << 8 ^
					     (uint64_t)(uint8_t)(p[n - 1] ^ ' ') << 16);
	if (n < 8) {
		memcpy(&low, p, 4);
		memcpy(&high, p + n - 4, 4);
		return utf8_word_plain((uint64_t)high << 32 | low);
	}
	if (n < 16)
		return utf8_word_plain(utf8_word(p)) && utf8_word_plain(utf8_word(p + n - 8));
	memcpy(&v, p + n - 16, 16);
	ok = (v > 0x1f) & (v != 0x7f); /* from 0x80 on they are negative */
	for (size_t i = 0; i + 16 < n; i += 16) {
		memcpy(&v, p + i, 16);
		ok &= (v > 0x1f) & (v != 0x7f);
	}
	memcpy(halves, &ok, sizeof(halves));
	return (halves[0] & halves[1]) == UINT64_MAX;
}
