/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

enum {
	SEQ_DIGITS = 12 /* that {seq:N} may ask for */
};

/* Times: their letter, and the number of characters; 0 = one or more digits. */
static const struct {
	char letter;
	uint8_t width;
} name_times[] = {
	{'Y', 4}, {'y', 2}, {'m', 2}, {'d', 2},  {'j', 3},
	{'H', 2}, {'M', 2}, {'S', 2}, {'F', 10}, {'s', 0},
};

/* How much of a name is before its endings: 3 of "run.jsonl.zst", "run.pcapng", "run". */
static size_t name_stem(const char *file)
{
	const char *dot = strrchr(file, '.');
	const char *zst = dot && !strcmp(dot, ".zst") ? dot : NULL;

	if (zst) /* it compresses what the ending before it names */
		for (dot = zst - 1; dot > file && *dot != '.';)
			dot--;
	if (zst && dot <= file)
		dot = zst;
	return dot && dot > file ? (size_t)(dot - file) : strlen(file);
}

/* The width of that time, -1 = there is none. */
static int name_time_width(char letter)
{
	for (size_t i = 0; i < sizeof(name_times) / sizeof(name_times[0]); i++)
		if (name_times[i].letter == letter)
			return name_times[i].width;
	return -1;
}

/* ---- templates ----------------------------------------------------------------------------- */

/* How long the {placeholder} at p is, n at most; 0 = it is none. Fills in what it is. */
static size_t name_scan_braces(const char *p, size_t n, struct name_token *ret)
{
	unsigned long width = 0;
	char *end;

	if (n >= 6 && !memcmp(p, "{host}", 6)) {
		*ret = (struct name_token){.kind = 'h'};
		return 6;
	}
	if (n >= 5 && !memcmp(p, "{pid}", 5)) {
		*ret = (struct name_token){.kind = 'p'};
		return 5;
	}
	if (n < 5 || memcmp(p, "{seq", 4) != 0)
		return 0;
	p += 4;
	if (*p == ':') {
		if (p[1] < '0' || p[1] > '9')
			return 0;
		width = strtoul(p + 1, &end, 10);
		if (width > SEQ_DIGITS || *end != '}')
			return 0;
		*ret = (struct name_token){.kind = 'q', .width = (uint8_t)width};
		return 4 + (size_t)(end - p) + 1;
	}
	*ret = (struct name_token){.kind = 'q'};
	return *p == '}' ? 5 : 0;
}

bool name_has_placeholder(const char *text, size_t n)
{
	struct name_token token;

	for (size_t i = 0; i < n; i++) {
		bool time = text[i] == '%' && i + 1 < n && name_time_width(text[i + 1]) >= 0;

		if (time || (text[i] == '{' && name_scan_braces(text + i, n - i, &token)))
			return true;
		if (text[i] == '%')
			i++;
	}
	return false;
}

/* A `{word`, which somebody meant to be a placeholder. */
static bool is_word_in_braces(const char *p)
{
	size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz");

	return n && (p[1 + n] == '}' || p[1 + n] == ':');
}

static int name_add_token(struct name *name, struct name_token token, const char *label,
			  struct err *err)
{
	struct name_token *last = name->n ? &name->tokens[name->n - 1] : NULL;

	if (!token.kind && last && !last->kind && last->from + last->n == token.from) {
		last->n = (uint16_t)(last->n + token.n);
		return 0;
	}
	if (name->n == NAME_TOKENS)
		return errf(err, -EINVAL, "'%s': too many placeholders", label);
	name->tokens[name->n++] = token;
	name->varies |= token.kind != 0;
	name->counts |= token.kind == 'q';
	return 0;
}

/* What begins at p: a token; returns how many bytes it is, or negative. */
static int name_scan(const struct name *name, const char *p, const char *label,
		     struct name_token *ret, struct err *err)
{
	size_t n;

	*ret = (struct name_token){.from = (uint16_t)(p - name->text), .n = 1};
	if ((unsigned char)*p < ' ')
		return errf(err, -EINVAL, "'%s': a control character in a name", label);
	if (*p == '%' && p[1] == '%') {
		ret->from++;
		return 2;
	}
	if (*p == '%' && p[1] && name_time_width(p[1]) >= 0) {
		*ret = (struct name_token){.kind = p[1]};
		return 2;
	}
	if (*p == '%')
		return errf(err, -EINVAL,
			    "'%s': '%.2s' is no placeholder; a per cent sign is written %%%%",
			    label, p);
	n = *p == '{' ? name_scan_braces(p, strlen(p), ret) : 0;
	if (n)
		return (int)n;
	if (*p == '{' && is_word_in_braces(p))
		return errf(err, -EINVAL,
			    "'%s': there are {host}, {pid}, {seq} and {seq:06}, and times such as "
			    "%%Y%%m%%dT%%H%%M%%S",
			    label);
	return 1;
}

int name_parse(const char *text, const char *label, struct name *ret, struct err *err)
{
	struct name name = {.text = ""};
	struct name_token token;

	if (strlen(text) > NAME_LONGEST)
		return errf(err, -ENAMETOOLONG, "the name '%s' is too long", label);
	memcpy(name.text, text, strlen(text) + 1);
	for (const char *p = name.text; *p;) {
		int n = name_scan(&name, p, label, &token, err);
		int r = n < 0 ? n : name_add_token(&name, token, label, err);

		if (r < 0)
			return r;
		p += n;
	}
	*ret = name;
	return 0;
}

int name_number(struct name *name, const char *label, struct err *err)
{
	char numbered[sizeof(name->text) + 16];
	size_t stem = name_stem(name->text);

	if (name->counts)
		return 0;
	snprintf(numbered, sizeof(numbered), "%.*s-{seq:06}%s", (int)stem, name->text,
		 name->text + stem);
	return name_parse(numbered, label, name, err);
}

/* ---- names --------------------------------------------------------------------------------- */

static void name_put_host(const char *host, char ret[NAME_HOST])
{
	size_t n = 0;

	for (; host[n] && n < NAME_HOST - 1; n++)
		ret[n] = strchr(NAME_HOST_LETTERS, host[n]) ? host[n] : '_';
	if (!n)
		ret[n++] = '_';
	ret[n] = '\0';
}

static size_t name_put_time(char letter, uint64_t unix_ns, char *ret, size_t size)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return 0;
	switch (letter) {
	case 'Y':
		return strftime(ret, size, "%Y", &tm);
	case 'y':
		return (size_t)snprintf(ret, size, "%02d", tm.tm_year % 100);
	case 'm':
		return strftime(ret, size, "%m", &tm);
	case 'd':
		return strftime(ret, size, "%d", &tm);
	case 'j':
		return strftime(ret, size, "%j", &tm);
	case 'H':
		return strftime(ret, size, "%H", &tm);
	case 'M':
		return strftime(ret, size, "%M", &tm);
	case 'S':
		return strftime(ret, size, "%S", &tm);
	case 'F':
		return strftime(ret, size, "%F", &tm);
	default:
		return (size_t)snprintf(ret, size, "%lld", (long long)seconds);
	}
}

static size_t name_put_token(const struct name *name, const struct name_token *t,
			     const struct name_values *v, char *ret, size_t size)
{
	char host[NAME_HOST];

	switch (t->kind) {
	case 0:
		return (size_t)snprintf(ret, size, "%.*s", t->n, name->text + t->from);
	case 'h':
		name_put_host(v->host, host);
		return (size_t)snprintf(ret, size, "%s", host);
	case 'p':
		return (size_t)snprintf(ret, size, "%u", v->pid);
	case 'q':
		return (size_t)snprintf(ret, size, "%0*" PRIu64, t->width, v->seq);
	default:
		return name_put_time(t->kind, v->unix_ns, ret, size);
	}
}

int name_expand(const struct name *name, const struct name_values *values, char ret[NAME_MAX + 1])
{
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned i = 0; i < name->n; i++) {
		n += name_put_token(name, &name->tokens[i], values, ret + n, NAME_MAX + 1 - n);
		if (n > NAME_LONGEST)
			return -ENAMETOOLONG;
	}
	if (ret[0] == '.' && name->tokens[0].kind)
		ret[0] = '_';
	return n ? 0 : -EINVAL;
}

/* ---- names that are there ------------------------------------------------------------------ */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* May the token go on, after `had` characters, with c? */
static bool token_takes(const struct name_token *t, size_t had, char c)
{
	int width;

	if (t->kind == 'h')
		return had < NAME_HOST - 1 && strchr(NAME_HOST_LETTERS, c);
	if (t->kind == 'p' || t->kind == 'q')
		return had < 20 && is_digit(c);
	width = name_time_width(t->kind);
	if (t->kind == 'F')
		return had < 10 && (had == 4 || had == 7 ? c == '-' : is_digit(c));
	return had < (width ? (size_t)width : 20) && is_digit(c);
}

static size_t token_least(const struct name_token *t)
{
	int width = t->kind && t->kind != 'q' ? name_time_width(t->kind) : t->width;

	return width > 1 ? (size_t)width : 1;
}

/* reach[i]: the tokens so far can have been file[0..i). The next one carries that further. */
static void match_token(const struct name *name, const struct name_token *t, const char *file,
			size_t len, const bool *from, bool *ret)
{
	for (size_t i = 0; i <= len; i++) {
		if (!from[i])
			continue;
		if (!t->kind) {
			if (len - i >= t->n && !memcmp(file + i, name->text + t->from, t->n))
				ret[i + t->n] = true;
			continue;
		}
		for (size_t n = 0; i + n < len && token_takes(t, n, file[i + n]); n++)
			if (n + 1 >= token_least(t))
				ret[i + n + 1] = true;
	}
}

/* Where the token that ends at `end` can have begun: the longest. */
static size_t match_back(const struct name *name, const struct name_token *t, const char *file,
			 size_t end, const bool *from)
{
	for (size_t i = 0; i < end; i++) {
		bool one[NAME_MAX + 1] = {false}, to[NAME_MAX + 1] = {false};

		if (!from[i])
			continue;
		one[i] = true;
		match_token(name, t, file, end, one, to);
		if (to[end])
			return i;
	}
	return end;
}

static uint64_t number_of(const char *digits, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && i < 18; i++)
		v = v * 10 + (uint64_t)(digits[i] - '0');
	return v;
}

static bool name_match_whole(const struct name *name, const char *file, size_t len,
			     uint64_t *ret_seq)
{
	bool reach[NAME_TOKENS + 1][NAME_MAX + 1] = {{true}};
	size_t end = len;

	for (unsigned t = 0; t < name->n; t++)
		match_token(name, &name->tokens[t], file, len, reach[t], reach[t + 1]);
	if (!reach[name->n][len])
		return false;
	*ret_seq = 0;
	for (unsigned t = name->n; t-- && name->counts;) {
		size_t begin = match_back(name, &name->tokens[t], file, end, reach[t]);

		if (name->tokens[t].kind == 'q')
			*ret_seq = number_of(file + begin, end - begin);
		end = begin;
	}
	return true;
}

int name_append_number(const char *file, uint64_t number, char ret[NAME_MAX + 1])
{
	size_t stem = name_stem(file);
	int n = snprintf(ret, NAME_MAX + 1, "%.*s-%0*" PRIu64 "%s", (int)stem, file, NAME_DIGITS,
			 number, file + stem);

	return n > NAME_LONGEST + 22 ? -ENAMETOOLONG : 0;
}

/* How much of a name is before a number that was appended; its stem, when there is none. */
static size_t name_unnumbered(const char *file, uint64_t *ret_number)
{
	size_t stem = name_stem(file), n = stem;

	while (n && is_digit(file[n - 1]))
		n--;
	*ret_number = 0;
	if (stem - n < NAME_DIGITS || stem - n > 18 || n < 2 || file[n - 1] != '-')
		return stem;
	*ret_number = number_of(file + n, stem - n);
	return n - 1;
}

uint64_t name_appended_number(const char *file, const char *other)
{
	uint64_t number;
	size_t n = name_unnumbered(other, &number), stem = name_stem(file);

	if (n != stem || memcmp(file, other, stem) != 0)
		return 0;
	return strcmp(file + stem, other + name_stem(other)) ? 0 : number;
}

bool name_match(const struct name *name, const char *file, uint64_t *ret_seq)
{
	char plain[NAME_MAX + 1];
	size_t len = strlen(file), n, stem = name_stem(file);
	uint64_t number, ignored;

	if (len > NAME_MAX || strchr(file, '/') || !len)
		return false;
	if (name_match_whole(name, file, len, ret_seq))
		return true;
	n = name_unnumbered(file, &number);
	if (n == stem)
		return false;
	snprintf(plain, sizeof(plain), "%.*s%s", (int)n, file, file + stem);
	*ret_seq = number;
	return name_match_whole(name, plain, strlen(plain), &ignored);
}
