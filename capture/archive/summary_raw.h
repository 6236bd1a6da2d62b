/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Events of a raw recording, to be counted, without the pipeline that would make whole ones of it:
 * of an event that comes in parts only the first one counts, and processes are known by no more
 * than what they call themselves.
 */
#include <stdint.h>

#include "capture/archive/decoder.h"

struct summary_raw {               /* zeroed by the caller */
	uint64_t boot_ns, unix_ns; /* the same moment on both clocks */
};

/* One record. What comes of it is handed to fn. */
void summary_raw_record(struct summary_raw *x, struct bytes record, decoder_fn fn, void *arg);
