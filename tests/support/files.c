/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/temp.h"

static void note_done(void *arg, uint64_t number)
{
	struct files *s = arg;

	assert_true(number >= s->done && number <= s->number);
	s->done = number;
}

int files_open_as(struct files *s, const char *name, const char *options,
		  const struct sink_env *env)
{
	char *copy = strdup(options);
	int r;

	assert_true(sink_file.ctx_size <= sizeof(s->ctx) && sink_file.cfg_size <= sizeof(s->cfg));
	*s = (struct files){.unix_ns = FILES_UNIX_NS};
	assert_int_equal(opt_defaults(sink_file.options, s->cfg, &s->err), 0);
	if (*copy)
		assert_int_equal(opt_set_pairs(sink_file.options, s->cfg, copy, "test", &s->err),
				 0);
	temp_path(s->path, name);
	s->env = *env;
	s->env.target = s->path;
	s->env.done = note_done;
	s->env.done_arg = s;
	r = sink_file.open(s->ctx, s->cfg, &s->env, &s->err);
	assert_int_equal(r < 0, s->err.text[0] != '\0');
	free(copy);
	return r;
}

int files_open(struct files *s, const char *name, const char *options)
{
	struct sink_env env = {.uid = (uid_t)-1, .gid = (gid_t)-1};

	return files_open_as(s, name, options, &env);
}

void files_refused(struct files *s, const char *name, const char *options, int code,
		   const char *text)
{
	assert_int_equal(files_open(s, name, options), code);
	assert_non_null(strstr(s->err.text, text));
	files_close(s);
}

int files_begin(struct files *s)
{
	return sink_file.begin(s->ctx, &(struct sink_medium){.unix_ns = s->unix_ns});
}

int files_write(struct files *s, const char *text)
{
	const struct parcel parcel = {
		.p = (const uint8_t *)text, .n = strlen(text), .number = ++s->number};
	size_t done = 0;
	int r = sink_file.write(s->ctx, &parcel, &done);

	assert_int_equal(done, r ? 0 : parcel.n);
	return r;
}

int files_end(struct files *s)
{
	return sink_file.end(s->ctx);
}

void files_close(struct files *s)
{
	sink_file.close(s->ctx);
}

void files_medium(struct files *s, const char *text)
{
	assert_int_equal(files_begin(s), 0);
	assert_int_equal(files_write(s, text), 0);
	assert_int_equal(files_end(s), 0);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *files_list(const char *beginning)
{
	static char list[8192];
	DIR *dir = opendir(temp_folder());
	const struct dirent *e;
	char *names[256];
	size_t n = 0, len = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		if (!strncmp(e->d_name, beginning, strlen(beginning)) && e->d_name[0] != '\0' &&
		    strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			assert_true(n < 256);
			names[n++] = strdup(e->d_name);
		}
	closedir(dir);
	qsort(names, n, sizeof(*names), compare_names);
	list[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? " " : "",
					names[i]);
		assert_true(len < sizeof(list));
		free(names[i]);
	}
	return list;
}

void files_remove(const char *beginning)
{
	char *list = strdup(files_list(beginning)), *rest = list, *name;

	while (*list && (name = strsep(&rest, " ")))
		assert_int_equal(unlink(temp_name(name)), 0);
	free(list);
}
