/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_write.h"

#include "capture/base/utf8.h"

uint8_t *pb_write_text(uint8_t *p, unsigned field, struct bytes text)
{
	struct pb_write_message m;

	if (!text.n)
		return p;
	if (text.n <= PB_WRITE_TEXT && utf8_plain(text.p, text.n))
		return pb_write_item(p, field, text);
	p = pb_write_begin(pb_write_tag(p, field, PB_WRITE_LENGTH), text.n, &m);
	p += utf8_copy((char *)p, PB_WRITE_TEXT + 1, text);
	return pb_write_end(p, &m);
}
