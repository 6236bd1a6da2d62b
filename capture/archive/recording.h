/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A file of ours that holds events, whatever its format, which its contents tell. */
#include <stdint.h>

#include "capture/archive/decoder.h"
#include "capture/archive/stream.h"
#include "capture/source.h"

struct recording {
	struct stream *stream;
	const struct decoder_ops *decoder; /* &decoder_raw: only raw_source_open() reads it */
	void *ctx;
	/* Records that it does not like hold nothing of interest, and are not decoded; NULL = all
	 * do. What others are read by is decoded anyway. */
	bool (*likes)(struct bytes rec, void *arg);
	void *likes_arg;
	uint64_t torn; /* at the end: bytes that form no whole record */
};

/* path "-" is standard input. -EBADMSG with text: it is none of ours. Nothing is open when that
 * fails. */
int recording_open(struct recording *r, const char *path, struct err *err);
/* The same for a stream from its beginning, which it takes, also when that fails. */
int recording_open_stream(struct recording *r, struct stream *stream, struct err *err);
/* Hands the events of at most that many records to fn. enum source_end; -EBADMSG or another
 * negative errno with text; what fn returned when that is negative, without text. */
int recording_read(struct recording *r, unsigned budget, decoder_fn fn, void *arg, struct err *err);
/* Accepts one that was never opened, zeroed. */
void recording_close(struct recording *r);
