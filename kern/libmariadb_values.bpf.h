/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * The values of a prepared statement of Connector/C, out of the program's own variables, as the
 * list that all probes of clients make. Numbers are written in decimal.
 */
#include "kern/libmariadb.h"
#include "kern/statement.bpf.h"

/* enum enum_field_types */
enum {
	TYPE_TINY = 1,
	TYPE_SHORT = 2,
	TYPE_LONG = 3,
	TYPE_FLOAT = 4,
	TYPE_DOUBLE = 5,
	TYPE_NULL = 6,
	TYPE_TIMESTAMP = 7,
	TYPE_LONGLONG = 8,
	TYPE_INT24 = 9,
	TYPE_TIME = 12,
	TYPE_YEAR = 13
};

enum {
	DIGITS = 20 /* of 64 bits */
};

/* What a value is made of: text of the process, or a number. */
struct bound {
	__u64 address, n;
	__u64 number;
	bool is_null, is_number, negative;
};

/* Reads one number of the type; false when it is of another. */
static __always_inline bool bound_number(struct bound *b, __u32 type, bool is_unsigned)
{
	__s64 v;

	switch (type) {
	case TYPE_TINY:
		v = is_unsigned ? USER_VALUE(__u8, b->address) : USER_VALUE(__s8, b->address);
		break;
	case TYPE_SHORT:
	case TYPE_YEAR:
		v = is_unsigned ? USER_VALUE(__u16, b->address) : USER_VALUE(__s16, b->address);
		break;
	case TYPE_LONG:
	case TYPE_INT24:
		v = is_unsigned ? USER_VALUE(__u32, b->address) : USER_VALUE(__s32, b->address);
		break;
	case TYPE_LONGLONG:
		v = USER_VALUE(__s64, b->address);
		break;
	default:
		return false;
	}
	b->negative = !is_unsigned && v < 0;
	b->number = b->negative ? -(__u64)v : (__u64)v;
	return true;
}

/* False when it is of a type that is not written: floating point, times. */
static __always_inline bool bound_read(struct bound *b, __u64 bind)
{
	__u32 type = USER_VALUE(__u32, bind + BIND_TYPE);
	__u64 is_null = USER_VALUE(__u64, bind + BIND_IS_NULL);
	__u64 length = USER_VALUE(__u64, bind + BIND_LENGTH);

	b->is_null = type == TYPE_NULL || (is_null && USER_VALUE(__u8, is_null));
	b->address = USER_VALUE(__u64, bind + BIND_BUFFER);
	if (b->is_null || !b->address) {
		b->is_null = true;
		return true;
	}
	b->is_number = bound_number(b, type, USER_VALUE(__u8, bind + BIND_UNSIGNED));
	if (b->is_number)
		return true;
	b->n = USER_VALUE(__u64, length ? length : bind + BIND_BUFFER_LENGTH);
	return type != TYPE_FLOAT && type != TYPE_DOUBLE &&
	       (type < TYPE_TIMESTAMP || type > TYPE_TIME);
}

static __noinline bool values_number(struct values *v, __u64 number, bool negative)
{
	char digits[DIGITS + 4] = {};
	__u32 at = DIGITS, length;
	__u64 to = v->n;

	if (v->cut || to > VALUES_SIZE - 64) {
		v->cut = 1;
		return false;
	}
	for (int i = 0; i < DIGITS; i++) {
		digits[DIGITS - i] = '0' + number % 10;
		at = DIGITS - i;
		number /= 10;
		if (!number)
			break;
	}
	if (negative)
		digits[--at] = '-';
	length = DIGITS + 1 - at;
	BARRIER(to);
	to &= VALUES_SIZE - 1;
	bpf_probe_read_kernel(v->list + to, sizeof(length), &length);
	BARRIER(length);
	length &= 31;
	BARRIER(at);
	at &= 31;
	if (length > DIGITS + 1 || at + length > sizeof(digits))
		return false;
	bpf_probe_read_kernel(v->list + to + sizeof(length), length, digits + at);
	v->n = to + sizeof(length) + length;
	return true;
}

/* The values of a MYSQL_STMT that is about to be executed. */
static __noinline void values_bound(struct values *v, __u64 stmt)
{
	__u32 n = USER_VALUE(__u32, stmt + STMT_PARAM_COUNT);
	__u64 bind = USER_VALUE(__u64, stmt + STMT_PARAMS);

	for (__u32 i = 0; i < VALUES_MAX && i < n; i++, bind += BIND_SIZE) {
		struct bound b = {};

		if (!bound_read(&b, bind)) {
			v->cut = 1; /* what follows would be taken for this one */
			return;
		}
		if (b.is_number ? !values_number(v, b.number, b.negative)
				: !values_add(v, b.is_null ? 0 : b.address, b.n))
			return;
	}
	v->cut = n > VALUES_MAX;
}
