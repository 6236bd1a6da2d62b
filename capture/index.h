/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The sidecar of an archive, <name>.idx: which frames hold what. It can be made again from the
 * archive and is never needed. Its layout is in capture/index_inside.h.
 *
 * A frame is in the list of a value if an event of it has that value. Where lists would take more
 * than a share of the archive (short connections: each has an id, a port and an address of its
 * own), they become coarser: neighbouring values share a list, and a frame more is read. A frame
 * whose chunks could not tell all their keys is in every list.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/chunk.h"
#include "capture/base/err.h"
#include "capture/event.h"
#include "capture/keys.h"

#define INDEX_ENDING ".idx" /* behind the name of the archive */

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
/*
 * Looking up: each of these sets, in `frames` (one byte for each frame), those that may hold an
 * event with what is sought, and leaves the others as they are.
 */
/* That value. */
void index_mark(struct index *x, enum key_type type, struct bytes value, uint8_t *frames);
/* An address (4 or 16 bytes) of which the first `bits` bits are these. */
void index_mark_network(struct index *x, struct bytes address, unsigned bits, uint8_t *frames);
/* A text of KEY_COMM, KEY_EXE or KEY_CONTAINER that fn likes. One of KEY_VALUE bytes may be the
 * beginning of a longer one. */
typedef bool (*index_text_fn)(struct bytes text, void *arg);
void index_mark_texts(struct index *x, enum key_type type, index_text_fn fn, void *arg,
		      uint8_t *frames);
