/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords in statements: constants, and places for values, behind the names of what is secret. */
#include <string.h>

#include "capture/sql_text_inside.h"

/* How far an INSERT is; words behind the last one end it. */
enum insert {
	INSERT_NONE,
	INSERT_VERB,    /* or what replaces */
	INSERT_COLUMNS, /* have been read */
	INSERT_VALUES   /* begin */
};

/* Of strings in strings, with doubled quotes: each piece between quotes is a string to lex. */
enum inner {
	INNER_NONE,
	INNER_PIECE,
	INNER_QUOTE /* the last piece stands for a quote */
};

/* ---- brackets ------------------------------------------------------------------------------ */

/* The innermost; of too many, the last one that is known stands for all. NULL = none. */
static struct sql_search_group *search_group(struct sql_search *s)
{
	unsigned n = s->depth < SQL_SEARCH_DEPTH ? s->depth : SQL_SEARCH_DEPTH;

	return n ? &s->groups[n - 1] : NULL;
}

static uint64_t column_bit(const struct sql_search_group *g)
{
	return 1ull << (g->at < SQL_SEARCH_COLUMNS ? g->at : SQL_SEARCH_COLUMNS - 1);
}

static bool group_is_secret(const struct sql_search *s, const struct sql_search_group *g)
{
	return g && (g->secret || (g->key && g->at + 1 == g->key) ||
		     (g->row && s->columns & column_bit(g)));
}

/* Is what there is now, if it is a constant, a password? */
static bool constant_is_password(struct sql_search *s)
{
	return s->expect || group_is_secret(s, search_group(s));
}

static void group_push(struct sql_search *s, struct sql_search_group group)
{
	group.secret |= group_is_secret(s, search_group(s));
	if (s->depth++ < SQL_SEARCH_DEPTH)
		*search_group(s) = group;
}

static void group_pop(struct sql_search *s)
{
	const struct sql_search_group *g = search_group(s);

	if (g && g->columns)
		s->insert = INSERT_COLUMNS;
	s->depth -= s->depth > 0;
}

static void bracket_open(struct sql_search *s, bool call)
{
	struct sql_search_group group = {.secret = call};

	if (s->last == SQL_TOKEN_WORD)
		group.key = sql_text_key_argument(s->word);
	if (s->insert == INSERT_VERB && s->depth == s->insert_depth) {
		group.columns = s->last != SQL_TOKEN_WORD || !s->verb;
		s->insert = INSERT_NONE;
		s->columns = 0;
	}
	group.row = s->insert == INSERT_VALUES && s->depth == s->insert_depth;
	group_push(s, group);
}

/* A list that SELECT began ends with what is around it. */
static void bracket_close(struct sql_search *s)
{
	const struct sql_search_group *g = search_group(s);

	if (g && g->select)
		group_pop(s);
	group_pop(s);
}

/* ---- words --------------------------------------------------------------------------------- */

static bool is_insert_word(struct bytes word)
{
	return sql_token_is(word, BYTES("insert")) || sql_token_is(word, BYTES("replace"));
}

static bool is_values_word(struct bytes word)
{
	return sql_token_is(word, BYTES("values")) || sql_token_is(word, BYTES("value")) ||
	       sql_token_is(word, BYTES("row"));
}

static bool is_select_end(struct bytes word)
{
	return sql_token_is(word, BYTES("from")) || sql_token_is(word, BYTES("where")) ||
	       sql_token_is(word, BYTES("union")) || sql_token_is(word, BYTES("limit")) ||
	       sql_token_is(word, BYTES("returning")) || sql_token_is(word, BYTES("on"));
}

static void insert_word(struct sql_search *s, struct bytes word)
{
	const struct sql_search_group *g = search_group(s);

	s->verb = is_insert_word(word);
	if (s->verb) {
		s->insert = INSERT_VERB;
		s->insert_depth = s->depth;
	} else if (g && g->select && is_select_end(word)) {
		group_pop(s);
	} else if (s->insert == INSERT_COLUMNS && is_values_word(word)) {
		s->insert = INSERT_VALUES;
	} else if (s->insert == INSERT_COLUMNS && sql_token_is(word, BYTES("select"))) {
		s->insert = INSERT_NONE;
		group_push(s, (struct sql_search_group){.row = true, .select = true});
	} else if (s->insert == INSERT_VALUES && s->depth == s->insert_depth &&
		   !is_values_word(word)) {
		s->insert = INSERT_NONE;
	}
}

/* A name of something secret, be it in quotes or not. */
static void secret_name(struct sql_search *s)
{
	struct sql_search_group *g = search_group(s);

	if (g && g->columns && s->depth <= SQL_SEARCH_DEPTH)
		s->columns |= column_bit(g);
}

/* In Latin 1, MySQL takes what is no ASCII for a blank. */
static struct bytes word_trimmed(struct bytes word)
{
	while (word.n > 1 && (uint8_t)word.p[word.n - 1] == 0xa0)
		word.n--;
	while (word.n > 1 && (uint8_t)*word.p == 0xa0)
		word = (struct bytes){word.p + 1, word.n - 1};
	return word;
}

static void word_token(struct sql_search *s)
{
	struct bytes word = word_trimmed(sql_token_text(&s->t));
	bool expected = s->expect, set = s->set_password;

	s->expect = s->set_password = false;
	if (sql_token_is(word, BYTES("identified"))) {
		s->identified = true;
	} else if (sql_text_is_secret(word)) {
		s->set_password = s->last == SQL_TOKEN_WORD && sql_token_is(s->word, BYTES("set"));
		s->expect = true;
		s->call = expected || s->identified || s->set;
		secret_name(s);
	} else if ((s->identified && sql_text_is_identified_word(word)) ||
		   (s->masked && sql_token_is(word, BYTES("replace")))) {
		s->expect = true;
	} else if (set && sql_token_is(word, BYTES("for"))) {
		s->set = true;
	} else if (expected) {
		s->expect = sql_text_is_carrier(word);
		s->call = true;
	}
	insert_word(s, word);
	s->word = word;
}

static void name_token(struct sql_search *s)
{
	struct bytes name = sql_token_text(&s->t);

	/* the quote at the end may be missing */
	name = (struct bytes){name.p + 1, name.n > 1 ? name.n - 2 : 0};
	s->expect = sql_text_is_secret(name);
	if (s->expect)
		secret_name(s);
}

/* ---- constants and places ------------------------------------------------------------------ */

static void place_token(struct sql_search *s, unsigned place)
{
	s->masked = constant_is_password(s);
	s->expect = false;
	if (s->masked && s->place)
		s->place(place, s->arg);
}

/* $1: the number, from 0 on. False: something else. */
static bool word_place(const struct sql_search *s, unsigned *ret)
{
	struct bytes word = sql_token_text(&s->t);
	unsigned n = 0;

	if (s->t.lex.mysql || word.n < 2 || *word.p != '$')
		return false;
	for (size_t i = 1; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9' || n > UINT16_MAX)
			return false;
		n = 10 * n + (unsigned)(word.p[i] - '0');
	}
	*ret = n - 1;
	return n > 0;
}

/* What lies between the quotes. */
static void string_content(const struct sql_search *s, size_t *ret_from, size_t *ret_to)
{
	const struct sql_tokens *t = &s->t;
	bool dollar = t->text.p[t->from] == '$';
	size_t quote = dollar ? t->lex.tag_n + 2u : 1;
	bool closed = t->lex.state == SQL_LEX_CODE && t->to - t->from >= 2 * quote;

	*ret_from = t->from + quote < t->to ? t->from + quote : t->to;
	*ret_to = closed ? t->to - quote : t->to;
}

/* Is it a piece of a string in a string, as ''…'' is one behind "password=" or "PASSWORD "? */
static bool piece_is_inner(struct sql_search *s, bool value, bool empty)
{
	if (s->last != SQL_TOKEN_STRING || s->t.blank) {
		s->inner = INNER_NONE;
	} else if (value || s->inner == INNER_QUOTE) {
		s->inner = INNER_PIECE;
		return true;
	} else {
		s->inner = s->inner == INNER_PIECE && empty ? INNER_QUOTE : INNER_NONE;
	}
	return false;
}

/* What fills format('PASSWORD %L', …), set_config('app.password', …). */
static void string_look(struct sql_search *s, size_t from, size_t to)
{
	struct bytes text = {s->t.text.p + from, to - from};
	struct sql_search_group *g = search_group(s);

	sql_text_settings(s, from, to);
	if (s->format && g)
		g->secret = true;
	s->value |= s->last == SQL_TOKEN_SYMBOL && sql_token_is(s->word, BYTES("set_config")) &&
		    sql_text_is_secret(text);
}

static void string_token(struct sql_search *s)
{
	bool again = s->last == SQL_TOKEN_STRING, inner;
	size_t from, to;

	string_content(s, &from, &to);
	inner = piece_is_inner(s, s->value, from == to);
	if (!again)
		s->masked = constant_is_password(s);
	s->expect = s->value = s->format = false;
	if (!s->masked && !inner)
		string_look(s, from, to);
	else if (from < to)
		s->fn(from, to, s->arg);
}

/* Only what may be the bytes of a password: 0x2443… */
static void number_token(struct sql_search *s)
{
	const char *p = s->t.text.p + s->t.from;
	bool bytes = s->t.to - s->t.from > 2 && p[0] == '0' && (p[1] | 0x20) == 'x';

	if (constant_is_password(s) && (s->identified || bytes))
		s->fn(s->t.from, s->t.to, s->arg);
	s->expect = false;
}

/* x'…', N'…', _utf8'…', E'…', U&'…': what comes before the quote says nothing. */
static bool is_prefix(const struct sql_search *s)
{
	struct bytes text = sql_token_text(&s->t);
	char next = sql_token_ahead(&s->t, 0);

	if (next == '&' && text.n == 1)
		next = sql_token_ahead(&s->t, 1);
	return next == '\'' && (text.n == 1 || *text.p == '_');
}

/* ---- symbols ------------------------------------------------------------------------------- */

static void search_statement(struct sql_search *s)
{
	s->identified = s->set = s->set_password = s->expect = false;
	s->insert = INSERT_NONE;
	s->depth = 0;
}

/* What a string ended with, or what was a password, goes on behind "||", or in the next argument.
 */
static void search_goes_on(struct sql_search *s, char c)
{
	struct sql_search_group *g = search_group(s);

	if (c == ',' && g && s->depth <= SQL_SEARCH_DEPTH && g->at < UINT8_MAX)
		g->at++;
	if (c == ',')
		s->expect = s->value;
	else if (s->masked || s->value)
		s->expect = true;
}

static void symbol_token(struct sql_search *s, bool call)
{
	char c = s->t.text.p[s->t.from];

	switch (c) {
	case '(':
		bracket_open(s, call);
		return;
	case ')':
		bracket_close(s);
		return;
	case ',':
	case '|':
		search_goes_on(s, c);
		return;
	case '=':
		s->expect |= s->set && !s->depth;
		return;
	case ':':
	case '<':
	case '>':
	case '!':
	case '~':
		return;
	case '?':
		if (s->t.lex.mysql)
			place_token(s, s->places++);
		break;
	case ';':
		search_statement(s);
		break;
	}
	s->expect = false;
}

/* ---- tokens -------------------------------------------------------------------------------- */

/* Comments that MySQL executes count as what is in them. False: it was nothing of those. */
static bool hint_token(struct sql_search *s, enum sql_token_kind kind)
{
	bool version = s->version;

	s->version = kind == SQL_TOKEN_HINT;
	if (kind == SQL_TOKEN_HINT) {
		s->hints++;
		return true;
	}
	if (version && kind == SQL_TOKEN_NUMBER)
		return true;
	if (!s->hints || kind != SQL_TOKEN_SYMBOL || s->t.text.p[s->t.from] != '*' ||
	    sql_token_ahead(&s->t, 0) != '/')
		return false;
	sql_token_next(&s->t);
	s->hints--;
	return true;
}

/* False: it counts as nothing. */
static bool search_token(struct sql_search *s, enum sql_token_kind kind)
{
	bool call = s->call, goes_on = kind == SQL_TOKEN_STRING;
	unsigned place;

	if (hint_token(s, kind) || (kind == SQL_TOKEN_WORD && is_prefix(s)) ||
	    (s->t.text.p[s->t.from] == '&' && sql_token_ahead(&s->t, 0) == '\''))
		return false;
	s->call = false;
	switch (kind) {
	case SQL_TOKEN_STRING:
		string_token(s);
		break;
	case SQL_TOKEN_NUMBER:
		number_token(s);
		break;
	case SQL_TOKEN_WORD:
		if (word_place(s, &place)) {
			place_token(s, place);
			return true;
		}
		word_token(s);
		break;
	case SQL_TOKEN_SYMBOL:
		symbol_token(s, call);
		goes_on = s->t.text.p[s->t.from] == '|' || s->t.text.p[s->t.from] == '?';
		break;
	case SQL_TOKEN_NAME:
		name_token(s);
		break;
	case SQL_TOKEN_HINT:
	case SQL_TOKEN_END:
		break;
	}
	if (!goes_on)
		s->masked = s->value = false;
	return true;
}

/* What lies between tokens: blanks or comments. */
static void comment_look(struct sql_search *s, size_t from)
{
	bool value = s->value;

	if (s->t.from - from > 1)
		sql_text_settings(s, from, s->t.from);
	s->value = value;
}

static void search_text(struct sql_search *s, struct bytes text, enum sql_dialect dialect,
			enum sql_lex_backslash backslash)
{
	enum sql_token_kind kind;

	sql_token_begin(&s->t, text, dialect);
	s->t.lex.backslash = (uint8_t)backslash;
	do {
		size_t end = s->t.to;

		kind = sql_token_next(&s->t);
		comment_look(s, end);
		if (kind != SQL_TOKEN_END && search_token(s, kind))
			s->last = kind;
	} while (kind != SQL_TOKEN_END);
}

/* ---- all of it ----------------------------------------------------------------------------- */

bool sql_text_is_ambiguous(struct bytes text)
{
	const char *at = text.p, *end = text.p + text.n;

	while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) && end - at > 1) {
		if (at[1] == '\'' || at[1] == '"')
			return true;
		at++;
	}
	for (size_t i = 1; i < text.n; i++)
		if (text.p[i] == '`' && text.p[i - 1] & 0x80)
			return true;
	return false;
}

void sql_text_passwords(struct bytes text, enum sql_dialect dialect, sql_text_found fn, void *arg)
{
	unsigned ways = 0;

	if (sql_text_hints_at_password(text))
		ways = sql_text_is_ambiguous(text) ? SQL_LEX_WAYS : 1;
	for (unsigned way = 0; way < ways; way++) {
		struct sql_search s = {.fn = fn, .arg = arg};

		search_text(&s, text, dialect, (enum sql_lex_backslash)way);
	}
}

void sql_text_value_passwords(struct bytes value, enum sql_dialect dialect, sql_text_found fn,
			      void *arg)
{
	struct sql_search s = {.fn = fn, .arg = arg};

	if (!sql_text_hints_at_password(value))
		return;
	sql_token_begin(&s.t, value, dialect);
	sql_text_settings(&s, 0, value.n);
	sql_text_passwords(value, dialect, fn, arg);
}

static void found_ignore(size_t from, size_t to, void *arg)
{
	(void)from;
	(void)to;
	(void)arg;
}

void sql_text_password_places(struct bytes text, enum sql_dialect dialect,
			      void (*fn)(unsigned place, void *arg), void *arg)
{
	struct sql_search s = {.fn = found_ignore, .place = fn, .arg = arg};

	if (sql_text_hints_at_password(text))
		search_text(&s, text, dialect, SQL_LEX_BY_DIALECT);
}
