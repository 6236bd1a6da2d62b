/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The bytes of a file of ours, decompressed where it is compressed: what a reader of recordings
 * stands on. A file that ends in the middle of a frame (kill -9, no room) gives all that was
 * flushed. Memory is bounded whatever the file says: a window of at most 128 MiB, and no more of
 * the contents at once than is asked for.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/err.h"

enum {
	STREAM_WANT = 24 * 1024 * 1024 /* most that may be asked for at once */
};

struct stream;

/* "-" is standard input. Neither a FIFO nor standard input can seek. */
int stream_open(const char *path, struct stream **ret, struct err *err);
/* The same for a descriptor, which it takes; name is for messages and copied. */
int stream_open_fd(int fd, const char *name, struct stream **ret, struct err *err);
void stream_close(struct stream *s);
/* For messages. */
const char *stream_name(const struct stream *s);
bool stream_is_zstd(const struct stream *s);

/* What comes next, at least want bytes unless the file ends before: *ret is valid until the next
 * call. want 0: whatever is there, at least a byte unless at the end. What is taken in multiples
 * of eight bytes stays aligned to them. -EBADMSG with text: damaged
 * (where, why) before there are as many; want 0 gives what was whole before that, until nothing is
 * left of it. */
int stream_peek(struct stream *s, size_t want, struct bytes *ret, struct err *err);
/* Moves on by n bytes of what was seen. */
void stream_take(struct stream *s, size_t n);
/* At the end: does the file end in the middle of a frame? */
bool stream_torn(const struct stream *s);
/* Position in the decompressed bytes (since stream_seek()), and of the frame in which the last byte
 * that was seen lies (offset of its first byte in the file). With want 0 nothing that is seen
 * reaches beyond the end of a frame. */
uint64_t stream_at(const struct stream *s);
uint64_t stream_frame_offset(const struct stream *s);

/* Reads on at that offset of the file, where a frame begins, and nothing behind `size` bytes of it.
 * What went wrong before is forgotten. */
int stream_seek(struct stream *s, uint64_t offset, uint64_t size, struct err *err);
