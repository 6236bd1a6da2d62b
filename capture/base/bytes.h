/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A borrowed run of bytes: never owned, never NUL-terminated by contract; {NULL, 0} is "none". */
struct bytes {
	const char *p;
	size_t n;
};

#define BYTES(literal) ((struct bytes){ (literal), sizeof(literal) - 1 })

static inline struct bytes bytes_of(const char *text)
{
	return text ? (struct bytes){ text, strlen(text) } : (struct bytes){ 0 };
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
