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

static uint8_t *show_tenths(uint8_t *p, uint64_t tenths)
{
	p = put_u64(p, tenths / 10);
	*p++ = '.';
	return put_digits(p, tenths % 10, 1);
}

void show_duration(struct put *w, uint64_t ns)
{
	uint64_t s = ns / 1000000000;
	uint8_t *p = w->p;

	if (!put_room(w, 2 * PUT_NUMBER))
		return;
	if (ns < 1000000) {
		p = PUT_LITERAL(put_u64(p, ns / 1000), " us");
	} else if (s == 0) {
		p = PUT_LITERAL(show_tenths(p, ns / 100000), " ms");
	} else if (s < 60) {
		p = PUT_LITERAL(show_tenths(p, ns / 100000000), " s");
	} else {
		p = put_u64(p, s / 3600);
		*p++ = ':';
		p = put_digits(p, s / 60 % 60, 2);
		*p++ = ':';
		p = put_digits(p, s % 60, 2);
	}
	w->p = p;
}
