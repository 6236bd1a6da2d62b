/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The sidecar of an archive, <name>.idx: which frames hold what. It can be made again from the
 * archive and is never needed. Layout, all integers little endian, fixed or LEB128 as said in
 * index_write.c; the last four bytes are the CRC-32C of everything before them.
 *
 * The lists are exact as far as they are complete: a frame is in the list of a value if an event of
 * it has that value. A frame whose chunks could not tell all their keys is in every list.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/chunk.h"
#include "capture/base/err.h"
#include "capture/event.h"
#include "capture/keys.h"

struct index_frame {
	uint64_t offset, size;        /* in the archive */
	uint64_t raw_size;            /* decompressed */
	uint32_t checksum;            /* the zstd frame's own: its last four bytes */
	uint8_t level;                /* the lowest that was used for it */
	bool any;                     /* its keys are not complete: it may hold anything */
	uint32_t kinds;               /* 1 << event kind; the list of kinds */
	uint64_t first_ns, last_ns;   /* Unix time of its earliest and its latest event */
	uint64_t first_seq, last_seq; /* 0 = it has no event */
	uint64_t events;
	uint64_t lost;                 /* seqs between first and last that are not in it */
	uint32_t by_kind[EVENT_KINDS]; /* events */
};

/* ---- writing: on a delivery thread, or when an index is made again -------------------------- */

struct index_writer;
int index_writer_new(struct index_writer **ret, struct err *err);
void index_writer_free(struct index_writer *w);
/* An archive begins: everything is forgotten. */
void index_writer_begin(struct index_writer *w);
/* A chunk goes into the frame that is open: counts its events, takes its keys. Keys stay with the
 * generation: a second frame of the same one has those of the first, too. */
void index_writer_chunk(struct index_writer *w, const struct chunk *c);
/* The frame has ended: offset, size, raw_size, checksum and level are the caller's. */
void index_writer_frame(struct index_writer *w, const struct index_frame *frame);
/* The whole sidecar of an archive of that many bytes; valid until the next call. -ENOMEM */
int index_writer_blob(struct index_writer *w, uint64_t archive_size, struct bytes *ret);

/* ---- reading -------------------------------------------------------------------------------- */

struct index;
/* blob is foreign and copied. -EBADMSG with text: damaged (CRC, sizes, order), or of a later
 * version. */
int index_read(struct bytes blob, struct index **ret, struct err *err);
void index_free(struct index *x);
uint64_t index_archive_size(const struct index *x);
size_t index_frames(const struct index *x, const struct index_frame **ret);
/* Clears in `frames` (one byte each) those that cannot hold an event with that value. */
void index_keep(const struct index *x, enum key_type type, struct bytes value, uint8_t *frames);
/* The same for several values, one of which an event must have. */
void index_keep_any(const struct index *x, enum key_type type, const struct bytes *values, size_t n,
		    uint8_t *frames);
