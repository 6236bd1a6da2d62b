/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/write/json.h"

#include <string.h>

#include "capture/base/utf8.h"

enum {
	ESCAPE_MAX = 6,    /* the longest form of one byte: \u001f */
	ESCAPE_SLACK = 16, /* a block may end inside a character, which is written whole */
};

/* What becomes of bytes that are no UTF-8. */
enum bad {
	BAD_REFUSE,
	BAD_REPLACE
};

static uint8_t *json_escape(uint8_t *p, uint8_t c)
{
	static const char shorts[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	*p++ = '\\';
	if (c >= 0x20 || shorts[c]) {
		*p++ = c >= 0x20 ? c : shorts[c];
		return p;
	}
	p = PUT_LITERAL(p, "u00");
	return put_hex(p, &c, 1);
}

static bool word_is_plain(uint64_t w)
{
	return !(utf8_word_high(w) | utf8_word_below(w, 0x20) | utf8_word_has(w, '"') |
		 utf8_word_has(w, '\\'));
}

/* Copies plain words of eight bytes; what needs a look is left. The last word of a text of eight
 * bytes or more may be some bytes that are copied again; less are filled up with blanks, for which
 * there is room. */
static size_t copy_words(uint8_t *p, const char *text, size_t n)
{
	uint64_t w = UTF8_WORD(' ');
	size_t i = 0;

	for (; n - i >= sizeof(w); i += sizeof(w)) {
		w = utf8_word(text + i);
		memcpy(p + i, &w, sizeof(w));
		if (!word_is_plain(w))
			return i;
	}
	if (i == n)
		return n;
	if (i) {
		w = utf8_word(text + n - sizeof(w));
		memcpy(p + n - sizeof(w), &w, sizeof(w));
	} else {
		for (size_t k = 0; k < n; k++)
			w = w << 8 | (uint8_t)text[n - 1 - k];
		memcpy(p, &w, sizeof(w));
	}
	return word_is_plain(w) ? n : i;
}

/* Escapes characters that start in the first `block` bytes of text. Returns how far it came: less
 * than block only where BAD_REFUSE meets a bad byte. */
static size_t escape_block(struct put *w, struct bytes text, size_t block, enum bad bad)
{
	uint8_t *p = w->p;
	size_t i = 0;

	while (i < block) {
		size_t plain = copy_words(p, text.p + i, block - i);
		uint8_t c;
		unsigned len;

		p += plain;
		i += plain;
		if (i == block)
			break;
		c = text.p[i];
		len = c < 0x80 ? 1 : utf8_char(text.p + i, text.n - i);
		if (len == 1) {
			if (c >= 0x20 && c != '"' && c != '\\')
				*p++ = c;
			else
				p = json_escape(p, c);
		} else if (len) {
			p = put_mem(p, text.p + i, len);
		} else {
			if (bad == BAD_REFUSE)
				break;
			p = PUT_LITERAL(p, "\xef\xbf\xbd");
		}
		i += len ? len : 1;
	}
	w->p = p;
	return i;
}

/* A quoted string. False when bad bytes were refused; w is then where they were met. */
static bool json_quoted(struct put *w, struct bytes text, enum bad bad)
{
	JSON(w, "\"");
	while (text.n && !w->full) {
		size_t room = w->end - w->p, block = text.n, done;

		if (room < ESCAPE_MAX * block + ESCAPE_SLACK) {
			if (!put_room(w, ESCAPE_MAX + ESCAPE_SLACK))
				break;
			room = (room - ESCAPE_SLACK) / ESCAPE_MAX;
			block = block < room ? block : room;
		}
		done = escape_block(w, text, block, bad);
		if (done < block)
			return false;
		text = (struct bytes){text.p + done, text.n - done};
	}
	JSON(w, "\"");
	return true;
}

static void json_base64(struct put *w, struct bytes text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	const uint8_t *from = (const uint8_t *)text.p;
	uint8_t *p;

	if (!put_room(w, (text.n + 2) / 3 * 4 + 2))
		return;
	p = w->p;
	*p++ = '"';
	for (size_t i = 0; i < text.n; i += 3) {
		unsigned left = text.n - i;
		uint32_t v = from[i] << 16 | (left > 1 ? from[i + 1] << 8 : 0) |
			     (left > 2 ? from[i + 2] : 0);

		*p++ = digits[v >> 18];
		*p++ = digits[v >> 12 & 63];
		*p++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*p++ = left > 2 ? digits[v & 63] : '=';
	}
	*p++ = '"';
	w->p = p;
}

void json_bytes(struct put *w, const char *key, size_t key_n, const char *base64_key,
		struct bytes text)
{
	uint8_t *start = w->p;

	if (!text.n)
		return;
	json_literal(w, key, key_n);
	if (json_quoted(w, text, BAD_REFUSE) || w->full)
		return;
	w->p = start;
	json_literal(w, base64_key, strlen(base64_key));
	json_base64(w, text);
}

void json_string(struct put *w, const char *key, size_t key_n, struct bytes text)
{
	if (!text.n)
		return;
	json_literal(w, key, key_n);
	json_quoted(w, text, BAD_REPLACE);
}

bool json_element(struct put *w, struct bytes text, bool encoded)
{
	if (!encoded)
		return json_quoted(w, text, BAD_REFUSE);
	json_base64(w, text);
	return true;
}

/* Each argument is a string, or, if one of them is no UTF-8, all are base64. False: refused. */
static bool json_arguments(struct put *w, struct bytes args, bool encoded)
{
	struct bytes arg;
	bool first = true;

	JSON(w, "[");
	while (!w->full && bytes_next_arg(&args, &arg)) {
		if (!first)
			JSON(w, ",");
		first = false;
		if (!json_element(w, arg, encoded))
			return false;
	}
	JSON(w, "]");
	return true;
}

void json_argv(struct put *w, struct bytes args)
{
	uint8_t *start = w->p;

	if (!args.n)
		return;
	JSON(w, ",\"argv\":");
	if (json_arguments(w, args, false) || w->full)
		return;
	w->p = start;
	JSON(w, ",\"argv_base64\":");
	json_arguments(w, args, true);
}

void json_hex(struct put *w, const char *key, size_t key_n, uint64_t v)
{
	if (!put_room(w, key_n + 2 * sizeof(v) + 2))
		return;
	v = htobe64(v);
	w->p = put_mem(w->p, key, key_n);
	*w->p++ = '"';
	w->p = put_hex(w->p, &v, sizeof(v));
	*w->p++ = '"';
}

void json_address(struct put *w, const char *key, size_t key_n, int family,
		  const uint8_t address[16])
{
	if (!put_room(w, key_n + PUT_ADDRESS + 2))
		return;
	w->p = put_mem(w->p, key, key_n);
	*w->p++ = '"';
	w->p = put_address(w->p, family, address);
	*w->p++ = '"';
}

void json_id(struct put *w, const char *key, const uint8_t id[16])
{
	json_literal(w, key, strlen(key));
	if (!put_room(w, 2 * 16 + 2))
		return;
	*w->p++ = '"';
	w->p = put_hex(w->p, id, 16);
	*w->p++ = '"';
}
