/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the code under test prints on standard output and standard error. Assert nothing between
 * begin and end: cmocka prints there, too. */

void printed_begin(void);
void printed_end(void);
/* Both valid until the next printed_end(). */
const char *printed_out(void);
const char *printed_err(void);
