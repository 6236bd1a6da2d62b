/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The inside of capture/sql_lex.h, for what goes over code without it. */
#include "capture/sql_lex.h"

/* What a byte of code is: the C library's tables depend on the locale, and are asked for anew. */
enum sql_lex_class {
	SQL_LEX_SYMBOL,
	SQL_LEX_BLANK,
	SQL_LEX_QUOTE,
	SQL_LEX_LETTER, /* of a word, also any byte that is not ASCII; what follows it is in words,
			   too */
	SQL_LEX_DIGIT
};

extern const uint8_t sql_lex_classes[256];

static inline enum sql_lex_class sql_lex_class(char c)
{
	return (enum sql_lex_class)sql_lex_classes[(uint8_t)c];
}

static inline bool sql_lex_is_name(char c)
{
	return sql_lex_class(c) >= SQL_LEX_LETTER;
}
