/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * "Did you mean …?": of the names it is shown, keeps the one nearest to what was typed, when it is
 * near enough to be a slip (one edit, or two in a name of six letters and more; swapped neighbours
 * are one).
 *     struct near near = NEAR(typed);
 *     for each candidate: near_try(&near, candidate);
 *     … near.best (NULL = none is close)
 */
struct near {
	const char *typed;
	const char *best;
	unsigned distance;
};

#define NEAR(text) ((struct near){.typed = (text)})

/* name is borrowed. */
void near_try(struct near *near, const char *name);
/* "; did you mean 'NAME'?" with prefix before NAME, or "" when none is close. Returns ret. */
enum {
	NEAR_HINT = 96
};
const char *near_hint(const struct near *near, const char *prefix, char ret[NEAR_HINT]);
