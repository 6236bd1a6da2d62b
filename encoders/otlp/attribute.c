/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/otlp/attribute.h"

#include "capture/base/utf8.h"
#include "encoders/write/put.h"

enum attribute_type attribute_type_of(struct bytes text)
{
	return utf8_plain(text.p, text.n) || utf8_valid(text) ? ATTRIBUTE_STRING : ATTRIBUTE_BYTES;
}

/* Of n bytes, which the caller appends. */
static void attribute_begin_string(struct attributes *a, struct bytes key, size_t n)
{
	attribute_begin(a, key, attribute_text_size(n));
	a->p = pb_write_varint(pb_write_tag(a->p, ATTRIBUTE_STRING, PB_WRITE_LENGTH), n);
}

void attribute_count(struct attributes *a, struct bytes key, uint64_t v)
{
	if (v <= INT64_MAX) {
		attribute_int(a, key, (int64_t)v);
		return;
	}
	attribute_begin_string(a, key, put_width(v));
	a->p = put_u64(a->p, v);
}

void attribute_hex(struct attributes *a, struct bytes key, const void *from, size_t n)
{
	attribute_begin_string(a, key, 2 * n);
	a->p = put_hex(a->p, from, n);
}

/* An element is an AnyValue in an ArrayValue. */
size_t attribute_texts_size(struct bytes block)
{
	struct bytes text;
	size_t size = 0;

	while (bytes_next_arg(&block, &text)) {
		size_t n = attribute_text_size(text.n);

		size += 1 + pb_write_width(n) + n;
	}
	return size;
}

void attribute_texts(struct attributes *a, struct bytes key, struct bytes block)
{
	size_t size = attribute_texts_size(block);
	struct bytes text;

	if (!size)
		return;
	attribute_begin(a, key, attribute_text_size(size));
	a->p = pb_write_varint(pb_write_tag(a->p, ATTRIBUTE_ARRAY, PB_WRITE_LENGTH), size);
	while (bytes_next_arg(&block, &text)) {
		a->p = pb_write_tag(a->p, 1, PB_WRITE_LENGTH);
		a->p = pb_write_varint(a->p, attribute_text_size(text.n));
		a->p = pb_write_item(a->p, attribute_type_of(text), text);
	}
}
