/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options as lines of a configuration file: see capture/base/opt.h. */
#include <inttypes.h>
#include <string.h>

#include "capture/base/opt.h"

/* The largest unit that divides the number, so that it is read as it is written. */
static void dump_size(uint64_t bytes, FILE *out)
{
	static const char units[] = "KMG";
	unsigned n = 0;

	while (n < 3 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		n++;
	}
	fprintf(out, "%" PRIu64, bytes);
	if (n)
		fputc(units[n - 1], out);
}

static void dump_duration(uint64_t ns, FILE *out)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {{86400000000000, "d"}, {3600000000000, "h"}, {60000000000, "m"},
		     {1000000000, "s"},     {1000000, "ms"},      {1000, "us"}};

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns && ns % units[i].ns == 0) {
			fprintf(out, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
			return;
		}
	}
	fprintf(out, "%" PRIu64 "%s", ns, ns ? "ns" : "");
}

static void dump_value(const struct opt *row, const void *field, FILE *out)
{
	switch (row->type) {
	case OPT_FLAG:
		fputs(*(const bool *)field ? "yes" : "no", out);
		break;
	case OPT_U32:
		fprintf(out, "%" PRIu32, *(const uint32_t *)field);
		break;
	case OPT_SIZE:
		dump_size(*(const uint64_t *)field, out);
		break;
	case OPT_DURATION:
		dump_duration(*(const uint64_t *)field, out);
		break;
	case OPT_STRING:
		fputs(*(const char *const *)field, out);
		break;
	case OPT_CHOICE:
		fputs(row->choices[*(const int *)field], out);
		break;
	case OPT_LIST:
		break;
	}
}

static void dump_list(const struct opt *row, const struct opt_list *list, FILE *out)
{
	for (unsigned i = 0; i < list->n; i++)
		fprintf(out, "%s = %s\n", row->name, list->v[i]);
	if (!list->n)
		fprintf(out, "# %s = %s\n", row->name, row->arg);
}

void opt_dump(const struct opt *row, const void *cfg, FILE *out)
{
	const void *field = (const char *)cfg + row->offset;
	char note[OPT_NOTE];

	fprintf(out, "\n# %s%s\n", row->help, opt_note(row, note));
	if (row->type == OPT_LIST) {
		dump_list(row, field, out);
	} else if (row->type == OPT_STRING && !*(const char *const *)field) {
		fprintf(out, "# %s = %s\n", row->name, row->arg);
	} else {
		fprintf(out, "%s = ", row->name);
		dump_value(row, field, out);
		fputc('\n', out);
	}
}
