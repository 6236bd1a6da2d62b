/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The inside of the search for passwords: sql_text_passwords.c goes over the tokens of a statement,
 * sql_text_settings.c over the bytes of its strings and comments. */
#include "capture/sql_text.h"
#include "capture/sql_token.h"

enum {
	SQL_SEARCH_DEPTH = 32, /* brackets in brackets whose commas are counted */
	SQL_SEARCH_COLUMNS = 64
};

/* What is in a pair of brackets. */
struct sql_search_group {
	bool secret;       /* every constant in it */
	bool columns, row; /* the list of columns of INSERT; values for them */
	bool select;       /* values that SELECT has, not in brackets at all */
	uint8_t at;        /* the element that this is, from 0 on */
	uint8_t key;       /* the one that is a password, from 1 on; 0 = none */
};

struct sql_search {
	struct sql_tokens t;
	enum sql_token_kind last; /* kind of the token before */
	struct bytes word;        /* the last token, if that is a word */
	bool expect;              /* what comes next, if it is a constant, is a password */
	bool call;                /* so is what is in the brackets that come next */
	bool identified;          /* the word was there, in this statement */
	bool set_password;        /* so was SET PASSWORD, just now; and SET PASSWORD FOR */
	bool set;
	bool masked;           /* the last token, a constant, was a password */
	bool value;            /* a string ended where a value in it was to begin */
	bool format;           /* what fills a place in it is one */
	bool version;          /* the last token began a comment that is executed */
	bool verb;             /* the last word was INSERT or REPLACE */
	uint8_t inner;         /* a string in a string: enum inner */
	uint8_t insert;        /* how far an INSERT is: enum insert */
	unsigned insert_depth; /* brackets around it */
	unsigned hints;        /* comments that are executed, and have not ended */
	uint64_t columns;      /* of that INSERT: those that are passwords */
	unsigned places;       /* ? so far */
	unsigned depth;
	struct sql_search_group groups[SQL_SEARCH_DEPTH];
	sql_text_found fn;
	void (*place)(unsigned place, void *arg); /* NULL = they are not asked for */
	void *arg;
};

/* Does it end like the name of something secret? */
bool sql_text_is_secret(struct bytes name);
/* What stands before a password of IDENTIFIED. */
bool sql_text_is_identified_word(struct bytes word);
/* What may stand between a name and its value. */
bool sql_text_is_carrier(struct bytes word);
/* Which argument of a function is a password or a key, from 1 on; 0 = none. */
uint8_t sql_text_key_argument(struct bytes name);
/* Looks for passwords in text[from, to), which is in a string or is one. Sets `value`. */
void sql_text_settings(struct sql_search *s, size_t from, size_t to);
