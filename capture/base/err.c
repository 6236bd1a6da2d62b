/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

int errf(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	assert(code < 0);
	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	for (char *c = err->text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return code;
}
