/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Messages of event.proto with their length in front: in .pb files, and in the custom blocks of
 * pcapng. */
#include "capture/archive/decoder.h"
#include "proto/pb_read.h"

/* As decoder_ops.extent. */
ssize_t message_extent(struct bytes in, size_t *ret_want);
/* As decoder_ops.decode. */
int message_decode(struct pb_read *read, struct bytes rec, decoder_fn fn, void *arg,
		   struct err *err);
