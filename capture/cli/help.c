/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "capture/cli/cli.h"
#include "capture/run/output_spec.h"

static void help_keys(const char *title, const struct opt *rows, FILE *out)
{
	if (!rows || !rows->name)
		return;
	fprintf(out, "\n%s:\n", title);
	opt_help_keys(rows, out);
}

static void help_outputs(FILE *out)
{
	char title[256];

	help_keys("Keys of every output (-w OUTPUT,KEY=VALUE...; a comma in a value is written "
		  "'\\,')",
		  output_spec_options, out);
	fputs("\nFormats (format=NAME, or by the ending of the file name):\n", out);
	for (const struct encoder_ops *const *e = encoder_registry; *e; e++) {
		snprintf(title, sizeof(title), "%s%s%s%s", (*e)->name, (*e)->extension ? " (." : "",
			 (*e)->extension ? (*e)->extension : "", (*e)->extension ? ")" : "");
		opt_help_line(title, (*e)->summary, out);
	}
	for (const struct encoder_ops *const *e = encoder_registry; *e; e++) {
		snprintf(title, sizeof(title), "Keys of format %s", (*e)->name);
		help_keys(title, (*e)->options, out);
	}
	fputs("\nBehind any format:\n", out);
	for (const struct filter_ops *const *f = filter_registry; *f; f++) {
		snprintf(title, sizeof(title), "%s (.%s)", (*f)->name, (*f)->extension);
		opt_help_line(title, (*f)->summary, out);
	}
	for (const struct filter_ops *const *f = filter_registry; *f; f++) {
		snprintf(title, sizeof(title), "Keys of .%s", (*f)->extension);
		help_keys(title, (*f)->options, out);
	}
	fputs("\nPlaces:\n", out);
	for (const struct sink_ops *const *s = sink_registry; *s; s++)
		opt_help_line((*s)->name, (*s)->summary, out);
	for (const struct sink_ops *const *s = sink_registry; *s; s++) {
		snprintf(title, sizeof(title), "Keys of place %s", (*s)->name);
		help_keys(title, (*s)->options, out);
	}
}

static void help_probes(FILE *out)
{
	char title[256];

	fputs("\nProbes:\n", out);
	for (unsigned i = 0; i < probe_registry_n; i++)
		opt_help_line(probe_registry[i].ops->name, probe_registry[i].ops->summary, out);
	for (unsigned i = 0; i < probe_registry_n; i++) {
		snprintf(title, sizeof(title), "Keys of probe %s (-p %s,KEY=VALUE...)",
			 probe_registry[i].ops->name, probe_registry[i].ops->name);
		help_keys(title, probe_registry[i].ops->options, out);
	}
}

static void help_examples(const char *examples, FILE *out)
{
	fputs("\nExamples:\n", out);
	for (const char *line = examples; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		int n = (int)strcspn(line, "\t"), rest = (int)strcspn(line + n, "\n");

		fprintf(out, "  %.*s\n      %.*s\n", n, line, rest - 1, line + n + 1);
	}
}

void cli_help(const struct cli_command *command, const struct probe_ops *probe, FILE *out)
{
	fprintf(out, "%s\n\nUsage: penstock %s%s%s\n", probe ? probe->summary : command->summary,
		probe ? probe->name : command->name, command->usage ? " " : "",
		command->usage ? command->usage : "");
	if (command->text)
		fprintf(out, "\n%s\n", command->text);
	if (probe && probe->needs)
		fprintf(out, "\nNeeds: %s\n", probe->needs);
	if (probe && probe->options && probe->options->name) {
		fputs("\nOptions of this probe:\n", out);
		opt_help(probe->options, out);
	}
	fputs("\nOptions:\n", out);
	opt_help(command->options, out);
	if (command->outputs)
		opt_help(cli_output_options, out);
	opt_help_line("-h, --help", "print this help", out);
	if (command->child && !probe)
		help_probes(out);
	if (command->outputs)
		help_outputs(out);
	if (command->examples && !probe)
		help_examples(command->examples, out);
}

void cli_help_all(FILE *out)
{
	fputs("penstock records what people and programs do, seen from inside the applications,\n"
	      "as pcapng for Wireshark and in other formats.\n\n"
	      "Usage: penstock COMMAND [OPTION...]\n\nCommands:\n",
	      out);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		opt_help_line((*c)->name, (*c)->summary, out);
	fputs("\nProbes (each is a command too: record with that probe):\n", out);
	for (unsigned i = 0; i < probe_registry_n; i++)
		opt_help_line(probe_registry[i].ops->name, probe_registry[i].ops->summary, out);
	fputs("\n'penstock help COMMAND' or 'penstock COMMAND --help' tells the rest.\n", out);
}

void cli_help_short(FILE *out)
{
	fputs("Usage: penstock COMMAND [OPTION...]     (penstock help lists the commands)\n", out);
}
