/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/hpack.h"

#include <string.h>

#include "encoders/redact/http1.h"

enum {
	STATIC_ENTRIES = 61,
	NUMBER_SHIFT_MAX = 21,  /* numbers below 2^28: what is larger is no header block */
	HUFFMAN_ASTERISK = 0xf9 /* its code has eight bits, and so needs no padding */
};

enum hpack_state {
	FIELD, /* as it is before the first byte */
	NUMBER,
	NAME_LENGTH,
	NAME,
	VALUE_LENGTH,
	VALUE
};

/* What a number that has been read to its end is. */
enum hpack_after {
	AFTER_FIELD, /* an entry, or a new size of the table: nothing follows */
	AFTER_ENTRY, /* the entry whose name the field has; 0 = the name follows */
	AFTER_NAME_LENGTH,
	AFTER_VALUE_LENGTH
};

/* Of the four names; a code is unique, since its padding is given. */
static bool huffman_is_secret(struct bytes name)
{
	static const struct bytes codes[] = {
		BYTES("\x1d\xa9\x9c\xf6\x1b\xd8\xd2\x63\xd5"),
		BYTES("\xae\xc3\xf9\xf4\xb0\xed\x4c\xe7\xb0\xde\xc6\x93\x1e\xaf"),
		BYTES("\x21\xcf\xd4\xc5"),
		BYTES("\x41\x52\xb1\x0e\x7e\xa6\x2f"),
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (bytes_eq(name, codes[i]))
			return true;
	return false;
}

static bool name_is_secret(const struct redact_hpack *h)
{
	struct bytes name = {h->name, h->name_n};

	return h->huffman ? huffman_is_secret(name) : redact_http1_is_secret(name);
}

/* ---- the table ----------------------------------------------------------------------------- */

static bool static_is_secret(uint32_t entry)
{
	return entry == 23 || entry == 32 || entry == 49 || entry == 55;
}

static bool entry_is_secret(const struct redact_hpack *h, uint32_t entry)
{
	uint32_t age;

	if (entry <= STATIC_ENTRIES)
		return static_is_secret(entry);
	age = entry - STATIC_ENTRIES - 1;
	if (age >= h->known)
		return true;
	entry = (h->next - 1 - age) % REDACT_HPACK_ENTRIES;
	return h->secrets[entry / 64] >> entry % 64 & 1;
}

static void entry_add(struct redact_hpack *h)
{
	uint32_t entry = h->next++ % REDACT_HPACK_ENTRIES;
	uint64_t bit = 1ull << entry % 64;

	if (h->secret)
		h->secrets[entry / 64] |= bit;
	else
		h->secrets[entry / 64] &= ~bit;
	if (h->known < REDACT_HPACK_ENTRIES)
		h->known++;
}

/* ---- fields -------------------------------------------------------------------------------- */

static void field_end(struct redact_hpack *h)
{
	h->state = FIELD;
	if (h->keeps)
		entry_add(h);
	h->keeps = false;
}

static void number_end(struct redact_hpack *h)
{
	switch ((enum hpack_after)h->after) {
	case AFTER_FIELD:
		h->state = FIELD;
		break;
	case AFTER_ENTRY:
		h->secret = h->left && entry_is_secret(h, h->left);
		h->state = h->left ? VALUE_LENGTH : NAME_LENGTH;
		break;
	case AFTER_NAME_LENGTH:
		h->name_n = 0;
		h->secret = false;
		h->state = h->left ? NAME : VALUE_LENGTH;
		break;
	case AFTER_VALUE_LENGTH:
		h->state = VALUE;
		if (!h->left)
			field_end(h);
		break;
	}
}

/* The low `bits` of a byte begin a number. */
static void number_begin(struct redact_hpack *h, uint8_t byte, unsigned bits,
			 enum hpack_after after)
{
	uint32_t most = (1u << bits) - 1;

	h->after = (uint8_t)after;
	h->left = byte & most;
	h->shift = 0;
	h->state = NUMBER;
	if (h->left != most)
		number_end(h);
}

static bool number_byte(struct redact_hpack *h, uint8_t byte)
{
	if (h->shift > NUMBER_SHIFT_MAX)
		return false;
	h->left += (uint32_t)(byte & 0x7f) << h->shift;
	h->shift += 7;
	if (!(byte & 0x80))
		number_end(h);
	return true;
}

static void field_byte(struct redact_hpack *h, uint8_t byte)
{
	if (byte & 0x80) {
		number_begin(h, byte, 7, AFTER_FIELD);
	} else if (byte & 0x40) {
		h->keeps = true;
		number_begin(h, byte, 6, AFTER_ENTRY);
	} else if (byte & 0x20) {
		number_begin(h, byte, 5, AFTER_FIELD);
	} else {
		number_begin(h, byte, 4, AFTER_ENTRY);
	}
}

static void name_byte(struct redact_hpack *h, uint8_t byte)
{
	if (h->name_n < REDACT_HPACK_NAME)
		h->name[h->name_n++] = (char)byte;
	if (--h->left)
		return;
	h->secret = name_is_secret(h);
	h->state = VALUE_LENGTH;
}

static size_t value_feed(struct redact_hpack *h, struct redact_copy *c, size_t from, size_t to)
{
	size_t n = to - from < h->left ? to - from : h->left;

	if (h->secret)
		redact_copy_mask(c, from, from + n, h->huffman ? (char)HUFFMAN_ASTERISK : '*');
	h->left -= (uint32_t)n;
	if (!h->left)
		field_end(h);
	return from + n;
}

bool redact_hpack_feed(struct redact_hpack *h, struct redact_copy *c, size_t from, size_t to)
{
	while (from < to) {
		uint8_t byte = (uint8_t)c->in.p[from];

		switch ((enum hpack_state)h->state) {
		case FIELD:
			field_byte(h, byte);
			break;
		case NUMBER:
			if (!number_byte(h, byte))
				return false;
			break;
		case NAME_LENGTH:
		case VALUE_LENGTH:
			h->huffman = byte & 0x80;
			number_begin(h, byte, 7,
				     h->state == NAME_LENGTH ? AFTER_NAME_LENGTH
							     : AFTER_VALUE_LENGTH);
			break;
		case NAME:
			name_byte(h, byte);
			break;
		case VALUE:
			from = value_feed(h, c, from, to);
			continue;
		}
		from++;
	}
	return true;
}

bool redact_hpack_end(struct redact_hpack *h)
{
	bool whole = h->state == FIELD;

	h->state = FIELD;
	h->keeps = false;
	return whole;
}

void redact_hpack_forget(struct redact_hpack *h)
{
	h->state = FIELD;
	h->keeps = false;
	h->known = 0;
}
