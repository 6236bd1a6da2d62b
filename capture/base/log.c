/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/log.h"

#include <stdarg.h>
#include <stdio.h>

static log_fn log_fn_;
static enum log_level log_max;

void log_to(log_fn fn, enum log_level level)
{
	log_fn_ = fn;
	log_max = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!log_fn_ || level > log_max)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_fn_(level, line);
}
