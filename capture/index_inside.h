/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What index_write.c, index_lists.c and index_read.c agree on: the layout of a sidecar. A "varint"
 * is LEB128, a "signed" one zigzag of it. Deltas of frames begin at 0.
 *
 *   magic                INDEX_MAGIC, 8 bytes
 *   varint               size of the archive
 *   varint               number of frames, then for each:
 *     varint             offset behind the end of the frame before, size, size decompressed
 *     4 bytes, 1 byte    checksum, level with INDEX_ANY
 *     signed, varint     first_ns against last_ns of the frame before, last_ns - first_ns
 *     signed, varint     the same for seq
 *     varint             events, lost, bits of the kinds; then events of each of these kinds
 *   varint               number of texts, then for each:
 *     1 byte             key type
 *     varint, varint     how much of its beginning is that of the text before, how much follows
 *     bytes
 *   varint               number of lists, then for each:
 *     3 bytes            enum index_list, flags (INDEX_ALL), shift
 *     varint             bytes of its entries
 *     entries
 *   4 bytes              CRC-32C of everything before
 *
 * A list tells for values, ascending, in which frames they are. Values are numbers: texts by their
 * place in the table, addresses as of index_places(); shifted right by `shift` where the index
 * would become too large otherwise: then values share an entry. An entry:
 *     varint             (first value, less the last one of the entry before) << 2, with ENTRY_…
 *     varint             values after the first that the entry holds, too (ENTRY_MORE)
 *     varint             number of runs of frames, then for each (unless ENTRY_SAME: those of the
 *                        entry before): varint frames between << 1, and 1 when a varint follows:
 *                        length of the run less 2
 */
#include "capture/index.h"

#define INDEX_MAGIC "PSTKIDX\1"

enum {
	INDEX_MAGIC_N = 8,
	INDEX_CRC = 4,
	INDEX_ANY = 0x80,     /* struct index_frame.any */
	INDEX_ALL = 1,        /* the list is not complete: every frame may hold any value */
	INDEX_FRAME_MIN = 18, /* least bytes of a frame */
	INDEX_FRAMES_MAX = 1 << 18,
	INDEX_SHIFT_MAX = 56,
	ENTRY_SAME = 1,
	ENTRY_MORE = 2,
};

/* Numbers are those of the file. */
enum index_list {
	LIST_PID,
	LIST_UID,
	LIST_COMM,
	LIST_EXE,
	LIST_V4,
	LIST_NET,  /* of IPv6: the first 64 bits */
	LIST_HOST, /* and the last */
	LIST_PORT,
	LIST_CONN,
	LIST_CONTAINER,
	LISTS
};

/* A value of a list that is no text. */
struct index_place {
	enum index_list list;
	uint64_t value;
};

/* Where a key stands: the number of places, all of which an event with it has; 0 = it is a text, or
 * no value of that type. */
unsigned index_places(enum key_type type, struct bytes value, struct index_place ret[2]);
/* The list of a type of text. */
enum index_list index_text_list(enum key_type type);
bool index_is_text(enum key_type type);

/* ---- bytes that grow: for writing ------------------------------------------------------------ */

struct index_buffer {
	uint8_t *p;
	size_t n, cap;
	bool failed; /* there was no memory: what is put is ignored */
};

void index_put(struct index_buffer *b, const void *p, size_t n);
void index_put_varint(struct index_buffer *b, uint64_t value);
void index_put_signed(struct index_buffer *b, int64_t value);

/* ---- one list, for writing ------------------------------------------------------------------- */

struct index_pair {
	uint64_t value;
	uint32_t frame;
};

struct index_values {
	uint64_t *open; /* values of the generation that is being written */
	size_t open_n, open_cap;
	struct index_pair *v;
	size_t n, cap;
	bool all;    /* what could not be kept is everywhere */
	bool merges; /* values that are not there may seem to be in one or two frames */
	uint8_t shift;
	struct index_buffer bytes; /* its entries */
};

/* Another one in the open generation. */
void index_values_add(struct index_values *s, uint64_t value);
/* It cannot be complete any more. */
void index_values_give_up(struct index_values *s);
/* The frame of that number has the open ones. */
void index_values_frame(struct index_values *s, uint32_t frame);
/* All values lose their last bits: fewer are left. */
void index_values_shift(struct index_values *s, uint8_t by);
/* Empty, for that list. */
void index_values_reset(struct index_values *s, enum index_list list);
void index_values_done(struct index_values *s);
/* Makes its entries, which are in s->bytes. */
void index_entries(struct index_values *s);

/* ---- reading --------------------------------------------------------------------------------- */

struct index_entries { /* a list */
	struct bytes entries;
	uint8_t shift;
	bool all;
};

struct index_text {
	uint8_t type, n;
	char p[KEY_VALUE];
};

struct index {
	char *blob;
	uint64_t archive_size;
	struct index_frame *frames;
	size_t frames_n;
	struct index_text *texts;
	size_t texts_n;
	struct index_entries lists[LISTS];
	/* While something is looked up: how many entries with it begin, less those that end, at a
	 * frame. One more than there are frames. */
	int32_t *turns;
};

struct index_entry {
	uint64_t first, last;
	struct bytes list; /* number of runs, then they */
};

struct index_run {
	uint64_t begin, end; /* frames: end is behind the last */
};

bool index_take_varint(struct bytes *rest, uint64_t *ret);
/* e is the entry before, and zeroed for the first. False: there is none that makes sense. */
bool index_entry_take(struct bytes *rest, uint64_t frames, struct index_entry *e);
/* The same for the runs of a list, behind their number. */
bool index_run_take(struct bytes *list, struct index_run *run);
