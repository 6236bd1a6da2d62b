/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/write/put.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "capture/kinds.h"

const char put_pairs[201] = "0001020304050607080910111213141516171819"
			    "2021222324252627282930313233343536373839"
			    "4041424344454647484950515253545556575859"
			    "6061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

uint8_t *put_hex(uint8_t *p, const void *from, size_t n)
{
	const uint8_t *v = from;

	for (size_t i = 0; i < n; i++) {
		*p++ = "0123456789abcdef"[v[i] >> 4];
		*p++ = "0123456789abcdef"[v[i] & 15];
	}
	return p;
}

uint8_t *put_date(uint8_t *p, uint64_t unix_s)
{
	/* Years that start in March end with the leap day: 400 of them have 146097 days. */
	uint64_t days = unix_s / 86400 + 719468, s = unix_s % 86400;
	uint64_t era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	year += 400 * era + (month >= 10);
	month = month < 10 ? month + 3 : month - 9;
	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day + 1, 2);
	*p++ = 'T';
	p = put_digits(p, s / 3600, 2);
	*p++ = ':';
	p = put_digits(p, s / 60 % 60, 2);
	*p++ = ':';
	return put_digits(p, s % 60, 2);
}

static const struct {
	uint32_t bit;
	struct bytes name, quoted;
} flag_rows[] = {
#define EVENT_FLAG(sym, bit, name)                                                                 \
	{1u << (bit), {name, sizeof(name) - 1}, {"\"" name "\"", sizeof(name) + 1}},
#include "capture/events.def"
#undef EVENT_FLAG
};

uint8_t *put_flags(uint8_t *p, uint32_t flags, bool quoted)
{
	const uint8_t *start = p;

	for (size_t i = 0; i < sizeof(flag_rows) / sizeof(flag_rows[0]); i++) {
		if (!(flags & flag_rows[i].bit))
			continue;
		if (p != start)
			*p++ = ',';
		p = put_bytes(p, quoted ? flag_rows[i].quoted : flag_rows[i].name);
	}
	return p;
}

uint8_t *put_signal(uint8_t *p, unsigned number)
{
	const char *name = number < 64 ? sigabbrev_np(number) : NULL;

	if (name)
		return put_bytes(PUT_LITERAL(p, "SIG"), bytes_of(name));
	return put_u64(PUT_LITERAL(p, "signal "), number);
}

uint8_t *put_address(uint8_t *p, int family, const uint8_t address[16])
{
	if (family == AF_INET) {
		for (unsigned i = 0; i < 4; i++) {
			if (i)
				*p++ = '.';
			p = put_u64(p, address[i]);
		}
	} else if (family == AF_INET6 && inet_ntop(family, address, (char *)p, PUT_ADDRESS)) {
		p += strlen((char *)p);
	}
	return p;
}

uint8_t *put_joined(uint8_t *p, struct bytes args)
{
	struct bytes arg;
	bool first = true;

	while (bytes_next_arg(&args, &arg)) {
		if (!first)
			*p++ = ' ';
		p = put_bytes(p, arg);
		first = false;
	}
	return p;
}

int put_no_room(const struct event *ev, const struct chunk *c)
{
	if (kinds_texts_size(ev) > CHUNK_JUMBO || (c->len == 0 && c->cap >= CHUNK_JUMBO))
		return -EMSGSIZE;
	return -ENOBUFS;
}

int put_end(const struct put *w, const struct event *ev, struct chunk *c)
{
	if (w->full)
		return put_no_room(ev, c);
	c->len = w->p - c->p;
	return 0;
}
