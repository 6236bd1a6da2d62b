/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A file of ours, frame by frame as it lies on disk, for those who take care of archives: unlike
 * capture/archive/stream.h it tells where frames begin and end, what stands between them, and
 * accepts nothing that is not right. A file that is not compressed is bytes without frames. Memory
 * is bounded whatever the file says.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/err.h"

enum inspect_what {
	INSPECT_DATA,      /* contents: `data` */
	INSPECT_END,       /* a frame has ended: `frame` */
	INSPECT_SKIPPABLE, /* a skippable frame, at `offset`: `data` is the whole of it */
	INSPECT_FILE_END,  /* in good order */
	INSPECT_TORN,      /* the file ends in the middle of the frame at `offset` */
};

struct inspect_frame {
	uint64_t offset, size; /* in the file */
	uint64_t raw_at, raw_size;
	uint32_t checksum; /* its last four bytes; 0 when it has none */
	bool sized;        /* it says how large its contents are, as no frame of ours does */
	bool checked;      /* it has a checksum */
};

struct inspect_item {
	enum inspect_what what;
	struct bytes data; /* valid until the next call */
	uint64_t offset;
	struct inspect_frame frame;
};

struct inspect;

/* Reads the descriptor from where it stands, which is offset 0 of the file; it stays the caller's.
 * -ENOMEM */
int inspect_new(int fd, struct inspect **ret, struct err *err);
void inspect_free(struct inspect *f);
/* -EBADMSG with text: damaged, and what was whole before it has been given; -EIO and others: it
 * could not be read. After an error, or the last item, nothing more may be asked for. */
int inspect_next(struct inspect *f, struct inspect_item *ret, struct err *err);
/* Is it compressed? Known after the first item. */
bool inspect_is_zstd(const struct inspect *f);
/* Offset of the frame that is being read. */
uint64_t inspect_offset(const struct inspect *f);
