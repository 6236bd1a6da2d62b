/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Moments as people write them: an RFC 3339 time ("2026-11-24T15:05:53.5+01:00"; a blank for the T,
 * no seconds and no zone will do), a date, "15:05" of today, "now", "today", "yesterday", how long
 * ago ("-2h", "-30m", "-1d"), seconds since 1970 ("@1795532753", or nine digits and more). Without
 * a zone it is UTC, which is what all outputs show.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/err.h"

/* now_ns: Unix time. A day stands for its beginning, or with `end` for its end. -EINVAL with
 * text, which begins with label. */
int when_parse(const char *text, bool end, uint64_t now_ns, const char *label, uint64_t *ret_ns,
	       struct err *err);
