/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The text that goes with an error code, on its way up to the one place that prints it.
 *
 * A function that can fail for a reason worth a sentence takes `struct err *err` and returns
 *     return errf(err, -ENOENT, "bash: no symbol 'readline' in '%s'", path);
 * err may be NULL (the text is then dropped). The innermost text wins only if the caller does not
 * write its own; errf() overwrites.
 */
struct err {
	char text[512];
};

/* Formats into err (one line, cut at its size) and returns code, which must be negative. */
int errf(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
