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
static bool fd_has_room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) != 0;
}

static int fd_write_rest(int fd, bool paced, const struct parcel *parcel, size_t *done)
{
	while (*done < parcel->n) {
		size_t want = parcel->n - *done;
		ssize_t n;

		/* A pipe that is ready takes PIPE_BUF bytes without blocking, and not more. */
		if (paced && want > PIPE_BUF)
			want = PIPE_BUF;
		if (paced && !fd_has_room(fd))
			return -EAGAIN;
		n = write(fd, parcel->p + *done, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		*done += (size_t)n;
	}
	return 0;
}

/* Asks the descriptor where it stands: right also for one that appends, or is shared with others.
 */
static void fd_cut_back(int fd, size_t done)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (end < (off_t)done || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != end)
		return;
	end -= (off_t)done;
	if (ftruncate(fd, end) == 0)
		(void)lseek(fd, end, SEEK_SET);
}

int fd_write(int fd, bool paced, const struct parcel *parcel, size_t *done)
{
	int r = fd_write_rest(fd, paced, parcel, done);

	if (r == 0 || r == -EAGAIN)
		return r;
	if (*done > 0)
		fd_cut_back(fd, *done);
	*done = 0;
	return r;
}
