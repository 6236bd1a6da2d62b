/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * From words to option rows: `--name value`, `--name=value`, `-w value`, `-wvalue`, `-qv`,
 * `--no-flag`, `--` ends the options; and the configuration file with the same names.
 */
#include <stdbool.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"

struct args {
	const struct opt_group *groups;
	char **operands; /* allocated; the words are borrowed from argv */
	unsigned operands_n;
	const struct opt **given; /* allocated: rows that were set, once each */
	unsigned given_n;
	bool help; /* --help or -h was met: parsing stopped there */
};

/* argv: NULL-terminated, behind the command's name. Fills groups' cfgs. -EINVAL with one line. */
int args_parse(struct args *a, char **argv, struct err *err);
void args_done(struct args *a);
bool args_given(const struct args *a, const struct opt *row);

/* Lines `name = value` of the file at path, `#` comments; an option that was given on the command
 * line (in a) wins. *ret_text is the memory that the cfgs borrow from, to be freed after them, also
 * after a failure. -EINVAL for a line that makes no sense, else the errno of reading; both with
 * text. */
int args_config(struct args *a, const char *path, char **ret_text, struct err *err);
