/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Passwords and tokens in command lines. What is known by its name is masked wherever it stands
 * (NAME=value, --name value, "name": "value", Authorization: …, URLs), and what has only a letter,
 * by the programs that use it so (mysql -p…, curl -u, sshpass -p …). A word with blanks in it is a
 * command line again, as in sh -c "…": so is a word of a word, to some depth.
 *
 * In doubt it is masked: a word too much costs a reader little.
 */
#include "encoders/redact/copy.h"

/* The text has arguments with a NUL after each. */
void redact_words_argv(struct redact_copy *c);
/* The text is what somebody typed into a shell. Quotes stay as they are. */
void redact_words_shell(struct redact_copy *c);
