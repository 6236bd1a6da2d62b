/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/show.h"

#include "capture/base/utf8.h"

enum {
	ESCAPE_MAX = 4 * 4, /* a character, byte by byte */
};

void show_mem(struct put *w, const char *text, size_t n)
{
	if (put_room(w, n))
		w->p = put_mem(w->p, text, n);
}

void show_number(struct put *w, uint64_t v)
{
	if (put_room(w, PUT_NUMBER))
		w->p = put_u64(w->p, v);
}

void show_blanks(struct put *w, unsigned n)
{
	if (!put_room(w, n))
		return;
	memset(w->p, ' ', n);
	w->p += n;
}

bool show_harmless(const char *text, unsigned len)
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

static uint8_t *escape(uint8_t *p, uint8_t c)
{
	static const char shorts[32] = {['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r', [033] = 'e'};

	*p++ = '\\';
	if (c < 0x20 && shorts[c]) {
		*p++ = shorts[c];
		return p;
	}
	*p++ = 'x';
	return put_hex(p, &c, 1);
}

unsigned show_char(struct put *w, struct bytes text)
{
	unsigned len = utf8_char(text.p, text.n), n = len ? len : 1;

	if (!put_room(w, ESCAPE_MAX))
		return n;
	if (len && show_harmless(text.p, len)) {
		w->p = put_mem(w->p, text.p, len);
		return n;
	}
	for (unsigned i = 0; i < n; i++)
		w->p = escape(w->p, text.p[i]);
	return n;
}

void show_bytes(struct put *w, struct bytes text)
{
	for (size_t i = 0; i < text.n && !w->full;)
		i += show_char(w, (struct bytes){text.p + i, text.n - i});
}
