/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/journal_field.h"

#include "capture/base/utf8.h"

static uint8_t *field_close_binary(uint8_t *value, size_t n)
{
	value[-1] = '\n';
	memmove(value + JOURNAL_FIELD_BINARY, value, n);
	put_le64(value, n);
	return journal_field_end(value + JOURNAL_FIELD_BINARY + n);
}

uint8_t *journal_field_close(uint8_t *value, uint8_t *p)
{
	const char *text = (const char *)value;
	size_t n = p - value;

	if (utf8_plain(text, n) || utf8_printable((struct bytes){text, n}))
		return journal_field_end(p);
	return field_close_binary(value, n);
}

uint8_t *journal_field_text(uint8_t *p, const char *name, size_t name_n, struct bytes text,
			    size_t limit)
{
	uint8_t *value;

	if (!text.n)
		return p;
	value = put_mem(p, name, name_n);
	return journal_field_close(value, put_bytes(value, utf8_cut(text, limit)));
}

bool journal_field_room(size_t *room, struct bytes text, size_t limit)
{
	*room += JOURNAL_FIELD_BINARY + (text.n < limit ? text.n : limit);
	return text.n > limit;
}
