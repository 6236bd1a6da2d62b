/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One direction of HTTP/2 as frames: what their header blocks hold is masked (hpack.h), also where
 * a frame or a block is cut. Where something is missing and it is not known where a frame begins,
 * everything is masked until it is.
 */
#include "encoders/redact/hpack.h"
#include "encoders/view/http2_frame.h"

struct redact_http2 {
	struct redact_hpack hpack;
	uint32_t left;      /* of the frame's payload */
	uint32_t fragment;  /* of that, header block */
	uint8_t before;     /* bytes of the payload before the fragment that are still to come */
	bool padded;        /* the first of them is the length of the padding */
	bool block_open;    /* a CONTINUATION comes next */
	bool block_unknown; /* where in the block this is */
	bool searching;     /* it is not known where a frame begins */
	bool begun;
	uint8_t preface; /* bytes of it that are still to come */
	uint8_t flags;   /* of the frame */
	uint8_t head_n;
	uint8_t head[HTTP2_FRAME_HEAD];
};

/* text[from, to) comes next; call_begins: and a call of the program with it. */
void redact_http2_feed(struct redact_http2 *h, struct redact_copy *c, size_t from, size_t to,
		       bool call_begins);
/* So many bytes are missing before what comes next. */
void redact_http2_gap(struct redact_http2 *h, uint64_t missing);
/* The connection's beginning was not seen. */
void redact_http2_late(struct redact_http2 *h);
