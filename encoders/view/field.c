/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/field.h"

#include <strings.h>

bool field_is(struct bytes text, const char *word)
{
	return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

struct bytes field_trim(struct bytes text)
{
	while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = (struct bytes){text.p + 1, text.n - 1};
	while (text.n && strchr(" \t\r", text.p[text.n - 1]))
		text.n--;
	return text;
}

struct bytes field_take(struct bytes *list, char end)
{
	const char *at = list->n ? memchr(list->p, end, list->n) : NULL;
	struct bytes taken = {list->p, at ? (size_t)(at - list->p) : list->n};
	size_t n = taken.n + (at != NULL);

	*list = (struct bytes){list->p + n, list->n - n};
	return field_trim(taken);
}
