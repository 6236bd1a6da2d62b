/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <strings.h>

#include "capture/sql_text.h"
#include "capture/sql_token.h"

/* ---- is it worth looking? ------------------------------------------------------------------ */

enum {
	LETTERS = 3, /* of each word are compared sixteen times at once */
	VECTOR = 16,
	LOOKED_AT = VECTOR + LETTERS - 1
};

typedef uint8_t vector __attribute__((vector_size(VECTOR)));

/* What there is in every statement that has something to mask: `at` is where the letters stand that
 * are looked for first. The last one has no upper case. */
static const struct clue {
	struct bytes word;
	unsigned at;
} clues[] = {
	{BYTES("passw"), 0},      {BYTES("passphrase"), 0}, {BYTES("secret"), 1},
	{BYTES("identified"), 4}, {BYTES("://"), 0},
};

static bool clue_at(struct bytes text, size_t at)
{
	for (size_t i = 0; i < sizeof(clues) / sizeof(clues[0]); i++) {
		const struct clue *c = &clues[i];

		if (at >= c->at && text.n - (at - c->at) >= c->word.n &&
		    !strncasecmp(text.p + at - c->at, c->word.p, c->word.n))
			return true;
	}
	return false;
}

/* Where all of them begin, in three letters each. */
static vector clue_begins(const char *p)
{
	vector v[LETTERS];

	for (unsigned i = 0; i < LETTERS; i++) {
		memcpy(&v[i], p + i, VECTOR);
		v[i] |= 0x20;
	}
	return (vector)(((v[0] == 'p') & (v[1] == 'a') & (v[2] == 's')) |
			((v[0] == 'e') & (v[1] == 'c') & (v[2] == 'r')) |
			((v[0] == 't') & (v[1] == 'i') & (v[2] == 'f')) |
			((v[0] == ':') & (v[1] == '/') & (v[2] == '/')));
}

/* In those that begin in sixteen bytes from `at` on. */
static inline bool has_clue_at(struct bytes text, size_t at, const char *p)
{
	vector v = clue_begins(p);
	uint64_t halves[2];

	memcpy(halves, &v, sizeof(halves));
	for (unsigned k = 0; halves[0] | halves[1] && k < VECTOR; k++)
		if (v[k] && clue_at(text, at + k))
			return true;
	return false;
}

/* The last sixteen may be some that were looked at before. */
static bool has_clue(struct bytes text)
{
	char few[LOOKED_AT] = {0};
	size_t i = 0;

	if (text.n < LOOKED_AT) {
		if (text.n)
			memcpy(few, text.p, text.n);
		return has_clue_at(text, 0, few);
	}
	for (; text.n - i > LOOKED_AT; i += VECTOR)
		if (has_clue_at(text, i, text.p + i))
			return true;
	i = text.n - LOOKED_AT;
	return has_clue_at(text, i, text.p + i);
}

/* ---- names --------------------------------------------------------------------------------- */

/* Does it end like the name of something secret? */
static bool is_secret(struct bytes name)
{
	static const struct bytes ends[] = {BYTES("password"), BYTES("passwd"), BYTES("passphrase"),
					    BYTES("secret"), BYTES("secret_access_key")};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (name.n >= ends[i].n &&
		    !strncasecmp(name.p + name.n - ends[i].n, ends[i].p, ends[i].n))
			return true;
	return false;
}

/* What stands before a password of IDENTIFIED. */
static bool is_identified_word(struct bytes word)
{
	return sql_token_is(word, BYTES("by")) || sql_token_is(word, BYTES("as")) ||
	       sql_token_is(word, BYTES("using")) || sql_token_is(word, BYTES("replace"));
}

/* ---- the statement ------------------------------------------------------------------------- */

struct thing {
	enum sql_token_kind kind;
	struct bytes text; /* of a name without its quotes */
};

struct search {
	struct sql_tokens t;
	struct thing last, before;
	bool identified; /* the word was there, in this statement */
	bool set;        /* so was SET PASSWORD */
	bool masked;     /* the last token, a string, was a password */
	bool value;      /* it ended where a value in it was to begin */
	void (*fn)(size_t from, size_t to, void *arg);
	void *arg;
};

static bool last_is_symbol(const struct search *s, char c)
{
	return s->last.kind == SQL_TOKEN_SYMBOL && *s->last.text.p == c;
}

static bool is_called(const struct thing *thing)
{
	return (thing->kind == SQL_TOKEN_WORD || thing->kind == SQL_TOKEN_NAME) &&
	       is_secret(thing->text);
}

/* Is what comes next, if it is a constant, a password? */
static bool password_is_next(const struct search *s)
{
	if (s->last.kind == SQL_TOKEN_WORD || s->last.kind == SQL_TOKEN_NAME)
		return is_called(&s->last) || (s->identified && is_identified_word(s->last.text));
	if (last_is_symbol(s, '(') || last_is_symbol(s, '='))
		return is_called(&s->before) || (s->set && last_is_symbol(s, '='));
	return false;
}

/* ---- strings that are settings ------------------------------------------------------------- */

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static size_t blanks_end(struct bytes text, size_t i, size_t to)
{
	while (i < to && is_one_of(text.p[i], " \t\r\n"))
		i++;
	return i;
}

/* The value that begins at `from`: returns its end. A quote in a string may be escaped. */
static size_t value_end(struct bytes text, size_t from, size_t to, size_t *ret_begin)
{
	const char *ends = " \t\r\n&;'\"";

	*ret_begin = from;
	if (from < to && text.p[from] == '\\')
		from++;
	if (from < to && is_one_of(text.p[from], "'\"")) {
		ends = text.p[from] == '"' ? "\"" : "'";
		*ret_begin = ++from;
	}
	while (from < to && !is_one_of(text.p[from], ends))
		from++;
	return from;
}

/* "password=…", wherever it stands among others. Returns where to go on. */
static size_t setting_mask(struct search *s, struct bytes name, size_t sign, size_t to)
{
	size_t begin, end, from = blanks_end(s->t.text, sign + 1, to);

	if (!is_secret(name))
		return sign + 1;
	s->value = from == to;
	end = value_end(s->t.text, from, to, &begin);
	if (begin < end)
		s->fn(begin, end, s->arg);
	return end > sign ? end : sign + 1;
}

/* What lies between the colon and the last @ of "user:…@", behind "://". */
static size_t url_mask(struct search *s, size_t from, size_t to)
{
	const char *p = s->t.text.p;
	size_t colon = to, at = to, i = from;

	for (; i < to && !is_one_of(p[i], "/?# \t\r\n"); i++) {
		if (p[i] == ':' && colon == to)
			colon = i;
		else if (p[i] == '@')
			at = i;
	}
	if (at == to || colon > at)
		return from;
	if (colon + 1 < at)
		s->fn(colon + 1, at, s->arg);
	return at;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Looks for settings in a string: [from, to) of the text. */
static void settings_mask(struct search *s, size_t from, size_t to)
{
	const char *p = s->t.text.p;
	size_t name = from, end = from; /* the last name */
	size_t i = from;

	while (i < to) {
		if (is_name(p[i])) {
			name = i;
			while (i < to && is_name(p[i]))
				i++;
			end = i;
		} else if (p[i] == '=') {
			i = setting_mask(s, (struct bytes){p + name, end - name}, i, to);
			name = end = i;
		} else if (p[i] == ':' && to - i > 2 && p[i + 1] == '/' && p[i + 2] == '/') {
			i = url_mask(s, i + 3, to);
			name = end = i;
		} else {
			if (!is_one_of(p[i], " \t\r\n"))
				name = end = i;
			i++;
		}
	}
}

/* ---- tokens -------------------------------------------------------------------------------- */

/* What lies between the quotes. */
static void string_content(const struct search *s, size_t *ret_from, size_t *ret_to)
{
	const struct sql_tokens *t = &s->t;
	bool dollar = t->text.p[t->from] == '$';
	size_t quote = dollar ? t->lex.tag_n + 2u : 1;
	bool closed = t->lex.state == SQL_LEX_CODE && t->to - t->from >= 2 * quote;

	*ret_from = t->from + quote < t->to ? t->from + quote : t->to;
	*ret_to = closed ? t->to - quote : t->to;
}

static void string_token(struct search *s)
{
	bool again = s->last.kind == SQL_TOKEN_STRING;
	bool value = again && s->value && !s->t.blank; /* ''…'' in a string of settings */
	size_t from, to;

	string_content(s, &from, &to);
	s->masked = again ? s->masked || value : password_is_next(s);
	s->value = false;
	if (s->masked && from < to)
		s->fn(from, to, s->arg);
	else if (!s->masked)
		settings_mask(s, from, to);
	if (value)
		s->masked = false;
}

/* x'…', N'…', _utf8'…', E'…', U&'…': what comes before the quote says nothing. */
static bool is_prefix(const struct search *s)
{
	struct bytes text = sql_token_text(&s->t);
	char next = sql_token_ahead(&s->t, 0);

	if (next == '&' && text.n == 1)
		next = sql_token_ahead(&s->t, 1);
	return next == '\'' && (text.n == 1 || *text.p == '_');
}

static void word_token(struct search *s)
{
	struct bytes word = sql_token_text(&s->t);

	if (sql_token_is(word, BYTES("identified")))
		s->identified = true;
	else if (s->last.kind == SQL_TOKEN_WORD && sql_token_is(word, BYTES("password")) &&
		 sql_token_is(s->last.text, BYTES("set")))
		s->set = true;
}

/* False: it counts as nothing. */
static bool search_token(struct search *s, enum sql_token_kind kind)
{
	char c = s->t.text.p[s->t.from];

	switch (kind) {
	case SQL_TOKEN_STRING:
		string_token(s);
		return true;
	case SQL_TOKEN_NUMBER:
		if (s->identified && password_is_next(s))
			s->fn(s->t.from, s->t.to, s->arg);
		return true;
	case SQL_TOKEN_WORD:
		if (is_prefix(s))
			return false;
		word_token(s);
		return true;
	case SQL_TOKEN_SYMBOL:
		if (c == ';')
			s->identified = s->set = false;
		return c != ':' && !(c == '&' && sql_token_ahead(&s->t, 0) == '\''); /* := */
	case SQL_TOKEN_NAME:
	case SQL_TOKEN_HINT:
	case SQL_TOKEN_END:
		break;
	}
	return true;
}

void sql_text_passwords(struct bytes text, enum sql_dialect dialect,
			void (*fn)(size_t from, size_t to, void *arg), void *arg)
{
	struct search s = {.fn = fn, .arg = arg};
	enum sql_token_kind kind;

	if (!has_clue(text))
		return;
	sql_token_begin(&s.t, text, dialect);
	while ((kind = sql_token_next(&s.t)) != SQL_TOKEN_END) {
		if (!search_token(&s, kind))
			continue;
		s.before = s.last;
		s.last = (struct thing){kind, sql_token_text(&s.t)};
		if (kind == SQL_TOKEN_NAME) /* the quote at the end may be missing */
			s.last.text = (struct bytes){s.last.text.p + 1,
						     s.last.text.n > 1 ? s.last.text.n - 2 : 0};
	}
}

void sql_text_value_passwords(struct bytes value, enum sql_dialect dialect,
			      void (*fn)(size_t from, size_t to, void *arg), void *arg)
{
	struct search s = {.fn = fn, .arg = arg};

	if (!has_clue(value))
		return;
	sql_token_begin(&s.t, value, dialect);
	settings_mask(&s, 0, value.n);
	sql_text_passwords(value, dialect, fn, arg);
}

bool sql_text_hints_at_password(struct bytes text)
{
	return has_clue(text);
}
