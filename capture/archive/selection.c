/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/seek_table.h"
#include "capture/index.h"

enum {
	INDEX_MOST = 256 * 1024 * 1024 /* bytes: of an archive of some 100 GB */
};

/* The whole file; *ret is to be freed. */
static int index_load(const char *path, char **ret, size_t *ret_n, struct err *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP_FREE char *p = NULL;
	struct stat st;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errf(err, -errno, "no index: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > INDEX_MOST)
		return errf(err, -EFBIG, "the index is no file of at most 256M");
	p = malloc((size_t)st.st_size + 1);
	if (!p)
		return errf(err, -ENOMEM, "no memory for the index");
	while (n < (size_t)st.st_size) {
		ssize_t r = read(fd, p + n, (size_t)st.st_size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return errf(err, -EIO, "the index cannot be read");
		n += (size_t)r;
	}
	*ret = TAKE_PTR(p);
	*ret_n = n;
	return 0;
}

/* Frames follow each other from the beginning, each ends as the index says, and nothing but a seek
 * table comes behind them: then it is the index of this file. */
static bool index_fits(const struct index *x, int fd)
{
	const struct index_frame *f;
	size_t n = index_frames(x, &f);
	uint64_t at = 0;
	uint8_t word[8]; /* magic number and size */
	struct stat st;

	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != index_archive_size(x))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (f[i].offset != at || f[i].size < 4 ||
		    pread(fd, word, 4, (off_t)(at + f[i].size - 4)) != 4 ||
		    bytes_get_le32(word) != f[i].checksum)
			return false;
		at += f[i].size;
	}
	if (at == (uint64_t)st.st_size)
		return true;
	return pread(fd, word, 8, (off_t)at) == 8 &&
	       bytes_get_le32(word) == (uint32_t)SEEK_TABLE_SKIPPABLE &&
	       at + 8 + bytes_get_le32(word + 4) == (uint64_t)st.st_size;
}

static int index_open(const char *path, struct index **ret, struct err *err)
{
	char name[PATH_MAX + 8];
	CLEANUP_FREE char *p = NULL;
	CLEANUP_CLOSE int fd = -1;
	size_t n = 0;
	int r;

	snprintf(name, sizeof(name), "%s" INDEX_ENDING, path);
	r = index_load(name, &p, &n, err);
	if (r)
		return r;
	r = index_read((struct bytes){p, n}, ret, err);
	if (r)
		return errf(err, r, "the index is damaged");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && index_fits(*ret, fd))
		return 0;
	index_free(*ret);
	*ret = NULL;
	return errf(err, -EBADMSG, "the index is that of another file");
}

/* Frames that stay, those that follow each other as one part. */
static int selection_fill(struct selection *s, const struct index *x, const uint8_t *frames)
{
	const struct index_frame *f;
	size_t n = index_frames(x, &f);

	s->parts = calloc(n + 1, sizeof(*s->parts));
	if (!s->parts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!frames[i])
			continue;
		if (i && frames[i - 1])
			s->parts[s->n - 1].size += f[i].size;
		else
			s->parts[s->n++] = (struct selection_part){f[i].offset, f[i].size};
	}
	return 0;
}

int selection_make(const char *path, selection_fn fn, void *arg, struct selection *ret,
		   struct err *err)
{
	struct selection s = {0};
	struct index *x = NULL;
	const struct index_frame *f;
	uint8_t *frames;
	size_t n;
	int r = index_open(path, &x, err);

	if (r)
		return r;
	n = index_frames(x, &f);
	frames = malloc(n + 1);
	if (frames)
		memset(frames, 1, n + 1);
	r = frames ? fn(x, frames, arg) : -ENOMEM;
	if (!r)
		r = selection_fill(&s, x, frames);
	free(frames);
	index_free(x);
	if (r)
		return errf(err, r, "no memory for the index");
	*ret = s;
	return 0;
}

void selection_done(struct selection *s)
{
	free(s->parts);
	*s = (struct selection){0};
}
