/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What can be told from the text of a statement without knowing its grammar: strings, numbers,
 * comments, names in quotes and places for values. Pure; one pass; any bytes (NUL, invalid UTF-8),
 * cut anywhere.
 */
#include <stdbool.h>
#include <stddef.h>

#include "capture/base/bytes.h"

enum sql_dialect {
	SQL_MYSQL,   /* "…" is a string, \ escapes, # begins a comment */
	SQL_POSTGRES /* $tag$…$tag$ and E'…' are strings, comments nest */
};

enum {
	SQL_FINGERPRINT_MAX = 1024
};

/* The text with each literal (string, number, also a signed one) as ?, lists of them, and rows of
 * VALUES, as one (`in (?+)`, `values (?+)`), comments left out and blanks as one, so that
 * statements that differ only in their values are equal. Places for values ($1, ?, :name) stay.
 * What is longer than SQL_FINGERPRINT_MAX ends there, at a whole character. dst:
 * SQL_FINGERPRINT_MAX bytes. Reads no more of the text than it needs. Returns its length. */
size_t sql_text_fingerprint(struct bytes text, enum sql_dialect dialect, char *dst);

/* Places for values (`?` outside strings, names and comments) of a MySQL statement. */
unsigned sql_text_places(struct bytes text);

/* A password that the statement sets: IDENTIFIED BY '…' (also BY PASSWORD, WITH plugin AS / BY /
 * USING), SET PASSWORD …= '…' or PASSWORD('…'), [ENCRYPTED] PASSWORD '…', MASTER_PASSWORD = '…',
 * CREATE SERVER / USER MAPPING … OPTIONS (password '…'), dblink and CONNECTION strings
 * (password=…), pgp_sym_encrypt keys are not. Calls fn with what lies between the quotes of each,
 * in order: [from, to) of the text. */
void sql_text_passwords(struct bytes text, enum sql_dialect dialect,
			void (*fn)(size_t from, size_t to, void *arg), void *arg);
