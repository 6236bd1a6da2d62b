/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Bytes for people: offset, sixteen bytes, and what of them is ASCII. */
#include "encoders/write/show.h"

/* Appends rows, each behind `indent` blanks and ended with a newline. */
void hex_dump(struct put *w, struct bytes data, unsigned indent);
