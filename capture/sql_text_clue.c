/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is it worth looking for passwords in a text? Most statements have nothing like one. */
#include <string.h>
#include <strings.h>

#include "capture/sql_text.h"

enum {
	LETTERS = 3, /* of each word are compared sixteen times at once */
	VECTOR = 16,
	LOOKED_AT = VECTOR + LETTERS - 1
};

typedef uint8_t vector __attribute__((vector_size(VECTOR)));

/* What there is in every statement that has something to mask: `at` is where the letters stand that
 * are looked for first. The last one has no upper case. */
static const struct clue {
	struct bytes word;
	unsigned at;
} clues[] = {
	{BYTES("passw"), 0},
	{BYTES("passphrase"), 0},
	{BYTES("secret"), 1},
	{BYTES("identified"), 4},
	{BYTES("://"), 0},
	{BYTES("crypt"), 1},
	{BYTES("authentication_string"), 1},
};

static bool clue_at(struct bytes text, size_t at)
{
	for (size_t i = 0; i < sizeof(clues) / sizeof(clues[0]); i++) {
		const struct clue *c = &clues[i];

		if (at >= c->at && text.n - (at - c->at) >= c->word.n &&
		    !strncasecmp(text.p + at - c->at, c->word.p, c->word.n))
			return true;
	}
	return false;
}

/* Where all of them begin, in three letters each. */
static vector clue_begins(const char *p)
{
	vector v[LETTERS];

	for (unsigned i = 0; i < LETTERS; i++) {
		memcpy(&v[i], p + i, VECTOR);
		v[i] |= 0x20;
	}
	return (vector)(((v[0] == 'p') & (v[1] == 'a') & (v[2] == 's')) |
			((v[0] == 'e') & (v[1] == 'c') & (v[2] == 'r')) |
			((v[0] == 't') & (v[1] == 'i') & (v[2] == 'f')) |
			((v[0] == 'r') & (v[1] == 'y') & (v[2] == 'p')) |
			((v[0] == 'u') & (v[1] == 't') & (v[2] == 'h')) |
			((v[0] == ':') & (v[1] == '/') & (v[2] == '/')));
}

/* In those that begin in sixteen bytes from `at` on. */
static inline bool has_clue_at(struct bytes text, size_t at, const char *p)
{
	vector v = clue_begins(p);
	uint64_t halves[2];

	memcpy(halves, &v, sizeof(halves));
	for (unsigned k = 0; halves[0] | halves[1] && k < VECTOR; k++)
		if (v[k] && clue_at(text, at + k))
			return true;
	return false;
}

/* The last sixteen may be some that were looked at before. */
bool sql_text_hints_at_password(struct bytes text)
{
	char few[LOOKED_AT] = {0};
	size_t i = 0;

	if (text.n < LOOKED_AT) {
		if (text.n)
			memcpy(few, text.p, text.n);
		return has_clue_at(text, 0, few);
	}
	for (; text.n - i > LOOKED_AT; i += VECTOR)
		if (has_clue_at(text, i, text.p + i))
			return true;
	i = text.n - LOOKED_AT;
	return has_clue_at(text, i, text.p + i);
}
