/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/words.h"

#include <ctype.h>

#include "encoders/redact/key.h"
#include "encoders/redact/query.h"
#include "encoders/redact/url.h"

enum {
	DEPTH_MAX = 4, /* of command lines in words of command lines */
	NAME_MAX_LOOKED = 48,
	CLUSTER_MAX = 6, /* letters behind one dash, the last of which may be -u */
};

/* What the next word is. */
enum next_word {
	NEXT_ORDINARY,
	NEXT_SECRET,
	NEXT_USER, /* user:password */
	NEXT_REST, /* secret, as all the words after it: the value of a header, unquoted */
};

struct words {
	struct redact_copy *c;
	bool shell; /* quotes are no part of what is said */
	unsigned depth;
	const struct redact_key_tool *tool; /* NULL = none that is known has been named */
	enum next_word next;
};

static void split_shell(struct words *w, size_t from, size_t to);

static char char_at(const struct words *w, size_t at)
{
	return w->c->in.p[at];
}

static bool is_quote(char c)
{
	return c == '\'' || c == '"';
}

static bool is_escape(char c)
{
	return is_quote(c) || c == '\\';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static struct bytes text_between(const struct words *w, size_t from, size_t to)
{
	return (struct bytes){w->c->in.p + from, to - from};
}

/* ---- masking ------------------------------------------------------------------------------- */

static void mask_value(struct words *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (w->shell && is_quote(char_at(w, i))) {
			redact_copy_mask(w->c, from, i, '*');
			from = i + 1;
		}
	}
	redact_copy_mask(w->c, from, to, '*');
}

/* user:password, or user%password as Samba has it. */
static void mask_user(struct words *w, size_t from, size_t to)
{
	struct bytes text = text_between(w, from, to);
	const char *sign;

	if (!text.n || *text.p == '+') /* date -u +%H:%M */
		return;
	sign = memchr(text.p, ':', text.n);
	if (!sign)
		sign = memchr(text.p, '%', text.n);
	if (sign)
		mask_value(w, (size_t)(sign - w->c->in.p) + 1, to);
}

static void mask_urls(struct words *w, size_t from, size_t to)
{
	struct bytes rest = text_between(w, from, to);
	const char *sign;

	while (rest.n && (sign = memmem(rest.p, rest.n, "://", 3))) {
		size_t at = (size_t)(sign - w->c->in.p) + 3;
		struct redact_url url;

		/* The word is all there is: what is not followed by '@' is no password. */
		redact_url_authority(text_between(w, at, to), false, &url);
		if (!url.in_password)
			redact_copy_mask(w->c, at + url.from, at + url.to, '*');
		rest = text_between(w, at + url.end, to);
	}
}

/* curl takes user:password@host without a scheme. */
static void mask_bare_url(struct words *w, size_t from, size_t to)
{
	size_t colon = 0;

	for (size_t i = from; i < to && char_at(w, i) != '/' && !is_blank(char_at(w, i)); i++) {
		if (char_at(w, i) == ':' && !colon)
			colon = i + 1;
		if (char_at(w, i) == '@' && colon)
			mask_value(w, colon, i);
	}
}

/* ---- what has a name ----------------------------------------------------------------------- */

struct field {
	size_t name, sign, to; /* where its name begins, where '=' or ':' stands, where the word
				* ends */
	bool quoted;           /* the name was in quotes: "password": "x" */
};

/* The name before a sign: with quotes around it, perhaps, and blanks before the sign. */
static struct bytes field_name(struct words *w, struct field *f, size_t from)
{
	size_t end = f->sign, begin;

	while (end > from && is_escape(char_at(w, end - 1)))
		end--;
	f->quoted = end < f->sign;
	begin = end;
	while (begin > from && end - begin < NAME_MAX_LOOKED && is_name(char_at(w, begin - 1)))
		begin--;
	f->name = begin;
	return text_between(w, begin, end);
}

/* Behind blanks and quotes, where the name was in quotes. */
static size_t value_begin(const struct words *w, const struct field *f)
{
	size_t i = f->sign + 1;

	while (f->quoted && i < f->to && (is_escape(char_at(w, i)) || is_blank(char_at(w, i))))
		i++;
	return i;
}

/* The value of a name in quotes: it has quotes itself, or ends as things end in JSON. */
static size_t quoted_end(const struct words *w, const struct field *f, size_t begin)
{
	bool quoted = is_quote(char_at(w, begin - 1));
	size_t i = begin;

	while (i < f->to && (quoted ? !is_quote(char_at(w, i)) : !strchr(",}", char_at(w, i))))
		i += char_at(w, i) == '\\' && i + 1 < f->to ? 2 : 1;
	return i;
}

/* An option, or a variable of the environment, is not one of several fields of a form. */
static bool field_is_alone(const struct words *w, const struct field *f, size_t from)
{
	return f->name == from &&
	       (char_at(w, from) == '-' || isupper((unsigned char)char_at(w, from)));
}

/* Where "&name=" stands. */
static size_t form_end(const struct words *w, size_t begin, size_t to)
{
	for (size_t i = begin; i < to; i++) {
		size_t k = i + 1;

		if (char_at(w, i) != '&')
			continue;
		while (k < to && is_name(char_at(w, k)))
			k++;
		if (k > i + 1 && k < to && char_at(w, k) == '=')
			return i;
	}
	return to;
}

static size_t value_end(const struct words *w, const struct field *f, size_t begin, size_t from)
{
	if (f->quoted)
		return quoted_end(w, f, begin);
	return field_is_alone(w, f, from) ? f->to : form_end(w, begin, f->to);
}

static bool value_is_there(const struct words *w, size_t from, size_t to)
{
	while (from < to && (is_quote(char_at(w, from)) || is_blank(char_at(w, from))))
		from++;
	return from < to;
}

/* A colon behind a name says little in the middle of a word: /run/secret:/mnt. */
static bool field_is_secret(const struct words *w, const struct field *f, struct bytes name,
			    size_t from)
{
	if (char_at(w, f->sign) == ':' && !f->quoted && f->name != from)
		return false;
	while (name.n && *name.p == '-') {
		if (redact_key_is_header(name) && char_at(w, f->sign) == '=')
			return true; /* --cookie=… */
		name = (struct bytes){name.p + 1, name.n - 1};
	}
	return redact_key_is_secret(name);
}

/* Returns where to go on. */
static size_t field_mask(struct words *w, struct field *f, size_t from)
{
	struct bytes name = field_name(w, f, from);
	size_t value = f->sign + 1, end;

	if (!name.n)
		return value;
	if (redact_key_is_header(name) && char_at(w, f->sign) == ':') {
		mask_value(w, value, f->to);
		if (!value_is_there(w, value, f->to))
			w->next = NEXT_REST;
		return f->to;
	}
	if (field_is_secret(w, f, name, from)) {
		value = value_begin(w, f);
		end = value_end(w, f, value, from);
		mask_value(w, value, end);
		if (char_at(w, f->sign) == ':' && !value_is_there(w, value, f->to))
			w->next = NEXT_SECRET;
		return end > value ? end : value;
	}
	if (*name.p == '-' && char_at(w, f->sign) == '=' && redact_key_is_user(name))
		mask_user(w, value, f->to);
	return value;
}

/* Fields whose names stand before the first blank of the word: what comes behind it is looked at as
 * a command line. */
static void mask_fields(struct words *w, size_t from, size_t to)
{
	size_t i = from;

	while (i < to && !is_blank(char_at(w, i))) {
		struct field f = {.sign = i, .to = to};

		if (char_at(w, i) == '=' || char_at(w, i) == ':')
			i = field_mask(w, &f, from);
		else
			i++;
	}
}

/* ---- options ------------------------------------------------------------------------------- */

/* The value of a letter: what is left of the word, or the next one. */
static void letter_value(struct words *w, size_t from, size_t to, enum next_word what)
{
	if (from == to)
		w->next = what;
	else if (what == NEXT_USER)
		mask_user(w, from, to);
	else
		mask_value(w, from, to);
}

/* False when none of the letters has a value. */
static bool mask_letters(struct words *w, size_t from, size_t to)
{
	const struct redact_key_tool *t = w->tool;

	for (size_t i = from; i < to && isalnum((unsigned char)char_at(w, i)); i++) {
		char c = char_at(w, i);

		if (strchr(t->secret, c)) {
			letter_value(w, i + 1, to, NEXT_SECRET);
			return true;
		}
		if (strchr(t->user, c)) {
			letter_value(w, i + 1, to, NEXT_USER);
			return true;
		}
		if (strchr(t->attached, c)) {
			mask_value(w, i + 1, to);
			return true;
		}
		if (strchr(t->takes, c))
			return true;
	}
	return false;
}

/* Of a program that is not known: -u and -U are often user:password. */
static void guess_letters(struct words *w, size_t from, size_t to)
{
	size_t i = from;

	if (to - from > 1 && memchr("uU", char_at(w, from), 2))
		mask_user(w, from + 1, to);
	while (i < to && isalpha((unsigned char)char_at(w, i)))
		i++;
	if (i == to && i > from && i - from <= CLUSTER_MAX && memchr("uU", char_at(w, i - 1), 2))
		w->next = NEXT_USER;
}

/* A word that begins with a dash, without it. */
static void mask_option(struct words *w, size_t from, size_t to)
{
	bool two = from < to && char_at(w, from) == '-';
	struct bytes name = text_between(w, from + two, to);

	if (!two && w->tool && mask_letters(w, from, to))
		return;
	for (size_t i = 0; i < name.n; i++)
		if (!is_name(name.p[i]))
			name.n = 0;
	if (name.n > 1 && (redact_key_is_secret(name) || (two && redact_key_is_header(name))))
		w->next = NEXT_SECRET;
	else if (two && name.n && redact_key_is_user(name))
		w->next = NEXT_USER;
	else if (!two && !w->tool)
		guess_letters(w, from, to);
}

/* ---- words --------------------------------------------------------------------------------- */

/* -x and --xyz: an option that was meant to have a value has none. */
static bool is_option(const struct words *w, size_t from, size_t to)
{
	if (to - from < 2 || char_at(w, from) != '-')
		return false;
	if (char_at(w, from + 1) == '-')
		return to - from > 2 && isalpha((unsigned char)char_at(w, from + 2));
	return to - from == 2;
}

static bool word_is_value(struct words *w, size_t from, size_t to)
{
	enum next_word next = w->next;

	if (next != NEXT_REST)
		w->next = NEXT_ORDINARY;
	if (next == NEXT_ORDINARY)
		return false;
	if (is_option(w, from, to)) {
		w->next = NEXT_ORDINARY;
		return false;
	}
	if (next == NEXT_USER)
		mask_user(w, from, to);
	else
		mask_value(w, from, to);
	return true;
}

static size_t skip_quotes(const struct words *w, size_t from, size_t to)
{
	while (w->shell && from < to &&
	       (is_quote(char_at(w, from)) || char_at(w, from) == '$' || char_at(w, from) == '\\'))
		from++;
	return from;
}

static void split_again(const struct words *w, size_t from, size_t to)
{
	struct words inner = {.c = w->c, .shell = true, .depth = w->depth + 1};

	for (size_t i = from; i < to && inner.depth <= DEPTH_MAX; i++) {
		if (is_blank(char_at(w, i))) {
			redact_query_words(w->c, from, to);
			split_shell(&inner, from, to);
			return;
		}
	}
}

/* Where the quote at `at` is closed; `to` when it is not. */
static size_t quote_end(const struct words *w, size_t at, size_t to)
{
	char quote = char_at(w, at);

	for (size_t i = at + 1; i < to; i++) {
		if (char_at(w, i) == quote)
			return i;
		if (quote == '"' && char_at(w, i) == '\\')
			i++;
	}
	return to;
}

/* Quoted parts of a word with blanks in them are command lines, or may be. */
static void split_quoted(const struct words *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		size_t end;

		if (char_at(w, i) == '\\') {
			i++;
		} else if (is_quote(char_at(w, i))) {
			end = quote_end(w, i, to);
			if (end == to)
				continue;
			split_again(w, i + 1, end);
			i = end;
		}
	}
}

static void word_feed(struct words *w, size_t from, size_t to)
{
	size_t begin = skip_quotes(w, from, to), end = to;
	const struct redact_key_tool *tool;

	if (word_is_value(w, from, to) || begin == to)
		return;
	while (w->shell && end > begin && is_quote(char_at(w, end - 1)))
		end--;
	tool = redact_key_tool(text_between(w, begin, end));
	if (tool)
		w->tool = tool;
	if (char_at(w, begin) == '-')
		mask_option(w, begin + 1, end);
	else if (w->tool && w->tool->urls)
		mask_bare_url(w, begin, to);
	mask_fields(w, begin, to);
	mask_urls(w, begin, to);
	if (w->shell)
		split_quoted(w, from, to);
	else
		split_again(w, from, to);
}

/* ---- lines --------------------------------------------------------------------------------- */

static size_t word_end(const struct words *w, size_t from, size_t to)
{
	size_t i = from;

	while (i < to && !is_blank(char_at(w, i)) && !strchr(";|&()<>`", char_at(w, i))) {
		size_t end;

		if (char_at(w, i) == '\\' && i + 1 < to) {
			i++;
		} else if (is_quote(char_at(w, i))) {
			end = quote_end(w, i, to);
			i = end < to ? end : i; /* one that is not closed is an apostrophe */
		}
		i++;
	}
	return i;
}

/* A line ends, or one command of it. In a text that is no command line for sure, only the former
 * ends the value of a header. */
static void command_end(struct words *w, char c)
{
	if (w->next != NEXT_REST || !w->depth || c == '\n')
		w->next = NEXT_ORDINARY;
	w->tool = NULL;
}

static void split_shell(struct words *w, size_t from, size_t to)
{
	while (from < to) {
		char c = char_at(w, from);
		size_t end = word_end(w, from, to);

		if (end > from)
			word_feed(w, from, end);
		else if (c == '\n' || strchr(";|&()`", c))
			command_end(w, c);
		from = end > from ? end : from + 1;
	}
}

void redact_words_argv(struct redact_copy *c)
{
	struct words w = {.c = c};
	struct bytes rest = c->in, arg;

	while (bytes_next_arg(&rest, &arg)) {
		size_t from = (size_t)(arg.p - c->in.p);

		word_feed(&w, from, from + arg.n);
	}
}

void redact_words_shell(struct redact_copy *c)
{
	struct words w = {.c = c, .shell = true};

	split_shell(&w, 0, c->in.n);
}
