/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/utf8.h"

unsigned utf8_char(const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t low = 0x80, high = 0xbf; /* limits of the second byte */
	unsigned len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (unsigned i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool utf8_valid(struct bytes text)
{
	for (size_t i = 0; i < text.n;) {
		unsigned len;

		if (text.n - i >= 8 && !utf8_word_high(utf8_word(text.p + i))) {
			i += 8;
			continue;
		}
		len = utf8_char(text.p + i, text.n - i);
		if (!len)
			return false;
		i += len;
	}
	return true;
}

static bool char_is_printable(const char *p, unsigned len)
{
	uint8_t c = p[0];

	if (len == 1)
		return (c >= 0x20 && c != 0x7f) || c == '\t';
	return len != 2 || c != 0xc2 || (uint8_t)p[1] >= 0xa0;
}

bool utf8_printable(struct bytes text)
{
	if (utf8_plain(text.p, text.n))
		return true;
	for (size_t i = 0; i < text.n;) {
		unsigned len = utf8_char(text.p + i, text.n - i);

		if (!len || !char_is_printable(text.p + i, len))
			return false;
		i += len;
	}
	return true;
}

struct bytes utf8_cut(struct bytes text, size_t max)
{
	size_t n = max;

	if (text.n <= max)
		return text;
	while (n > 0 && max - n < 3 && ((uint8_t)text.p[n] & 0xc0) == 0x80)
		n--;
	if (((uint8_t)text.p[n] & 0xc0) == 0x80)
		n = max; /* no UTF-8 here anyway */
	return (struct bytes){text.p, n};
}

size_t utf8_copy(char *dst, size_t room, struct bytes text)
{
	size_t at = 0;

	if (text.n < room && utf8_plain(text.p, text.n)) {
		if (text.n)
			memcpy(dst, text.p, text.n);
		dst[text.n] = 0;
		return text.n;
	}
	for (size_t i = 0; i < text.n;) {
		unsigned len = text.p[i] ? utf8_char(text.p + i, text.n - i) : 0;
		const char *from = len ? text.p + i : "\xef\xbf\xbd";
		unsigned n = len ? len : UTF8_REPLACEMENT;

		if (room - at <= n)
			break;
		memcpy(dst + at, from, n);
		at += n;
		i += len ? len : 1;
	}
	dst[at] = 0;
	return at;
}
