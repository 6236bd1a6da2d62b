/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Writing parcels to a descriptor: what the sinks on files, pipes and terminals share.
 *
 * A paced descriptor (pipe, FIFO, socket, terminal) is only written when it has room, and by pieces
 * that fit in that room: a blocking one, whose flags we share with strangers and so leave alone,
 * then does not block.
 */
#include <stdbool.h>
#include <stddef.h>

#include "capture/sink.h"

/* Does it have to be paced? True for all but regular files and block devices. */
bool fd_is_paced(int fd);
/*
 * As sink_ops.write(). -EPIPE = the reader has gone. After any error but -EAGAIN what was written
 * of this parcel to a regular file is cut off again, unless somebody else has appended to it since.
 */
int fd_write(int fd, bool paced, const struct parcel *parcel, size_t *done);
