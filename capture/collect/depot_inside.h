/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What depot.c asks of depot_text.c. */
#include "capture/collect/depot.h"

/* The text of the output, for that host (NULL = there is no {host} in it); *ret is the caller's to
 * free. */
int depot_text(const char *text, const char *host, char **ret, struct err *err);
/* How much of the text stands before the first {host}. */
size_t depot_static(const char *text);
