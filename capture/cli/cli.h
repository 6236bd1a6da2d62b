/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The command line: a table of commands, whose option rows generate parsing, help, completion, man
 * page and configuration keys. A command is one row here and one cmd_<name>.c. Every probe's name
 * and alias is a command too: `record` with that probe, its rows added.
 */
#include <stdbool.h>
#include <stdio.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"
#include "capture/probe.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_MISSING = 3,      /* kernel feature or privilege */
	CLI_LOST = 4,         /* done, but records were lost */
	CLI_CHILD_LOST = 124, /* the same with a COMMAND, if --fail-on-loss */
};                            /* and COMMAND's own: enum child_exit */

/* What `record` and `replay` share; rows in cli_output_options. */
struct cli_output_cfg {
	struct opt_list write; /* texts of -w */
	uint64_t stats_ns, drain_ns;
	bool insecure;
	const char *config;
	bool dump_config;
	bool quiet, verbose;
};
extern const struct opt cli_output_options[];

/* One run of a command. Everything is borrowed for its duration. */
struct cli_call {
	const struct cli_command *command;
	const struct probe_ops *probe; /* whose name was the command; NULL = none */
	const char *name;              /* as typed: "bash", for messages */
	char **argv;                   /* the whole command line, NULL-terminated */
	void *cfg;                     /* of command->options */
	void *probe_cfg;               /* of probe->options */
	struct cli_output_cfg out;     /* if command->outputs */
	char **operands;               /* what is no option */
	unsigned operands_n;
	char **child; /* COMMAND and its arguments, NULL-terminated; NULL = none */
};

struct cli_command {
	const char *name;
	const char *usage;    /* what follows the name, NULL = nothing */
	const char *summary;  /* one line, no full stop */
	const char *text;     /* paragraphs for help and man page; NULL = none */
	const char *examples; /* lines "COMMAND LINE<tab>what it does"; NULL = none */
	const struct opt *options;
	size_t cfg_size;
	unsigned operands_max;
	bool outputs; /* takes cli_output_options */
	bool child;   /* takes `-- COMMAND...` */
	/* Returns the exit status. A text left in err is printed once, as the one line on stderr.
	 */
	int (*run)(const struct cli_call *call, struct err *err);
};

extern const struct cli_command *const cli_commands[]; /* NULL-terminated */
const struct cli_command *cli_command_by_name(const char *name);

/* The program: returns its exit status. argv as main() has it. */
int cli_main(int argc, char **argv);

/* The exit status for 0 or the negative errno of a setup step: a COMMAND's own statuses are kept
 * apart from ours. */
int cli_status(const struct cli_call *call, int code);

/* Help for everybody: a page for one command (probe NULL or the one it stands for), the list of
 * all, the line or two for who typed nothing, and the man page in roff. */
void cli_help(const struct cli_command *command, const struct probe_ops *probe, FILE *out);
void cli_help_all(FILE *out);
void cli_help_short(FILE *out);
void cli_man(FILE *out);
