/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual page: the same rows as --help, in roff. */
#include <string.h>

#include "capture/cli/cli.h"
#include "capture/run/output_spec.h"

/* Text that roff must not take for its own; an empty line becomes a paragraph. */
static void man_text(const char *c, FILE *out)
{
	for (bool start = true; *c; start = *c++ == '\n') {
		if (start && *c == '\n')
			fputs(".PP", out);
		if (start && (*c == '.' || *c == '\''))
			fputs("\\&", out);
		if (*c == '-')
			fputs("\\-", out);
		else if (*c == '\\')
			fputs("\\e", out);
		else
			fputc(*c, out);
	}
}

static void man_entry(const char *title, const char *body, FILE *out)
{
	fputs(".TP\n.B ", out);
	man_text(title, out);
	fputc('\n', out);
	man_text(body, out);
	fputc('\n', out);
}

/* keys: as in -w OUTPUT,KEY=VALUE; else as on the command line. */
static void man_rows(const struct opt *row, bool keys, FILE *out)
{
	for (; row && row->name; row++) {
		char letter[8] = "", title[160], body[1024], note[OPT_NOTE];

		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(title, sizeof(title), "%s%s%s%s%s", keys ? "" : letter, keys ? "" : "--",
			 row->name, row->arg ? keys ? "=" : " " : "", row->arg ? row->arg : "");
		snprintf(body, sizeof(body), "%s%s.", row->help, opt_note(row, note));
		man_entry(title, body, out);
	}
}

static void man_subsection(const char *what, const char *name, const struct opt *options, FILE *out)
{
	if (!options || !options->name)
		return;
	fprintf(out, ".SS %s %s\n", what, name);
	man_rows(options, true, out);
}

static void man_commands(FILE *out)
{
	fputs(".SH COMMANDS\n", out);
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		fprintf(out, ".SS penstock %s ", (*c)->name);
		man_text((*c)->usage ? (*c)->usage : "", out);
		fputc('\n', out);
		man_text((*c)->summary, out);
		fputs(".\n", out);
		if ((*c)->text) {
			fputs(".PP\n", out);
			man_text((*c)->text, out);
			fputc('\n', out);
		}
		man_rows((*c)->options, false, out);
	}
	fputs(".SH COMMON OPTIONS\nOf \n.B record\nand\n.BR replay .\n", out);
	man_rows(cli_output_options, false, out);
}

static void man_probes(FILE *out)
{
	fputs(".SH PROBES\nThe name of a probe is a command too: the same as\n"
	      ".B penstock record \\-p\nwith that name, with the keys below as options.\n",
	      out);
	for (unsigned i = 0; i < probe_registry_n; i++)
		man_entry(probe_registry[i].ops->name, probe_registry[i].ops->summary, out);
	for (unsigned i = 0; i < probe_registry_n; i++)
		man_subsection("Probe", probe_registry[i].ops->name, probe_registry[i].ops->options,
			       out);
}

static void man_outputs(FILE *out)
{
	fputs(".SH OUTPUTS\nKeys of every output,\n.BR \\-w \" OUTPUT,KEY=VALUE...\" ;\n"
	      "a comma in a value is written \\(oq\\e,\\(cq.\n",
	      out);
	man_rows(output_spec_options, true, out);
	fputs(".SS Formats\n", out);
	for (const struct encoder_ops *const *e = encoder_registry; *e; e++)
		man_entry((*e)->name, (*e)->summary, out);
	for (const struct encoder_ops *const *e = encoder_registry; *e; e++)
		man_subsection("Format", (*e)->name, (*e)->options, out);
	fputs(".SS Behind any format\n", out);
	for (const struct filter_ops *const *f = filter_registry; *f; f++)
		man_entry((*f)->extension, (*f)->summary, out);
	for (const struct filter_ops *const *f = filter_registry; *f; f++)
		man_subsection("Behind any format:", (*f)->extension, (*f)->options, out);
	fputs(".SS Places\n", out);
	for (const struct sink_ops *const *s = sink_registry; *s; s++)
		man_entry((*s)->name, (*s)->summary, out);
	for (const struct sink_ops *const *s = sink_registry; *s; s++)
		man_subsection("Place", (*s)->name, (*s)->options, out);
}

static void man_examples(FILE *out)
{
	fputs(".SH EXAMPLES\n", out);
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		const char *line = (*c)->examples ? (*c)->examples : "";

		for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
			char title[160], body[160];
			size_t n = strcspn(line, "\t");

			snprintf(title, sizeof(title), "%.*s", (int)n, line);
			snprintf(body, sizeof(body), "%.*s", (int)strcspn(line + n + 1, "\n"),
				 line + n + 1);
			man_entry(title, body, out);
		}
	}
}

void cli_man(FILE *out)
{
	fputs(".TH PENSTOCK 1 \"\" \"penstock " PENSTOCK_VERSION "\"\n"
	      ".SH NAME\npenstock \\- record what people and programs do, for Wireshark and "
	      "others\n"
	      ".SH SYNOPSIS\n.B penstock\nCOMMAND [OPTION...]\n",
	      out);
	man_commands(out);
	man_probes(out);
	man_outputs(out);
	fputs(".SH CONFIGURATION FILE\nLines\n.IR \"name \" = \" value\" ,\n"
	      "with the long names of the options; an option that can be repeated has several "
	      "lines.\n"
	      "Lines that begin with # are comments. The command line wins.\n"
	      ".SH ENVIRONMENT\n",
	      out);
	man_entry("NO_COLOR", "No colours on a terminal.", out);
	man_entry("SUDO_UID, SUDO_GID",
		  "Whose the files and COMMAND are, when penstock is started by root.", out);
	man_examples(out);
}
