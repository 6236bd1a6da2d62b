/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is dumped is read again as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/opt.h"

struct cfg {
	bool flag;
	uint32_t number;
	uint64_t size, time;
	const char *text;
	int choice;
	struct opt_list list;
};

static const char *const choices[] = {"red", "green", NULL};

static const struct opt rows[] = {
	{.name = "flag", .type = OPT_FLAG, .offset = offsetof(struct cfg, flag), .help = "f"},
	{.name = "number", .type = OPT_U32, .offset = offsetof(struct cfg, number), .help = "n"},
	{.name = "size", .type = OPT_SIZE, .offset = offsetof(struct cfg, size), .help = "s"},
	{.name = "time", .type = OPT_DURATION, .offset = offsetof(struct cfg, time), .help = "t"},
	{.name = "text",
	 .type = OPT_STRING,
	 .offset = offsetof(struct cfg, text),
	 .arg = "TEXT",
	 .help = "x"},
	{.name = "choice",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct cfg, choice),
	 .choices = choices,
	 .help = "c"},
	{.name = "list",
	 .type = OPT_LIST,
	 .offset = offsetof(struct cfg, list),
	 .arg = "ITEM",
	 .help = "l"},
	OPT_END,
};

static char *dump_all(const struct cfg *cfg)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	for (const struct opt *row = rows; row->name; row++)
		opt_dump(row, cfg, out);
	fclose(out);
	return text;
}

/* As args_config() does it. */
static void read_all(char *text, struct cfg *cfg)
{
	struct err err = {""};

	for (char *line = strtok_r(text, "\n", &text); line; line = strtok_r(NULL, "\n", &text)) {
		char *value = strstr(line, " = ");

		if (line[0] == '#')
			continue;
		assert_non_null(value);
		*value = 0;
		assert_int_equal(opt_set(opt_find(rows, line), cfg, value + 3, line, &err), 0);
	}
}

static void assert_same(const struct cfg *cfg)
{
	char *text = dump_all(cfg), *copy = strdup(text), *again;
	struct cfg read = {0};

	read_all(copy, &read); /* its texts are borrowed from the copy */
	again = dump_all(&read);
	assert_string_equal(again, text);
	free(again);
	free(text);
	free(copy);
	opt_done(rows, &read);
}

static void test_values_come_back(void **state)
{
	const char *items[] = {"one", "two = 2"};
	const uint64_t sizes[] = {0,       1,          1023,       1024,
				  1 << 20, 3ull << 30, 5ull << 40, UINT64_MAX / 4};
	const uint64_t times[] = {0,          1000,          999999,         1000000,
				  1500000000, 3600000000000, 86400000000000, 90000000000000};
	struct cfg cfg = {.flag = true,
			  .number = 77,
			  .text = "a text, with = and #",
			  .choice = 1,
			  .list = {items, 2}};

	assert_same(&(struct cfg){0});
	for (unsigned i = 0; i < 8; i++) {
		cfg.size = sizes[i];
		cfg.time = times[i];
		assert_same(&cfg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_come_back)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
