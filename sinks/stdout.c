/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard output, whatever it is: a pipe into a viewer, a terminal, a file. It belongs to the
 * whole process group, so neither its flags nor its position are changed, and close() leaves it
 * open.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "capture/sink.h"
#include "sinks/fd.h"

struct stdout_sink {
	bool paced;
};

static int stdout_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	struct stdout_sink *s = ctx;
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (flags < 0)
		return errf(err, -EBADF, "standard output is closed");
	if ((flags & O_ACCMODE) == O_RDONLY)
		return errf(err, -EBADF, "standard output is not open for writing");
	s->paced = fd_is_paced(STDOUT_FILENO);
	return 0;
}

static int stdout_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	const struct stdout_sink *s = ctx;

	return fd_write(STDOUT_FILENO, s->paced, parcel, done);
}

static void stdout_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	if (!blocked)
		return;
	ret->fd = STDOUT_FILENO;
	ret->events = POLLOUT;
	ret->timeout_ms = -1;
}

static void stdout_close(void *ctx)
{
}

const struct sink_ops sink_stdout = {
	.name = "stdout",
	.summary = "standard output",
	.ctx_size = sizeof(struct stdout_sink),
	.open = stdout_open,
	.write = stdout_write,
	.wait = stdout_wait,
	.close = stdout_close,
};
