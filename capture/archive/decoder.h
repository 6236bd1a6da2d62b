/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What makes events of the bytes of one format. Bytes are foreign: whatever they say, a decoder
 * returns an error and stays within them and within bounded memory.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "capture/base/bytes.h"
#include "capture/base/err.h"
#include "capture/event.h"

/* Takes an event, or with ev->kind == EVENT_KINDS the description of a process (ev->proc).
 * Everything in it is valid for the call. Negative stops. */
typedef int (*decoder_fn)(struct event *ev, void *arg);

struct decoder_ops {
	const char *format; /* as in format=: "pb", "jsonl" */
	size_t ctx_size;
	/* ctx is zeroed. NULL = nothing to do. */
	int (*open)(void *ctx, struct err *err);
	/* The size of the first record in `in`, when it lies there whole. 0: it needs more bytes
	 * than there are (*ret_want: at least that many; 0 = not known). -EBADMSG: no record begins
	 * here. Cheap: decodes nothing. */
	ssize_t (*extent)(void *ctx, struct bytes in, size_t *ret_want);
	/* Gives the events of one record, none where it is mere context. -EBADMSG: damaged, err
	 * says how; else what fn returned. NULL = this format cannot be read back as events (text;
	 * raw has a source of its own). */
	int (*decode)(void *ctx, struct bytes rec, decoder_fn fn, void *arg, struct err *err);
	/* Is it perhaps no event, but the description of a run or a process, which others are read
	 * by? Cheap, and true where that cannot be told. NULL = it never can. */
	bool (*describes)(struct bytes rec);
	/* NULL = nothing to do. */
	void (*close)(void *ctx);
};

enum {
	DECODER_HEAD = 4096 /* bytes that are enough for decoder_by_beginning() */
};

/* By what the first bytes look like (decompressed); NULL = none of ours. Text is never recognised:
 * it is known by its name alone. */
const struct decoder_ops *decoder_by_beginning(struct bytes head);
/* By format name; NULL = none. */
const struct decoder_ops *decoder_by_format(const char *format);

extern const struct decoder_ops decoder_jsonl, decoder_pb, decoder_pcapng, decoder_raw,
	decoder_text;
/* What decoder_by_beginning() asks of each format. */
bool decoder_pb_begins(struct bytes head);
bool decoder_pcapng_begins(struct bytes head);
bool decoder_raw_begins(struct bytes head);
