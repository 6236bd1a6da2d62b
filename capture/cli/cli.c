/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/log.h"
#include "capture/base/near.h"
#include "capture/cli/args.h"
#include "capture/cli/commands.h"
#include "capture/run/child.h"

const struct cli_command *const cli_commands[] = {
	&cmd_record, &cmd_replay,     &cmd_collect, &cmd_verify, &cmd_repack,
	&cmd_stat,   &cmd_search,     &cmd_index,   &cmd_probes, &cmd_check,
	&cmd_help,   &cmd_completion, &cmd_version, NULL,
};

const struct opt cli_output_options[] = {
	{.name = "write",
	 .letter = 'w',
	 .type = OPT_LIST,
	 .offset = offsetof(struct cli_output_cfg, write),
	 .arg = "OUTPUT[,KEY=VALUE]",
	 .help = "write to this file, '-' (pcapng on stdout) or SCHEME://TARGET; else text on "
		 "stdout"},
	{.name = "stats",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct cli_output_cfg, stats_ns),
	 .arg = "TIME",
	 .def = "10s",
	 .help = "write counters into the outputs that often, 0 = only at the end"},
	{.name = "drain-timeout",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct cli_output_cfg, drain_ns),
	 .arg = "TIME",
	 .def = "5s",
	 .help = "at the end, wait that long for receivers that are slow or away"},
	{.name = "insecure-plaintext",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct cli_output_cfg, insecure),
	 .help = "let what is recorded leave this machine unencrypted"},
	{.name = "config",
	 .letter = 'c',
	 .type = OPT_STRING,
	 .offset = offsetof(struct cli_output_cfg, config),
	 .arg = "FILE",
	 .help = "read options from lines 'name = value'; the command line wins"},
	{.name = "dump-config",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct cli_output_cfg, dump_config),
	 .help = "print the options as they are now as such a file, and do nothing else"},
	{.name = "quiet",
	 .letter = 'q',
	 .type = OPT_FLAG,
	 .offset = offsetof(struct cli_output_cfg, quiet),
	 .help = "say nothing on stderr but errors and losses"},
	{.name = "verbose",
	 .letter = 'v',
	 .type = OPT_FLAG,
	 .offset = offsetof(struct cli_output_cfg, verbose),
	 .help = "say on stderr, too, which files were looked at in vain"},
	OPT_END,
};

const struct cli_command *cli_command_by_name(const char *name)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

int cli_status(const struct cli_call *call, int code)
{
	if (code == 0)
		return CLI_OK;
	if (call->child)
		return CHILD_FAILED;
	switch (code) {
	case -EINVAL:
		return CLI_USAGE;
	case -EPERM:
	case -ENOSYS:
	case -EOPNOTSUPP:
		return CLI_MISSING;
	default:
		return CLI_FAILED;
	}
}

static void print_log(enum log_level level, const char *line)
{
	fprintf(stderr, "penstock: %s\n", line);
}

static void set_log(const struct cli_output_cfg *out)
{
	log_to(print_log, out->quiet     ? LOG_LEVEL_ERROR
			  : out->verbose ? LOG_LEVEL_DEBUG
					 : LOG_LEVEL_WARNING);
}

/* ---- one call ------------------------------------------------------------------------------ */

enum {
	GROUPS_MAX = 4
};

/* The rows that a call understands, and their cfgs. */
static void call_groups(struct cli_call *call, struct opt_group ret[GROUPS_MAX])
{
	unsigned n = 0;

	if (call->command->options)
		ret[n++] = (struct opt_group){call->command->options, call->cfg};
	if (call->command->outputs)
		ret[n++] = (struct opt_group){cli_output_options, &call->out};
	if (call->probe && call->probe->options)
		ret[n++] = (struct opt_group){call->probe->options, call->probe_cfg};
	ret[n] = (struct opt_group){0};
}

static int parse_call(struct cli_call *call, struct args *a, char **words, char **ret_text,
		      struct err *err)
{
	int r = 0;

	for (const struct opt_group *g = a->groups; g->rows && r == 0; g++)
		r = opt_defaults(g->rows, g->cfg, err);
	if (r == 0)
		r = args_parse(a, words, err);
	if (r < 0 || a->help)
		return r;
	call->operands = a->operands;
	call->operands_n = a->operands_n;
	if (a->operands_n > call->command->operands_max)
		return errf(err, -EINVAL, "unexpected argument '%s'%s",
			    a->operands[call->command->operands_max],
			    call->command->child ? " (a COMMAND follows --)" : "");
	return call->out.config ? args_config(a, call->out.config, ret_text, err) : 0;
}

/* Every option that a file can hold. */
static void print_config(const struct cli_call *call, const struct opt_group *groups)
{
	printf("# penstock %s --config FILE\n", call->name);
	for (const struct opt_group *g = groups; g->rows; g++)
		for (const struct opt *row = g->rows; row->name; row++)
			if (!strstr(row->name, "config"))
				opt_dump(row, g->cfg, stdout);
}

/* Parses words (behind the command's name) and runs. */
static int run_parsed(struct cli_call *call, char **words, struct err *err)
{
	struct opt_group groups[GROUPS_MAX];
	struct args a = {.groups = groups};
	char *text = NULL;
	int r, status;

	call_groups(call, groups);
	r = parse_call(call, &a, words, &text, err);
	if (r < 0) {
		status = cli_status(call, r);
	} else if (a.help) {
		cli_help(call->command, call->probe, stdout);
		status = CLI_OK;
	} else if (call->out.dump_config) {
		print_config(call, groups);
		status = CLI_OK;
	} else {
		set_log(&call->out);
		status = call->command->run(call, err);
	}
	for (const struct opt_group *g = groups; g->rows; g++)
		opt_done(g->rows, g->cfg);
	args_done(&a);
	free(text);
	return status;
}

/* What stands behind the first `--` is the COMMAND, cut off words. */
static void split_child(struct cli_call *call, char **words)
{
	while (*words && strcmp(*words, "--"))
		words++;
	if (*words && words[1])
		call->child = words + 1;
	*words = NULL;
}

static int run_call(struct cli_call *call, char **argv, int argc, struct err *err)
{
	size_t probe_size = call->probe ? call->probe->cfg_size : 0;
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	int status;

	call->cfg = calloc(1, call->command->cfg_size + 1);
	call->probe_cfg = calloc(1, probe_size + 1);
	if (words && call->cfg && call->probe_cfg) {
		memcpy(words, argv + 2, (size_t)(argc - 2) * sizeof(*words));
		if (call->command->child)
			split_child(call, words);
		status = run_parsed(call, words, err);
	} else {
		status = cli_status(call, errf(err, -ENOMEM, "out of memory"));
	}
	free(call->probe_cfg);
	free(call->cfg);
	free(words);
	return status;
}

/* Output that did not arrive is a failure, but a reader that has seen enough is not worth a word.
 */
static int flush_stdout(int status, const char *name)
{
	int broken = ferror(stdout), r = fflush(stdout);

	if (r == 0 && !broken)
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "penstock %s: standard output: %s\n", name, strerror(errno));
	return status ? status : CLI_FAILED;
}

static int unknown_command(const char *name)
{
	struct near near = NEAR(name);
	char hint[NEAR_HINT];

	if (name[0] == '-') {
		fprintf(stderr, "penstock: unknown option '%s' (see penstock --help)\n", name);
		return CLI_USAGE;
	}
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		near_try(&near, (*c)->name);
	for (unsigned i = 0; i < probe_registry_n; i++)
		near_try(&near, probe_registry[i].ops->name);
	near_hint(&near, "", hint);
	fprintf(stderr, "penstock: unknown command '%s'%s\n", name,
		*hint ? hint : " (see penstock help)");
	return CLI_USAGE;
}

/* The options that stand for a command. */
static const char *command_word(const char *word)
{
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return "help";
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return "version";
	return word;
}

int cli_main(int argc, char **argv)
{
	struct cli_call call = {.argv = argv};
	struct err err = {""};
	int status;

	if (argc < 2) {
		cli_help_short(stderr);
		return CLI_USAGE;
	}
	call.name = command_word(argv[1]);
	call.command = cli_command_by_name(call.name);
	if (!call.command) {
		call.probe = probe_by_name(call.name);
		call.command = call.probe ? &cmd_record : NULL;
	}
	if (!call.command)
		return unknown_command(call.name);
	status = run_call(&call, argv, argc, &err);
	if (err.text[0])
		fprintf(stderr, "penstock %s: %s\n", call.name, err.text);
	return flush_stdout(status, call.name);
}
