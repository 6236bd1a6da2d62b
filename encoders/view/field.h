/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Values of header fields. */
#include "capture/base/bytes.h"

/* Letters count the same in either case. */
bool field_is(struct bytes text, const char *word);
/* Without the blanks around it. */
struct bytes field_trim(struct bytes text);
/* Takes what comes before the next `end`, or all of it, off a list. */
struct bytes field_take(struct bytes *list, char end);
