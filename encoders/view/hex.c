/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/hex.h"

enum {
	ROW = 16,
	ROW_MAX = 2 + 8 + ROW * 3 + 3 + ROW + 2, /* as written, without indent */
	OFFSET_DIGITS = 4,
};

static uint8_t *hex_offset(uint8_t *p, size_t at)
{
	for (int shift = 4 * (at >> 16 ? 2 * OFFSET_DIGITS - 1 : OFFSET_DIGITS - 1); shift >= 0;
	     shift -= 4)
		*p++ = "0123456789abcdef"[at >> shift & 15];
	return PUT_LITERAL(p, "  ");
}

static void hex_row(struct put *w, struct bytes data, size_t at, unsigned indent)
{
	size_t n = data.n - at < ROW ? data.n - at : ROW;
	uint8_t *p;

	if (!put_room(w, indent + ROW_MAX))
		return;
	show_blanks(w, indent);
	p = hex_offset(w->p, at);
	for (size_t i = 0; i < ROW; i++) {
		if (i < n)
			p = put_hex(p, data.p + at + i, 1);
		else
			p = PUT_LITERAL(p, "  ");
		*p++ = ' ';
		if (i == ROW / 2 - 1)
			*p++ = ' ';
	}
	*p++ = ' ';
	for (size_t i = 0; i < n; i++) {
		uint8_t c = data.p[at + i];

		*p++ = c >= 0x20 && c < 0x7f ? c : '.';
	}
	*p++ = '\n';
	w->p = p;
}

void hex_dump(struct put *w, struct bytes data, unsigned indent)
{
	for (size_t at = 0; at < data.n && !w->full; at += ROW)
		hex_row(w, data, at, indent);
}
