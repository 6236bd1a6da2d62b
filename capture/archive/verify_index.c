/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/archive/verify_inside.h"
#include "capture/base/cleanup.h"
#include "capture/index.h"

enum {
	INDEX_MAX = 256 * 1024 * 1024, /* of an archive of half a million frames */
};

/* The file as a whole; *ret is the caller's. 1: there is none. */
static int index_load(const char *path, char **ret, size_t *ret_n, struct err *err)
{
	char name[PATH_MAX];
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_FREE char *p = NULL;
	struct stat st;

	if (snprintf(name, sizeof(name), "%s" INDEX_ENDING, path) >= (int)sizeof(name))
		return 1;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return errf(err, -errno, "its index: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > INDEX_MAX)
		return errf(err, -EBADMSG, "its index: no file that can be one");
	p = malloc((size_t)st.st_size + 1);
	if (!p)
		return errf(err, -ENOMEM, "out of memory");
	if (pread(fd, p, (size_t)st.st_size, 0) != st.st_size)
		return errf(err, -EIO, "its index cannot be read");
	*ret = TAKE_PTR(p);
	*ret_n = (size_t)st.st_size;
	return 0;
}

static int index_compare(const struct index *x, struct bytes table, uint64_t size, struct err *err)
{
	const struct index_frame *frames;
	size_t n = index_frames(x, &frames);
	uint64_t offset = 0;

	if (index_archive_size(x) != size)
		return errf(err, -EBADMSG, "its index is of a file of %" PRIu64 " bytes",
			    index_archive_size(x));
	if ((int64_t)n != seek_table_count(table))
		return errf(err, -EBADMSG, "its index has %zu frames, and there are %" PRId64, n,
			    seek_table_count(table));
	for (uint32_t i = 0; i < n; i++) {
		struct seek_table_entry real = seek_table_get(table, i);

		if (frames[i].offset != offset || frames[i].size != real.size ||
		    frames[i].raw_size != real.raw_size || frames[i].checksum != real.checksum)
			return errf(err, -EBADMSG,
				    "its index is wrong about the frame at byte %" PRIu64, offset);
		offset += real.size;
	}
	return 0;
}

int verify_index(const char *path, struct bytes table, uint64_t size, struct err *err)
{
	CLEANUP_FREE char *p = NULL;
	struct index *x = NULL;
	struct err why;
	size_t n = 0;
	int r = index_load(path, &p, &n, err);

	if (r)
		return r;
	r = index_read((struct bytes){p, n}, &x, &why);
	if (r < 0)
		return errf(err, r, "its index: %s", why.text);
	r = index_compare(x, table, size, err);
	index_free(x);
	return r;
}
