/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion scripts for shells, written from the rows: nothing in them is typed twice. */
#include <errno.h>
#include <string.h>

#include "capture/cli/commands.h"

/* What may stand behind an option. */
enum values {
	VALUES_NONE,
	VALUES_ANY,
	VALUES_FILE,
	VALUES_PROBE,
	VALUES_USER,
	VALUES_CHOICE
};

static enum values values_of(const struct opt *row)
{
	if (row->type == OPT_CHOICE)
		return VALUES_CHOICE;
	if (!row->arg)
		return VALUES_NONE;
	if (!strncmp(row->arg, "OUTPUT", 6) || !strcmp(row->arg, "FILE") ||
	    !strcmp(row->arg, "PATH"))
		return VALUES_FILE;
	if (!strncmp(row->arg, "PROBE", 5))
		return VALUES_PROBE;
	return !strcmp(row->arg, "USER") ? VALUES_USER : VALUES_ANY;
}

/* Every word that may stand behind `penstock`: fn is told the command it means, and its probe. */
typedef void (*word_fn)(const char *word, const struct cli_command *command,
			const struct probe_ops *probe);

static void each_word(word_fn fn)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		fn((*c)->name, *c, NULL);
	for (unsigned i = 0; i < probe_registry_n; i++) {
		const struct probe_ops *ops = probe_registry[i].ops;

		fn(ops->name, &cmd_record, ops);
		for (const char *const *a = ops->aliases; a && *a; a++)
			fn(*a, &cmd_record, ops);
	}
}

typedef void (*row_fn)(const char *word, const struct opt *row);

static void each_row(const char *word, const struct cli_command *command,
		     const struct probe_ops *probe, row_fn fn)
{
	const struct opt *groups[] = {command->options,
				      command->outputs ? cli_output_options : NULL,
				      probe ? probe->options : NULL};

	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (const struct opt *row = groups[i]; row && row->name; row++)
			fn(word, row);
}

static void print_word(const char *word, const struct cli_command *command,
		       const struct probe_ops *probe)
{
	printf("%s ", word);
}

/* The words to choose from. */
static void print_values(const struct opt *row, enum values values)
{
	if (values == VALUES_PROBE)
		for (unsigned i = 0; i < probe_registry_n; i++)
			printf("%s%s", i ? " " : "", probe_registry[i].ops->name);
	if (values == VALUES_CHOICE)
		for (const char *const *c = row->choices; *c; c++)
			printf("%s%s", c == row->choices ? "" : " ", *c);
}

/* c, with what stands in special escaped by a backslash; a quote ends and reopens the quotes. */
static void print_quoted(const char *c, const char *special)
{
	for (; *c; c++) {
		if (*c == '\'')
			fputs("'\\'", stdout);
		else if (strchr(special, *c))
			putchar('\\');
		putchar(*c);
	}
}

/* ---- bash ---------------------------------------------------------------------------------- */

static void bash_value(const char *word, const struct opt *row)
{
	enum values values = values_of(row);

	if (values == VALUES_NONE)
		return;
	printf("\t%s:--%s", word, row->name);
	if (row->letter)
		printf("|%s:-%c", word, row->letter);
	fputs(") ", stdout);
	if (values == VALUES_FILE)
		fputs("_penstock_words -f; ", stdout);
	if (values == VALUES_USER)
		fputs("_penstock_words -u; ", stdout);
	if (values == VALUES_PROBE || values == VALUES_CHOICE) {
		fputs("_penstock_words -W '", stdout);
		print_values(row, values);
		fputs("'; ", stdout);
	}
	fputs("return ;;\n", stdout);
}

static void bash_values(const char *word, const struct cli_command *command,
			const struct probe_ops *probe)
{
	each_row(word, command, probe, bash_value);
}

static void bash_name(const char *word, const struct opt *row)
{
	printf(" --%s", row->name);
}

static void bash_names(const char *word, const struct cli_command *command,
		       const struct probe_ops *probe)
{
	printf("\t%s) names='--help", word);
	each_row(word, command, probe, bash_name);
	fputs("' ;;\n", stdout);
}

static void bash_script(void)
{
	fputs("# penstock completion for bash\n"
	      "_penstock_words() {\n"
	      "\t[ \"$1\" = -f ] && compopt -o filenames\n"
	      "\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
	      "}\n"
	      "_penstock() {\n"
	      "\tlocal names words='",
	      stdout);
	each_word(print_word);
	fputs("'\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" = 1 ]; then _penstock_words -W \"$words --help --version\"; "
	      "return; fi\n"
	      "\tcase ${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD-1]} in\n",
	      stdout);
	each_word(bash_values);
	fputs("\thelp:help) _penstock_words -W \"$words\"; return ;;\n"
	      "\tcompletion:completion) _penstock_words -W 'bash zsh fish'; return ;;\n"
	      "\tesac\n"
	      "\tcase ${COMP_WORDS[1]} in\n",
	      stdout);
	each_word(bash_names);
	fputs("\tesac\n"
	      "\tif [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then _penstock_words -W \"$names\"; "
	      "else "
	      "_penstock_words -f; fi\n"
	      "}\n"
	      "complete -F _penstock penstock\n",
	      stdout);
}

/* ---- zsh ----------------------------------------------------------------------------------- */

static void zsh_word(const char *word, const struct cli_command *command,
		     const struct probe_ops *probe)
{
	printf("\t\t'%s:", word);
	print_quoted(probe ? probe->summary : command->summary, "");
	fputs("'\n", stdout);
}

static void zsh_values(const struct opt *row)
{
	enum values values = values_of(row);

	if (values == VALUES_NONE)
		return;
	putchar(':');
	print_quoted(row->arg, "[]:\\");
	putchar(':');
	if (values == VALUES_FILE)
		fputs("_files", stdout);
	if (values == VALUES_USER)
		fputs("_users", stdout);
	if (values == VALUES_PROBE || values == VALUES_CHOICE) {
		putchar('(');
		print_values(row, values);
		putchar(')');
	}
}

static void zsh_row(const char *word, const struct opt *row)
{
	const char *repeat = row->type == OPT_LIST ? "*" : "";

	printf("\t\t\t'%s--%s%s[", repeat, row->name, row->arg ? "=" : "");
	print_quoted(row->help, "[]:\\");
	putchar(']');
	zsh_values(row);
	fputs("' \\\n", stdout);
	if (!row->letter)
		return;
	printf("\t\t\t'%s-%c%s[", repeat, row->letter, row->arg ? "+" : "");
	print_quoted(row->help, "[]:\\");
	putchar(']');
	zsh_values(row);
	fputs("' \\\n", stdout);
}

static void zsh_case(const char *word, const struct cli_command *command,
		     const struct probe_ops *probe)
{
	printf("\t%s)\n\t\t_arguments \\\n", word);
	each_row(word, command, probe, zsh_row);
	if (command == &cmd_help) {
		fputs("\t\t\t'1:COMMAND:(", stdout);
		each_word(print_word);
		fputs(")' \\\n", stdout);
	} else if (command == &cmd_completion) {
		fputs("\t\t\t'1:SHELL:(bash zsh fish)' \\\n", stdout);
	} else if (command->operands_max) {
		fputs("\t\t\t'*:FILE:_files' \\\n", stdout);
	}
	fputs("\t\t\t'(- *)--help[print help]' ;;\n", stdout);
}

static void zsh_script(void)
{
	fputs("#compdef penstock\n"
	      "_penstock() {\n"
	      "\tlocal -a known=(\n",
	      stdout);
	each_word(zsh_word);
	fputs("\t)\n"
	      "\tif (( CURRENT == 2 )); then _describe command known; return; fi\n"
	      "\tshift words\n"
	      "\t(( CURRENT-- ))\n"
	      "\tcase $words[1] in\n",
	      stdout);
	each_word(zsh_case);
	fputs("\tesac\n"
	      "}\n"
	      "if [ \"$funcstack[1]\" = _penstock ]; then _penstock \"$@\"; else compdef _penstock "
	      "penstock; "
	      "fi\n",
	      stdout);
}

/* ---- fish ---------------------------------------------------------------------------------- */

static void fish_row(const char *word, const struct opt *row)
{
	enum values values = values_of(row);

	printf("complete -c penstock -n '__fish_seen_subcommand_from %s' -l %s", word, row->name);
	if (row->letter)
		printf(" -s %c", row->letter);
	if (values == VALUES_FILE)
		fputs(" -r -F", stdout);
	else if (values == VALUES_USER)
		fputs(" -x -a '(__fish_complete_users)'", stdout);
	else if (values == VALUES_ANY)
		fputs(" -x", stdout);
	if (values == VALUES_PROBE || values == VALUES_CHOICE) {
		fputs(" -x -a '", stdout);
		print_values(row, values);
		putchar('\'');
	}
	fputs(" -d '", stdout);
	print_quoted(row->help, "\\");
	fputs("'\n", stdout);
}

static void fish_word(const char *word, const struct cli_command *command,
		      const struct probe_ops *probe)
{
	printf("complete -c penstock -n __fish_use_subcommand -f -a %s -d '", word);
	print_quoted(probe ? probe->summary : command->summary, "\\");
	fputs("'\n", stdout);
	each_row(word, command, probe, fish_row);
}

static void fish_script(void)
{
	fputs("# penstock completion for fish\n", stdout);
	each_word(fish_word);
	fputs("complete -c penstock -n '__fish_seen_subcommand_from help' -f -a '", stdout);
	each_word(print_word);
	fputs("'\ncomplete -c penstock -n '__fish_seen_subcommand_from completion' -f -a "
	      "'bash zsh fish'\n",
	      stdout);
}

/* ---- command ------------------------------------------------------------------------------- */

static int completion_run(const struct cli_call *call, struct err *err)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
	const char *shell = call->operands_n ? call->operands[0] : "";

	for (unsigned i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell))
			continue;
		shells[i].print();
		return CLI_OK;
	}
	return cli_status(call, errf(err, -EINVAL, "for which shell? bash, zsh or fish"));
}

const struct cli_command cmd_completion = {
	.name = "completion",
	.usage = "bash|zsh|fish",
	.summary = "print the completion script for a shell",
	.examples = "penstock completion bash >/etc/bash_completion.d/penstock\tfor all users of "
		    "bash\n",
	.operands_max = 1,
	.run = completion_run,
};
