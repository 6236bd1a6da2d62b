/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Writing whole buffers to a descriptor: what the sinks on files, pipes and terminals share.
 *
 * A paced descriptor (pipe, FIFO, socket, terminal) is only written when it has room, and by pieces
 * that fit in that room: a blocking one, whose flags we share with strangers and so leave alone,
 * then does not block, and a reader that stands still costs FD_PATIENCE_MS a call.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum {
	FD_PATIENCE_MS = 100
};

/* Does it have to be paced? True for all but regular files and block devices. */
bool fd_is_paced(int fd);
/*
 * 0 = everything was written; -EAGAIN = no room within FD_PATIENCE_MS; *ret_done is set by both.
 * -EPIPE = the reader has gone. After any other error (-ENOSPC, -EDQUOT, -EFBIG, -EIO, …) what this
 * call had written to a regular file is cut off again, unless somebody else has appended to it
 * since.
 */
int fd_write(int fd, bool paced, const struct iovec *iov, int n, size_t *ret_done);
