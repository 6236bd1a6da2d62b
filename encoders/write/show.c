/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/write/show.h"

#include "capture/base/utf8.h"

enum {
	ESCAPE_MAX = 4 * 4, /* a character, byte by byte */
};

static uint8_t *show_escape(uint8_t *p, uint8_t c)
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
		w->p = show_escape(w->p, text.p[i]);
	return n;
}

void show_bytes(struct put *w, struct bytes text)
{
	for (size_t i = 0; i < text.n && !w->full;)
		i += show_char(w, (struct bytes){text.p + i, text.n - i});
}
