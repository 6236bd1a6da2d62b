/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The texts of a line: those without escapes stay where they are, the others are copied into one
 * buffer, which is large enough for whatever a line of that length can hold.
 */
#include <stdbool.h>
#include <stddef.h>

#include "capture/base/bytes.h"

/* Zeroed at first. */
struct jsonl_text {
	struct bytes line;
	char *p;
	size_t n, cap;
	size_t list; /* where in p the elements of the present list begin */
};

/* Another line: what there was of the last one is gone. 0 or -ENOMEM. */
int jsonl_text_begin(struct jsonl_text *t, struct bytes line);
void jsonl_text_free(struct jsonl_text *t);

/* A text as yajl tells of it, until the next line. */
struct bytes jsonl_text_keep(struct jsonl_text *t, struct bytes text);
/* False: it is no base64. */
bool jsonl_text_decode(struct jsonl_text *t, struct bytes text, struct bytes *ret);
const char *jsonl_text_name(struct jsonl_text *t, struct bytes text);

/* Elements of a list, one after the other; *ret is the whole of it so far. False: no base64. */
void jsonl_text_list(struct jsonl_text *t);
/* With a NUL behind each. */
bool jsonl_text_add_arg(struct jsonl_text *t, struct bytes arg, bool base64, struct bytes *ret);
/* As QUERY_PARAMS_LIST has them. value NULL: the value is null. False also for one that is too
 * long.
 */
bool jsonl_text_add_value(struct jsonl_text *t, const struct bytes *value, bool base64,
			  struct bytes *ret);
