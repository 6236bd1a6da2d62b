/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"

enum {
	BLOCK = 256 * 1024
};

static int copy_block(int from, int to, char *block, size_t n, uint64_t at)
{
	ssize_t r = pread(from, block, n, (off_t)at), done = 0;

	if (r <= 0)
		return r ? -errno : -ESTALE; /* it has become shorter */
	while (done < r) {
		ssize_t w = write(to, block + done, (size_t)(r - done));

		if (w < 0 && errno != EINTR)
			return -errno;
		done += w > 0 ? w : 0;
	}
	return (int)r;
}

int files_copy(int from, int to, uint64_t n, struct err *err)
{
	CLEANUP_FREE char *block = NULL;
	uint64_t at = 0;
	bool by_kernel = true;

	while (at < n) {
		off_t offset = (off_t)at;
		ssize_t r = 0;

		if (by_kernel)
			r = copy_file_range(from, &offset, to, NULL, n - at, 0);
		if (r < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
			return errf(err, -errno, "%s", strerror(errno));
		if (r <= 0) {
			by_kernel = false; /* not between such file systems */
			if (!block)
				block = malloc(BLOCK);
			r = block ? copy_block(from, to, block, n - at < BLOCK ? n - at : BLOCK, at)
				  : -ENOMEM;
			if (r < 0)
				return errf(err, (int)r, "%s", strerror((int)-r));
		}
		at += (uint64_t)r;
	}
	return 0;
}

int files_settle(int fd, const struct stat *st, struct err *err)
{
	struct stat own;

	if (fstat(fd, &own) < 0 || fchmod(fd, st->st_mode & 0777) < 0)
		return errf(err, -errno, "%s", strerror(errno));
	if ((own.st_uid != st->st_uid || own.st_gid != st->st_gid) &&
	    fchown(fd, st->st_uid, st->st_gid) < 0)
		return errf(err, -errno, "%s", strerror(errno));
	return fsync(fd) < 0 ? errf(err, -errno, "%s", strerror(errno)) : 0;
}

int files_settle_folder(int folder, struct err *err)
{
	CLEANUP_CLOSE int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* A file system that cannot do that for folders says EINVAL. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return errf(err, -errno, "folder: %s", strerror(errno));
	return 0;
}
