/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Names of files that follow each other: a template with the time (UTC, letters of strftime), the
 * host, our process id and a number.
 *
 *   %Y %y %m %d %j %H %M %S %F %s   {host}   {pid}   {seq}   {seq:06}   %% = a per cent sign
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/err.h"

enum {
	NAME_TOKENS = 32,
	NAME_LONGEST = 220, /* of an expanded name: endings and numbers come behind it */
	NAME_HOST = 64,
	NAME_DIGITS = 6, /* of a number that we append */
};

struct name_token {
	char kind;     /* 0 = text[from..from + n), else the letter of a time, 'h', 'p' or 'q' */
	uint8_t width; /* of a number: at least that many digits */
	uint16_t from, n;
};

struct name {
	char text[NAME_LONGEST + 16];
	struct name_token tokens[NAME_TOKENS];
	unsigned n;
	bool varies; /* has a placeholder */
	bool counts; /* has {seq} */
};

struct name_values {
	uint64_t unix_ns, seq;
	const char *host;
	unsigned pid;
};

/* -EINVAL, -ENAMETOOLONG with text that names `label`. */
int name_parse(const char *text, const char *label, struct name *ret, struct err *err);
/* Is there something in text[0..n) that would be a placeholder? */
bool name_has_placeholder(const char *text, size_t n);
/* A template without {seq} gets `-{seq:06}` before its endings. */
int name_number(struct name *name, const char *label, struct err *err);
/* Never holds a slash, never begins with a dot that the template has not. */
int name_expand(const struct name *name, const struct name_values *values, char ret[NAME_MAX + 1]);
/* Could `file` have come from that template, with or without a number appended by
 * name_append_number()? Then *ret_seq is its number, 0 when it has none. */
bool name_match(const struct name *name, const char *file, uint64_t *ret_seq);

/* run.jsonl.zst -> run-000042.jsonl.zst */
int name_append_number(const char *file, uint64_t number, char ret[NAME_MAX + 1]);
/* The number in `other` if it is `file` with one appended; 0 = it is not. */
uint64_t name_appended_number(const char *file, const char *other);
