/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Writes an archive that is made of whole records again (recovery, repack): zstd frames with
 * checksums and a seek table behind them, or plain bytes. Blocks until everything is written.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/err.h"

struct pack_config {
	bool zstd;
	bool one_frame; /* exactly one frame, without a seek table: .pcapng.zst */
	bool wide;      /* look for repetitions as far back as plain `zstd -d` allows */
	int level;      /* 1 to 22 */
};

struct pack;

/* Writes into fd, which stays the caller's, from where it stands: offset `at` of the file. */
int pack_new(const struct pack_config *cfg, int fd, uint64_t at, struct pack **ret,
	     struct err *err);
void pack_free(struct pack *p);
/* A frame that is in the file already, for the seek table. */
void pack_known(struct pack *p, uint64_t size, uint64_t raw_size, uint32_t checksum);
int pack_put(struct pack *p, struct bytes b, struct err *err);
/* Contents of the frame that is open. */
uint64_t pack_frame_raw(const struct pack *p);
/* Ends the frame, if there is something in it. */
int pack_cut(struct pack *p, struct err *err);
/* Everything is in the file, with what belongs to its end; not yet on the disk. */
int pack_finish(struct pack *p, struct err *err);
/* Frames of the file so far. */
uint32_t pack_frames(const struct pack *p);
