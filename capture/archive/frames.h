/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Where the frames of a compressed file lie, without decompressing it. */
#include "capture/archive/stream.h"

/*
 * The frames of zstd in the first `size` bytes of the file fd: by the seek table at their end if
 * that fits the file (every frame begins where it says, and they fill it), else by walking the
 * headers of all blocks. A frame that is cut reaches to the end. *ret is the caller's, to be freed;
 * NULL when there is no frame. -EBADMSG: something else lies where a frame should begin.
 */
int frames_find(int fd, uint64_t size, struct stream_frame **ret, size_t *ret_n, struct err *err);
