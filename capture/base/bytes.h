/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed run of bytes: never owned, never NUL-terminated by contract; {NULL, 0} is "none". */
struct bytes {
	const char *p;
	size_t n;
};

#define BYTES(literal) ((struct bytes){(literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const char *text)
{
	return text ? (struct bytes){text, strlen(text)} : (struct bytes){0};
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Takes the next argument off a block of NUL-terminated ones (the last NUL may be missing); false
 * at the end. */
static inline bool bytes_next_arg(struct bytes *args, struct bytes *ret)
{
	const char *end;
	size_t n;

	if (!args->n)
		return false;
	end = memchr(args->p, 0, args->n);
	n = end ? (size_t)(end - args->p) : args->n;
	*ret = (struct bytes){args->p, n};
	n += end != NULL;
	*args = (struct bytes){args->p + n, args->n - n};
	return true;
}

/* Numbers as files have them, little endian, wherever they lie. */
static inline uint32_t bytes_get_le32(const void *from)
{
	const uint8_t *p = from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t bytes_get_le64(const void *from)
{
	return bytes_get_le32(from) | (uint64_t)bytes_get_le32((const char *)from + 4) << 32;
}

static inline void bytes_put_le(void *to, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)(value >> 8 * i);
}
