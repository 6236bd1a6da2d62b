/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Largest first: showing takes the first one that divides. */
static const struct unit size_units[] = {
	{"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20},
	{"K", 1ull << 10}, {"", 1},           {NULL, 0},
};

#define NS_PER_S 1000000000ull
static const struct unit duration_units[] = {
	{"d", 86400 * NS_PER_S},
	{"h", 3600 * NS_PER_S},
	{"m", 60 * NS_PER_S},
	{"s", NS_PER_S},
	{"ms", 1000000},
	{"us", 1000},
	{"ns", 1},
	{NULL, 0},
};

/* Leading digits; *ret_end is what follows them. */
static int parse_digits(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t value = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return -ERANGE;
	if (c == text)
		return -EINVAL;
	*ret = value;
	*ret_end = c;
	return 0;
}

int parse_u64(const char *text, uint64_t *ret)
{
	const char *end;
	uint64_t value;
	int r = parse_digits(text, &value, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	*ret = value;
	return 0;
}

int parse_u32(const char *text, uint32_t *ret)
{
	uint64_t value;
	int r = parse_u64(text, &value);

	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

/* bare: the suffix meant by a number without one. */
static int parse_value(const char *text, const struct unit *units, const char *bare, uint64_t *ret)
{
	const char *suffix;
	uint64_t value;
	int r = parse_digits(text, &value, &suffix);

	if (r < 0)
		return r;
	if (!*suffix)
		suffix = bare;
	for (; units->suffix; units++) {
		if (strcmp(units->suffix, suffix))
			continue;
		if (__builtin_mul_overflow(value, units->factor, &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse_value(text, size_units, "", ret_bytes);
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	return parse_value(text, duration_units, "s", ret_ns);
}

static const char *parse_show_value(uint64_t value, const struct unit *units, char ret[PARSE_SHOW])
{
	while (value && value % units->factor)
		units++;
	snprintf(ret, PARSE_SHOW, "%" PRIu64 "%s", value / units->factor, units->suffix);
	return ret;
}

const char *parse_show_size(uint64_t bytes, char ret[PARSE_SHOW])
{
	return parse_show_value(bytes, size_units, ret);
}

const char *parse_show_duration(uint64_t ns, char ret[PARSE_SHOW])
{
	return parse_show_value(ns, duration_units, ret);
}
