/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What can be told from the text of a statement without knowing its grammar: strings, numbers,
 * comments, names in quotes and places for values. Pure; one pass; any bytes (NUL, invalid UTF-8),
 * cut anywhere.
 */
#include <stdbool.h>
#include <stddef.h>

#include "capture/sql_lex.h"

enum {
	SQL_FINGERPRINT_MAX = 1024,
	SQL_FINGERPRINT_READ = 1024 * 1024 /* of a longer text, no more is looked at */
};

/*
 * The text with each literal (string, number, also a signed one) as ?, comments left out, blanks as
 * one, also around commas and comparisons, and without a semicolon at the end, so that statements
 * that differ only in their values are equal. In brackets, several literals, places for values and
 * NULL, TRUE, FALSE and DEFAULT are one `?+` when there is nothing else; behind IN, VALUES and
 * ARRAY a single one is that, too; and of the rows of VALUES there is only the first: `in (?+)`,
 * `values (?+)`. Elsewhere places ($1, ?, :name) and those words stay. Upper and lower case stay as
 * they are. What is longer than SQL_FINGERPRINT_MAX ends there, at a whole character; of the text
 * no more is read than is needed, and never more than SQL_FINGERPRINT_READ. dst:
 * SQL_FINGERPRINT_MAX bytes. Returns its length.
 */
size_t sql_text_fingerprint(struct bytes text, enum sql_dialect dialect, char *dst);

/* Places for values (`?` outside strings, names and comments) of a MySQL statement. */
unsigned sql_text_places(struct bytes text);

/* [from, to) of the text is to be masked. */
typedef void (*sql_text_found)(size_t from, size_t to, void *arg);
/*
 * Passwords in a statement, in any order, and perhaps some of them twice:
 * - constants behind IDENTIFIED … BY, AS, USING, REPLACE; behind SET PASSWORD … =; behind any name
 *   that ends in password, passwd, passphrase, secret, secret_key, password_hash or
 *   authentication_string (PASSWORD '…', MASTER_PASSWORD = '…', password LIKE '…'), in brackets of
 *   functions that stand there (= crypt('…', …)), and joined to it by ||;
 * - in columns of that name: INSERT INTO … (…) VALUES (…), or SELECT …;
 * - keys of crypt, pgp_sym_encrypt, aes_encrypt and what undoes them;
 * - in strings and comments, whatever else is there: password=…, scheme://user:…@, and statements
 *   with the same names (PASSWORD ''…'', IDENTIFIED BY \'…\').
 * What looks different when \ does, or does not, escape a quote (sql_mode, GBK and Shift-JIS, whose
 * characters may end with one) is looked at both ways.
 */
void sql_text_passwords(struct bytes text, enum sql_dialect dialect, sql_text_found fn, void *arg);
/* The same in a value of a statement, which may be settings as those in strings, or a statement
 * itself. */
void sql_text_value_passwords(struct bytes value, enum sql_dialect dialect, sql_text_found fn,
			      void *arg);
/* Places where a constant would be one: ? or $1 is place 0. In any order. */
void sql_text_password_places(struct bytes text, enum sql_dialect dialect,
			      void (*fn)(unsigned place, void *arg), void *arg);
/* Can there be one? False is certain, and told fast. */
bool sql_text_hints_at_password(struct bytes text);
/* Does it depend on what \ means where its strings end? */
bool sql_text_is_ambiguous(struct bytes text);
