/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * JSON by hand, into a struct put: raw UTF-8, plain slashes, no blanks, so that grep finds what
 * people look for. Whatever bytes come, what is written is valid. Fields start with their comma;
 * JSON_FIRST is for the first one of an object.
 */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "encoders/write/put.h"

#define JSON(w, text)           json_literal(w, text, sizeof(text) - 1)
#define JSON_NUMBER(w, name, v) json_number(w, ",\"" name "\":", sizeof(name) + 3, v)
#define JSON_SIGNED(w, name, v) json_signed(w, ",\"" name "\":", sizeof(name) + 3, v)
#define JSON_FIRST(w, name, v)  json_number(w, "\"" name "\":", sizeof(name) + 2, v)
/* Numbers that may be above 2^53, which jq and JavaScript would round: digits in quotes. */
#define JSON_DIGITS(w, name, v)       json_digits(w, ",\"" name "\":\"", sizeof(name) + 4, v)
#define JSON_FIRST_DIGITS(w, name, v) json_digits(w, "\"" name "\":\"", sizeof(name) + 3, v)
/* Text that is UTF-8 as a rule; a bad byte becomes U+FFFD. Left out when there is none. */
#define JSON_STRING(w, name, text) json_string(w, ",\"" name "\":", sizeof(name) + 3, text)
/* Any bytes: a plain string, or base64 under <name>_base64. Left out when there are none. */
#define JSON_BYTES(w, name, text)                                                                  \
	json_bytes(w, ",\"" name "\":", sizeof(name) + 3, ",\"" name "_base64\":", text)

static inline void json_literal(struct put *w, const char *text, size_t n)
{
	if (put_room(w, n))
		w->p = put_mem(w->p, text, n);
}

static inline void json_number(struct put *w, const char *key, size_t key_n, uint64_t v)
{
	if (put_room(w, key_n + PUT_NUMBER))
		w->p = put_u64(put_mem(w->p, key, key_n), v);
}

static inline void json_digits(struct put *w, const char *key, size_t key_n, uint64_t v)
{
	if (!put_room(w, key_n + PUT_NUMBER))
		return;
	w->p = put_u64(put_mem(w->p, key, key_n), v);
	*w->p++ = '"';
}

static inline void json_signed(struct put *w, const char *key, size_t key_n, int64_t v)
{
	if (put_room(w, key_n + PUT_NUMBER))
		w->p = put_i64(put_mem(w->p, key, key_n), v);
}

/* Numbers that are names, as 16 hex digits in quotes. */
#define JSON_HEX(w, name, v) json_hex(w, "\"" name "\":", sizeof(name) + 2, v)
#define JSON_ADDRESS(w, name, family, address)                                                     \
	json_address(w, ",\"" name "\":", sizeof(name) + 3, family, address)

void json_hex(struct put *w, const char *key, size_t key_n, uint64_t v);
void json_address(struct put *w, const char *key, size_t key_n, int family,
		  const uint8_t address[16]);
void json_string(struct put *w, const char *key, size_t key_n, struct bytes text);
void json_bytes(struct put *w, const char *key, size_t key_n, const char *base64_key,
		struct bytes text);
/* One element of an array: a string, or base64 when `encoded`. False: the text is no UTF-8, so that
 * all elements must be base64. */
bool json_element(struct put *w, struct bytes text, bool encoded);
/* A block of NUL-terminated arguments as array `argv`; as `argv_base64` if any is no UTF-8. */
void json_argv(struct put *w, struct bytes args);
/* key with comma and colon, then 16 bytes as hex digits. */
void json_id(struct put *w, const char *key, const uint8_t id[16]);
