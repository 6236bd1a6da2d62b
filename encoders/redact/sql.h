/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The text of SQL statements: what is constant in it is masked, strings and numbers alike. Quotes
 * stay, names and comments too. It does not matter where a text is cut.
 */
#include "capture/sql_lex.h"
#include "encoders/redact/copy.h"

void redact_sql_feed(struct sql_lex *s, struct redact_copy *c, size_t from, size_t to);
