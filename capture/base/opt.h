/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Option rows. One row is one option: it generates the parsing, the line in --help, the shell
 * completion, the entry of the man page and the key of the configuration file. Rows of commands,
 * probes, encoders and sinks are all of this kind; `offset` is the field in that module's cfg.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "capture/base/err.h"

enum opt_type {
	OPT_FLAG, /* bool; `name`, `name=yes|no` (on, off), on the command line also `--no-name` */
	OPT_U32,  /* uint32_t in [min, max] */
	OPT_SIZE, /* uint64_t bytes: 123, 64K, 16M, 1G (powers of 1024) */
	OPT_DURATION, /* uint64_t nanoseconds: 500ms, 10s, 5m, 1h, 2d; a bare number is seconds */
	OPT_STRING,   /* const char *, borrowed from the text that was parsed */
	OPT_CHOICE,   /* int: the index in `choices` */
	OPT_LIST,     /* struct opt_list: repeatable */
};

struct opt_list {
	const char **v; /* borrowed texts, in order of appearance */
	unsigned n;
};

struct opt {
	const char *name; /* long name without dashes; NULL ends the rows */
	char letter;      /* short form, 0 = none */
	enum opt_type type;
	size_t offset;              /* of the field in the cfg */
	const char *arg;            /* placeholder in help: "PID"; NULL for a flag */
	const char *def;            /* default as text, NULL = zero */
	const char *help;           /* one sentence, no full stop */
	uint64_t min, max;          /* numbers: limits, max 0 = no limit */
	const char *const *choices; /* OPT_CHOICE: NULL-terminated */
};

#define OPT_END                                                                                    \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Rows of several modules offered as one set (a command's and its probe's, an encoder's and its
 * sink's), each with the cfg it fills. An array ends with rows NULL; the first row of a name wins.
 */
struct opt_group {
	const struct opt *rows;
	void *cfg;
};

/* Writes every row's default into cfg. -EINVAL with text when a default does not parse (a program
 * error that the unit tests catch). */
int opt_defaults(const struct opt *rows, void *cfg, struct err *err);

/* The row of that long name, or NULL. */
const struct opt *opt_find(const struct opt *rows, const char *name);
const struct opt *opt_find_letter(const struct opt *rows, char letter);
/* The same in groups; *ret_cfg is the cfg to set. */
const struct opt *opt_group_find(const struct opt_group *groups, const char *name, void **ret_cfg);

/* Parses value into cfg by the row. -EINVAL with one precise line ("--pid: 'abc' is no number").
 * `label` is how the option is called in that line ("--pid", "-w size"). value NULL = flag given
 * without a value. value is borrowed for as long as cfg is used. */
int opt_set(const struct opt *row, void *cfg, const char *value, const char *label,
	    struct err *err);

/* Cuts the first "k=v" or "k" off *text (in place; a comma in it is written `\,`) and moves *text
 * behind it, NULL when that was the last. *ret_value is NULL when there is no `=`. */
void opt_pair(char **text, char **ret_key, char **ret_value);

/* Sets what the row of that name in groups stands for. Unknown names: -EINVAL naming `label`, the
 * name, and one that is close. */
int opt_group_set(const struct opt_group *groups, const char *name, const char *value,
		  const char *label, struct err *err);

/* "k=v,k2,k3=v3" as in `-p bash,k=v` and `-w out.pcapng,size=1M`: splits `text` in place (it is
 * borrowed) and sets each key in rows. Unknown keys: -EINVAL naming `label` and the key. A comma
 * in a value is written `\,`. */
int opt_set_pairs(const struct opt *rows, void *cfg, char *text, const char *label,
		  struct err *err);

/* Frees the arrays of OPT_LIST fields. */
void opt_done(const struct opt *rows, void *cfg);

/* One aligned help line for each row, wrapped at 100 columns: as options of a command line
 * ("-w, --write OUTPUT"), and as keys of a pair ("size=BYTES"). */
void opt_help(const struct opt *rows, FILE *out);
void opt_help_keys(const struct opt *rows, FILE *out);
/* One such line: left, then text from a fixed column on. */
void opt_help_line(const char *left, const char *text, FILE *out);
/* The row as lines of a configuration file: what it is for, and the value that cfg has, which is
 * read again as it is written. What has no value stands there as a comment. */
void opt_dump(const struct opt *row, const void *cfg, FILE *out);
/* What follows the sentence of a row: " (default: 10s)", or the choices; "" when nothing does. */
enum {
	OPT_NOTE = 256
};
const char *opt_note(const struct opt *row, char ret[OPT_NOTE]);
