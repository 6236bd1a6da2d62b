/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/search_files.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/archive/recording.h"
#include "capture/archive/records.h"
#include "capture/index.h"

static int first_time(struct event *ev, void *begin_ns)
{
	*(uint64_t *)begin_ns = ev->time_unix_ns;
	return 0;
}

/* When what is in the file begins; a file that says nothing of it comes last. */
static uint64_t file_begins(const char *path, const struct stat *st)
{
	uint64_t begin_ns =
		(uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec;
	struct recording r;
	struct err unused;

	if (!S_ISREG(st->st_mode) || recording_open(&r, path, &unused) < 0)
		return begin_ns;
	if (r.decoder->decode)
		recording_read(&r, 1, first_time, &begin_ns, &unused);
	recording_close(&r);
	return begin_ns;
}

static int files_add(struct search_files *f, const char *path, bool found, struct err *err)
{
	struct search_file *grown = f->v;
	struct stat st = {.st_mode = S_IFIFO};

	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		grown = realloc(f->v, f->cap * sizeof(*grown));
	}
	if (!grown)
		return errf(err, -ENOMEM, "out of memory");
	f->v = grown;
	grown += f->n;
	*grown = (struct search_file){.path = strdup(path), .found = found};
	if (!grown->path)
		return errf(err, -ENOMEM, "out of memory");
	f->n++;
	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		grown->size = (uint64_t)st.st_size;
	grown->begin_ns = file_begins(path, &st);
	f->size += grown->size;
	return 0;
}

static int folder_add(struct search_files *f, char *path, struct err *err)
{
	char *paths[] = {path, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *e;
	int r = 0;

	if (!fts)
		return errf(err, -errno, "%s: %s", path, strerror(errno));
	while (r == 0 && (e = fts_read(fts)))
		if (e->fts_info == FTS_F && records_format(e->fts_path)) /* a FIFO would block */
			r = files_add(f, e->fts_path, true, err);
	fts_close(fts);
	return r;
}

/* What lies beside archives is given with them where a shell expands names. */
static bool is_beside(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && !strcmp(dot, INDEX_ENDING);
}

static int compare_files(const void *a, const void *b)
{
	const struct search_file *x = a, *y = b;

	if (x->begin_ns != y->begin_ns)
		return x->begin_ns < y->begin_ns ? -1 : 1;
	return strcmp(x->path, y->path);
}

int search_files_find(char **paths, unsigned n, struct search_files *ret, struct err *err)
{
	int r = 0;

	*ret = (struct search_files){0};
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct stat st;
		bool there = strcmp(paths[i], "-") != 0 && stat(paths[i], &st) == 0;

		if (there && S_ISDIR(st.st_mode))
			r = folder_add(ret, paths[i], err);
		else if (!is_beside(paths[i]))
			r = files_add(ret, paths[i], false, err);
	}
	if (r == 0 && !ret->n)
		r = errf(err, -ENOENT, "there is no recording in what was given");
	if (r == 0)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare_files);
	return r;
}

bool search_files_once(const char *path)
{
	struct stat st;

	return !strcmp(path, "-") ||
	       (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

void search_files_done(struct search_files *f)
{
	for (unsigned i = 0; i < f->n; i++)
		free(f->v[i].path);
	free(f->v);
	*f = (struct search_files){0};
}
