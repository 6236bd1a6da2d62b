/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/fd.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

bool fd_is_paced(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
}

/* A failed poll() and a reader that has gone count as room: write() then says what is wrong. */
static bool has_room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int r;

	do
		r = poll(&p, 1, FD_PATIENCE_MS);
	while (r < 0 && errno == EINTR);
	return r != 0;
}

static int write_one(int fd, bool paced, struct iovec iov, size_t *done)
{
	const char *p = iov.iov_base;

	while (iov.iov_len > 0) {
		/* A pipe that is ready takes PIPE_BUF bytes without blocking, and not more. */
		size_t want = paced && iov.iov_len > PIPE_BUF ? PIPE_BUF : iov.iov_len;
		ssize_t n;

		if (paced && !has_room(fd))
			return -EAGAIN;
		n = write(fd, p, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		iov.iov_len -= (size_t)n;
		*done += (size_t)n;
	}
	return 0;
}

/* Asks the descriptor where it stands: right also for one that appends, or is shared with others.
 */
static void cut_back(int fd, size_t done)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (end < (off_t)done || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != end)
		return;
	end -= (off_t)done;
	if (ftruncate(fd, end) == 0)
		(void)lseek(fd, end, SEEK_SET);
}

int fd_write(int fd, bool paced, const struct iovec *iov, int n, size_t *ret_done)
{
	size_t done = 0;
	int r = 0;

	for (int i = 0; i < n && r == 0; i++)
		r = write_one(fd, paced, iov[i], &done);
	if (r == 0 || r == -EAGAIN)
		*ret_done = done;
	else if (done > 0)
		cut_back(fd, done);
	return r;
}
