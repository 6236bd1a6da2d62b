/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The body of one OTLP request: an ExportLogsServiceRequest around parcels, which stay where they
 * are, or the same compressed into memory of its own. It is made once, and read as often as it must
 * be sent.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <zlib.h>

#include "capture/base/bytes.h"

enum {
	OTLP_BODY_PARTS = 128,           /* parcels */
	OTLP_BODY_EDGE = 256,            /* most of what stands around resource and parcels */
	OTLP_BODY_MOST = 2 * 1024 * 1024 /* more has a body of one parcel only */
};

struct otlp_body {
	uint8_t edge[OTLP_BODY_EDGE];
	struct iovec iov[OTLP_BODY_PARTS + 4]; /* what is sent */
	unsigned iov_n;
	size_t total;    /* of it */
	unsigned at;     /* what is read next: a piece, */
	size_t at_done;  /* and so much of it was */
	uint8_t *packed; /* mapped; NULL = it is never compressed */
	size_t packed_size;
};

/* pack: so that it can be compressed. -ENOMEM. */
int otlp_body_open(struct otlp_body *b, bool pack);
void otlp_body_close(struct otlp_body *b);
/* From these pieces of ScopeLogs, behind that resource; all of it is borrowed. z: compresses, NULL
 * = does not. True: it is compressed. */
bool otlp_body_make(struct otlp_body *b, struct bytes resource, const struct bytes *parts,
		    unsigned parts_n, z_stream *z);
/* Copies up to n bytes of what is next. */
size_t otlp_body_read(struct otlp_body *b, void *to, size_t n);
void otlp_body_rewind(struct otlp_body *b);
