/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Binary values as PostgreSQL sends them, in network order, as its own output functions write them
 * (ISO dates, intervals in the style of postgres, UTC). */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "capture/query_params_inside.h"

enum oid {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_CHAR = 18,
	OID_NAME = 19,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_OID = 26,
	OID_JSON = 114,
	OID_XML = 142,
	OID_CIDR = 650,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_UNKNOWN = 705,
	OID_INET = 869,
	OID_BPCHAR = 1042,
	OID_VARCHAR = 1043,
	OID_DATE = 1082,
	OID_TIME = 1083,
	OID_TIMESTAMP = 1114,
	OID_TIMESTAMPTZ = 1184,
	OID_INTERVAL = 1186,
	OID_TIMETZ = 1266,
	OID_NUMERIC = 1700,
	OID_UUID = 2950,
	OID_JSONB = 3802
};

enum {
	FLOAT4_FIXED = 6, /* digits before the point, at most */
	FLOAT8_FIXED = 15,
	DAYS_2000 = 10957 /* from 1970 to 2000, where its times begin */
};

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

static uint64_t number_at(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

static int32_t int32_at(const char *p)
{
	return (int32_t)number_at(p, 4);
}

static int64_t int64_at(const char *p)
{
	return (int64_t)number_at(p, 8);
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void write_integer(struct query_text *t, struct bytes raw)
{
	unsigned unused = 64 - 8 * (unsigned)raw.n;

	query_params_write(t, "%lld",
			   (long long)((int64_t)(number_at(raw.p, raw.n) << unused) >> unused));
}

static void write_float(struct query_text *t, struct bytes raw)
{
	bool single = raw.n == sizeof(float);
	struct query_params_real real = {.single = single,
					 .long_exponent = true,
					 .fixed = single ? FLOAT4_FIXED : FLOAT8_FIXED};
	uint64_t bits = number_at(raw.p, raw.n);
	uint32_t half = (uint32_t)bits;
	float f;

	if (single) {
		memcpy(&f, &half, sizeof(f));
		real.value = (double)f;
	} else {
		memcpy(&real.value, &bits, sizeof(bits));
	}
	query_params_write_real(t, &real);
}

enum numeric_sign {
	NUMERIC_MINUS = 0x4000,
	NUMERIC_NAN = 0xc000,
	NUMERIC_INFINITY = 0xd000,
	NUMERIC_MINUS_INFINITY = 0xf000
};

enum {
	NUMERIC_HEAD = 8,  /* groups there are, weight of the first one, sign, digits behind the
			    * point */
	NUMERIC_DIGITS = 4 /* of a group */
};

/* The group of that weight, where one is not sent 0. */
static unsigned numeric_group(struct bytes groups, int weight, int at)
{
	int i = weight - at;

	if (i < 0 || (size_t)i >= groups.n / 2)
		return 0;
	return (unsigned)number_at(groups.p + 2 * (size_t)i, 2) % 10000;
}

static void write_numeric_digits(struct query_text *t, struct bytes groups, int weight,
				 unsigned scale)
{
	char four[NUMERIC_DIGITS + 1];

	query_params_write(t, "%u", weight >= 0 ? numeric_group(groups, weight, weight) : 0);
	for (int at = weight - 1; at >= 0 && !t->cut; at--)
		query_params_write(t, "%04u", numeric_group(groups, weight, at));
	if (scale)
		query_params_write(t, ".");
	for (int at = -1; scale && !t->cut; at--) {
		unsigned n = scale < NUMERIC_DIGITS ? scale : NUMERIC_DIGITS;
		unsigned group = numeric_group(groups, weight, at);

		for (int i = NUMERIC_DIGITS - 1; i >= 0; i--, group /= 10)
			four[i] = (char)('0' + group % 10);
		query_params_write(t, "%.*s", (int)n, four);
		scale -= n;
	}
}

static bool write_numeric(struct query_text *t, struct bytes raw)
{
	unsigned n, sign;

	if (raw.n < NUMERIC_HEAD)
		return false;
	n = (unsigned)number_at(raw.p, 2);
	sign = (unsigned)number_at(raw.p + 4, 2);
	if (raw.n != NUMERIC_HEAD + 2 * (size_t)n)
		return false;
	if (sign == NUMERIC_NAN || sign == NUMERIC_INFINITY || sign == NUMERIC_MINUS_INFINITY) {
		query_params_write(t, "%s",
				   sign == NUMERIC_NAN        ? "NaN"
				   : sign == NUMERIC_INFINITY ? "Infinity"
							      : "-Infinity");
		return true;
	}
	query_params_write(t, "%s", sign == NUMERIC_MINUS ? "-" : "");
	write_numeric_digits(t, (struct bytes){raw.p + NUMERIC_HEAD, raw.n - NUMERIC_HEAD},
			     (int16_t)number_at(raw.p + 2, 2),
			     (unsigned)number_at(raw.p + 6, 2) & 0x3fff);
	return true;
}

/* ---- times --------------------------------------------------------------------------------- */

/* Years before the first one are counted backwards, without a zero. True when it is one of them. */
static bool write_day(struct query_text *t, int64_t days)
{
	struct query_params_date d = query_params_date_of(days + DAYS_2000);
	bool before = d.year <= 0;

	query_params_write(t, "%04lld-%02u-%02u", (long long)(before ? 1 - d.year : d.year),
			   d.month, d.day);
	return before;
}

static void write_clock(struct query_text *t, int64_t micros)
{
	int64_t s = micros / SECOND;

	query_params_write(t, "%02lld:%02u:%02u", (long long)(s / 3600), (unsigned)(s / 60 % 60),
			   (unsigned)(s % 60));
	query_params_write_fraction(t, (uint32_t)(micros % SECOND));
}

static void write_date(struct query_text *t, struct bytes raw)
{
	int32_t days = int32_at(raw.p);

	if (days == INT32_MAX || days == INT32_MIN)
		query_params_write(t, "%sinfinity", days < 0 ? "-" : "");
	else if (write_day(t, days))
		query_params_write(t, " BC");
}

static void write_timestamp(struct query_text *t, struct bytes raw, const char *zone)
{
	int64_t micros = int64_at(raw.p), day = micros / DAY, of_day = micros % DAY;
	bool before;

	if (micros == INT64_MAX || micros == INT64_MIN) {
		query_params_write(t, "%sinfinity", micros < 0 ? "-" : "");
		return;
	}
	if (of_day < 0) {
		of_day += DAY;
		day--;
	}
	before = write_day(t, day);
	query_params_write(t, " ");
	write_clock(t, of_day);
	query_params_write(t, "%s%s", zone, before ? " BC" : "");
}

/* Seconds west of Greenwich. */
static void write_zone(struct query_text *t, int32_t west)
{
	int64_t s = west < 0 ? -(int64_t)west : west;

	query_params_write(t, "%c%02lld", west > 0 ? '-' : '+', (long long)(s / 3600));
	if (s % 3600)
		query_params_write(t, ":%02u", (unsigned)(s / 60 % 60));
	if (s % 60)
		query_params_write(t, ":%02u", (unsigned)(s % 60));
}

static bool write_time(struct query_text *t, struct bytes raw, bool zone)
{
	int64_t micros = int64_at(raw.p);

	if (micros < 0 || micros > DAY)
		return false;
	write_clock(t, micros);
	if (zone)
		write_zone(t, int32_at(raw.p + 8));
	return true;
}

/* One part of an interval, where it is not 0: behind one that is negative, others show their sign.
 */
static void write_part(struct query_text *t, int64_t v, const char *unit, bool *negative)
{
	if (!v)
		return;
	query_params_write(t, "%s%s%lld %s%s", t->n ? " " : "", *negative && v > 0 ? "+" : "",
			   (long long)v, unit, v == 1 ? "" : "s");
	*negative = v < 0;
}

static void write_interval(struct query_text *t, struct bytes raw)
{
	int64_t micros = int64_at(raw.p);
	int32_t days = int32_at(raw.p + 8), months = int32_at(raw.p + 12);
	uint64_t size = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
	bool negative = false;

	if (micros == INT64_MAX && days == INT32_MAX && months == INT32_MAX) {
		query_params_write(t, "infinity");
		return;
	}
	if (micros == INT64_MIN && days == INT32_MIN && months == INT32_MIN) {
		query_params_write(t, "-infinity");
		return;
	}
	write_part(t, months / 12, "year", &negative);
	write_part(t, months % 12, "mon", &negative);
	write_part(t, days, "day", &negative);
	if (t->n && !micros)
		return;
	query_params_write(t, "%s%s", t->n ? " " : "", micros < 0 ? "-" : negative ? "+" : "");
	size = size > INT64_MAX ? INT64_MAX : size;
	write_clock(t, (int64_t)size);
}

/* ---- others -------------------------------------------------------------------------------- */

static void write_uuid(struct query_text *t, const char *p)
{
	for (unsigned i = 0; i < 16; i++)
		query_params_write(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
				   (uint8_t)p[i]);
}

/* Family (2, or 3 for the sixth version), bits of the mask, is it a network, size, address. */
static bool write_inet(struct query_text *t, struct bytes raw)
{
	char text[INET6_ADDRSTRLEN];
	unsigned bits;
	bool v6;

	if (raw.n != 8 && raw.n != 20)
		return false;
	v6 = raw.n == 20;
	bits = (uint8_t)raw.p[1];
	if (raw.p[0] != (v6 ? 3 : 2) || (uint8_t)raw.p[3] != raw.n - 4)
		return false;
	inet_ntop(v6 ? AF_INET6 : AF_INET, raw.p + 4, text, sizeof(text));
	query_params_write(t, "%s", text);
	if (raw.p[2] || bits != (v6 ? 128 : 32))
		query_params_write(t, "/%u", bits);
	return true;
}

/* What has always the same size; 0 = something else. */
static size_t fixed_size(uint32_t oid)
{
	switch (oid) {
	case OID_BOOL:
		return 1;
	case OID_INT2:
		return 2;
	case OID_INT4:
	case OID_OID:
	case OID_FLOAT4:
	case OID_DATE:
		return 4;
	case OID_INT8:
	case OID_FLOAT8:
	case OID_TIME:
	case OID_TIMESTAMP:
	case OID_TIMESTAMPTZ:
		return 8;
	case OID_TIMETZ:
		return 12;
	case OID_INTERVAL:
	case OID_UUID:
		return 16;
	default:
		return 0;
	}
}

static bool write_fixed(struct query_text *t, uint32_t oid, struct bytes raw)
{
	switch (oid) {
	case OID_BOOL:
		query_params_write(t, "%c", *raw.p ? 't' : 'f');
		return true;
	case OID_OID:
		query_params_write(t, "%u", (uint32_t)int32_at(raw.p));
		return true;
	case OID_FLOAT4:
	case OID_FLOAT8:
		write_float(t, raw);
		return true;
	case OID_DATE:
		write_date(t, raw);
		return true;
	case OID_TIME:
	case OID_TIMETZ:
		return write_time(t, raw, oid == OID_TIMETZ);
	case OID_TIMESTAMP:
	case OID_TIMESTAMPTZ:
		write_timestamp(t, raw, oid == OID_TIMESTAMPTZ ? "+00" : "");
		return true;
	case OID_INTERVAL:
		write_interval(t, raw);
		return true;
	case OID_UUID:
		write_uuid(t, raw.p);
		return true;
	default:
		write_integer(t, raw);
		return true;
	}
}

static bool is_text(uint32_t oid)
{
	switch (oid) {
	case OID_CHAR:
	case OID_NAME:
	case OID_TEXT:
	case OID_JSON:
	case OID_XML:
	case OID_UNKNOWN:
	case OID_BPCHAR:
	case OID_VARCHAR:
		return true;
	default:
		return false;
	}
}

bool query_params_postgres_value(struct query_text *t, uint32_t oid, struct bytes raw,
				 struct bytes *ret_text)
{
	size_t size = fixed_size(oid);
	bool done = false;

	if (is_text(oid) || (oid == OID_JSONB && raw.n && *raw.p == 1)) {
		size = oid == OID_JSONB;
		*ret_text = (struct bytes){raw.p + size, raw.n - size};
		return false;
	}
	if (size && size == raw.n)
		done = write_fixed(t, oid, raw);
	else if (oid == OID_NUMERIC)
		done = write_numeric(t, raw);
	else if (oid == OID_INET || oid == OID_CIDR)
		done = write_inet(t, raw);
	if (!done) {
		t->n = 0;
		query_params_write_hex(t, raw);
	}
	return true;
}
