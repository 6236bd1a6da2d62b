/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values in the binary protocol of MySQL and MariaDB, which is little endian. */
#include <string.h>

#include "capture/base/utf8.h"
#include "capture/query_params_inside.h"

enum mysql_type {
	TYPE_TINY = 1,
	TYPE_SHORT = 2,
	TYPE_LONG = 3,
	TYPE_FLOAT = 4,
	TYPE_DOUBLE = 5,
	TYPE_NULL = 6,
	TYPE_TIMESTAMP = 7,
	TYPE_LONGLONG = 8,
	TYPE_INT24 = 9,
	TYPE_DATE = 10,
	TYPE_TIME = 11,
	TYPE_DATETIME = 12,
	TYPE_YEAR = 13,
	TYPE_BIT = 16,
	TYPE_TINY_BLOB = 249,
	TYPE_BLOB = 252,
	TYPE_GEOMETRY = 255,
	TYPE_UNSIGNED = 0x8000 /* added to a type */
};

enum {
	REAL_FIXED = 15, /* digits before the point, at most */
	LENGTH_NONE = 251,
	LENGTH_2 = 252,
	LENGTH_3 = 253,
	LENGTH_8 = 254
};

static uint64_t number_at(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)(uint8_t)p[i] << 8 * i;
	return v;
}

static bool rest_take(struct bytes *rest, size_t n, struct bytes *ret)
{
	if (rest->n < n)
		return false;
	*ret = (struct bytes){rest->p, n};
	*rest = (struct bytes){rest->p + n, rest->n - n};
	return true;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void write_integer(struct query_text *t, struct bytes raw, bool is_unsigned)
{
	uint64_t v = number_at(raw.p, raw.n);
	unsigned unused = 64 - 8 * (unsigned)raw.n;

	if (is_unsigned)
		query_params_write(t, "%llu", (unsigned long long)v);
	else
		query_params_write(t, "%lld", (long long)((int64_t)(v << unused) >> unused));
}

static void write_real(struct query_text *t, struct bytes raw)
{
	struct query_params_real real = {.fixed = REAL_FIXED, .single = raw.n == sizeof(float)};
	float single;

	if (real.single) {
		memcpy(&single, raw.p, sizeof(single));
		real.value = (double)single;
	} else {
		memcpy(&real.value, raw.p, sizeof(real.value));
	}
	query_params_write_real(t, &real);
}

/* ---- times --------------------------------------------------------------------------------- */

/* hour, minute, second, and microseconds when they are there */
static void write_clock(struct query_text *t, uint64_t hour, struct bytes rest)
{
	query_params_write(t, "%02llu:%02u:%02u", (unsigned long long)hour, (uint8_t)rest.p[0],
			   (uint8_t)rest.p[1]);
	if (rest.n >= 6)
		query_params_write(t, ".%06u", (uint32_t)number_at(rest.p + 2, 4) % 1000000);
}

/* Nothing, a date, or date and time with or without microseconds; what is left out is 0. */
static void write_datetime(struct query_text *t, struct bytes raw, bool date_only)
{
	const uint8_t *p = (const uint8_t *)raw.p;

	if (raw.n != 0 && raw.n != 4 && raw.n != 7 && raw.n != 11) {
		query_params_write_hex(t, raw);
		return;
	}
	if (raw.n)
		query_params_write(t, "%04u-%02u-%02u", p[0] | p[1] << 8, p[2], p[3]);
	else
		query_params_write(t, "0000-00-00");
	if (raw.n < 7) {
		query_params_write(t, "%s", date_only ? "" : " 00:00:00");
		return;
	}
	query_params_write(t, " ");
	write_clock(t, p[4], (struct bytes){raw.p + 5, raw.n - 5});
}

/* Nothing, or: is it negative, days, time. */
static void write_time(struct query_text *t, struct bytes raw)
{
	if (!raw.n) {
		query_params_write(t, "00:00:00");
		return;
	}
	if (raw.n != 8 && raw.n != 12) {
		query_params_write_hex(t, raw);
		return;
	}
	query_params_write(t, "%s", *raw.p ? "-" : "");
	write_clock(t, 24 * number_at(raw.p + 1, 4) + (uint8_t)raw.p[5],
		    (struct bytes){raw.p + 6, raw.n - 6});
}

/* ---- all of them --------------------------------------------------------------------------- */

bool query_params_mysql_length(struct bytes *rest, uint64_t *ret)
{
	struct bytes head;
	size_t more;

	if (!rest_take(rest, 1, &head))
		return false;
	*ret = (uint8_t)*head.p;
	if (*ret < LENGTH_NONE)
		return true;
	more = *ret == LENGTH_2 ? 2 : *ret == LENGTH_3 ? 3 : *ret == LENGTH_8 ? 8 : 0;
	if (!more || !rest_take(rest, more, &head))
		return false;
	*ret = number_at(head.p, more);
	return true;
}

/* Bytes with their length in front: at least one of them, where they are cut. */
static bool bytes_take(struct bytes *rest, struct query_value *ret, bool binary,
		       struct query_text *t)
{
	struct bytes raw;
	uint64_t n;

	if (!query_params_mysql_length(rest, &n) || (n && !rest->n))
		return false;
	ret->text_cut = n > rest->n;
	rest_take(rest, ret->text_cut ? rest->n : (size_t)n, &raw);
	if (binary && !utf8_valid(raw))
		query_params_write_hex(t, raw);
	else
		ret->text = raw;
	return true;
}

/* The length of a number; 0 = it is something else. */
static size_t number_size(unsigned type)
{
	switch (type) {
	case TYPE_TINY:
		return 1;
	case TYPE_SHORT:
	case TYPE_YEAR:
		return 2;
	case TYPE_LONG:
	case TYPE_INT24:
	case TYPE_FLOAT:
		return 4;
	case TYPE_DOUBLE:
	case TYPE_LONGLONG:
		return 8;
	default:
		return 0;
	}
}

static bool number_take(struct query_text *t, unsigned type, bool is_unsigned, struct bytes *rest)
{
	struct bytes raw;

	if (!rest_take(rest, number_size(type), &raw))
		return false;
	if (type == TYPE_FLOAT || type == TYPE_DOUBLE)
		write_real(t, raw);
	else
		write_integer(t, raw, is_unsigned);
	return true;
}

static bool time_take(struct query_text *t, unsigned type, struct bytes *rest)
{
	struct bytes raw;

	if (!rest_take(rest, 1, &raw) || !rest_take(rest, (uint8_t)*raw.p, &raw))
		return false;
	if (type == TYPE_TIME)
		write_time(t, raw);
	else
		write_datetime(t, raw, type == TYPE_DATE);
	return true;
}

bool query_params_mysql_value(struct query_text *t, uint16_t type, struct bytes *rest,
			      struct query_value *ret)
{
	unsigned plain = type & 0xff;

	switch (plain) {
	case TYPE_NULL:
		ret->null = true;
		return true;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
	case TYPE_DATETIME:
		return time_take(t, plain, rest);
	default:
		break;
	}
	if (number_size(plain))
		return number_take(t, plain, type & TYPE_UNSIGNED, rest);
	return bytes_take(rest, ret,
			  plain == TYPE_BIT || plain == TYPE_GEOMETRY ||
				  (plain >= TYPE_TINY_BLOB && plain <= TYPE_BLOB),
			  t);
}
