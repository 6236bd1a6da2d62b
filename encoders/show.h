/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Text for people. What targets typed or sent is shown, never passed on: control characters, bad
 * UTF-8 and what turns the direction of text become escapes (\n, \x9b), so that no recorded byte
 * can move the cursor of whoever looks. What has no room is left out: see struct put.
 */
#include "encoders/put.h"

#define SHOW_DIM   "\033[2m"
#define SHOW_BOLD  "\033[1m"
#define SHOW_RED   "\033[31m"
#define SHOW_PLAIN "\033[0m"

/* Our own words, as they are. */
#define SHOW(w, text) show_mem(w, text, sizeof(text) - 1)
void show_mem(struct put *w, const char *text, size_t n);
void show_number(struct put *w, uint64_t v);
void show_blanks(struct put *w, unsigned n);

/* Does this character do nothing but show itself? */
bool show_harmless(const char *text, unsigned len);
/* Writes the first character of text, which is not empty, and returns its length. */
unsigned show_char(struct put *w, struct bytes text);
void show_bytes(struct put *w, struct bytes text);
