/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/when.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "capture/base/parse.h"

#define NS_PER_S   1000000000ull
#define NS_PER_DAY (86400 * NS_PER_S)

/* Exactly n digits. */
static bool take_number(const char **text, unsigned n, unsigned *ret)
{
	unsigned value = 0;

	for (unsigned i = 0; i < n; i++) {
		if ((*text)[i] < '0' || (*text)[i] > '9')
			return false;
		value = 10 * value + (unsigned)((*text)[i] - '0');
	}
	*text += n;
	*ret = value;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static unsigned days_of_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Since 1970; the proleptic calendar counted from March on, so that the leap day comes last. */
static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool take_date(const char **text, uint64_t *ret_ns)
{
	unsigned year, month, day;

	if (!take_number(text, 4, &year) || !take_char(text, '-') ||
	    !take_number(text, 2, &month) || !take_char(text, '-') || !take_number(text, 2, &day))
		return false;
	if (year < 1970 || year > 2500 || month < 1 || month > 12 || day < 1 ||
	    day > days_of_month(year, month))
		return false;
	*ret_ns = days_since_1970(year, month, day) * NS_PER_DAY;
	return true;
}

static bool take_fraction(const char **text, uint64_t *ns)
{
	uint64_t unit = NS_PER_S / 10;
	unsigned digit, n = 0;

	for (; take_number(text, 1, &digit); unit /= 10, n++)
		*ns += digit * unit;
	return n > 0;
}

/* HH:MM[:SS[.fraction]] */
static bool take_clock(const char **text, uint64_t *ns)
{
	unsigned hour, minute, second = 0;

	if (!take_number(text, 2, &hour) || !take_char(text, ':') || !take_number(text, 2, &minute))
		return false;
	if (hour > 23 || minute > 59)
		return false;
	*ns += (hour * 3600ull + minute * 60ull) * NS_PER_S;
	if (!take_char(text, ':'))
		return true;
	if (!take_number(text, 2, &second) || second > 60)
		return false;
	*ns += second * NS_PER_S;
	return (**text != '.' && **text != ',') || (++*text, take_fraction(text, ns));
}

/* Z, +HH:MM, -HHMM, or nothing; and the end of the text. */
static bool take_zone(const char **text, uint64_t *ns)
{
	bool west = **text == '-';
	unsigned hour, minute;
	uint64_t offset;

	if (take_char(text, 'Z') || take_char(text, 'z') || !**text)
		return !**text;
	if (!west && **text != '+')
		return false;
	(*text)++;
	if (!take_number(text, 2, &hour))
		return false;
	take_char(text, ':');
	if (!take_number(text, 2, &minute) || hour > 23 || minute > 59 || **text)
		return false;
	offset = (hour * 3600ull + minute * 60ull) * NS_PER_S;
	if (!west && *ns < offset)
		return false;
	*ns = west ? *ns + offset : *ns - offset;
	return true;
}

/* A date with what may follow it, or the time of a day. */
static bool when_of_calendar(const char *text, bool end, uint64_t today_ns, uint64_t *ret_ns)
{
	bool of_today = strlen(text) > 2 && text[2] == ':';
	uint64_t ns = today_ns;

	if (!of_today && !take_date(&text, &ns))
		return false;
	if (!*text) {
		*ret_ns = ns + (end ? NS_PER_DAY : 0);
		return true;
	}
	if (*text == 'T' || *text == 't' || *text == ' ')
		text++;
	if (!take_clock(&text, &ns) || !take_zone(&text, &ns))
		return false;
	*ret_ns = ns;
	return true;
}

static bool when_of_word(const char *text, bool end, uint64_t now_ns, uint64_t *ret_ns)
{
	uint64_t today = now_ns - now_ns % NS_PER_DAY + (end ? NS_PER_DAY : 0), ago;

	if (!strcmp(text, "now"))
		*ret_ns = now_ns;
	else if (!strcmp(text, "today"))
		*ret_ns = today;
	else if (!strcmp(text, "yesterday"))
		*ret_ns = today - NS_PER_DAY;
	else if (text[0] == '-' && !parse_duration(text + 1, &ago) && ago <= now_ns)
		*ret_ns = now_ns - ago;
	else
		return false;
	return true;
}

static bool when_of_seconds(const char *text, uint64_t *ret_ns)
{
	uint64_t second, fraction = 0;
	size_t n = strspn(text[0] == '@' ? text + 1 : text, "0123456789");
	char digits[16];

	if (n == 0 || n > 10 || (text[0] != '@' && n < 9))
		return false;
	text += text[0] == '@';
	memcpy(digits, text, n);
	digits[n] = '\0';
	text += n;
	if (*text && (*text++ != '.' || !take_fraction(&text, &fraction) || *text))
		return false;
	if (parse_u64(digits, &second))
		return false;
	*ret_ns = second * NS_PER_S + fraction;
	return true;
}

int when_parse(const char *text, bool end, uint64_t now_ns, const char *label, uint64_t *ret_ns,
	       struct err *err)
{
	if (when_of_word(text, end, now_ns, ret_ns) || when_of_seconds(text, ret_ns) ||
	    when_of_calendar(text, end, now_ns - now_ns % NS_PER_DAY, ret_ns))
		return 0;
	return errf(err, -EINVAL,
		    "%s: '%s' is no time; it is like 2026-11-24T15:05:53Z, 2026-11-24, 15:05, -2h, "
		    "today, yesterday, now or @1795532753",
		    label, text);
}
