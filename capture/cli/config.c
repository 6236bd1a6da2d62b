/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/cleanup.h"
#include "capture/cli/args.h"

enum {
	CONFIG_MAX = 1024 * 1024
};

static char *text_trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r", end[-1]))
		end--;
	*end = '\0';
	return text;
}

static int config_line(struct args *a, char *line, const char *where, struct err *err)
{
	char *value = strchr(line, '='), *name;
	const struct opt *row;
	void *cfg;

	if (value)
		*value++ = '\0';
	name = text_trim(line);
	if (!*name && !value)
		return 0;
	row = opt_group_find(a->groups, name, &cfg);
	if (row && args_given(a, row))
		return 0;
	return opt_group_set(a->groups, name, value ? text_trim(value) : NULL, where, err);
}

static int read_all(const char *path, char **ret, struct err *err)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");
	CLEANUP_FREE char *text = f ? malloc(CONFIG_MAX + 1) : NULL;
	size_t n;

	if (!text)
		return errf(err, -errno, "cannot read '%s': %s", path, strerror(errno));
	n = fread(text, 1, CONFIG_MAX + 1, f);
	if (ferror(f))
		return errf(err, -EIO, "cannot read '%s': %s", path, strerror(errno));
	if (n > CONFIG_MAX || memchr(text, '\0', n))
		return errf(err, -EINVAL, "'%s' is not a text file of at most 1M", path);
	text[n] = '\0';
	*ret = TAKE_PTR(text);
	return 0;
}

int args_config(struct args *a, const char *path, char **ret_text, struct err *err)
{
	char *line, *next;
	int r = read_all(path, ret_text, err);

	line = r == 0 ? *ret_text : NULL;
	for (unsigned number = 1; line && r == 0; line = next, number++) {
		char where[4096 + 16];

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		snprintf(where, sizeof(where), "%s:%u", path, number);
		line = text_trim(line);
		if (*line != '#')
			r = config_line(a, line, where, err);
	}
	return r;
}
