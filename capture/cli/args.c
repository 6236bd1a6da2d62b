/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/near.h"

bool args_given(const struct args *a, const struct opt *row)
{
	for (unsigned i = 0; i < a->given_n; i++)
		if (a->given[i] == row)
			return true;
	return false;
}

static int unknown_option(const struct args *a, const char *name, struct err *err)
{
	struct near near = NEAR(name);
	char hint[NEAR_HINT];

	near_try(&near, "help");
	for (const struct opt_group *g = a->groups; g->rows; g++)
		for (const struct opt *row = g->rows; row->name; row++)
			near_try(&near, row->name);
	return errf(err, -EINVAL, "unknown option '--%s'%s", name, near_hint(&near, "--", hint));
}

static int args_set(struct args *a, const struct opt *row, void *cfg, const char *value,
		    const char *label, struct err *err)
{
	int r = opt_set(row, cfg, value, label, err);

	if (r == 0 && !args_given(a, row))
		a->given[a->given_n++] = row;
	return r;
}

/* The row of "no-NAME", when NAME is a flag. */
static const struct opt *args_find_negated(const struct args *a, const char *name, void **ret_cfg)
{
	const struct opt *row = NULL;

	if (!strncmp(name, "no-", 3))
		row = opt_group_find(a->groups, name + 3, ret_cfg);
	return row && row->type == OPT_FLAG ? row : NULL;
}

/* word: what follows the dashes. *next is the following word, taken when it is the value. */
static int parse_long(struct args *a, const char *word, char ***next, struct err *err)
{
	const char *eq = strchr(word, '='), *value = eq ? eq + 1 : NULL;
	int n = eq ? (int)(eq - word) : (int)strlen(word);
	char name[64], label[80];
	const struct opt *row;
	void *cfg;

	snprintf(name, sizeof(name), "%.*s", n, word);
	snprintf(label, sizeof(label), "--%s", name);
	row = opt_group_find(a->groups, name, &cfg);
	if (!row) {
		row = args_find_negated(a, name, &cfg);
		if (!row)
			return unknown_option(a, name, err);
		if (value)
			return errf(err, -EINVAL, "%s takes no value", label);
		value = "no";
	}
	if (!value && row->type != OPT_FLAG && **next)
		value = *(*next)++;
	return args_set(a, row, cfg, value, label, err);
}

static const struct opt *find_letter(const struct args *a, char letter, void **ret_cfg)
{
	for (const struct opt_group *g = a->groups; g->rows; g++) {
		const struct opt *row = opt_find_letter(g->rows, letter);

		if (row) {
			*ret_cfg = g->cfg;
			return row;
		}
	}
	return NULL;
}

/* letters: what follows the dash. */
static int parse_letters(struct args *a, const char *letters, char ***next, struct err *err)
{
	for (; *letters; letters++) {
		char label[] = {'-', *letters, '\0'};
		const char *value = NULL;
		const struct opt *row;
		void *cfg;
		int r;

		if (*letters == 'h') {
			a->help = true;
			return 0;
		}
		row = find_letter(a, *letters, &cfg);
		if (!row)
			return errf(err, -EINVAL, "unknown option '%s'", label);
		if (row->type != OPT_FLAG)
			value = letters[1] ? letters + 1 : **next ? *(*next)++ : NULL;
		r = args_set(a, row, cfg, value, label, err);
		if (r < 0 || row->type != OPT_FLAG)
			return r;
	}
	return 0;
}

static int args_allocate(struct args *a, char **argv, struct err *err)
{
	size_t words = 1, rows = 1;

	while (*argv++)
		words++;
	for (const struct opt_group *g = a->groups; g->rows; g++)
		for (const struct opt *row = g->rows; row->name; row++)
			rows++;
	a->operands = calloc(words, sizeof(*a->operands));
	a->given = calloc(rows, sizeof(*a->given));
	return a->operands && a->given ? 0 : errf(err, -ENOMEM, "out of memory");
}

int args_parse(struct args *a, char **argv, struct err *err)
{
	bool options = true;
	int r = args_allocate(a, argv, err);

	while (r == 0 && !a->help && *argv) {
		char *word = *argv++;

		if (!options || word[0] != '-' || !word[1])
			a->operands[a->operands_n++] = word;
		else if (!strcmp(word, "--"))
			options = false;
		else if (!strcmp(word, "--help"))
			a->help = true;
		else if (word[1] == '-')
			r = parse_long(a, word + 2, &argv, err);
		else
			r = parse_letters(a, word + 1, &argv, err);
	}
	return r;
}

void args_done(struct args *a)
{
	free(a->operands);
	free(a->given);
	a->operands = NULL;
	a->given = NULL;
}
