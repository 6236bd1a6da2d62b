/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What recovery has to know of the records before a torn tail: when the last event was, whether the
 * end was told already, and how a LOSS event looks in that format.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/archive/decoder.h"
#include "capture/base/bytes.h"
#include "capture/base/chunk.h"
#include "capture/base/err.h"
#include "capture/encoder.h"

enum {
	RECOVER_TAIL_KEPT = 2 /* a process may be described between the last event and the tear */
};

struct recover_tail {
	const struct decoder_ops *ops;
	void *ctx; /* of ops; the caller's */
	struct recover_tail_record {
		char *p;
		size_t n, cap;
	} kept[RECOVER_TAIL_KEPT]; /* copies of the last records, the latest first */
	unsigned records;          /* seen, as far as the description of the run was looked for */
	bool described;            /* the run is known to the encoder */
	const struct encoder_ops *encoder; /* NULL: a raw recording */
	void *encoder_ctx, *encoder_cfg;
	struct chunk *chunk;
	/* Of the last event. */
	uint64_t unix_ns, boot_ns, seq;
	bool told;  /* it is the report of a torn tail */
	bool ended; /* the run, or the file, ended in good order */
};

/* t is zeroed by the caller, and always given to recover_tail_close(). unix_ns: when the file was
 * last written, for formats that do not tell. */
int recover_tail_open(struct recover_tail *t, const struct decoder_ops *ops, void *ctx,
		      uint64_t unix_ns, struct err *err);
/* A whole record. -ENOMEM */
int recover_tail_record(struct recover_tail *t, struct bytes record, struct err *err);
/* Forgets the records since recover_tail_end(): those that count follow once more. */
void recover_tail_rewind(struct recover_tail *t);
/* Forgets the last record if it cannot be decoded: was it so? */
bool recover_tail_drop(struct recover_tail *t);
/* What was given is so: sets told, ended and what is known of the last event. */
void recover_tail_end(struct recover_tail *t);
/* The LOSS event, as the format has it; valid until the next call. */
int recover_tail_report(struct recover_tail *t, uint64_t torn, struct bytes *ret, struct err *err);
void recover_tail_close(struct recover_tail *t);
