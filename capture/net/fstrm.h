/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Frame Streams (https://farsightsec.github.io/fstrm/, fstrm/control.h): each data frame is a u32
 * big-endian length and that many bytes; length 0 escapes a control frame, whose own length and
 * contents follow. A connection begins with READY (sender), ACCEPT (receiver) and START (sender),
 * and ends with STOP and FINISH. Pure: bytes in, bytes out. Bytes are foreign.
 */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

#define FSTRM_EVENT "protobuf:penstock.v1.Event"
#define FSTRM_BATCH "protobuf:penstock.v1.Batch"

enum {
	/* A jumbo chunk, and what a Batch says of it. */
	FSTRM_FRAME_MAX = 20 * 1024 * 1024 + 64 * 1024,
	FSTRM_CONTROL_MAX = 512,
	FSTRM_TYPES = 4, /* content types of one control frame */
};

enum fstrm_type {
	FSTRM_DATA = 0,
	FSTRM_ACCEPT = 1,
	FSTRM_START = 2,
	FSTRM_STOP = 3,
	FSTRM_READY = 4,
	FSTRM_FINISH = 5
};

struct fstrm_frame {
	enum fstrm_type type;
	struct bytes data;               /* of a data frame; lies in what was read */
	struct bytes types[FSTRM_TYPES]; /* of a control frame */
	unsigned types_n;                /* more than FSTRM_TYPES are passed over */
};

/* The first frame of `in`. *ret_n: its size with everything. 0; -EAGAIN: not yet whole (*ret_n: how
 * many bytes are needed at least); -EBADMSG: none of this format; -EMSGSIZE: too large; -EPROTO: a
 * control frame of a type that there is not. */
int fstrm_parse(struct bytes in, struct fstrm_frame *ret, size_t *ret_n);
/* A control frame with these content types (n 0 = none) into ret; how many bytes. */
size_t fstrm_control(enum fstrm_type type, const char *const *types, unsigned n,
		     uint8_t ret[FSTRM_CONTROL_MAX]);
