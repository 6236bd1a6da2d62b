/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/near.h"

#include <stdio.h>
#include <string.h>

enum {
	NAME_MAX_ = 40
}; /* longer names are not worth a guess */

static unsigned least_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b. */
static unsigned edit_distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
	unsigned d[NAME_MAX_ + 1][NAME_MAX_ + 1];

	for (size_t i = 0; i <= a_n; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= b_n; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_n; i++) {
		for (size_t j = 1; j <= b_n; j++) {
			unsigned replace = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			d[i][j] = least_of(replace, least_of(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least_of(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[a_n][b_n];
}

void near_try(struct near *near, const char *name)
{
	size_t a = strlen(near->typed), b = strlen(name);
	unsigned n;

	if (a < 2 || a > NAME_MAX_ || b > NAME_MAX_)
		return;
	n = edit_distance(near->typed, a, name, b);
	if (n > (a < 6 ? 1u : 2u) || (near->best && n >= near->distance))
		return;
	near->best = name;
	near->distance = n;
}

const char *near_hint(const struct near *near, const char *prefix, char ret[NEAR_HINT])
{
	ret[0] = '\0';
	if (near->best)
		snprintf(ret, NEAR_HINT, "; did you mean '%s%s'?", prefix, near->best);
	return ret;
}
