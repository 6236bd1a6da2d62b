/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "capture/base/opt.h"

enum {
	HELP_WIDTH = 100,
	HELP_COLUMN = 30
};

const char *opt_note(const struct opt *row, char ret[OPT_NOTE])
{
	size_t n = 0;

	ret[0] = '\0';
	if (row->type == OPT_LIST)
		n = (size_t)snprintf(ret, OPT_NOTE, " (repeatable");
	for (const char *const *c = row->choices; c && *c && n < OPT_NOTE; c++)
		n += (size_t)snprintf(ret + n, OPT_NOTE - n, "%s%s", n ? ", " : " (", *c);
	if (row->def && row->type != OPT_FLAG && n < OPT_NOTE)
		n += (size_t)snprintf(ret + n, OPT_NOTE - n, "%sdefault: %s", n ? "; " : " (",
				      row->def);
	if (n && n < OPT_NOTE)
		snprintf(ret + n, OPT_NOTE - n, ")");
	return ret;
}

/* Length of the piece of text that fits width, cut at a blank when there is one. */
static size_t line_length(const char *text, size_t width)
{
	size_t n = strlen(text), cut = width;

	if (n <= width)
		return n;
	while (cut > 0 && text[cut] != ' ')
		cut--;
	return cut ? cut : width;
}

void opt_help_line(const char *left, const char *text, FILE *out)
{
	int pad = fprintf(out, "  %s", left);

	if (pad >= HELP_COLUMN) {
		fputc('\n', out);
		pad = 0;
	}
	do {
		size_t n = line_length(text, HELP_WIDTH - HELP_COLUMN);

		fprintf(out, "%*s%.*s\n", HELP_COLUMN - pad, "", (int)n, text);
		text += n;
		text += strspn(text, " ");
		pad = 0;
	} while (*text);
}

static void help_row(const struct opt *row, const char *left, FILE *out)
{
	char note[OPT_NOTE], text[1024];

	snprintf(text, sizeof(text), "%s%s", row->help, opt_note(row, note));
	opt_help_line(left, text, out);
}

void opt_help(const struct opt *rows, FILE *out)
{
	for (; rows && rows->name; rows++) {
		char letter[8] = "    ", left[128];
		/* a flag that is on unless told otherwise is offered by its negation */
		bool negated = rows->type == OPT_FLAG && rows->def && !strcmp(rows->def, "yes");

		if (rows->letter)
			snprintf(letter, sizeof(letter), "-%c, ", rows->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s%s", letter, negated ? "no-" : "",
			 rows->name, rows->arg ? " " : "", rows->arg ? rows->arg : "");
		help_row(rows, left, out);
	}
}

void opt_help_keys(const struct opt *rows, FILE *out)
{
	for (; rows && rows->name; rows++) {
		char left[128];

		snprintf(left, sizeof(left), "%s%s%s", rows->name, rows->arg ? "=" : "",
			 rows->arg ? rows->arg : "");
		help_row(rows, left, out);
	}
}
