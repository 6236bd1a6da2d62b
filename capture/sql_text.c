/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/sql_text.h"

#include <string.h>

#include "capture/base/utf8.h"
#include "capture/sql_token.h"

enum {
	GROUPS = 32, /* brackets in brackets that are looked into */
	SHORT = 16   /* most tokens are not longer */
};

/* The last thing that was no blank. */
enum last {
	LAST_NONE,
	LAST_OPEN, /* a bracket, or a comma behind an element of what is in brackets */
	LAST_SYMBOL,
	LAST_WORD,
	LAST_STRING, /* that is a literal */
	LAST_VALUE   /* another literal, a name in quotes, a bracket that closes */
};

/* What is to be written before the next thing, if there is one. */
enum pending {
	PENDING_NONE,
	PENDING_BLANK,
	PENDING_COMMA,
	PENDING_SEMICOLON
};

/* What is in a pair of brackets. */
struct group {
	bool pure;     /* nothing but literals and places so far */
	bool list;     /* behind IN, VALUES, ARRAY: one of them is a list, too */
	bool row;      /* of which the first one stands for all */
	bool verbatim; /* the first one is no literal */
	unsigned n;    /* of them */
	size_t at;     /* where the first one begins in what is written */
};

struct print {
	struct sql_tokens t;
	char *dst;
	size_t n;
	enum pending pending;
	enum last last;
	bool rows;     /* a row has ended */
	bool compares; /* the last thing is =, <, >, or begins with one */
	bool full;
	unsigned depth;
	struct group *group; /* the innermost; NULL = none, or in too many others */
	struct bytes word;   /* the last one */
	struct group groups[GROUPS];
};

/* ---- what is written ----------------------------------------------------------------------- */

static void print_cut(struct print *p, struct bytes text)
{
	text = utf8_cut(text, SQL_FINGERPRINT_MAX - p->n);
	memcpy(p->dst + p->n, text.p, text.n);
	p->n += text.n;
	p->full = true;
}

static inline void print_put(struct print *p, struct bytes text)
{
	if (text.n > SQL_FINGERPRINT_MAX - p->n) {
		print_cut(p, text);
		return;
	}
	memcpy(p->dst + p->n, text.p, text.n);
	p->n += text.n;
}

/* The present token. Most are short: a copy of constant size takes no call. */
static inline void print_token(struct print *p)
{
	struct bytes text = sql_token_text(&p->t);

	if (text.n > SHORT || p->t.text.n - p->t.from < SHORT ||
	    SQL_FINGERPRINT_MAX - p->n < SHORT) {
		print_put(p, text);
	} else {
		memcpy(p->dst + p->n, text.p, SHORT);
		p->n += text.n;
	}
}

static inline void print_byte(struct print *p, char c)
{
	if (p->n < SQL_FINGERPRINT_MAX)
		p->dst[p->n++] = c;
	else
		p->full = true;
}

static inline void print_pending(struct print *p)
{
	if (p->pending > PENDING_BLANK)
		print_put(p, p->pending == PENDING_COMMA ? BYTES(", ") : BYTES("; "));
	else if (p->pending && p->n)
		print_byte(p, ' ');
	p->pending = PENDING_NONE;
}

static inline void print_drop(struct print *p, enum pending most)
{
	if (p->pending <= most)
		p->pending = PENDING_NONE;
}

static void print_text(struct print *p, struct bytes text, enum last last)
{
	print_pending(p);
	if (!p->full)
		print_put(p, text);
	p->last = last;
	p->rows = false;
}

/* The present token as it is. */
static inline void print_own(struct print *p, enum last last)
{
	print_pending(p);
	if (!p->full)
		print_token(p);
	p->last = last;
	p->rows = false;
}

/* ---- brackets ------------------------------------------------------------------------------ */

static void print_depth(struct print *p, unsigned depth)
{
	p->depth = depth;
	p->group = depth && depth <= GROUPS ? &p->groups[depth - 1] : NULL;
}

static void group_unfold(struct print *p)
{
	p->group->pure = false;
	for (unsigned i = 1; i < p->group->n && !p->full; i++)
		print_put(p, BYTES(", ?"));
}

/* There is something else in it: what was made one is told one by one. */
static inline void group_spoil(struct print *p)
{
	if (p->group && p->group->pure)
		group_unfold(p);
}

/* An element of the group: false when it is none, since there is more in the group. */
static bool group_element(struct print *p, struct bytes text, enum last last, bool literal)
{
	struct group *g = p->group;

	if (!g || !g->pure || p->last != LAST_OPEN) {
		group_spoil(p);
		return false;
	}
	if (++g->n == 1) {
		p->pending = PENDING_NONE;
		print_put(p, text);
		g->verbatim = !literal;
	} else if (g->verbatim) {
		p->n = g->at;
		print_put(p, BYTES("?"));
		g->verbatim = false;
	}
	p->pending = PENDING_NONE;
	p->last = last;
	return true;
}

static bool is_either(struct bytes word, struct bytes a, struct bytes b)
{
	return sql_token_is(word, a) || sql_token_is(word, b);
}

/* The rows of a list are its elements. */
static bool row_begins(struct print *p)
{
	struct group *g = p->group;

	if (p->last == LAST_WORD)
		return is_either(p->word, BYTES("values"), BYTES("value"));
	return g && g->pure && g->list && !g->n && p->last == LAST_OPEN;
}

/* A row that another one stands for. */
static void row_skip(struct print *p)
{
	unsigned depth = 1;

	while (depth) {
		enum sql_token_kind kind;
		char c;

		sql_token_skip(&p->t);
		kind = sql_token_next(&p->t);
		if (kind == SQL_TOKEN_END)
			return;
		if (kind != SQL_TOKEN_SYMBOL)
			continue;
		c = p->t.text.p[p->t.from];
		if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
	}
	p->pending = PENDING_NONE;
}

static void bracket_open(struct print *p)
{
	bool word = p->last == LAST_WORD, row = row_begins(p);
	bool list = row || (word && is_either(p->word, BYTES("in"), BYTES("array")));

	if (p->rows && p->pending == PENDING_COMMA) {
		row_skip(p);
		return;
	}
	if (!row || word)
		group_spoil(p);
	print_own(p, LAST_OPEN);
	print_depth(p, p->depth + 1);
	if (p->group)
		*p->group = (struct group){.pure = true, .list = list, .row = row, .at = p->n};
}

static void bracket_close(struct print *p)
{
	struct group *g = p->group;
	bool row = g && g->row;

	print_drop(p, PENDING_BLANK);
	if (g && g->pure && (g->n > 1 || (g->n && g->list))) {
		if (g->verbatim) {
			p->n = g->at;
			print_put(p, BYTES("?"));
		}
		print_put(p, BYTES("+"));
		print_drop(p, PENDING_COMMA);
	}
	if (!p->full)
		print_own(p, LAST_VALUE);
	if (p->depth)
		print_depth(p, p->depth - 1);
	p->rows = row;
}

/* ---- literals ------------------------------------------------------------------------------ */

static void print_literal(struct print *p, enum last last)
{
	if (last == LAST_STRING && p->last == LAST_STRING) { /* 'it''s', 'a' 'b' */
		print_drop(p, PENDING_BLANK);
		return;
	}
	if (!group_element(p, BYTES("?"), last, true))
		print_text(p, BYTES("?"), last);
}

/* A place for a value, or a word that stands for one. */
static void print_place(struct print *p, struct bytes text, enum last last)
{
	if (!group_element(p, text, last, false))
		print_text(p, text, last);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool number_ahead(const struct print *p)
{
	char c = sql_token_ahead(&p->t, 0);

	return is_digit(c) || (c == '.' && is_digit(sql_token_ahead(&p->t, 1)));
}

/* A sign behind one of these belongs to the number; behind others it is what is subtracted from. */
static bool is_operator_word(struct bytes word)
{
	static const struct bytes words[] = {
		BYTES("select"), BYTES("limit"),   BYTES("offset"),    BYTES("then"),
		BYTES("else"),   BYTES("when"),    BYTES("and"),       BYTES("or"),
		BYTES("not"),    BYTES("between"), BYTES("by"),        BYTES("where"),
		BYTES("like"),   BYTES("set"),     BYTES("interval"),  BYTES("having"),
		BYTES("div"),    BYTES("mod"),     BYTES("returning"), BYTES("default"),
		BYTES("return"), BYTES("case"),    BYTES("distinct"),  BYTES("xor"),
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (sql_token_is(word, words[i]))
			return true;
	return false;
}

static bool sign_is_unary(const struct print *p)
{
	return p->last <= LAST_SYMBOL || (p->last == LAST_WORD && is_operator_word(p->word));
}

/* The number that is ahead, which may begin with a point. */
static void number_take(struct print *p)
{
	if (sql_token_ahead(&p->t, 0) == '.')
		sql_token_next(&p->t);
	sql_token_next(&p->t);
	print_literal(p, LAST_VALUE);
}

/* ---- words --------------------------------------------------------------------------------- */

/* What stands right before a string and belongs to it: x'…', N'…', _utf8'…', E'…'. */
static bool is_prefix(const struct print *p, struct bytes word)
{
	if (word.n == 1)
		return memchr(p->t.lex.mysql ? "xXbBnN" : "xXbBnNeE", *word.p,
			      p->t.lex.mysql ? 6 : 8);
	return p->t.lex.mysql && *word.p == '_';
}

static bool is_constant(struct bytes word)
{
	return is_either(word, BYTES("null"), BYTES("default")) ||
	       is_either(word, BYTES("true"), BYTES("false"));
}

static void print_word(struct print *p)
{
	struct bytes word = sql_token_text(&p->t);
	struct group *g = p->group;

	if (sql_token_ahead(&p->t, 0) == '\'' && is_prefix(p, word)) {
		sql_token_next(&p->t);
		print_literal(p, LAST_STRING);
	} else if (g && g->pure && p->last == LAST_OPEN && (*word.p == '$' || is_constant(word))) {
		print_place(p, word, LAST_VALUE);
	} else {
		group_spoil(p);
		word.p = p->t.text.p + sql_token_join(&p->t);
		print_own(p, LAST_WORD);
		p->word = (struct bytes){word.p, (size_t)(p->t.text.p + p->t.to - word.p)};
	}
}

/* ---- symbols ------------------------------------------------------------------------------- */

static void print_comma(struct print *p)
{
	const struct group *g = p->group;

	if (p->pending > PENDING_BLANK)
		print_pending(p);
	p->pending = PENDING_COMMA;
	if (!p->rows)
		p->last = g ? LAST_OPEN : LAST_SYMBOL;
}

/* ":name", which is a place for a value where one may stand. */
static bool place_take(struct print *p)
{
	struct bytes text = sql_token_text(&p->t);

	if (p->last != LAST_OPEN || !(sql_token_ahead(&p->t, 0) & 0x40))
		return false;
	if (sql_token_next(&p->t) == SQL_TOKEN_END)
		return false;
	text.n += p->t.to - p->t.from;
	print_place(p, text, LAST_VALUE);
	return true;
}

/* A comparison has blanks around it, whether it was written like that or not. */
static void compare_end(struct print *p, enum sql_token_kind kind)
{
	char c = p->t.text.p[p->t.from];

	if (kind == SQL_TOKEN_SYMBOL && !p->t.blank && memchr("=<>!@~|&^*/%#-+", c, 15) &&
	    !number_ahead(p))
		return;
	p->compares = false;
	p->pending = PENDING_BLANK;
}

static void print_other(struct print *p)
{
	char c = p->t.text.p[p->t.from];

	group_spoil(p);
	if ((c == '=' || c == '<' || c == '>' || c == '!') &&
	    (p->t.blank || p->last != LAST_SYMBOL)) {
		p->compares = true;
		if (p->pending < PENDING_COMMA)
			p->pending = p->last == LAST_OPEN ? PENDING_NONE : PENDING_BLANK;
	}
	print_own(p, LAST_SYMBOL);
}

static void print_symbol(struct print *p)
{
	switch (p->t.text.p[p->t.from]) {
	case '(':
	case '[':
		bracket_open(p);
		return;
	case ')':
	case ']':
		bracket_close(p);
		return;
	case ',':
		print_comma(p);
		return;
	case ';':
		p->pending = p->n ? PENDING_SEMICOLON : PENDING_NONE;
		p->last = LAST_NONE;
		return;
	case '?':
		print_place(p, BYTES("?"), LAST_VALUE);
		return;
	case ':':
		if (place_take(p))
			return;
		break;
	case '-':
	case '+':
		if (sign_is_unary(p) && number_ahead(p)) {
			number_take(p);
			return;
		}
		break;
	case '.':
		if ((p->pending == PENDING_BLANK || p->last <= LAST_SYMBOL) &&
		    is_digit(sql_token_ahead(&p->t, 0))) {
			number_take(p);
			return;
		}
		break;
	}
	print_other(p);
}

/* The version that follows is no value. */
static void print_hint(struct print *p)
{
	struct bytes text = sql_token_text(&p->t);

	group_spoil(p);
	while (text.n && is_digit(sql_token_ahead(&p->t, 0)))
		text.n += sql_token_next(&p->t) == SQL_TOKEN_NUMBER ? p->t.to - p->t.from : 0;
	print_text(p, text, LAST_SYMBOL);
}

/* ---- all of it ----------------------------------------------------------------------------- */

size_t sql_text_fingerprint(struct bytes text, enum sql_dialect dialect, char *dst)
{
	enum sql_token_kind kind;
	struct print p;

	memset(&p, 0, offsetof(struct print, groups));
	if (text.n > SQL_FINGERPRINT_READ)
		text.n = SQL_FINGERPRINT_READ;
	p.dst = dst;
	sql_token_begin(&p.t, text, dialect);
	while (!p.full && (kind = sql_token_next(&p.t)) != SQL_TOKEN_END) {
		if (p.compares)
			compare_end(&p, kind);
		if (p.t.blank && p.last != LAST_OPEN && p.pending < PENDING_COMMA)
			p.pending = PENDING_BLANK;
		switch (kind) {
		case SQL_TOKEN_END:
			break;
		case SQL_TOKEN_WORD:
			print_word(&p);
			break;
		case SQL_TOKEN_NUMBER:
		case SQL_TOKEN_STRING:
			print_literal(&p, kind == SQL_TOKEN_STRING ? LAST_STRING : LAST_VALUE);
			break;
		case SQL_TOKEN_NAME:
			group_spoil(&p);
			print_own(&p, LAST_VALUE);
			break;
		case SQL_TOKEN_SYMBOL:
			print_symbol(&p);
			break;
		case SQL_TOKEN_HINT:
			print_hint(&p);
			break;
		}
	}
	return p.n;
}
