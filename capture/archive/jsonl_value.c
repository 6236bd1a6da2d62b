/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/jsonl_value.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

static bool digits_read(struct bytes digits, uint64_t most, uint64_t *ret)
{
	uint64_t v = 0;

	if (!digits.n)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		unsigned digit = (uint8_t)digits.p[i] - '0';

		if (digit > 9 || v > most / 10 || digit > most - 10 * v)
			return false;
		v = 10 * v + digit;
	}
	*ret = v;
	return true;
}

bool jsonl_value_number(struct bytes digits, void *to, size_t size)
{
	uint64_t v;

	if (!digits_read(digits, UINT64_MAX >> (64 - 8 * size), &v))
		return false;
	switch (size) {
	case 1:
		*(uint8_t *)to = v;
		break;
	case 2:
		*(uint16_t *)to = v;
		break;
	case 4:
		*(uint32_t *)to = v;
		break;
	default:
		*(uint64_t *)to = v;
	}
	return true;
}

bool jsonl_value_status(struct bytes digits, int32_t *ret)
{
	bool negative = digits.n && digits.p[0] == '-';
	uint64_t v;

	if (negative)
		digits = (struct bytes){digits.p + 1, digits.n - 1};
	if (!digits_read(digits, (uint64_t)INT32_MAX + negative, &v))
		return false;
	*ret = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_read(struct bytes text, uint8_t *to, size_t n)
{
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		to[i] = high << 4 | low;
	}
	return true;
}

bool jsonl_value_hex(struct bytes text, uint64_t *ret)
{
	uint64_t v;

	if (!hex_read(text, (uint8_t *)&v, sizeof(v)))
		return false;
	*ret = be64toh(v);
	return true;
}

bool jsonl_value_id(struct bytes text, uint8_t ret[16])
{
	return hex_read(text, ret, 16);
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool jsonl_value_base64(struct bytes text, char *to, size_t *ret_n)
{
	size_t n = 0;
	uint32_t v = 0;

	if (text.n % 4)
		return false;
	for (unsigned pad = 0; pad < 2 && text.n && text.p[text.n - 1] == '='; pad++)
		text.n--;
	for (size_t i = 0; i < text.n; i++) {
		int digit = base64_digit(text.p[i]);

		if (digit < 0)
			return false;
		v = v << 6 | digit;
		if (i % 4) /* the first of four completes no byte */
			to[n++] = v >> (6 - 2 * (i % 4));
	}
	*ret_n = n;
	return text.n % 4 != 1;
}

bool jsonl_value_address(struct bytes text, uint8_t ret[16], uint8_t *ret_family)
{
	char copy[INET6_ADDRSTRLEN];
	int family;

	if (text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = 0;
	family = memchr(copy, ':', text.n) ? AF_INET6 : AF_INET;
	if (inet_pton(family, copy, ret) != 1)
		return false;
	*ret_family = family;
	return true;
}

bool jsonl_value_kind(struct bytes text, enum event_kind *ret)
{
	for (unsigned k = 0; k < EVENT_KINDS; k++) {
		if (bytes_eq(text, bytes_of(event_kind_name(k)))) {
			*ret = k;
			return true;
		}
	}
	return false;
}

uint32_t jsonl_value_flag(struct bytes text)
{
#define EVENT_FLAG(sym, bit, name)                                                                 \
	if (bytes_eq(text, BYTES(name)))                                                           \
		return EVENT_F_##sym;
#include "capture/events.def"
#undef EVENT_FLAG
	return 0;
}

enum direction jsonl_value_direction(struct bytes text)
{
	if (bytes_eq(text, BYTES("transmit")))
		return DIRECTION_TRANSMIT;
	return bytes_eq(text, BYTES("receive")) ? DIRECTION_RECEIVE : DIRECTION_NONE;
}

enum flow_role jsonl_value_role(struct bytes text)
{
	if (bytes_eq(text, BYTES("client")))
		return FLOW_ROLE_CLIENT;
	return bytes_eq(text, BYTES("server")) ? FLOW_ROLE_SERVER : FLOW_ROLE_UNKNOWN;
}

enum protocol jsonl_value_protocol(struct bytes text)
{
	for (unsigned i = 0; i < PROTOCOLS; i++)
		if (bytes_eq(text, bytes_of(event_protocol_name(i))))
			return i;
	return PROTOCOL_UNKNOWN;
}
