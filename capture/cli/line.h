/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One line at the bottom of a terminal that is written anew again and again. Whoever prints
 * anything else on stderr takes it away first; it comes back with its next text. From any thread.
 */
#include <stdbool.h>

/* Is there a terminal for it? */
bool line_possible(void);
/* Cut to the width of the terminal. */
void line_show(const char *text);
/* Everything else that goes to stderr stands between these two. */
void line_hide(void);
void line_done(void);
